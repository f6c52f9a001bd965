"""A control socket with a real store and router behind it, in a thread of this process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from gateway.broker import Broker, MqttSettings
from gateway.broker.inspection import ClientDetails
from gateway.clock import Clock, system_sources
from gateway.control import ControlServer
from gateway.control.routing import Endpoints
from gateway.message import Message, Publisher
from gateway.metrics import Metrics
from gateway.store import Insert, Store, StoreSettings
from tests.rig.own_loop import OwnLoop

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

SINCE_MS = 1_793_491_200_000

CLIENTS: list[ClientDetails] = [
    {
        "client_id": "pump/1",
        "connected": True,
        "persistent": True,
        "protocol": "5",
        "source_ip": "192.0.2.7",
        "since_wall_ms": SINCE_MS,
        "subscription_count": 2,
        "in_flight": 3,
        "queued": 20,
        "queued_bytes": 4096,
        "dropped": 1,
        "profile": "standard",
        "session_expiry_s": 3600,
        "keep_alive_s": 60,
        "will": True,
        "received_qos2": 2,
        "subscriptions": [
            {
                "topic_filter": "$share/g/a/#",
                "qos": 2,
                "no_local": False,
                "retain_as_published": False,
                "retain_handling": 0,
                "identifier": None,
            },
            {
                "topic_filter": "b",
                "qos": 0,
                "no_local": True,
                "retain_as_published": True,
                "retain_handling": 2,
                "identifier": 7,
            },
        ],
        "last_packets": [
            {
                "wall_ms": SINCE_MS,
                "direction": "out",
                "packet": "CONNACK",
                "reason_code": 0,
                "reason": "success",
            },
            {
                "wall_ms": SINCE_MS + 1500,
                "direction": "in",
                "packet": "PUBREC",
                "reason_code": 0x97,
                "reason": "quota exceeded",
            },
        ],
    },
    {
        "client_id": "büro",
        "connected": False,
        "persistent": True,
        "protocol": "3.1.1",
        "source_ip": None,
        "since_wall_ms": None,
        "subscription_count": 0,
        "in_flight": 0,
        "queued": 0,
        "queued_bytes": 0,
        "dropped": 0,
        "profile": "aws-iot",
        "session_expiry_s": 0xFFFF_FFFF,
        "keep_alive_s": 0,
        "will": False,
        "received_qos2": 0,
        "subscriptions": [],
        "last_packets": [],
    },
]


class ControlRoom(OwnLoop):
    """Runs a control server on `data_dir/control.sock` while it is entered.

    What is published below `durable/` becomes a row of the table `kept`.

    Args:
        data_dir: Where socket and database go.
        commit_interval_ms: The store's; wide enough to tell an answer from a commit.
        status: The status document.
        env: What `/v1/env` answers; None for no AWS endpoint.
        monotonic_s: The clock of the live values.
        endpoints: Further endpoints.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        commit_interval_ms: int = 0,
        status: dict[str, object] | None = None,
        env: dict[str, str] | None = None,
        monotonic_s: Callable[[], float] = lambda: 0.0,
        endpoints: Endpoints = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.data_dir = data_dir
        self.socket = data_dir / "control.sock"
        self.status = STATUS if status is None else status
        self.metrics = Metrics()
        self._store_settings = StoreSettings(commit_interval_ms=commit_interval_ms)
        self._env = env
        self._monotonic_s = monotonic_s
        self._endpoints = endpoints

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
        clock = Clock(system_sources())
        store = self.store = Store(
            self.data_dir / "weir.db", self._store_settings, clock, self.metrics
        )
        self._stack.push_async_callback(store.close)
        await store.execute(lambda database: database.execute("CREATE TABLE kept (payload BLOB)"))
        insert = Insert("INSERT INTO kept VALUES (?)")
        self.router = Broker(MqttSettings(), store, clock, self.metrics).router
        self.router.subscribe_local(
            "durable/#", lambda message: store.add(insert, (message.payload,), 100)
        )
        env = self._env
        server = self.server = ControlServer(
            self.socket,
            router=self.router,
            store=store,
            metrics=self.metrics,
            status=lambda: self.status,
            env=None if env is None else lambda: env,
            clients=lambda: CLIENTS,
            client=lambda client_id: next(
                (client for client in CLIENTS if client["client_id"] == client_id), None
            ),
            endpoints=self._endpoints,
            monotonic_s=self._monotonic_s,
        )
        await server.start()
        self._stack.push_async_callback(server.stop)
