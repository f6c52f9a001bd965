"""Taking messages of a standard queue: those that have come back and the fresh ones, oldest first.

Owns the choice and the rows it writes; runs inside the store's transaction. Between messages that
came back and fresh ones, whichever has been visible longer goes first: a message that is received
and let go in a circle never keeps the others waiting.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from gateway.services.sqs.errors import OverLimit
from gateway.services.sqs.messages import Received
from gateway.services.sqs.names import DELAYED_RANGE, SEQUENCE_BITS
from gateway.services.sqs.receipts import draw_nonces
from gateway.services.sqs.removal import remove_row
from gateway.services.sqs.state import QueueState
from gateway.services.sqs.taking import Take, tell_origins

__all__ = ["HIDE", "HIDE_AGAIN", "MAX_IN_FLIGHT", "take", "visible_rows"]

MAX_IN_FLIGHT: Final = 120_000
"""AWS's limit of a queue, standard and FIFO alike."""

_RETURNED: Final = (
    "SELECT h.visible_at_ms, h.id, h.receive_count, h.first_received_wall_ms, m.sent_gateway_ms"
    " FROM sqs_hidden h JOIN sqs_message m ON m.id = h.id"
    " WHERE h.queue = ? AND h.visible_at_ms <= ?"
    " ORDER BY h.visible_at_ms, h.receive_count, h.id LIMIT ?"
)
_VISIBLE: Final = (
    "SELECT id FROM sqs_hidden WHERE queue = ? AND visible_at_ms <= ?"
    " ORDER BY visible_at_ms LIMIT ?"
)
_FRESH_ROWS: Final = "SELECT id FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
_FRESH: Final = (
    "SELECT sent_gateway_ms, id, sent_wall_ms, flags, sender, attributes, body FROM sqs_message"
    " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
)
_SENT: Final = (
    "SELECT id, sent_gateway_ms FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"
)
_LAST: Final = "SELECT id FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"
_CONTENT: Final = (
    "SELECT sent_wall_ms, flags, sender, attributes, body FROM sqs_message WHERE id = ?"
)
HIDE: Final = "INSERT INTO sqs_hidden VALUES (?, ?, ?, 1, ?, ?, ?)"
"""Hide a message on its first receive: row, queue, visible at, received, wall time, nonce."""
HIDE_AGAIN: Final = (
    "UPDATE sqs_hidden SET visible_at_ms = ?, receive_count = ?, received_ms = ?,"
    " first_received_wall_ms = ?, nonce = ? WHERE id = ?"
)


def take(connection: sqlite3.Connection, state: QueueState, asked: Take) -> list[Received]:
    """Take messages, hide them, and count the receive.

    What stands in front and has expired is removed, and what has been received too often goes to
    the dead-letter queue; `asked.again` tells where that was so and nothing was found.

    Args:
        connection: The store's, inside its transaction.
        state: The queue's counters.
        asked: What the receive asks for.

    Raises:
        OverLimit: As many are in flight as may be.
    """
    room = MAX_IN_FLIGHT - state.in_flight
    if room <= 0:
        raise OverLimit(
            f"{MAX_IN_FLIGHT} messages of this queue are in flight, the most there may be. "
            "Delete what has been worked on."
        )
    most = min(asked.most, room)
    now_ms = asked.now_ms
    returned = []
    if state.next_visible_ms <= now_ms:
        returned = _returned(connection, state, most, asked)
    fresh = _fresh(connection, state, most, asked.sent_after_ms) if state.fresh > 0 else []

    received: list[Received] = []
    visible_at_ms = now_ms + asked.visibility_timeout_ms
    nonces = draw_nonces(min(most, len(returned) + len(fresh)))
    new_rows: list[tuple[object, ...]] = []
    for nonce in nonces:
        # Both lists are in order; [0] is since when a message has been visible.
        if fresh and (not returned or fresh[0][0] <= returned[0][0]):
            since_ms, row_id, sent_wall_ms, flags, sender, attributes, body = fresh.pop(0)
            state.read_position = (row_id & (DELAYED_RANGE - 1)) + 1
            state.note_hidden(visible_at_ms, 1)
            new_rows.append((row_id, state.queue, visible_at_ms, now_ms, asked.wall_ms, nonce))
            opened = asked.open_body(row_id, flags, body)
            if opened is None:
                asked.again = True
                continue
            content = (sent_wall_ms, sender, attributes, opened)
            received.append(Received(row_id, nonce, content, 1, asked.wall_ms, since_ms))
            continue
        since_ms, row_id, count, first_wall_ms, _ = returned.pop(0)
        first_wall_ms = asked.wall_ms if first_wall_ms is None else first_wall_ms
        state.note_shown(since_ms, count)
        state.note_hidden(visible_at_ms, count + 1)
        connection.execute(
            HIDE_AGAIN, (visible_at_ms, count + 1, now_ms, first_wall_ms, nonce, row_id)
        )
        row = connection.execute(_CONTENT, (row_id,)).fetchone()
        sent_wall_ms, flags, sender, attributes, body = row
        opened = asked.open_body(row_id, flags, body)
        if opened is None:
            asked.again = True
            continue
        content = (sent_wall_ms, sender, attributes, opened)
        received.append(Received(row_id, nonce, content, count + 1, first_wall_ms, since_ms))
    if new_rows:
        connection.executemany(HIDE, new_rows)
    if state.next_visible_ms <= now_ms:
        state.find_next_visible(connection, asked.not_after_ms)
    tell_origins(connection, state, received)
    return received


