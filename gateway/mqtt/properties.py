"""The properties of MQTT 5: one row each, and the value that holds those of one packet.

A property is described in one place, the table below: its identifier, its field in `Properties`,
how it is written, which packets may carry it, and what its value may be.

Source: OASIS MQTT 5.0, section 2.2.2 and the property sections of chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from gateway.mqtt.errors import InvalidTopic, MalformedPacket, ProtocolViolation
from gateway.mqtt.packet_types import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PACKET_TYPES,
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
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.topics import check_topic_name
from gateway.mqtt.wire import (
    encode_binary,
    encode_four_bytes,
    encode_string,
    encode_string_pair,
    encode_two_bytes,
    encode_variable_byte_integer,
    read_binary,
    read_byte,
    read_four_bytes,
    read_string,
    read_string_pair,
    read_two_bytes,
    read_variable_byte_integer,
)

__all__ = [
    "EMPTY",
    "PROPERTIES",
    "Kind",
    "Properties",
    "Property",
    "decode_properties",
    "encode_properties",
]


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties of one packet, or of a will. None, or an empty tuple: absent.

    Names that end in `_s` are seconds.
    """

    payload_format_indicator: int | None = None
    message_expiry_interval_s: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()
    session_expiry_interval_s: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive_s: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: bool | None = None
    will_delay_interval_s: int | None = None
    request_response_information: bool | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: bool | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    maximum_packet_size_bytes: int | None = None
    wildcard_subscription_available: bool | None = None
    subscription_identifiers_available: bool | None = None
    shared_subscription_available: bool | None = None


EMPTY = Properties()
"""No property at all; shared, for values do not change."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a property's value is written.

    Attributes:
        name: The data type, for people.
        read: From bytes and a place in them to the value and the place behind it.
        encode: From the value to bytes.
    """

    name: str
    read: Callable[[bytes, int], tuple[Any, int]]
    encode: Callable[[Any], bytes]


def _encode_byte(value: int) -> bytes:
    return bytes((value,))


def _read_flag(data: bytes, at: int) -> tuple[bool, int]:
    value, at = read_byte(data, at)
    if value > 1:
        raise ProtocolViolation("property-value", f"a property is {value}; only 0 and 1 are known")
    return bool(value), at


def _read_topic_name(data: bytes, at: int) -> tuple[str, int]:
    topic, at = read_string(data, at)
    try:
        check_topic_name(topic)
    except InvalidTopic as error:
        raise ProtocolViolation("response-topic", f"in a property, {error}") from error
    return topic, at


BYTE = Kind("byte", read_byte, _encode_byte)
FLAG = Kind("byte, 0 or 1", _read_flag, _encode_byte)
TWO_BYTES = Kind("two byte integer", read_two_bytes, encode_two_bytes)
FOUR_BYTES = Kind("four byte integer", read_four_bytes, encode_four_bytes)
VARIABLE = Kind("variable byte integer", read_variable_byte_integer, encode_variable_byte_integer)
BINARY = Kind("binary data", read_binary, encode_binary)
STRING = Kind("UTF-8 string", read_string, encode_string)
TOPIC_NAME = Kind("UTF-8 string, a topic name", _read_topic_name, encode_string)
STRING_PAIR = Kind("UTF-8 string pair", read_string_pair, encode_string_pair)


@dataclass(frozen=True, slots=True)
class Property:
    """A row of the table.

    Attributes:
        identifier: The byte before its value.
        name: As the standard writes it.
        field: Its field of `Properties`.
        kind: How its value is written.
        packets: The packets that may carry it.
        repeats: The packets that may carry it more than once.
        lowest, highest: The range of a number; None for all that its kind can say.
        refusal: Cause and reason code of a number out of range.
    """

    identifier: int
    name: str
    field: str
    kind: Kind
    packets: frozenset[int]
    repeats: frozenset[int] = frozenset()
    lowest: int | None = None
    highest: int | None = None
    refusal: tuple[str, ReasonCode] = ("property-value", ReasonCode.PROTOCOL_ERROR)

    @property
    def gathers(self) -> bool:
        """Whether its field is a tuple of values."""
        return bool(self.repeats)

    def check(self, value: Any) -> None:
        """Refuse a number that is out of range.

        Raises:
            ProtocolViolation: It is.
        """
        if (self.lowest is not None and value < self.lowest) or (
            self.highest is not None and value > self.highest
        ):
            cause, reason_code = self.refusal
            raise ProtocolViolation(cause, f"{self.name} is {value}", reason_code)


_MESSAGE = frozenset((PUBLISH, WILL))
_GREETING = frozenset((CONNECT, CONNACK))
_FROM_SERVER = frozenset((CONNACK,))
_AUTHENTICATION = frozenset((CONNECT, CONNACK, AUTH))
_ANSWERS = frozenset((CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH))
_ALL = _ANSWERS | _MESSAGE | {CONNECT, SUBSCRIBE, UNSUBSCRIBE}
_ALIAS = ("topic-alias", ReasonCode.TOPIC_ALIAS_INVALID)

