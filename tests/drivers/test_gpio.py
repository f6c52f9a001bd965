"""GPIO drivers on gpiozero's mock pins, driven from another thread as a Pi's library would."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import gpiozero
import pytest

from drivers import CommandRejected, DriverState, HardwareUnavailable
from drivers.edges import MAX_PENDING_EDGES
from drivers.gpio import GpioInput, GpioOutput, parse_switch
from drivers.pins import PinFactories
from tests.rig.driven import driven

Run = Callable[[Any], None]
ON, OFF = b'{"value":1}', b'{"value":0}'


def input_of(pins: PinFactories, **options: Any) -> GpioInput:
    return GpioInput(17, pins, time.monotonic, pin_factory="mock", **options)


def mock_pin(pins: PinFactories, number: int = 17) -> Any:
    factory = pins.in_use("mock")
    assert factory is not None
    return factory.pin(f"GPIO{number}")


def elsewhere(act: Callable[[], object]) -> None:
    """Do something on another thread."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_the_first_level_and_each_edge_are_readings(run_on_both_loops: Run) -> None:
    async def main() -> None:
        pins = PinFactories()
        async with driven(input_of(pins)) as running:
            pin = mock_pin(pins)
            elsewhere(pin.drive_high)
            await running.readings(2)
            elsewhere(pin.drive_low)
            assert await running.readings(3) == [OFF, ON, OFF]
            assert running.driver.status().readings == 3
        assert pins.in_use("mock") is None
        assert running.driver.status().state is DriverState.STOPPED

    run_on_both_loops(main())


def test_a_button_to_ground_is_one_while_pressed(run: Run) -> None:
    async def main() -> None:
        pins = PinFactories()
        async with driven(input_of(pins, pull="up", active_low=True)) as running:
            assert mock_pin(pins).pull == "up"
            elsewhere(mock_pin(pins).drive_low)
            assert await running.readings(2) == [OFF, ON]

    run(main())


def test_a_bouncing_contact_is_one_reading(run: Run) -> None:
    async def main() -> None:
        now_s = [100.0]
        pins = PinFactories()
        driver = GpioInput(17, pins, lambda: now_s[0], pin_factory="mock", debounce_s=0.005)

        def bounce() -> None:
            for _ in range(5):
                mock_pin(pins).drive_high()
                mock_pin(pins).drive_low()
            mock_pin(pins).drive_high()

        async with driven(driver) as running:
            elsewhere(bounce)
            for _ in range(5):
                await asyncio.sleep(0)
            assert running.payloads == [OFF]  # the clock stands still: nothing has settled
            now_s[0] += 1
            assert await running.readings(2) == [OFF, ON]

    run(main())


def test_a_flood_of_edges_is_counted_and_ends_true(run: Run) -> None:
    async def main() -> None:
        pins = PinFactories()
        async with driven(input_of(pins)) as running:
            pin = mock_pin(pins)

            def flood() -> None:
                for _ in range(2000):
                    pin.drive_high()
                    pin.drive_low()
                pin.drive_high()

            elsewhere(flood)  # the loop waits meanwhile
            await running.rejected(1)
            status = running.driver.status()
            assert status.rejected == 4001 - MAX_PENDING_EDGES
            assert running.payloads[-1] == ON
            assert "faster" in status.last_error

    run(main())


def test_an_output_starts_safe_obeys_and_ends_safe(run: Run) -> None:
    async def main() -> None:
        pins = PinFactories()
        driver = GpioOutput(27, pins, pin_factory="mock", active_low=True, initial=False)
        async with driven(driver) as running:
            pin = mock_pin(pins, 27)
            assert pin.function == "output"
            assert pin.state is True  # active low: off is high
            driver.command(b"true")
            assert pin.state is False
            driver.command(b'{"value":"off"}')
            assert pin.state is True
            driver.command(b"1")
            with pytest.raises(CommandRejected, match="neither on nor off"):
                driver.command(b'"maybe"')
            assert running.payloads == [OFF, ON, OFF, ON]
        assert [state.state for state in pin.states][-1] is True
        with pytest.raises(CommandRejected, match="not driven now"):
            driver.command(b"true")

    run(main())


def test_two_devices_share_the_chip_but_not_a_pin(run: Run) -> None:
    async def main() -> None:
        pins = PinFactories()
        async with driven(input_of(pins)):
            async with driven(GpioOutput(27, pins, pin_factory="mock")):
                with pytest.raises(HardwareUnavailable, match="already in use") as caught:
                    await GpioOutput(17, pins, pin_factory="mock").run(lambda reading: None)
                assert "nothing else uses it" in caught.value.hint
            assert pins.in_use("mock") is not None
        assert pins.in_use("mock") is None

    run(main())


def test_a_pull_that_the_board_forbids_is_explained(run: Run) -> None:
    async def main() -> None:
        driver = GpioInput(
            2, PinFactories(), time.monotonic, pin_factory="mock", pull="down"
        )  # GPIO2 has a resistor of its own
        with pytest.raises(HardwareUnavailable, match="GPIO2 cannot be used"):
            await driver.run(lambda reading: None)

    run(main())


def test_without_lgpio_the_remedy_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)

    async def main() -> None:
        driver = GpioOutput(17, PinFactories(), pin_factory="lgpio")
        with pytest.raises(HardwareUnavailable, match="lgpio") as caught:
            await driver.run(lambda reading: None)
        assert 'pin_factory = "mock"' in caught.value.hint
        assert driver.status().state is DriverState.STOPPED

    run(main())


def test_no_pin_factory_is_chosen_by_trial(run: Run) -> None:
    async def main() -> None:
        async with driven(input_of(PinFactories())):
            assert gpiozero.Device.pin_factory is None
        with pytest.raises(HardwareUnavailable, match='no pin factory "auto"'):
            await GpioOutput(17, PinFactories(), pin_factory="auto").run(lambda reading: None)

    run(main())


def test_an_input_takes_no_commands() -> None:
    with pytest.raises(CommandRejected, match="is an input"):
        input_of(PinFactories()).command(b"true")


@pytest.mark.parametrize(
    ("payload", "on"),
    [
        (b"true", True),
        (b"false", False),
        (b"1", True),
        (b"0", False),
        (b'"on"', True),
        (b'"OFF"', False),
        (b" on\n", True),
        (b"off", False),
        (b'{"value": true}', True),
        (b'{"value": 0}', False),
        (b'{"value": "on", "by": "x"}', True),
    ],
)
def test_commands_that_are_on_or_off(payload: bytes, on: bool) -> None:
    assert parse_switch(payload) is on


@pytest.mark.parametrize(
    "payload",
    [b"", b"2", b"-1", b"1.0", b"null", b"[1]", b"{}", b'{"value":{}}', b"\xff", b'"yes"'],
)
def test_commands_that_are_neither(payload: bytes) -> None:
    with pytest.raises(CommandRejected, match="neither on nor off"):
        parse_switch(payload)
