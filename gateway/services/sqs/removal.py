"""Removing messages: one that was deleted, those that have expired, all of a deleted queue.

Owns the rows' end, in steps small enough for the event loop; runs inside the store's transactions.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from gateway.services.sqs.names import DELAYED_RANGE, SEQUENCE_BITS
from gateway.services.sqs.state import QueueState

__all__ = ["STEP_MESSAGES", "expired_rows", "remove_queue_rows", "remove_row", "rows_of_step"]

STEP_MESSAGES: Final = 160
"""How many messages one step removes at most."""

# A large body is a chain of pages that have to be freed one by one.
STEP_BYTES: Final = 2 * 1024 * 1024

_OLDEST: Final = (
    "SELECT id, sent_gateway_ms, length(body) FROM sqs_message"
    " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
)
_MOVED_BY_AGE: Final = (
    "SELECT d.id, d.sent_gateway_ms, length(m.body) FROM sqs_moved d"
    " JOIN sqs_message m ON m.id = d.id"
    " WHERE d.queue = ? AND d.sent_gateway_ms <= ? ORDER BY d.sent_gateway_ms LIMIT ?"
)
_ROWS_BY_ID: Final = ("sqs_hidden", "sqs_message", "sqs_ordered", "sqs_moved")
_ROWS_BY_QUEUE: Final = (
    "DELETE FROM sqs_group WHERE grp IN (SELECT grp FROM sqs_group WHERE queue = ? LIMIT ?)",
    "DELETE FROM sqs_deduplication WHERE (queue, key) IN"
    " (SELECT queue, key FROM sqs_deduplication WHERE queue = ? LIMIT ?)",
    "DELETE FROM sqs_attempt WHERE (queue, key) IN"
    " (SELECT queue, key FROM sqs_attempt WHERE queue = ? LIMIT ?)",
)


def remove_row(connection: sqlite3.Connection, state: QueueState, row_id: int) -> bool:
    """Remove one message of a standard queue; False where it has gone already."""
    hidden = connection.execute(
        "SELECT visible_at_ms, receive_count FROM sqs_hidden WHERE id = ?", (row_id,)
    ).fetchone()
    if hidden is not None:
        connection.execute("DELETE FROM sqs_hidden WHERE id = ?", (row_id,))
        state.note_shown(*hidden)
    removed = connection.execute("DELETE FROM sqs_message WHERE id = ?", (row_id,)).rowcount
    if state.has_moved:
        connection.execute("DELETE FROM sqs_moved WHERE id = ?", (row_id,))
    state.messages -= removed
    return removed == 1


def expired_rows(
    reader: sqlite3.Connection, queue: int, sent_until_ms: int, *, has_moved: bool
) -> list[int]:
    """Return a step of the rows that were sent by then, without writing.

    Within a range rows are in the order of sending, so that the expired ones stand in front; what
    was moved here has kept its time and is looked up by it.
    """
    rows: list[int] = []
    for span in _ranges(queue):
        rows += _step(reader, (_OLDEST, *span), STEP_MESSAGES - len(rows), sent_until_ms)
    if has_moved:
        step = (_MOVED_BY_AGE, queue, sent_until_ms)
        seen = set(rows)
        rows += [
            row
            for row in _step(reader, step, STEP_MESSAGES - len(rows), sent_until_ms)
            if row not in seen
        ]
    return rows


def rows_of_step(reader: sqlite3.Connection, queue: int, before_sequence: int) -> list[int]:
    """Return a step of the queue's rows with a lower sequence number than this."""
    rows: list[int] = []
    for low, _ in _ranges(queue):
        span = (_OLDEST, low, low + before_sequence)
        rows += _step(reader, span, STEP_MESSAGES - len(rows), None)
    return rows


def remove_queue_rows(connection: sqlite3.Connection, queue: int) -> bool:
    """Remove a step of a deleted queue's rows, its own row last; True when nothing is left."""
    for span in _ranges(queue):
        rows = _step(connection, (_OLDEST, *span), STEP_MESSAGES, None)
        if rows:
            bounds = (rows[0], rows[-1])
            for table in _ROWS_BY_ID:
                connection.execute(f"DELETE FROM {table} WHERE id BETWEEN ? AND ?", bounds)  # noqa: S608 - constants
            return False
    for statement in _ROWS_BY_QUEUE:
        if connection.execute(statement, (queue, STEP_MESSAGES)).rowcount:
            return False
    for table in ("sqs_purge", "sqs_queue"):
        connection.execute(f"DELETE FROM {table} WHERE queue = ?", (queue,))  # noqa: S608 - constants
    return True


def _ranges(queue: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return first and end of the queue's two ranges of rows."""
    base = queue << SEQUENCE_BITS
    middle = base + DELAYED_RANGE
    return (base, middle), (middle, base + (1 << SEQUENCE_BITS))


def _step(
    connection: sqlite3.Connection,
    statement: tuple[str, int, int],
    most: int,
    sent_until_ms: int | None,
) -> list[int]:
    rows: list[int] = []
    weight = 0
    sql, *bounds = statement
    if most <= 0:
        return rows
    for row_id, sent_ms, size_bytes in connection.execute(sql, (*bounds, most)):
        if sent_until_ms is not None and sent_ms > sent_until_ms:
            break
        rows.append(row_id)
        weight += size_bytes
        if weight >= STEP_BYTES:
            break
    return rows