# fmt: off
PROPERTIES: tuple[Property, ...] = (
    Property(0x01, "Payload Format Indicator", "payload_format_indicator", BYTE, _MESSAGE,
             highest=1),
    Property(0x02, "Message Expiry Interval", "message_expiry_interval_s", FOUR_BYTES, _MESSAGE),
    Property(0x03, "Content Type", "content_type", STRING, _MESSAGE),
    Property(0x08, "Response Topic", "response_topic", TOPIC_NAME, _MESSAGE),
    Property(0x09, "Correlation Data", "correlation_data", BINARY, _MESSAGE),
    Property(0x0B, "Subscription Identifier", "subscription_identifiers", VARIABLE,
             frozenset((PUBLISH, SUBSCRIBE)), repeats=frozenset((PUBLISH,)), lowest=1),
    Property(0x11, "Session Expiry Interval", "session_expiry_interval_s", FOUR_BYTES,
             _GREETING | {DISCONNECT}),
    Property(0x12, "Assigned Client Identifier", "assigned_client_identifier", STRING,
             _FROM_SERVER),
    Property(0x13, "Server Keep Alive", "server_keep_alive_s", TWO_BYTES, _FROM_SERVER),
    Property(0x15, "Authentication Method", "authentication_method", STRING, _AUTHENTICATION),
    Property(0x16, "Authentication Data", "authentication_data", BINARY, _AUTHENTICATION),
    Property(0x17, "Request Problem Information", "request_problem_information", FLAG,
             frozenset((CONNECT,))),
    Property(0x18, "Will Delay Interval", "will_delay_interval_s", FOUR_BYTES, frozenset((WILL,))),
    Property(0x19, "Request Response Information", "request_response_information", FLAG,
             frozenset((CONNECT,))),
    Property(0x1A, "Response Information", "response_information", STRING, _FROM_SERVER),
    Property(0x1C, "Server Reference", "server_reference", STRING,
             frozenset((CONNACK, DISCONNECT))),
    Property(0x1F, "Reason String", "reason_string", STRING, _ANSWERS),
    Property(0x21, "Receive Maximum", "receive_maximum", TWO_BYTES, _GREETING, lowest=1),
    Property(0x22, "Topic Alias Maximum", "topic_alias_maximum", TWO_BYTES, _GREETING),
    Property(0x23, "Topic Alias", "topic_alias", TWO_BYTES, frozenset((PUBLISH,)),
             lowest=1, refusal=_ALIAS),
    Property(0x24, "Maximum QoS", "maximum_qos", BYTE, _FROM_SERVER, highest=1),
    Property(0x25, "Retain Available", "retain_available", FLAG, _FROM_SERVER),
    Property(0x26, "User Property", "user_properties", STRING_PAIR, _ALL, repeats=_ALL),
    Property(0x27, "Maximum Packet Size", "maximum_packet_size_bytes", FOUR_BYTES, _GREETING,
             lowest=1),
    Property(0x28, "Wildcard Subscription Available", "wildcard_subscription_available", FLAG,
             _FROM_SERVER),
    Property(0x29, "Subscription Identifiers Available", "subscription_identifiers_available",
             FLAG, _FROM_SERVER),
    Property(0x2A, "Shared Subscription Available", "shared_subscription_available", FLAG,
             _FROM_SERVER),
)
# fmt: on

_BY_IDENTIFIER = {row.identifier: row for row in PROPERTIES}
_values_of = attrgetter(*(row.field for row in PROPERTIES))


def decode_properties(body: bytes, at: int, packet: int) -> tuple[Properties, int]:
    """Read the properties that begin at `at` with their length.

    Args:
        body: The packet's body.
        at: Where the property length stands.
        packet: The packet type, or WILL.

    Returns:
        The properties, and the place behind them.

    Raises:
        MalformedPacket: They cannot be parsed, or one is not allowed in this packet (2.2.2.2).
        ProtocolViolation: One is there twice, or has a value that is not allowed.
    """
    if at < len(body) and not body[at]:
        return EMPTY, at + 1
    length, at = read_variable_byte_integer(body, at)
    end = at + length
    if end > len(body):
        raise MalformedPacket("truncated", "a packet ends in the middle of its properties")
    part = body[at:end]
    found: dict[str, Any] = {}
    at = 0
    while at < length:
        row = _BY_IDENTIFIER.get(part[at])
        if row is None or packet not in row.packets:
            raise MalformedPacket(
                "property-not-allowed",
                f"a {PACKET_TYPES[packet].name} has a property {part[at]:#04x}",
            )
        value, at = row.kind.read(part, at + 1)
        row.check(value)
        if row.field in found and packet not in row.repeats:
            raise ProtocolViolation("property-twice", f"{row.name} is there twice")
        if row.gathers:
            found.setdefault(row.field, []).append(value)
        else:
            found[row.field] = value
    for field in ("subscription_identifiers", "user_properties"):
        if field in found:
            found[field] = tuple(found[field])
    if "authentication_data" in found and "authentication_method" not in found:
        raise ProtocolViolation("authentication-data", "Authentication Data without its Method")
    return Properties(**found), end


def encode_properties(properties: Properties, packet: int) -> bytes:
    """Encode properties with their length before them.

    Args:
        properties: What to say.
        packet: The packet type, or WILL.

    Raises:
        ValueError: The packet may not carry one of them, or a string is too long.
    """
    if properties is EMPTY:
        return b"\0"
    parts = []
    for row, value in zip(PROPERTIES, _values_of(properties), strict=True):
        if value is None or value == ():
            continue
        if packet not in row.packets:
            raise ValueError(f"a {PACKET_TYPES[packet].name} has no {row.name}")
        prefix = bytes((row.identifier,))
        for one in value if row.gathers else (value,):
            parts.append(prefix + row.kind.encode(one))
    encoded = b"".join(parts)
    return encode_variable_byte_integer(len(encoded)) + encoded
