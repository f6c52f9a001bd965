"""From the bytes of a packet's body to its value.

Each function takes the body that `next_packet` found. What a packet alone can do wrong is refused
here; what depends on the connection or the session is the broker's.

Source: OASIS MQTT 3.1.1 and 5.0, chapter 3; section numbers are those of 5.0.
"""

from __future__ import annotations

from gateway.mqtt.errors import MalformedPacket, ProtocolViolation
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
    check_reason_code,
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
    Will,
)
from gateway.mqtt.properties import EMPTY, Properties, decode_properties
from gateway.mqtt.reason_codes import ConnectReturnCode
from gateway.mqtt.topics import check_topic_filter, decode_topic_name
from gateway.mqtt.wire import (
    expect_end,
    read_binary,
    read_byte,
    read_packet_identifier,
    read_string,
    read_two_bytes,
)

__all__ = [
    "decode_acknowledgement",
    "decode_auth",
    "decode_connack",
    "decode_connect",
    "decode_disconnect",
    "decode_publish",
    "decode_suback",
    "decode_subscribe",
    "decode_unsuback",
    "decode_unsubscribe",
    "protocol_level",
    "read_publish",
]

_LEVELS = (4, 5)
_MQTT = b"\0\x04MQTT"


def protocol_level(body: bytes) -> int | None:
    """Tell the protocol level of a CONNECT, even of one that cannot be decoded.

    Returns:
        None where the protocol is not MQTT, or the body ends before the level.
    """
    at = len(_MQTT)
    return body[at] if body.startswith(_MQTT) and len(body) > at else None


def decode_connect(body: bytes) -> Connect:
    """Decode the body of a CONNECT; of an unknown protocol or level, only name and level.

    Raises:
        MalformedPacket: It cannot be parsed; flags that are reserved are set [MQTT-3.1.2-3], or
            its will has QoS 3 [MQTT-3.1.2-12].
        ProtocolViolation: Its flags contradict each other, or a property is not allowed.
        InvalidTopic: Its will topic may not be published to.
    """
    name, at = read_string(body, 0)
    level, at = read_byte(body, at)
    if name != "MQTT" or level not in _LEVELS:
        return Connect(name, level)
    flags, at = read_byte(body, at)
    keep_alive_s, at = read_two_bytes(body, at)
    _check_connect_flags(flags, level)
    properties = EMPTY
    if level == 5:
        properties, at = decode_properties(body, at, CONNECT)
    client_id, at = read_string(body, at)
    will = None
    if flags & 0x04:
        will_properties = EMPTY
        if level == 5:
            will_properties, at = decode_properties(body, at, WILL)
        topic, at = read_binary(body, at)
        payload, at = read_binary(body, at)
        will = Will(
            decode_topic_name(topic), payload, flags >> 3 & 3, bool(flags & 0x20), will_properties
        )
    user_name = password = None
    if flags & 0x80:
        user_name, at = read_string(body, at)
    if flags & 0x40:
        password, at = read_binary(body, at)
    expect_end(body, at, "CONNECT")
    clean_start = bool(flags & 0x02)
    return Connect(
        name, level, clean_start, keep_alive_s, client_id, will, user_name, password, properties
    )


def _check_connect_flags(flags: int, level: int) -> None:
    if flags & 0x01:
        raise MalformedPacket("connect-flags", "the reserved flag of CONNECT is set")
    if flags & 0x18 == 0x18:
        raise MalformedPacket("connect-flags", "the will of CONNECT has QoS 3")
    if flags & 0x38 and not flags & 0x04:
        raise ProtocolViolation("connect-flags", "will QoS or will retain without a will")
    if level == 4 and flags & 0xC0 == 0x40:  # [MQTT-3.1.2-22] of 3.1.1; 5.0 allows it
        raise ProtocolViolation("connect-flags", "a password without a user name")


def decode_publish(first_byte: int, body: bytes, level: int) -> Publish:
    """Decode a PUBLISH from its first byte and its body.

    A subscription identifier is accepted here, for servers send it; from a client it is forbidden
    [MQTT-3.3.4-6].

    Raises:
        MalformedPacket: It cannot be parsed, or its QoS is 3 [MQTT-3.3.1-4].
        ProtocolViolation: DUP at QoS 0 [MQTT-3.3.1-2], packet identifier 0, neither a topic name
            nor a topic alias, or a property that is not allowed.
        InvalidTopic: The topic name is not allowed.
    """
    topic_bytes, packet_identifier, properties, at = read_publish(first_byte, body, level)
    topic = decode_topic_name(topic_bytes) if topic_bytes or level < 5 else ""
    return Publish(
        topic,
        body[at:],
        first_byte >> 1 & 3,
        bool(first_byte & 0x01),
        bool(first_byte & 0x08),
        packet_identifier,
        properties,
    )


