"""Message groups: which messages a group has, in which order, and when its next may be received.

Owns the rows of `sqs_group` and `sqs_ordered`; runs inside the store's transactions. A group has a
row while it has messages. What may be received of it are its messages in order, up to the first
that is in flight or delayed: so its first message decides whether there is anything. While that is
hidden the group is blocked until it is visible; otherwise its row says since when the group has
been available, so that groups take turns: the one that has waited longest is next.

Source: "FIFO queue delivery logic", Amazon SQS Developer Guide.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from gateway.services.sqs.state import NEVER_MS

__all__ = [
    "append",
    "available",
    "block",
    "find_next_available",
    "first_visible",
    "groups_of",
    "refresh",
    "remove",
]

_FIND: Final = "SELECT grp FROM sqs_group WHERE queue = ? AND name = ?"
_ADD: Final = "INSERT INTO sqs_group (queue, name, available_at_ms) VALUES (?, ?, ?)"
_APPEND: Final = "INSERT INTO sqs_ordered VALUES (?, ?)"
_NEXT: Final = (
    "SELECT available_at_ms FROM sqs_group WHERE queue = ? ORDER BY available_at_ms LIMIT 1"
)
_AVAILABLE: Final = (
    "SELECT grp, available_at_ms FROM sqs_group WHERE queue = ? AND available_at_ms <= ?"
    " ORDER BY available_at_ms, grp LIMIT ?"
)
_GROUP_OF: Final = "SELECT grp FROM sqs_ordered WHERE id = ?"
_FIRST: Final = (
    "SELECT o.id, h.visible_at_ms FROM sqs_ordered o LEFT JOIN sqs_hidden h ON h.id = o.id"
    " WHERE o.grp = ? ORDER BY o.id LIMIT ?"
)
_FRONT: Final = (
    "SELECT h.visible_at_ms FROM sqs_ordered o LEFT JOIN sqs_hidden h ON h.id = o.id"
    " WHERE o.grp = ? ORDER BY o.id LIMIT 1"
)
_SET: Final = "UPDATE sqs_group SET available_at_ms = ? WHERE grp = ?"
_AVAILABLE_SINCE: Final = "SELECT available_at_ms FROM sqs_group WHERE grp = ?"


def append(
    connection: sqlite3.Connection, queue: int, name: str, row_id: int, visible_at_ms: int
) -> None:
    """Add a message at the end of a group, which is made where it has no messages.

    Args:
        connection: The store's.
        queue: The queue's number.
        name: The message group id.
        row_id: The message's row, higher than any of the group.
        visible_at_ms: From when it may be received; gateway time.
    """
    found = connection.execute(_FIND, (queue, name)).fetchone()
    if found is None:
        group = connection.execute(_ADD, (queue, name, visible_at_ms)).lastrowid
    else:
        group = found[0]
    connection.execute(_APPEND, (row_id, group))


def find_next_available(connection: sqlite3.Connection, queue: int) -> int:
    """Return when the first group of the queue is, or was, available; NEVER_MS without groups."""
    found = connection.execute(_NEXT, (queue,)).fetchone()
    return NEVER_MS if found is None else int(found[0])


def available(
    connection: sqlite3.Connection, queue: int, now_ms: int, most: int
) -> list[tuple[int, int]]:
    """Return groups that are available and since when, those first that have waited longest."""
    return connection.execute(_AVAILABLE, (queue, now_ms, most)).fetchall()


def first_visible(connection: sqlite3.Connection, group: int, now_ms: int, most: int) -> list[int]:
    """Return the first messages of a group that is available, up to one that is delayed."""
    rows: list[int] = []
    for row_id, visible_at_ms in connection.execute(_FIRST, (group, most)):
        if visible_at_ms is not None and visible_at_ms > now_ms:
            break
        rows.append(row_id)
    return rows


def groups_of(connection: sqlite3.Connection, row_ids: Iterable[int]) -> set[int]:
    """Return the groups of these messages."""
    groups = set()
    for row_id in row_ids:
        found = connection.execute(_GROUP_OF, (row_id,)).fetchone()
        if found is not None:
            groups.add(int(found[0]))
    return groups


def remove(connection: sqlite3.Connection, row_id: int) -> None:
    """Take a message out of its group; `refresh` the group afterwards."""
    connection.execute("DELETE FROM sqs_ordered WHERE id = ?", (row_id,))


def block(connection: sqlite3.Connection, group: int, until_ms: int) -> None:
    """Let no message of a group be received until then."""
    connection.execute(_SET, (until_ms, group))


def refresh(connection: sqlite3.Connection, group: int, now_ms: int) -> None:
    """Work out anew whether a group is available, after its first message has changed."""
    first = connection.execute(_FRONT, (group,)).fetchone()
    if first is None:
        connection.execute("DELETE FROM sqs_group WHERE grp = ?", (group,))
        return
    (visible_at_ms,) = first
    if visible_at_ms is not None and visible_at_ms > now_ms:
        block(connection, group, visible_at_ms)
        return
    (since_ms,) = connection.execute(_AVAILABLE_SINCE, (group,)).fetchone()
    if since_ms > now_ms:
        block(connection, group, now_ms)
