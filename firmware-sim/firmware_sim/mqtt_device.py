"""A simulated device that speaks MQTT: readings at QoS 1, and a topic to set its value.

Owns the client and the device's topics. As a command it makes readings at a rate::

    python -m firmware_sim.mqtt_device --base greenhouse/door --celsius 27 --swing 5
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.sensor import Sensor, requested_celsius
from firmware_sim.sensor_options import add_sensor_options, sensor_of

__all__ = ["MAX_QUEUED", "MqttDevice", "main"]

# Readings kept while there is no connection; a small board has no room for more.
MAX_QUEUED = 1000

RECONNECT_MAX_S = 10


class MqttDevice:
    """A device with one thermometer: `BASE/temperature` out, `BASE/set` in.

    Args:
        base: The topic its own topics begin with.
        sensor: What it measures.
        name: What it calls itself; also its client identifier.
        log: Told when it connects and disconnects.

    Attributes:
        sensor: What it measures; `BASE/set` sets it.
        connected: Set while it is connected and subscribed.
        unsent: Readings given up because `MAX_QUEUED` waited already.
    """

    def __init__(
        self,
        base: str,
        *,
        sensor: Sensor | None = None,
        name: str = "door",
        log: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.sensor = Sensor() if sensor is None else sensor
        self.connected = threading.Event()
        self.unsent = 0
        self._base = base
        self._name = name
        self._log = log
        self._seq = 0
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        self._client.max_queued_messages_set(MAX_QUEUED)
        self._client.reconnect_delay_set(1, RECONNECT_MAX_S)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def start(self, host: str, port: int) -> None:
        """Connect, and go on trying, in a thread of the client's own; returns at once."""
        self._client.connect_async(host, port, keepalive=30)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def tick(self, at_s: float) -> mqtt.MQTTMessageInfo:
        """Make one reading and publish it.

        Args:
            at_s: Seconds since the simulation began.

        Returns:
            What tells when it is acknowledged.
        """
        self._seq += 1
        reading = {"sensor": self._name, "celsius": self.sensor.measure(at_s), "seq": self._seq}
        payload = json.dumps(reading, separators=(",", ":"))
        info = self._client.publish(f"{self._base}/temperature", payload, qos=1)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            self.unsent += 1
        return info

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._log(f"the broker refused: {reason}")
            return
        self._log("connected")
        client.subscribe(f"{self._base}/set", qos=1)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        _reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self.connected.set()

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self.connected.clear()
        self._log(f"disconnected: {reason}")

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        celsius = requested_celsius(bytes(message.payload))
        if celsius is None:
            self._log(f"a command that says no temperature: {message.payload[:40]!r}")
        else:
            self.sensor.celsius = celsius


def main(arguments: list[str] | None = None) -> int:
    """Run the device until Ctrl-C or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_sim.mqtt_device",
        description="A simulated thermometer that speaks MQTT.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the broker (127.0.0.1)")
    parser.add_argument("--port", type=int, default=1883, help="its port (1883)")
    parser.add_argument("--base", default="greenhouse/door", help="its topics begin with this")
    parser.add_argument("--name", default="door", help="its client identifier (door)")
    add_sensor_options(parser)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    device = MqttDevice(
        options.base,
        sensor=sensor_of(options),
        name=options.name,
        log=lambda text: print(text, flush=True),
    )
    started_s = time.monotonic()
    try:
        device.start(options.host, options.port)
        while True:
            device.tick(time.monotonic() - started_s)
            time.sleep(1 / options.rate)
    except KeyboardInterrupt:
        # Whoever asks twice still gets a clean end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        device.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