def read_publish(first_byte: int, body: bytes, level: int) -> tuple[bytes, int, Properties, int]:
    """Read what stands before the payload of a PUBLISH, the topic name not looked at.

    Returns:
        The topic name, encoded (empty where an alias stands for it); the packet identifier, 0 at
        QoS 0; the properties; where the payload begins.

    Raises:
        MalformedPacket, ProtocolViolation: As decode_publish.
    """
    qos = first_byte >> 1 & 3
    if qos == 3:
        raise MalformedPacket("publish-qos", "a PUBLISH has QoS 3")
    if first_byte & 0x08 and not qos:
        raise ProtocolViolation("publish-dup", "a PUBLISH at QoS 0 has DUP set")
    topic_bytes, at = read_binary(body, 0)
    packet_identifier = 0
    if qos:
        packet_identifier, at = read_packet_identifier(body, at)
    properties = EMPTY
    if level == 5:
        properties, at = decode_properties(body, at, PUBLISH)
        if not topic_bytes and properties.topic_alias is None:
            raise ProtocolViolation("topic-empty", "a PUBLISH has neither a topic nor an alias")
    return topic_bytes, packet_identifier, properties, at


def decode_acknowledgement(kind: int, body: bytes, level: int) -> Acknowledgement:
    """Decode the body of a PUBACK, PUBREC, PUBREL or PUBCOMP; `kind` says which.

    Raises:
        MalformedPacket: It cannot be parsed.
        ProtocolViolation: The packet identifier is 0, or a reason code or a property is not
            allowed.
    """
    packet_identifier, at = read_packet_identifier(body, 0)
    if at == len(body):  # all there is at level 4, success at level 5 (3.4.2.1)
        return Acknowledgement(packet_identifier)
    reason_code, properties = 0, EMPTY
    if level == 5:
        reason_code, at = read_byte(body, at)
        check_reason_code(kind, reason_code)
        if at < len(body):
            properties, at = decode_properties(body, at, kind)
    expect_end(body, at, PACKET_TYPES[kind].name)
    return Acknowledgement(packet_identifier, reason_code, properties)


def decode_subscribe(body: bytes, level: int) -> Subscribe:
    """Decode the body of a SUBSCRIBE.

    Raises:
        MalformedPacket: It cannot be parsed, or reserved bits are set [MQTT-3.8.3-5]; at level 4
            also if QoS 3 is asked for.
        ProtocolViolation: It names no topic filter [MQTT-3.8.3-2], asks for QoS 3 or retain
            handling 3, or a property is not allowed.
        InvalidTopic: A filter is not allowed.
    """
    packet_identifier, at = read_packet_identifier(body, 0)
    properties = EMPTY
    if level == 5:
        properties, at = decode_properties(body, at, SUBSCRIBE)
    subscriptions = []
    while at < len(body):
        topic_filter, at = read_string(body, at)
        options, at = read_byte(body, at)
        _check_options(options, level)
        check_topic_filter(topic_filter)
        subscriptions.append(
            SubscriptionRequest(
                topic_filter,
                options & 0x03,
                bool(options & 0x04),
                bool(options & 0x08),
                options >> 4 & 0x03,
            )
        )
    if not subscriptions:
        raise ProtocolViolation("subscribe-empty", "a SUBSCRIBE names no topic filter")
    return Subscribe(packet_identifier, tuple(subscriptions), properties)


def _check_options(options: int, level: int) -> None:
    if level == 4:
        if options > 2:
            raise MalformedPacket("subscribe-qos", f"a SUBSCRIBE asks for QoS byte {options:#x}")
        return
    if options & 0xC0:
        raise MalformedPacket(
            "subscription-options", f"a SUBSCRIBE has the options byte {options:#x}"
        )
    if options & 0x03 == 3:
        raise ProtocolViolation("subscribe-qos", "a SUBSCRIBE asks for QoS 3")
    if options & 0x30 == 0x30:
        raise ProtocolViolation("retain-handling", "a SUBSCRIBE asks for retain handling 3")


