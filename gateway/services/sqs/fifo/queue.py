"""A FIFO queue: each message once, and those of a group one after the other.

Owns what a send is here, and that every change of a message is followed by a look at its group.
Sends are operations of the open batch, not plain rows: whether a message has been sent before must
be looked up in the same transaction.

Source: "Amazon SQS FIFO queues", Amazon SQS Developer Guide.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar, final

from gateway.services.sqs import visibility
from gateway.services.sqs.batch import INSERT_MESSAGE, ROW_BYTES
from gateway.services.sqs.dead_letters import Letter
from gateway.services.sqs.errors import (
    InvalidParameterValue,
    MessageNotInflight,
    MissingParameter,
)
from gateway.services.sqs.fifo import deduplication, groups
from gateway.services.sqs.fifo.receive import is_full, take
from gateway.services.sqs.fifo.removal import remove_rows
from gateway.services.sqs.ground import QueueGround
from gateway.services.sqs.message_attributes import group_of
from gateway.services.sqs.messages import NewMessage, Received
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.receipts import make_handle
from gateway.services.sqs.sealing.bodies import SEALED
from gateway.services.sqs.taking import Take

__all__ = ["FifoQueue", "no_group"]

Result = TypeVar("Result")

_DELAY: Final = "INSERT INTO sqs_hidden VALUES (?, ?, ?, 0, NULL, NULL, NULL)"

# What a message of a FIFO queue weighs in the store beside body and attributes.
_ROW_BYTES: Final = ROW_BYTES + 96

# More receivers than this are not woken at once for groups that have become available.
_MOST_WOKEN: Final = 100

# How often to look whether messages are visible again while as many are in flight as may be.
_FULL_LOOK_MS: Final = 1000


@final
class FifoQueue(Queue):
    """A FIFO queue."""

    __slots__ = ()

    _weight = 2

    # --- sending ---------------------------------------------------------------------------------

    def send(self, body: bytes) -> None:
        """Refuse: a message without a group has no place here.

        AWS's sqs action does not send to FIFO queues either.
        """
        raise no_group()

    async def send_all(self, messages: Sequence[NewMessage]) -> list[int]:
        """Send checked messages together, in order; returns their rows once they are on disk.

        Of a message that was sent in the last five minutes, that is the row it had then.
        """
        await self._parts.room()
        adds_bytes = sum(len(m.body) + len(m.attributes or b"") + _ROW_BYTES for m in messages)

        def work(connection: sqlite3.Connection, now_ms: int) -> list[int]:
            return [self._send(connection, message, now_ms) for message in messages]

        sent = await self._execute_in_turn(work, len(messages), adds_bytes=adds_bytes)
        return await asyncio.shield(sent)

    def _send(self, connection: sqlite3.Connection, message: NewMessage, now_ms: int) -> int:
        attributes = self.record.attributes
        deduplication_id = message.deduplication_id or deduplication.content_id(message.body)
        by_group = attributes.deduplication_scope == "messageGroup"
        key = deduplication.deduplication_key(
            message.group_id if by_group else None, deduplication_id
        )
        number = self.record.number
        row_id = self._first_row + self._state.next_sequence
        sent = deduplication.claim(
            connection,
            number,
            key,
            now_ms,
            row_id,
            purged_before_row=self._first_row + self._purged_before,
        )
        if sent is not None:
            self._parts.deduplicated.value += 1
            return sent
        self._count_row()
        body, flags = message.body, self._parts.flags()
        if self.bodies.sealed:
            body, flags = self.bodies.seal(row_id, body), flags | SEALED
        wall_ms = self._parts.clock.wall_ms()
        row = (row_id, now_ms, wall_ms, flags, message.sender, message.attributes, body)
        connection.execute(INSERT_MESSAGE, row)
        self._parts.sent.value += 1
        visible_at_ms = now_ms + attributes.delay_s * 1000
        if attributes.delay_s:
            connection.execute(_DELAY, (row_id, number, visible_at_ms))
            self._state.note_hidden(visible_at_ms, 0)
        groups.append(connection, number, message.group_id, row_id, visible_at_ms)
        return row_id

    def sequence_number(self, row_id: int) -> str | None:
        """Return the sequence number that clients see: 20 digits, growing with each message."""
        return f"1{row_id - self._first_row:019d}"

    def movable(self, connection: sqlite3.Connection, now_ms: int, most: int) -> list[int]:
        """Return rows of messages that a receive might get now, in the order it would."""
        rows: list[int] = []
        for group, _ in groups.available(connection, self.record.number, now_ms, most):
            rows += groups.first_visible(connection, group, now_ms, most - len(rows))
            if len(rows) >= most:
                break
        return [row for row in rows if row - self._first_row >= self._purged_before]

    # --- inside the transaction ------------------------------------------------------------------

    def remove_rows(
        self, connection: sqlite3.Connection, row_ids: Iterable[int], now_ms: int
    ) -> int:
        """Remove messages with all that is kept of them; return how many there were."""
        return remove_rows(connection, self._state, row_ids, now_ms)

    def _take_letter(
        self, connection: sqlite3.Connection, letter: Letter, now_ms: int, *, as_itself: bool
    ) -> tuple[int, int]:
        # At the end of its group, and its retention begins anew, whether it comes as itself or not.
        row_id = self._first_row + self._state.next_sequence
        self._insert_letter(connection, letter, row_id, now_ms)
        groups.append(connection, self.record.number, group_of(letter.attributes), row_id, now_ms)
        return row_id, now_ms

    def _take_rows(self, connection: sqlite3.Connection, asked: Take) -> list[Received]:
        return take(connection, self._state, asked)

    def _delete(
        self, connection: sqlite3.Connection, row_id: int, nonce: bytes, now_ms: int
    ) -> bool:
        held = visibility.held_by(connection, row_id, nonce)
        if held is None:
            return False
        if held.visible_at_ms <= now_ms:
            raise InvalidParameterValue(
                f"Value {make_handle(row_id, nonce)} for parameter ReceiptHandle is invalid. "
                "Reason: The receipt handle has expired."
            )
        return remove_rows(connection, self._state, [row_id], now_ms) == 1

    def _change_visibility(
        self,
        connection: sqlite3.Connection,
        row_id: int,
        nonce: bytes,
        timeout_ms: int,
        now_ms: int,
    ) -> None:
        held = visibility.held_by(connection, row_id, nonce)
        if held is not None and held.visible_at_ms <= now_ms:
            raise MessageNotInflight  # others of the group may have been received since
        visibility.change_visibility(
            connection, self._state, row_id, nonce, timeout_ms=timeout_ms, now_ms=now_ms
        )
        self._refresh_groups(connection, [row_id], now_ms)

    def _let_go(
        self, connection: sqlite3.Connection, received: Sequence[Received], now_ms: int
    ) -> int:
        count = visibility.let_go(connection, self._state, received)
        self._refresh_groups(connection, (message.row_id for message in received), now_ms)
        return count

    def _forget_purged(self, connection: sqlite3.Connection, before_sequence: int) -> bool:
        before_row = self._first_row + before_sequence
        return deduplication.forget_purged(connection, self.record.number, before_row)

    def _refresh_groups(
        self, connection: sqlite3.Connection, row_ids: Iterable[int], now_ms: int
    ) -> None:
        for group in groups.groups_of(connection, row_ids):
            groups.refresh(connection, group, now_ms)

    # --- time ------------------------------------------------------------------------------------

    async def expire(self) -> bool:
        """Remove a step of what has expired, and of what no longer counts for deduplication."""
        if await super().expire():
            return True
        now_ms = self._parts.clock.gateway_ms()
        if self._deleted or not deduplication.has_old(
            self._store.reader, self.record.number, now_ms
        ):
            return False
        await self._execute(
            lambda connection, now_ms: deduplication.forget_old(
                connection, self.record.number, now_ms
            )
        )
        return True

    def reload(self) -> None:
        """Read the counters as they were committed: the open batch never happened."""
        super().reload()
        self._look_for_available(self._store.reader)

    def _execute(
        self,
        work: Callable[[sqlite3.Connection, int], Result],
        other: QueueGround | None = None,
        *,
        adds_bytes: int = 0,
    ) -> asyncio.Future[Result]:
        def and_look(connection: sqlite3.Connection, now_ms: int) -> Result:
            result = work(connection, now_ms)
            self._look_for_available(connection)
            if isinstance(other, FifoQueue):
                other._look_for_available(connection)
            return result

        return super()._execute(and_look, other, adds_bytes=adds_bytes)

    def _look_for_available(self, connection: sqlite3.Connection) -> None:
        number = self.record.number
        self._state.next_available_ms = groups.find_next_available(connection, number)

    def _may_have(self, now_ms: int) -> bool:
        return self._state.next_available_ms <= now_ms and not self._is_full(now_ms)

    def _is_full(self, now_ms: int) -> bool:
        return is_full(self._state, self._store.reader, now_ms)

    def _may_repeat(self, attempt_id: str | None) -> bool:
        if attempt_id is None:
            return False
        key = deduplication.attempt_key(attempt_id)
        now_ms = self._parts.clock.gateway_ms()
        held = deduplication.earlier_receive(self._store.reader, self.record.number, key, now_ms)
        return bool(held)

    def _next_due_ms(self) -> int:
        now_ms = self._parts.clock.gateway_ms()
        if self._is_full(now_ms):
            # Groups may be available that nobody can receive of; who deletes wakes earlier.
            return max(self._state.next_available_ms, now_ms + _FULL_LOOK_MS)
        return self._state.next_available_ms

    def _due_count(self, now_ms: int) -> int:
        number = self.record.number
        return len(groups.available(self._store.reader, number, now_ms, _MOST_WOKEN))


def no_group() -> MissingParameter:
    """Return the error for a message to a FIFO queue without a message group."""
    return MissingParameter("The request must contain the parameter MessageGroupId.")
