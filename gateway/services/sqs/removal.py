"""Removing messages: one that was deleted, those that have expired, all of a deleted queue.

Owns the rows' end, in steps small enough for the event loop; runs inside the store's transactions.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from gateway.services.sqs.names import DELAYED_RANGE, SEQUENCE_BITS
from gateway.services.sqs.state import QueueState

__all__ = ["STEP_MESSAGES", "has_expired", "remove_expired", "remove_queue_rows", "remove_row"]

STEP_MESSAGES: Final = 250
"""How many messages one step removes at most."""

# A large body is a chain of pages that have to be freed one by one.
STEP_BYTES: Final = 2 * 1024 * 1024

_OLDEST: Final = (
    "SELECT id, sent_gateway_ms, length(body) FROM sqs_message"
    " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
)


def remove_row(connection: sqlite3.Connection, state: QueueState, row_id: int) -> bool:
    """Remove one message; False where it has gone already."""
    hidden = connection.execute(
        "SELECT visible_at_ms, receive_count FROM sqs_hidden WHERE id = ?", (row_id,)
    ).fetchone()
    if hidden is not None:
        connection.execute("DELETE FROM sqs_hidden WHERE id = ?", (row_id,))
        state.note_shown(*hidden)
    removed = connection.execute("DELETE FROM sqs_message WHERE id = ?", (row_id,)).rowcount
    state.messages -= removed
    return removed == 1


def has_expired(reader: sqlite3.Connection, queue: int, sent_until_ms: int) -> bool:
    """Tell, without writing, whether the queue's oldest message was sent by then."""
    return any(
        rows and rows[0][1] <= sent_until_ms
        for rows in (reader.execute(_OLDEST, (*span, 1)).fetchall() for span in _ranges(queue))
    )


def remove_expired(connection: sqlite3.Connection, state: QueueState, sent_until_ms: int) -> int:
    """Remove messages sent by then, at most one step; return how many there were.

    Within a range rows are in the order of sending, so that the expired ones stand in front.
    """
    removed = 0
    for span in _ranges(state.queue):
        for row_id in _step(connection, span, STEP_MESSAGES - removed, sent_until_ms):
            removed += remove_row(connection, state, row_id)
    return removed


def remove_queue_rows(connection: sqlite3.Connection, queue: int) -> bool:
    """Remove a step of a deleted queue's rows, its own row last; True when nothing is left."""
    for span in _ranges(queue):
        rows = _step(connection, span, STEP_MESSAGES, None)
        if rows:
            bounds = (rows[0], rows[-1])
            connection.execute("DELETE FROM sqs_hidden WHERE id BETWEEN ? AND ?", bounds)
            connection.execute("DELETE FROM sqs_message WHERE id BETWEEN ? AND ?", bounds)
            return False
    connection.execute("DELETE FROM sqs_queue WHERE queue = ?", (queue,))
    return True


def _ranges(queue: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return first and end of the queue's two ranges of rows."""
    base = queue << SEQUENCE_BITS
    middle = base + DELAYED_RANGE
    return (base, middle), (middle, base + (1 << SEQUENCE_BITS))


def _step(
    connection: sqlite3.Connection,
    span: tuple[int, int],
    most: int,
    sent_until_ms: int | None,
) -> list[int]:
    rows: list[int] = []
    weight = 0
    for row_id, sent_ms, size_bytes in connection.execute(_OLDEST, (*span, most)).fetchall():
        if sent_until_ms is not None and sent_ms > sent_until_ms:
            break
        rows.append(row_id)
        weight += size_bytes
        if weight >= STEP_BYTES:
            break
    return rows
