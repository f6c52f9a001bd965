"""Messages of the gateway as rules see them.

Owns what of a message and its publisher a statement can ask for, and that a rule sees a Basic
Ingest message under the rest of its topic. Knows nothing of rules in force.

Source: AWS IoT Core Developer Guide, "Reducing messaging costs with Basic Ingest".
"""

from __future__ import annotations

import rules
from gateway.broker.basic_ingest import BASIC_INGEST
from gateway.message import Publisher
from gateway.mqtt.packet_types import PUBLISH
from gateway.mqtt.properties import decode_properties
from gateway.mqtt.wire import encode_variable_byte_integer

__all__ = ["make_subject"]


def make_subject(
    topic: str,
    payload: bytes,
    publisher: Publisher,
    properties: bytes = b"",
    trace_id: str | None = None,
) -> rules.Message:
    """Return what rules see of a message.

    Args:
        topic: The topic it was published to.
        payload: Its payload.
        publisher: Who published it.
        properties: Its MQTT 5 properties, as on the wire, without length.
        trace_id: Its identifier, if it has one already.
    """
    if topic.startswith(BASIC_INGEST):
        topic = topic[len(BASIC_INGEST) :].partition("/")[2]
    client_id, principal, source_ip = publisher.client_id, publisher.principal, publisher.source_ip
    if not properties and trace_id is None:  # nearly always, and naming them costs as much again
        return rules.Message(topic, payload, client_id, principal, source_ip)
    return rules.Message(
        topic,
        payload,
        client_id,
        principal,
        source_ip,
        trace_id=trace_id,
        properties=(lambda: _read(properties)) if properties else None,
    )


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
