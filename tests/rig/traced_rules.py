"""A real engine with the questions about its messages, and a control socket that asks them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rules
from gateway.broker import Broker, MqttSettings
from gateway.clock import Clock
from gateway.control import ControlServer
from gateway.control.messages import MessageEndpoints
from gateway.engine.engine import Engine
from gateway.engine.failures import ActionFailed
from gateway.engine.outbox import NewJob
from gateway.engine.settings import RulesSettings
from gateway.engine.traces.tracing import Tracing
from gateway.errors import StoreError
from gateway.message import Message, Publisher
from gateway.metrics import Metrics
from gateway.store import Store, StoreSettings
from tests.rig.fake_time import FakeTime
from tests.rig.own_loop import OwnLoop

ACCOUNT = "123456789012"
ROLE = "arn:aws:iam::000000000000:role/any"
SENSOR = Publisher("sensor-1", client_id="sensor-1", source_ip="192.0.2.1")

SQS: dict[str, Any] = {"sqs": {"queueUrl": "alarms", "roleArn": ROLE}}
NOWHERE: dict[str, Any] = {"sqs": {"queueUrl": "https://sqs/0/n-${celsius}", "roleArn": ROLE}}
SLOW: dict[str, Any] = {"s3": {"bucketName": "b", "key": "${topic(2)}.json", "roleArn": ROLE}}


def rule(sql: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A rule's payload in the version that most rules have."""
    return {"awsIotSqlVersion": "2016-03-23", "sql": sql, "actions": list(actions), **more}


@dataclass
class InForce:
    """A rule, and what it did not see."""

    document: rules.RuleDocument
    since: int


class Queue:
    """A queue that is a list.

    Attributes:
        refusal: What it raises instead of taking a message.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.refusal: StoreError | None = None

    def send(self, body: bytes) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.bodies.append(body)


class Held:
    """A slow action that ends when a test says so.

    Attributes:
        failure: Why it fails; empty: it does not.
    """

    concurrency = 8

    def __init__(self) -> None:
        self.failure = ""
        self.may_end = asyncio.Event()

    def target(self, parameters: Mapping[str, object]) -> str:
        return "b"

    async def run(
        self, parameters: Mapping[str, object], payload: bytes, attempt: int, job: NewJob
    ) -> None:
        await self.may_end.wait()
        if self.failure:
            raise ActionFailed(self.failure)


class TracedRules:
    """An engine, and what can be asked about its messages.

    Attributes:
        in_force: The rules, as `Tracing` gets them.
    """

    def __init__(self, time: FakeTime, store: Store, clock: Clock, metrics: Metrics) -> None:
        self.time = time
        self.store = store
        self.metrics = metrics
        self.queue = Queue()
        self.held = Held()
        self.router = Broker(MqttSettings(), store, clock, metrics).router
        self.engine = Engine(
            self.router,
            store,
            RulesSettings(trace_messages=50),
            queue=lambda name: self.queue if name == "alarms" else None,
            services={},
            slow={"s3": self.held},
            outside=rules.Outside(),
            now_ms=clock.wall_ms,
            gateway_ms=clock.gateway_ms,
            monotonic_s=clock.monotonic_s,
            account=ACCOUNT,
            metrics=metrics,
        )
        self.in_force: dict[str, InForce] = {}
        self.tracing = Tracing(
            self.engine.traces, lambda: self.in_force, account=ACCOUNT, now_ms=clock.wall_ms
        )

    def put(self, **payloads: dict[str, Any]) -> None:
        """Put rules in force, by name."""
        for name, payload in payloads.items():
            text = json.dumps({"ruleName": name, "topicRulePayload": payload})
            document = rules.parse_rule(text, source=name)
            self.engine.put(document)
            self.in_force[name] = InForce(document, self.engine.traces.last_sequence)

    def remove(self, name: str) -> None:
        """Take a rule out of force."""
        self.engine.remove(name)
        del self.in_force[name]

    def publish(self, topic: str, payload: bytes = b"{}", publisher: Publisher = SENSOR) -> None:
        """Publish as the broker does."""
        self.router.publish(Message(topic, payload, 1, False, publisher))

    async def why(self, only: str | None = None, given: str = "last") -> dict[str, Any]:
        """Ask about a message, the latest unless one is named."""
        return await self.tracing.message(self.tracing.find(given), only)

    async def why_rule(self, name: str) -> dict[str, Any]:
        """What one rule made of the latest message."""
        (found,) = (await self.why(name))["rules"]
        return dict(found)

    async def settle(self) -> None:
        """Let slow actions end, and wait until none is left."""
        self.held.may_end.set()
        while self.engine.outbox_status():
            await self.store.flush()
            await asyncio.sleep(0.001)


@asynccontextmanager
async def traced_rules(folder: Path) -> AsyncIterator[TracedRules]:
    """An engine without rules; the queue `alarms` is there."""
    metrics, time = Metrics(), FakeTime()
    clock = Clock(time.sources())
    settings = StoreSettings(reserve_bytes=8 * 1024 * 1024)
    store = Store(folder / "weir.db", settings, clock, metrics)
    try:
        here = TracedRules(time, store, clock, metrics)
        here.engine.start()
        yield here
        await here.engine.stop()
    finally:
        await store.close()


class TraceRoom(OwnLoop):
    """A control socket on `data_dir/control.sock`, in a thread of this process, while entered.

    Args:
        data_dir: Where socket and database go.
        poll_s: How often followers look.
    """

    def __init__(self, data_dir: Path, *, poll_s: float = 0.005) -> None:
        super().__init__()
        self.socket = data_dir / "control.sock"
        self._data_dir = data_dir
        self._poll_s = poll_s
        self.rules: TracedRules
        self.endpoints: MessageEndpoints

    def do(self, work: Callable[[TracedRules], object]) -> Any:
        """Call something on the server's loop with the rules."""

        async def doing() -> object:
            return work(self.rules)

        return self.call(doing())

    def publish(self, topic: str, payload: bytes = b"{}", *, count: int = 1) -> None:
        """Publish as a device would, all in one turn of the loop."""
        self.do(lambda here: [here.publish(topic, payload) for _ in range(count)])

    def ids(self) -> list[str]:
        """The identifiers of all messages that are kept, oldest first."""
        traces = self.rules.engine.traces
        found: list[str] = self.do(lambda here: [traces.id_of(each) for each in traces.recent()])
        return found

    async def _start(self) -> None:
        here = self.rules = await self._stack.enter_async_context(traced_rules(self._data_dir))
        self.endpoints = MessageEndpoints(here.tracing, poll_s=self._poll_s)
        server = ControlServer(
            self.socket,
            router=here.router,
            store=here.store,
            metrics=here.metrics,
            status=dict,
            endpoints=self.endpoints.endpoints,
        )
        await server.start()
        self._stack.push_async_callback(server.stop)
