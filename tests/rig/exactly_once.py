"""Two clients that do QoS 2 by the letter, and the check that every message came exactly once.

Their state outlives their connections, as that of a client with a disk of its own does: what the
publisher has not seen complete it sends again, what the subscriber has taken it takes once.
"""

from __future__ import annotations

import select
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.rig.session_client import (
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    Packet,
    SessionClient,
    answer,
)

# Few, so that they are used again and again; more than any window.
IDENTIFIERS = 60
# How long a busy machine may keep a message, and how long to wait where some are lost for certain.
PATIENCE_S, QUIET_S = 10.0, 0.5


@dataclass(slots=True)
class PublisherState:
    """What the publisher keeps.

    Attributes:
        next_number: The number that the next new message will carry.
        outgoing: Packet identifier to the message's number, in the order of the first PUBLISH.
        released: Identifiers whose PUBREC has come, in that order.
        identifier: The one used last.
        sessions_lost: How often the broker knew nothing of a session that it had confirmed.
    """

    next_number: int = 0
    outgoing: dict[int, int] = field(default_factory=dict)
    released: dict[int, None] = field(default_factory=dict)
    identifier: int = 0
    known: bool = False
    sessions_lost: int = 0

    def copy(self) -> PublisherState:
        return PublisherState(
            self.next_number,
            dict(self.outgoing),
            dict(self.released),
            self.identifier,
            self.known,
            self.sessions_lost,
        )


class Publisher:
    """Publishes numbers at QoS 2.

    Args:
        name: Client identifier, and the topic.
        level: 4 or 5.
        state: What it kept from before.
    """

    def __init__(self, name: str, level: int, state: PublisherState | None = None) -> None:
        self.name = name
        self.level = level
        self.state = state or PublisherState()
        self.client: SessionClient | None = None

    @property
    def idle(self) -> bool:
        return not self.state.outgoing

    def connect(self, port: int) -> None:
        """Connect (taking over from an earlier connection) and send again what is incomplete."""
        old, state = self.client, self.state
        self.client = client = SessionClient(port, f"{self.name}-pub", level=self.level)
        if old is not None:
            old.cut()
        if state.known and not client.session_present:
            state.sessions_lost += 1
            state.outgoing.clear()
            state.released.clear()
        state.known = True
        again = [answer(PUBREL, identifier) for identifier in state.released]
        again += [
            self._packet(identifier, number, dup=True)
            for identifier, number in state.outgoing.items()
            if identifier not in state.released
        ]
        client.sock.sendall(b"".join(again))

    def publish(self, window: int) -> None:
        """Send new messages until `window` are under way."""
        assert self.client is not None
        state, packets = self.state, []
        while len(state.outgoing) < window:
            while True:
                state.identifier = state.identifier % IDENTIFIERS + 1
                if state.identifier not in state.outgoing:
                    break
            state.outgoing[state.identifier] = state.next_number
            packets.append(self._packet(state.identifier, state.next_number))
            state.next_number += 1
        self.client.sock.sendall(b"".join(packets))

    def half_a_packet(self) -> None:
        """Send the first bytes of a message that will never be whole."""
        assert self.client is not None
        self.client.sock.sendall(self._packet(IDENTIFIERS + 1, -1)[:7])

    def handle(self, packets: list[Packet]) -> None:
        """Take acknowledgements in and answer them.

        Raises:
            AssertionError: One was not due, or refuses a message.
        """
        assert self.client is not None
        state, answers = self.state, []
        for one in packets:
            identifier = one.packet_identifier
            assert identifier in state.outgoing, f"{one} was not due"
            if one.kind == PUBREC:
                assert one.reason_code < 0x80, f"a message is refused: {one}"
                state.released[identifier] = None
                answers.append(answer(PUBREL, identifier))
            else:
                assert one.kind == PUBCOMP and identifier in state.released, f"{one} was not due"
                del state.outgoing[identifier], state.released[identifier]
        self.client.sock.sendall(b"".join(answers))

    def _packet(self, identifier: int, number: int, *, dup: bool = False) -> bytes:
        assert self.client is not None
        return self.client.publish_packet(self.name, b"%d" % number, 2, identifier, dup=dup)


@dataclass(slots=True)
class SubscriberState:
    """What the subscriber keeps.

    Attributes:
        arrived: The numbers it took for new, in order.
        unreleased: Identifiers taken whose PUBREL has not come.
        wrong: What the broker may not do, in words.
    """

    arrived: list[int] = field(default_factory=list)
    unreleased: set[int] = field(default_factory=set)
    known: bool = False
    sessions_lost: int = 0
    wrong: list[str] = field(default_factory=list)

    def copy(self) -> SubscriberState:
        return SubscriberState(
            list(self.arrived),
            set(self.unreleased),
            self.known,
            self.sessions_lost,
            list(self.wrong),
        )


