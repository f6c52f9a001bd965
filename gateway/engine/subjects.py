"""Messages of the gateway as rules see them.

Owns what of a message and its publisher a statement can ask for. Knows nothing of rules in force.
"""

from __future__ import annotations

import rules
from gateway.message import Message
from gateway.mqtt.packet_types import PUBLISH
from gateway.mqtt.properties import decode_properties
from gateway.mqtt.wire import encode_variable_byte_integer

__all__ = ["subject_of"]


def subject_of(message: Message) -> rules.Message:
    """Return what rules see of a message, made once however many rules match."""
    subject = message.subject
    if subject is None:
        publisher = message.publisher
        encoded = message.properties
        subject = message.subject = rules.Message(
            message.topic,
            message.payload,
            publisher.client_id,
            publisher.principal,
            publisher.source_ip,
            properties=(lambda: _read(encoded)) if encoded else None,
        )
    return subject


def _read(encoded: bytes) -> rules.MqttProperties:
    """Read properties that the broker has checked; they are as on the wire, without length."""
    found, _ = decode_properties(encode_variable_byte_integer(len(encoded)) + encoded, 0, PUBLISH)
    return rules.MqttProperties(
        payload_format_indicator=found.payload_format_indicator,
        content_type=found.content_type,
        response_topic=found.response_topic,
        correlation_data=found.correlation_data,
        user_properties=found.user_properties,
    )
