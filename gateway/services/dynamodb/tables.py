"""The local tables: what is put into them joins the open batch, what is got was committed.

Owns what gathers for the open batch, each table's counters and its limit. What is written twice in
one batch is written once. Knows nothing of rules or of the wire.

The counters in memory are those of the open batch. A failed batch, and all that gathered behind it,
never happened: they are read again as they were committed.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from gateway.metrics import Metrics
from gateway.services.dynamodb.errors import (
    ItemRefused,
    NoSuchTable,
    TableFull,
    TableUnusable,
    shown,
)
from gateway.services.dynamodb.items import Attribute, encode_item, read_json
from gateway.services.dynamodb.keys import KeySchema
from gateway.services.dynamodb.settings import TableSettings, name_problem
from gateway.store import Store

__all__ = ["TableStatus", "Tables"]

log = logging.getLogger(__name__)

# What a row costs beside its key and its item.
_ROW_BYTES: Final = 24

# A page of items for people, as AWS's Scan has it.
_PAGE_BYTES: Final = 1024 * 1024
_PAGE_ITEMS: Final = 1000

_KEY_COLUMNS: Final = "partition_key, partition_key_type, sort_key, sort_key_type"
_LOAD: Final = (
    f"SELECT number, items, used_bytes, {_KEY_COLUMNS} FROM dynamodb_table WHERE name = ?"  # noqa: S608 - constants
)
_DECLARE: Final = (
    f"INSERT INTO dynamodb_table (name, {_KEY_COLUMNS}, items, used_bytes)"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, 0, 0)"
    f" ON CONFLICT (name) DO UPDATE SET ({_KEY_COLUMNS})"
    " = (excluded.partition_key, excluded.partition_key_type, excluded.sort_key,"
    " excluded.sort_key_type)"
)
_COUNT: Final = "UPDATE dynamodb_table SET items = ?, used_bytes = ? WHERE number = ?"
_PUT: Final = (
    "INSERT INTO dynamodb_item (item, table_number, partition_value, sort_value)"
    " VALUES (?, ?, ?, ?)"
    " ON CONFLICT (table_number, partition_value, sort_value) DO UPDATE SET item = excluded.item"
)
_DELETE: Final = (
    "DELETE FROM dynamodb_item WHERE table_number = ? AND partition_value = ? AND sort_value = ?"
)
_GET: Final = (
    "SELECT item FROM dynamodb_item"
    " WHERE table_number = ? AND partition_value = ? AND sort_value = ?"
)
_SCAN: Final = (
    "SELECT item FROM dynamodb_item"
    " WHERE table_number = ? AND (partition_value, sort_value) > (?, ?)"
    " ORDER BY partition_value, sort_value LIMIT ?"
)
_OTHERS: Final = "SELECT name, items, used_bytes FROM dynamodb_table WHERE items > 0 ORDER BY name"

_RowKey = tuple[int, bytes, bytes]


@dataclass(frozen=True, slots=True)
class TableStatus:
    """How one table is doing, for people.

    Attributes:
        name: Its name.
        key: The names and types of its key attributes.
        items: Items it holds, those of the open batch included.
        used_bytes: What they weigh against `max_bytes`.
        max_bytes: Its limit.
        refused: What was refused because it was full, since the start.
        problem: Why it cannot be used; empty where it can.
    """

    name: str
    key: tuple[tuple[str, str], ...]
    items: int
    used_bytes: int
    max_bytes: int
    refused: int
    problem: str


@final
class _Table:
    """One table: its key and its counters."""

    __slots__ = ("items", "number", "problem", "refused", "schema", "settings", "used_bytes")

    def __init__(self, settings: TableSettings) -> None:
        self.settings = settings
        self.schema = KeySchema(settings)
        self.number = 0
        self.items = 0
        self.used_bytes = 0
        self.refused = 0
        self.problem = ""

    def load(self, connection: sqlite3.Connection) -> bool:
        """Read what was committed; False where it must be declared (again) first."""
        row = connection.execute(_LOAD, (self.settings.name,)).fetchone()
        if row is None:
            return False
        self.number, self.items, self.used_bytes, *key = row
        if tuple(key) == self.key_columns():
            return True
        if not self.items:
            return False
        was = ", ".join(f"{name} ({kind})" for name, kind in (key[:2], key[2:]) if name is not None)
        self.problem = (
            f"its {self.items} items were kept by the key {was}, and the settings now say "
            f"{self.schema}: give its keys back in the settings, or give the new table another name"
        )
        return True

    def key_columns(self) -> tuple[str | None, ...]:
        settings = self.settings
        sort_type = None if settings.sort_key is None else settings.sort_key_type
        return (
            settings.partition_key, settings.partition_key_type, settings.sort_key, sort_type,
        )  # fmt: skip


@final
class Tables:
    """All local tables.

    Everything is called on the event loop's thread, after `start`.

    Args:
        settings: The declared tables.
        store: Where items are kept.
        metrics: Where writes and refusals are counted.
    """

    __slots__ = ("_deleted", "_in_flight", "_open", "_refused", "_store", "_tables", "_touched",
                 "_written")  # fmt: skip

    def __init__(self, settings: Sequence[TableSettings], store: Store, metrics: Metrics) -> None:
        self._store = store
        self._tables = {table.name: _Table(table) for table in settings}
        self._open: dict[_RowKey, bytes | None] = {}  # None: deleted
        self._in_flight: dict[_RowKey, bytes | None] = {}
        self._touched: set[_Table] = set()
        self._written = metrics.counter("dynamodb.written", "items put or updated")
        self._deleted = metrics.counter("dynamodb.deleted", "items deleted")
        self._refused = metrics.counter("dynamodb.refused", "writes refused by a full table")
        metrics.gauge(
            "dynamodb.used_bytes", lambda: sum(table.used_bytes for table in self._tables.values())
        )

    async def start(self) -> None:
        """Read the tables' counters; make those that are new.

        A table whose key has changed while it has items stays as it is and refuses everything.

        Raises:
            StoreError: The store took nothing.
        """
        new = [table for table in self._tables.values() if not table.load(self._store.reader)]
        if new:
            await self._store.execute(
                lambda connection: connection.executemany(
                    _DECLARE, [(table.settings.name, *table.key_columns()) for table in new]
                ).close()
            )
        for table in new:
            table.load(self._store.reader)
        for table in self._tables.values():
            if table.problem:
                log.error("table %s cannot be used: %s", table.settings.name, table.problem)
        for name, items, used_bytes in self._store.reader.execute(_OTHERS).fetchall():
            if name not in self._tables:
                log.warning(
                    "the store keeps %d items (%d bytes) of a table that the settings do not name "
                    'any more: [[dynamodb.tables]] name = "%s" brings them back',
                    items,
                    used_bytes,
                    name,
                )
        self._store.before_batch.append(self._write)
        self._store.after_commit.append(self._in_flight.clear)
        self._store.after_failure.append(self._reload)

    # --- writing -------------------------------------------------------------------------------

    def put(self, table: str, item: Mapping[str, Attribute]) -> None:
        """Put an item, in place of the one with the same key; kept once the batch is committed.

        Args:
            table: The table's name.
            item: Its attributes, the key's included.

        Raises:
            TableError: There is no such table, it is full, or cannot hold the item.
            StoreError: Nothing new is taken just now.
        """
        found = self._usable(table)
        key = (found.number, *found.schema.of_item(item))
        self._keep(found, key, encode_item(item))

    def update(
        self, table: str, key: Mapping[str, Attribute], attribute: str, value: Attribute
    ) -> None:
        """Set one attribute of an item, which is made where there is none.

        Raises:
            TableError: As `put`; or the attribute is part of the key.
            StoreError: Nothing new is taken just now.
        """
        found = self._usable(table)
        row_key = (found.number, *found.schema.of_key(key))
        if attribute in key:
            raise ItemRefused(
                f"{shown(attribute)} is part of the table's key, so it cannot be updated"
            )
        before = self._current(row_key)
        item = dict(key) if before is None else read_json(before)
        assert isinstance(item, dict)  # noqa: S101 - only objects are kept
        item[attribute] = value
        self._keep(found, row_key, encode_item(item))

    def delete(self, table: str, key: Mapping[str, Attribute]) -> None:
        """Delete an item; nothing happens where there is none. A full table admits it, too.

        Raises:
            TableError: There is no such table, or it cannot have this key.
            StoreClosed: The gateway is stopping.
        """
        found = self._usable(table)
        row_key = (found.number, *found.schema.of_key(key))
        before = self._current(row_key)
        if before is None:
            return
        self._store.join()
        self._open[row_key] = None
        self._touched.add(found)
        found.items -= 1
        found.used_bytes -= _weight(row_key, before)
        self._deleted.value += 1

    def _keep(self, table: _Table, key: _RowKey, data: bytes) -> None:
        before = self._current(key)
        weight = _weight(key, data)
        growth = weight - (0 if before is None else _weight(key, before))
        if growth > 0 and table.used_bytes + growth > table.settings.max_bytes:
            table.refused += 1
            self._refused.value += 1
            raise TableFull(
                f"table {table.settings.name!r} is full: {table.settings.max_bytes} bytes",
                hint="Delete items, or raise its max_bytes in the settings.",
            )
        self._store.join(weight)
        self._open[key] = data
        self._touched.add(table)
        table.items += before is None
        table.used_bytes += growth
        self._written.value += 1

    def _current(self, key: _RowKey) -> bytes | None:
        """Return the item as the open batch has left it so far."""
        for gathered in (self._open, self._in_flight):
            if key in gathered:
                return gathered[key]
        return self._committed(key)

    def _write(self) -> None:
        """Hand everything to the batch that begins."""
        if not self._open:
            return
        puts: list[tuple[object, ...]] = []
        deletes: list[tuple[object, ...]] = []
        for key, data in self._open.items():
            if data is None:
                deletes.append(key)
            else:
                puts.append((data, *key))
        self._store.write(_PUT, puts)
        self._store.write(_DELETE, deletes)
        self._store.write(
            _COUNT, [(table.items, table.used_bytes, table.number) for table in self._touched]
        )
        self._in_flight.update(self._open)
        self._open.clear()
        self._touched.clear()

    def _reload(self) -> None:
        self._open.clear()
        self._in_flight.clear()
        self._touched.clear()
        for table in self._tables.values():
            table.load(self._store.reader)

    # --- reading -------------------------------------------------------------------------------

    def get(self, table: str, key: Mapping[str, object]) -> bytes | None:
        """Return a committed item as a JSON object; None where there is none.

        Raises:
            TableError: There is no such table, or it cannot have this key.
        """
        found = self._usable(table)
        return self._committed((found.number, *found.schema.of_key(key)))

    def items(
        self, table: str, limit: int = 100, after: Mapping[str, object] | None = None
    ) -> list[bytes]:
        """Return committed items in the order of their keys, a megabyte at most.

        Args:
            table: The table's name.
            limit: How many at most, 1 to 1000.
            after: The key of the last item already seen; None: from the first.

        Raises:
            TableError: There is no such table, or it cannot have this key.
        """
        found = self._usable(table)
        start = (b"", b"") if after is None else found.schema.of_key(after)
        page: list[bytes] = []
        size_bytes = 0
        rows = self._store.reader.execute(
            _SCAN, (found.number, *start, min(max(limit, 1), _PAGE_ITEMS))
        )
        try:
            for (data,) in rows:
                page.append(data)
                size_bytes += len(data)
                if size_bytes >= _PAGE_BYTES:
                    break
        finally:
            rows.close()  # or the reader would hold its snapshot
        return page

    def names(self) -> list[str]:
        """Return the declared tables' names, sorted."""
        return sorted(self._tables)

    def schema(self, table: str) -> KeySchema:
        """Return what the key of a table is.

        Raises:
            TableError: There is no such table, or it cannot be used.
        """
        return self._usable(table).schema

    def status(self) -> list[TableStatus]:
        """Return how each table is doing, by name."""
        return [
            TableStatus(
                name,
                table.schema.fields,
                table.items,
                table.used_bytes,
                table.settings.max_bytes,
                table.refused,
                table.problem,
            )
            for name, table in sorted(self._tables.items())
        ]

    def _usable(self, name: str) -> _Table:
        table = self._tables.get(name)
        if table is None:
            hint = ""
            if not name_problem(name):  # the name may be a payload's: only a good one is shown
                hint = (
                    f'Add to the settings: [[dynamodb.tables]] name = "{name}" and '
                    "partition_key = the attribute that tells its items apart"
                )
            raise NoSuchTable(f"there is no table {shown(name)}", hint=hint)
        if table.problem:
            raise TableUnusable(f"table {name!r} cannot be used: {table.problem}")
        return table

    def _committed(self, key: _RowKey) -> bytes | None:
        row = self._store.reader.execute(_GET, key).fetchone()
        return None if row is None else row[0]


def _weight(key: _RowKey, data: bytes) -> int:
    return len(data) + len(key[1]) + len(key[2]) + _ROW_BYTES
