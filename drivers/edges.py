"""Edges from the thread of a GPIO library onto the event loop, with a bound.

Owns the crossing of threads and nothing else. A chattering contact can give edges faster than
the loop takes them; then edges in the middle are lost and counted, never the last one: the level in
the end is the true one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import final

__all__ = ["MAX_PENDING_EDGES", "EdgeMailbox"]

MAX_PENDING_EDGES = 256


@final
class EdgeMailbox:
    """Holds edges until the loop comes to them; wakes the loop once per batch, not per edge.

    Args:
        loop: The loop to wake.
        take: Called on the loop's thread with what has gathered, as (level, monotonic seconds).
        limit: The most edges held.

    Attributes:
        lost: Edges given up because `limit` was reached.
    """

    __slots__ = ("_closed", "_limit", "_lock", "_loop", "_pending", "_take", "lost")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[list[tuple[bool, float]]], None],
        limit: int = MAX_PENDING_EDGES,
    ) -> None:
        self._loop = loop
        self._take = take
        self._limit = limit
        self._lock = Lock()
        self._pending: list[tuple[bool, float]] = []
        self._closed = False
        self.lost = 0

    def put(self, level: bool, at_s: float) -> None:
        """Take an edge; called on any thread, never waits for the loop."""
        with self._lock:
            if self._closed:
                return
            if len(self._pending) >= self._limit:
                self._pending[-1] = (level, at_s)
                self.lost += 1
                return
            self._pending.append((level, at_s))
            if len(self._pending) == 1:
                self._loop.call_soon_threadsafe(self._deliver)

    def close(self) -> None:
        """Forget what is pending; whatever the library still calls is ignored."""
        with self._lock:
            self._closed = True
            self._pending.clear()

    def _deliver(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, []
        if pending:
            self._take(pending)
