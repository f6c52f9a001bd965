"""One GPIO pin as a device: an input that reports its level, an output that takes commands.

Owns claiming the pin, crossing from the library's thread, and what commands mean. Knows nothing of
topics. The pin factory is named in the settings; nothing is tried in turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import orjson

from drivers.burst import Burst
from drivers.debounce import Debounce
from drivers.driver import DriverState, DriverStatus, Emit, Reading, Tally
from drivers.edges import EdgeMailbox
from drivers.errors import CommandRejected, DriverError, HardwareUnavailable
from drivers.pins import PinFactories, pin_errors

__all__ = ["PULLS", "GpioInput", "GpioOutput", "parse_switch"]

PULLS = ("up", "down", "none")

_READINGS = (b'{"value":0}', b'{"value":1}')
_WORDS = {"on": True, "off": False}

_Pin: TypeAlias = Any  # a gpiozero pin or device; gpiozero ships no types

_log = logging.getLogger(__name__)


class GpioInput:
    """A digital input: `{"value":1}` or `{"value":0}` at first and at each settled change.

    Args:
        pin: The BCM number, 17 for GPIO17.
        pins: Where the pin comes from.
        monotonic_s: The clock of the event loop's timers; also read on the library's thread.
        pin_factory: `lgpio` or `mock`.
        chip: The number of the gpiochip; None takes the board's own header.
        pull: The resistor inside the chip: `up`, `down` or `none`.
        active_low: Report 1 while the pin is low, as for a button to ground.
        debounce_s: Seconds a level must hold before it is reported.
    """

    def __init__(
        self,
        pin: int,
        pins: PinFactories,
        monotonic_s: Callable[[], float],
        *,
        pin_factory: str,
        chip: int | None = None,
        pull: str = "none",
        active_low: bool = False,
        debounce_s: float = 0.0,
    ) -> None:
        self._claim = _Claim(pin, pins, pin_factory, chip)
        self._monotonic_s = monotonic_s
        self._pull = "floating" if pull == "none" else pull
        self._active_low = active_low
        self._debounce = Debounce(debounce_s)
        self._tally = Tally()
        self._burst = Burst()
        self._emit: Emit | None = None
        self._mailbox: EdgeMailbox | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failed: asyncio.Future[None] | None = None

    async def run(self, emit: Emit) -> None:
        """Watch the pin until cancelled; see `drivers.driver.Driver.run`."""
        loop = asyncio.get_running_loop()
        with _counted(self._tally), self._claim.device("GPIODevice") as device:
            pin = device.pin
            self._emit = emit
            self._failed = loop.create_future()
            self._mailbox = EdgeMailbox(loop, self._take)
            try:
                with self._claim.explained():
                    pin.input_with_pull(self._pull)
                    pin.edges = "both"
                    # Watch first, look then: an edge in between is seen twice, never missed.
                    pin.when_changed = self._on_edge
                    level = bool(pin.state)
                self._tally.state = DriverState.RUNNING
                self._report((self._debounce.start(level != self._active_low),))
                await self._failed
            finally:
                self._mailbox.close()
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                with suppress(*pin_errors()):
                    pin.when_changed = None

    def command(self, payload: bytes) -> None:
        """Refuse: an input has nothing to command."""
        raise CommandRejected(
            f"{self._claim.name} is an input; it takes no commands",
            hint='set direction = "output", or remove command_topic',
        )

    def status(self) -> DriverStatus:
        """Return the state and the counters now."""
        return self._tally.status()

    def _on_edge(self, _ticks: object, state: object) -> None:
        """Take an edge on the library's thread."""
        mailbox = self._mailbox
        if mailbox is not None:
            mailbox.put(bool(state) != self._active_low, self._monotonic_s())

    def _take(self, edges: list[tuple[bool, float]]) -> None:
        """Take edges on the loop's thread."""
        try:
            for level, at_s in edges:
                self._report(self._debounce.edge(level, at_s))
            self._count_lost()
            self._set_timer()
        except Exception as error:  # outermost frame of a loop callback: `run` raises it
            self._fail(error)

    def _settle(self) -> None:
        self._timer = None
        try:
            self._report(self._debounce.settle(self._monotonic_s()))
            self._set_timer()
        except Exception as error:  # as in _take
            self._fail(error)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_s = self._debounce.due_s
        if due_s is not None:
            delay_s = max(0.0, due_s - self._monotonic_s())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._settle)

    def _report(self, levels: tuple[bool, ...]) -> None:
        for level in levels:
            self._tally.readings += 1
            if self._emit is not None:
                self._emit(Reading(_READINGS[level]))

    def _count_lost(self) -> None:
        mailbox = self._mailbox
        if mailbox is None or not mailbox.lost:
            return
        lost, mailbox.lost = mailbox.lost, 0
        self._tally.rejected += lost
        self._tally.last_error = f"{self._claim.name} changes faster than it can be read"
        if due := self._burst.add(lost, self._monotonic_s()):
            _log.warning("%s: %d edge(s) lost; set or raise debounce_s", self._claim.name, due)

    def _fail(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)


