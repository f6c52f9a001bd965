"""Where GPIO pins come from: a gpiozero pin factory, chosen by name and never by trial.

Owns making, sharing and closing factories. All pins of one chip must come from one factory, because
gpiozero keeps its record of claimed pins there; so drivers lease it, and the last one to leave
closes it. gpiozero is imported at the first lease.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from drivers.errors import HardwareUnavailable

__all__ = ["PIN_FACTORIES", "PinFactories", "PinFactory", "pin_errors"]

# lgpio: the pins of a Raspberry Pi through the kernel. mock: pins that exist in memory only.
PIN_FACTORIES = ("lgpio", "mock")

PinFactory: TypeAlias = Any
"""A `gpiozero.Factory`; gpiozero ships no types."""


class PinFactories:
    """The pin factories in use, each made once and shared."""

    def __init__(self) -> None:
        self._leased: dict[tuple[str, int | None], tuple[PinFactory, int]] = {}

    @contextmanager
    def lease(self, name: str, chip: int | None = None) -> Iterator[PinFactory]:
        """Use a factory for as long as the block lasts.

        Args:
            name: One of `PIN_FACTORIES`.
            chip: The number of the gpiochip for lgpio; None takes the board's own header.

        Yields:
            The factory, the same for all who lease it under this name and chip.

        Raises:
            HardwareUnavailable: It cannot be made here; the hint names the remedy.
        """
        key = (name, chip)
        factory, users = self._leased.get(key) or (_make(name, chip), 0)
        self._leased[key] = (factory, users + 1)
        try:
            yield factory
        finally:
            _, users = self._leased[key]
            if users == 1:
                del self._leased[key]
                factory.close()
            else:
                self._leased[key] = (factory, users - 1)

    def in_use(self, name: str, chip: int | None = None) -> PinFactory | None:
        """Return the factory that is leased under this name now, or None: how a mock is driven."""
        entry = self._leased.get((name, chip))
        return None if entry is None else entry[0]


def pin_errors() -> tuple[type[Exception], ...]:
    """Return what gpiozero and the library under it raise when hardware refuses."""
    import gpiozero

    found: tuple[type[Exception], ...] = (gpiozero.GPIOZeroError, OSError)
    lgpio = sys.modules.get("lgpio")  # its error class has no common root with anything
    return found if lgpio is None else (*found, lgpio.error)


def _make(name: str, chip: int | None) -> PinFactory:
    if name == "mock":
        from gpiozero.pins.mock import MockFactory

        return MockFactory()
    if name != "lgpio":
        raise HardwareUnavailable(
            f'there is no pin factory "{name}"',
            hint=f"pin_factory is one of {', '.join(PIN_FACTORIES)}",
        )
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise HardwareUnavailable(
            f"GPIO pins need the Python package lgpio, which cannot be imported: {error}",
            hint="on a Raspberry Pi install Weir with the extra `pi`; elsewhere set "
            'pin_factory = "mock"',
        ) from error
    try:
        factory = LGPIOFactory(chip=chip)
        factory.board_info  # noqa: B018 - read now: an unknown board fails here and not later
    except pin_errors() as error:
        raise HardwareUnavailable(
            f"the GPIO pins of this board cannot be used: {error}",
            hint="is this a Raspberry Pi, and may this user open /dev/gpiochip* (group gpio)? "
            'Where there is no GPIO, set pin_factory = "mock"',
        ) from error
    return factory