class Subscriber:
    """Takes messages at QoS 2.

    Args:
        name: Client identifier, and the topic.
        level: 4 or 5.
        state: What it kept from before.
        forgets: Break the handshake: keep no identifiers from one connection to the next.
    """

    def __init__(
        self, name: str, level: int, state: SubscriberState | None = None, *, forgets: bool = False
    ) -> None:
        self.name = name
        self.level = level
        self.state = state or SubscriberState()
        self.client: SessionClient | None = None
        self._forgets = forgets

    def connect(self, port: int) -> None:
        """Connect (taking over from an earlier connection); subscribe where there is no session."""
        old, state = self.client, self.state
        self.client = SessionClient(port, f"{self.name}-sub", level=self.level)
        if old is not None:
            old.cut()
        if not self.client.session_present:
            state.sessions_lost += state.known
            state.unreleased.clear()
            self.client.subscribe(self.name, 2)
        if self._forgets:
            state.unreleased.clear()
        state.known = True

    def handle(self, packets: list[Packet], *, answering: bool = True) -> None:
        """Take messages in and answer them, or be cut off before the answers leave."""
        assert self.client is not None
        state, answers = self.state, []
        for one in packets:
            if one.kind == PUBREL:
                identifier = one.packet_identifier
                state.unreleased.discard(identifier)
                answers.append(answer(PUBCOMP, identifier))
                continue
            assert one.kind == PUBLISH, f"{one} was not due"
            arrival = self.client.arrival(one)
            identifier = arrival.packet_identifier
            if identifier not in state.unreleased:
                state.unreleased.add(identifier)
                state.arrived.append(int(arrival.payload))
            elif not arrival.dup:
                state.wrong.append(f"identifier {identifier} used again before its PUBCOMP")
            if arrival.qos != 2:
                state.wrong.append(f"a message came at QoS {arrival.qos}")
            answers.append(answer(PUBREC, identifier))
        if answering:
            self.client.sock.sendall(b"".join(answers))


class Exchange:
    """A publisher and a subscriber of one topic, driven together by one thread."""

    def __init__(self, publisher: Publisher, subscriber: Subscriber) -> None:
        self.publisher = publisher
        self.subscriber = subscriber

    def connect(self, port: int) -> None:
        self.subscriber.connect(port)
        self.publisher.connect(port)

    def cut(self) -> None:
        """End both connections."""
        for side in (self.publisher, self.subscriber):
            if side.client is not None:
                side.client.cut()
                side.client = None

    def ready(self, timeout_s: float) -> list[Publisher | Subscriber]:
        """Wait until something has come for a side; return those for which it has."""
        sides = {side.client: side for side in (self.publisher, self.subscriber) if side.client}
        found = [client for client in sides if client.pending]
        if not found:
            found, _, _ = select.select(list(sides), [], [], max(0.0, timeout_s))
        return [sides[client] for client in found]

    def step(self, timeout_s: float) -> bool:
        """Handle what has come; return whether something had.

        Raises:
            OSError: The broker closed a connection.
        """
        found = self.ready(timeout_s)
        for side in found:
            assert side.client is not None
            side.handle(side.client.read())
        return bool(found)

    def run(self, seconds: float, window: int) -> None:
        """Keep `window` messages under way for a while."""
        stop_at = time.monotonic() + seconds
        while (left := stop_at - time.monotonic()) > 0:
            self.publisher.publish(window)
            self.step(left)

    def finish(self) -> list[str]:
        """Let everything arrive; return what is wrong with it, nothing where all is right."""
        lost = self.publisher.state.sessions_lost + self.subscriber.state.sessions_lost
        while not self._complete and self.step(QUIET_S if lost else PATIENCE_S):
            pass
        if self._complete:
            # What comes late: a message once more, or a PUBREL again, which is no fault.
            assert self.subscriber.client is not None
            self.subscriber.handle(self.subscriber.client.before_pingresp())
        faults = faults_of(self.subscriber.state.arrived, self.publisher.state.next_number)
        faults += self.subscriber.state.wrong
        if not self.publisher.idle:
            faults.append(f"{len(self.publisher.state.outgoing)} messages were never completed")
        return faults + ([f"{lost} sessions lost"] if lost else [])

    @property
    def _complete(self) -> bool:
        state = self.subscriber.state
        return (
            self.publisher.idle
            and not state.unreleased
            and len(state.arrived) >= self.publisher.state.next_number
        )


def faults_of(arrived: list[int], count: int) -> list[str]:
    """Say what is wrong with `arrived`, which must be 0 to `count` - 1 in order."""
    times = Counter(arrived)
    missing = [number for number in range(count) if number not in times]
    twice = [number for number, often in times.items() if often > 1]
    strange = [number for number in times if not 0 <= number < count]
    faults = [
        f"{len(numbers)} {what}, first {numbers[0]}"
        for what, numbers in (("missing", missing), ("twice", twice), ("never sent", strange))
        if numbers
    ]
    firsts = list(dict.fromkeys(arrived))
    if firsts != sorted(firsts):
        faults.append("out of order")
    return faults
