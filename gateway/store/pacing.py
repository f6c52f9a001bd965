"""When a batch begins: at once, after the commit interval, or when as much has come as last time.

Owns the timers; knows nothing of what is in a batch.

A publisher that sends its window packet by packet would have a commit for the first packet and one
for the rest. So a batch waits, a millisecond at most, until as much has joined it as joined the
last one, if that was enough to be worth it. Who sends one message at a time waits for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, final

__all__ = ["NEVER", "Pace"]

GATHER_S: Final = 0.001
WORTH_GATHERING: Final = 8

NEVER: Final = 1 << 62


@final
class Pace:
    """Decides when the open batch begins.

    Args:
        loop: The event loop.
        interval_s: The commit interval: the shortest time between the beginnings of two batches.
        begin: Begins the batch.

    Attributes:
        begin_at: `begin_or_wait` is to be called once so many have ever joined a batch; 0: with the
            next one, NEVER: not before something else happens.
        waiting: The batch will begin by itself.
    """

    __slots__ = (
        "_begin",
        "_expected",
        "_interval_s",
        "_joined_before",
        "_loop",
        "_not_before_s",
        "_timer",
        "begin_at",
        "waiting",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, interval_s: float, begin: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._begin = begin
        self._timer: asyncio.TimerHandle | None = None
        self._not_before_s = 0.0
        self._joined_before = 0
        self._expected = 0
        self.begin_at = 0
        self.waiting = False

    def begin_or_wait(self, joined: int) -> None:
        """Have the batch begin as soon as is right.

        Args:
            joined: How many have ever joined a batch.
        """
        self.begin_at = NEVER
        if self.waiting:
            self.hurry()  # it waited for these
            return
        self.waiting = True
        wait_s = self._not_before_s - self._loop.time() if self._interval_s else 0.0
        if wait_s <= 0 and joined < self._expected:
            self.begin_at = self._expected
            wait_s = GATHER_S
        if wait_s > 0:
            self._timer = self._loop.call_later(wait_s, self._begin)
        else:
            self._loop.call_soon(self._begin)

    def hurry(self) -> None:
        """Have the batch begin without waiting any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.begin_at = NEVER
            self._loop.call_soon(self._begin)
        elif not self.waiting:
            self._expected = 0
            self._not_before_s = 0.0

    def begun(self, joined: int) -> None:
        """The batch has begun: nothing waits, and nothing is to until its commit is done."""
        last = joined - self._joined_before
        self._joined_before = joined
        self._expected = joined + (last if last >= WORTH_GATHERING else 0)
        if self._interval_s:
            self._not_before_s = self._loop.time() + self._interval_s
        self.waiting = False
        self._timer = None
        self.begin_at = NEVER
