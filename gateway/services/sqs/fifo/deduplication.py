"""What was sent, and what was received, in the last five minutes: so that trying again is harmless.

Owns the rows of `sqs_deduplication` (a message is sent once per deduplication id) and of
`sqs_attempt` (a receive that is made again gets the same messages), and their end; runs inside the
store's transactions. The five minutes are of gateway time: no wrong clock shortens them.

Source: "Using the message deduplication ID" and "Using the receive request attempt ID", Amazon SQS
Developer Guide.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import Final

from gateway.services.sqs.receipts import NONCE_BYTES

__all__ = [
    "INTERVAL_MS",
    "attempt_key",
    "claim",
    "content_id",
    "deduplication_key",
    "earlier_receive",
    "forget_old",
    "forget_purged",
    "has_old",
    "keep_receive",
]

INTERVAL_MS: Final = 5 * 60 * 1000

# Rows one step removes; a row is narrow, so this takes about a millisecond.
_STEP: Final = 500

_DIGEST_BYTES: Final = 16
_HOLD: Final = struct.Struct(f">q{NONCE_BYTES}s")

_CLAIM: Final = (
    "INSERT INTO sqs_deduplication VALUES (?, ?, ?, ?) ON CONFLICT (queue, key)"
    " DO UPDATE SET sent_ms = excluded.sent_ms, id = excluded.id WHERE sent_ms <= ? OR id < ?"
)
_OLDEST: Final = (
    "SELECT key, id FROM sqs_deduplication WHERE queue = ? ORDER BY sent_ms, key LIMIT ?"
)
_FORGET: Final = "DELETE FROM sqs_deduplication WHERE queue = ? AND key = ?"
_SENT: Final = "SELECT id FROM sqs_deduplication WHERE queue = ? AND key = ?"
_ATTEMPT: Final = "SELECT holds FROM sqs_attempt WHERE queue = ? AND key = ? AND made_ms > ?"
_KEEP_ATTEMPT: Final = "INSERT OR REPLACE INTO sqs_attempt VALUES (?, ?, ?, ?)"
_OLD: Final = (
    ("sqs_deduplication", "sent_ms"),
    ("sqs_attempt", "made_ms"),
)


def content_id(body: bytes) -> str:
    """Return the deduplication id of a message that has none but its body: SHA-256 of that."""
    return sha256(body).hexdigest()


def deduplication_key(group_id: str | None, deduplication_id: str) -> bytes:
    """Return what stands for a deduplication id in the table.

    Args:
        group_id: Where ids count per message group, that; None where they count per queue.
        deduplication_id: The id.
    """
    person = b"queue" if group_id is None else b"group"
    digest = blake2b(deduplication_id.encode(), digest_size=_DIGEST_BYTES, person=person)
    if group_id is not None:
        digest.update(b"\0" + group_id.encode())  # neither kind of id can contain a NUL
    return digest.digest()


def claim(
    connection: sqlite3.Connection,
    queue: int,
    key: bytes,
    now_ms: int,
    row_id: int,
    *,
    purged_before_row: int,
) -> int | None:
    """Write down that a message is sent, unless one was with this key in the interval.

    Args:
        connection: The store's.
        queue: The queue's number.
        key: What stands for the deduplication id.
        now_ms: Gateway time.
        row_id: The row that the message will have.
        purged_before_row: Messages with lower rows have been purged, and with them that they were
            sent.

    Returns:
        The row of the message that was sent before; None where there is none.
    """
    row = (queue, key, now_ms, row_id, now_ms - INTERVAL_MS, purged_before_row)
    if connection.execute(_CLAIM, row).rowcount:
        return None
    (sent,) = connection.execute(_SENT, (queue, key)).fetchone()
    return int(sent)


def attempt_key(attempt_id: str) -> bytes:
    """Return what stands for a ReceiveRequestAttemptId in the table."""
    return blake2b(attempt_id.encode(), digest_size=_DIGEST_BYTES, person=b"attempt").digest()


def earlier_receive(
    connection: sqlite3.Connection, queue: int, key: bytes, now_ms: int
) -> list[tuple[int, bytes]]:
    """Return rows and nonces of what a receive with this key got in the interval, in order."""
    found = connection.execute(_ATTEMPT, (queue, key, now_ms - INTERVAL_MS)).fetchone()
    return [] if found is None else list(_HOLD.iter_unpack(found[0]))


def keep_receive(
    connection: sqlite3.Connection,
    queue: int,
    key: bytes,
    now_ms: int,
    holds: Sequence[tuple[int, bytes]],
) -> None:
    """Write down what a receive got: rows and nonces."""
    packed = b"".join(_HOLD.pack(*hold) for hold in holds)
    connection.execute(_KEEP_ATTEMPT, (queue, key, now_ms, packed))


def forget_purged(connection: sqlite3.Connection, queue: int, before_row: int) -> bool:
    """Remove a step of what was sent with lower rows than this; False if there was nothing."""
    oldest = connection.execute(_OLDEST, (queue, _STEP)).fetchall()
    keys = [(queue, key) for key, row_id in oldest if row_id < before_row]
    connection.executemany(_FORGET, keys)
    return bool(keys)


def has_old(reader: sqlite3.Connection, queue: int, now_ms: int) -> bool:
    """Tell, without writing, whether there is something that no longer counts."""
    return any(
        reader.execute(
            f"SELECT 1 FROM {table} WHERE queue = ? AND {column} <= ? LIMIT 1",  # noqa: S608
            (queue, now_ms - INTERVAL_MS),
        ).fetchone()
        for table, column in _OLD
    )


def forget_old(connection: sqlite3.Connection, queue: int, now_ms: int) -> None:
    """Remove a step of what no longer counts."""
    for table, column in _OLD:
        connection.execute(
            f"DELETE FROM {table} WHERE (queue, key) IN (SELECT queue, key FROM {table}"  # noqa: S608
            f" WHERE queue = ? AND {column} <= ? ORDER BY {column} LIMIT ?)",
            (queue, now_ms - INTERVAL_MS, _STEP),
        )
