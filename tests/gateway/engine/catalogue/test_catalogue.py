"""Rules of the API: made, changed and removed, in force and on disk, or neither."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.catalogue.api_rules import MAX_API_BYTES, MAX_API_RULES, TABLE
from gateway.engine.catalogue.catalogue import (
    InvalidRule,
    RuleExists,
    RuleNotFound,
    TooManyRules,
)
from gateway.engine.catalogue.rule_files import MAX_DEPTH
from gateway.errors import RegistryError
from gateway.registry import Registry
from tests.gateway.engine.catalogue.catalogued import COLD, HOT, build, here
from tests.gateway.engine.running import rule, running

Run = Callable[[Coroutine[Any, Any, None]], None]


def test_a_rule_is_in_force_and_on_disk_when_create_returns(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            made = await it.catalogue.create("hot", HOT)
            assert it.on_disk() == {"hot": {"payload": HOT, "created_ms": 1_800_000_000_000}}
            assert await it.matched("hot", "hot/1") == 1
            assert it.catalogue.get("hot") == made
            assert (made.payload, made.file, made.shadows) == (HOT, None, False)
            assert made.arn == "arn:aws:iot:eu-central-1:123456789012:rule/hot"
            assert made.created_ms == 1_800_000_000_000

    run(main())


def test_rules_come_back_after_a_restart(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("hot", HOT)
            await it.catalogue.create("cold", {**COLD, "ruleDisabled": True})
        async with here(tmp_path) as it:
            assert it.names() == ["cold", "hot"]
            assert await it.matched("hot", "hot/1") == 1
            assert await it.matched("cold", "cold/1") == 0

    run(main())


def test_replacing_changes_what_runs_and_keeps_when_it_was_created(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.registry.put(TABLE, "r", {"payload": HOT, "created_ms": 5})
            await it.catalogue.start()
            assert await it.matched("r", "hot/1") == 1
            replaced = await it.catalogue.replace("r", COLD)
            assert replaced.created_ms == 5
            assert await it.matched("r", "hot/1") == 0  # other counters, other topics
            assert await it.matched("r", "cold/1") == 1
            assert it.on_disk()["r"] == {"payload": COLD, "created_ms": 5}

    run(main())


def test_the_same_payload_changes_nothing(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("hot", HOT)
            await it.matched("hot", "hot/1")
            await it.catalogue.replace("hot", dict(reversed(HOT.items())))
            assert it.engine.status("hot").matched == 1

    run(main())


def test_disabling_says_so_in_the_payload_and_lasts(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("hot", HOT)
            off = await it.catalogue.set_disabled("hot", True)
            assert off.payload == {**HOT, "ruleDisabled": True}
            assert await it.matched("hot", "hot/1") == 0
            assert await it.catalogue.set_disabled("hot", True) == off
        async with here(tmp_path) as it:
            assert await it.matched("hot", "hot/1") == 0
            await it.catalogue.set_disabled("hot", False)
            assert await it.matched("hot", "hot/1") == 1
            assert it.on_disk()["hot"]["payload"] == {**HOT, "ruleDisabled": False}

    run(main())


def test_a_deleted_rule_is_gone_here_and_on_disk(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("hot", HOT)
            await it.catalogue.delete("hot")
            assert (it.names(), it.on_disk(), it.catalogue.get("hot")) == ([], {}, None)
            assert it.engine.engine.status() == []

    run(main())


def test_what_there_is_not_cannot_be_changed_and_what_there_is_not_created(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("hot", HOT)
            with pytest.raises(RuleExists, match="a rule 'hot' already"):
                await it.catalogue.create("hot", COLD)
            for attempt in (
                it.catalogue.replace("no", HOT),
                it.catalogue.delete("no"),
                it.catalogue.set_disabled("no", True),
            ):
                with pytest.raises(RuleNotFound, match="no rule 'no'"):
                    await attempt
            assert it.on_disk().keys() == {"hot"}

    run(main())


@pytest.mark.parametrize(
    ("name", "payload", "path", "is_sql"),
    [
        ("a", {"sql": "SELECT", "actions": []}, "$.topicRulePayload.sql", True),
        ("a", {"sql": "SELECT * FROM 'a'"}, "$.topicRulePayload.actions", False),
        ("a b", HOT, "$.ruleName", False),
        ("a", {**HOT, "nmae": 1}, "$.topicRulePayload.nmae", False),
        ("a", {**HOT, "description": "\ud800"}, "$.topicRulePayload", False),
        ("a", {**HOT, "description": 2**70}, "$.topicRulePayload", False),
    ],
)
def test_what_is_no_rule_is_refused_with_every_problem(
    run: Run, tmp_path: Path, name: str, payload: dict[str, Any], path: str, is_sql: bool
) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            with pytest.raises(InvalidRule) as caught:
                await it.catalogue.create(name, payload)
            assert [problem.path for problem in caught.value.problems] == [path]
            assert caught.value.is_sql == is_sql
            assert (it.names(), it.on_disk()) == ([], {})

    run(main())


@pytest.mark.parametrize("levels", [MAX_DEPTH, 200, 900, 100_000])
def test_nesting_has_a_bound_far_below_what_breaks_a_writer(
    run: Run, tmp_path: Path, levels: int
) -> None:
    deep: Any = 0
    for _ in range(levels):
        deep = [deep]
    payload = rule("SELECT * FROM 'a'", {"somethingNew": {"deep": deep}})

    async def main() -> None:
        async with here(tmp_path) as it:
            with pytest.raises(InvalidRule):
                await it.catalogue.create("deep", payload)
            assert it.on_disk() == {}
            it.write("deep", f'{{"sql": "SELECT *", "actions": [{{"x": {{"y": {"[" * levels}0')
            await it.catalogue.reload()
            assert it.names() == []

    run(main())


def test_what_is_nested_as_rules_are_is_kept_as_it_is(run: Run, tmp_path: Path) -> None:
    deep: Any = 0
    for _ in range(MAX_DEPTH - 8):
        deep = [deep]
    payload = rule("SELECT * FROM 'a'", {"somethingNew": {"deep": deep}})

    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("deep", payload)
            assert it.on_disk()["deep"]["payload"] == payload

    run(main())


def test_when_the_disk_refuses_nothing_has_changed(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as engine:
            disk = tmp_path / "disk"
            disk.mkdir()
            registry = await Registry.open(disk / "registry.json")
            catalogue = build(engine, registry, None)
            await catalogue.start()
            await catalogue.create("hot", HOT)
            engine.publish("hot/1")
            shutil.rmtree(disk)
            for attempt in (
                catalogue.create("cold", COLD),
                catalogue.replace("hot", COLD),
                catalogue.set_disabled("hot", True),
                catalogue.delete("hot"),
                catalogue.apply([("hot.json", json.dumps(COLD))]),
            ):
                with pytest.raises(RegistryError):
                    await attempt
            assert [found.payload for found in catalogue.all()] == [HOT]
            engine.publish("hot/1")
            engine.publish("cold/1")
            assert engine.status("hot").matched == 2

    run(main())


def test_a_caller_that_gives_up_leaves_a_whole_write(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            caller = asyncio.ensure_future(it.catalogue.create("hot", HOT))
            await asyncio.sleep(0)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            await it.catalogue.stop()
            assert (it.names(), list(it.on_disk())) == (["hot"], ["hot"])
            refused = asyncio.ensure_future(it.catalogue.create("hot", HOT))
            await asyncio.sleep(0)
            refused.cancel()
            await it.catalogue.stop()

    run(main())


def test_writers_at_once_come_one_after_the_other(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            came = await asyncio.gather(
                *(it.catalogue.create("same", HOT) for _ in range(5)),
                *(it.catalogue.create(f"r{number}", COLD) for number in range(5)),
                return_exceptions=True,
            )
            assert sum(isinstance(each, RuleExists) for each in came) == 4
            assert it.names() == ["r0", "r1", "r2", "r3", "r4", "same"] == sorted(it.on_disk())

    run(main())


def test_the_number_and_the_size_of_rules_have_bounds(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            large = json.dumps({**HOT, "description": "x" * 200_000})
            many = MAX_API_BYTES // 200_000
            with pytest.raises(TooManyRules, match=f"may take {MAX_API_BYTES}"):
                await it.catalogue.apply([(f"r{number}", large) for number in range(many + 1)])
            assert it.names() == []
            records = {f"r{number}": record(HOT) for number in range(MAX_API_RULES)}
            (tmp_path / "registry.json").write_text(json.dumps({TABLE: records}))
        async with here(tmp_path) as it:
            with pytest.raises(TooManyRules, match="more than 1000"):
                await it.catalogue.create("another", HOT)
            await it.catalogue.replace("r0", COLD)  # in its own place there is room
            await it.catalogue.delete("r1")
            await it.catalogue.create("another", HOT)

    run(main())


def record(payload: object) -> dict[str, object]:
    return {"payload": payload, "created_ms": 1}


def test_a_rule_of_another_version_is_kept_and_listed_as_broken(run: Run, tmp_path: Path) -> None:
    records = {
        "newer": record({**HOT, "awsIotSqlVersion": "2031-01-01"}),
        "odd": {"payload": "?", "created_ms": 1},
        "good": record(HOT),
    }
    (tmp_path / "registry.json").write_text(json.dumps({TABLE: records}))

    async def main() -> None:
        async with here(tmp_path) as it:
            assert it.names() == ["good"]
            assert [name for name, _ in it.catalogue.broken] == ["newer", "odd"]
            assert "unknown SQL version" in it.catalogue.broken[0][1]
            with pytest.raises(InvalidRule, match="replace the rule"):
                await it.catalogue.set_disabled("newer", True)
            with pytest.raises(RuleExists):
                await it.catalogue.create("newer", HOT)
            assert it.on_disk() == records
            await it.catalogue.replace("newer", HOT)
            await it.catalogue.delete("odd")
            assert (it.names(), it.catalogue.broken) == (["good", "newer"], [])

    run(main())
