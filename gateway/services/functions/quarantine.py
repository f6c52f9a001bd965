"""How long a function rests after crashes in a row: each time twice as long, up to a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

__all__ = ["Quarantine"]


@final
class Quarantine:
    """The rest of one function.

    Args:
        monotonic_s: The clock.
        first_s: The rest after the second crash in a row.
        longest_s: The longest rest.

    Attributes:
        crashes: How many there were in a row.
    """

    __slots__ = ("_first_s", "_longest_s", "_monotonic_s", "_until_s", "crashes")

    def __init__(
        self, monotonic_s: Callable[[], float], *, first_s: float, longest_s: float
    ) -> None:
        self._monotonic_s = monotonic_s
        self._first_s = first_s
        self._longest_s = longest_s
        self._until_s = float("-inf")
        self.crashes = 0

    def crashed(self) -> None:
        """Take note of a crash."""
        self.crashes += 1
        if self.crashes > 1:
            rest_s = min(self._first_s * 2.0 ** min(self.crashes - 2, 30), self._longest_s)
            self._until_s = self._monotonic_s() + rest_s

    def clear(self) -> None:
        """Begin anew: the function has answered, or is another one now."""
        self.crashes = 0
        self._until_s = float("-inf")

    @property
    def left_s(self) -> float:
        """How long the rest still is; 0 for none."""
        return max(0.0, self._until_s - self._monotonic_s())
