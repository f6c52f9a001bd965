"""MQTT 3.1.1 packets: bytes to values and values to bytes.

Owns the layout of every packet; knows nothing of sessions, and keeps no state. `next_packet` finds
where a packet begins and ends in a stream; the `decode_…` functions take the body that it found.

Source: OASIS MQTT 3.1.1, chapters 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.mqtt.errors import MalformedPacket, ProtocolViolation
from gateway.mqtt.topics import check_topic_filter, decode_topic_name

__all__ = [
    "CONNACK",
    "CONNECT",
    "DISCONNECT",
    "MAX_REMAINING_LENGTH",
    "PINGREQ",
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
    "Connect",
    "ConnectReturnCode",
    "Publish",
    "Subscribe",
    "Unsubscribe",
    "Will",
    "decode_connect",
    "decode_packet_identifier",
    "decode_publish",
    "decode_subscribe",
    "decode_unsubscribe",
    "encode_connack",
    "encode_connect",
    "encode_publish",
    "encode_remaining_length",
    "encode_string",
    "encode_suback",
    "encode_subscribe",
    "encode_unsuback",
    "encode_unsubscribe",
    "next_packet",
]

# Control packet types (2.2.1).
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14

MAX_REMAINING_LENGTH = 268_435_455
PINGRESP_PACKET = b"\xd0\x00"


class ConnectReturnCode:
    """What a CONNACK says (3.2.2.3)."""

    ACCEPTED = 0
    UNACCEPTABLE_PROTOCOL_VERSION = 1
    IDENTIFIER_REJECTED = 2
    SERVER_UNAVAILABLE = 3
    BAD_USER_NAME_OR_PASSWORD = 4
    NOT_AUTHORIZED = 5


@dataclass(frozen=True, slots=True)
class Will:
    """What the server publishes for a client that vanishes (3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT packet (3.1).

    Attributes:
        protocol_level: 4 for MQTT 3.1.1; of any other level nothing else has been decoded.
        keep_alive_s: Seconds; 0 turns the mechanism off.
    """

    protocol_name: str
    protocol_level: int
    clean_session: bool = True
    keep_alive_s: int = 0
    client_id: str = ""
    will: Will | None = None
    user_name: str | None = None
    password: bytes | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """A PUBLISH packet (3.3). The packet identifier is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_identifier: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A SUBSCRIBE packet (3.8): pairs of topic filter and requested QoS, in order."""

    packet_identifier: int
    subscriptions: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """An UNSUBSCRIBE packet (3.10)."""

    packet_identifier: int
    topic_filters: tuple[str, ...]


def next_packet(data: bytes, at: int) -> tuple[int, int] | None:
    """Find the packet that begins at `at`.

    Returns:
        Where its body begins and where it ends (the end may lie beyond `data`), or None while its
        fixed header is not complete.

    Raises:
        MalformedPacket: The remaining length has more than four bytes (2.2.3).
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


def decode_connect(body: bytes) -> Connect:
    """Decode the body of a CONNECT.

    Raises:
        MalformedPacket: It cannot be parsed.
        ProtocolViolation: Its flags contradict each other.
        InvalidTopic: Its will topic may not be published to.
    """
    name, at = _string(body, 0)
    level, at = _byte(body, at)
    if name != "MQTT" or level != 4:
        return Connect(name, level)
    flags, at = _byte(body, at)
    keep_alive_s, at = _two_bytes(body, at)
    if flags & 0x01:
        raise ProtocolViolation("connect-flags", "the reserved flag of CONNECT is set")
    client_id, at = _string(body, at)
    will = None
    will_qos = flags >> 3 & 3
    if flags & 0x04:
        if will_qos == 3:
            raise ProtocolViolation("connect-flags", "the will of CONNECT has QoS 3")
        topic, at = _binary(body, at)
        payload, at = _binary(body, at)
        will = Will(decode_topic_name(topic), payload, will_qos, bool(flags & 0x20))
    elif flags & 0x38:
        raise ProtocolViolation("connect-flags", "will QoS or will retain without a will")
    user_name = password = None
    if flags & 0x80:
        user_name, at = _string(body, at)
    if flags & 0x40:
        if user_name is None:
            raise ProtocolViolation("connect-flags", "a password without a user name")
        password, at = _binary(body, at)
    _no_more(body, at, "CONNECT")
    return Connect(
        name, level, bool(flags & 0x02), keep_alive_s, client_id, will, user_name, password
    )


def decode_publish(first_byte: int, body: bytes) -> Publish:
    """Decode a PUBLISH from its first byte and its body.

    Raises:
        MalformedPacket: It cannot be parsed, or its QoS is 3.
        ProtocolViolation: DUP at QoS 0, or packet identifier 0.
        InvalidTopic: The topic name is not allowed.
    """
    qos = first_byte >> 1 & 3
    if qos == 3:
        raise MalformedPacket("publish-qos", "a PUBLISH has QoS 3")
    dup = bool(first_byte & 0x08)
    if dup and not qos:
        raise ProtocolViolation("publish-dup", "a PUBLISH at QoS 0 has DUP set")
    topic, at = _binary(body, 0)
    packet_identifier = 0
    if qos:
        packet_identifier, at = _packet_identifier(body, at)
    return Publish(
        decode_topic_name(topic), body[at:], qos, bool(first_byte & 0x01), dup, packet_identifier
    )


def decode_packet_identifier(body: bytes, what: str) -> int:
    """Decode the body of a packet that holds a packet identifier and nothing else.

    Raises:
        MalformedPacket: The body is not two bytes long.
        ProtocolViolation: The identifier is 0 [MQTT-2.3.1-1].
    """
    packet_identifier, at = _packet_identifier(body, 0)
    _no_more(body, at, what)
    return packet_identifier


def decode_subscribe(body: bytes) -> Subscribe:
    """Decode the body of a SUBSCRIBE.

    Raises:
        MalformedPacket: It cannot be parsed, or a requested QoS is 3 [MQTT-3.8.3-4].
        ProtocolViolation: It names no topic filter [MQTT-3.8.3-3].
        InvalidTopic: A filter is not allowed.
    """
    packet_identifier, at = _packet_identifier(body, 0)
    subscriptions = []
    while at < len(body):
        topic_filter, at = _string(body, at)
        qos, at = _byte(body, at)
        if qos > 2:
            raise MalformedPacket("subscribe-qos", f"a SUBSCRIBE asks for QoS byte {qos:#x}")
        check_topic_filter(topic_filter)
        subscriptions.append((topic_filter, qos))
    if not subscriptions:
        raise ProtocolViolation("subscribe-empty", "a SUBSCRIBE names no topic filter")
    return Subscribe(packet_identifier, tuple(subscriptions))


def decode_unsubscribe(body: bytes) -> Unsubscribe:
    """Decode the body of an UNSUBSCRIBE.

    Raises:
        MalformedPacket: It cannot be parsed.
        ProtocolViolation: It names no topic filter [MQTT-3.10.3-2].
        InvalidTopic: A filter is not allowed.
    """
    packet_identifier, at = _packet_identifier(body, 0)
    filters = []
    while at < len(body):
        topic_filter, at = _string(body, at)
        check_topic_filter(topic_filter)
        filters.append(topic_filter)
    if not filters:
        raise ProtocolViolation("unsubscribe-empty", "an UNSUBSCRIBE names no topic filter")
    return Unsubscribe(packet_identifier, tuple(filters))


def encode_remaining_length(length: int) -> bytes:
    """Encode a remaining length in one to four bytes (2.2.3)."""
    if length < 128:
        return bytes((length,))
    digits = bytearray()
    while length > 127:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits)


