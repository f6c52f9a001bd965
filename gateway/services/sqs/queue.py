"""One queue: receiving, what follows it, and who waits; sending is the other half, in `sending`.

Owns the order of things in time: what runs inside the transaction, who waits for its commit. The
rows are `receive`'s, `visibility`'s and `removal`'s business. Knows no wire format.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, final

from gateway.errors import StoreClosed
from gateway.services.sqs import removal, visibility
from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.batch import SharedParts
from gateway.services.sqs.errors import QueueDoesNotExist
from gateway.services.sqs.names import message_id
from gateway.services.sqs.receipts import make_handle, read_handle
from gateway.services.sqs.receive import Received, take
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.sending import SendingQueue
from gateway.services.sqs.state import NEVER_MS, Depths, QueueState

__all__ = ["Queue"]

Result = TypeVar("Result")

# A timer that fires a moment early looks once more, but never in a circle.
_SHORTEST_TIMER_S: Final = 0.001


@final
class Queue(SendingQueue):
    """A standard queue."""

    __slots__ = ("_timer", "_timer_at_ms")

    def __init__(self, record: QueueRecord, state: QueueState, parts: SharedParts) -> None:
        super().__init__(record, state, parts)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ms = NEVER_MS

    @property
    def attributes(self) -> QueueAttributes:
        """What can be set of it."""
        return self.record.attributes

    # --- receiving -----------------------------------------------------------------------------

    async def receive(
        self,
        *,
        most: int = 1,
        visibility_timeout_s: int | None = None,
        wait_time_s: float | None = None,
    ) -> list[Received]:
        """Receive messages; they are hidden, on disk, before this returns.

        A receive that is cancelled takes nothing. Who cannot pass on what this returned calls
        `release`.

        Args:
            most: How many at most.
            visibility_timeout_s: How long they stay hidden; None for what the queue says.
            wait_time_s: How long to wait for the first; None for what the queue says.

        Returns:
            The messages, those first that have been visible longest; none if the time ran out.

        Raises:
            OverLimit: Too many messages are in flight.
            RequestThrottled: Too many receives are waiting.
            QueueDoesNotExist: The queue has been deleted.
            StoreError: The receive could not be written down.
        """
        attributes = self.record.attributes
        if visibility_timeout_s is None:
            visibility_timeout_s = attributes.visibility_timeout_s
        if wait_time_s is None:
            wait_time_s = attributes.receive_wait_time_s
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + wait_time_s
        ticket: int | None = None
        while True:
            if self._deleted:
                raise QueueDoesNotExist
            version = self._waiters.version
            # Looking without a transaction first: who polls an empty queue wears out no flash.
            if self._state.may_have_visible(self._parts.clock.gateway_ms()):
                received = await self._take(most, visibility_timeout_s * 1000)
                if received:
                    return received
            remaining_s = deadline_s - loop.time()
            if remaining_s <= 0:
                return []
            if ticket is None:
                ticket = self._waiters.ticket()
            self._arm_timer()
            await self._waiters.wait(ticket, version, remaining_s)

    async def _take(self, most: int, visibility_timeout_ms: int) -> list[Received]:
        taken: list[Received] = []
        abandoned = False

        def work(connection: sqlite3.Connection, now_ms: int) -> list[Received]:
            if not abandoned:
                retention_ms = self.record.attributes.message_retention_s * 1000
                taken.extend(
                    take(
                        connection,
                        self._state,
                        most=most,
                        visibility_timeout_ms=visibility_timeout_ms,
                        sent_after_ms=now_ms - retention_ms,
                        now_ms=now_ms,
                        wall_ms=self._parts.clock.wall_ms(),
                        not_after_ms=self._pending_ms(),
                    )
                )
                self._parts.received.value += len(taken)
            return taken

        try:
            return await self._execute(work)
        except asyncio.CancelledError:
            abandoned = True
            if taken:
                self.release(taken)
            else:
                self._waiters.wake(1)  # what it was woken for, the next one may have
            raise

    def release(self, received: Sequence[Received]) -> None:
        """Undo a receive whose answer reached nobody: visible again, and not counted."""
        if not received or self._deleted:
            return

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            self._parts.released.value += visibility.let_go(connection, self._state, received)

        try:
            self._execute(work)
        except StoreClosed:
            return  # the gateway is stopping: visible again after their visibility timeout

    def check_handle(self, handle: str) -> None:
        """Refuse a text that this queue cannot have given out.

        Raises:
            ReceiptHandleIsInvalid: It is no receipt handle, or another queue's.
        """
        read_handle(handle, self.record.number)

    async def delete_all(self, handles: Sequence[str]) -> None:
        """Delete received messages, all in one transaction; always admitted.

        What has been deleted already, or received by somebody else since, is left alone.

        Raises:
            ReceiptHandleIsInvalid: A text is no receipt handle of this queue; nothing is deleted.
            QueueDoesNotExist: The queue has been deleted.
        """
        rows = [read_handle(handle, self.record.number) for handle in handles]

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            for row_id, nonce in rows:
                self._parts.deleted.value += visibility.delete(
                    connection, self._state, row_id, nonce
                )

        await self._execute(work)

    async def change_visibility(self, handle: str, timeout_s: int) -> None:
        """Let a message in flight become visible so many seconds from now; 0: at once.

        Raises:
            SqsError: The handle is no handle of this queue, or its message is not in flight.
        """
        row_id, nonce = read_handle(handle, self.record.number)

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            visibility.change_visibility(
                connection, self._state, row_id, nonce, timeout_ms=timeout_s * 1000, now_ms=now_ms
            )

        await self._execute(work)

    async def expire(self) -> bool:
        """Remove a step of messages whose retention is over; True while there are more.

        Always admitted, and nothing is written where nothing has expired.
        """
        retention_ms = self.record.attributes.message_retention_s * 1000
        until_ms = self._parts.clock.gateway_ms() - retention_ms
        number = self.record.number
        if self._deleted or not removal.has_expired(self._store.reader, number, until_ms):
            return False

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            removed = removal.remove_expired(connection, self._state, until_ms)
            self._parts.expired.value += removed

        await self._execute(work)
        return True

    # --- for people, and for the service -------------------------------------------------------

    def depths(self) -> Depths:
        """Return how many messages are visible, in flight and delayed now, approximately."""
        return self._state.depths(self._store.reader, self._parts.clock.gateway_ms())

    def message_id(self, row_id: int) -> str:
        """Return the message id that clients see."""
        return message_id(self.record.uid, row_id)

    def receipt_handle(self, received: Received) -> str:
        """Return the receipt handle that clients get."""
        return make_handle(received.row_id, received.nonce)

    def mark_deleted(self) -> None:
        """Refuse everything from now on, and tell those who wait."""
        super().mark_deleted()
        if self._timer is not None:
            self._timer.cancel()

    def wake_due(self) -> None:
        """Wake receivers for what has become visible by now; the timer's callback."""
        self._timer = None
        self._timer_at_ms = NEVER_MS
        if self._state.next_visible_ms <= self._parts.clock.gateway_ms():
            self._waiters.wake(self._state.hidden)
        if self._waiters:
            self._arm_timer()

    # --- inside ----------------------------------------------------------------------------------

    def _execute(self, work: Callable[[sqlite3.Connection, int], Result]) -> asyncio.Future[Result]:
        """Run `work` in the open batch, all or nothing, and have the counters written."""
        if self._deleted:
            raise QueueDoesNotExist

        def operation(connection: sqlite3.Connection) -> Result:
            if self._deleted:
                raise QueueDoesNotExist
            state = self._state
            before = state.values()
            try:
                now_ms = self._parts.clock.gateway_ms()
                state.settle(connection, min(now_ms, self._settle_limit_ms()))
                result = work(connection, now_ms)
                if state.values() != before:
                    state.save(connection)
            except BaseException:
                state.restore(before)
                raise
            return result

        future = self._store.execute(operation)
        future.add_done_callback(self._after_operation)
        return future

    def _after_operation(self, future: asyncio.Future[Result]) -> None:
        # Asking for the exception also keeps asyncio from logging that nobody did.
        if not future.cancelled() and future.exception() is None and self._waiters:
            self._arm_timer()

    def _arm_timer(self) -> None:
        """Have receivers woken when the next hidden message becomes visible, or is already."""
        at_ms = self._state.next_visible_ms
        if at_ms == NEVER_MS or at_ms >= self._timer_at_ms or self._deleted:
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max((at_ms - self._parts.clock.gateway_ms()) / 1000, _SHORTEST_TIMER_S)
        self._timer_at_ms = at_ms
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.wake_due)
