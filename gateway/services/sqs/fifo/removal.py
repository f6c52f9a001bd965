"""Removing messages of a FIFO queue: the message, its place in its group, and what follows.

Owns that a group whose messages have gone is gone, and that one whose messages in flight have gone
is available again; runs inside the store's transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from gateway.services.sqs import removal
from gateway.services.sqs.fifo import groups
from gateway.services.sqs.state import QueueState

__all__ = ["remove_rows"]


def remove_rows(
    connection: sqlite3.Connection, state: QueueState, row_ids: Iterable[int], now_ms: int
) -> int:
    """Remove messages with all that is kept of them; return how many there were."""
    rows = list(row_ids)
    touched = groups.groups_of(connection, rows)
    removed = 0
    for row_id in rows:
        removed += removal.remove_row(connection, state, row_id)
        groups.remove(connection, row_id)
    for group in touched:
        groups.refresh(connection, group, now_ms)
    return removed
