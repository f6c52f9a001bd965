"""The yardstick for durable messages: bare SQLite, the same rows, 1,000 per FULL commit."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from gateway.store.database import migrate, open_database

ROWS_PER_COMMIT = 1000


def insert_rate(folder: Path, body: bytes, seconds: float) -> float:
    """Insert messages with this body into the gateway's own schema; return rows per second."""
    path = folder / "bare.db"
    connection = open_database(path, synchronous="FULL")
    migrate(connection)
    statement = insert_statement(connection)
    columns = statement.count("?")
    count = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        first = (1 << 40) + count
        rows = [_row(first + n, body, columns) for n in range(ROWS_PER_COMMIT)]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows)
        connection.execute("COMMIT")
        count += ROWS_PER_COMMIT
        if count % (16 * ROWS_PER_COMMIT) == 0:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    rate = count / (time.perf_counter() - began)
    connection.close()
    return rate


def insert_statement(connection: sqlite3.Connection) -> str:
    """Return the INSERT with which the gateway adds a queue message."""
    columns = [row[1] for row in connection.execute("PRAGMA table_info(sqs_message)")]
    return f"INSERT INTO sqs_message VALUES ({', '.join('?' * len(columns))})"


def _row(message_id: int, body: bytes, columns: int) -> tuple[object, ...]:
    # id, times, then empty attributes; the body last, as the gateway writes it.
    middle: list[object] = [1_793_491_200_000, 123_456_789]
    return (message_id, *(middle + [None] * columns)[: columns - 2], body)
