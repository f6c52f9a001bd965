"""Few reports of many equal events: one when a burst begins, then one a minute with the count.

Owns when to speak, not what to say; the clock's reading is an argument.
"""

from __future__ import annotations

from typing import final

__all__ = ["REPORT_EVERY_S", "Burst"]

# Often enough to notice that something goes on, seldom enough for a log on an SD card.
REPORT_EVERY_S = 60.0


@final
class Burst:
    """Decides whether an event is reported, and for how many it speaks.

    Args:
        every_s: Seconds between two reports of the same burst.
    """

    __slots__ = ("_every_s", "_reported_at_s", "_unreported")

    def __init__(self, every_s: float = REPORT_EVERY_S) -> None:
        self._every_s = every_s
        self._reported_at_s: float | None = None
        self._unreported = 0

    def add(self, count: int, now_s: float) -> int:
        """Take note of `count` events.

        Args:
            count: How many happened now.
            now_s: Monotonic seconds.

        Returns:
            How many events to report now, those kept quiet before included; 0 for none.
        """
        self._unreported += count
        reported_at_s = self._reported_at_s
        if self._unreported == 0:
            return 0
        if reported_at_s is not None and now_s - reported_at_s < self._every_s:
            return 0
        self._reported_at_s = now_s
        due, self._unreported = self._unreported, 0
        return due
