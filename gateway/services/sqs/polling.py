"""Receivers that wait for a message: first come, first woken.

Owns who waits and in which order; knows nothing of messages. All waiting receives of the gateway
share one limit.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import final

from gateway.services.sqs.errors import RequestThrottled

__all__ = ["WaitLimit", "Waiters"]


@final
class WaitLimit:
    """How many receives may wait at once, over all queues.

    Attributes:
        most: The limit.
        waiting: How many wait.
        ended: Set when nobody may wait any more.
    """

    __slots__ = ("ended", "most", "waiting")

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting = 0
        self.ended = False


@final
class Waiters:
    """Those who wait at one queue.

    Attributes:
        version: Grows with every wake: who compares it knows whether one was missed.
    """

    __slots__ = ("_heap", "_limit", "_next_ticket", "version")

    def __init__(self, limit: WaitLimit) -> None:
        self.version = 0
        self._limit = limit
        self._next_ticket = 0
        self._heap: list[tuple[int, asyncio.Future[None]]] = []

    def __bool__(self) -> bool:
        return bool(self._heap)

    def ticket(self) -> int:
        """Return a place in the order; who waits again with it is not behind those who came later.

        Raises:
            RequestThrottled: As many wait as may.
        """
        if self._limit.waiting >= self._limit.most:
            raise RequestThrottled(
                f"{self._limit.most} receives are waiting already. Ask with a shorter "
                "WaitTimeSeconds, or later."
            )
        self._next_ticket += 1
        return self._next_ticket

    async def wait(self, ticket: int, seen_version: int, timeout_s: float) -> None:
        """Wait until woken or until the time is over.

        Args:
            ticket: The place in the order.
            seen_version: The version before the queue was last looked at; if there was a wake
                since, this returns at once.
            timeout_s: The longest to wait.
        """
        if seen_version != self.version:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        entry = (ticket, future)
        heapq.heappush(self._heap, entry)
        self._limit.waiting += 1
        timer = loop.call_later(timeout_s, _end, future)
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():
                self.wake(1)  # it was woken for a message that the next one may have
            raise
        finally:
            timer.cancel()
            self._limit.waiting -= 1
            if entry in self._heap:
                self._heap.remove(entry)
                heapq.heapify(self._heap)

    def wake(self, most: int) -> None:
        """Wake those who have waited longest, at most this many."""
        self.version += 1
        while most > 0 and self._heap:
            _, future = heapq.heappop(self._heap)
            if not future.done():
                future.set_result(None)
                most -= 1

    def wake_all(self) -> None:
        """Wake everybody."""
        self.wake(len(self._heap))


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