def encode_string(text: str) -> bytes:
    """Encode a UTF-8 string with its length before it (1.5.3)."""
    return encode_binary(text.encode())


def encode_binary(data: bytes) -> bytes:
    """Encode bytes with their length before them."""
    return len(data).to_bytes(2, "big") + data


def encode_connack(return_code: int, *, session_present: bool = False) -> bytes:
    """Encode a CONNACK (3.2)."""
    return bytes((CONNACK << 4, 2, session_present, return_code))


def encode_publish(packet: Publish) -> bytes:
    """Encode a PUBLISH (3.3)."""
    first = PUBLISH << 4 | packet.dup << 3 | packet.qos << 1 | packet.retain
    body = encode_string(packet.topic)
    if packet.qos:
        body += packet.packet_identifier.to_bytes(2, "big")
    length = encode_remaining_length(len(body) + len(packet.payload))
    return b"".join((bytes((first,)), length, body, packet.payload))


def encode_suback(packet_identifier: int, return_codes: bytes) -> bytes:
    """Encode a SUBACK (3.9): one return code per requested filter, 0x80 for a refused one."""
    return _encode(SUBACK << 4, packet_identifier.to_bytes(2, "big") + return_codes)


def encode_unsuback(packet_identifier: int) -> bytes:
    """Encode an UNSUBACK (3.11)."""
    return _encode(UNSUBACK << 4, packet_identifier.to_bytes(2, "big"))


