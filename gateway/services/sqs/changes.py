"""Changes of queues: one after the other, and each to its end.

Owns their order. Knows nothing of what a change is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, final

__all__ = ["Changes"]

Result = TypeVar("Result")


@final
class Changes:
    """The changes under way."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, change: Coroutine[Any, Any, Result]) -> Result:
        """Carry a change out alone and to its end, even if who asked for it gives up."""
        task = asyncio.create_task(self._alone(change))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def done(self) -> None:
        """Wait for the changes under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _alone(self, change: Coroutine[Any, Any, Result]) -> Result:
        async with self._lock:
            return await change
