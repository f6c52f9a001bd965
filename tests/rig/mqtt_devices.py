"""Devices that follow the MQTT standard over lost connections, and remember what they were told.

A sender sends again what was not acknowledged; a reader acknowledges when the test says so, in any
order, and knows a QoS 2 message that comes twice. What the broker wrote and a device had not read
is lost with its connection.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from gateway.mqtt.decoding import decode_acknowledgement, decode_connack, decode_publish
from gateway.mqtt.encoding import encode_acknowledgement, encode_connect, encode_publish
from gateway.mqtt.packets import (
    CONNACK,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    Acknowledgement,
    Connect,
    Publish,
)
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, WireClient, body, split

KEPT = Properties(session_expiry_interval_s=86_400)
FAILURE = 0x80


class Device:
    """A client with a persistent session.

    Attributes:
        client: Its connection; None while it is away.
        level: The protocol level of this connection.
        greeted: The CONNACK has come.
    """

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.rng = rng
        self.client: WireClient | None = None
        self.level = 5
        self.greeted = False

    def connect(self, bench: Bench, *, clean: bool = False, receive_maximum: int = 7) -> None:
        """Send a CONNECT."""
        self.lose()
        self.level = self.rng.choice((4, 5))
        self.greeted = False
        self.client = bench.raw()
        self.client.level = self.level
        properties = KEPT if self.level == 5 else Properties()
        if self.level == 5:
            properties = replace(properties, receive_maximum=receive_maximum)
        self.client.hand_over(
            encode_connect(
                Connect("MQTT", self.level, clean, client_id=self.name, properties=properties)
            )
        )

    def lose(self) -> None:
        """Lose the connection, with all that was not read."""
        if self.client is not None:
            self.client.lost()
        self.part()

    def part(self) -> None:
        """The broker it was connected to is no more."""
        self.client = None

    def send(self, packet: bytes) -> None:
        if self.client is not None:
            self.client.hand_over(packet)

    def answer(self, kind: int, identifier: int) -> None:
        self.send(encode_acknowledgement(kind, Acknowledgement(identifier), self.level))

    def read(self) -> int:
        """Take what the broker has written; return how many packets."""
        client = self.client
        if client is None:
            return 0
        client._take()
        packets, client._gathered = split(client._gathered), b""
        for packet in packets:
            kind = packet[0] >> 4
            if kind == CONNACK:
                connack = decode_connack(body(packet), self.level)
                assert connack.reason_code == 0
                self.greeted = True
                self.welcome(present=connack.session_present)
            elif kind == PUBLISH:
                self.published(decode_publish(packet[0], body(packet), self.level))
            elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
                self.answered(kind, decode_acknowledgement(kind, body(packet), self.level))
        if client.closed:
            assert client.error is None, client.error
            self.lose()
        return len(packets)

    def welcome(self, *, present: bool) -> None:
        """The CONNACK has come."""

    def published(self, packet: Publish) -> None:
        raise AssertionError(packet)

    def answered(self, kind: int, packet: Acknowledgement) -> None:
        raise AssertionError(packet)


@dataclass
class Sent:
    """A message on its way from a sender.

    Attributes:
        first_handed: The step at which it was handed over for the first time.
        accepted: The broker has acknowledged it.
        received: PUBREC has come; PUBREL is what is sent again.
    """

    number: int
    topic: str
    qos: int
    retain: bool
    first_handed: int
    accepted: bool = False
    received: bool = False
    payload: bytes = field(default=b"")


class Sender(Device):
    """Publishes messages with numbers.

    Attributes:
        sent: All of them, by payload.
        open: By packet identifier, what is not done yet, in the order of the first sending.
    """

    MAX_OPEN = 20

    def __init__(self, name: str, rng: random.Random) -> None:
        super().__init__(name, rng)
        self.sent: dict[bytes, Sent] = {}
        self.open: dict[int, Sent] = {}
        self._identifier = 0

    def publish(self, step: int, topic: str, qos: int, *, retain: bool) -> None:
        """Publish the next message, unless too much is open already."""
        if not self.greeted or self.client is None or len(self.open) >= self.MAX_OPEN:
            return
        number = len(self.sent)
        message = Sent(number, topic, qos, retain, step)
        message.payload = f"{self.name} {number}".encode()
        self.sent[message.payload] = message
        if not qos:
            self._hand_over(0, message)
            return
        self._identifier = self._identifier % 65_535 + 1
        self.open[self._identifier] = message
        self._hand_over(self._identifier, message)

    def _hand_over(self, identifier: int, message: Sent, *, dup: bool = False) -> None:
        packet = Publish(
            message.topic, message.payload, message.qos, message.retain, dup, identifier
        )
        self.send(encode_publish(packet, self.level))

    def welcome(self, *, present: bool) -> None:
        for identifier, message in list(self.open.items()):
            if message.received and present:
                self.answer(PUBREL, identifier)
            elif message.received:
                del self.open[identifier]
            else:
                self._hand_over(identifier, message, dup=present)

    def answered(self, kind: int, packet: Acknowledgement) -> None:
        identifier = packet.packet_identifier
        message = self.open.get(identifier)
        assert message is not None, (kind, packet)
        if packet.reason_code >= FAILURE and kind != PUBCOMP:
            assert not message.received
            del self.open[identifier]  # refused: whether anybody got it is not known
            return
        message.accepted = True
        if kind == PUBREC:
            message.received = True
            self.answer(PUBREL, identifier)
        else:
            assert kind == (PUBACK if message.qos == 1 else PUBCOMP)
            del self.open[identifier]


@dataclass(frozen=True)
class Received:
    """A message that a reader took; one at QoS 2 that came twice is taken once."""

    payload: bytes
    topic: str
    qos: int
    retain: bool
    dup: bool


class Reader(Device):
    """Subscribes and acknowledges.

    Attributes:
        since: The step at which its session began, subscriptions granted.
        filters: What it has subscribed to, with the QoS granted.
        received: What it has taken in this session.
        owed: Acknowledgements it has not sent yet.
    """

    def __init__(self, name: str, rng: random.Random) -> None:
        super().__init__(name, rng)
        self.since = 0
        self.filters: dict[str, int] = {}
        self.received: list[Received] = []
        self.owed: list[tuple[int, int]] = []
        self._unreleased: set[int] = set()

    def part(self) -> None:
        super().part()
        self.owed.clear()  # what is not acknowledged comes again

    def forget(self) -> None:
        """A new session begins."""
        self.received.clear()
        self._unreleased.clear()
        self.filters.clear()

    def welcome(self, *, present: bool) -> None:
        assert present or not self.filters, f"the session of {self.name} is lost"

    def published(self, packet: Publish) -> None:
        identifier = packet.packet_identifier
        if packet.qos == 2:
            known = identifier in self._unreleased
            self._unreleased.add(identifier)
            self.owed.append((PUBREC, identifier))
            if known:
                assert packet.dup
                return
        elif packet.qos == 1:
            self.owed.append((PUBACK, identifier))
        assert packet.qos or not packet.dup
        self.received.append(
            Received(packet.payload, packet.topic, packet.qos, packet.retain, packet.dup)
        )

    def answered(self, kind: int, packet: Acknowledgement) -> None:
        assert kind == PUBREL, packet
        self._unreleased.discard(packet.packet_identifier)
        self.owed.append((PUBCOMP, packet.packet_identifier))

    def acknowledge(self, count: int) -> None:
        """Send so many of the acknowledgements that are owed, in any order."""
        for _ in range(min(count, len(self.owed))):
            self.answer(*self.owed.pop(self.rng.randrange(len(self.owed))))
