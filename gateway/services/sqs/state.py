"""A queue's counters: kept in memory, written to its one row within the same transactions.

Owns how many messages a queue has and in which state, and how the counters follow time. A message
is *fresh* (sent, never hidden) or *hidden*: delayed or in flight until it becomes visible.

Time moves hidden messages to the visible ones without anybody touching them. The counters follow it
in steps: everything that becomes visible up to `settled_ms` counts as visible already, so that a
message passes once, however often somebody looks.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, final

__all__ = ["NEVER_MS", "Depths", "QueueState"]

NEVER_MS: Final = 1 << 62
"""Later than any gateway time."""

# How many messages the counters follow in one operation: about a millisecond.
SETTLE_STEP: Final = 2000

_COLUMNS: Final = "next_sequence, read_position, messages, hidden, in_flight, delayed, settled_ms"
_LOAD: Final = f"SELECT {_COLUMNS} FROM sqs_queue WHERE queue = ?"  # noqa: S608 - constants
_SAVE: Final = f"UPDATE sqs_queue SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?) WHERE queue = ?"  # noqa: S608
_MOVED: Final = "SELECT 1 FROM sqs_moved WHERE queue = ? LIMIT 1"
_EARLIEST: Final = (
    "SELECT visible_at_ms FROM sqs_hidden WHERE queue = ? ORDER BY visible_at_ms LIMIT 1"
)
_STEP_END: Final = (
    "SELECT visible_at_ms FROM sqs_hidden WHERE queue = ? AND visible_at_ms > ?"
    " AND visible_at_ms <= ? ORDER BY visible_at_ms LIMIT 1 OFFSET ?"
)
_PASSED: Final = (
    "SELECT count(*), total(receive_count > 0) FROM sqs_hidden"
    " WHERE queue = ? AND visible_at_ms > ? AND visible_at_ms <= ?"
)


@dataclass(frozen=True, slots=True)
class Depths:
    """How many messages a queue holds, by state.

    Attributes:
        visible: Those that a receive may get now.
        in_flight: Those received and neither deleted nor visible again.
        delayed: Those sent with a delay that is not over.
    """

    visible: int
    in_flight: int
    delayed: int


@final
class QueueState:
    """The counters of one queue, as they will be when the open batch is committed.

    Attributes:
        queue: The queue's number.
        next_sequence: Of the next message.
        read_position: The lowest sequence a fresh message may have.
        messages: Messages kept.
        hidden: Those of them that have a row in `sqs_hidden`.
        in_flight: Those of them received and visible after `settled_ms` only.
        delayed: Those of them never received and visible after `settled_ms` only.
        settled_ms: Gateway time up to which the counters have followed.
        next_visible_ms: No hidden message becomes visible earlier; not kept on disk.
        next_available_ms: When the first message group is, or was, available; FIFO queues only, not
            kept on disk.
        has_moved: Whether it may hold messages that were moved here; not kept on disk.
    """

    __slots__ = (
        "delayed",
        "has_moved",
        "hidden",
        "in_flight",
        "messages",
        "next_available_ms",
        "next_sequence",
        "next_visible_ms",
        "queue",
        "read_position",
        "settled_ms",
    )

    def __init__(self, queue: int) -> None:
        self.queue = queue
        self.next_sequence = 1
        self.read_position = 1
        self.messages = 0
        self.hidden = 0
        self.in_flight = 0
        self.delayed = 0
        self.settled_ms = 0
        self.next_visible_ms = NEVER_MS
        self.next_available_ms = NEVER_MS
        self.has_moved = False

    def load(self, connection: sqlite3.Connection) -> bool:
        """Read what was committed; False where the queue has no row (any more)."""
        row = connection.execute(_LOAD, (self.queue,)).fetchone()
        if row is None:
            return False
        self.restore((*row, NEVER_MS, NEVER_MS))
        self.find_next_visible(connection)
        self.has_moved = connection.execute(_MOVED, (self.queue,)).fetchone() is not None
        return True

    def save(self, connection: sqlite3.Connection) -> None:
        """Write the counters to the queue's row."""
        connection.execute(_SAVE, (*self.values()[:7], self.queue))

    def values(self) -> tuple[int, ...]:
        """Return everything, for `restore`."""
        return (
            self.next_sequence,
            self.read_position,
            self.messages,
            self.hidden,
            self.in_flight,
            self.delayed,
            self.settled_ms,
            self.next_visible_ms,
            self.next_available_ms,
        )

    def restore(self, values: tuple[int, ...]) -> None:
        """Set everything back to what `values` returned."""
        (
            self.next_sequence,
            self.read_position,
            self.messages,
            self.hidden,
            self.in_flight,
            self.delayed,
            self.settled_ms,
            self.next_visible_ms,
            self.next_available_ms,
        ) = values

    @property
    def fresh(self) -> int:
        """How many messages have never been hidden."""
        return self.messages - self.hidden

    def may_have_visible(self, now_ms: int) -> bool:
        """Tell whether a receive might find something; False is certain."""
        return self.messages > self.hidden or self.next_visible_ms <= now_ms

    def note_hidden(self, visible_at_ms: int, receive_count: int) -> None:
        """Count a message that is hidden from now on."""
        self.hidden += 1
        if visible_at_ms < self.next_visible_ms:
            self.next_visible_ms = visible_at_ms
        if visible_at_ms > self.settled_ms:
            if receive_count:
                self.in_flight += 1
            else:
                self.delayed += 1

    def note_shown(self, visible_at_ms: int, receive_count: int) -> None:
        """Count a message that was hidden so, and no longer is."""
        self.hidden -= 1
        if visible_at_ms > self.settled_ms:
            if receive_count:
                self.in_flight -= 1
            else:
                self.delayed -= 1

    def find_next_visible(
        self, connection: sqlite3.Connection, not_after_ms: int = NEVER_MS
    ) -> None:
        """Look up when the next hidden message becomes visible.

        Args:
            connection: Where to look.
            not_after_ms: What is known of messages that are not in the table yet.
        """
        row = connection.execute(_EARLIEST, (self.queue,)).fetchone()
        self.next_visible_ms = not_after_ms if row is None else min(row[0], not_after_ms)

    def settle(self, connection: sqlite3.Connection, now_ms: int) -> None:
        """Let the counters follow time, at most one step."""
        if self.next_visible_ms > now_ms or self.settled_ms >= now_ms:
            return  # nothing can have passed
        span = (self.queue, self.settled_ms, now_ms)
        row = connection.execute(_STEP_END, (*span, SETTLE_STEP)).fetchone()
        until_ms = now_ms if row is None else row[0]
        passed, received = connection.execute(
            _PASSED, (self.queue, self.settled_ms, until_ms)
        ).fetchone()
        self.in_flight -= int(received)
        self.delayed -= passed - int(received)
        self.settled_ms = until_ms

    def depths(self, reader: sqlite3.Connection, now_ms: int) -> Depths:
        """Return the depths as of now without writing anything.

        Approximate, as AWS's are: what is not committed yet is partly counted.
        """
        in_flight, delayed = self.in_flight, self.delayed
        if self.next_visible_ms <= now_ms and self.settled_ms < now_ms:
            span = (self.queue, self.settled_ms, now_ms)
            row = reader.execute(_STEP_END, (*span, SETTLE_STEP)).fetchone()
            until_ms = now_ms if row is None else row[0]
            passed, received = reader.execute(
                _PASSED, (self.queue, self.settled_ms, until_ms)
            ).fetchone()
            in_flight = max(in_flight - int(received), 0)
            delayed = max(delayed - (passed - int(received)), 0)
        return Depths(max(self.messages - in_flight - delayed, 0), in_flight, delayed)
