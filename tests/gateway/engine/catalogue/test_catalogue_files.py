"""Rules of files beside those of the API, read again and applied while the gateway runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.catalogue.api_rules import TABLE
from gateway.engine.catalogue.catalogue import (
    Applied,
    InvalidRule,
    RuleInFile,
)
from gateway.engine.catalogue.rule_files import read_payload
from gateway.errors import GatewayError
from gateway.mqtt.errors import InvalidTopic
from gateway.registry import Registry
from rules import RuleDocument, RuleDocumentError
from tests.gateway.engine.catalogue.catalogued import COLD, HOT, build, here
from tests.gateway.engine.running import Running, rule, running, warnings

Run = Callable[[Coroutine[Any, Any, None]], None]


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        HOT,
        {"ruleName": "hot", **HOT},
        {"ruleName": "hot", "topicRulePayload": HOT},
        {"ruleArn": "arn", "rule": {**HOT, "ruleName": "hot", "createdAt": "2026"}},
    ],
)
def test_a_files_payload_is_what_the_api_would_give(
    run: Run, tmp_path: Path, document: dict[str, Any]
) -> None:
    async def main() -> None:
        async with here(tmp_path, files={"hot": document}) as it:
            found = it.catalogue.get("hot")
            assert found is not None
            assert (found.payload, found.file) == (HOT, it.folder / "hot.json")
            assert found.created_ms == found.file.stat().st_mtime_ns // 1_000_000
            assert await it.matched("hot", "hot/1") == 1

    run(main())


def test_a_file_wins_over_the_api_and_says_so(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("r", COLD)
        caplog.clear()
        async with here(tmp_path, files={"r": HOT}) as it:
            found = it.catalogue.get("r")
            assert found is not None and found.shadows
            assert (found.payload, it.names()) == (HOT, ["r"])
            file = it.folder / "r.json"
            assert f"rule r: the file {file} wins over the API's rule" in warnings(caplog)
            for attempt in (
                it.catalogue.create("r", COLD),
                it.catalogue.replace("r", COLD),
                it.catalogue.delete("r"),
                it.catalogue.set_disabled("r", True),
            ):
                with pytest.raises(RuleInFile, match=f"comes from the file {file}") as caught:
                    await attempt
                assert caught.value.file == file
                assert f"weir rule apply {it.folder}" in caught.value.hint
            file.unlink()
            assert await it.catalogue.reload() == Applied(replaced=("r",))
            found = it.catalogue.get("r")
            assert found is not None
            assert (found.payload, found.shadows) == (COLD, False)
            assert await it.matched("r", "cold/1") == 1

    run(main())


def test_reloading_takes_effect_at_once_and_what_is_the_same_goes_on(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        files: dict[str, object] = {"same": HOT, "other": HOT, "gone": HOT}
        async with here(tmp_path, files=files) as it:
            it.engine.publish("hot/1")
            it.write("same", {"ruleName": "same", "topicRulePayload": HOT})  # in other words
            it.write("other", COLD)
            it.write("new", COLD)
            (it.folder / "gone.json").unlink()
            expected = Applied(("new",), ("other",), ("same",), (), ("gone",))
            assert await it.catalogue.reload(dry_run=True) == expected
            assert it.names() == ["gone", "other", "same"]
            assert await it.catalogue.reload() == expected
            assert it.names() == ["new", "other", "same"]
            assert await it.matched("same", "hot/1") == 2
            assert await it.matched("other", "cold/1") == 1
            again = await it.catalogue.reload()
            assert again == Applied(unchanged=("new", "other", "same"))

    run(main())


def test_a_rule_goes_on_while_its_file_is_broken(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path, files={"hot": HOT, "bad": "{"}) as it:
            assert [source for source, _ in it.catalogue.broken] == [it.folder / "bad.json"]
            file = it.write("hot", '{"sql": ')
            it.write("bad", COLD)
            applied = await it.catalogue.reload()
            assert (applied.created, applied.unchanged) == (("bad",), ("hot",))
            assert [source for source, _ in applied.refused] == [str(file)]
            assert await it.matched("hot", "hot/1") == 1
            it.write("other", {"ruleName": "hot", **COLD})
            assert (await it.catalogue.reload()).replaced == ("hot",)
            assert await it.matched("hot", "cold/1") == 1

    run(main())


def test_a_folder_that_cannot_be_read_takes_no_rule_out_of_force(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with here(tmp_path, files={"hot": HOT}) as it:
            shutil.rmtree(it.folder)
            applied = await it.catalogue.reload()
            assert applied.unchanged == ("hot",)
            assert "does not exist" in applied.refused[0][1][0]
            assert "rule hot stays in force as it was" in warnings(caplog)
            assert await it.matched("hot", "hot/1") == 1

    run(main())


def test_there_need_be_no_folder(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as engine:
            registry = await Registry.open(tmp_path / "registry.json")
            catalogue = build(engine, registry, None)
            await catalogue.start()
            assert (catalogue.folder, catalogue.all()) == (None, [])
            assert await catalogue.reload() == Applied()

    run(main())


def test_a_payload_too_deep_for_a_writer_is_a_problem_of_the_file() -> None:
    deep = b'{"sql": "", "actions": [{"x": {"y": %s0%s}}]}'
    assert read_payload(deep % (b"[" * 20, b"]" * 20), "f")
    with pytest.raises(RuleDocumentError, match="nested deeper than 64 levels"):
        read_payload(deep % (b"[" * 64, b"]" * 64), "f")


# --- applying -------------------------------------------------------------------------------------


def test_applying_creates_and_replaces_and_leaves_the_same_alone(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path) as it:
            await it.catalogue.create("same", HOT)
            await it.catalogue.create("other", HOT)
            await it.catalogue.create("elsewhere", HOT)
            it.engine.publish("hot/1")
            texts = [
                ("new.json", json.dumps(COLD)),
                ("same.json", json.dumps({"ruleName": "same", **HOT})),
                ("x.json", json.dumps({"ruleName": "other", "topicRulePayload": COLD})),
            ]
            expected = Applied(("new",), ("other",), ("same",))
            assert await it.catalogue.apply(texts, dry_run=True) == expected
            assert it.on_disk().keys() == {"same", "other", "elsewhere"}
            assert await it.catalogue.apply(texts) == expected
            assert it.names() == ["elsewhere", "new", "other", "same"] == sorted(it.on_disk())
            assert await it.matched("same", "hot/1") == 2

    run(main())


def test_if_one_cannot_be_used_none_is(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with here(tmp_path, files={"filed": HOT}) as it:
            applied = await it.catalogue.apply(
                [
                    ("good.json", json.dumps(HOT)),
                    ("sql.json", json.dumps(rule("SELECT\n* FORM 'a'"))),
                    ("filed.json", json.dumps(COLD)),
                    ("again.json", json.dumps({"ruleName": "good", **HOT})),
                    ("surrogate.json", '"\ud800"'),
                    ("bad name.json", json.dumps(HOT)),
                ]
            )
            assert not (applied.created or applied.replaced or applied.unchanged)
            refused = dict(applied.refused)
            assert list(refused) == [
                "sql.json",
                "filed.json",
                "again.json",
                "surrogate.json",
                "bad name.json",
            ]
            assert "line 2, column 3 of the SQL" in refused["sql.json"][0]
            assert "comes from the file" in refused["filed.json"][0]
            assert refused["again.json"] == (
                "the rule good is in good.json already; rename one of them",
            )
            assert it.names() == ["filed"]
            assert it.on_disk() == {}

    run(main())


class Choosy:
    """The engine, but for rules of one name."""

    def __init__(self, here: Running, refused: str) -> None:
        self.engine = self
        self._here = here
        self._refused = refused

    def put(self, document: RuleDocument) -> None:
        if document.name == self._refused and "cold" in document.sql:
            raise InvalidTopic("filter", "not this one")
        self._here.engine.put(document)

    def remove(self, name: str) -> None:
        self._here.engine.remove(name)


def test_what_the_engine_refuses_is_taken_back_with_all_that_came_with_it(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with running(tmp_path) as engine:
            registry = await Registry.open(tmp_path / "registry.json")
            folder = tmp_path / "rules.d"
            folder.mkdir()
            catalogue = build(Choosy(engine, "b"), registry, folder)
            await registry.put(TABLE, "c", {"payload": "?", "created_ms": 1})
            await catalogue.start()
            for name in ("a", "b"):
                await catalogue.create(name, HOT)
            before = registry.all(TABLE)
            engine.publish("hot/1")
            texts = [(name, json.dumps(COLD)) for name in ("c", "a", "new", "b", "later")]
            with pytest.raises(InvalidRule, match="not this one"):
                await catalogue.apply(texts)
            with pytest.raises(InvalidRule, match="not this one"):
                await catalogue.replace("b", COLD)
            assert registry.all(TABLE) == before
            assert [found.payload for found in catalogue.all()] == [HOT, HOT]
            assert [name for name, _ in catalogue.broken][-1] == "c"
            engine.publish("hot/1")
            assert (engine.status("a").matched, engine.status("b").matched) == (1, 2)
            file = folder / "b.json"
            file.write_text(json.dumps(COLD))
            applied = await catalogue.reload()
            assert applied.refused == ((str(file), ("not this one",)),)
            assert (file, "not this one") in catalogue.broken
            await registry.close()

    run(main())


def test_whoever_asks_is_told_of_rules_that_come_in_force(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        told: list[str] = []

        def on_rule(document: RuleDocument) -> None:
            told.append(document.name)
            if document.name == "no":
                raise GatewayError("its endpoint is too long")

        async with running(tmp_path) as engine:
            registry = await Registry.open(tmp_path / "registry.json")
            catalogue = build(engine, registry, None, on_rule=on_rule)
            await catalogue.start()
            await catalogue.create("off", {**HOT, "ruleDisabled": True})
            assert told == []
            await catalogue.create("no", HOT)
            await catalogue.set_disabled("off", False)
            await catalogue.replace("off", {**HOT, "ruleDisabled": False})
            assert told == ["no", "off"]
            assert "rule no: its endpoint is too long" in warnings(caplog)
            assert engine.status("no").disabled is False
            await registry.close()

    run(main())
