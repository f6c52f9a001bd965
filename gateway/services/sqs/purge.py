"""Purging queues: all that was sent before goes, in small steps, and after a restart as well.

Owns which purges run and how often one may begin. What a step removes is the queue's business; that
a purge is under way is on disk (`sqs_purge`) before who asked for it gets an answer.

Source: PurgeQueue in the Amazon SQS API reference.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final, final

from gateway.clock import Clock
from gateway.errors import StoreClosed, StoreError
from gateway.metrics import Metrics
from gateway.services.sqs.errors import PurgeQueueInProgress, QueueDoesNotExist
from gateway.services.sqs.queue import Queue
from gateway.store import Store

__all__ = ["PURGE_INTERVAL_S", "Purges"]

log = logging.getLogger(__name__)

PURGE_INTERVAL_S: Final = 60
"""A queue may be purged once in so many seconds."""

_RETRY_S: Final = 5.0


@final
class Purges:
    """The purges of all queues.

    Args:
        store: Where it is written down which are under way.
        clock: Monotonic time.
        metrics: Where `sqs.purged` lives.
    """

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._begun_s: dict[int, float] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._purged = metrics.counter("sqs.purged", "messages removed by PurgeQueue")

    def resume(self, queues: Iterable[Queue]) -> None:
        """Go on with what the last process had begun; called once, at start."""
        by_number = {queue.record.number: queue for queue in queues}
        for number, before in self._store.reader.execute(
            "SELECT queue, before_sequence FROM sqs_purge"
        ).fetchall():
            queue = by_number.get(number)
            if queue is not None:  # rows of deleted queues go with their messages
                log.info("queue %s: its purge goes on", queue.record.name)
                queue.go_on_purging(before)
                self._run(queue, before)

    async def begin(self, queue: Queue) -> None:
        """Have all messages removed that were sent before this call; returns once that is on disk.

        Raises:
            PurgeQueueInProgress: One runs, or began within the last minute.
            QueueDoesNotExist: The queue has been deleted.
            StoreError: It could not be written down; the messages stay.
        """
        number = queue.record.number
        now_s = self._clock.monotonic_s()
        self._forget_before(now_s - PURGE_INTERVAL_S)
        if number in self._tasks or number in self._begun_s:
            raise PurgeQueueInProgress(queue.record.name, PURGE_INTERVAL_S)
        self._begun_s[number] = now_s  # before waiting: of two callers, one is refused
        try:
            before = await queue.begin_purge()
        except BaseException:
            del self._begun_s[number]
            raise
        self._run(queue, before)

    async def done(self) -> None:
        """Wait until nothing is left to purge."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def stop(self) -> None:
        """Stop; what is left goes after the next start."""
        for task in self._tasks.values():
            task.cancel()
        await self.done()

    def _forget_before(self, begun_s: float) -> None:
        for number in [n for n, at_s in self._begun_s.items() if at_s <= begun_s]:
            del self._begun_s[number]

    def _run(self, queue: Queue, before_sequence: int) -> None:
        number = queue.record.number
        task = asyncio.create_task(
            self._purge(queue, before_sequence), name=f"purge queue {number}"
        )
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number))

    async def _purge(self, queue: Queue, before_sequence: int) -> None:
        while True:
            try:
                removed = await queue.purge_step(before_sequence)
                if removed is None:
                    return
            except (StoreClosed, QueueDoesNotExist):
                return  # the next start goes on, or there is nothing left to purge
            except StoreError as error:
                log.warning("queue %s cannot be purged now: %s", queue.record.name, error)
                await asyncio.sleep(_RETRY_S)
                continue
            self._purged.value += removed
