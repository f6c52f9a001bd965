"""Rules and Basic Ingest: `$aws/rules/RULE/TOPIC` runs one rule, which sees TOPIC."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.actions.republishing import MAX_REPUBLISH_DEPTH
from tests.gateway.engine.running import republish, rule, running, sqs

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize("sql", ["SELECT n, topic() AS t", "SELECT n, topic() AS t FROM 'else/+'"])
def test_the_rule_it_names_runs_alone_whatever_from_says(
    run: Run, tmp_path: Path, sql: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, "mine", "other") as here:
            listener = here.client("#", "$aws/rules/#", "bench/a")
            other = "SELECT * FROM 'bench/a'"
            here.apply({"hot": rule(sql, sqs("mine")), "hotter": rule(other, sqs("other"))})
            here.publish("$aws/rules/hot/bench/a", b'{"n": 1}')
            assert await here.bodies("mine") == [b'{"n":1,"t":"bench/a"}']
            assert await here.bodies("other") == []
            assert listener.messages() == []

    run(main())


def test_from_goes_on_reaching_the_rule(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply({"hot": rule("SELECT topic() AS t FROM 'bench/#'", sqs("alarms"))})
            here.publish("bench/a")
            here.publish("$aws/rules/hot/bench/a")
            here.publish("$aws/rules/hot/x")
            assert await here.bodies() == [b'{"t":"bench/a"}', b'{"t":"bench/a"}', b'{"t":"x"}']

    run(main())


@pytest.mark.parametrize(
    "topic", ["$aws/rules/cold/a", "$aws/rules/hot", "$aws/rules/hot/", "$aws/rules/off/a"]
)
def test_what_reaches_no_rule_is_counted(run: Run, tmp_path: Path, topic: str) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            off = rule("SELECT *", sqs("alarms"), ruleDisabled=True)
            here.apply({"hot": rule("SELECT *", sqs("alarms")), "off": off})
            here.publish(topic)
            assert await here.bodies() == []
            assert here.metrics.snapshot()["mqtt.basic_ingest.unknown_rule"] == 1

    run(main())


def test_a_rule_can_feed_another_and_a_circle_ends(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply(
                {
                    "first": rule("SELECT * FROM 'in'", republish("$$aws/rules/second/x")),
                    "second": rule("SELECT *", sqs("alarms"), republish("$$aws/rules/second/x")),
                }
            )
            here.publish("in", b"1")
            await here.store.flush()
            assert here.rows() == MAX_REPUBLISH_DEPTH
            assert here.status("second").failed == 1
            assert "this looks like a loop" in here.status("second").problem

    run(main())
