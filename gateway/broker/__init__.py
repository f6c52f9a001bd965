"""The MQTT broker: sessions, routing to clients and in-process subscribers, listeners."""

from gateway.broker.broker import Broker
from gateway.broker.listener import Listener, MqttFront
from gateway.broker.router import LocalSubscriber, Router
from gateway.broker.settings import ListenerSettings, MqttSettings

__all__ = [
    "Broker",
    "Listener",
    "ListenerSettings",
    "LocalSubscriber",
    "MqttFront",
    "MqttSettings",
    "Router",
]
