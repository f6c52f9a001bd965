"""The supervisor: drivers are kept running, readings are bound to topics, one bad device stays one.

The driver here is a scripted one; time and sleep are the test's own.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from drivers import (
    CommandRejected,
    DriverState,
    DriverStatus,
    Emit,
    HardwareUnavailable,
    HardwareVanished,
    Reading,
)
from gateway.devices.backoff import SETTLED_S, Backoff
from gateway.devices.buffer import ENTRY_OVERHEAD_BYTES
from gateway.devices.device import Device, DeviceCounters
from gateway.devices.settings import DeviceSettings
from gateway.errors import GatewayError
from gateway.metrics import Metrics

Run = Callable[[Any], None]


class ScriptedDriver:
    """Each run does the next step: an exception to raise, seconds to last first, or for ever."""

    def __init__(self, *steps: Exception | float, clock: list[float] | None = None) -> None:
        self.steps = list(steps)
        self.clock = [0.0] if clock is None else clock
        self.emit: Emit | None = None
        self.runs = 0
        self.commands: list[bytes] = []
        self.state = DriverState.STOPPED

    async def run(self, emit: Emit) -> None:
        self.runs += 1
        self.emit = emit
        self.state = DriverState.RUNNING
        try:
            if not self.steps:
                await asyncio.Event().wait()
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            self.clock[0] += step
            raise HardwareVanished("it went away")
        finally:
            self.state = DriverState.STOPPED

    def command(self, payload: bytes) -> None:
        if payload == b"bad":
            raise CommandRejected("no such command", hint="send a good one")
        self.commands.append(payload)

    def status(self) -> DriverStatus:
        return DriverStatus(self.state, 0, 0, "")


class Bench:
    """One device with everything around it in the test's hands."""

    def __init__(self, driver: ScriptedDriver, **settings: Any) -> None:
        self.driver = driver
        self.published: list[tuple[str, bytes]] = []
        self.admits = True
        self.error: GatewayError | None = None
        self.waits: list[float] = []
        self.metrics = Metrics()
        self.device = Device(
            DeviceSettings(name="d", driver="serial", **{"topic": "t", **settings}),
            driver,
            publish=self._publish,
            counters=DeviceCounters(self.metrics),
            monotonic_s=lambda: driver.clock[0],
            sleep=self._sleep,
            backoff=Backoff(random.Random(1)),
        )

    def _publish(self, topic: str, payload: bytes) -> bool:
        if self.error is not None:
            raise self.error
        if self.admits:
            self.published.append((topic, payload))
        return self.admits

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.driver.clock[0] += seconds
        await asyncio.sleep(0)

    async def start(self, runs: int = 1) -> asyncio.Task[None]:
        task = asyncio.ensure_future(self.device.supervise())
        async with asyncio.timeout(5):
            while self.driver.runs < runs or self.driver.emit is None:
                await asyncio.sleep(0)
        return task

    def say(self, *payloads: bytes, channel: str | None = None) -> None:
        assert self.driver.emit is not None
        for payload in payloads:
            self.driver.emit(Reading(payload, channel))

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload in self.published]


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_readings_go_to_the_topic_and_its_channels(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver())
        task = await bench.start()
        bench.say(b"1")
        bench.say(b"2", channel="humidity")
        assert bench.published == [("t", b"1"), ("t/humidity", b"2")]
        assert bench.metrics.snapshot()["devices.readings"] == 2
        assert bench.device.status().state == "running"
        await cancelled(task)

    run(main())


def test_a_driver_that_fails_is_run_again_with_growing_waits(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        failures = [HardwareUnavailable("no port", hint="plug it in") for _ in range(8)]
        bench = Bench(ScriptedDriver(*failures))
        task = await bench.start(runs=9)
        assert len(bench.waits) == 8
        assert all(0.05 <= wait <= 15 for wait in bench.waits)
        status = bench.device.status()
        assert status.restarts == 8
        assert status.last_error == "no port; plug it in"
        assert status.state == "running"
        assert bench.metrics.snapshot()["devices.restarts"] == 8
        await cancelled(task)
        warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) < 8  # once per burst, not once per try
        assert "no port; plug it in; it is tried again" in warnings[0].getMessage()

    run(main())


