"""MQTT packets as values, and where a packet begins and ends in a stream.

Both protocol levels share the values: 4 is MQTT 3.1.1, 5 is MQTT 5.0. What 3.1.1 does not have
(properties, reason codes, subscription options) has its default there. `decoding` makes values of
bytes, `encoding` bytes of values.

Source: OASIS MQTT 3.1.1 and 5.0, chapters 2 and 3; section numbers are those of 5.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.mqtt.errors import MalformedPacket
from gateway.mqtt.packet_types import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    WILL,
)
from gateway.mqtt.properties import EMPTY, Properties
from gateway.mqtt.wire import MAX_REMAINING_LENGTH

__all__ = [
    "AUTH",
    "CONNACK",
    "CONNECT",
    "DISCONNECT",
    "MAX_REMAINING_LENGTH",
    "PINGREQ",
    "PINGREQ_PACKET",
    "PINGRESP",
    "PINGRESP_PACKET",
    "PUBACK",
    "PUBCOMP",
    "PUBLISH",
    "PUBREC",
    "PUBREL",
    "SUBACK",
    "SUBSCRIBE",
    "UNSUBACK",
    "UNSUBSCRIBE",
    "WILL",
    "Acknowledgement",
    "Auth",
    "Connack",
    "Connect",
    "Disconnect",
    "Publish",
    "Suback",
    "Subscribe",
    "SubscriptionRequest",
    "Unsuback",
    "Unsubscribe",
    "Will",
    "next_packet",
]

PINGREQ_PACKET = b"\xc0\x00"
PINGRESP_PACKET = b"\xd0\x00"


@dataclass(frozen=True, slots=True)
class Will:
    """What the server publishes for a client that vanishes (3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT packet (3.1).

    Attributes:
        protocol_level: 4 or 5; of any other level nothing else has been decoded.
        clean_start: Begin a new session. At level 4 it is called clean session, and the session
            ends with the connection too.
        keep_alive_s: Seconds; 0 turns the mechanism off.
    """

    protocol_name: str
    protocol_level: int
    clean_start: bool = True
    keep_alive_s: int = 0
    client_id: str = ""
    will: Will | None = None
    user_name: str | None = None
    password: bytes | None = None
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Connack:
    """A CONNACK packet (3.2). At level 4 the reason code is a ConnectReturnCode."""

    session_present: bool
    reason_code: int
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Publish:
    """A PUBLISH packet (3.3).

    Attributes:
        topic: Empty where a topic alias stands for it.
        packet_identifier: 0 at QoS 0.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_identifier: int = 0
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A PUBACK, PUBREC, PUBREL or PUBCOMP packet (3.4 to 3.7)."""

    packet_identifier: int
    reason_code: int = 0
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """One topic filter of a SUBSCRIBE, with its options (3.8.3.1).

    Attributes:
        qos: The highest QoS at which the client wants messages.
        no_local: What the client publishes itself does not come back to it.
        retain_as_published: RETAIN keeps the value it was published with.
        retain_handling: Retained messages come with the subscription: 0 always, 1 only if it is
            new, 2 never.
    """

    topic_filter: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A SUBSCRIBE packet (3.8), its subscriptions in order."""

    packet_identifier: int
    subscriptions: tuple[SubscriptionRequest, ...]
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Suback:
    """A SUBACK packet (3.9): one code for each requested subscription."""

    packet_identifier: int
    reason_codes: bytes
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """An UNSUBSCRIBE packet (3.10)."""

    packet_identifier: int
    topic_filters: tuple[str, ...]
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Unsuback:
    """An UNSUBACK packet (3.11): one code for each filter; none at level 4."""

    packet_identifier: int
    reason_codes: bytes = b""
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A DISCONNECT packet (3.14)."""

    reason_code: int = 0
    properties: Properties = EMPTY


@dataclass(frozen=True, slots=True)
class Auth:
    """An AUTH packet (3.15), of level 5 only."""

    reason_code: int = 0
    properties: Properties = EMPTY


def next_packet(data: bytes, at: int) -> tuple[int, int] | None:
    """Find the packet that begins at `at`.

    A remaining length that is written with more bytes than it needs is accepted: it can be parsed,
    and the byte before the body is 0 then.

    Returns:
        Where its body begins and where it ends (the end may lie beyond `data`), or None while its
        fixed header is not complete.

    Raises:
        MalformedPacket: The remaining length has more than four bytes (2.1.4).
    """
    body = at + 1
    length = shift = 0
    size = len(data)
    while True:
        if body >= size:
            return None
        digit = data[body]
        body += 1
        length |= (digit & 0x7F) << shift
        if digit < 0x80:
            return body, body + length
        shift += 7
        if shift > 21:
            raise MalformedPacket(
                "remaining-length", "the remaining length has more than four bytes"
            )
