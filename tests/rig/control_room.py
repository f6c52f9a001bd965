"""A control socket with a real store and router behind it, in a thread of this process."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.broker import Router
from gateway.clock import Clock, system_sources
from gateway.control import ControlServer
from gateway.message import Message, Publisher
from gateway.metrics import Metrics
from gateway.store import Insert, Store, StoreSettings

ENVIRONMENT = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_REGION": "us-east-1"}

STATUS: dict[str, object] = {
    "name": "greenhouse-1",
    "version": "0.1.0",
    "pid": 4711,
    "uptime_s": 3723.4,
    "ready": True,
    "time": {"wall_ms": 1_793_491_200_000, "wall_trusted": True},
    "mqtt": {"listeners": ["127.0.0.1:1883"], "connections": 2},
    "aws": {"bind": "127.0.0.1:4566"},
    "store": {
        "commits": 14,
        "rows": 20,
        "live_bytes": 1_258_291,
        "max_bytes": 2_147_483_648,
        "full": None,
    },
    "rules": [
        {
            "name": "too_hot",
            "topic_filter": "greenhouse/+/temperature",
            "matched": 12,
            "failed": 0,
            "disabled": False,
            "problem": "",
        },
        {
            "name": "broken.json",
            "topic_filter": "",
            "matched": 0,
            "failed": 0,
            "disabled": False,
            "problem": "line 1, column 8: no columns",
        },
    ],
    "queues": [{"name": "alarms", "visible": 3, "in_flight": 1, "delayed": 0}],
    "devices": [
        {
            "name": "bench-thermometer",
            "driver": "serial",
            "state": "waiting",
            "topic": "greenhouse/bench/temperature",
            "readings": 41,
            "rejected": 1,
            "dropped": 0,
            "last_error": "/dev/ttyUSB0 is not there. Plug it in.",
        }
    ],
    "metrics": {"store.commits": 14, "mqtt.publish.received": 100},
}


class ControlRoom:
    """Runs a control server on `data_dir/control.sock` while it is entered.

    What is published below `durable/` becomes a row of the table `kept`.

    Args:
        data_dir: Where socket and database go.
        commit_interval_ms: The store's; wide enough to tell an answer from a commit.
        status: The status document.
        env: What `/v1/env` answers; None for no AWS endpoint.
        monotonic_s: The clock of the live values.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        commit_interval_ms: int = 0,
        status: dict[str, object] | None = None,
        env: dict[str, str] | None = None,
        monotonic_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.data_dir = data_dir
        self.socket = data_dir / "control.sock"
        self.status = STATUS if status is None else status
        self.metrics = Metrics()
        self._store_settings = StoreSettings(commit_interval_ms=commit_interval_ms)
        self._env = env
        self._monotonic_s = monotonic_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> ControlRoom:
        self._thread.start()
        self.call(self._start())
        return self

    def __exit__(self, *exc: object) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the server's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def publish(self, topic: str, payload: bytes = b"1", *, count: int = 1) -> None:
        """Publish as a device would, all in one turn of the loop."""

        async def publish() -> None:
            for _ in range(count):
                self.router.publish(Message(topic, payload, 1, False, Publisher("device")))

        self.call(publish())

    def subscriptions(self) -> int:
        """How many in-process subscribers would get a message on the topic `any`."""

        async def count() -> int:
            return len(self.router.find(b"any").local)

        return int(self.call(count()))

    def kept_on_disk(self) -> list[bytes]:
        """What another process would find in the database now."""
        with closing(sqlite3.connect(self.data_dir / "weir.db")) as reader:
            return [payload for (payload,) in reader.execute("SELECT payload FROM kept")]

    async def _start(self) -> None:
        store = self.store = Store(
            self.data_dir / "weir.db", self._store_settings, Clock(system_sources()), self.metrics
        )
        await store.execute(lambda database: database.execute("CREATE TABLE kept (payload BLOB)"))
        insert = Insert("INSERT INTO kept VALUES (?)")
        self.router = Router(self.metrics, 128)
        self.router.subscribe_local(
            "durable/#", lambda message: store.add(insert, (message.payload,), 100)
        )
        env = self._env
        self._server = ControlServer(
            self.socket,
            router=self.router,
            store=store,
            metrics=self.metrics,
            status=lambda: self.status,
            env=None if env is None else lambda: env,
            monotonic_s=self._monotonic_s,
        )
        await self._server.start()

    async def _stop(self) -> None:
        await self._server.stop()
        await self.store.close()
