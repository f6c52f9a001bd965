"""Messages of an `http` action gathered into one request: a JSON array of up to ten.

Owns which messages share a request and when it goes out. All of them share its fate. Knows nothing
of how it is sent.

Source: AWS IoT Core Developer Guide, "Batching HTTP action messages".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, final

from gateway.engine.actions.http_request import BatchConfig, HttpActionRequest, batch_item
from gateway.engine.failures import ActionFailed, TryAgain

__all__ = ["HttpBatches", "PostBatch"]

PostBatch: TypeAlias = Callable[[HttpActionRequest, bytes], Awaitable[None]]
"""Posts a body; raises ActionFailed, or TryAgain if it was not even sent."""

_Key: TypeAlias = tuple[HttpActionRequest, tuple[str, str]]


@final
class _Batch:
    """One request in the making."""

    __slots__ = ("full", "items", "outcome", "size_bytes", "task", "waiting")

    def __init__(self) -> None:
        self.items: list[bytes] = []
        self.size_bytes = 1  # the brackets, and a comma for each item but the first
        self.full = asyncio.Event()
        self.outcome: asyncio.Future[ActionFailed | None] = asyncio.Future()
        self.task: asyncio.Task[None] | None = None
        self.waiting = 0


@final
class HttpBatches:
    """The batches that are open.

    Args:
        post: Sends a batch that is complete.
    """

    def __init__(self, post: PostBatch) -> None:
        self._post = post
        self._open: dict[_Key, _Batch] = {}

    async def post(
        self,
        request: HttpActionRequest,
        config: BatchConfig,
        payload: bytes,
        origin: tuple[str, str],
    ) -> None:
        """Put a message into a batch; returns once that was posted.

        Args:
            request: Where it goes.
            config: The batch's limits.
            payload: The message.
            origin: Its rule, and its topic where others may not be beside it: messages of one
                origin share a batch.

        Raises:
            ActionFailed: The batch could not be posted, or the payload cannot be in one.
            TryAgain: It was not even sent.
        """
        item = batch_item(payload)
        key = request, origin
        batch = self._open.get(key)
        if batch is not None and batch.size_bytes + 1 + len(item) > config.max_bytes:
            self._shut(key, batch)
            batch = None
        if batch is None:
            batch = self._open[key] = _Batch()
            batch.task = asyncio.create_task(self._send(key, batch, config.max_open_ms / 1000))
        batch.items.append(item)
        batch.size_bytes += 1 + len(item)
        if len(batch.items) >= config.max_items or batch.size_bytes >= config.max_bytes:
            self._shut(key, batch)
        batch.waiting += 1
        try:
            failure = await asyncio.shield(batch.outcome)
        finally:
            batch.waiting -= 1
            if not batch.waiting and batch.task is not None:
                # Nobody is left who would note how it went: all of them will run again.
                batch.task.cancel()
        if isinstance(failure, TryAgain):
            raise TryAgain(str(failure), hint=failure.hint, after_s=failure.after_s)
        if failure is not None:
            raise ActionFailed(str(failure), hint=failure.hint)

    def _shut(self, key: _Key, batch: _Batch) -> None:
        if self._open.get(key) is batch:
            del self._open[key]
        batch.full.set()

    async def _send(self, key: _Key, batch: _Batch, open_s: float) -> None:
        failure: ActionFailed | None = None
        try:
            try:
                async with asyncio.timeout(open_s):
                    await batch.full.wait()
            except TimeoutError:
                self._shut(key, batch)
            await self._post(key[0], b"[" + b",".join(batch.items) + b"]")
        except ActionFailed as error:
            failure = error
        except Exception as error:  # a fault of ours: those who wait get to know it
            batch.outcome.set_exception(error)
        except asyncio.CancelledError:
            self._shut(key, batch)
            batch.outcome.cancel()
            raise
        if not batch.outcome.done():
            batch.outcome.set_result(failure)
