"""What comes in while the gateway still starts is run as soon as it runs anything.

Devices send before the AWS endpoint is there, and actions run only after it: a process that comes
back after a crash meets such messages at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import rules
from gateway.broker import Broker, MqttSettings
from gateway.clock import Clock
from gateway.engine import Engine, RulesSettings
from gateway.message import Message
from gateway.metrics import Metrics
from gateway.store import Store, StoreSettings
from tests.gateway.engine.outbox.scripted import Scripted, slow, slow_rule
from tests.gateway.engine.running import SENSOR
from tests.rig.fake_time import FakeTime

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize("moment", ["gathered", "being committed", "committed"])
def test_what_came_in_before_the_start_runs_after_it(run: Run, tmp_path: Path, moment: str) -> None:
    async def main() -> None:
        metrics, clock, action = Metrics(), Clock(FakeTime().sources()), Scripted()
        settings = StoreSettings(reserve_bytes=8 * 1024 * 1024)
        store = Store(tmp_path / "weir.db", settings, clock, metrics)
        try:
            router = Broker(MqttSettings(), store, clock, metrics).router
            engine = Engine(
                router,
                store,
                RulesSettings(),
                queue=lambda name: None,
                services={},
                slow={"lambda": action},
                outside=rules.Outside(),
                now_ms=clock.wall_ms,
                gateway_ms=clock.gateway_ms,
                monotonic_s=clock.monotonic_s,
                account="000000000000",
                metrics=metrics,
            )
            document = {"ruleName": "r", "topicRulePayload": slow_rule(slow("f"))}
            engine.put(rules.parse_rule(json.dumps(document), source="r"))
            router.publish(Message("bench/a", b"early", 1, False, SENSOR))
            if moment == "being committed":
                while not store.joined or store.batch == 1:
                    await asyncio.sleep(0)
            elif moment == "committed":
                await store.flush()
            engine.start()
            async with asyncio.timeout(5):
                while action.done != [("f", b"early")] or engine.outbox_status():
                    await store.flush()
                    await asyncio.sleep(0.001)
            assert metrics.snapshot()["rules.outbox.bytes"] == 0
            await engine.stop()
        finally:
            await store.close()

    run(main())
