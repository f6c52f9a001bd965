"""The serial driver on a real terminal device: the far end is a simulated board on a pty."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

from drivers import CommandRejected, DriverState, HardwareUnavailable, HardwareVanished
from drivers.serial_port import MAX_OUTPUT_BYTES, SerialDriver
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.serial_board import SerialBoard
from tests.rig.driven import Driven, driven

Run = Callable[[Any], None]


def driver_of(link: Path, **options: Any) -> SerialDriver:
    return SerialDriver(str(link), time.monotonic, **options)


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "board"


def test_lines_become_readings_byte_for_byte(link: Path, run_on_both_loops: Run) -> None:
    async def main() -> None:
        with SerialBoard(link) as board:
            async with driven(driver_of(link)) as running:
                board.write_bytes(b'{"celsius": 21.50,  "seq":1}\r\n')
                board.tick(0.0)
                first, second = await running.readings(2)
        assert first == b'{"celsius": 21.50,  "seq":1}'
        assert json.loads(second) == {"sensor": "bench", "celsius": 21.5, "seq": 1}

    run_on_both_loops(main())


def test_split_lines_are_whole_readings(link: Path, run: Run) -> None:
    async def main() -> None:
        with SerialBoard(link, faults=[Fault(FaultKind.SPLIT, 1)]) as board:
            async with driven(driver_of(link)) as running:
                for n in range(20):
                    board.tick(float(n))
                    await asyncio.sleep(0)
                readings = await running.readings(20)
                board.write_bytes(b'{"half":')
                for _ in range(10):
                    await asyncio.sleep(0)
                assert len(running.payloads) == 20
                board.write_bytes(b"true}\n")
                await running.readings(21)
        assert [json.loads(payload)["seq"] for payload in readings[:20]] == list(range(1, 21))
        assert running.driver.status().rejected == 0

    run(main())


def test_garbage_is_counted_reported_once_and_harms_nothing(
    link: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        with SerialBoard(link) as board:
            async with driven(driver_of(link, max_line_bytes=200)) as running:
                board.write_bytes(b"{}\n")
                for _ in range(5):
                    board.write_bytes(b"Booting v1.2 ...\n\xff\xfe\x00\n" + b"z" * 500 + b"\n")
                    await asyncio.sleep(0)
                board.write_bytes(b"[1]\n")
                assert await running.readings(2) == [b"{}", b"[1]"]
                status = running.driver.status()
                assert status.rejected == 15
                assert status.readings == 2
                assert "not JSON" in status.last_error
        warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert "check baud" in warnings[0].getMessage()

    run(main())


def test_the_wrong_baud_gives_rejected_lines_and_the_right_one_readings(
    link: Path, run: Run
) -> None:
    async def main() -> None:
        with SerialBoard(link, baud=9600) as board:
            async with driven(driver_of(link, baud=115_200)) as running:
                assert board.reader_baud == 115_200
                for n in range(3):
                    board.tick(float(n))
                await running.rejected(3)
                assert running.payloads == []
            async with driven(driver_of(link, baud=9600)) as running:
                board.tick(3.0)
                await running.readings(1)

    run(main())


def test_unplugging_ends_the_run_and_replugging_allows_the_next(
    link: Path, run_on_both_loops: Run
) -> None:
    async def main() -> None:
        driver = driver_of(link)
        with SerialBoard(link) as board:
            running = Driven(driver)
            await running.until_running()
            board.write_bytes(b'{"cut off')
            board.unplug()
            with pytest.raises(HardwareVanished, match="went away") as caught:
                async with asyncio.timeout(5):
                    await running.task
            assert "plug" in caught.value.hint
            assert driver.status().state is DriverState.STOPPED
            assert "went away" in driver.status().last_error
            with pytest.raises(HardwareUnavailable, match="there is no port"):
                await driver.run(lambda reading: None)
            board.plug()
            async with driven(driver) as again:
                board.write_bytes(b'{"after":1}\n')
                assert await again.readings(1) == [b'{"after":1}']
        assert driver.status().rejected == 0  # the cut line is forgotten, not joined to the next

    run_on_both_loops(main())


def test_the_port_is_taken_exclusively_and_given_back(link: Path, run: Run) -> None:
    async def main() -> None:
        with SerialBoard(link):
            async with driven(driver_of(link)):
                with pytest.raises(HardwareUnavailable, match="in use by another program"):
                    await driver_of(link).run(lambda reading: None)
            with serial.Serial(str(link), exclusive=True):
                pass

    run(main())


def test_what_is_no_serial_port_is_said_to_be_none(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        plain = tmp_path / "file"
        plain.write_bytes(b"")
        with pytest.raises(HardwareUnavailable, match="cannot be opened") as caught:
            await driver_of(plain).run(lambda reading: None)
        assert "serial port" in caught.value.hint

    run(main())


def test_descriptors_are_not_leaked_by_failures(link: Path, run: Run) -> None:
    async def main() -> None:
        driver = driver_of(link)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with SerialBoard(link) as board:
                running = Driven(driver)
                await running.until_running()
                board.unplug()
                with pytest.raises(HardwareVanished):
                    await running.task
        assert len(os.listdir("/proc/self/fd")) == before

    run(main())


def test_a_command_is_a_line_to_the_device(link: Path, run: Run) -> None:
    async def main() -> None:
        with SerialBoard(link) as board:
            async with driven(driver_of(link)) as running:
                running.driver.command(b'{"celsius":35}')
                async with asyncio.timeout(5):
                    while board.sensor.celsius != 35:
                        board.read_commands()
                        await asyncio.sleep(0)
                with pytest.raises(CommandRejected, match="line end"):
                    running.driver.command(b"one\ntwo")
            with pytest.raises(CommandRejected, match="not open"):
                running.driver.command(b"x")

    run(main())


def test_a_device_that_takes_nothing_bounds_its_commands(link: Path, run: Run) -> None:
    async def main() -> None:
        with SerialBoard(link) as board:
            async with driven(driver_of(link)) as running:
                line = b"x" * 999
                accepted = 0
                with pytest.raises(CommandRejected, match="does not take"):
                    while accepted < 1000:
                        running.driver.command(line)
                        accepted += 1
                assert accepted >= MAX_OUTPUT_BYTES // 1000
                received = 0
                async with asyncio.timeout(5):
                    while received < accepted:
                        received += len(board.read_commands())
                        await asyncio.sleep(0)
                running.driver.command(b"room again")

    run(main())


def test_a_fault_of_the_taker_ends_the_run_and_not_the_loop(link: Path, run: Run) -> None:
    async def main() -> None:
        def refuse(reading: object) -> None:
            raise LookupError("no such thing")

        with SerialBoard(link) as board:
            task = asyncio.ensure_future(driver_of(link).run(refuse))
            while not task.done() and board.reader_baud:
                board.write_bytes(b"{}\n")
                await asyncio.sleep(0.001)
            with pytest.raises(LookupError):
                await task

    run(main())
