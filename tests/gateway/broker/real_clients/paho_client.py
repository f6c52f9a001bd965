"""paho-mqtt, with its own network thread, at 3.1.1 and at 5."""

from __future__ import annotations

import contextlib
import queue
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties

from tests.gateway.broker.real_clients.real_client import (
    PATIENCE_S,
    Arrival,
    Connected,
    Properties,
    WillMessage,
)

# Where paho's name is not the standard's in camel case.
_TO_PAHO = {"user_properties": "UserProperty", "subscription_identifiers": "SubscriptionIdentifier"}


def to_paho(packet_type: int, properties: Properties | None) -> PahoProperties | None:
    """Return paho's object for properties; None where there are none."""
    if not properties:
        return None
    converted = PahoProperties(packet_type)  # type: ignore[no-untyped-call]
    for name, value in properties.items():
        single = value[0] if name == "subscription_identifiers" else value
        setattr(converted, _TO_PAHO.get(name) or name.title().replace("_", ""), single)
    return converted


def from_paho(properties: Any) -> Properties:
    """Return the properties that paho shows, with the standard's names."""
    found: Properties = {}
    for paho_name, value in vars(properties).items() if properties else ():
        if paho_name == "UserProperty":
            found["user_properties"] = [tuple(pair) for pair in value]
        elif paho_name == "SubscriptionIdentifier":
            found["subscription_identifiers"] = value if isinstance(value, list) else [value]
        elif paho_name not in ("packetType", "types", "names", "properties"):
            name = "".join(f"_{c.lower()}" if c.isupper() else c for c in paho_name)
            found[name.lstrip("_")] = value
    return found


def arrival(message: paho.MQTTMessage) -> Arrival:
    """Return one of paho's messages as a value."""
    properties = from_paho(getattr(message, "properties", None))
    return Arrival(message.topic, bytes(message.payload), message.qos, message.retain, properties)


class PahoClient:
    """See `RealClient`."""

    max_qos = 2

    def __init__(self, level: int) -> None:
        self.level = level
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        self.closed: queue.Queue[int | None] = queue.Queue()
        self._connacks: queue.Queue[Connected] = queue.Queue()
        self._subacks: queue.Queue[int] = queue.Queue()
        self._unsubacks: queue.Queue[int] = queue.Queue()
        self.client_id = ""
        self.paho = paho.Client(CallbackAPIVersion.VERSION2)

    def connect(
        self,
        port: int,
        client_id: str,
        *,
        clean_start: bool = True,
        will: WillMessage | None = None,
        properties: Properties | None = None,
    ) -> Connected:
        five = self.level == 5
        self.client_id = client_id
        self.paho = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else clean_start,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.on_connect = lambda c, u, flags, reason, found: self._connacks.put(
            Connected(flags.session_present, reason.value, from_paho(found))
        )
        client.on_disconnect = lambda c, u, flags, reason, found: self.closed.put(
            reason.value if flags.is_disconnect_packet_from_server else None
        )
        client.on_message = lambda c, u, message: self.arrivals.put(arrival(message))
        client.on_subscribe = lambda c, u, mid, reasons, p: self._subacks.put(reasons[0].value)
        client.on_unsubscribe = lambda c, u, mid, reasons, p: self._unsubacks.put(mid)
        if will is not None:
            given = to_paho(PacketTypes.WILLMESSAGE, will.properties)
            client.will_set(will.topic, will.payload, will.qos, will.retain, given)
        if five:
            given = to_paho(PacketTypes.CONNECT, properties)
            client.connect("127.0.0.1", port, clean_start=clean_start, properties=given)
        else:
            client.connect("127.0.0.1", port)
        client.loop_start()
        return self._connacks.get(timeout=PATIENCE_S)

    def subscribe(
        self, topic_filter: str, qos: int = 0, properties: Properties | None = None
    ) -> int:
        given = to_paho(PacketTypes.SUBSCRIBE, properties)
        self.paho.subscribe(topic_filter, qos, properties=given)
        return self._subacks.get(timeout=PATIENCE_S)

    def unsubscribe(self, topic_filter: str) -> None:
        self.paho.unsubscribe(topic_filter)
        self._unsubacks.get(timeout=PATIENCE_S)

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        *,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        given = to_paho(PacketTypes.PUBLISH, properties)
        self.paho.publish(topic, payload, qos, retain, given).wait_for_publish(PATIENCE_S)

    def publish_all(self, topic: str, messages: list[tuple[bytes, int]]) -> None:
        """Publish payloads with their QoS, as many at a time as paho sends; wait for all."""
        sent = [self.paho.publish(topic, payload, qos) for payload, qos in messages]
        for information in sent:
            information.wait_for_publish(PATIENCE_S)
            assert information.is_published()

    def answer_requests(self, default_topic: str = "") -> None:
        """From now on answer each message where it asks for it, with its correlation data."""

        def answer(_client: paho.Client, _user: object, message: paho.MQTTMessage) -> None:
            asked = arrival(message)
            back = {k: v for k, v in asked.properties.items() if k == "correlation_data"}
            topic = asked.properties.get("response_topic", default_topic)
            given = to_paho(PacketTypes.PUBLISH, back)
            self.paho.publish(topic, asked.payload + b" Fine.", 1, properties=given)

        self.paho.on_message = answer

    def disconnect(self, properties: Properties | None = None) -> None:
        self.paho.disconnect(properties=to_paho(PacketTypes.DISCONNECT, properties))
        self.paho.loop_stop()

    def die(self) -> None:
        socket: Any = self.paho.socket()
        if socket is not None:
            with contextlib.suppress(OSError):  # the broker may have closed it just now
                socket.shutdown(2)
        self.paho.loop_stop()
        socket = self.paho.socket()
        if socket is not None:
            socket.close()
