"""A real store in a test's folder, with a table to write to, and disks that refuse to grow."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.store import Insert, Store, StoreSettings
from tests.rig.fake_time import FakeTime

KIB = 1024
SMALL = StoreSettings(
    max_bytes=1024 * KIB,
    admission_bytes=64 * KIB,
    checkpoint_bytes=64 * KIB,
    reserve_bytes=128 * KIB,
)


@asynccontextmanager
async def open_store(
    folder: Path, settings: StoreSettings = SMALL, fake_time: FakeTime | None = None
) -> AsyncIterator[Store]:
    """A store in `folder/weir.db`; what it counts is in `store.commits` and the like."""
    clock = Clock((fake_time or FakeTime()).sources())
    store = Store(folder / "weir.db", settings, clock, Metrics())
    try:
        yield store
    finally:
        await store.close()


async def notes(store: Store) -> Insert:
    """Make the table of notes where there is none; return the statement that adds one."""
    await store.execute(
        lambda connection: connection.execute(
            "CREATE TABLE IF NOT EXISTS note (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
        ).close()
    )
    return Insert("INSERT INTO note (number, body) VALUES (?, ?)")


async def fill_store(store: Store) -> None:
    """Add notes, numbered from a million on, until nothing new is taken."""
    insert = Insert("INSERT INTO note (number, body) VALUES (?, ?)")
    number = 1_000_000
    while store.accepting:
        store.add(insert, (number, b"x" * 16 * KIB), 16 * KIB)
        await store.flush()
        number += 1


def stored_notes(folder: Path) -> list[int]:
    """Read the notes' numbers as another process would see them."""
    connection = sqlite3.connect(folder / "weir.db")
    try:
        return [number for (number,) in connection.execute("SELECT number FROM note ORDER BY 1")]
    finally:
        connection.close()


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """Let the system refuse every write of this process beyond `size_bytes` of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
