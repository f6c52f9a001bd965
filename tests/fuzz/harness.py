"""What fuzzing holds the broker and the codec to, whoever makes the bytes up.

`Play` hands scripts to a broker on a real store, as several connections beside a bystander that
does everything right. Only MqttError may come out of `receive`; whatever the broker writes must be
what its protocol version allows; limits hold at every step; the bystander's messages all arrive, in
order; and when the connections are gone nothing of them stays but what is meant to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.broker import MqttSettings
from gateway.broker.router import MAX_ROUTES
from gateway.broker.session import Session
from gateway.message import Message, Publisher
from gateway.mqtt.decoding import (
    decode_acknowledgement,
    decode_connack,
    decode_disconnect,
    decode_publish,
    decode_suback,
    decode_unsuback,
)
from gateway.mqtt.packet_types import check_fixed_header
from gateway.mqtt.packets import (
    CONNACK,
    DISCONNECT,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    UNSUBACK,
)
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import Bench, WireClient, body, split

KIB = 1024

# Limits so low that small scripts meet them.
SETTINGS = MqttSettings(
    max_packet_bytes=4 * KIB,
    max_held_bytes=16 * KIB,
    max_connections=10,
    max_sessions=8,
    max_subscriptions=10,
    max_topic_levels=8,
    max_inflight=3,
    receive_maximum=3,
    topic_alias_maximum=2,
    max_stored_messages=10,
    max_stored_bytes=4 * KIB,
    max_stored_total_bytes=8 * KIB,
    max_retained_messages=5,
    max_retained_bytes=8 * KIB,
    max_queued_bytes=2 * KIB,
    max_queued_total_bytes=4 * KIB,
)
STORE = StoreSettings(
    max_bytes=32 * KIB * KIB,
    admission_bytes=64 * KIB,
    checkpoint_bytes=256 * KIB,
    reserve_bytes=512 * KIB,
)

CLIENTS = 4
AWS_CLIENT = 3  # the one on a listener with the profile aws-iot
BYSTANDER = "the bystander \u2302"
TOPIC = "a topic of the bystander \u2302"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to one connection.

    Attributes:
        client: Which connection, from 0 to CLIENTS - 1. One that is gone is opened again.
        action: "send", "lose" (the network is gone), "settle" (commits are waited for) or "wait".
        data: Bytes to send; for "wait", as many seconds as there are bytes.
    """

    client: int
    action: str
    data: bytes = b""


