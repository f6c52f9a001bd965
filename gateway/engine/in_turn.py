"""Work that is done one after the other, each piece to its end though its caller may give up.

Owns the lock and the tasks. An HTTP handler is cancelled when its caller hangs up: what it began to
write must be the same in memory and on disk all the same. Knows nothing of what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, final

__all__ = ["InTurn"]

_T = TypeVar("_T")


@final
class InTurn:
    """Does one thing at a time."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Do something once all before it is done, and return what it returns."""

        async def in_turn() -> _T:
            async with self._lock:
                return await work()

        task = asyncio.ensure_future(in_turn())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for all that is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, for a caller that gave up does not
