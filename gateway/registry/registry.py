"""The registry: what a person configures, by table and key.

Owns the order of writes and that a write is only told of once it is on disk. Knows nothing of what
the documents mean. TinyDB is used here and nowhere else.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import cast, final

from tinydb import TinyDB
from tinydb.table import Document, Table

from gateway.errors import RegistryError
from gateway.registry.storage import Json, RegistryFile

__all__ = ["Registry"]


@final
class _KeyedTable(Table):
    """A table whose documents have names instead of numbers."""

    document_id_class = str  # type: ignore[assignment] # TinyDB's own way to have other ids


@final
class _KeyedDatabase(TinyDB):
    table_class = _KeyedTable


@final
class Registry:
    """Documents by table and key, kept in one readable file.

    Reads come from memory; writes run on a thread, one after the other, and return after the fsync.

    Attributes:
        path: The file.
        existed: Whether the file was there when the registry was opened.
    """

    def __init__(self, path: Path, file: RegistryFile) -> None:
        self.path = path
        self.existed = file.existed
        self._file = file
        self._database = _KeyedDatabase(storage=lambda: file)
        self._lock = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, path: Path) -> Registry:
        """Read the registry; a file that is not there is an empty registry.

        Raises:
            RegistryError: The file cannot be read or is damaged; it is left as it is.
        """
        return cls(path, await asyncio.to_thread(RegistryFile, path))

    def get(self, table: str, key: str) -> dict[str, Json] | None:
        """Return a copy of one document, or None."""
        document = self._file.table(table).get(key)
        return None if document is None else copy.deepcopy(document)

    def all(self, table: str) -> dict[str, dict[str, Json]]:
        """Return a copy of a table's documents by key."""
        return copy.deepcopy(self._file.table(table))

    async def put(self, table: str, key: str, document: Mapping[str, Json]) -> None:
        """Set one document, whole; returns when it is on disk.

        Raises:
            RegistryError: The disk refused; the registry is as before.
        """
        new = copy.deepcopy(dict(document))
        await self._write(lambda: self._put(table, key, new))

    async def put_all(self, table: str, documents: Mapping[str, Mapping[str, Json]]) -> None:
        """Set several documents of a table, all or none; returns when they are on disk.

        Raises:
            RegistryError: The disk refused; the registry is as before.
        """
        new = {key: copy.deepcopy(dict(document)) for key, document in documents.items()}
        await self._write(lambda: self._put_all(table, new))

    async def remove(self, table: str, key: str) -> None:
        """Remove one document if it is there; returns when that is on disk.

        Raises:
            RegistryError: The disk refused; the registry is as before.
        """
        if key in self._file.table(table) or self._writes:
            await self._write(lambda: self._remove(table, key))

    async def close(self) -> None:
        """Wait for the writes under way."""
        while self._writes:
            await asyncio.wait(self._writes)

    async def _write(self, change: Callable[[], None]) -> None:
        # Shielded: a caller that gives up does not leave the next one beside a running thread.
        task = asyncio.ensure_future(self._on_thread(change))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        await asyncio.shield(cast("Coroutine[None, None, None]", task))

    async def _on_thread(self, change: Callable[[], None]) -> None:
        async with self._lock:
            await asyncio.to_thread(change)

    def _put(self, name: str, key: str, new: dict[str, Json]) -> None:
        table = self._table(name)

        def replace(document: object) -> None:
            existing = cast("dict[str, Json]", document)
            existing.clear()
            existing.update(new)

        # Ids are texts here (see _KeyedTable), which TinyDB's annotations do not know.
        doc_id = cast(int, key)
        if not table.update(replace, doc_ids=[doc_id]):
            table.insert(Document(new, doc_id=doc_id))

    def _put_all(self, name: str, new: dict[str, dict[str, Json]]) -> None:
        # TinyDB writes the file for each document; its storage takes them together.
        tables = self._file.read() or {}
        tables.setdefault(name, {}).update(new)
        self._file.write(tables)

    def _remove(self, name: str, key: str) -> None:
        table = self._table(name)
        doc_id = cast(int, key)
        if table.contains(doc_id=doc_id):
            table.remove(doc_ids=[doc_id])

    def _table(self, name: str) -> Table:
        if not name:
            raise RegistryError("a table of the registry needs a name")
        return self._database.table(name, cache_size=0)