class Play:
    """Plays scripts on one broker.

    Args:
        bench: With SETTINGS and STORE, or others that are no smaller.
    """

    def __init__(self, bench: Bench, bystander_level: int = 5) -> None:
        self.bench = bench
        self.steps = 0
        self._level = bystander_level
        self._clients: dict[int, WireClient] = {}
        self._told: dict[int, list[int]] = {}
        self._said: list[bytes] = []
        self._heard: list[bytes] = []
        self._unanswered = 0
        self._bystander: WireClient

    async def begin(self) -> None:
        """Connect the bystander."""
        self._bystander = await self.bench.client(BYSTANDER, level=self._level, keep_alive_s=0)
        await self._bystander.subscribe((TOPIC, 1))

    async def play(self, script: Iterable[Step]) -> None:
        """Play a script and check all that is to be checked at every step.

        Raises:
            AssertionError: Something does not hold; whatever else escapes is a fault too.
        """
        for number, step in enumerate(script):
            await self._do(step)
            self._check_limits()
            await self._say(b"%d" % number)
        for client in self._clients.values():
            client.lost()
        await self.bench.settle()
        self._listen()
        assert self._heard == self._said, "the bystander misses messages of its own"
        self._said.clear()
        self._heard.clear()
        self._clients.clear()
        broker = self.bench.broker
        assert broker.held_bytes == 0, f"{broker.held_bytes} bytes are held for nobody"
        assert broker.connection_count == 1 and broker.has_room

    async def restart(self) -> None:
        """Start the broker again; what was kept has to be there as it was."""
        before = self._kept()
        await self.bench.restart()
        after = self._kept()
        assert after == before, f"after a restart {before} is {after}"
        await self.begin()

    async def clear(self) -> None:
        """End what is meant to stay; then nothing may stay."""
        broker = self.bench.broker
        for session in [*broker.sessions.values()]:
            if session.client_id != BYSTANDER:
                broker.sessions.end(session)
        for topic_bytes in [*broker.router.retained._messages]:
            nothing = Message(topic_bytes.decode(), b"", 0, True, Publisher("clear"))
            broker.router.publish(nothing)
        await self.bench.tick()
        left = {
            name: self.bench.count("mqtt." + name)
            for name in ("retained_bytes", "queued_bytes", "stored_bytes", "stored_messages")
        }
        assert not any(left.values()), left
        assert list(broker.sessions) == [BYSTANDER] and broker.router.subscription_count == 1
        self._listen()

    # --- inside ----------------------------------------------------------------------------------

    async def _do(self, step: Step) -> None:
        self.steps += 1
        number = step.client % CLIENTS
        if step.action == "settle":
            await self.bench.settle()
        elif step.action == "wait":
            self.bench.time.advance(len(step.data))
            await self.bench.tick()
        else:
            client = self._clients.get(number)
            if client is None or client.closed:
                if client is not None:
                    client.lost()
                client = self.bench.raw("aws-iot" if number == AWS_CLIENT else "standard")
                self._clients[number] = client
                self._told[number] = []
            if step.action == "send":
                client.hand_over(step.data)  # lets nothing but MqttError pass
                if self.bench.store.congested:
                    await self.bench.settle()
            else:
                client.lost()
        for number, client in self._clients.items():
            self._check_told(number, client)

    def _check_told(self, number: int, client: WireClient) -> None:
        """Everything that is written to a client is what its protocol version allows."""
        told = self._told[number]
        for packet in split(client.written()):
            kind = packet[0] >> 4
            assert (kind == CONNACK) == (not told), "a CONNACK comes first, and once"
            assert DISCONNECT not in told, "something comes after a DISCONNECT"
            told.append(kind)
            check_from_server(packet, client.connection.level)

    def _check_limits(self) -> None:
        broker = self.bench.broker
        settings = self.bench.settings
        assert broker.held_bytes <= CLIENTS * settings.max_packet_bytes
        assert len(broker.sessions) <= settings.max_sessions
        assert len(broker.router.routes) <= MAX_ROUTES
        assert broker.context.queued_bytes <= settings.max_queued_total_bytes
        assert broker.context.stored_bytes <= settings.max_stored_total_bytes
        assert len(broker.router.retained) <= settings.max_retained_messages
        assert broker.router.retained.size_bytes <= settings.max_retained_bytes
        count = 0
        for session in broker.sessions.values():
            count += len(session.subscriptions)
            assert len(session.subscriptions) <= settings.max_subscriptions
            assert len(session.outgoing.in_flight) <= settings.max_inflight, "too many in flight"
        assert count == broker.router.subscription_count

    async def _say(self, payload: bytes) -> None:
        """Have the bystander publish to itself, and take what has come."""
        if self._unanswered == self.bench.settings.receive_maximum:
            await self.bench.settle()
            self._listen()
            assert self._unanswered == 0, "the bystander is not answered"
        packet = b"\x00" * (self._level == 5) + payload
        topic = TOPIC.encode()
        head = len(topic).to_bytes(2, "big") + topic + b"\0\1"
        self._bystander.hand_over(b"\x32" + bytes((len(head) + len(packet),)) + head + packet)
        self._said.append(payload)
        self._unanswered += 1
        self._listen()

    def _listen(self) -> None:
        assert not self._bystander.closed, "the bystander was closed"
        for packet in split(self._bystander.written()):
            if packet[0] >> 4 == PUBLISH:
                message = decode_publish(packet[0], body(packet), self._level)
                self._heard.append(message.payload)
                identifier = message.packet_identifier.to_bytes(2, "big")
                self._bystander.hand_over(b"\x40\2" + identifier)
            else:
                assert packet == b"\x40\2\0\1", packet.hex()
                self._unanswered -= 1

    def _kept(self) -> dict[str, object]:
        broker = self.bench.broker
        kept: dict[str, object] = {
            session.client_id: _state(session)
            for session in broker.sessions.values()
            if session.persistent
        }
        kept["stored"] = broker.context.stored_messages, broker.context.stored_bytes
        messages = broker.router.retained._messages
        kept["retained"] = {topic: entry[0].payload for topic, entry in messages.items()}
        return kept


def _state(session: Session) -> tuple[object, ...]:
    return (
        session.level,
        session.profile,
        session.expiry_s,
        session.away_since_ms,
        dict(sorted(session.subscriptions.items())),
        session.received,
        session.outgoing.queued + len(session.outgoing.in_flight),
    )


def check_from_server(packet: bytes, level: int) -> None:
    """Decode what the broker wrote, as a strict client does.

    Raises:
        MqttError, AssertionError: It is not allowed.
    """
    level = 5 if level == 5 else 4
    kind, content = packet[0] >> 4, body(packet)
    check_fixed_header(packet[0], level)
    if kind == CONNACK:
        decode_connack(content, level)
    elif kind == PUBLISH:
        decode_publish(packet[0], content, level)
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        decode_acknowledgement(kind, content, level)
    elif kind == SUBACK:
        decode_suback(content, level)
    elif kind == UNSUBACK:
        decode_unsuback(content, level)
    elif kind == DISCONNECT:
        assert level == 5, "a DISCONNECT from the server to an MQTT 3.1.1 client"
        decode_disconnect(content, level)
    else:
        assert (kind, content) == (PINGRESP, b""), packet.hex()
