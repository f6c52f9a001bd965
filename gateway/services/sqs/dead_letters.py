"""Moving a message from one queue to another, whole, inside one transaction.

Owns what a message keeps on the way. To a dead-letter queue it goes as itself: its id, its
attributes, how often it has been received, and (standard queues) when it was sent, from which
retention counts. A message move task makes a new message of it. Which queue, and when, is decided
elsewhere; how a queue takes it in is the queue's business.

Source: "Using dead-letter queues" and "Configuring a dead-letter queue redrive", Amazon SQS
Developer Guide.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final, final

from gateway.services.sqs.sealing.bodies import SEALED, QueueBodies

if TYPE_CHECKING:  # queues import this module
    from gateway.services.sqs.queue import Queue

__all__ = ["Letter", "move_as_itself", "move_as_new", "read_letter"]

_ROW: Final = (
    "SELECT sent_gateway_ms, sent_wall_ms, flags, sender, attributes, body"
    " FROM sqs_message WHERE id = ?"
)
_MOVED: Final = "SELECT message_id, source FROM sqs_moved WHERE id = ?"


@final
class Letter:
    """A message on its way between two queues.

    Attributes:
        row_id: Its row in the queue that it leaves.
        sent_gateway_ms: When it was sent, in gateway time.
        sent_wall_ms: When it was sent, in milliseconds since 1970.
        flags: As in its row, without what they say of the body, which is open here.
        sender: The user id of who sent it; None for a rule.
        attributes: As in its row.
        body: The body as it was sent.
        message_id: As clients have seen it.
        source: The name of the queue it came from to the one that it leaves; empty where it was
            sent there.
        came_from: What sealed its body, where that was sealed.
    """

    __slots__ = (
        "attributes",
        "body",
        "came_from",
        "flags",
        "message_id",
        "row_id",
        "sender",
        "sent_gateway_ms",
        "sent_wall_ms",
        "source",
    )

    def __init__(
        self,
        row_id: int,
        row: tuple[int, int, int, str | None, bytes | None],
        body: bytes,
        message_id: str,
        source: str,
        came_from: QueueBodies,
    ) -> None:
        self.row_id = row_id
        self.sent_gateway_ms, self.sent_wall_ms, flags, self.sender, self.attributes = row
        self.flags = flags & ~SEALED
        self.came_from = came_from
        self.body = body
        self.message_id = message_id
        self.source = source


def read_letter(connection: sqlite3.Connection, queue: Queue, row_id: int) -> Letter | None:
    """Return a message of a queue as it can be handed on; None where it has gone or is damaged.

    Raises:
        SqsError: Its body is sealed with a key that cannot be used.
    """
    row = connection.execute(_ROW, (row_id,)).fetchone()
    body = None if row is None else queue.bodies.open(row_id, row[2], row[5])
    if body is None:
        return None
    found = connection.execute(_MOVED, (row_id,)).fetchone()
    message_id, source = (queue.message_id(row_id), "") if found is None else found
    return Letter(row_id, row[:5], body, message_id, source, queue.bodies)


def move_as_itself(
    connection: sqlite3.Connection,
    source: Queue,
    target: Queue,
    row_id: int,
    received: tuple[int, int | None],
    now_ms: int,
) -> bool:
    """Move a message to a dead-letter queue; False where it stays.

    It does where it is damaged, or the key of that queue cannot be used: it can still be received.

    Args:
        connection: The store's, inside its transaction.
        source: Where it is.
        target: Where it goes.
        row_id: Its row.
        received: How often it has been received, and the wall time of the first.
        now_ms: Gateway time.
    """
    if not target.bodies.can_seal():
        return False
    letter = read_letter(connection, source, row_id)
    if letter is None:
        return False
    letter.source = source.record.name
    source.remove_rows(connection, [row_id], now_ms)
    target.take_in(connection, letter, received, now_ms)
    return True


def move_as_new(
    connection: sqlite3.Connection, source: Queue, target: Queue, letter: Letter, now_ms: int
) -> None:
    """Make a new message in another queue of one that leaves this one."""
    source.remove_rows(connection, [letter.row_id], now_ms)
    target.take_in_as_new(connection, letter, now_ms)
