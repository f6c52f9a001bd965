"""Republish actions carried out on a real broker: at once, and as the outbox does it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import rules
from gateway.engine.actions.republishing import RepublishBudget, compile_republish, republish
from gateway.engine.failures import ActionFailed
from gateway.message import Message, Publisher
from tests.rig.mqtt_bench import Bench, open_bench

ROLE = "arn:aws:iam::000000000000:role/any"
SENSOR = Publisher("sensor-1", client_id="sensor-1")
ENVIRONMENT = rules.Environment(now_ms=lambda: 1_700_000_000_000, account="000000000000")


def action_of(topic: str, *, qos: int = 0, headers: object = None) -> rules.RepublishAction:
    """Read the action from a rule's document."""
    parameters = {"topic": topic, "roleArn": ROLE, "qos": qos}
    if headers is not None:
        parameters["headers"] = headers
    payload = {
        "sql": "SELECT * FROM 'in'",
        "awsIotSqlVersion": "2016-03-23",
        "actions": [{"republish": parameters}],
    }
    (action,) = rules.parse_rule(json.dumps(payload), source="r.json", default_name="r").actions
    assert isinstance(action, rules.RepublishAction)
    return action


class Republisher:
    """Carries out actions on a real broker; both ways must do the same."""

    def __init__(self, bench: Bench, *, from_outbox: bool) -> None:
        self.bench = bench
        self.budget = RepublishBudget()
        self.from_outbox = from_outbox

    def carry_out(
        self,
        action: rules.RepublishAction,
        payload: bytes = b"{}",
        *,
        properties: bytes = b"",
        depth: int = 0,
        for_error: bool = False,
    ) -> None:
        """Carry out an action for a message that is its own result."""
        router, clock = self.bench.broker.router, self.bench.broker
        message = Message("in", payload, 1, False, SENSOR, depth, properties)
        context = rules.Context(rules.Message("in", payload, "sensor-1"), ENVIRONMENT)
        if self.from_outbox or for_error:  # an error action is rendered first, too
            try:
                parameters = action.render(context)["republish"]
            except rules.TemplateUndefined as error:
                raise ActionFailed(str(error)) from error
            assert isinstance(parameters, dict)
            if self.from_outbox:
                self.budget.renew()
            republish(
                json.loads(json.dumps(parameters)),  # it has been on disk
                payload,
                rule_name="r",
                depth=depth,
                publish=router.publish,
                budget=self.budget,
                gateway_ms=clock.now_ms,
                for_error=for_error,
            )
            return
        compile_republish(
            action,
            rule_name="r",
            publish=router.publish,
            budget=self.budget,
            gateway_ms=clock.now_ms,
        )(message, context, payload)


@asynccontextmanager
async def republisher(folder: Path, from_outbox: bool = False) -> AsyncIterator[Republisher]:
    async with open_bench(folder) as bench:
        yield Republisher(bench, from_outbox=from_outbox)


BOTH_WAYS = pytest.mark.parametrize("from_outbox", [False, True], ids=["at once", "from outbox"])
