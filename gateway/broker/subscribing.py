"""SUBSCRIBE and UNSUBSCRIBE: which subscriptions a session is granted.

Owns the limits on what one client may hold; the tree that it goes into is the router's.
"""

from __future__ import annotations

from typing import Final

from gateway.broker.router import Router
from gateway.broker.session import Session
from gateway.broker.settings import MqttSettings
from gateway.mqtt.packets import Subscribe, Unsubscribe
from gateway.mqtt.topics import Dialect

__all__ = ["subscribe", "unsubscribe"]

SUBACK_FAILURE: Final = 0x80

# Filters of one client in characters: a thousand of the longest would be 65 MB.
MAX_FILTER_CHARACTERS: Final = 256 * 1024


def subscribe(session: Session, packet: Subscribe, router: Router, settings: MqttSettings) -> bytes:
    """Grant what may be granted; return the SUBACK's return codes, one per filter, in order."""
    codes = bytearray()
    for topic_filter, qos in packet.subscriptions:
        if not _has_room(session, topic_filter, settings):
            codes.append(SUBACK_FAILURE)
            continue
        granted = min(qos, 1)  # a server may grant less [MQTT-3.8.4-6]
        session.subscriptions[topic_filter] = granted
        router.subscribe(session, topic_filter, granted, Dialect.STANDARD)
        codes.append(granted)
    return bytes(codes)


def unsubscribe(session: Session, packet: Unsubscribe, router: Router) -> None:
    """Take subscriptions back; one that is not there is no mistake [MQTT-3.10.4-5]."""
    for topic_filter in packet.topic_filters:
        if session.subscriptions.pop(topic_filter, None) is not None:
            router.unsubscribe(session, topic_filter)


def _has_room(session: Session, topic_filter: str, settings: MqttSettings) -> bool:
    held = session.subscriptions
    if topic_filter.count("/") >= settings.max_topic_levels:
        return False
    if topic_filter in held:
        return True
    return (
        len(held) < settings.max_subscriptions
        and sum(map(len, held)) + len(topic_filter) <= MAX_FILTER_CHARACTERS
    )
