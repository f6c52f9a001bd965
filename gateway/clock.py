"""Three times, so that a wrong clock stays harmless.

Owns what time means in the gateway; knows nothing of who asks.

- **Monotonic time** schedules what lives inside this process: keep-alives, backoff, long polls.
- **Gateway time** dates what outlives the process: visibility, delay, retention, expiry. It is the
  machine's boot time plus an offset kept in the store: it never jumps when the wall clock is set,
  and it never goes backwards over a restart. Time spent switched off is added once wall time is
  trusted at both ends, up to a bound.
- **Wall time** is data for people and other systems. A board without a battery clock comes up
  years in the past, so while it is not trusted it is never below the build date of this release
  or the last trusted time seen. Once trusted it is taken as it is, in both directions: a floor
  under a trusted clock would freeze time after a step that was later taken back.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MAX_OFF_MS", "Clock", "ClockState", "TimeSources", "system_sources"]

# The date of this release (2026-11-01T00:00:00Z): no correct clock shows less.
BUILD_WALL_MS = 1_793_491_200_000

# Time switched off counts up to here (400 days): a clock a century ahead must not expire all.
MAX_OFF_MS = 400 * 86_400_000

# How often the kernel is asked whether its clock is synchronised.
TRUST_CHECK_S = 10.0

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


@dataclass(frozen=True, slots=True)
class TimeSources:
    """Where the readings come from; tests hand in their own.

    Attributes:
        monotonic_s: Seconds that never go backwards while the process lives.
        boot_ms: Milliseconds since the machine started, sleep included.
        boot_id: A text that is another one after each start of the machine.
        wall_ms: Milliseconds since 1970 as the system clock says.
        synchronised: Whether the system clock is disciplined by a time source.
    """

    monotonic_s: Callable[[], float]
    boot_ms: Callable[[], int]
    boot_id: str
    wall_ms: Callable[[], int]
    synchronised: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the store keeps of the clock, saved with every commit.

    Attributes:
        gateway_ms: Gateway time at that moment.
        boot_ms: Boot time at that moment, meaningful within the same `boot_id` only.
        boot_id: The start of the machine that `boot_ms` belongs to.
        wall_ms: The last trusted wall time, or 0 where there was none yet.
        wall_gateway_ms: Gateway time when `wall_ms` was read.
        off_time_owed: The machine was switched off since, and that time is not yet added.
    """

    gateway_ms: int
    boot_ms: int
    boot_id: str
    wall_ms: int
    wall_gateway_ms: int
    off_time_owed: bool


class Clock:
    """Monotonic, gateway and wall time of one gateway process."""

    def __init__(self, sources: TimeSources) -> None:
        self.monotonic_s = sources.monotonic_s
        self._sources = sources
        self._boot_ms = sources.boot_ms
        self._offset_ms = 0
        self._last_trusted_ms = 0
        self._last_trusted_gateway_ms = 0
        self._off_time_owed = False
        self._trusted = sources.synchronised()
        self._next_check_s = sources.monotonic_s() + TRUST_CHECK_S

    def resume(self, saved: ClockState | None) -> None:
        """Continue gateway time from what the last process saved; None starts it at boot time."""
        if saved is None:
            return
        now = self._boot_ms()
        self._last_trusted_ms = saved.wall_ms
        self._last_trusted_gateway_ms = saved.wall_gateway_ms
        self._off_time_owed = saved.off_time_owed
        if saved.boot_id == self._sources.boot_id and now >= saved.boot_ms:
            self._offset_ms = saved.gateway_ms - saved.boot_ms
        else:
            self._offset_ms = saved.gateway_ms - now
            self._off_time_owed = saved.wall_ms > 0
        self._add_off_time()

    def gateway_ms(self) -> int:
        """Return gateway time in milliseconds; its zero has no meaning."""
        return self._boot_ms() + self._offset_ms

    def wall_ms(self) -> int:
        """Return milliseconds since 1970; while not trusted, at least the last trusted time."""
        self._check_trust()
        now = self._sources.wall_ms()
        if self._trusted:
            return now
        return max(now, BUILD_WALL_MS, self._last_trusted_ms)

    @property
    def wall_trusted(self) -> bool:
        """Whether the system clock is synchronised, asked at most every few seconds."""
        self._check_trust()
        return self._trusted

    def state(self) -> ClockState:
        """Return what to save with a commit."""
        self._check_trust()
        boot_ms = self._boot_ms()
        gateway_ms = boot_ms + self._offset_ms
        if self._trusted:
            self._last_trusted_ms = self._sources.wall_ms()
            self._last_trusted_gateway_ms = gateway_ms
        return ClockState(
            gateway_ms,
            boot_ms,
            self._sources.boot_id,
            self._last_trusted_ms,
            self._last_trusted_gateway_ms,
            self._off_time_owed,
        )

    def _check_trust(self) -> None:
        if self.monotonic_s() < self._next_check_s:
            return
        self._next_check_s = self.monotonic_s() + TRUST_CHECK_S
        self._trusted = self._sources.synchronised()
        self._add_off_time()

    def _add_off_time(self) -> None:
        """Add the time spent switched off, once both of its ends are trusted."""
        if not (self._off_time_owed and self._trusted):
            return
        passed_ms = self._sources.wall_ms() - self._last_trusted_ms
        counted_ms = self.gateway_ms() - self._last_trusted_gateway_ms
        self._offset_ms += min(max(passed_ms - counted_ms, 0), MAX_OFF_MS)
        self._off_time_owed = False


def system_sources() -> TimeSources:
    """Return the machine's own clocks."""
    return TimeSources(
        monotonic_s=time.monotonic,
        boot_ms=lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        wall_ms=lambda: time.time_ns() // 1_000_000,
        synchronised=_kernel_clock_synchronised,
    )


def _kernel_clock_synchronised() -> bool:
    """Ask the kernel whether something disciplines its clock (adjtimex(2), read only)."""
    timex = ctypes.create_string_buffer(256)  # struct timex is 208 bytes; modes = 0 only reads
    state = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    return state not in (-1, _TIME_ERROR)
