"""The SQS engine without HTTP: the real service on the real store, for exact control over commits.

Owns opening and closing it in one folder, and a clock that stands still until it is moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import final

from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.services.sqs import SqsService
from gateway.store import Store, StoreSettings
from gateway.store.encryption import KeyRing
from tests.rig.fake_time import FakeTime

ACCOUNT = "000000000000"


@final
class Engine:
    """Store, registry and service; to be used as an async context manager.

    Args:
        folder: Where the database goes; it must exist.
        settings: The store's; the defaults are the gateway's.

    Attributes:
        time: The clocks.
        store: The store.
        service: The service.
    """

    def __init__(self, folder: Path, settings: StoreSettings | None = None) -> None:
        self._folder = folder
        self._settings = settings or StoreSettings()
        self.time = FakeTime()

    async def __aenter__(self) -> Engine:
        clock, metrics = Clock(self.time.sources()), Metrics()
        self.store = Store(self._folder / "weir.db", self._settings, clock, metrics)
        self._registry = await Registry.open(self._folder / "registry.json")
        self.service = SqsService(
            self.store,
            self._registry,
            clock,
            metrics,
            region="us-east-1",
            account=ACCOUNT,
            keys=KeyRing.open(self._folder, {}),
        )
        await self.service.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.service.stop()
        await self._registry.close()
        await self.store.close()


def bodies(size_bytes: int, numbers: Iterable[int]) -> list[bytes]:
    """Return bodies of one size, each of which begins with its number."""
    return [b"%012d " % number + b"." * (size_bytes - 13) for number in numbers]