def decode_unsubscribe(body: bytes, level: int) -> Unsubscribe:
    """Decode the body of an UNSUBSCRIBE.

    Raises:
        MalformedPacket: It cannot be parsed.
        ProtocolViolation: It names no topic filter [MQTT-3.10.3-2].
        InvalidTopic: A filter is not allowed.
    """
    packet_identifier, at = read_packet_identifier(body, 0)
    properties = EMPTY
    if level == 5:
        properties, at = decode_properties(body, at, UNSUBSCRIBE)
    filters = []
    while at < len(body):
        topic_filter, at = read_string(body, at)
        check_topic_filter(topic_filter)
        filters.append(topic_filter)
    if not filters:
        raise ProtocolViolation("unsubscribe-empty", "an UNSUBSCRIBE names no topic filter")
    return Unsubscribe(packet_identifier, tuple(filters), properties)


def decode_disconnect(body: bytes, level: int) -> Disconnect:
    """Decode the body of a DISCONNECT; without a reason code it is 0 (3.14.2.1).

    Raises:
        MalformedPacket: It cannot be parsed; at level 4, it is not empty.
        ProtocolViolation: The reason code or a property is not allowed.
    """
    if not body:
        return Disconnect()
    at, reason_code, properties = 0, 0, EMPTY
    if level == 5:
        reason_code, at = read_byte(body, 0)
        check_reason_code(DISCONNECT, reason_code)
        if at < len(body):
            properties, at = decode_properties(body, at, DISCONNECT)
    expect_end(body, at, "DISCONNECT")
    return Disconnect(reason_code, properties)


def decode_auth(body: bytes) -> Auth:
    """Decode the body of an AUTH; without a reason code it is 0 (3.15.2.1).

    Raises:
        MalformedPacket: It cannot be parsed.
        ProtocolViolation: The reason code or a property is not allowed, or the authentication
            method is missing (3.15.2.2.2).
    """
    if not body:
        return Auth()
    reason_code, at = read_byte(body, 0)
    check_reason_code(AUTH, reason_code)
    # Unlike in the other packets, the property length follows a reason code always.
    properties, at = decode_properties(body, at, AUTH)
    expect_end(body, at, "AUTH")
    if properties.authentication_method is None:
        raise ProtocolViolation("authentication-method", "an AUTH has no Authentication Method")
    return Auth(reason_code, properties)


def decode_connack(body: bytes, level: int) -> Connack:
    """Decode the body of a CONNACK, as a client does.

    Raises:
        MalformedPacket: It cannot be parsed.
        ProtocolViolation: Its code or a property is not allowed, or a refusal tells of a session
            (5.0 [MQTT-3.2.2-6]).
    """
    flags, at = read_byte(body, 0)
    if flags > 1:
        raise MalformedPacket("connack-flags", f"a CONNACK has the flags {flags:#x}")
    reason_code, at = read_byte(body, at)
    properties = EMPTY
    if level == 5:
        check_reason_code(CONNACK, reason_code)
        properties, at = decode_properties(body, at, CONNACK)
    elif reason_code > ConnectReturnCode.NOT_AUTHORIZED:
        raise ProtocolViolation("reason-code", f"a CONNACK has return code {reason_code}")
    expect_end(body, at, "CONNACK")
    if flags and reason_code:
        raise ProtocolViolation("connack-flags", "a CONNACK refuses, and tells of a session")
    return Connack(bool(flags), reason_code, properties)


def decode_suback(body: bytes, level: int) -> Suback:
    """Decode the body of a SUBACK, as a client does.

    Raises:
        MalformedPacket: It cannot be parsed, or holds no code.
        ProtocolViolation: A code or a property is not allowed.
    """
    packet_identifier, at = read_packet_identifier(body, 0)
    properties = EMPTY
    if level == 5:
        properties, at = decode_properties(body, at, SUBACK)
    read_byte(body, at)
    codes = body[at:]
    for code in codes:
        check_reason_code(SUBACK, code)
        if level == 4 and code > 2 and code != 0x80:
            raise ProtocolViolation("reason-code", f"a SUBACK has return code {code:#04x}")
    return Suback(packet_identifier, codes, properties)


def decode_unsuback(body: bytes, level: int) -> Unsuback:
    """Decode the body of an UNSUBACK, as a client does.

    Raises:
        MalformedPacket: It cannot be parsed; at level 5 also if it holds no code.
        ProtocolViolation: A code or a property is not allowed.
    """
    packet_identifier, at = read_packet_identifier(body, 0)
    if level == 4:
        expect_end(body, at, "UNSUBACK")
        return Unsuback(packet_identifier)
    properties, at = decode_properties(body, at, UNSUBACK)
    read_byte(body, at)
    codes = body[at:]
    for code in codes:
        check_reason_code(UNSUBACK, code)
    return Unsuback(packet_identifier, codes, properties)
