"""Two tables on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.metrics import Metrics
from gateway.services.dynamodb import Tables, TableSettings, TableStatus
from gateway.store import Store, StoreSettings
from tests.rig.stores import open_store

MIB = 1024 * 1024
ROOMY = StoreSettings(synchronous="OFF", reserve_bytes=8 * MIB)
READINGS = TableSettings("readings", "device", sort_key="at", sort_key_type="NUMBER")
LATEST = TableSettings("latest", "device", max_bytes=MIB)


class Here:
    """Tables on a store."""

    def __init__(self, store: Store, tables: Tables) -> None:
        self.store = store
        self.tables = tables

    def status(self, name: str) -> TableStatus:
        (found,) = [status for status in self.tables.status() if status.name == name]
        return found

    def counted(self, name: str) -> tuple[int, int]:
        """What memory says."""
        status = self.status(name)
        return status.items, status.used_bytes

    def kept(self, name: str) -> tuple[int, int]:
        """What the rows on disk come to, and what the counters there say."""
        rows = self.store.reader.execute(
            "SELECT count(*), total(length(item) + length(partition_value) + length(sort_value)"
            " + 24) FROM dynamodb_item JOIN dynamodb_table ON number = table_number"
            " WHERE name = ?",
            (name,),
        ).fetchone()
        counters = self.store.reader.execute(
            "SELECT items, used_bytes FROM dynamodb_table WHERE name = ?", (name,)
        ).fetchone()
        assert (int(rows[0]), int(rows[1])) == counters
        return int(rows[0]), int(rows[1])


@asynccontextmanager
async def opened(
    folder: Path, *settings: TableSettings, store_settings: StoreSettings = ROOMY
) -> AsyncIterator[Here]:
    async with open_store(folder, store_settings) as store:
        tables = Tables(settings or (READINGS, LATEST), store, Metrics())
        await tables.start()
        yield Here(store, tables)
