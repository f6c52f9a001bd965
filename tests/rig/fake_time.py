"""A machine's clocks in the hands of a test."""

from __future__ import annotations

from gateway.clock import TimeSources


class FakeTime:
    """All time sources of a machine, standing still until a test moves them.

    Attributes:
        monotonic_s: Seconds of the process.
        boot_ms: Milliseconds since the machine started.
        boot_id: Which start of the machine this is.
        wall_ms: What the system clock says.
        synchronised: Whether something disciplines the system clock.
    """

    def __init__(self) -> None:
        self.monotonic_s = 1000.0
        self.boot_ms = 1_000_000
        self.boot_id = "boot-1"
        self.wall_ms = 1_800_000_000_000
        self.synchronised = True

    def sources(self) -> TimeSources:
        return TimeSources(
            monotonic_s=lambda: self.monotonic_s,
            boot_ms=lambda: self.boot_ms,
            boot_id=self.boot_id,
            wall_ms=lambda: self.wall_ms,
            synchronised=lambda: self.synchronised,
        )

    def pass_ms(self, ms: int) -> None:
        """Let time pass while the machine runs."""
        self.monotonic_s += ms / 1000
        self.boot_ms += ms
        self.wall_ms += ms

    def advance(self, seconds: float) -> None:
        """Let time pass while the machine runs."""
        self.pass_ms(round(seconds * 1000))

    def step_wall(self, ms: int) -> None:
        """Set the system clock, as a person or NTP does."""
        self.wall_ms += ms

    def reboot(self, off_ms: int, *, battery_clock: bool = True) -> None:
        """Switch the machine off and on again; without a battery its clock starts in 1970."""
        self.boot_id = f"boot-{int(self.boot_id.split('-')[1]) + 1}"
        self.boot_ms = 20_000
        self.monotonic_s = 20.0
        self.wall_ms = self.wall_ms + off_ms if battery_clock else 20_000
