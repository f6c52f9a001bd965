"""Republishing: who gets the message, what fails, and budgets of rules and error actions."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.actions.republishing import (
    MAX_ERROR_REPUBLISHES_PER_CAUSE,
    MAX_REPUBLISH_DEPTH,
    MAX_REPUBLISHES_PER_CAUSE,
    RepublishBudget,
    republish,
)
from gateway.engine.failures import ActionFailed
from gateway.errors import StoreError, StoreFull
from gateway.message import Message
from tests.gateway.engine.actions.republisher import (
    BOTH_WAYS,
    SENSOR,
    action_of,
    republisher,
)
from tests.rig.mqtt_bench import open_bench

Run = Callable[[Coroutine[Any, Any, None]], None]


@BOTH_WAYS
@pytest.mark.parametrize(
    "topic",
    [
        "$aws/things/t/jobs/j/get",
        "$aws/things/t/jobs/start-next",
        "$SYS/x",
        "$aws/events/presence/connected/a",
        "a/+",
        "",
        "a\0b",
    ],
)
def test_a_topic_that_cannot_be_fails_the_action(
    run: Run, tmp_path: Path, topic: str, from_outbox: bool
) -> None:
    async def main() -> None:
        async with republisher(tmp_path, from_outbox) as here:
            heard: list[Message] = []
            here.bench.broker.router.subscribe_local("$aws/#", heard.append)
            with pytest.raises(ActionFailed, match="cannot republish to "):
                here.carry_out(action_of("${t}"), json.dumps({"t": topic}).encode())
            assert heard == []

    run(main())


@BOTH_WAYS
def test_it_names_the_rule_and_counts_the_steps(
    run: Run, tmp_path: Path, from_outbox: bool
) -> None:
    async def main() -> None:
        async with republisher(tmp_path, from_outbox) as here:
            heard: list[Message] = []
            here.bench.broker.router.subscribe_local("$aws/things/+/shadow/#", heard.append)
            topic = "$$aws/things/t/shadow/update"
            here.carry_out(action_of(topic, qos=1), b"1")
            here.carry_out(action_of(topic), b"2", depth=MAX_REPUBLISH_DEPTH - 1)
            assert [(m.publisher.name, m.publisher.client_id, m.depth, m.qos) for m in heard] == [
                ("rule:r", None, 1, 1),
                ("rule:r", None, MAX_REPUBLISH_DEPTH, 0),
            ]
            with pytest.raises(ActionFailed, match="10 republish actions led here"):
                here.carry_out(action_of(topic), depth=MAX_REPUBLISH_DEPTH)
            assert len(heard) == 2

    run(main())


@BOTH_WAYS
def test_a_store_without_room_is_no_failure_of_the_action(
    run: Run, tmp_path: Path, from_outbox: bool
) -> None:
    def refuse(message: Message) -> None:
        raise StoreFull("no room")

    async def main() -> None:
        async with republisher(tmp_path, from_outbox) as here:
            here.bench.broker.router.subscribe_local("out", refuse)
            with pytest.raises(StoreError):
                here.carry_out(action_of("out"))

    run(main())


# --- budgets --------------------------------------------------------------------------------------


@BOTH_WAYS
def test_a_loop_s_error_action_goes_one_step_further_and_no_more(
    run: Run, tmp_path: Path, from_outbox: bool
) -> None:
    async def main() -> None:
        async with republisher(tmp_path, from_outbox) as here:
            heard: list[Message] = []
            here.bench.broker.router.subscribe_local("errors", heard.append)
            errors = action_of("errors")
            here.carry_out(errors, depth=MAX_REPUBLISH_DEPTH, for_error=True)
            assert [m.depth for m in heard] == [MAX_REPUBLISH_DEPTH + 1]
            for for_error in (False, True):
                with pytest.raises(ActionFailed, match="11 republish actions led here"):
                    here.carry_out(errors, depth=MAX_REPUBLISH_DEPTH + 1, for_error=for_error)
            assert len(heard) == 1

    run(main())


def test_a_rule_that_listens_to_its_own_errors_ends(run: Run, tmp_path: Path) -> None:
    """Two rules that always fail and whose error actions reach both of them."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            router, budget = bench.broker.router, RepublishBudget()
            lost = 0

            def fail(message: Message) -> None:
                nonlocal lost
                try:
                    budget.follow(message)
                    republish(
                        {"topic": "errors/x", "qos": 1},
                        b"{}",
                        rule_name="r",
                        depth=message.depth,
                        publish=router.publish,
                        budget=budget,
                        gateway_ms=bench.broker.now_ms,
                        for_error=True,
                    )
                except ActionFailed:
                    lost += 1

            heard: list[Message] = []
            router.subscribe_local("errors/#", heard.append)
            router.subscribe_local("errors/#", fail)
            router.subscribe_local("errors/+", fail)
            for count in (1, 2):
                router.publish(Message("errors/x", b"{}", 1, False, SENSOR))
                assert len(heard) == count * (1 + MAX_ERROR_REPUBLISHES_PER_CAUSE)
                assert lost == count * (2 + MAX_ERROR_REPUBLISHES_PER_CAUSE)
            assert max(message.depth for message in heard) == MAX_REPUBLISH_DEPTH + 1

    run(main())


def spend(budget: RepublishBudget, times: int, *, for_error: bool = False) -> None:
    for _ in range(times):
        budget.spend(1, for_error=for_error)


def test_rules_and_error_actions_have_a_budget_each() -> None:
    budget = RepublishBudget()
    spend(budget, MAX_REPUBLISHES_PER_CAUSE)
    for _ in range(3):
        with pytest.raises(ActionFailed, match="one message has caused 300 others, so"):
            budget.spend(1)
    spend(budget, MAX_ERROR_REPUBLISHES_PER_CAUSE, for_error=True)
    for _ in range(3):
        with pytest.raises(ActionFailed, match="has caused 100 others by error actions, so"):
            budget.spend(1, for_error=True)


def test_both_begin_anew_with_each_message_from_outside() -> None:
    budget = RepublishBudget()
    first, second = (Message("in", b"", 0, False, SENSOR) for _ in range(2))
    deep = Message("in", b"", 0, False, SENSOR, 1)
    budget.follow(first)
    spend(budget, MAX_REPUBLISHES_PER_CAUSE)
    spend(budget, MAX_ERROR_REPUBLISHES_PER_CAUSE, for_error=True)
    for message in (first, deep):
        budget.follow(message)
        for for_error in (False, True):
            with pytest.raises(ActionFailed):
                budget.spend(1, for_error=for_error)
    for begin in (lambda: budget.follow(second), budget.renew):
        begin()
        spend(budget, MAX_REPUBLISHES_PER_CAUSE)
        spend(budget, MAX_ERROR_REPUBLISHES_PER_CAUSE, for_error=True)
        with pytest.raises(ActionFailed):
            budget.spend(1)