def encode_connect(packet: Connect) -> bytes:
    """Encode a CONNECT (3.1), as a client does."""
    flags = packet.clean_session << 1
    tail = encode_string(packet.client_id)
    if packet.will is not None:
        flags |= 0x04 | packet.will.qos << 3 | packet.will.retain << 5
        tail += encode_string(packet.will.topic) + encode_binary(packet.will.payload)
    if packet.user_name is not None:
        flags |= 0x80
        tail += encode_string(packet.user_name)
    if packet.password is not None:
        flags |= 0x40
        tail += encode_binary(packet.password)
    head = encode_string(packet.protocol_name) + bytes((packet.protocol_level, flags))
    return _encode(CONNECT << 4, head + packet.keep_alive_s.to_bytes(2, "big") + tail)


def encode_subscribe(packet: Subscribe) -> bytes:
    """Encode a SUBSCRIBE (3.8), as a client does."""
    body = packet.packet_identifier.to_bytes(2, "big")
    for topic_filter, qos in packet.subscriptions:
        body += encode_string(topic_filter) + bytes((qos,))
    return _encode(SUBSCRIBE << 4 | 2, body)


def encode_unsubscribe(packet: Unsubscribe) -> bytes:
    """Encode an UNSUBSCRIBE (3.10), as a client does."""
    body = packet.packet_identifier.to_bytes(2, "big")
    body += b"".join(encode_string(topic_filter) for topic_filter in packet.topic_filters)
    return _encode(UNSUBSCRIBE << 4 | 2, body)


def _encode(first_byte: int, body: bytes) -> bytes:
    return bytes((first_byte,)) + encode_remaining_length(len(body)) + body


def _byte(body: bytes, at: int) -> tuple[int, int]:
    if at >= len(body):
        raise MalformedPacket("truncated", "a packet ends in the middle of a field")
    return body[at], at + 1


def _two_bytes(body: bytes, at: int) -> tuple[int, int]:
    if at + 2 > len(body):
        raise MalformedPacket("truncated", "a packet ends in the middle of a field")
    return body[at] << 8 | body[at + 1], at + 2


def _binary(body: bytes, at: int) -> tuple[bytes, int]:
    length, at = _two_bytes(body, at)
    if at + length > len(body):
        raise MalformedPacket("truncated", "a packet ends in the middle of a field")
    return body[at : at + length], at + length


def _string(body: bytes, at: int) -> tuple[str, int]:
    data, at = _binary(body, at)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedPacket("string-encoding", f"a string is not UTF-8: {error}") from error
    if "\0" in text:
        raise MalformedPacket("string-null", "a string holds U+0000")
    return text, at


def _packet_identifier(body: bytes, at: int) -> tuple[int, int]:
    packet_identifier, at = _two_bytes(body, at)
    if not packet_identifier:
        raise ProtocolViolation("packet-identifier", "a packet identifier is 0")
    return packet_identifier, at


def _no_more(body: bytes, at: int, what: str) -> None:
    if at != len(body):
        raise MalformedPacket("trailing-bytes", f"a {what} has {len(body) - at} bytes too many")
