"""One clean change out of a bouncing contact, without a clock of its own.

Owns when a level counts as settled. Knows no pin and no timer: levels and times in, settled levels
out; whoever holds the timer asks `due_s` when to call back.
"""

from __future__ import annotations

from typing import final

__all__ = ["Debounce"]


@final
class Debounce:
    """Reports a level once it has been held for the settling time, and only when it is a new one.

    Args:
        settle_s: Seconds a level must hold. 0 reports each change at once.
    """

    __slots__ = ("_candidate", "_due_s", "_settle_s", "_settled")

    def __init__(self, settle_s: float) -> None:
        if settle_s < 0:
            raise ValueError(f"settle_s is {settle_s}; use 0 or more")
        self._settle_s = settle_s
        self._settled: bool | None = None
        self._candidate: bool | None = None
        self._due_s: float | None = None

    def start(self, level: bool) -> bool:
        """Take the level found at first as settled, and return it."""
        self._settled = level
        self._candidate = None
        self._due_s = None
        return level

    def edge(self, level: bool, at_s: float) -> tuple[bool, ...]:
        """Take note that the pin was seen at this level.

        Args:
            level: The level after the edge.
            at_s: Monotonic seconds of the edge; never less than that of the edge before.

        Returns:
            What has settled by now, in order: the level before this edge where it held for long
            enough and nobody asked in time, this level where nothing has to settle.
        """
        before = self.settle(at_s)
        if level == self._settled:
            self._candidate = None
            self._due_s = None
            return before
        if level != self._candidate:
            self._candidate = level
            self._due_s = at_s + self._settle_s
        return before + self.settle(at_s)

    def settle(self, now_s: float) -> tuple[bool, ...]:
        """Return the level that has settled by `now_s`, if one has."""
        candidate = self._candidate
        if candidate is None or self._due_s is None or now_s < self._due_s:
            return ()
        self.start(candidate)
        return (candidate,)

    @property
    def due_s(self) -> float | None:
        """When the present candidate will have settled; None while nothing is on its way."""
        return self._due_s
