"""A real service on a real store, with clocks that a test moves."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.services.sqs import Queue, Received, SqsService
from gateway.store import Store, StoreSettings
from gateway.store.encryption import KeyRing
from tests.rig.fake_time import FakeTime

ACCOUNT = "000000000000"


class Bench:
    """Store, registry and service in one folder; to be used as an async context manager."""

    def __init__(self, folder: Path, time: FakeTime | None = None) -> None:
        self.folder = folder
        self.time = time or FakeTime()

    async def __aenter__(self) -> Bench:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        self.metrics = Metrics()
        clock = Clock(self.time.sources())
        settings = StoreSettings(synchronous="OFF", reserve_bytes=8 * 1024 * 1024)
        self.store = Store(self.folder / "weir.db", settings, clock, self.metrics)
        try:
            self.keys = KeyRing.open(self.folder, {})
            self.registry = await Registry.open(self.folder / "registry.json")
            self.service = SqsService(
                self.store,
                self.registry,
                clock,
                self.metrics,
                region="us-east-1",
                account=ACCOUNT,
                keys=self.keys,
            )
            await self.service.start()
        except BaseException:
            await self.store.close()
            raise

    async def close(self) -> None:
        await self.service.stop()
        await self.registry.close()
        await self.store.close()

    async def reopen(self) -> None:
        await self.close()
        await self.open()

    async def queue(self, name: str = "q", **attributes: str) -> Queue:
        return await self.service.create(name, attributes)

    async def settle(self) -> None:
        """Let everything happen that follows a commit."""
        await self.store.flush()
        for _ in range(5):
            await asyncio.sleep(0)

    async def settle_failure(self) -> None:
        """Wait for a batch that is known to fail, and for what follows it."""
        with contextlib.suppress(StoreError):
            await self.store.flush()
        await self.settle()

    def rows(self, table: str) -> int:
        (count,) = self.store.reader.execute(f"SELECT count(*) FROM {table}").fetchone()
        return count

    def counters(self, queue: Queue) -> tuple[int, ...]:
        """Return messages, hidden, in_flight and delayed as they are on disk."""
        return self.store.reader.execute(
            "SELECT messages, hidden, in_flight, delayed FROM sqs_queue WHERE queue = ?",
            (queue.record.number,),
        ).fetchone()


def bodies(received: list[Received]) -> list[bytes]:
    return [message.body for message in received]
