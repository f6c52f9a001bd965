"""How old a queue's oldest message is, by index lookups and never by counting.

Owns which rows can be the oldest: the first of each of a queue's ranges, and of what was moved here
the one that was sent first. Reads only.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from gateway.services.sqs.names import DELAYED_RANGE, SEQUENCE_BITS

__all__ = ["oldest_sent_ms"]

_FIRST: Final = (
    "SELECT sent_gateway_ms FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"
)
_FIRST_MOVED: Final = (
    "SELECT sent_gateway_ms FROM sqs_moved WHERE queue = ? ORDER BY sent_gateway_ms LIMIT 1"
)


def oldest_sent_ms(reader: sqlite3.Connection, queue: int, *, has_moved: bool) -> int | None:
    """Return when the oldest message was sent, in gateway time; None where there is none.

    Args:
        reader: Where to look.
        queue: The queue's number.
        has_moved: Whether it may hold messages that were moved here; they keep their time.
    """
    base = queue << SEQUENCE_BITS
    middle = base + DELAYED_RANGE
    found = [
        reader.execute(_FIRST, (base, middle)).fetchone(),
        reader.execute(_FIRST, (middle, base + (1 << SEQUENCE_BITS))).fetchone(),
    ]
    if has_moved:
        found.append(reader.execute(_FIRST_MOVED, (queue,)).fetchone())
    return min((row[0] for row in found if row is not None), default=None)
