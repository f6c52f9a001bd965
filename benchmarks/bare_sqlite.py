"""The yardstick for durable messages: bare SQLite, the same rows, 1,000 per FULL commit."""

from __future__ import annotations

import time
from pathlib import Path

from gateway.services.sqs.batch import INSERT_MESSAGE
from gateway.store.database import migrate, open_database

ROWS_PER_COMMIT = 1000


def insert_rate(folder: Path, body: bytes, seconds: float) -> float:
    """Insert messages with this body into the gateway's own schema; return rows per second."""
    path = folder / "bare.db"
    connection = open_database(path, synchronous="FULL")
    migrate(connection)
    count = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        first = (1 << 40) + count
        rows = [_row(first + n, body) for n in range(ROWS_PER_COMMIT)]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT_MESSAGE, rows)
        connection.execute("COMMIT")
        count += ROWS_PER_COMMIT
        if count % (16 * ROWS_PER_COMMIT) == 0:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    rate = count / (time.perf_counter() - began)
    connection.close()
    return rate


def _row(message_id: int, body: bytes) -> tuple[object, ...]:
    # The columns of migration 0002, as the gateway fills them for a rule.
    return (message_id, 123_456_789, 1_793_491_200_000, 1, None, None, body)
