"""Sealing anew what is stored, after a key has got a new version; then the old one is forgotten.

Owns the walk over all sealed bodies, in steps small enough for the event loop. What is sealed from
the rotation on has the new version, so that one walk is enough; a gateway that stops on the way
begins again after its start, and passes over what is done.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from typing import Final, final

from gateway.errors import StoreClosed, StoreError
from gateway.services.sqs.errors import KmsDisabled, QueueDoesNotExist
from gateway.services.sqs.names import SEQUENCE_BITS
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.sealing.bodies import SEALED
from gateway.store.encryption import EncryptionError, KeyRing

__all__ = ["Resealing"]

log = logging.getLogger(__name__)

_STEP_MESSAGES: Final = 100
_STEP_BYTES: Final = 1024 * 1024
_RETRY_S: Final = 5.0

_NEXT: Final = (
    "SELECT id, flags, length(body) FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
)
_BODY: Final = "SELECT body FROM sqs_message WHERE id = ?"
_KEEP: Final = "UPDATE sqs_message SET body = ? WHERE id = ?"


@final
class Resealing:
    """What follows a rotation.

    Args:
        keys: The gateway's keys; it tells of rotations.
        queues: Gives all queues there are.
    """

    def __init__(self, keys: KeyRing, queues: Callable[[], Iterable[Queue]]) -> None:
        self._keys = keys
        self._queues = queues
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def start(self) -> None:
        """Go on with what was under way, and listen for rotations."""
        self._keys.on_rotated.append(self._begin)
        self._keys.on_enabled.append(self._begin)
        if self._old_versions():
            self._begin("")

    async def stop(self) -> None:
        """Stop; what is left is sealed anew after the next start."""
        for listeners in (self._keys.on_rotated, self._keys.on_enabled):
            if self._begin in listeners:
                listeners.remove(self._begin)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def done(self) -> None:
        """Wait until nothing is left to seal anew."""
        while self._task is not None:
            await asyncio.wait([self._task])

    def _old_versions(self) -> list[str]:
        """Return those of keys that can be used; a disabled key's wait until it is enabled."""
        return [
            version.id
            for key in self._keys.all()
            if key.state == "enabled"
            for version in key.versions[:-1]
        ]

    def _begin(self, name: str) -> None:
        if self._task is not None:
            self._again = True  # the walk under way may have passed what is old now
            return
        self._task = asyncio.create_task(self._run(), name="seal anew")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is not None:
            log.error("sealing anew has ended", exc_info=task.exception())
        elif self._again and not task.cancelled():
            self._again = False
            self._begin("")

    async def _run(self) -> None:
        old = self._old_versions()
        try:
            for queue in list(self._queues()):
                await self._seal_queue(queue)
        except StoreClosed:
            return  # the gateway is stopping
        for version in old:
            try:
                await self._keys.retire(version)
            except EncryptionError as error:
                log.warning("an old version of a key stays: %s", error)

    async def _seal_queue(self, queue: Queue) -> None:
        first = queue.record.number << SEQUENCE_BITS
        end = first + (1 << SEQUENCE_BITS)
        while first < end:
            start = first

            def work(connection: sqlite3.Connection, now_ms: int, start: int = start) -> int:
                return _seal_step(connection, queue, start, end)

            try:
                first = await queue.change(work)
            except QueueDoesNotExist:
                return
            except StoreClosed:
                raise
            except StoreError as error:
                log.warning("what is stored is not sealed anew now: %s", error)
                await asyncio.sleep(_RETRY_S)


def _seal_step(connection: sqlite3.Connection, queue: Queue, start: int, end: int) -> int:
    """Seal a step of a queue's bodies anew; return the row to go on with."""
    rows = connection.execute(_NEXT, (start, end, _STEP_MESSAGES)).fetchall()
    weight = 0
    for row_id, flags, size_bytes in rows:
        if flags & SEALED:
            (body,) = connection.execute(_BODY, (row_id,)).fetchone()
            try:
                sealed = queue.bodies.seal_anew(row_id, body)
            except KmsDisabled:
                continue  # once it is enabled
            if sealed is not None:
                connection.execute(_KEEP, (sealed, row_id))
                weight += size_bytes
            if weight >= _STEP_BYTES:
                return int(row_id) + 1
    return end if len(rows) < _STEP_MESSAGES else int(rows[-1][0]) + 1
