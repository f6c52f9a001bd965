"""What every driver promises, the same assertions over each kind of hardware.

A rig makes one driver and plays the world around it. Real hardware joins by a rig of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers import CommandRejected, Driver, DriverError, DriverState, HardwareUnavailable
from drivers.gpio import GpioInput, GpioOutput
from drivers.pins import PinFactories
from drivers.serial_port import SerialDriver
from firmware_sim.serial_board import SerialBoard
from tests.rig.driven import Driven, driven

Run = Callable[[Any], None]


class Rig(ABC):
    """One driver and the world around it."""

    driver: Driver
    first: tuple[bytes, ...]  # what the device says by itself once it is open

    @abstractmethod
    def make_reading(self, number: int) -> bytes:
        """Let the world change; return the payload that must follow."""

    @abstractmethod
    def take_hardware_away(self) -> Callable[[], None]:
        """Make opening fail; return what undoes it."""

    def vanish(self) -> bool:
        """Let the hardware go away while in use; False where this kind cannot."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Take the world down."""


class SerialRig(Rig):
    first = ()

    def __init__(self, folder: Path) -> None:
        self.board = SerialBoard(folder / "board")
        self.board.plug()
        self.driver = SerialDriver(str(self.board.link), time.monotonic)

    def make_reading(self, number: int) -> bytes:
        self.board.write_bytes(b'{"n":%d}\n' % number)
        return b'{"n":%d}' % number

    def take_hardware_away(self) -> Callable[[], None]:
        self.board.unplug()
        return self.board.plug

    def vanish(self) -> bool:
        self.board.unplug()
        return True

    def close(self) -> None:
        self.board.unplug()


class PinRig(Rig):
    """A mock pin; taken away by another device that holds it."""

    first = (b'{"value":0}',)
    pin_number = 17

    def __init__(self) -> None:
        self.pins = PinFactories()

    def take_hardware_away(self) -> Callable[[], None]:
        holder = GpioOutput(self.pin_number, self.pins, pin_factory="mock")
        run = holder.run(lambda reading: None)
        run.send(None)  # up to where it waits for ever
        return run.close

    def close(self) -> None:
        assert self.pins.in_use("mock") is None

    def mock_pin(self) -> Any:
        factory = self.pins.in_use("mock")
        assert factory is not None
        return factory.pin(f"GPIO{self.pin_number}")


class InputRig(PinRig):
    def __init__(self, _folder: Path) -> None:
        super().__init__()
        self.driver = GpioInput(self.pin_number, self.pins, time.monotonic, pin_factory="mock")

    def make_reading(self, number: int) -> bytes:
        if number % 2:
            self.mock_pin().drive_high()
        else:
            self.mock_pin().drive_low()
        return b'{"value":%d}' % (number % 2)


class OutputRig(PinRig):
    def __init__(self, _folder: Path) -> None:
        super().__init__()
        self.driver = GpioOutput(self.pin_number, self.pins, pin_factory="mock")

    def make_reading(self, number: int) -> bytes:
        self.driver.command(b"%d" % (number % 2))
        return b'{"value":%d}' % (number % 2)


@pytest.fixture(params=[SerialRig, InputRig, OutputRig], ids=["serial", "input", "output"])
def make_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Rig]:
    return lambda: request.param(tmp_path)  # type: ignore[no-any-return]


def test_readings_come_in_order_as_json_and_are_counted(
    make_rig: Callable[[], Rig], run_on_both_loops: Run
) -> None:
    async def main() -> None:
        rig = make_rig()
        async with driven(rig.driver) as running:
            expected = list(rig.first)
            for number in range(1, 21):
                expected.append(rig.make_reading(number))
                await running.readings(len(expected))
            assert running.payloads == expected
            assert all(json.loads(payload) is not None for payload in expected)
            status = rig.driver.status()
            assert (status.state, status.readings) == (DriverState.RUNNING, len(expected))
        assert rig.driver.status().state is DriverState.STOPPED
        rig.close()

    run_on_both_loops(main())


def test_it_runs_again_after_it_was_cancelled_and_counts_on(
    make_rig: Callable[[], Rig], run: Run
) -> None:
    async def main() -> None:
        rig = make_rig()
        counted = 0
        for _ in range(3):
            async with driven(rig.driver) as running:
                for number in (1, 2):
                    payload = rig.make_reading(number)
                    assert (await running.readings(len(rig.first) + number))[-1] == payload
            counted += len(running.payloads)
            assert rig.driver.status().readings == counted
        rig.close()

    run(main())


def test_hardware_that_is_not_there_is_an_error_with_a_hint_and_may_come_later(
    make_rig: Callable[[], Rig], run: Run
) -> None:
    async def main() -> None:
        rig = make_rig()
        give_back = rig.take_hardware_away()
        with pytest.raises(HardwareUnavailable) as caught:
            await rig.driver.run(lambda reading: None)
        assert str(caught.value) and caught.value.hint
        assert caught.value.code == "hardware-unavailable"
        assert rig.driver.status().last_error == str(caught.value)
        assert rig.driver.status().state is DriverState.STOPPED
        give_back()
        async with driven(rig.driver) as running:
            payload = rig.make_reading(1)
            assert (await running.readings(len(rig.first) + 1))[-1] == payload
        rig.close()

    run(main())


def test_hardware_that_goes_away_ends_the_run_with_an_error(
    make_rig: Callable[[], Rig], run_on_both_loops: Run
) -> None:
    async def main() -> None:
        rig = make_rig()
        running = Driven(rig.driver)
        await running.until_running()
        if not rig.vanish():
            running.task.cancel()  # a pin of the board's own goes away with the board only
            await asyncio.gather(running.task, return_exceptions=True)
            assert running.task.cancelled()
            return
        with pytest.raises(DriverError) as caught:
            async with asyncio.timeout(5):
                await running.task
        assert caught.value.code == "hardware-vanished"
        assert rig.driver.status().state is DriverState.STOPPED

    run_on_both_loops(main())


def test_a_command_to_hardware_that_is_not_open_is_refused(
    make_rig: Callable[[], Rig], run: Run
) -> None:
    async def main() -> None:
        rig = make_rig()
        with pytest.raises(CommandRejected):
            rig.driver.command(b"true")
        rig.close()

    run(main())


def test_nothing_stays_open(make_rig: Callable[[], Rig], run: Run) -> None:
    async def main() -> None:
        rig = make_rig()
        async with driven(rig.driver):
            pass
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            async with driven(rig.driver):
                pass
        assert len(os.listdir("/proc/self/fd")) == before
        rig.close()

    run(main())
