"""The supervisor with the real drivers: a board on a pty that comes and goes, a mock pin."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_sim.serial_board import SerialBoard
from gateway.devices import DeviceSettings, DeviceSupervisor, device_problems
from gateway.metrics import Metrics

Run = Callable[[Any], None]


class House:
    """A gateway's worth of surroundings: a list for a broker, waits that end at once."""

    def __init__(self, *devices: DeviceSettings) -> None:
        assert device_problems(devices) == []
        self.published: list[tuple[str, bytes]] = []
        self.subscribed: dict[str, Callable[[str, bytes], None]] = {}
        self.metrics = Metrics()
        self.supervisor = DeviceSupervisor(
            devices,
            publish=self._publish,
            subscribe=self.subscribed.__setitem__,
            metrics=self.metrics,
            monotonic_s=time.monotonic,
            randomness=random.Random(3),
            sleep=lambda seconds: asyncio.sleep(0),
        )

    def _publish(self, topic: str, payload: bytes) -> bool:
        self.published.append((topic, payload))
        return True

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)

    def state(self, index: int = 0) -> str:
        return self.supervisor.status()[index].state


def test_a_sensor_that_is_unplugged_and_plugged_in_again_goes_on(
    tmp_path: Path, run_on_both_loops: Run
) -> None:
    async def main() -> None:
        link = tmp_path / "board"
        house = House(DeviceSettings(name="s", driver="serial", port=str(link), topic="bench/t"))
        house.supervisor.start()
        await house.until(lambda: "no port" in house.supervisor.status()[0].last_error)
        for round_number in range(1, 4):
            with SerialBoard(link) as board:
                await house.until(lambda: house.state() == "running")
                board.write_line({"round": round_number})
                await house.until(lambda n=round_number: len(house.published) == n)  # type: ignore[misc]
            await house.until(lambda: house.state() != "running")
        status = house.supervisor.status()[0]
        assert [json.loads(payload)["round"] for _, payload in house.published] == [1, 2, 3]
        assert status.restarts >= 3
        assert status.readings == 3
        await house.supervisor.stop()
        assert house.state() == "stopped"

    run_on_both_loops(main())


def test_one_bad_device_leaves_the_others_alone(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        house = House(
            DeviceSettings(name="absent", driver="serial", port="/nowhere/tty", topic="x"),
            DeviceSettings(
                name="lamp",
                driver="gpio",
                pin=27,
                direction="output",
                pin_factory="mock",
                topic="lamp/state",
                command_topic="lamp/set",
            ),
            DeviceSettings(
                name="door",
                driver="gpio",
                pin=17,
                direction="input",
                pin_factory="mock",
                topic="door",
            ),
        )
        house.supervisor.start()
        await house.until(lambda: house.state(1) == house.state(2) == "running")
        house.subscribed["lamp/set"]("lamp/set", b"true")
        house.subscribed["lamp/set"]("lamp/set", b"nonsense")
        factory = house.supervisor.pins.in_use("mock")
        assert factory is not None
        factory.pin("GPIO17").drive_high()
        await house.until(lambda: ("door", b'{"value":1}') in house.published)
        absent, lamp, door = house.supervisor.status()
        assert absent.restarts > 0 and "no port" in absent.last_error
        assert lamp.commands_rejected == 1 and "neither on nor off" in lamp.last_error
        assert door.restarts == 0 and door.readings == 2
        assert [p for t, p in house.published if t == "lamp/state"] == [
            b'{"value":0}',
            b'{"value":1}',
        ]
        await house.supervisor.stop()
        assert house.supervisor.pins.in_use("mock") is None

    run(main())


def test_the_counters_are_in_the_metrics(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        link = tmp_path / "board"
        with SerialBoard(link) as board:
            house = House(DeviceSettings(name="s", driver="serial", port=str(link), topic="t"))
            house.supervisor.start()
            await house.until(lambda: house.state() == "running")
            board.write_bytes(b"{}\nnonsense\n{}\n")
            await house.until(lambda: len(house.published) == 2)
            await house.supervisor.stop()
        values = house.metrics.snapshot()
        assert values["devices.readings"] == 2
        assert values["devices.rejected"] == 1
        assert values["devices.dropped"] == 0

    run(main())
