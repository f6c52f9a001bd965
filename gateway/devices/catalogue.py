"""The drivers there are: what each needs of the settings, and how it is made.

Owns the table from a driver's name to its fields and its factory. A driver's module, and with it
its hardware library, is imported when a device of that kind is made, not before.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable
from typing import TypeAlias

from drivers import Driver
from drivers.pins import PIN_FACTORIES, PinFactories
from gateway.devices.settings import DeviceSettings
from gateway.errors import DeviceError

__all__ = ["DRIVERS", "build_driver", "device_problems"]

_Build: TypeAlias = Callable[[DeviceSettings, PinFactories, Callable[[], float]], Driver]

_FORMATS = ("json-lines",)
_DIRECTIONS = ("input", "output")
_PULLS = ("up", "down", "none")

# The fields of every device, whatever its driver.
_COMMON = frozenset({"name", "driver", "topic", "command_topic", "buffer_bytes", "overflow"})


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """One driver: the fields it reads, its own checks, and how to make it."""

    fields: frozenset[str]
    problems: Callable[[DeviceSettings], list[str]]
    claims: Callable[[DeviceSettings], str]  # what no two devices may share, in words
    build: _Build


def build_driver(
    settings: DeviceSettings, *, pins: PinFactories, monotonic_s: Callable[[], float]
) -> Driver:
    """Make the driver of one device; nothing is opened yet.

    Args:
        settings: The device, free of problems.
        pins: Where GPIO pins come from, one for all devices of a gateway.
        monotonic_s: The clock.

    Raises:
        DeviceError: No driver has this name.
    """
    kind = DRIVERS.get(settings.driver)
    if kind is None:
        raise DeviceError(_unknown_driver(settings))
    return kind.build(settings, pins, monotonic_s)


def device_problems(devices: Iterable[DeviceSettings]) -> list[str]:
    """Return what is wrong with the devices, each and together, a sentence with a remedy each."""
    found: list[str] = []
    names: set[str] = set()
    claims: dict[str, str] = {}
    for device in devices:
        found += device.problems()
        if device.name in names:
            found.append(f'two devices are named "{device.name}"; rename one')
        names.add(device.name)
        kind = DRIVERS.get(device.driver)
        if kind is None:
            found.append(_unknown_driver(device))
            continue
        found += _foreign_fields(device, kind)
        found += kind.problems(device)
        claim = kind.claims(device)
        if claim in claims:
            found.append(
                f'device "{device.name}": {claim} belongs to device "{claims[claim]}" already; '
                "give one of them another"
            )
        elif claim:
            claims[claim] = device.name
    return found


def _unknown_driver(device: DeviceSettings) -> str:
    near = difflib.get_close_matches(device.driver, DRIVERS, n=1, cutoff=0.0)
    return (
        f'device "{device.name}": there is no driver "{device.driver}"; did you mean "{near[0]}"?'
    )


def _foreign_fields(device: DeviceSettings, kind: _Kind) -> list[str]:
    """Name what is set but not read: most often a typing error, or the wrong driver."""
    return [
        f'device "{device.name}": {field.name} means nothing to the driver "{device.driver}"; '
        "remove it"
        for field in dataclasses.fields(device)
        if field.name not in kind.fields
        and field.default is not dataclasses.MISSING
        and getattr(device, field.name) != field.default
    ]


def _serial_problems(device: DeviceSettings) -> list[str]:
    where = f'device "{device.name}"'
    found = []
    if not device.port:
        found.append(f'{where}: port is missing; add port = "/dev/serial/by-id/…"')
    elif not device.port.startswith("/"):
        found.append(f'{where}: port is "{device.port}"; give the whole path, from / on')
    if not device.topic:
        found.append(f'{where}: topic is missing; add topic = "…", where its readings go')
    if device.format not in _FORMATS:
        found.append(f'{where}: format is "{device.format}"; it is {_FORMATS[0]}')
    return found


def _build_serial(
    device: DeviceSettings, _pins: PinFactories, monotonic_s: Callable[[], float]
) -> Driver:
    from drivers.serial_port import SerialDriver

    return SerialDriver(
        device.port, monotonic_s, baud=device.baud, max_line_bytes=device.max_line_bytes
    )


def _gpio_problems(device: DeviceSettings) -> list[str]:
    where = f'device "{device.name}"'
    found = []
    if device.pin is None:
        found.append(f"{where}: pin is missing; add the BCM number, pin = 17 for GPIO17")
    elif not 0 <= device.pin <= 27:
        found.append(f"{where}: pin is {device.pin}; a 40-pin header has GPIO 0 to 27")
    if device.pin_factory not in PIN_FACTORIES:
        said = f'"{device.pin_factory}"' if device.pin_factory else "missing"
        found.append(
            f'{where}: pin_factory is {said}; use "lgpio" on a Raspberry Pi, "mock" where there is '
            "no hardware"
        )
    elif device.pin_factory == "mock" and device.chip is not None:
        found.append(f"{where}: chip is set, but mock pins are on no chip; remove it")
    if device.pull not in _PULLS:
        found.append(f'{where}: pull is "{device.pull}"; it is one of {", ".join(_PULLS)}')
    if device.direction == "input":
        if not device.topic:
            found.append(f'{where}: topic is missing; add topic = "…", where its level goes')
        if device.command_topic:
            found.append(f"{where}: an input takes no commands; remove command_topic")
        if device.initial:
            found.append(f"{where}: initial is for outputs; remove it")
    elif device.direction == "output":
        if not device.command_topic:
            found.append(f'{where}: command_topic is missing; add command_topic = "…"')
        if device.pull != "none":
            found.append(f"{where}: pull is for inputs; remove it")
        if device.debounce_s:
            found.append(f"{where}: debounce_s is for inputs; remove it")
    else:
        said = f'"{device.direction}"' if device.direction else "missing"
        found.append(f"{where}: direction is {said}; it is one of {', '.join(_DIRECTIONS)}")
    return found


def _claimed_pin(device: DeviceSettings) -> str:
    if device.pin is None:
        return ""
    chip = "" if device.chip is None else f" chip {device.chip}"
    return f"GPIO{device.pin} of {device.pin_factory}{chip}"


def _build_gpio(
    device: DeviceSettings, pins: PinFactories, monotonic_s: Callable[[], float]
) -> Driver:
    from drivers.gpio import GpioInput, GpioOutput

    if device.pin is None:
        raise DeviceError(f'device "{device.name}": pin is missing')
    if device.direction == "output":
        return GpioOutput(
            device.pin,
            pins,
            pin_factory=device.pin_factory,
            chip=device.chip,
            active_low=device.active_low,
            initial=device.initial,
        )
    return GpioInput(
        device.pin,
        pins,
        monotonic_s,
        pin_factory=device.pin_factory,
        chip=device.chip,
        pull=device.pull,
        active_low=device.active_low,
        debounce_s=device.debounce_s,
    )


DRIVERS: dict[str, _Kind] = {
    "serial": _Kind(
        fields=_COMMON | {"port", "baud", "format", "max_line_bytes"},
        problems=_serial_problems,
        claims=lambda device: f"port {device.port}" if device.port else "",
        build=_build_serial,
    ),
    "gpio": _Kind(
        fields=_COMMON
        | {
            "pin",
            "direction",
            "pull",
            "active_low",
            "pin_factory",
            "chip",
            "debounce_s",
            "initial",
        },
        problems=_gpio_problems,
        claims=_claimed_pin,
        build=_build_gpio,
    ),
}
