"""The engine on a real store, router and SQS service, with rules given as documents."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import rules
from gateway.broker import Broker, MqttSettings
from gateway.broker.outlet import Outlet
from gateway.broker.session import Session
from gateway.broker.topic_tree import SubscriptionOptions
from gateway.clock import Clock
from gateway.engine import Engine, RulesSettings, RuleStatus, load_rules
from gateway.engine.actions.local import FastAction
from gateway.engine.outbox import SlowAction
from gateway.message import Message, Publisher
from gateway.metrics import Metrics
from gateway.mqtt.decoding import decode_publish
from gateway.mqtt.packets import Publish
from gateway.registry import Registry
from gateway.services.sqs import SqsService
from gateway.store import Store, StoreSettings
from gateway.store.encryption import KeyRing
from rules.outside import NOTHING_OUTSIDE
from tests.rig.fake_time import FakeTime
from tests.rig.mqtt_bench import body, split

ACCOUNT = "000000000000"
ROLE = "arn:aws:iam::000000000000:role/any"
SENSOR = Publisher("sensor-1", client_id="sensor-1", source_ip="192.0.2.1")


def sqs(queue: str, *, use_base64: bool = False) -> dict[str, Any]:
    """An `sqs` action."""
    return {"sqs": {"queueUrl": queue, "roleArn": ROLE, "useBase64": use_base64}}


def republish(topic: str, qos: int = 1) -> dict[str, Any]:
    """A `republish` action."""
    return {"republish": {"topic": topic, "roleArn": ROLE, "qos": qos}}


def rule(sql: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A rule's payload."""
    return {"sql": sql, "actions": list(actions), **more}


class Running:
    """An engine in force, and what is around it."""

    def __init__(
        self, folder: Path, time: FakeTime, store: Store, clock: Clock, metrics: Metrics
    ) -> None:
        self.folder = folder
        self.time = time
        self.store = store
        self.metrics = metrics
        self.broker = Broker(MqttSettings(), store, clock, metrics)
        self.router = self.broker.router
        self.service: SqsService
        self.engine: Engine

    def apply(self, documents: dict[str, dict[str, Any]]) -> None:
        """Put these rules in force, by name, as files of a folder."""
        rules_dir = self.folder / "rules.d"
        rules_dir.mkdir(exist_ok=True)
        for file in rules_dir.iterdir():
            file.unlink()
        for name, payload in documents.items():
            document = {"ruleName": name, "topicRulePayload": payload}
            (rules_dir / f"{name}.json").write_text(json.dumps(document))
        for status in self.engine.status():
            self.engine.remove(status.name)
        loaded = load_rules(rules_dir)
        assert not loaded.problems
        for _, document in loaded.rules:
            self.engine.put(document)

    def apply_more(self, name: str, payload: dict[str, Any]) -> None:
        """Put one more rule in force."""
        text = json.dumps({"ruleName": name, "topicRulePayload": payload})
        self.engine.put(rules.parse_rule(text, source=name))

    async def settled(self, most_s: float = 20.0) -> None:
        """Wait until nothing is left in the outbox, and that is on disk."""
        async with asyncio.timeout(most_s):
            while True:
                await self.store.flush()
                if not self.engine.outbox_status() and not self.outbox_rows():
                    return
                await asyncio.sleep(0.001)

    def outbox_rows(self) -> int:
        """How many actions other processes would find in the outbox."""
        # One statement: a commit on the store's thread may come between two.
        entries, jobs = self.store.reader.execute(
            "SELECT (SELECT count(*) FROM rules_outbox), (SELECT count(*) FROM rules_job)"
        ).fetchone()
        assert bool(jobs) == bool(entries)
        return int(entries)

    def publish(self, topic: str, payload: bytes = b"{}") -> Message:
        """Publish as the broker does; return the message."""
        message = Message(topic, payload, 1, False, SENSOR)
        self.router.publish(message)
        return message

    def status(self, name: str) -> RuleStatus:
        """How the rule of this name is doing."""
        (found,) = [status for status in self.engine.status() if status.name == name]
        return found

    async def bodies(self, queue: str = "alarms") -> list[bytes]:
        """Everything in a queue, oldest first, once it is on disk."""
        await self.store.flush()
        found = self.service.queue(queue)
        assert found is not None
        return [received.body for received in await found.receive(most=10)]

    def rows(self) -> int:
        """How many messages other processes would find in the database."""
        (count,) = self.store.reader.execute("SELECT count(*) FROM sqs_message").fetchone()
        return int(count)

    def client(self, *filters: str, qos: int = 1) -> Client:
        """A client's session, connected and subscribed."""
        sessions = self.broker.sessions
        client = Client(sessions.begin(f"listener-{len(sessions)}", persistent=False))
        for topic_filter in filters:
            self.router.subscribe(client.session, topic_filter, SubscriptionOptions(qos=qos))
        return client


class Client:
    """A session whose socket is a list."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._outlet = Outlet(lambda: None)
        session.outgoing.attach(self._outlet)

    def messages(self) -> list[Publish]:
        """Take what was sent to the client."""
        data = self._outlet.take()
        return [decode_publish(packet[0], body(packet), 4) for packet in split(data)]


@asynccontextmanager
async def running(
    folder: Path,
    *queues: str,
    store_settings: StoreSettings | None = None,
    find_queue: Any = None,
    settings: RulesSettings | None = None,
    services: Mapping[str, FastAction] | None = None,
    slow: Mapping[str, SlowAction] | None = None,
    answers: Callable[[Running], Awaitable[rules.Outside]] | None = None,
) -> AsyncIterator[Running]:
    """An engine without rules; its queues are there, `alarms` if none is named."""
    metrics, time = Metrics(), FakeTime()
    clock = Clock(time.sources())
    of_store = store_settings or StoreSettings(reserve_bytes=8 * 1024 * 1024)
    store = Store(folder / "weir.db", of_store, clock, metrics)
    try:
        registry = await Registry.open(folder / "registry.json")
        here = Running(folder, time, store, clock, metrics)
        here.service = SqsService(
            store,
            registry,
            clock,
            metrics,
            region="us-east-1",
            account=ACCOUNT,
            keys=KeyRing.open(folder, {}),
        )
        await here.service.start()
        for name in queues or ("alarms",):
            if here.service.queue(name) is None:
                await here.service.create(name, {})
        here.engine = Engine(
            here.router,
            store,
            settings or RulesSettings(),
            queue=find_queue or here.service.queue,
            services=services or {},
            slow=slow or {},
            outside=NOTHING_OUTSIDE if answers is None else await answers(here),
            now_ms=clock.wall_ms,
            gateway_ms=clock.gateway_ms,
            monotonic_s=clock.monotonic_s,
            account=ACCOUNT,
            metrics=metrics,
        )
        here.engine.start()
        yield here
        await here.engine.stop()
        await here.service.stop()
        await registry.close()
    finally:
        await store.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged at warning or above."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
