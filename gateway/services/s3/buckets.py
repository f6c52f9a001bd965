"""The local buckets: each write on a thread, so that a slow disk holds up nobody else.

Owns which buckets there are and who waits for what. Knows nothing of rules or of the wire.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from gateway.metrics import Metrics
from gateway.services.s3.bucket import Bucket
from gateway.services.s3.errors import BucketError, DiskRefused, NoSuchBucket, shown
from gateway.services.s3.reading import read_object
from gateway.services.s3.settings import BucketSettings, name_problem

__all__ = ["BucketStatus", "Buckets"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BucketStatus:
    """How one bucket is doing, for people.

    Attributes:
        name: Its name.
        dir: Its folder.
        objects: Files in it; what people do there is seen when it is counted the next time.
        used_bytes: What they take of the disk, by whole blocks.
        max_bytes: Its limit.
        counted: Whether all files were counted since the start; until then the two are too low.
        refused: Objects refused since the start.
        last_error: What went wrong last; empty where nothing did.
    """

    name: str
    dir: Path
    objects: int
    used_bytes: int
    max_bytes: int
    counted: bool
    refused: int
    last_error: str


@final
class Buckets:
    """All local buckets.

    Args:
        settings: The declared buckets.
        metrics: Where writes and refusals are counted.
        monotonic_s: Tells when a full bucket may be counted again.
    """

    __slots__ = ("_buckets", "_counting", "_refused", "_stored")

    def __init__(
        self,
        settings: Sequence[BucketSettings],
        metrics: Metrics,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._buckets = {bucket.name: Bucket(bucket, monotonic_s) for bucket in settings}
        self._counting: asyncio.Task[None] | None = None
        self._stored = metrics.counter("s3.stored", "objects written")
        self._refused = metrics.counter("s3.refused", "objects that could not be written")
        metrics.gauge(
            "s3.used_bytes", lambda: sum(bucket.used_bytes for bucket in self._buckets.values())
        )

    async def start(self) -> None:
        """Begin to count what is there, on a thread; objects are taken meanwhile."""
        for bucket in self._buckets.values():
            bucket.begin_count()
        if self._buckets:
            self._counting = asyncio.create_task(self._count(), name="s3 count")

    async def stop(self) -> None:
        """End a count that still runs."""
        for bucket in self._buckets.values():
            bucket.stop()
        await self.counted()

    async def counted(self) -> None:
        """Wait until what was there at the start has been counted."""
        if self._counting is not None:
            await asyncio.shield(self._counting)

    async def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object, in place of the one with the same key. It is on disk on return.

        A cancelled call may still write it.

        Raises:
            NoSuchBucket: No such bucket is declared.
            KeyRefused: The folder cannot hold an object of this key.
            BucketFull: The bucket or its disk has no room for it.
            DiskRefused: The file system refused.
        """
        found = self.find(bucket)
        try:
            await asyncio.to_thread(found.put, key, body)
        except BucketError:
            self._refused.value += 1
            raise
        self._stored.value += 1

    def read(self, bucket: str, key: str, max_bytes: int) -> bytes | None:
        """Return an object, or its first `max_bytes` and one more; None where there is none.

        It blocks: to be called on a thread.

        Raises:
            NoSuchBucket: No such bucket is declared.
            KeyRefused: No object can have this key.
            DiskRefused: The file system refused.
        """
        return read_object(self.find(bucket).settings.dir, key, max_bytes)

    def find(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            NoSuchBucket: No such bucket is declared.
        """
        found = self._buckets.get(name)
        if found is None:
            hint = ""
            if not name_problem(name):  # the name may be a payload's: only a good one is shown
                hint = f'Add to the settings: [[s3.buckets]] name = "{name}" and dir = its folder'
            raise NoSuchBucket(f"there is no bucket {shown(name)}", hint=hint)
        return found

    def names(self) -> list[str]:
        """Return the declared buckets' names, sorted."""
        return sorted(self._buckets)

    def status(self) -> list[BucketStatus]:
        """Return how each bucket is doing, by name."""
        return [
            BucketStatus(
                name,
                bucket.settings.dir,
                bucket.objects,
                bucket.used_bytes,
                bucket.settings.max_bytes,
                bucket.counted,
                bucket.refused,
                bucket.last_error,
            )
            for name, bucket in sorted(self._buckets.items())
        ]

    async def _count(self) -> None:
        for bucket in self._buckets.values():
            try:
                await asyncio.to_thread(bucket.count)
            except DiskRefused as error:
                # Its disk may come later: every object tries again.
                log.error("%s. %s", error, error.hint)
