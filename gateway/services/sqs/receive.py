"""Taking messages for a receiver: those that have come back and the fresh ones, oldest first.

Owns the choice and the rows it writes; runs inside the store's transaction. Between messages that
came back and fresh ones, whichever has been visible longer goes first: a message that is received
and let go in a circle never keeps the others waiting.
"""

from __future__ import annotations

import sqlite3
from typing import Final, final

from gateway.services.sqs.errors import OverLimit
from gateway.services.sqs.names import DELAYED_RANGE, SEQUENCE_BITS
from gateway.services.sqs.receipts import draw_nonces
from gateway.services.sqs.removal import remove_row
from gateway.services.sqs.state import QueueState

__all__ = ["MAX_IN_FLIGHT", "Received", "take"]

MAX_IN_FLIGHT: Final = 120_000
"""AWS's limit of a standard queue."""

# Expired messages that came back and stand in front are removed in at most so many rounds of one
# receive; the expiry in the background does the rest.
_ROUNDS: Final = 10

_RETURNED: Final = (
    "SELECT h.visible_at_ms, h.id, h.receive_count, h.first_received_wall_ms, m.sent_gateway_ms"
    " FROM sqs_hidden h JOIN sqs_message m ON m.id = h.id"
    " WHERE h.queue = ? AND h.visible_at_ms <= ?"
    " ORDER BY h.visible_at_ms, h.receive_count, h.id LIMIT ?"
)
_FRESH: Final = (
    "SELECT sent_gateway_ms, id, sent_wall_ms, sender, attributes, body FROM sqs_message"
    " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
)
_SENT: Final = (
    "SELECT id, sent_gateway_ms FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"
)
_LAST: Final = "SELECT id FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"
_CONTENT: Final = "SELECT sent_wall_ms, sender, attributes, body FROM sqs_message WHERE id = ?"
_HIDE: Final = "INSERT INTO sqs_hidden VALUES (?, ?, ?, 1, ?, ?, ?)"
_HIDE_AGAIN: Final = (
    "UPDATE sqs_hidden SET visible_at_ms = ?, receive_count = ?, received_ms = ?,"
    " first_received_wall_ms = ?, nonce = ? WHERE id = ?"
)


@final
class Received:
    """One message in the hands of one receiver.

    Attributes:
        row_id: Its row.
        nonce: The secret part of its receipt handle.
        body: The body, UTF-8.
        sender: The access key that sent it; None for a rule.
        attributes: Message and system attributes as `message_attributes.encode` made them.
        sent_wall_ms: When it was sent, in milliseconds since 1970.
        receive_count: How often it has been received, this time included.
        first_received_wall_ms: When it was first received, in milliseconds since 1970.
        visible_since_ms: Since when it had been visible, in gateway time.
    """

    __slots__ = (
        "attributes",
        "body",
        "first_received_wall_ms",
        "nonce",
        "receive_count",
        "row_id",
        "sender",
        "sent_wall_ms",
        "visible_since_ms",
    )

    def __init__(
        self,
        row_id: int,
        nonce: bytes,
        content: tuple[int, str | None, bytes | None, bytes],
        receive_count: int,
        first_received_wall_ms: int,
        visible_since_ms: int,
    ) -> None:
        self.row_id = row_id
        self.nonce = nonce
        self.sent_wall_ms, self.sender, self.attributes, self.body = content
        self.receive_count = receive_count
        self.first_received_wall_ms = first_received_wall_ms
        self.visible_since_ms = visible_since_ms


def take(
    connection: sqlite3.Connection,
    state: QueueState,
    *,
    most: int,
    visibility_timeout_ms: int,
    sent_after_ms: int,
    now_ms: int,
    wall_ms: int,
    not_after_ms: int,
) -> list[Received]:
    """Take messages, hide them, and count the receive.

    Args:
        connection: The store's, inside its transaction.
        state: The queue's counters.
        most: How many messages at most.
        visibility_timeout_ms: How long they stay hidden.
        sent_after_ms: Gateway time; older messages have expired.
        now_ms: Gateway time.
        wall_ms: Wall time.
        not_after_ms: When the earliest delayed message of this batch becomes visible that has no
            row yet.

    Raises:
        OverLimit: As many are in flight as may be.
    """
    room = MAX_IN_FLIGHT - state.in_flight
    if room <= 0:
        raise OverLimit(
            f"{MAX_IN_FLIGHT} messages of this queue are in flight, the most there may be. "
            "Delete what has been worked on."
        )
    most = min(most, room)
    returned = []
    if state.next_visible_ms <= now_ms:
        returned = _returned(connection, state, most, sent_after_ms, now_ms)
    fresh = _fresh(connection, state, most, sent_after_ms) if state.fresh > 0 else []

    received: list[Received] = []
    visible_at_ms = now_ms + visibility_timeout_ms
    nonces = draw_nonces(min(most, len(returned) + len(fresh)))
    new_rows: list[tuple[object, ...]] = []
    for nonce in nonces:
        # Both lists are in order; [0] is since when a message has been visible.
        if fresh and (not returned or fresh[0][0] <= returned[0][0]):
            since_ms, row_id, sent_wall_ms, sender, attributes, body = fresh.pop(0)
            state.read_position = (row_id & (DELAYED_RANGE - 1)) + 1
            state.note_hidden(visible_at_ms, 1)
            new_rows.append((row_id, state.queue, visible_at_ms, now_ms, wall_ms, nonce))
            content = (sent_wall_ms, sender, attributes, body)
            received.append(Received(row_id, nonce, content, 1, wall_ms, since_ms))
            continue
        since_ms, row_id, count, first_wall_ms, _ = returned.pop(0)
        first_wall_ms = wall_ms if first_wall_ms is None else first_wall_ms
        state.note_shown(since_ms, count)
        state.note_hidden(visible_at_ms, count + 1)
        connection.execute(
            _HIDE_AGAIN, (visible_at_ms, count + 1, now_ms, first_wall_ms, nonce, row_id)
        )
        content = connection.execute(_CONTENT, (row_id,)).fetchone()
        received.append(Received(row_id, nonce, content, count + 1, first_wall_ms, since_ms))
    if new_rows:
        connection.executemany(_HIDE, new_rows)
    if state.next_visible_ms <= now_ms:
        state.find_next_visible(connection, not_after_ms)
    return received


def _returned(
    connection: sqlite3.Connection,
    state: QueueState,
    most: int,
    sent_after_ms: int,
    now_ms: int,
) -> list[tuple[int, int, int, int | None, int]]:
    """Return hidden messages that are visible by now; expired ones in front are removed."""
    for _ in range(_ROUNDS):
        rows = connection.execute(_RETURNED, (state.queue, now_ms, most)).fetchall()
        expired = [row for row in rows if row[4] <= sent_after_ms]
        if not expired:
            return rows
        for row in expired:
            remove_row(connection, state, row[1])
    return []


def _fresh(
    connection: sqlite3.Connection, state: QueueState, most: int, sent_after_ms: int
) -> list[tuple[int, int, int, str | None, bytes | None, bytes]]:
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