class GpioOutput:
    """A digital output: takes `true`, `1`, `"on"` and the like, and reports each level it takes.

    While the driver runs the pin is driven; before it is claimed and after it is released, the pin
    is an input. It is set to `initial` first and last.

    Args:
        pin: The BCM number, 17 for GPIO17.
        pins: Where the pin comes from.
        pin_factory: `lgpio` or `mock`.
        chip: The number of the gpiochip; None takes the board's own header.
        active_low: Drive the pin low for on, as many relay boards want it.
        initial: The safe level.
    """

    def __init__(
        self,
        pin: int,
        pins: PinFactories,
        *,
        pin_factory: str,
        chip: int | None = None,
        active_low: bool = False,
        initial: bool = False,
    ) -> None:
        self._claim = _Claim(pin, pins, pin_factory, chip)
        self._active_low = active_low
        self._initial = initial
        self._tally = Tally()
        self._device: _Pin = None
        self._emit: Emit | None = None

    async def run(self, emit: Emit) -> None:
        """Drive the pin until cancelled; see `drivers.driver.Driver.run`."""
        options = {"active_high": not self._active_low, "initial_value": self._initial}
        with _counted(self._tally), self._claim.device("DigitalOutputDevice", **options) as device:
            self._device = device
            self._emit = emit
            self._tally.state = DriverState.RUNNING
            try:
                self._report(self._initial)
                await asyncio.get_running_loop().create_future()
            finally:
                self._device = None
                with suppress(*pin_errors()):
                    device.value = self._initial

    def command(self, payload: bytes) -> None:
        """Set the level.

        Args:
            payload: See `parse_switch`.

        Raises:
            CommandRejected: The payload is none of these, or the pin is not driven now.
        """
        level = parse_switch(payload)
        if self._device is None or self._emit is None:
            raise CommandRejected(
                f"{self._claim.name} is not driven now; the command had no effect"
            )
        try:
            self._device.value = level
        except pin_errors() as error:
            raise CommandRejected(f"{self._claim.name} cannot be set: {error}") from error
        self._report(level)

    def status(self) -> DriverStatus:
        """Return the state and the counters now."""
        return self._tally.status()

    def _report(self, level: bool) -> None:
        self._tally.readings += 1
        if self._emit is not None:
            self._emit(Reading(_READINGS[level]))


def parse_switch(payload: bytes) -> bool:
    """Read a command for something that is on or off.

    Args:
        payload: JSON: `true`, `false`, `1`, `0`, `"on"`, `"off"`, or one of these as `value` of an
            object. The bare words on and off are taken too.

    Returns:
        Whether it is to be on.

    Raises:
        CommandRejected: It is none of these.
    """
    value: object
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        value = payload.strip().decode("ascii", "replace")
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    raise CommandRejected(
        f"the command {payload[:40]!r} is neither on nor off",
        hint='send true, false, 1, 0, "on", "off" or {"value": …}',
    )


class _Claim:
    """One pin of one factory, claimed for the length of a block."""

    def __init__(self, pin: int, pins: PinFactories, pin_factory: str, chip: int | None) -> None:
        self.name = f"GPIO{pin}"
        self._pins = pins
        self._pin_factory = pin_factory
        self._chip = chip

    @contextmanager
    def device(self, kind: str, **options: bool) -> Iterator[_Pin]:
        """Claim the pin as a gpiozero device of this class, and release it."""
        with self._pins.lease(self._pin_factory, self._chip) as factory:
            import gpiozero

            with self.explained():
                device = getattr(gpiozero, kind)(self.name, pin_factory=factory, **options)
            try:
                yield device
            finally:
                with suppress(*pin_errors()):
                    device.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the library raises into an error with a hint."""
        try:
            yield
        except pin_errors() as error:
            raise HardwareUnavailable(
                f"{self.name} cannot be used: {error}",
                hint="check the pin's number (BCM), its pull, and that nothing else uses it",
            ) from error


@contextmanager
def _counted(tally: Tally) -> Iterator[None]:
    """Keep state and last error of a run."""
    tally.state = DriverState.OPENING
    try:
        yield
    except DriverError as error:
        tally.last_error = str(error)
        raise
    finally:
        tally.state = DriverState.STOPPED
