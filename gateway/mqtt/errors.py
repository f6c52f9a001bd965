"""What can be wrong with bytes that should be MQTT.

The tree::

    MqttError
    ├── MalformedPacket      the bytes are no MQTT packet
    ├── ProtocolViolation    a packet that is well-formed, but not allowed here
    └── InvalidTopic         a topic name or filter that the standard forbids (a ValueError too)

`cause` is a short stable word under which the error is counted; the text is for people; the reason
code is what MQTT 5 answers. CAUSES lists the causes that this package knows; a broker adds its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from gateway.mqtt.reason_codes import ReasonCode

__all__ = ["CAUSES", "InvalidTopic", "MalformedPacket", "MqttError", "ProtocolViolation"]

CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "authentication-data": "authentication data without an authentication method",
        "authentication-method": "an AUTH without an authentication method",
        "connack-flags": "flags of a CONNACK that are not allowed",
        "connect-flags": "flags of a CONNECT that are reserved, or contradict each other",
        "filter-empty": "an empty topic filter",
        "filter-shared": "a shared subscription without a proper share name or topic filter",
        "filter-wildcard": "a wildcard that is not a level of its own, or # before the last level",
        "fixed-header-flags": "flags of a fixed header that are not the standard's",
        "packet-identifier": "packet identifier 0",
        "packet-type": "a packet type that the protocol level does not have",
        "property-not-allowed": "a property that is unknown, or that this packet may not carry",
        "property-twice": "a property twice that is allowed once",
        "property-value": "a property with a value that is not allowed",
        "publish-dup": "DUP on a PUBLISH at QoS 0",
        "publish-qos": "a PUBLISH with QoS 3",
        "reason-code": "a reason code that this packet may not carry",
        "remaining-length": "a remaining length of more than four bytes",
        "response-topic": "a response topic that may not be published to",
        "retain-handling": "a subscription with retain handling 3",
        "string-encoding": "a string that is not UTF-8",
        "string-null": "a string that holds U+0000",
        "subscribe-empty": "a SUBSCRIBE without a topic filter",
        "subscribe-qos": "a subscription that asks for QoS 3, or has other bits in a 3.1.1 packet",
        "subscription-options": "reserved bits in the options of a subscription",
        "topic-alias": "topic alias 0, or one above the limit",
        "topic-empty": "an empty topic name, without a topic alias",
        "topic-encoding": "a topic name that is not UTF-8",
        "topic-null": "a topic that holds U+0000",
        "topic-too-long": "a topic longer than the listener allows",
        "topic-wildcard": "a topic name that holds a wildcard",
        "trailing-bytes": "bytes after the end of what a packet says",
        "truncated": "a packet that ends in the middle of a field",
        "unsubscribe-empty": "an UNSUBSCRIBE without a topic filter",
        "variable-byte-integer": "a variable byte integer that is longer than it need or may be",
    }
)


class MqttError(Exception):
    """The peer broke the protocol.

    Args:
        cause: Stable key for counters, such as `remaining-length`.
        message: What was wrong, for people.
        reason_code: What MQTT 5 answers; by default the code that is the class's own.
    """

    default_reason_code: ClassVar[ReasonCode] = ReasonCode.UNSPECIFIED_ERROR

    def __init__(self, cause: str, message: str, reason_code: ReasonCode | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.reason_code = self.default_reason_code if reason_code is None else reason_code


class MalformedPacket(MqttError):  # noqa: N818 - the standard's term
    """The bytes cannot be parsed as the packet they claim to be (MQTT 5.0, section 1.2)."""

    default_reason_code = ReasonCode.MALFORMED_PACKET


class ProtocolViolation(MqttError):  # noqa: N818 - the standard's term
    """A well-formed packet that the standard forbids at this point (MQTT 5.0, section 1.2)."""

    default_reason_code = ReasonCode.PROTOCOL_ERROR


class InvalidTopic(MqttError, ValueError):  # noqa: N818 - named after the thing
    """A topic name or topic filter that the standard forbids (MQTT 3.1.1, section 4.7)."""

    default_reason_code = ReasonCode.TOPIC_NAME_INVALID
