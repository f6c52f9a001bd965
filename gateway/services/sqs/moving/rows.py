"""What is kept of message move tasks: their rows.

Owns the table `sqs_move_task`; knows nothing of queues. A task is written down before it is
acknowledged, and what it has moved is counted in the transaction that moves it.

Source: StartMessageMoveTask and ListMessageMoveTasks in the Amazon SQS API reference.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, final

__all__ = [
    "CANCELLED",
    "CANCELLING",
    "COMPLETED",
    "FAILED",
    "MAX_LISTED",
    "RUNNING",
    "MoveTask",
    "add",
    "count_moved",
    "find",
    "latest",
    "remove",
    "set_status",
    "unfinished",
]

RUNNING: Final = "RUNNING"
COMPLETED: Final = "COMPLETED"
CANCELLING: Final = "CANCELLING"
CANCELLED: Final = "CANCELLED"
FAILED: Final = "FAILED"

MAX_LISTED: Final = 10
"""How many tasks are listed of a queue; older ones are forgotten."""

_COLUMNS: Final = (
    "task, uid, source, destination, max_per_s, status, started_wall_ms, moved, to_move, failure"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM sqs_move_task"  # noqa: S608 - constants


@final
@dataclass(frozen=True, slots=True)
class MoveTask:
    """One message move task.

    Attributes:
        task: Its number.
        uid: What its handle names it by.
        source: The dead-letter queue's name.
        destination: The name of the queue that messages go to; None: each to where it came from.
        max_per_s: How many messages a second at most; None: as fast as it goes.
        status: As the API names it.
        started_wall_ms: When it was started, in milliseconds since 1970.
        moved: How many messages it has moved.
        to_move: How many there were when it started.
        failure: Why it failed; None where it has not.
    """

    task: int
    uid: str
    source: str
    destination: str | None
    max_per_s: int | None
    status: str
    started_wall_ms: int
    moved: int
    to_move: int
    failure: str | None


def add(connection: sqlite3.Connection, task: MoveTask) -> MoveTask:
    """Write down a new task, and forget the oldest of its queue; `task.task` is not looked at."""
    number = connection.execute(
        "INSERT INTO sqs_move_task VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task.uid,
            task.source,
            task.destination,
            task.max_per_s,
            task.status,
            task.started_wall_ms,
            task.moved,
            task.to_move,
            task.failure,
        ),
    ).lastrowid
    connection.execute(
        "DELETE FROM sqs_move_task WHERE source = ? AND task NOT IN"
        " (SELECT task FROM sqs_move_task WHERE source = ? ORDER BY task DESC LIMIT ?)",
        (task.source, task.source, MAX_LISTED),
    )
    found = connection.execute(f"{_SELECT} WHERE task = ?", (number,)).fetchone()
    return MoveTask(*found)


def find(connection: sqlite3.Connection, uid: str) -> MoveTask | None:
    """Return the task with this uid."""
    row = connection.execute(f"{_SELECT} WHERE uid = ?", (uid,)).fetchone()
    return None if row is None else MoveTask(*row)


def latest(connection: sqlite3.Connection, source: str, most: int) -> list[MoveTask]:
    """Return the tasks of a queue, the latest first."""
    statement = f"{_SELECT} WHERE source = ? ORDER BY task DESC LIMIT ?"
    return [MoveTask(*row) for row in connection.execute(statement, (source, most))]


def unfinished(connection: sqlite3.Connection) -> list[MoveTask]:
    """Return the tasks that were under way."""
    statement = f"{_SELECT} WHERE status IN (?, ?)"
    return [MoveTask(*row) for row in connection.execute(statement, (RUNNING, CANCELLING))]


def count_moved(connection: sqlite3.Connection, task: int, moved: int) -> None:
    """Count messages that this transaction moves."""
    connection.execute("UPDATE sqs_move_task SET moved = moved + ? WHERE task = ?", (moved, task))


def remove(connection: sqlite3.Connection, source: str) -> None:
    """Forget all tasks of a queue."""
    connection.execute("DELETE FROM sqs_move_task WHERE source = ?", (source,))


def set_status(
    connection: sqlite3.Connection, task: int, status: str, failure: str | None = None
) -> None:
    """Write down what became of a task."""
    connection.execute(
        "UPDATE sqs_move_task SET status = ?, failure = ? WHERE task = ?", (status, failure, task)
    )
