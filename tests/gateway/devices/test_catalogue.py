"""Settings of devices: every problem is a sentence with a remedy, and what is right is built."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from typing import Any

import pytest

from drivers.gpio import GpioInput, GpioOutput
from drivers.pins import PinFactories
from drivers.serial_port import SerialDriver
from gateway.devices import DeviceSettings, build_driver, device_problems
from gateway.errors import DeviceError

SERIAL: dict[str, Any] = {"name": "a", "driver": "serial", "port": "/dev/ttyS0", "topic": "t"}
INPUT: dict[str, Any] = {
    "name": "b",
    "driver": "gpio",
    "pin": 17,
    "direction": "input",
    "pin_factory": "mock",
    "topic": "t",
}
OUTPUT: dict[str, Any] = {
    "name": "c",
    "driver": "gpio",
    "pin": 27,
    "direction": "output",
    "pin_factory": "lgpio",
    "command_topic": "t/set",
}


def problems(*devices: dict[str, Any]) -> list[str]:
    return device_problems([DeviceSettings(**device) for device in devices])


def test_what_is_right_has_no_problems_and_is_built() -> None:
    assert problems(SERIAL, INPUT, OUTPUT) == []
    built = [
        build_driver(DeviceSettings(**device), pins=PinFactories(), monotonic_s=time.monotonic)
        for device in (SERIAL, INPUT, OUTPUT)
    ]
    assert [type(driver) for driver in built] == [SerialDriver, GpioInput, GpioOutput]


@pytest.mark.parametrize(
    ("device", "change", "said"),
    [
        (SERIAL, {"driver": "seriel"}, 'no driver "seriel"; did you mean "serial"?'),
        (SERIAL, {"driver": "gpoi"}, 'did you mean "gpio"?'),
        (SERIAL, {"driver": ""}, "there is no driver"),
        (SERIAL, {"name": ""}, "has no name"),
        (SERIAL, {"port": ""}, "port is missing"),
        (SERIAL, {"port": "ttyUSB0"}, "whole path"),
        (SERIAL, {"topic": ""}, "topic is missing"),
        (SERIAL, {"topic": "a/+/b"}, "holds a wildcard"),
        (SERIAL, {"command_topic": "a/#"}, "holds a wildcard"),
        (SERIAL, {"topic": "a\0b"}, "NUL"),
        (SERIAL, {"topic": "ö" * 40_000}, "longer than 65535 bytes"),
        (SERIAL, {"command_topic": "t"}, "the same"),
        (SERIAL, {"baud": 0}, "baud is 0"),
        (SERIAL, {"format": "csv"}, 'format is "csv"'),
        (SERIAL, {"max_line_bytes": 0}, "max_line_bytes is 0"),
        (SERIAL, {"buffer_bytes": 10}, "buffer_bytes is 10"),
        (SERIAL, {"overflow": "drop"}, 'overflow is "drop"; it is one of drop_oldest, drop_new'),
        (SERIAL, {"pin": 4}, 'pin means nothing to the driver "serial"'),
        (INPUT, {"port": "/dev/x"}, 'port means nothing to the driver "gpio"'),
        (INPUT, {"pin": None}, "pin is missing"),
        (INPUT, {"pin": 40}, "pin is 40"),
        (INPUT, {"direction": ""}, "direction is missing; it is one of input, output"),
        (INPUT, {"direction": "in"}, 'direction is "in"'),
        (INPUT, {"pin_factory": ""}, 'pin_factory is missing; use "lgpio" on a Raspberry Pi'),
        (INPUT, {"pin_factory": "auto"}, 'pin_factory is "auto"'),
        (INPUT, {"chip": 4}, "mock pins are on no chip"),
        (INPUT, {"pull": "sideways"}, 'pull is "sideways"'),
        (INPUT, {"topic": ""}, "topic is missing"),
        (INPUT, {"command_topic": "x"}, "takes no commands"),
        (INPUT, {"initial": True}, "initial is for outputs"),
        (INPUT, {"debounce_s": -1.0}, "debounce_s is -1.0"),
        (OUTPUT, {"command_topic": ""}, "command_topic is missing"),
        (OUTPUT, {"pull": "up"}, "pull is for inputs"),
        (OUTPUT, {"debounce_s": 0.1}, "debounce_s is for inputs"),
    ],
)
def test_each_problem_is_one_sentence_with_a_remedy(
    device: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    (sentence,) = problems({**device, **change})
    assert said in sentence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"port": "/dev/ttyS1"}, 'two devices are named "a"'),
        ({"name": "other"}, 'port /dev/ttyS0 belongs to device "a" already'),
    ],
)
def test_two_devices_share_neither_name_nor_hardware(change: dict[str, Any], said: str) -> None:
    (sentence,) = problems(SERIAL, {**SERIAL, **change})
    assert said in sentence


def test_one_pin_of_two_chips_is_two_pins() -> None:
    assert problems(OUTPUT, {**OUTPUT, "name": "d", "chip": 4}) == []
    (sentence,) = problems(OUTPUT, {**OUTPUT, "name": "d"})
    assert 'GPIO27 of lgpio belongs to device "c" already' in sentence


def test_an_unknown_driver_is_not_built() -> None:
    with pytest.raises(DeviceError, match="did you mean"):
        build_driver(
            DeviceSettings(name="a", driver="modbuss"),
            pins=PinFactories(),
            monotonic_s=time.monotonic,
        )


def test_every_setting_is_documented() -> None:
    for field in dataclasses.fields(DeviceSettings):
        assert field.metadata["doc"].endswith("."), field.name
        assert field.metadata["unit"], field.name


def test_a_gateway_without_devices_imports_no_hardware_library() -> None:
    code = (
        "import sys, gateway.devices\n"
        "print(sorted({'serial', 'gpiozero', 'lgpio'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
