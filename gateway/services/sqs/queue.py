"""A queue, standard or FIFO: receiving, and what follows it.

Owns what a receive, a delete and a change of visibility are, and in which order things happen. What
differs between the two kinds is theirs: `standard` and `fifo.queue`. Knows no wire format.
"""

from __future__ import annotations

import asyncio
import sqlite3
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from gateway.errors import StoreClosed, StoreError
from gateway.services.sqs import removal
from gateway.services.sqs.age import oldest_sent_ms
from gateway.services.sqs.dead_letters import move_as_itself
from gateway.services.sqs.errors import QueueDoesNotExist, SqsError
from gateway.services.sqs.ground import QueueGround
from gateway.services.sqs.messages import NewMessage, Received
from gateway.services.sqs.names import message_id
from gateway.services.sqs.receipts import make_handle, read_handle
from gateway.services.sqs.state import Depths
from gateway.services.sqs.taking import DeadLetters, Take

__all__ = ["Queue"]

Result = TypeVar("Result")

# How often one receive looks again because all it found had expired or been received too often.
_LOOKS: Final = 20


class Queue(QueueGround):
    """What can be done with a queue, whichever kind it is."""

    __slots__ = ()

    # --- sending -------------------------------------------------------------------------------

    @abstractmethod
    def send(self, body: bytes) -> None:
        """Add a message to the open batch; it is kept once that is committed.

        Args:
            body: UTF-8, of the characters that AWS allows.

        Raises:
            SqsError: The body is empty, too large or not allowed, or the queue has been deleted or
                does not take messages without a group.
            StoreError: Nothing new is taken just now.
        """

    @abstractmethod
    async def send_all(self, messages: Sequence[NewMessage]) -> list[int]:
        """Send checked messages together; returns their rows once they are on disk.

        Waits first while more is gathered than the store admits.

        Raises:
            QueueDoesNotExist: The queue has been deleted.
            StoreError: They were not taken, none of them.
        """

    # --- receiving -----------------------------------------------------------------------------

    async def receive(
        self,
        *,
        most: int = 1,
        visibility_timeout_s: int | None = None,
        wait_time_s: float | None = None,
        attempt_id: str | None = None,
    ) -> list[Received]:
        """Receive messages; they are hidden, on disk, before this returns.

        A receive that is cancelled takes nothing. Who cannot pass on what this returned calls
        `release`.

        Args:
            most: How many at most.
            visibility_timeout_s: How long they stay hidden; None for what the queue says.
            wait_time_s: How long to wait for the first; None for what the queue says.
            attempt_id: The ReceiveRequestAttemptId, FIFO queues only: a receive that is made again
                with the same one within five minutes gets the same messages.

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
        looks = 0
        while True:
            if self._deleted:
                raise QueueDoesNotExist
            version = self._waiters.version
            # Looking without a transaction first: who polls an empty queue wears out no flash.
            if self._may_have(self._parts.clock.gateway_ms()) or self._may_repeat(attempt_id):
                received, again = await self._take(most, visibility_timeout_s * 1000, attempt_id)
                if received:
                    return received
                looks += 1
                if again and looks < _LOOKS:
                    continue
            remaining_s = deadline_s - loop.time()
            if remaining_s <= 0 or self._parts.wait_limit.ended:
                return []
            if ticket is None:
                ticket = self._waiters.ticket()
            self._arm_timer()
            await self._waiters.wait(ticket, version, remaining_s)

    async def _take(
        self, most: int, visibility_timeout_ms: int, attempt_id: str | None
    ) -> tuple[list[Received], bool]:
        """Return what was taken, and whether another look may find what this one did not."""
        taken: list[Received] = []
        again = abandoned = False
        target = self._dead_letter_queue()

        def work(connection: sqlite3.Connection, now_ms: int) -> list[Received]:
            nonlocal again
            if abandoned:
                return taken
            asked = Take(
                most=most,
                visibility_timeout_ms=visibility_timeout_ms,
                now_ms=now_ms,
                wall_ms=self._parts.clock.wall_ms(),
                sent_after_ms=now_ms - self.record.attributes.message_retention_s * 1000,
                not_after_ms=self._pending_ms(),
                dead_letters=self._dead_letters(target, now_ms),
                attempt_id=attempt_id,
                purged_before=self._purged_before,
                open_body=self._open_body,
            )
            taken.extend(self._take_rows(connection, asked))
            again = asked.again
            self._parts.received.value += len(taken)
            if asked.dead_letters is not None:
                self._parts.dead_lettered.value += asked.dead_letters.moved
            return taken

        try:
            future = await self._execute_in_turn(work, most, target)
            return await future, again
        except asyncio.CancelledError:
            abandoned = True
            if taken:
                self.release(taken)
            else:
                self._waiters.wake(1)  # what it was woken for, the next one may have
            raise
        except StoreError:
            self._waiters.wake(1)  # likewise: the message is still there
            raise

    def _may_repeat(self, attempt_id: str | None) -> bool:
        """Tell whether a receive with this ReceiveRequestAttemptId may get what one got before."""
        return False

    def _open_body(self, row_id: int, flags: int, body: bytes) -> bytes | None:
        opened = self.bodies.open(row_id, flags, body)
        if opened is None:
            self._parts.damaged.value += 1
        return opened

    def _dead_letter_queue(self) -> Queue | None:
        """Return where messages go that have been received too often, where there is such a queue.

        One that has been deleted takes nothing: messages stay, and can still be received.
        """
        policy = self.record.attributes.redrive
        if policy is None:
            return None
        target = self._parts.find_queue(policy.target)
        return None if target is self else target

    def _dead_letters(self, target: Queue | None, now_ms: int) -> DeadLetters | None:
        policy = self.record.attributes.redrive
        if target is None or target._deleted or policy is None:
            return None

        def move(
            connection: sqlite3.Connection, row_id: int, count: int, first_wall_ms: int | None
        ) -> bool:
            received = (count, first_wall_ms)
            return move_as_itself(connection, self, target, row_id, received, now_ms)

        return DeadLetters(policy.max_receive_count, move)

    def release(self, received: Sequence[Received]) -> None:
        """Undo a receive whose answer reached nobody: visible again, and not counted.

        One that repeats an earlier receive undoes nothing: that one's answer may have arrived.
        """
        new = [message for message in received if not message.is_repeated]
        if not new or self._deleted:
            return

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            self._parts.released.value += self._let_go(connection, new, now_ms)

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

    async def delete_all(self, handles: Sequence[str]) -> list[SqsError | None]:
        """Delete received messages, all in one transaction; always admitted.

        What has been deleted already, or received by somebody else since, is left alone.

        Returns:
            What was wrong with each; None where nothing was.

        Raises:
            ReceiptHandleIsInvalid: A text is no receipt handle of this queue; nothing is deleted.
            QueueDoesNotExist: The queue has been deleted.
        """
        rows = [read_handle(handle, self.record.number) for handle in handles]

        def work(connection: sqlite3.Connection, now_ms: int) -> list[SqsError | None]:
            outcomes: list[SqsError | None] = []
            for row_id, nonce in rows:
                try:
                    deleted = self._delete(connection, row_id, nonce, now_ms)
                except SqsError as error:
                    outcomes.append(error)
                else:
                    outcomes.append(None)
                    self._parts.deleted.value += deleted
            return outcomes

        return await (await self._execute_in_turn(work, len(rows)))

    async def change_visibility(self, handle: str, timeout_s: int) -> None:
        """Let a message in flight become visible so many seconds from now; 0: at once.

        Raises:
            SqsError: The handle is no handle of this queue, or its message is not in flight.
        """
        row_id, nonce = read_handle(handle, self.record.number)

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            self._change_visibility(connection, row_id, nonce, timeout_s * 1000, now_ms)

        await (await self._execute_in_turn(work, 1))

    async def expire(self) -> bool:
        """Remove a step of messages whose retention is over; True while there are more.

        Always admitted, and nothing is written where nothing has expired.
        """
        retention_ms = self.record.attributes.message_retention_s * 1000
        until_ms = self._parts.clock.gateway_ms() - retention_ms
        if self._deleted or not self._expired(self._store.reader, until_ms):
            return False

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            rows = self._expired(connection, until_ms)
            self._parts.expired.value += self.remove_rows(connection, rows, now_ms)

        await self._execute(work)
        return True

    def _expired(self, connection: sqlite3.Connection, until_ms: int) -> list[int]:
        has_moved = self._state.has_moved
        return removal.expired_rows(connection, self.record.number, until_ms, has_moved=has_moved)

    async def begin_purge(self) -> int:
        """Write down that all messages sent by now go; return once that is on disk.

        None of them can be received from then on.

        Returns:
            The sequence number before which messages go.
        """
        number, before = self.record.number, self._state.next_sequence

        def work(connection: sqlite3.Connection, now_ms: int) -> None:
            connection.execute("INSERT OR REPLACE INTO sqs_purge VALUES (?, ?)", (number, before))
            self._state.read_position = max(self._state.read_position, before)

        await self._execute(work)
        self.go_on_purging(before)
        return before

    def go_on_purging(self, before_sequence: int) -> None:
        """Give out nothing any more that was sent before that."""
        self._purged_before = max(self._purged_before, before_sequence)

    async def purge_step(self, before_sequence: int) -> int | None:
        """Remove a step of the messages before that; return how many, None once nothing is left."""
        number = self.record.number

        def work(connection: sqlite3.Connection, now_ms: int) -> int | None:
            rows = removal.rows_of_step(connection, number, before_sequence)
            if rows:
                return self.remove_rows(connection, rows, now_ms)
            if self._forget_purged(connection, before_sequence):
                return 0
            connection.execute("DELETE FROM sqs_purge WHERE queue = ?", (number,))
            return None

        return await self._execute(work)

    def _forget_purged(self, connection: sqlite3.Connection, before_sequence: int) -> bool:
        """Forget a step of what is kept beside the messages before that; False if nothing was."""
        return False

    def change(
        self, work: Callable[[sqlite3.Connection, int], Result], other: Queue | None = None
    ) -> asyncio.Future[Result]:
        """Run `work` on this queue, and another, in one transaction; it gets gateway time.

        Raises:
            QueueDoesNotExist: This queue has been deleted.
            StoreClosed: The gateway is stopping.
        """
        return self._execute(work, other)

    @abstractmethod
    def movable(self, connection: sqlite3.Connection, now_ms: int, most: int) -> list[int]:
        """Return rows of messages that a receive might get now, in the order it would."""

    # --- for people, and for the service -------------------------------------------------------

    @property
    def is_deleted(self) -> bool:
        """Whether it has been deleted."""
        return self._deleted

    def depths(self) -> Depths:
        """Return how many messages are visible, in flight and delayed now, approximately."""
        return self._state.depths(self._store.reader, self._parts.clock.gateway_ms())

    def oldest_age_s(self) -> float | None:
        """Return how long ago the oldest message was sent, in seconds; None where there is none."""
        has_moved = self._state.has_moved
        sent_ms = oldest_sent_ms(self._store.reader, self.record.number, has_moved=has_moved)
        if sent_ms is None:
            return None
        return max(self._parts.clock.gateway_ms() - sent_ms, 0) / 1000

    def message_id(self, row_id: int) -> str:
        """Return the message id that clients see."""
        return message_id(self.record.uid, row_id)

    def sequence_number(self, row_id: int) -> str | None:
        """Return the sequence number that clients see; None where the queue has none."""
        return None

    def message_id_of(self, received: Received) -> str:
        """Return the message id that clients see of a message in a receiver's hands."""
        return received.message_id or self.message_id(received.row_id)

    def receipt_handle(self, received: Received) -> str:
        """Return the receipt handle that clients get."""
        return make_handle(received.row_id, received.nonce)
