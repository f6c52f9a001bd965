"""Moving messages in the background, one task after the other for each dead-letter queue.

Owns the tasks that are under way: starting, their pace, cancelling, and going on after a restart.
A message leaves one queue and appears in the other in one transaction, so that a crash moves it
once or not at all.

Source: StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask in the Amazon SQS API
reference; "Configuring a dead-letter queue redrive", Amazon SQS Developer Guide.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, final

from gateway.clock import Clock
from gateway.errors import StoreClosed, StoreError
from gateway.services.sqs.dead_letters import move_as_new, read_letter
from gateway.services.sqs.errors import (
    InvalidParameterValue,
    QueueDoesNotExist,
    RequestThrottled,
    ResourceNotFound,
    SqsError,
)
from gateway.services.sqs.moving import rows
from gateway.services.sqs.moving.checks import check_pace, check_queues, no_queue
from gateway.services.sqs.moving.rows import MoveTask
from gateway.services.sqs.queue import Queue
from gateway.store import Store

__all__ = ["Mover"]

log = logging.getLogger(__name__)

_MAX_TASKS: Final = 100
_STEP_MESSAGES: Final = 50

# A large body is a chain of pages that are written, and freed, one by one on the event loop.
_STEP_BYTES: Final = 1024 * 1024
_RETRY_S: Final = 5.0

# How often one step looks again because receivers were faster.
_LOOKS: Final = 10

_NO_SOURCE: Final = "CouldNotDetermineMessageSource"
_NOT_ACTIVE: Final = "Only active tasks can be cancelled."


@final
class Mover:
    """All message move tasks of a gateway.

    Args:
        store: Where tasks and messages are.
        clock: Wall time, which says when a task was started.
        find_queue: Finds a queue by its name.
        is_dead_letter_queue: Tells whether a queue's redrive policy names this one.
        sleep: How a task with a pace waits.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        find_queue: Callable[[str], Queue | None],
        is_dead_letter_queue: Callable[[str], bool],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._find_queue = find_queue
        self._is_dead_letter_queue = is_dead_letter_queue
        self._sleep = sleep
        self._running: dict[str, asyncio.Task[None]] = {}
        self._starting: set[str] = set()
        self._stopped = False

    def resume(self) -> None:
        """Go on with the tasks that were under way; at start, once all queues are there."""
        for task in rows.unfinished(self._store.reader):
            self._run(task)

    async def stop(self) -> None:
        """Stop moving; what is left goes on after the next start."""
        self._stopped = True
        for running in self._running.values():
            running.cancel()
        if self._running:
            await asyncio.wait(list(self._running.values()))

    async def start(self, source: str, destination: str | None, max_per_s: int | None) -> MoveTask:
        """Start a task; it is written down when this returns.

        Args:
            source: The dead-letter queue's name.
            destination: Where messages go; None: each to the queue that it came from.
            max_per_s: How many a second at most, 1 to 500; None: as fast as it goes.

        Raises:
            ResourceNotFound: A queue is not there.
            InvalidParameterValue: The source is no queue's dead-letter queue, a task of it is under
                way, the queues are of different kinds or the same, or the pace is out of range.
            RequestThrottled: As many tasks are under way as may be.
            StoreError: It could not be written down.
        """
        queue = self._existing(source, "SourceArn")
        target = None if destination is None else self._existing(destination, "DestinationArn")
        check_queues(queue, target, is_dead_letter_queue=self._is_dead_letter_queue(source))
        check_pace(max_per_s)
        if source in self._running or source in self._starting:
            raise InvalidParameterValue(
                "There is already a task running. Only one active task is allowed for a source "
                "queue arn at a given time."
            )
        if len(self._running) + len(self._starting) >= _MAX_TASKS:
            raise RequestThrottled(f"{_MAX_TASKS} message move tasks are under way, the most.")
        wanted = MoveTask(
            task=0,
            uid=str(uuid.uuid4()),
            source=source,
            destination=destination,
            max_per_s=max_per_s,
            status=rows.RUNNING,
            started_wall_ms=self._clock.wall_ms(),
            moved=0,
            to_move=queue.depths().visible,
            failure=None,
        )
        added = self._store.execute(lambda connection: rows.add(connection, wanted), adds_bytes=256)
        self._starting.add(source)
        # Whoever asked may hang up while it is written down: it runs once it is.
        added.add_done_callback(lambda added: self._added(source, added))
        return await asyncio.shield(added)

    async def cancel(self, uid: str) -> int:
        """Cancel a task; what it has moved stays moved.

        Returns:
            How many messages it has moved so far.

        Raises:
            ResourceNotFound: There is no such task.
            InvalidParameterValue: It is not under way.
            StoreError: That could not be written down.
        """
        task = rows.find(self._store.reader, uid)
        if task is None:
            raise ResourceNotFound("Task does not exist.")
        if task.status != rows.RUNNING:
            raise InvalidParameterValue(_NOT_ACTIVE)

        def work(connection: sqlite3.Connection) -> int:
            found = rows.find(connection, uid)
            if found is None or found.status != rows.RUNNING:  # it has ended just now
                raise InvalidParameterValue(_NOT_ACTIVE)
            rows.set_status(connection, found.task, rows.CANCELLING)
            return found.moved

        return await self._store.execute(work)

    def list_tasks(self, source: str, most: int) -> list[MoveTask]:
        """Return the tasks of a dead-letter queue, the latest first.

        Raises:
            ResourceNotFound: The queue is not there.
        """
        self._existing(source, "SourceArn")
        return rows.latest(self._store.reader, source, most)

    async def forget(self, source: str) -> None:
        """Forget the tasks of a queue that is deleted: one of its name has none.

        Raises:
            StoreError: It could not be written down.
        """
        await self._store.execute(lambda connection: rows.remove(connection, source))

    async def idle(self) -> None:
        """Wait until no task is under way."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    def _existing(self, name: str, parameter: str) -> Queue:
        queue = self._find_queue(name)
        if queue is None:
            raise no_queue(parameter)
        return queue

    # --- under way -------------------------------------------------------------------------------

    def _added(self, source: str, added: asyncio.Future[MoveTask]) -> None:
        self._starting.discard(source)
        # Asking for the exception also keeps asyncio from logging that nobody did.
        if added.exception() is None and not self._stopped:
            self._run(added.result())

    def _run(self, task: MoveTask) -> None:
        running = asyncio.create_task(self._move_all(task), name=f"move task {task.uid}")
        self._running[task.source] = running

        def ended(finished: asyncio.Task[None]) -> None:
            if self._running.get(task.source) is finished:
                del self._running[task.source]
            if not finished.cancelled() and finished.exception() is not None:
                log.error("move task %s has ended", task.uid, exc_info=finished.exception())

        running.add_done_callback(ended)

    async def _move_all(self, task: MoveTask) -> None:
        left = task.to_move - task.moved
        end: tuple[str, str | None] | None = None
        while True:
            try:
                if end is not None:
                    await self._end(task, *end)
                    return
                if self._is_cancelled(task):
                    end = rows.CANCELLED, None
                    continue
                step = min(left, _STEP_MESSAGES, task.max_per_s or _STEP_MESSAGES)
                moved = await self._step(task, step) if step > 0 else 0
                left -= moved
                if not moved:
                    end = rows.COMPLETED, None
                    continue
            except StoreClosed:
                return  # the gateway is stopping; the next start goes on
            except StoreError as error:
                log.warning("move task %s waits: %s", task.uid, error)
                await self._sleep(_RETRY_S)
                continue
            except QueueDoesNotExist as error:
                end = rows.FAILED, error.code
                continue
            except SqsError as error:
                end = rows.FAILED, str(error)
                continue
            if task.max_per_s is not None:
                await self._sleep(moved / task.max_per_s)

    def _is_cancelled(self, task: MoveTask) -> bool:
        found = rows.find(self._store.reader, task.uid)
        return found is None or found.status == rows.CANCELLING

    async def _end(self, task: MoveTask, status: str, failure: str | None = None) -> None:
        await self._store.execute(
            lambda connection: rows.set_status(connection, task.task, status, failure)
        )

    async def _step(self, task: MoveTask, most: int) -> int:
        """Move some messages to one destination; return how many, 0 where there are none.

        Raises:
            SqsError: A queue is gone, or a message's source is not known.
            StoreError: The step could not be written down.
        """
        for _ in range(_LOOKS):
            source = self._existing_queue(task.source)
            name = self._next_destination(task, source, most)
            if name is None:
                return 0
            moved = await self._move(task, source, self._existing_queue(name), most)
            if moved:
                return moved
            # Between the look and the transaction somebody has received what was there.
        return 0

    def _existing_queue(self, name: str) -> Queue:
        queue = self._find_queue(name)
        if queue is None:
            raise QueueDoesNotExist
        return queue

    async def _move(self, task: MoveTask, source: Queue, target: Queue, most: int) -> int:
        name = target.record.name

        def work(connection: sqlite3.Connection, now_ms: int) -> int:
            moved = weight = 0
            if target.is_deleted:
                raise QueueDoesNotExist
            for row_id in source.movable(connection, now_ms, most):
                letter = read_letter(connection, source, row_id)
                if letter is None:
                    continue  # gone, or changed on the disk
                if (task.destination or letter.source) != name:
                    break  # the next step looks anew
                move_as_new(connection, source, target, letter, now_ms)
                moved += 1
                weight += len(letter.body)
                if weight >= _STEP_BYTES:
                    break
            if moved:
                rows.count_moved(connection, task.task, moved)
            return moved

        return await source.change(work, target)

    def _next_destination(self, task: MoveTask, source: Queue, most: int) -> str | None:
        """Return where the first message goes that can be read; None where there is none."""
        reader = self._store.reader
        for row_id in source.movable(reader, self._clock.gateway_ms(), most):
            letter = read_letter(reader, source, row_id)
            if letter is None:
                continue
            if not (task.destination or letter.source):
                raise InvalidParameterValue(_NO_SOURCE)
            return task.destination or letter.source
        return None
