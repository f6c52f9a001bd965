"""A standard queue: from a body to a row in the store's open batch, and its rows' way out.

Owns the way that every message takes, and that a batch's counters are written once. Nothing is
drawn, digested or asked of a clock per message: times are read once per batch, ids follow from the
row.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, final

from gateway.services.sqs import visibility
from gateway.services.sqs.batch import ROW_BYTES, SharedParts
from gateway.services.sqs.bodies import PLAIN, check_body
from gateway.services.sqs.dead_letters import Letter
from gateway.services.sqs.errors import QueueDoesNotExist
from gateway.services.sqs.messages import NewMessage, Received
from gateway.services.sqs.names import DELAYED_RANGE
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.receive import take, visible_rows
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.removal import remove_row
from gateway.services.sqs.sealing.bodies import SEALED
from gateway.services.sqs.state import NEVER_MS, QueueState
from gateway.services.sqs.taking import Take

__all__ = ["StandardQueue"]

_NO_BATCH: Final = -1


@final
class StandardQueue(Queue):
    """A standard queue.

    Args:
        record: Its name, number and attributes.
        state: Its counters as they were committed.
        parts: What all queues share.
    """

    __slots__ = (
        "_batch",
        "_committed",
        "_counted_sequence",
        "_delay_s",
        "_insert",
        "_max_bytes",
        "_pending_visible_ms",
        "_sent_flags",
        "_sent_gateway_ms",
        "_sent_wall_ms",
    )

    def __init__(self, record: QueueRecord, state: QueueState, parts: SharedParts) -> None:
        self._insert = parts.messages
        self._batch = _NO_BATCH
        self._committed: asyncio.Future[None] | None = None
        self._counted_sequence = state.next_sequence
        self._pending_visible_ms = NEVER_MS
        self._sent_gateway_ms = 0
        self._sent_wall_ms = 0
        self._sent_flags = 0
        super().__init__(record, state, parts)

    def configure(self, record: QueueRecord) -> None:
        """Take over a changed record."""
        super().configure(record)
        self._max_bytes = record.attributes.max_message_bytes
        self._delay_s = record.attributes.delay_s

    # --- sending -------------------------------------------------------------------------------

    def send(self, body: bytes) -> None:
        """Add a message to the open batch; it is kept once that is committed."""
        size_bytes = len(body)
        if not size_bytes or size_bytes > self._max_bytes or body.translate(None, PLAIN):
            check_body(body, self._max_bytes)
        if self._delay_s or self.bodies.sealed:
            self.add(NewMessage(body))
            return
        if self._batch != self._store.batch:
            self._open_batch()
        state = self._state
        sequence = state.next_sequence
        self._store.add(
            self._insert,
            (
                self._first_row + sequence,
                self._sent_gateway_ms,
                self._sent_wall_ms,
                self._sent_flags,
                None,
                None,
                body,
            ),
            size_bytes + ROW_BYTES,
        )
        state.next_sequence = sequence + 1
        state.messages += 1

    def add(self, message: NewMessage) -> int:
        """Add a checked message to the open batch; return its row.

        Raises:
            SqsError: The queue has been deleted, or its key cannot be used.
            StoreError: Nothing new is taken just now.
        """
        if self._batch != self._store.batch:
            self._open_batch()
        state = self._state
        delay_s = self._delay_s if message.delay_s is None else message.delay_s
        row_id = self._first_row + state.next_sequence + (DELAYED_RANGE if delay_s else 0)
        body, flags = message.body, self._sent_flags
        if self.bodies.sealed:
            body, flags = self.bodies.seal(row_id, body), flags | SEALED
        size_bytes = len(body) + len(message.attributes or b"") + ROW_BYTES
        self._store.add(
            self._insert,
            (
                row_id,
                self._sent_gateway_ms,
                self._sent_wall_ms,
                flags,
                message.sender,
                message.attributes,
                body,
            ),
            size_bytes,
        )
        self._count_row()
        if delay_s:
            # Read anew: a batch may gather for a while, and nothing may become visible early.
            visible_at_ms = self._parts.clock.gateway_ms() + delay_s * 1000
            self._store.add(self._parts.hidden, (row_id, state.queue, visible_at_ms), ROW_BYTES)
            state.note_hidden(visible_at_ms, 0)
            self._pending_visible_ms = min(self._pending_visible_ms, visible_at_ms)
        return row_id

    async def send_all(self, messages: Sequence[NewMessage]) -> list[int]:
        """Send checked messages together; returns their rows once they are on disk."""
        await self._parts.room()
        rows = [self.add(message) for message in messages]
        if self._committed is not None and rows:
            await asyncio.shield(self._committed)
        return rows

    def _open_batch(self) -> None:
        """Read the clocks and have the counters written, once per batch."""
        if self._deleted:
            raise QueueDoesNotExist
        clock = self._parts.clock
        self._sent_gateway_ms = clock.gateway_ms()
        self._sent_wall_ms = clock.wall_ms()
        self._sent_flags = self._parts.flags()
        self._pending_visible_ms = NEVER_MS
        if not self._store.accepting:
            return  # the row will be refused, and nothing has to be committed
        batch = self._store.batch
        self._committed = self._store.execute(self._save)
        self._committed.add_done_callback(self._after_sends)
        self._batch = batch

    def _save(self, connection: sqlite3.Connection) -> None:
        """Write the counters as all sends of the batch have left them."""
        self._state.save(connection)
        self._parts.sent.value += self._state.next_sequence - self._counted_sequence
        self._counted_sequence = self._state.next_sequence

    def _after_sends(self, future: asyncio.Future[None]) -> None:
        # Asking for the exception also keeps asyncio from logging that nobody did.
        if not future.cancelled() and future.exception() is None and self._waiters:
            self._waiters.wake(self._state.fresh)

    def reload(self) -> None:
        """Read the counters as they were committed: the open batch never happened."""
        self._batch = _NO_BATCH
        self._pending_visible_ms = NEVER_MS
        super().reload()
        self._counted_sequence = self._state.next_sequence

    def mark_deleted(self) -> None:
        """Refuse everything from now on, and tell those who wait."""
        self._batch = _NO_BATCH
        super().mark_deleted()

    def movable(self, connection: sqlite3.Connection, now_ms: int, most: int) -> list[int]:
        """Return rows of messages that a receive might get now, in the order it would."""
        rows = visible_rows(connection, self._state, now_ms, most)
        return [row for row in rows if row & (DELAYED_RANGE - 1) >= self._purged_before]

    # --- inside the transaction ------------------------------------------------------------------

    def remove_rows(
        self, connection: sqlite3.Connection, row_ids: Iterable[int], now_ms: int
    ) -> int:
        """Remove messages with all that is kept of them; return how many there were."""
        return sum(remove_row(connection, self._state, row_id) for row_id in row_ids)

    def _take_letter(
        self, connection: sqlite3.Connection, letter: Letter, now_ms: int, *, as_itself: bool
    ) -> tuple[int, int]:
        # As itself it keeps when it was sent, so that it must not stand among the fresh ones.
        sent_gateway_ms = letter.sent_gateway_ms if as_itself else now_ms
        bits = DELAYED_RANGE if as_itself else 0
        row_id = self._first_row + self._state.next_sequence + bits
        self._counted_sequence += 1  # moved here, not sent
        self._insert_letter(connection, letter, row_id, sent_gateway_ms)
        return row_id, sent_gateway_ms

    def _take_rows(self, connection: sqlite3.Connection, asked: Take) -> list[Received]:
        return take(connection, self._state, asked)

    def _delete(
        self, connection: sqlite3.Connection, row_id: int, nonce: bytes, now_ms: int
    ) -> bool:
        return visibility.delete(connection, self._state, row_id, nonce)

    def _change_visibility(
        self,
        connection: sqlite3.Connection,
        row_id: int,
        nonce: bytes,
        timeout_ms: int,
        now_ms: int,
    ) -> None:
        visibility.change_visibility(
            connection, self._state, row_id, nonce, timeout_ms=timeout_ms, now_ms=now_ms
        )

    def _let_go(
        self, connection: sqlite3.Connection, received: Sequence[Received], now_ms: int
    ) -> int:
        return visibility.let_go(connection, self._state, received)

    # --- time ------------------------------------------------------------------------------------

    def _may_have(self, now_ms: int) -> bool:
        return self._state.may_have_visible(now_ms)

    def _next_due_ms(self) -> int:
        return self._state.next_visible_ms

    def _due_count(self, now_ms: int) -> int:
        return self._state.hidden

    def _sends_in_running_batch(self) -> bool:
        """Tell whether the batch that runs has sends, whose rows may follow later in it."""
        return self._batch == self._store.batch - 1

    def _settle_limit_ms(self) -> int:
        # A delayed message may be counted whose row comes later in this batch. None of them
        # becomes visible before the batch was opened, so the counters follow time up to there.
        return self._sent_gateway_ms if self._sends_in_running_batch() else NEVER_MS

    def _pending_ms(self) -> int:
        return self._pending_visible_ms if self._sends_in_running_batch() else NEVER_MS
