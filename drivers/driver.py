"""The seam between hardware and whoever runs it: what every driver is and what it hands over.

Owns the contract; knows no hardware and no topics. Everything happens on one event loop's thread: a
driver whose library calls from another thread crosses over before it emits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias, final

__all__ = ["Driver", "DriverState", "DriverStatus", "Emit", "Reading", "Tally"]


@final
class Reading:
    """One thing a device said, ready to be published.

    Args:
        payload: The bytes to publish, any content the driver has checked.
        channel: Appended to the device's topic as one more level; None where the device has
            only one thing to say.
    """

    __slots__ = ("channel", "payload")

    def __init__(self, payload: bytes, channel: str | None = None) -> None:
        self.payload = payload
        self.channel = channel


Emit: TypeAlias = Callable[[Reading], None]
"""Takes a reading; returns at once and never refuses."""


class DriverState(Enum):
    """How far a driver has got with its hardware."""

    STOPPED = "stopped"
    OPENING = "opening"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class DriverStatus:
    """A driver at one moment, for people.

    Attributes:
        state: How far it has got.
        readings: Readings emitted since the driver was made.
        rejected: What arrived and could not be used: lines that are not JSON, lines that are
            too long, edges that came faster than they could be taken.
        last_error: The last error as a sentence; empty until there is one.
    """

    state: DriverState
    readings: int
    rejected: int
    last_error: str


class Driver(Protocol):
    """What every driver does.

    A driver is made once and may be run many times, one run at a time. Its counters go on over all
    runs.
    """

    async def run(self, emit: Emit) -> None:
        """Open the hardware and emit readings until cancelled; always leaves the hardware closed.

        Args:
            emit: Called for each reading, in the order of the device, on the loop's thread.

        Raises:
            HardwareUnavailable: It cannot be opened now.
            HardwareVanished: It went away while in use.
        """

    def command(self, payload: bytes) -> None:
        """Carry out one command now, or hand it to the hardware without waiting.

        Args:
            payload: What was published to the device's command topic.

        Raises:
            CommandRejected: The payload means nothing to this driver, the hardware is not open,
                or it has no output.
        """

    def status(self) -> DriverStatus:
        """Return the state and the counters now."""


@final
class Tally:
    """What a driver counts of itself; the mutable side of `DriverStatus`."""

    __slots__ = ("last_error", "readings", "rejected", "state")

    def __init__(self) -> None:
        self.state = DriverState.STOPPED
        self.readings = 0
        self.rejected = 0
        self.last_error = ""

    def status(self) -> DriverStatus:
        """Return the values now."""
        return DriverStatus(self.state, self.readings, self.rejected, self.last_error)
