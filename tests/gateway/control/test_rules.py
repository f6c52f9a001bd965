"""The endpoints of rules, asked over a real unix socket with a real engine behind them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.client import ControlClient, GatewayRefused
from tests.gateway.control.rule_room import RuleRoom
from tests.gateway.engine.running import republish, rule, sqs

HOT = rule("SELECT * FROM 'hot/#'", sqs("alarms"), sqs("missing"))
COLD = rule("SELECT * FROM 'cold/#'", sqs("alarms"))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[RuleRoom]:
    with RuleRoom(tmp_path, rules={"hot": HOT, "bad": "{"}) as running:
        running.call(running.catalogue.create("cold", COLD))
        yield running


def get(room: RuleRoom, path: str) -> Any:
    return ControlClient(room.socket).get(path)


def post(room: RuleRoom, path: str, document: dict[str, object] | None = None) -> Any:
    return ControlClient(room.socket).post(path, document or {})


def refused(room: RuleRoom, path: str, document: dict[str, object] | None = None) -> GatewayRefused:
    with pytest.raises(GatewayRefused) as caught:
        post(room, path, document)
    return caught.value


def test_all_rules_are_listed_with_what_gave_none(room: RuleRoom) -> None:
    room.publish("hot/1")
    document = get(room, "/v1/rules")
    assert document["dir"] == str(room.rules_dir)
    cold, hot = document["rules"]
    assert (cold["name"], cold["source"], cold["file"]) == ("cold", "api", None)
    assert (hot["name"], hot["source"]) == ("hot", "file")
    assert hot["file"] == str(room.rules_dir / "hot.json")
    assert (hot["topic_filter"], hot["evaluated"], hot["matched"]) == ("hot/#", 1, 1)
    assert (hot["failed"], hot["disabled"], hot["shadows"]) == (1, False, False)
    assert "there is no queue 'missing'" in hot["problem"]
    assert [(each["kind"], each["failed"]) for each in hot["actions"]] == [("sqs", 0), ("sqs", 1)]
    assert hot["error_action"] is None
    (broken,) = document["broken"]
    assert broken["file"] == str(room.rules_dir / "bad.json")
    assert "not valid JSON" in broken["problem"]


def test_one_rule_is_shown_with_its_payload(room: RuleRoom) -> None:
    shown = get(room, "/v1/rules/cold")
    assert shown["rule"] == COLD
    assert shown["arn"] == "arn:aws:iot:us-east-1:000000000000:rule/cold"
    assert shown["created_ms"] == 1_800_000_000_000
    assert shown["warnings"] == []
    odd = rule("SELECT * FROM 'a'", {"somethingNew": {}})
    room.call(room.catalogue.create("odd", odd))
    assert "somethingNew" in get(room, "/v1/rules/odd")["warnings"][0]


@pytest.mark.parametrize("name", ["no", "", "a%2Fb", "%FF", "{name}", "cold/x"])
def test_a_rule_that_there_is_not_is_404(room: RuleRoom, name: str) -> None:
    with pytest.raises(GatewayRefused, match=r"there is (no rule|nothing at)") as caught:
        get(room, f"/v1/rules/{name}")
    assert caught.value.status == 404


def test_a_rule_that_cannot_be_used_is_404_with_the_reason(room: RuleRoom) -> None:
    with pytest.raises(
        GatewayRefused, match=r"bad\.json gives no rule: .*not valid JSON"
    ) as caught:
        get(room, "/v1/rules/bad")
    assert caught.value.status == 404


def test_a_rule_may_be_called_like_an_endpoint(room: RuleRoom) -> None:
    room.call(room.catalogue.create("apply", COLD))
    assert get(room, "/v1/rules/apply")["rule"] == COLD
    assert post(room, "/v1/rules/apply/disable")["disabled"]


def test_a_rule_is_switched_off_and_on(room: RuleRoom) -> None:
    off = post(room, "/v1/rules/cold/disable")
    assert (off["disabled"], off["rule"]["ruleDisabled"]) == (True, True)
    room.publish("cold/1")
    assert get(room, "/v1/rules/cold")["matched"] == 0
    assert not post(room, "/v1/rules/cold/enable")["disabled"]
    room.publish("cold/1")
    assert get(room, "/v1/rules/cold")["matched"] == 1


def test_a_file_is_switched_in_the_file(room: RuleRoom) -> None:
    error = refused(room, "/v1/rules/hot/disable")
    assert (error.status, str(error)) == (
        409,
        f"the rule hot comes from the file {room.rules_dir / 'hot.json'}",
    )
    assert refused(room, "/v1/rules/no/enable").status == 404


def test_rules_are_applied_or_told_why_not(room: RuleRoom) -> None:
    rules = [
        {"source": "cold.json", "text": json.dumps(COLD)},
        {"source": "new.json", "text": json.dumps(rule("SELECT *", republish("a")))},
    ]
    expected = {
        "created": ["new"],
        "replaced": [],
        "unchanged": ["cold"],
        "removed": [],
        "refused": [],
    }
    assert post(room, "/v1/rules/apply?dry_run", {"rules": rules}) == expected
    assert refused(room, "/v1/rules/new/enable").status == 404
    assert post(room, "/v1/rules/apply", {"rules": rules}) == expected
    assert get(room, "/v1/rules/new")["source"] == "api"
    broken = [*rules, {"source": "x.json", "text": "{"}]
    answer = post(room, "/v1/rules/apply", {"rules": broken})
    assert (answer["created"], answer["unchanged"]) == ([], [])
    assert [each["source"] for each in answer["refused"]] == ["x.json"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"rules": {}},
        {"rules": [], "more": 1},
        {"rules": [1]},
        {"rules": [{"source": "a"}]},
        {"rules": [{"source": "a", "text": 1}]},
        {"rules": [{"source": None, "text": "{}"}]},
    ],
)
def test_another_form_is_refused(room: RuleRoom, document: dict[str, object]) -> None:
    error = refused(room, "/v1/rules/apply", document)
    assert (error.status, error.hint) == (
        400,
        'Send {"rules": [{"source": name, "text": document}, …]}.',
    )


def test_too_much_at_once_is_refused_with_the_limit(room: RuleRoom) -> None:
    large = [{"source": "a", "text": "x" * 3_000_000}]
    error = refused(room, "/v1/rules/apply", {"rules": large})
    assert (error.status, error.hint) == (413, "Apply at most 2097152 bytes of rules at a time.")


def test_the_folder_is_read_again(room: RuleRoom) -> None:
    room.write("hot", COLD)
    (room.rules_dir / "bad.json").unlink()
    assert post(room, "/v1/rules/reload?dry_run")["replaced"] == ["hot"]
    assert get(room, "/v1/rules/hot")["rule"] == HOT
    assert post(room, "/v1/rules/reload")["replaced"] == ["hot"]
    assert get(room, "/v1/rules/hot")["rule"] == COLD
    assert get(room, "/v1/rules")["broken"] == []


def test_without_a_folder_there_is_nothing_to_read_again(tmp_path: Path) -> None:
    with RuleRoom(tmp_path, with_folder=False) as room:
        assert get(room, "/v1/rules") == {"dir": None, "rules": [], "broken": []}
        assert refused(room, "/v1/rules/reload").status == 409


def test_when_the_disk_refuses_nothing_changes_and_that_is_503(tmp_path: Path) -> None:
    with RuleRoom(tmp_path) as room:
        room.call(room.catalogue.create("cold", COLD))
        kept = tmp_path / "registry.json"
        shutil.move(kept, tmp_path / "aside.json")
        kept.mkdir()  # no file takes the place of a folder
        error = refused(room, "/v1/rules/cold/disable")
        assert (error.status, "cannot be written" in str(error)) == (503, True)
        assert not get(room, "/v1/rules/cold")["disabled"]


def test_the_wrong_method_names_the_right_one(room: RuleRoom) -> None:
    error = refused(room, "/v1/rules/cold")
    assert (error.status, error.hint) == (405, "use GET")
    with pytest.raises(GatewayRefused) as caught:
        get(room, "/v1/rules/cold/enable")
    assert caught.value.status == 405
    with pytest.raises(GatewayRefused, match="takes no parameter 'x'") as caught:
        get(room, "/v1/rules?x=1")
    assert caught.value.status == 400
