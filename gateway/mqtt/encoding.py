"""From a packet's value to its bytes, fixed header included.

At level 4 what 3.1.1 cannot say (properties, reason codes, subscription options) is left out.

Source: OASIS MQTT 3.1.1 and 5.0, chapter 3; section numbers are those of 5.0.
"""

from __future__ import annotations

from gateway.mqtt.packet_types import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PACKET_TYPES,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    WILL,
)
from gateway.mqtt.packets import (
    Acknowledgement,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
)
from gateway.mqtt.properties import Properties, encode_properties
from gateway.mqtt.wire import (
    encode_binary,
    encode_remaining_length,
    encode_string,
    encode_two_bytes,
)

__all__ = [
    "encode_acknowledgement",
    "encode_auth",
    "encode_connack",
    "encode_connect",
    "encode_disconnect",
    "encode_publish",
    "encode_remaining_length",
    "encode_suback",
    "encode_subscribe",
    "encode_unsuback",
    "encode_unsubscribe",
]


def encode_connect(packet: Connect) -> bytes:
    """Encode a CONNECT (3.1), as a client does; its own protocol level decides how."""
    level = packet.protocol_level
    flags = packet.clean_start << 1
    tail = encode_string(packet.client_id)
    if packet.will is not None:
        will = packet.will
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        tail += _properties(will.properties, WILL, level)
        tail += encode_string(will.topic) + encode_binary(will.payload)
    if packet.user_name is not None:
        flags |= 0x80
        tail += encode_string(packet.user_name)
    if packet.password is not None:
        flags |= 0x40
        tail += encode_binary(packet.password)
    head = encode_string(packet.protocol_name) + bytes((level, flags))
    head += encode_two_bytes(packet.keep_alive_s)
    return _packet(CONNECT, head + _properties(packet.properties, CONNECT, level) + tail)


def encode_connack(packet: Connack, level: int) -> bytes:
    """Encode a CONNACK (3.2). At level 4 its reason code must be a ConnectReturnCode."""
    head = bytes((packet.session_present, packet.reason_code))
    return _packet(CONNACK, head + _properties(packet.properties, CONNACK, level))


def encode_publish(packet: Publish, level: int = 4) -> bytes:
    """Encode a PUBLISH (3.3)."""
    first = PUBLISH << 4 | packet.dup << 3 | packet.qos << 1 | packet.retain
    head = encode_string(packet.topic)
    if packet.qos:
        head += packet.packet_identifier.to_bytes(2, "big")
    if level == 5:
        head += encode_properties(packet.properties, PUBLISH)
    length = encode_remaining_length(len(head) + len(packet.payload))
    return b"".join((bytes((first,)), length, head, packet.payload))


def encode_acknowledgement(kind: int, packet: Acknowledgement, level: int = 4) -> bytes:
    """Encode a PUBACK, PUBREC, PUBREL or PUBCOMP (3.4 to 3.7), as short as it may be."""
    body = packet.packet_identifier.to_bytes(2, "big")
    if level == 5:
        body += _outcome(packet.reason_code, packet.properties, kind)
    return _packet(kind, body)


def encode_subscribe(packet: Subscribe, level: int = 4) -> bytes:
    """Encode a SUBSCRIBE (3.8), as a client does."""
    parts = [
        encode_two_bytes(packet.packet_identifier),
        _properties(packet.properties, SUBSCRIBE, level),
    ]
    for request in packet.subscriptions:
        options = _options(request) if level == 5 else request.qos
        parts += encode_string(request.topic_filter), bytes((options,))
    return _packet(SUBSCRIBE, b"".join(parts))


def _options(request: SubscriptionRequest) -> int:
    return (
        request.qos
        | request.no_local << 2
        | request.retain_as_published << 3
        | request.retain_handling << 4
    )


def encode_suback(packet: Suback, level: int) -> bytes:
    """Encode a SUBACK (3.9). At level 4 a code must be 0, 1, 2 or 0x80."""
    head = encode_two_bytes(packet.packet_identifier)
    head += _properties(packet.properties, SUBACK, level)
    return _packet(SUBACK, head + packet.reason_codes)


def encode_unsubscribe(packet: Unsubscribe, level: int = 4) -> bytes:
    """Encode an UNSUBSCRIBE (3.10), as a client does."""
    head = encode_two_bytes(packet.packet_identifier)
    head += _properties(packet.properties, UNSUBSCRIBE, level)
    return _packet(UNSUBSCRIBE, head + b"".join(map(encode_string, packet.topic_filters)))


def encode_unsuback(packet: Unsuback, level: int) -> bytes:
    """Encode an UNSUBACK (3.11)."""
    body = encode_two_bytes(packet.packet_identifier)
    if level == 5:
        body += encode_properties(packet.properties, UNSUBACK) + packet.reason_codes
    return _packet(UNSUBACK, body)


def encode_disconnect(packet: Disconnect, level: int = 4) -> bytes:
    """Encode a DISCONNECT (3.14), as short as it may be."""
    body = b""
    if level == 5:
        body = _outcome(packet.reason_code, packet.properties, DISCONNECT)
    return _packet(DISCONNECT, body)


def encode_auth(packet: Auth) -> bytes:
    """Encode an AUTH (3.15)."""
    properties = encode_properties(packet.properties, AUTH)
    if not packet.reason_code and properties == b"\0":
        return _packet(AUTH, b"")
    return _packet(AUTH, bytes((packet.reason_code,)) + properties)


def _outcome(reason_code: int, properties: Properties, packet: int) -> bytes:
    """Encode reason code and properties; what is empty at the end is left out (3.4.2.1)."""
    encoded = encode_properties(properties, packet)
    if encoded != b"\0":
        return bytes((reason_code,)) + encoded
    return bytes((reason_code,)) if reason_code else b""


def _properties(properties: Properties, packet: int, level: int) -> bytes:
    return encode_properties(properties, packet) if level == 5 else b""


def _packet(kind: int, body: bytes) -> bytes:
    first_byte = kind << 4 | (PACKET_TYPES[kind].flags or 0)
    return bytes((first_byte,)) + encode_remaining_length(len(body)) + body