def test_the_log_says_once_that_a_device_is_back(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        caplog.set_level(logging.INFO)
        bench = Bench(
            ScriptedDriver(HardwareUnavailable("no port"), HardwareUnavailable("no port"))
        )
        task = await bench.start(runs=3)
        assert "gives readings again" not in caplog.text
        bench.say(b"1", b"2")
        back = [r for r in caplog.records if "gives readings again" in r.getMessage()]
        assert [record.levelno for record in back] == [logging.INFO]
        await cancelled(task)

    run(main())


def test_a_run_that_lasted_makes_the_next_wait_short(run: Run) -> None:
    async def main() -> None:
        driver = ScriptedDriver(*[HardwareUnavailable("x")] * 8, SETTLED_S + 1)
        bench = Bench(driver)
        task = await bench.start(runs=10)
        assert max(bench.waits[:8]) > 1
        assert bench.waits[8] <= 0.5
        await cancelled(task)

    run(main())


def test_while_it_waits_the_status_says_so(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver(HardwareUnavailable("no port")))
        seen: list[str] = []
        sleep = bench._sleep

        async def watched(seconds: float) -> None:
            seen.append(bench.device.status().state)
            await sleep(seconds)

        bench.device._sleep = watched
        task = await bench.start(runs=2)
        assert seen == ["waiting"]
        await cancelled(task)

    run(main())


def test_a_broken_driver_is_logged_with_its_traceback_and_run_again(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver(ZeroDivisionError("oops")))
        task = await bench.start(runs=2)
        assert "ZeroDivisionError" in bench.device.status().last_error
        assert any(record.exc_info for record in caplog.records)
        await cancelled(task)

    run(main())


def test_readings_not_admitted_wait_in_order_and_go_at_the_next_reading(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver())
        task = await bench.start()
        bench.say(b"1")
        bench.admits = False
        bench.say(b"2", b"3")
        assert bench.device.status().buffered == 2
        bench.admits = True
        bench.say(b"4")
        assert bench.payloads == [b"1", b"2", b"3", b"4"]
        assert bench.device.status().buffered_bytes == 0
        await cancelled(task)

    run(main())


def test_resume_publishes_what_waits(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver())
        task = await bench.start()
        bench.admits = False
        bench.say(b"1", b"2")
        bench.device.resume()
        assert bench.payloads == []
        bench.admits = True
        bench.device.resume()
        assert bench.payloads == [b"1", b"2"]
        assert bench.device.status().dropped == 0
        await cancelled(task)

    run(main())


@pytest.mark.parametrize(
    ("overflow", "kept"),
    [("drop_oldest", [b"97", b"98", b"99"]), ("drop_new", [b"00", b"01", b"02"])],
)
def test_a_full_buffer_drops_by_its_policy_counts_and_says_it_once(
    run: Run, caplog: pytest.LogCaptureFixture, overflow: str, kept: list[bytes]
) -> None:
    async def main() -> None:
        room = 3 * (ENTRY_OVERHEAD_BYTES + 3)
        bench = Bench(ScriptedDriver(), overflow=overflow, buffer_bytes=room)
        task = await bench.start()
        bench.admits = False
        bench.say(*[b"%02d" % n for n in range(100)])
        status = bench.device.status()
        assert status.dropped == 97
        assert status.buffered_bytes <= room
        assert overflow in status.last_error
        assert bench.metrics.snapshot()["devices.dropped"] == 97
        assert len([r for r in caplog.records if "dropped" in r.getMessage()]) == 1
        bench.admits = True
        bench.device.resume()
        assert bench.payloads == kept
        await cancelled(task)

    run(main())


def test_a_reading_that_can_never_be_published_does_not_stop_the_next(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver())
        task = await bench.start()
        bench.error = GatewayError("too large", hint="send less")
        bench.say(b"1")
        bench.error = None
        bench.say(b"2")
        assert bench.payloads == [b"2"]
        assert bench.device.status().dropped == 1
        assert "too large; send less" in bench.device.status().last_error
        await cancelled(task)

    run(main())


def test_closing_publishes_what_it_can_and_counts_the_rest(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver())
        task = await bench.start()
        bench.admits = False
        bench.say(b"1", b"2")
        await cancelled(task)
        bench.device.close()
        assert bench.device.status().dropped == 2
        assert bench.device.status().buffered == 0

    run(main())


def test_commands_reach_the_driver_and_refused_ones_are_counted(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver(), command_topic="t/set")
        task = await bench.start()
        bench.device.command("t/set", b"good")
        bench.device.command("t/set", b"bad")
        assert bench.driver.commands == [b"good"]
        status = bench.device.status()
        assert status.commands_rejected == 1
        assert status.last_error == "no such command; send a good one"
        await cancelled(task)

    run(main())


def test_an_output_that_a_reading_commands_keeps_the_order(run: Run) -> None:
    """A reading may cause a command, whose echo is a reading of the same device."""

    async def main() -> None:
        bench = Bench(ScriptedDriver())
        task = await bench.start()
        publish = bench._publish

        def echoing(topic: str, payload: bytes) -> bool:
            taken = publish(topic, payload)
            if taken and payload == b"1":
                bench.say(b"echo")
            return taken

        bench.device._publish = echoing
        bench.admits = False
        bench.say(b"1", b"2")
        bench.admits = True
        bench.device.resume()
        assert bench.payloads == [b"1", b"2", b"echo"]
        await cancelled(task)

    run(main())


def test_an_output_without_a_topic_reports_to_nobody(run: Run) -> None:
    async def main() -> None:
        bench = Bench(ScriptedDriver(), topic="")
        task = await bench.start()
        bench.say(b"1")
        assert bench.published == []
        await cancelled(task)

    run(main())
