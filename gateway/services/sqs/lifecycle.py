"""Creating and deleting queues, so that a crash at any step leaves a queue whole or gone.

Owns the order of the two places: a queue's row comes first and its record last; its record goes
first and its rows last. The record decides. A row without its record is what is left of a queue
that was never made or has been deleted: it is removed at start. A record without its row comes from
another gateway's registry: it gets an empty row.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import sqlite3
from collections.abc import Mapping
from typing import Final, final

from gateway.errors import RegistryError, StoreClosed, StoreError
from gateway.registry import Registry
from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.removal import remove_queue_rows
from gateway.services.sqs.sealing.key_use import ensure_key, lost_keys
from gateway.services.sqs.state import QueueState
from gateway.store import Store
from gateway.store.encryption import KeyRing

__all__ = ["Lifecycle"]

log = logging.getLogger(__name__)

TABLE: Final = "queues"

_INSERT: Final = "INSERT INTO sqs_queue VALUES (NULL, ?, 1, 1, 0, 0, 0, 0, 0)"
_RETRY_S: Final = 5.0


@final
class Lifecycle:
    """Queues' records and rows.

    Args:
        store: Where rows are.
        registry: Where records are.
        keys: What bodies of encrypted queues are sealed with.
    """

    def __init__(self, store: Store, registry: Registry, keys: KeyRing) -> None:
        self._store = store
        self._registry = registry
        self._keys = keys
        self._may_make_keys = True
        self._removals: set[asyncio.Task[None]] = set()

    async def load(self) -> list[tuple[QueueRecord, QueueState]]:
        """Return every queue, after both places have been made to agree.

        Raises:
            RegistryError: A record is damaged, or the registry is missing though the database
                holds messages.
            KeyFileError: A key could not be written.
        """
        rows: dict[int, bytes] = dict(
            self._store.reader.execute("SELECT queue, uid FROM sqs_queue").fetchall()
        )
        found = []
        for name, document in self._registry.all(TABLE).items():
            record = QueueRecord.read(name, document)
            if rows.get(record.number) == record.uid:
                del rows[record.number]
            else:
                log.warning(
                    "queue %s: its record comes from another gateway; it starts empty", name
                )
                record = await self._adopt(record)
            state = QueueState(record.number)
            state.load(self._store.reader)
            found.append((record, state))
        if rows:
            self._check_registry_is_ours(list(rows))
        for number in rows:
            self.remove_rows(number)
        lost = lost_keys(self._store.reader, self._keys, [record for record, _ in found])
        self._may_make_keys = not lost
        if lost:
            log.error(
                "keys.json is missing, and these queues hold messages that it is needed for: %s. "
                "Stop the gateway and put keys.json back from a backup, or purge these queues and "
                "start it again; until then encrypted queues take nothing",
                ", ".join(lost),
            )
        for record, _ in found:
            await self._ensure_key(record.attributes)
        return found

    async def create(
        self, name: str, attributes: QueueAttributes, wall_ms: int, tags: Mapping[str, str]
    ) -> QueueRecord:
        """Make a queue; returns when row and record are on disk.

        Raises:
            StoreError: The row was not taken; there is no queue.
            RegistryError: The record could not be written; there is no queue.
            KeyFileError: Its key could not be written; there is no queue.
        """
        await self._ensure_key(attributes)
        uid = os.urandom(16)
        number = await self._insert_row(uid)
        record = QueueRecord(name, number, uid, attributes, wall_ms, wall_ms, tags)
        try:
            await self._registry.put(TABLE, name, record.document())
        except RegistryError:
            self.remove_rows(number)
            raise
        return record

    async def change(
        self, record: QueueRecord, attributes: QueueAttributes, wall_ms: int
    ) -> QueueRecord:
        """Give a queue other attributes; returns the new record when it is on disk.

        Raises:
            RegistryError: The record could not be written; it is as before.
            KeyFileError: Its key could not be written; it is as before.
        """
        await self._ensure_key(attributes)
        changed = dataclasses.replace(record, attributes=attributes, modified_wall_ms=wall_ms)
        await self._registry.put(TABLE, record.name, changed.document())
        return changed

    async def tag(self, record: QueueRecord, tags: Mapping[str, str]) -> QueueRecord:
        """Give a queue other tags; returns the new record when it is on disk."""
        changed = dataclasses.replace(record, tags=tags)
        await self._registry.put(TABLE, record.name, changed.document())
        return changed

    async def remove_record(self, record: QueueRecord) -> None:
        """Remove a queue's record: the moment in which it is gone. Its rows come next."""
        await self._registry.remove(TABLE, record.name)

    def remove_rows(self, number: int) -> None:
        """Remove a queue's rows in the background, in small steps."""
        task = asyncio.create_task(self._remove_rows(number), name=f"remove queue {number}")
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def removals_done(self) -> None:
        """Wait until the rows of deleted queues are gone."""
        while self._removals:
            await asyncio.wait(self._removals)

    async def stop(self) -> None:
        """Stop removing; what is left is removed after the next start."""
        for task in self._removals:
            task.cancel()
        await self.removals_done()

    async def _ensure_key(self, attributes: QueueAttributes) -> None:
        if self._may_make_keys:
            await ensure_key(self._keys, attributes)

    async def _adopt(self, record: QueueRecord) -> QueueRecord:
        number = await self._insert_row(record.uid)
        adopted = dataclasses.replace(record, number=number)
        await self._registry.put(TABLE, record.name, adopted.document())
        return adopted

    async def _insert_row(self, uid: bytes) -> int:
        def insert(connection: sqlite3.Connection) -> int:
            number = connection.execute(_INSERT, (uid,)).lastrowid
            assert number is not None  # noqa: S101 - an INSERT has one
            return number

        return await self._store.execute(insert, adds_bytes=64)

    async def _remove_rows(self, number: int) -> None:
        while True:
            try:
                if await self._store.execute(
                    lambda connection: remove_queue_rows(connection, number)
                ):
                    return
            except StoreClosed:
                return  # the gateway is stopping; the next start goes on
            except StoreError as error:
                log.warning("rows of a deleted queue cannot be removed yet: %s", error)
                await asyncio.sleep(_RETRY_S)

    def _check_registry_is_ours(self, numbers: list[int]) -> None:
        """Refuse to take a lost registry for the wish to delete everything."""
        if self._registry.existed:
            return
        for number in numbers:
            state = QueueState(number)
            if state.load(self._store.reader) and state.messages:
                raise RegistryError(
                    f"{self._registry.path} is missing, but the database holds messages "
                    f"({state.messages} of one queue alone) that only it can assign",
                    hint=f"Put a copy of it back, or move {self._store.path} away to start empty.",
                )
