"""All devices of a gateway: each in a task of its own, so that one bad sensor stays one bad sensor.

Owns the tasks and the binding of command topics. Knows nothing of the broker: publishing and
subscribing are functions given by the composition root.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

from drivers.pins import PinFactories
from gateway.devices.backoff import Backoff
from gateway.devices.catalogue import build_driver
from gateway.devices.device import Device, DeviceCounters, DeviceStatus, Publish, Sleep
from gateway.devices.settings import DeviceSettings
from gateway.metrics import Metrics

__all__ = ["DeviceSupervisor", "Subscribe"]

Deliver: TypeAlias = Callable[[str, bytes], None]

Subscribe: TypeAlias = Callable[[str, Deliver], object]
"""Takes (topic filter, deliver) and calls `deliver(topic, payload)` for each message."""


class DeviceSupervisor:
    """Runs the configured devices.

    Args:
        devices: Their settings, free of problems (`device_problems`).
        publish: `(topic, payload) -> bool`; False where the gateway admits nothing just now. Then
            the reading waits in the device's buffer until `resume` or its next reading.
        subscribe: `(topic_filter, deliver)`; called once per device with a command topic.
        metrics: Where the counters are.
        monotonic_s: The clock.
        sleep: Waits between two runs of a driver.
        randomness: The jitter of these waits.
        pins: Where GPIO pins come from; None makes it here.
    """

    def __init__(
        self,
        devices: Sequence[DeviceSettings],
        *,
        publish: Publish,
        subscribe: Subscribe,
        metrics: Metrics,
        monotonic_s: Callable[[], float],
        randomness: random.Random,
        sleep: Sleep = asyncio.sleep,
        pins: PinFactories | None = None,
    ) -> None:
        self._subscribe = subscribe
        self._tasks: list[asyncio.Task[None]] = []
        self.pins = PinFactories() if pins is None else pins
        counters = DeviceCounters(metrics)
        self._devices = [
            Device(
                settings,
                build_driver(settings, pins=self.pins, monotonic_s=monotonic_s),
                publish=publish,
                counters=counters,
                monotonic_s=monotonic_s,
                sleep=sleep,
                backoff=Backoff(randomness),
            )
            for settings in devices
        ]
        metrics.gauge("devices.rejected", self._rejected)
        metrics.gauge("devices.buffered_bytes", self._buffered_bytes)

    def start(self) -> None:
        """Subscribe to the command topics and run every driver; returns at once."""
        if self._tasks:
            raise RuntimeError("the devices are running already")
        for device in self._devices:
            if device.settings.command_topic:
                self._subscribe(device.settings.command_topic, device.command)
        self._tasks = [
            asyncio.create_task(device.supervise(), name=f"device {device.settings.name}")
            for device in self._devices
        ]

    async def stop(self) -> None:
        """End every driver, leave all hardware closed, and hand over what still waits."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for device in self._devices:
            device.close()

    def resume(self) -> None:
        """Let every device publish what waits: the gateway admits again."""
        for device in self._devices:
            device.resume()

    def status(self) -> list[DeviceStatus]:
        """Return every device now, in the order of the settings."""
        return [device.status() for device in self._devices]

    def _rejected(self) -> float:
        return sum(status.rejected for status in self.status())

    def _buffered_bytes(self) -> float:
        return sum(status.buffered_bytes for status in self.status())
