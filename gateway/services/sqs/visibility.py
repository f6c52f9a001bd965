"""What a receiver does with a message it holds: delete it, change how long it is hidden, let it go.

Owns the rules of receipt handles on rows; runs inside the store's transaction.

Source: DeleteMessage and ChangeMessageVisibility in the Amazon SQS API reference.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.services.sqs.attributes import MAX_VISIBILITY_TIMEOUT_S
from gateway.services.sqs.errors import InvalidParameterValue
from gateway.services.sqs.messages import Received
from gateway.services.sqs.receipts import make_handle
from gateway.services.sqs.removal import remove_row
from gateway.services.sqs.state import QueueState

__all__ = ["Held", "change_visibility", "delete", "held_by", "let_go"]

_HELD: Final = (
    "SELECT nonce, visible_at_ms, receive_count, received_ms FROM sqs_hidden WHERE id = ?"
)


class Held(NamedTuple):
    """A message in the hands of who received it last.

    Attributes:
        visible_at_ms: When it is, or was, visible again; gateway time.
        receive_count: How often it has been received.
        received_ms: When it was received last; gateway time.
    """

    visible_at_ms: int
    receive_count: int
    received_ms: int


def held_by(connection: sqlite3.Connection, row_id: int, nonce: bytes) -> Held | None:
    """Return a message that this nonce is the latest of; None where it is not, or has gone."""
    row = connection.execute(_HELD, (row_id,)).fetchone()
    if row is None or row[0] is None or not hmac.compare_digest(row[0], nonce):
        return None
    return Held(*row[1:])


def delete(connection: sqlite3.Connection, state: QueueState, row_id: int, nonce: bytes) -> bool:
    """Delete a message; False where it has gone, or was received again since.

    A message that is visible again can still be deleted by who received it last.
    """
    if held_by(connection, row_id, nonce) is None:
        return False
    return remove_row(connection, state, row_id)


def change_visibility(
    connection: sqlite3.Connection,
    state: QueueState,
    row_id: int,
    nonce: bytes,
    *,
    timeout_ms: int,
    now_ms: int,
) -> None:
    """Let a message become visible so long after now; one that is visible already is hidden again.

    Raises:
        InvalidParameterValue: The message has gone or was received again since, or would be hidden
            for longer than 12 hours in all.
    """
    held = held_by(connection, row_id, nonce)
    if held is None:
        raise InvalidParameterValue(
            f"Value {make_handle(row_id, nonce)} for parameter ReceiptHandle is invalid. Reason: "
            "Message does not exist or is not available for visibility timeout change."
        )
    visible_at_ms, receive_count, received_ms = held
    if now_ms + timeout_ms - received_ms > MAX_VISIBILITY_TIMEOUT_S * 1000:
        raise InvalidParameterValue(
            f"Value {timeout_ms // 1000} for parameter VisibilityTimeout is invalid. Reason: Total "
            "VisibilityTimeout for the message is beyond the limit "
            f"[{MAX_VISIBILITY_TIMEOUT_S} seconds]."
        )
    state.note_shown(visible_at_ms, receive_count)
    state.note_hidden(now_ms + timeout_ms, receive_count)
    connection.execute(
        "UPDATE sqs_hidden SET visible_at_ms = ? WHERE id = ?", (now_ms + timeout_ms, row_id)
    )


def let_go(connection: sqlite3.Connection, state: QueueState, received: Iterable[Received]) -> int:
    """Undo a receive whose answer reached nobody; return how many messages are visible again.

    They go back to their old place and the receive is not counted. What was deleted, or received
    again since, stays as it is.
    """
    count = 0
    for message in received:
        held = held_by(connection, message.row_id, message.nonce)
        if held is None:
            continue
        visible_at_ms, receive_count, _ = held
        state.note_shown(visible_at_ms, receive_count)
        state.note_hidden(message.visible_since_ms, receive_count - 1)
        first_wall_ms = message.first_received_wall_ms if receive_count > 1 else None
        connection.execute(
            "UPDATE sqs_hidden SET visible_at_ms = ?, receive_count = ?, nonce = NULL,"
            " first_received_wall_ms = ? WHERE id = ?",
            (message.visible_since_ms, receive_count - 1, first_wall_ms, message.row_id),
        )
        count += 1
    return count
