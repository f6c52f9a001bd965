"""One receive on its way through the transaction: what it may take, and what stands in its way.

Owns what taking has in common for standard and FIFO queues: what a receive asks for, and that a
message which has been received often enough goes to the dead-letter queue instead. Which messages
are next is the business of each kind of queue.

Source: "Using dead-letter queues in Amazon SQS", Amazon SQS Developer Guide.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, final

from gateway.services.sqs.dead_letters import Letter
from gateway.services.sqs.messages import Received
from gateway.services.sqs.names import DELAYED_RANGE
from gateway.services.sqs.state import QueueState

__all__ = ["DeadLetters", "Take", "keep_origin", "tell_origins"]

_SHOW: Final = "INSERT INTO sqs_hidden VALUES (?, ?, ?, ?, NULL, ?, NULL)"
_MOVED: Final = "SELECT message_id, source, received_before FROM sqs_moved WHERE id = ?"


@final
class DeadLetters:
    """Where messages of a queue go that have been received too often.

    Args:
        max_receive_count: How often a message may be received in this queue.
        move: Moves one inside the transaction: its row, how often and when it was first received;
            False where it cannot be moved.
    """

    __slots__ = ("max_receive_count", "move", "moved")

    def __init__(
        self,
        max_receive_count: int,
        move: Callable[[sqlite3.Connection, int, int, int | None], bool],
    ) -> None:
        self.max_receive_count = max_receive_count
        self.move = move
        self.moved = 0

    def is_due(
        self, connection: sqlite3.Connection, state: QueueState, row_id: int, receive_count: int
    ) -> bool:
        """Tell whether a message has been received as often as it may be in this queue."""
        if receive_count < self.max_receive_count:
            return False
        if not state.has_moved:
            return True
        found = connection.execute(_MOVED, (row_id,)).fetchone()
        before: int = 0 if found is None else found[2]
        return receive_count - before >= self.max_receive_count


@final
class Take:
    """One receive.

    Attributes:
        most: How many messages at most.
        visibility_timeout_ms: How long they stay hidden.
        now_ms: Gateway time.
        wall_ms: Wall time.
        sent_after_ms: Gateway time; older messages have expired.
        not_after_ms: When the earliest delayed message of this batch becomes visible that has no
            row yet.
        dead_letters: Where messages go that have been received too often; None where there is no
            such place.
        attempt_id: The ReceiveRequestAttemptId; None where there is none.
        purged_before: Messages with a lower sequence number have been purged.
        open_body: Gives the body of a row as it was sent (row, flags, body as it is kept); None
            where it was changed on the disk: such a message is hidden like others, and passed over.
        again: Set where something was in the way and is gone now, so that another look may find
            what this one did not.
    """

    __slots__ = (
        "again",
        "attempt_id",
        "dead_letters",
        "most",
        "not_after_ms",
        "now_ms",
        "open_body",
        "purged_before",
        "sent_after_ms",
        "visibility_timeout_ms",
        "wall_ms",
    )

    def __init__(
        self,
        *,
        most: int,
        visibility_timeout_ms: int,
        now_ms: int,
        wall_ms: int,
        sent_after_ms: int,
        not_after_ms: int,
        dead_letters: DeadLetters | None,
        attempt_id: str | None,
        purged_before: int,
        open_body: Callable[[int, int, bytes], bytes | None],
    ) -> None:
        self.most = most
        self.visibility_timeout_ms = visibility_timeout_ms
        self.now_ms = now_ms
        self.wall_ms = wall_ms
        self.sent_after_ms = sent_after_ms
        self.not_after_ms = not_after_ms
        self.dead_letters = dead_letters
        self.attempt_id = attempt_id
        self.purged_before = purged_before
        self.open_body = open_body
        self.again = False

    def is_gone(self, row_id: int, sent_gateway_ms: int) -> bool:
        """Tell whether a message has expired or been purged, and is only not removed yet."""
        if sent_gateway_ms <= self.sent_after_ms:
            return True
        return row_id & (DELAYED_RANGE - 1) < self.purged_before

    def to_dead_letters(
        self,
        connection: sqlite3.Connection,
        state: QueueState,
        row_id: int,
        receive_count: int,
        first_received_wall_ms: int | None,
    ) -> bool:
        """Move a message to the dead-letter queue where it is due; True if it has gone there."""
        letters = self.dead_letters
        if letters is None or not letters.is_due(connection, state, row_id, receive_count):
            return False
        if not letters.move(connection, row_id, receive_count, first_received_wall_ms):
            return False
        letters.moved += 1
        self.again = True
        return True


def tell_origins(
    connection: sqlite3.Connection, state: QueueState, received: list[Received]
) -> None:
    """Fill in where messages came from, in a queue that others were moved to."""
    if not state.has_moved:
        return
    for message in received:
        found = connection.execute(_MOVED, (message.row_id,)).fetchone()
        if found is not None:
            message.message_id, message.moved_from, _ = found


def keep_origin(
    connection: sqlite3.Connection,
    state: QueueState,
    row_id: int,
    letter: Letter,
    *,
    received: tuple[int, int | None],
    sent_gateway_ms: int,
    now_ms: int,
) -> None:
    """Write down what a message has kept that was moved here, and that it is visible now.

    Args:
        connection: The store's, inside its transaction.
        state: The counters of the queue that it was moved to.
        row_id: Its row there.
        letter: The message.
        received: How often it has been received, and the wall time of the first.
        sent_gateway_ms: From when its retention counts here.
        now_ms: Gateway time.
    """
    count, first_wall_ms = received
    connection.execute(_SHOW, (row_id, state.queue, now_ms, count, first_wall_ms))
    connection.execute(
        "INSERT INTO sqs_moved VALUES (?, ?, ?, ?, ?, ?)",
        (row_id, state.queue, sent_gateway_ms, letter.message_id, letter.source, count),
    )
    state.note_hidden(now_ms, count)
    state.has_moved = True
