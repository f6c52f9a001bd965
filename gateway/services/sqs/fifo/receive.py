"""Taking messages of a FIFO queue: of the groups that are available, each in its order.

Owns the choice and the rows it writes; runs inside the store's transaction. What it takes of a
group are its messages in order, up to the first that is in flight or delayed.

Source: "FIFO queue delivery logic", Amazon SQS Developer Guide.
"""

from __future__ import annotations

import hmac
import sqlite3
from typing import Final

from gateway.services.sqs.fifo import deduplication, groups
from gateway.services.sqs.fifo.removal import remove_rows
from gateway.services.sqs.messages import Received
from gateway.services.sqs.receipts import draw_nonces
from gateway.services.sqs.receive import HIDE, HIDE_AGAIN, MAX_IN_FLIGHT
from gateway.services.sqs.state import QueueState
from gateway.services.sqs.taking import Take, tell_origins

__all__ = ["is_full", "take"]

_IN_ORDER: Final = (
    "SELECT o.id, m.sent_gateway_ms, m.sent_wall_ms, m.flags, m.sender, m.attributes, m.body,"
    " h.visible_at_ms, h.receive_count, h.first_received_wall_ms"
    " FROM sqs_ordered o JOIN sqs_message m ON m.id = o.id LEFT JOIN sqs_hidden h ON h.id = o.id"
    " WHERE o.grp = ? ORDER BY o.id LIMIT ?"
)
_HELD: Final = (
    "SELECT m.sent_wall_ms, m.flags, m.sender, m.attributes, m.body,"
    " h.visible_at_ms, h.receive_count, h.first_received_wall_ms, h.nonce"
    " FROM sqs_hidden h JOIN sqs_message m ON m.id = h.id WHERE h.id = ?"
)
_HOLD_LONGER: Final = "UPDATE sqs_hidden SET visible_at_ms = ?, received_ms = ? WHERE id = ?"


def is_full(state: QueueState, reader: sqlite3.Connection, now_ms: int) -> bool:
    """Tell, without writing, whether as many messages are in flight as may be.

    Args:
        state: The queue's counters.
        reader: Where to look which of them are visible again.
        now_ms: Gateway time.
    """
    if state.in_flight < MAX_IN_FLIGHT:
        return False
    return state.depths(reader, now_ms).in_flight >= MAX_IN_FLIGHT


def take(connection: sqlite3.Connection, state: QueueState, asked: Take) -> list[Received]:
    """Take messages, hide them, count the receive, and block their groups.

    At the limit of messages in flight there is nothing to receive, which is no error here.

    Args:
        connection: The store's, inside its transaction.
        state: The queue's counters.
        asked: What the receive asks for.
    """
    key = b"" if asked.attempt_id is None else deduplication.attempt_key(asked.attempt_id)
    if key:
        again = _taken_before(connection, state, asked, key)
        if again:
            return again
    room = min(asked.most, MAX_IN_FLIGHT - state.in_flight)
    received: list[Received] = []
    if room > 0:
        for group, since_ms in groups.available(connection, state.queue, asked.now_ms, room):
            taken = _take_of_group(connection, state, asked, group, since_ms, room - len(received))
            received += taken
            if taken:
                groups.block(connection, group, asked.now_ms + asked.visibility_timeout_ms)
            else:
                groups.refresh(connection, group, asked.now_ms)
            if len(received) >= room:
                break
    if state.next_visible_ms <= asked.now_ms:
        state.find_next_visible(connection)
    if key and received:
        holds = [(message.row_id, message.nonce) for message in received]
        deduplication.keep_receive(connection, state.queue, key, asked.now_ms, holds)
    tell_origins(connection, state, received)
    return received


def _take_of_group(
    connection: sqlite3.Connection,
    state: QueueState,
    asked: Take,
    group: int,
    since_ms: int,
    most: int,
) -> list[Received]:
    received: list[Received] = []
    now_ms = asked.now_ms
    visible_at_ms = now_ms + asked.visibility_timeout_ms
    rows = connection.execute(_IN_ORDER, (group, most)).fetchall()
    for nonce, row in zip(draw_nonces(len(rows)), rows, strict=True):
        row_id, sent_ms, sent_wall_ms, flags, sender, attributes, body = row[:7]
        hidden_until_ms, count, first_wall_ms = row[7:]
        if asked.is_gone(row_id, sent_ms):
            remove_rows(connection, state, [row_id], now_ms)
            asked.again = True
            continue
        if hidden_until_ms is not None:
            if hidden_until_ms > now_ms:
                break  # in flight or delayed, and what is behind it has to wait
            if asked.to_dead_letters(connection, state, row_id, count, first_wall_ms):
                continue
        opened = asked.open_body(row_id, flags, body)
        if hidden_until_ms is None:
            count, first_wall_ms = 0, None
        first_wall_ms = asked.wall_ms if first_wall_ms is None else first_wall_ms
        if hidden_until_ms is None:
            connection.execute(
                HIDE, (row_id, state.queue, visible_at_ms, now_ms, first_wall_ms, nonce)
            )
        else:
            state.note_shown(hidden_until_ms, count)
            connection.execute(
                HIDE_AGAIN, (visible_at_ms, count + 1, now_ms, first_wall_ms, nonce, row_id)
            )
        state.note_hidden(visible_at_ms, count + 1)
        if opened is None:
            asked.again = True
            continue
        content = (sent_wall_ms, sender, attributes, opened)
        received.append(Received(row_id, nonce, content, count + 1, first_wall_ms, since_ms))
    return received


def _taken_before(
    connection: sqlite3.Connection, state: QueueState, asked: Take, key: bytes
) -> list[Received]:
    """Return what a receive with the same attempt id got, hidden for longer, and not counted again.

    Nothing, where one of the messages has been deleted, is visible again or was received again.
    """
    holds = deduplication.earlier_receive(connection, state.queue, key, asked.now_ms)
    rows = []
    for row_id, nonce in holds:
        row = connection.execute(_HELD, (row_id,)).fetchone()
        if (
            row is None
            or row[5] <= asked.now_ms
            or row[8] is None
            or not hmac.compare_digest(row[8], nonce)
        ):
            return []
        rows.append(row)
    received: list[Received] = []
    visible_at_ms = asked.now_ms + asked.visibility_timeout_ms
    for (row_id, nonce), row in zip(holds, rows, strict=True):
        sent_wall_ms, flags, sender, attributes, body, hidden_until_ms, count, first, _ = row
        state.note_shown(hidden_until_ms, count)
        state.note_hidden(visible_at_ms, count)
        connection.execute(_HOLD_LONGER, (visible_at_ms, asked.now_ms, row_id))
        opened = asked.open_body(row_id, flags, body)
        if opened is not None:
            content = (sent_wall_ms, sender, attributes, opened)
            message = Received(row_id, nonce, content, count, first, asked.now_ms)
            message.is_repeated = True
            received.append(message)
    for group in groups.groups_of(connection, (row_id for row_id, _ in holds)):
        groups.refresh(connection, group, asked.now_ms)
    tell_origins(connection, state, received)
    return received
