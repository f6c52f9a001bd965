"""One device: its driver kept running, its readings published, its commands handed over.

Owns the life of one driver and what happens to its readings while the gateway admits nothing. Knows
no hardware and no broker: both are given to it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, final

from drivers import Driver, DriverError, DriverState, Reading
from drivers.burst import Burst
from gateway.devices.backoff import Backoff
from gateway.devices.buffer import Overflow, ReadingBuffer
from gateway.devices.settings import DeviceSettings
from gateway.errors import GatewayError
from gateway.metrics import Counter, Metrics

__all__ = ["Device", "DeviceCounters", "DeviceStatus", "Publish", "Sleep"]

Publish: TypeAlias = Callable[[str, bytes], bool]
"""Takes (topic, payload); False where the gateway admits nothing just now."""

Sleep: TypeAlias = Callable[[float], Awaitable[object]]
"""Waits for so many seconds, as `asyncio.sleep` does."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device at one moment, for people.

    Attributes:
        name: The device's name in the settings.
        driver: The name of its driver.
        state: `stopped`, `opening`, `running`, or `waiting` for the next try.
        topic: Where its readings go; may be empty.
        readings: Readings its driver gave.
        rejected: What arrived and could not be used, as lines that are not JSON.
        dropped: Readings lost because the gateway did not admit them for too long.
        buffered: Readings that wait to be admitted.
        buffered_bytes: What they take of the device's `buffer_bytes`.
        commands_rejected: Commands that the device did not carry out.
        restarts: How often its driver was run again after it ended.
        last_error: The last error as a sentence with its remedy; empty until there is one.
    """

    name: str
    driver: str
    state: str
    topic: str
    readings: int
    rejected: int
    dropped: int
    buffered: int
    buffered_bytes: int
    commands_rejected: int
    restarts: int
    last_error: str


@final
class DeviceCounters:
    """What all devices of a gateway count together."""

    __slots__ = ("commands_rejected", "dropped", "readings", "restarts")

    def __init__(self, metrics: Metrics) -> None:
        self.readings: Counter = metrics.counter("devices.readings", "readings that drivers gave")
        self.dropped: Counter = metrics.counter(
            "devices.dropped", "readings lost because the gateway admitted nothing for too long"
        )
        self.commands_rejected: Counter = metrics.counter(
            "devices.commands.rejected", "commands that a device did not carry out"
        )
        self.restarts: Counter = metrics.counter(
            "devices.restarts", "drivers run again after they ended"
        )


class Device:
    """One device of the gateway.

    Args:
        settings: The device, free of problems.
        driver: Its driver.
        publish: Where readings go.
        counters: What all devices count together.
        monotonic_s: The clock.
        sleep: Waits between two runs.
        backoff: How long to wait.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        driver: Driver,
        *,
        publish: Publish,
        counters: DeviceCounters,
        monotonic_s: Callable[[], float],
        sleep: Sleep,
        backoff: Backoff,
    ) -> None:
        self.settings = settings
        self._driver = driver
        self._publish = publish
        self._counters = counters
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._backoff = backoff
        self._buffer = ReadingBuffer(settings.buffer_bytes, Overflow(settings.overflow))
        self._draining = False
        self._waiting = False
        self._dropped = 0
        self._commands_rejected = 0
        self._restarts = 0
        self._last_error = ""
        self._drops = Burst()
        self._refusals = Burst()
        self._failures = Burst()
        self._reported_failure = False

    async def supervise(self) -> None:
        """Run the driver, again and again, until cancelled."""
        while True:
            started_s = self._monotonic_s()
            try:
                await self._driver.run(self._emit)
                self._note_failure("its driver ended by itself", "")
            except DriverError as error:
                self._note_failure(str(error), error.hint)
            except Exception as error:  # outermost frame of the task: a broken driver stays alone
                self._note_failure(f"its driver failed: {error!r}", "this is a fault of Weir's")
                _log.exception("device %s: its driver failed", self.settings.name)
            wait_s = self._backoff.after(self._monotonic_s() - started_s)
            self._waiting = True
            try:
                await self._sleep(wait_s)
            finally:
                self._waiting = False
            self._restarts += 1
            self._counters.restarts.value += 1

    def command(self, topic: str, payload: bytes) -> None:
        """Hand a command to the driver; one that it refuses is counted and logged.

        Args:
            topic: Where it was published.
            payload: What it says.
        """
        try:
            self._driver.command(payload)
        except DriverError as error:
            self._commands_rejected += 1
            self._counters.commands_rejected.value += 1
            self._last_error = _sentence(str(error), error.hint)
            if due := self._refusals.add(1, self._monotonic_s()):
                _log.warning(
                    "device %s: %d command(s) on %s not carried out: %s",
                    self.settings.name,
                    due,
                    topic,
                    self._last_error,
                )

    def resume(self) -> None:
        """Publish what waits, now that the gateway admits again."""
        if not self._draining:
            self._drain()

    def close(self) -> None:
        """Publish what waits if that is possible; what is not is dropped and counted."""
        self.resume()
        self._count_dropped(self._buffer.clear(), "the gateway stopped before it admitted them")

    def status(self) -> DeviceStatus:
        """Return the state and the counters now."""
        driver = self._driver.status()
        waiting = self._waiting and driver.state is DriverState.STOPPED
        return DeviceStatus(
            name=self.settings.name,
            driver=self.settings.driver,
            state="waiting" if waiting else driver.state.value,
            topic=self.settings.topic,
            readings=driver.readings,
            rejected=driver.rejected,
            dropped=self._dropped,
            buffered=len(self._buffer),
            buffered_bytes=self._buffer.size_bytes,
            commands_rejected=self._commands_rejected,
            restarts=self._restarts,
            last_error=self._last_error or driver.last_error,
        )

    def _emit(self, reading: Reading) -> None:
        self._counters.readings.value += 1
        if self._reported_failure:
            self._reported_failure = False
            _log.info("device %s: gives readings again", self.settings.name)
        topic = self.settings.topic
        if not topic:
            return  # an output that reports to nobody
        if reading.channel is not None:
            topic = f"{topic}/{reading.channel}"
        # Behind what waits already, so that the order of the device is kept.
        if not self._draining and self._drain() and self._offer(topic, reading.payload):
            return
        lost = self._buffer.add(topic, reading.payload)
        self._count_dropped(
            lost,
            f"its buffer of {self.settings.buffer_bytes} bytes is full ({self.settings.overflow})",
        )

    def _drain(self) -> bool:
        self._draining = True
        try:
            return self._buffer.drain(self._offer)
        finally:
            self._draining = False

    def _offer(self, topic: str, payload: bytes) -> bool:
        """Publish; a reading that can never be published is dropped, so that the next ones can."""
        try:
            return self._publish(topic, payload)
        except GatewayError as error:
            self._count_dropped(1, _sentence(str(error), error.hint))
            return True

    def _count_dropped(self, lost: int, reason: str) -> None:
        if not lost:
            return
        self._dropped += lost
        self._counters.dropped.value += lost
        self._last_error = f"readings were dropped: {reason}"
        if due := self._drops.add(lost, self._monotonic_s()):
            _log.warning("device %s: %d reading(s) dropped: %s", self.settings.name, due, reason)

    def _note_failure(self, message: str, hint: str) -> None:
        self._last_error = _sentence(message, hint)
        if due := self._failures.add(1, self._monotonic_s()):
            self._reported_failure = True
            _log.warning(
                "device %s: %s; it is tried again%s",
                self.settings.name,
                self._last_error,
                "" if due == 1 else f" ({due} failures since the last report)",
            )


def _sentence(message: str, hint: str) -> str:
    return f"{message}; {hint}" if hint else message
