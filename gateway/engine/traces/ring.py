"""What rules did lately: a bounded ring of the messages that concerned any.

Owns the ring, its bounds, and the identifiers of its messages. What a message costs here is a few
references: what each clause gave is worked out when somebody asks. Knows nothing of rules in force.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, final

import rules
from gateway.engine.subjects import make_subject
from gateway.message import Message, Publisher

__all__ = ["Outcome", "Traced", "Traces"]

# What an entry weighs beside its topic, payload and properties.
_ENTRY_BYTES: Final = 400


@final
class Outcome:
    """What one rule did with one message: one whose WHERE was true, or that failed.

    Attributes:
        rule: The rule's name.
        error: Why the statement came to no result; empty if it did.
        failures: By the number of the action, from 0, why it failed; None while none did.
        waiting: The numbers of the actions that wait in the outbox or run; None if none ever did.
            A rule that reaches out waits as a whole: -1.
    """

    __slots__ = ("error", "failures", "rule", "waiting")

    def __init__(
        self,
        rule: str,
        error: str = "",
        failures: dict[int, str] | None = None,
        waiting: set[int] | None = None,
    ) -> None:
        self.rule = rule
        self.error = error
        self.failures = failures
        self.waiting = waiting

    def end(self, number: int, failure: str) -> None:
        """Note that an action of the outbox is at an end, and why it failed, if it did."""
        if self.waiting is not None:
            self.waiting.discard(number)
        if failure:
            self.failures = {**(self.failures or {}), number: failure}


@final
class Traced:
    """One message that concerned a rule.

    Attributes:
        sequence: Its place among all of them since the gateway started.
        topic: The topic it was published to.
        payload: Its payload.
        publisher: Who published it.
        properties: Its MQTT 5 properties, as on the wire.
        depth: How many republish actions led to it.
        at_s: When it came, in monotonic time.
        outcomes: What rules did with it, in the order in which they did.
        subject: What rules see of it while they are at it; None before and after.
        trace_id: Its identifier once somebody asked for it, or None.
    """

    __slots__ = (
        "at_s",
        "depth",
        "outcomes",
        "payload",
        "properties",
        "publisher",
        "sequence",
        "subject",
        "topic",
        "trace_id",
    )

    def __init__(
        self,
        sequence: int,
        topic: str,
        payload: bytes,
        publisher: Publisher,
        properties: bytes,
        depth: int,
        at_s: float,
    ) -> None:
        self.sequence = sequence
        self.topic = topic
        self.payload = payload
        self.publisher = publisher
        self.properties = properties
        self.depth = depth
        self.at_s = at_s
        self.outcomes: list[Outcome] = []
        self.subject: rules.Message | None = None
        self.trace_id: str | None = None

    def see(self) -> rules.Message:
        """Return what rules see of it, made once however many rules match."""
        subject = self.subject
        if subject is None:
            subject = self.subject = make_subject(
                self.topic, self.payload, self.publisher, self.properties, self.trace_id
            )
        return subject

    def release(self) -> None:
        """Let go of what the payload was read into; it can be made again."""
        subject = self.subject
        if subject is not None:
            self.trace_id = subject.trace_id
            self.subject = None

    @property
    def size_bytes(self) -> int:
        """What it weighs in the ring."""
        return len(self.payload) + len(self.topic) + len(self.properties) + _ENTRY_BYTES


@final
class Traces:
    """The latest messages that concerned rules.

    Args:
        max_messages: How many are kept.
        max_bytes: What they may weigh together.
        monotonic_s: The clock.
        now_ms: Wall time, in milliseconds since 1970.
        new_uuid: Makes identifiers.
    """

    def __init__(
        self,
        max_messages: int,
        max_bytes: int,
        *,
        monotonic_s: Callable[[], float],
        now_ms: Callable[[], int],
        new_uuid: Callable[[], str],
    ) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._monotonic_s = monotonic_s
        self._now_ms = now_ms
        self._new_uuid = new_uuid
        self._ring: deque[Traced] = deque()
        self._bytes = 0
        self._last: Traced | None = None
        self._sequence = 0
        self._by_id: dict[str, Traced] = {}

    def begin(self, message: Message) -> Traced:
        """Enter a message that a rule is about to look at; the first one that does calls this."""
        last = self._last
        if last is not None and last.subject is not None:
            last.release()
        self._sequence += 1
        traced = self._last = message.traced = Traced(
            self._sequence,
            message.topic,
            message.payload,
            message.publisher,
            message.properties,
            message.depth,
            self._monotonic_s(),
        )
        ring = self._ring
        ring.append(traced)
        self._bytes += len(traced.payload) + len(traced.topic) + len(traced.properties)
        self._bytes += _ENTRY_BYTES
        while len(ring) > self._max_messages or self._bytes > self._max_bytes:
            oldest = ring.popleft()
            self._bytes -= oldest.size_bytes
            if self._by_id and oldest.trace_id is not None:
                self._by_id.pop(oldest.trace_id, None)
        return traced

    def id_of(self, traced: Traced) -> str:
        """Return the identifier of a message: what `traceid()` gives, and error actions name."""
        subject = traced.subject
        found = traced.trace_id if subject is None else subject.trace_id
        if found is None:
            found = self._new_uuid()
            if subject is not None:
                subject.trace_id = found
        if traced.trace_id is None and self._ring and traced.sequence >= self._ring[0].sequence:
            self._by_id[found] = traced
        traced.trace_id = found
        return found

    def find(self, trace_id: str) -> Traced | None:
        """Return the message with this identifier, while the ring still holds it."""
        found = self._by_id.get(trace_id)
        if found is None:
            for traced in self._ring:
                subject = traced.subject
                if trace_id in (traced.trace_id, subject.trace_id if subject else None):
                    return traced
        return found

    def outcome(self, trace_id: str, rule: str) -> Outcome | None:
        """Return what a rule did with a message, where the outbox has or had a part in it."""
        traced = self.find(trace_id)
        if traced is not None:
            for outcome in reversed(traced.outcomes):
                if outcome.rule == rule and outcome.waiting is not None:
                    return outcome
        return None

    def recent(self) -> list[Traced]:
        """Return all that the ring holds, oldest first."""
        return list(self._ring)

    def after(self, sequence: int) -> list[Traced]:
        """Return what came after the message of this sequence, oldest first."""
        found = []
        for traced in reversed(self._ring):
            if traced.sequence <= sequence:
                break
            found.append(traced)
        return found[::-1]

    @property
    def last_sequence(self) -> int:
        """The sequence of the latest message; 0 before the first."""
        return self._sequence

    def wall_ms(self, traced: Traced) -> int:
        """Return when a message came, in milliseconds since 1970, by the clock as it is now."""
        return self._now_ms() - round((self._monotonic_s() - traced.at_s) * 1000)
