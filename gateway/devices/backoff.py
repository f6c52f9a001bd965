"""How long to wait before a driver is run again: exponential, with full jitter, bounded.

Owns the numbers; the clock's reading and the randomness are arguments. Jitter keeps the devices of
one hub, which vanish together, from coming back together each time.
"""

from __future__ import annotations

import random
from typing import final

__all__ = ["FIRST_S", "LONGEST_S", "SETTLED_S", "SHORTEST_S", "Backoff"]

# The upper end of the first wait; it doubles with each failure.
FIRST_S = 0.5

# Whoever plugs a device in again sees it work within this time.
LONGEST_S = 15.0

# Jitter may draw nearly 0; this much the loop always has for others.
SHORTEST_S = 0.05

# A run that lasted as long was a good one, and the next failure starts anew.
SETTLED_S = 30.0


@final
class Backoff:
    """The waits between the runs of one driver.

    Args:
        randomness: Where the jitter comes from.
    """

    __slots__ = ("_failures", "_randomness")

    def __init__(self, randomness: random.Random) -> None:
        self._randomness = randomness
        self._failures = 0

    def after(self, run_s: float) -> float:
        """Return the seconds to wait after a run that failed.

        Args:
            run_s: How long that run lasted.
        """
        if run_s >= SETTLED_S:
            self._failures = 0
        ceiling_s = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return max(SHORTEST_S, self._randomness.uniform(0.0, ceiling_s))
