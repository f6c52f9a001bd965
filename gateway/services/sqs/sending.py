"""The sending half of a queue: from a body to a row in the store's open batch.

Owns the way that every message takes, and that a batch's counters are written once. Nothing is
drawn, digested or asked of a clock per message: times are read once per batch, ids follow from the
row.

The counters in memory are those of the open batch. A failed batch, and all that gathered behind it,
never happened: `reload` reads what was committed.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Final, final

from gateway.services.sqs.batch import ROW_BYTES, SharedParts
from gateway.services.sqs.bodies import PLAIN, check_body
from gateway.services.sqs.errors import QueueDoesNotExist
from gateway.services.sqs.names import DELAYED_RANGE, SEQUENCE_BITS
from gateway.services.sqs.polling import Waiters
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.state import NEVER_MS, QueueState

__all__ = ["NewMessage", "SendingQueue"]

_NO_BATCH: Final = -1


@final
class NewMessage:
    """A message to send.

    Attributes:
        body: The body, UTF-8, already checked.
        delay_s: How long to hide it; None for what the queue says.
        attributes: Message and system attributes as `message_attributes.encode` makes them.
        sender: The access key that sends it; None for a rule.
    """

    __slots__ = ("attributes", "body", "delay_s", "sender")

    def __init__(
        self,
        body: bytes,
        *,
        delay_s: int | None = None,
        attributes: bytes | None = None,
        sender: str | None = None,
    ) -> None:
        self.body = body
        self.delay_s = delay_s
        self.attributes = attributes
        self.sender = sender


class SendingQueue:
    """What of a queue has to do with sending.

    Args:
        record: Its name, number and attributes.
        state: Its counters as they were committed.
        parts: What all queues share.

    Attributes:
        record: Its name, number and attributes.
    """

    __slots__ = (
        "_batch",
        "_committed",
        "_counted_sequence",
        "_delay_s",
        "_deleted",
        "_first_row",
        "_insert",
        "_max_bytes",
        "_parts",
        "_pending_visible_ms",
        "_sent_gateway_ms",
        "_sent_wall_ms",
        "_state",
        "_store",
        "_waiters",
        "_wall_trusted",
        "record",
    )

    def __init__(self, record: QueueRecord, state: QueueState, parts: SharedParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._insert = parts.messages
        self._state = state
        self._waiters = Waiters(parts.wait_limit)
        self._first_row = record.number << SEQUENCE_BITS
        self._batch = _NO_BATCH
        self._committed: asyncio.Future[None] | None = None
        self._counted_sequence = state.next_sequence
        self._deleted = False
        self._pending_visible_ms = NEVER_MS
        self._sent_gateway_ms = 0
        self._sent_wall_ms = 0
        self._wall_trusted = 0
        self.configure(record)

    def configure(self, record: QueueRecord) -> None:
        """Take over a changed record."""
        self.record = record
        self._max_bytes = record.attributes.max_message_bytes
        self._delay_s = record.attributes.delay_s

    def send(self, body: bytes) -> None:
        """Add a message to the open batch; it is kept once that is committed.

        Args:
            body: UTF-8, of the characters that AWS allows.

        Raises:
            SqsError: The body is empty, too large or not allowed, or the queue has been deleted.
            StoreError: Nothing new is taken just now.
        """
        size_bytes = len(body)
        if not size_bytes or size_bytes > self._max_bytes or body.translate(None, PLAIN):
            check_body(body, self._max_bytes)
        if self._delay_s:
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
                self._wall_trusted,
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
            QueueDoesNotExist: The queue has been deleted.
            StoreError: Nothing new is taken just now.
        """
        if self._batch != self._store.batch:
            self._open_batch()
        state = self._state
        delay_s = self._delay_s if message.delay_s is None else message.delay_s
        row_id = self._first_row + state.next_sequence + (DELAYED_RANGE if delay_s else 0)
        size_bytes = len(message.body) + len(message.attributes or b"") + ROW_BYTES
        self._store.add(
            self._insert,
            (
                row_id,
                self._sent_gateway_ms,
                self._sent_wall_ms,
                self._wall_trusted,
                message.sender,
                message.attributes,
                message.body,
            ),
            size_bytes,
        )
        state.next_sequence += 1
        state.messages += 1
        if delay_s:
            # Read anew: a batch may gather for a while, and nothing may become visible early.
            visible_at_ms = self._parts.clock.gateway_ms() + delay_s * 1000
            self._store.add(self._parts.hidden, (row_id, state.queue, visible_at_ms), ROW_BYTES)
            state.note_hidden(visible_at_ms, 0)
            self._pending_visible_ms = min(self._pending_visible_ms, visible_at_ms)
        return row_id

    async def send_all(self, messages: Sequence[NewMessage]) -> list[int]:
        """Send checked messages together; returns their rows once they are on disk.

        Waits first while more is gathered than the store admits.

        Raises:
            QueueDoesNotExist: The queue has been deleted.
            StoreError: They were not taken, none of them.
        """
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
        self._wall_trusted = int(clock.wall_trusted)
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
        self._state.load(self._store.reader)
        self._counted_sequence = self._state.next_sequence

    def mark_deleted(self) -> None:
        """Refuse everything from now on, and tell those who wait."""
        self._deleted = True
        self._batch = _NO_BATCH
        self._waiters.wake_all()

    # --- inside an operation -------------------------------------------------------------------

    def _sends_in_running_batch(self) -> bool:
        """Tell whether the batch that runs has sends, whose rows may follow later in it."""
        return self._batch == self._store.batch - 1

    def _settle_limit_ms(self) -> int:
        # A delayed message may be counted whose row comes later in this batch. None of them
        # becomes visible before the batch was opened, so the counters follow time up to there.
        return self._sent_gateway_ms if self._sends_in_running_batch() else NEVER_MS

    def _pending_ms(self) -> int:
        return self._pending_visible_ms if self._sends_in_running_batch() else NEVER_MS