def visible_rows(
    connection: sqlite3.Connection, state: QueueState, now_ms: int, most: int
) -> list[int]:
    """Return rows of visible messages, untaken: those that came back, then fresh ones."""
    rows = connection.execute(_VISIBLE, (state.queue, now_ms, most)).fetchall()
    base = state.queue << SEQUENCE_BITS
    if len(rows) < most:
        span = (base + state.read_position, base + DELAYED_RANGE, most - len(rows))
        rows += connection.execute(_FRESH_ROWS, span).fetchall()
    return [row_id for (row_id,) in rows]


def _returned(
    connection: sqlite3.Connection, state: QueueState, most: int, asked: Take
) -> list[tuple[int, int, int, int | None, int]]:
    """Return hidden messages that are visible by now, without those that are in the way."""
    rows = connection.execute(_RETURNED, (state.queue, asked.now_ms, most)).fetchall()
    kept = []
    for row in rows:
        _, row_id, count, first_wall_ms, sent_ms = row
        if asked.is_gone(row_id, sent_ms):
            remove_row(connection, state, row_id)
            asked.again = True
        elif not asked.to_dead_letters(connection, state, row_id, count, first_wall_ms):
            kept.append(row)
    return kept


def _fresh(
    connection: sqlite3.Connection, state: QueueState, most: int, sent_after_ms: int
) -> list[tuple[int, int, int, int, str | None, bytes | None, bytes]]:
    """Return fresh messages that have not expired, with their content."""
    base = state.queue << SEQUENCE_BITS
    end = base + DELAYED_RANGE
    rows = connection.execute(_FRESH, (base + state.read_position, end, most)).fetchall()
    if rows and rows[0][0] <= sent_after_ms:
        first = _first_sent_after(connection, base + state.read_position, end, sent_after_ms)
        rows = connection.execute(_FRESH, (first, end, most)).fetchall()
    return rows


def _first_sent_after(
    connection: sqlite3.Connection, low: int, end: int, sent_after_ms: int
) -> int:
    """Return the first row sent later than that, by halving: rows are in the order of sending.

    After a long time switched off, a million messages may have expired at once.
    """
    (last,) = connection.execute(_LAST, (low, end)).fetchone()
    high: int = last + 1  # everything from here on is late enough, for there is nothing
    while low < high:
        middle = (low + high) // 2
        row_id, sent_ms = connection.execute(_SENT, (middle, end)).fetchone()
        if sent_ms > sent_after_ms:
            high = middle
        else:
            low = row_id + 1
    return low
