"""`weir rule list`, `show`, `enable`, `disable` and `apply`, on a control socket and an engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import main
from tests.gateway.control.rule_room import RuleRoom
from tests.gateway.engine.running import republish, rule, sqs

HOT = rule("SELECT *\nFROM 'hot/#'", sqs("alarms"), sqs("missing"), description="too hot")
COLD = rule("SELECT * FROM 'cold/#'", sqs("alarms"), errorAction=republish("errors"))

Weir = Callable[..., tuple[int, str, str]]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[RuleRoom]:
    with RuleRoom(tmp_path / "data", rules={"hot": HOT}) as running:
        running.call(running.catalogue.create("cold", COLD))
        yield running


@pytest.fixture
def weir(room: RuleRoom, capsys: pytest.CaptureFixture[str]) -> Weir:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["rule", *map(str, arguments), "--data-dir", str(room.data_dir)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    return tmp_path / "more"


def write(folder: Path, name: str, payload: object) -> Path:
    file = folder / f"{name}.json"
    file.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    return file


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# --- looking --------------------------------------------------------------------------------------


def test_a_table_of_all_rules(room: RuleRoom, weir: Weir) -> None:
    room.publish("hot/1")
    room.call(room.catalogue.set_disabled("cold", True))
    code, out, err = weir("list")
    assert (code, err) == (0, "")
    lines = words(out)
    assert lines[0] == ["2", "rules,", "1", "disabled"]
    assert lines[2][:4] == ["Rule", "FROM", "State", "Matched"]
    assert lines[3] == ["cold", "cold/#", "off", "0", "0", "0", "API", "sqs"]
    assert lines[4] == ["hot", "hot/#", "on", "1", "1", "0", "hot.json", "sqs,", "sqs"]
    assert "Trouble" in out and "there is no queue 'missing'" in out
    assert "\x1b" not in out


def test_what_gave_no_rule_stands_below(room: RuleRoom, weir: Weir) -> None:
    file = room.write("bad", "{")
    room.write("cold", COLD)
    room.call(room.catalogue.reload())
    _, out, _ = weir("list")
    assert "These give no rule\n" in out
    assert f"  {file}: $: not valid JSON" in out
    assert "the file wins over the API's rule of this name" in out


def test_a_gateway_without_rules_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RuleRoom(tmp_path / "data", with_folder=False) as room:
        assert main(["rule", "list", "--data-dir", str(room.data_dir)]) == 0
    assert capsys.readouterr().out == "no rules\n"


def test_programs_get_what_the_gateway_answers(weir: Weir) -> None:
    document = json.loads(weir("list", "--json")[1])
    assert [each["name"] for each in document["rules"]] == ["cold", "hot"]
    assert json.loads(weir("show", "cold", "--json")[1])["rule"] == COLD


def test_one_rule_in_full(room: RuleRoom, weir: Weir) -> None:
    room.publish("hot/1")
    code, out, _ = weir("show", "hot")
    assert code == 0
    lines = words(out)
    assert lines[0] == ["hot", "on"]
    assert ["description", "too", "hot"] in lines
    assert ["source", "the", "file", str(room.rules_dir / "hot.json")] in lines
    assert ["matched", "1"] in lines
    assert any(line[:3] == ["2", "sqs", "0"] for line in lines)
    assert out.count("there is no queue 'missing'") == 1
    assert "Document\n  SELECT *\n  FROM 'hot/#'\n\n  {\n" in out
    code, out, _ = weir("show", "cold")
    assert ["source", "the", "API"] in words(out)
    assert ["created", "2027-01-15", "08:00:00", "UTC"] in words(out)
    assert any(line[:2] == ["on", "error"] for line in words(out))


def test_at_80_columns_nothing_is_lost_and_the_document_is_as_it_was_written(
    room: RuleRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    topic_filter = "site/of/a/rather/long/name/+/temperature"
    sql = f"SELECT * FROM '{topic_filter}' WHERE celsius > 30 AND celsius < 100 AND NOT isNull(x)"
    url = f"https://sqs.us-east-1.amazonaws.com/000000000000/{'q' * 70}"
    room.call(room.catalogue.create("long", rule(sql, sqs(url), sqs("alarms"))))
    _, out, _ = weir("list")
    assert "…" not in out and all(len(line) <= 80 for line in out.splitlines())
    assert "\n    sqs, sqs\n" in out
    assert not any(line.endswith("Actions") for line in out.splitlines())
    _, out, _ = weir("show", "long")
    assert f"Document\n  {sql}\n" in out
    assert f'"queueUrl": "{url}"' in out


def test_what_a_terminal_could_act_on_is_shown_escaped(room: RuleRoom, weir: Weir) -> None:
    sql = "SELECT '\x1b[2J' AS a FROM 'a\x9b'"
    room.call(room.catalogue.create("odd", rule(sql, sqs("\x1b]0;x"), description="\x1b[1m")))
    room.publish("a\x9b")
    for arguments in (["list"], ["show", "odd"], ["list", "--json"]):
        _, out, _ = weir(*arguments)
        assert "\x1b" not in out and "\x9b" not in out


def test_a_rule_without_from_and_one_that_warns(room: RuleRoom, weir: Weir) -> None:
    new = {"somethingNew": {}}
    room.call(room.catalogue.create("basic", rule("SELECT *", new)))
    room.call(room.catalogue.create("none", rule("SELECT * FROM 'none'")))
    _, out, _ = weir("show", "basic")
    assert "(Basic Ingest only)" in out
    assert "Warnings\n  $.topicRulePayload.actions[0].somethingNew:" in out
    assert "Actions\n  none\n" in weir("show", "none")[1]


@pytest.mark.parametrize("action", ["show", "enable", "disable"])
@pytest.mark.parametrize("name", ["no", "", "a/b\x1b"])
def test_a_rule_that_there_is_not(weir: Weir, action: str, name: str) -> None:
    code, out, err = weir(action, name)
    assert (code, out) == (1, "")
    assert err.startswith("weir: there is no rule '")
    assert err.endswith("See which there are with weir rule list.\n")
    assert "\x1b" not in err


# --- switching ------------------------------------------------------------------------------------


def test_a_rule_is_disabled_and_enabled(room: RuleRoom, weir: Weir) -> None:
    assert weir("disable", "cold") == (0, "cold is disabled.\n", "")
    room.publish("cold/1")
    assert json.loads(weir("enable", "cold", "--json")[1])["matched"] == 0
    room.publish("cold/1")
    assert json.loads(weir("show", "cold", "--json")[1])["matched"] == 1


def test_a_file_is_named_that_has_to_be_changed(room: RuleRoom, weir: Weir) -> None:
    file = room.rules_dir / "hot.json"
    for command, value in (("disable", "true"), ("enable", "false")):
        code, out, err = weir(command, "hot")
        assert (code, out) == (1, "")
        assert err == (
            f"weir: the rule hot comes from the file {file}.\n"
            f'  Set "ruleDisabled" in {file} to {value}; weir rule apply {room.rules_dir} puts it '
            "in force.\n"
        )


# --- applying -------------------------------------------------------------------------------------


def test_a_folder_becomes_rules_of_the_api(room: RuleRoom, weir: Weir, folder: Path) -> None:
    write(folder, "cold", rule("SELECT * FROM 'colder/#'", sqs("alarms")))
    write(folder, "new", rule("SELECT * FROM 'new/#'", sqs("alarms")))
    code, out, err = weir("apply", folder, "--dry-run")
    assert (code, err) == (0, "")
    assert words(out) == [["would", "be", "created", "new"], ["would", "be", "replaced", "cold"]]
    assert weir("show", "new")[0] == 1
    code, out, _ = weir("apply", folder)
    assert (code, words(out)) == (0, [["created", "new"], ["replaced", "cold"]])
    code, out, _ = weir("apply", folder)
    assert (code, words(out)) == (0, [["unchanged", "2", "rules"]])
    assert json.loads(weir("show", "new", "--json")[1])["source"] == "api"
    answer = json.loads(weir("apply", folder, "--json")[1])
    assert answer["unchanged"] == ["cold", "new"]


def test_the_gateways_own_folder_is_read_again(
    room: RuleRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.write("new", COLD)
    (room.rules_dir / "hot.json").unlink()
    monkeypatch.chdir(room.data_dir)
    code, out, _ = weir("apply", "./rules.d", "--dry-run")
    assert (code, words(out)[0]) == (0, ["would", "be", "created", "new"])
    code, out, _ = weir("apply", "./rules.d")
    assert (code, words(out)) == (0, [["created", "new"], ["removed", "hot"]])
    assert json.loads(weir("show", "new", "--json")[1])["source"] == "file"
    (room.rules_dir / "new.json").unlink()
    assert words(weir("apply", room.rules_dir)[1]) == [["removed", "new"]]


@pytest.mark.parametrize("own", [True, False])
def test_if_one_file_gives_no_rule_nothing_is_changed(
    room: RuleRoom, weir: Weir, folder: Path, own: bool
) -> None:
    applied = room.rules_dir if own else folder
    write(applied, "new", COLD)
    json_file = write(applied, "a", "{")
    sql = write(applied, "b", rule("SELECT * FORM 'a'"))
    code, out, err = weir("apply", applied)
    assert (code, out) == (2, "")
    code, out, again = weir("apply", applied, "--json")
    document = json.loads(out)
    refused = {each["source"]: each["problems"] for each in document.pop("refused")}
    assert (code, again) == (2, err)
    assert list(refused) == [str(json_file), str(sql)]
    assert all(len(problems) == 1 for problems in refused.values())
    assert document == {key: [] for key in ("created", "replaced", "unchanged", "removed")}
    assert err.startswith(
        f"weir: 2 of the files in {applied} give no rule, so nothing was changed:\n"
    )
    assert f"  {json_file}: $: not valid JSON at line 1, column 2" in err
    assert f"  {sql}: $.sql: line 1, column 10 of the SQL: " in err
    assert f"    SELECT * FORM 'a'\n{' ' * 13}^\n" in err
    assert weir("show", "new")[0] == 1


def test_what_is_the_usual_makes_no_other_rule(weir: Weir, folder: Path) -> None:
    usual = {"description": "", "ruleDisabled": False, "awsIotSqlVersion": "2015-10-08"}
    write(folder, "cold", {**COLD, **usual})
    code, out, _ = weir("apply", folder)
    assert (code, words(out)) == (0, [["unchanged", "1", "rule"]])
    for command, becomes in (("enable", "unchanged"), ("disable", "replaced")):
        assert weir(command, "cold")[0] == 0
        assert words(weir("apply", folder)[1])[0][0] == becomes
    for key, value in (("description", "x"), ("awsIotSqlVersion", "2016-03-23")):
        write(folder, "cold", {**COLD, key: value})
        assert words(weir("apply", folder)[1]) == [["replaced", "cold"]]


def test_a_warning_changes_nothing_but_is_told(weir: Weir, folder: Path) -> None:
    file = write(folder, "new", rule("SELECT *", {"somethingNew": {}}))
    code, out, err = weir("apply", folder)
    assert (code, words(out)) == (0, [["created", "new"]])
    assert err.startswith(f"warning: {file}: $.actions[0].somethingNew: ")


def test_what_a_file_of_the_gateway_has_is_refused_with_all_the_rest(
    room: RuleRoom, weir: Weir, folder: Path
) -> None:
    write(folder, "hot", COLD)
    write(folder, "new", COLD)
    code, out, err = weir("apply", folder)
    assert (code, out) == (1, "")
    file = room.rules_dir / "hot.json"
    assert err.startswith(f"weir: hot.json: the rule hot comes from the file {file}. Change")
    assert weir("show", "new")[0] == 1


@pytest.mark.parametrize("what", ["missing", "file", "empty"])
def test_a_folder_there_is_nothing_in(weir: Weir, folder: Path, what: str) -> None:
    given = {"missing": folder / "x", "file": write(folder, "a", COLD), "empty": folder}[what]
    if what == "empty":
        (folder / "a.json").unlink()
    code, out, err = weir("apply", given)
    assert (code, out) == (2, "")
    sentence = "there are no rule files (*.json) in {}" if what == "empty" else "{} is no folder"
    assert err.startswith(f"weir: {sentence.format(given)}.\n")


def test_more_than_fits_is_refused_with_the_limit(weir: Weir, folder: Path) -> None:
    for number in range(20):
        write(folder, f"r{number}", {**COLD, "description": "x" * 150_000})
    code, _, err = weir("apply", folder)
    assert code == 1
    assert err.endswith("Apply at most 2097152 bytes of rules at a time.\n")


def test_many_rules_are_applied_at_once(weir: Weir, folder: Path) -> None:
    for number in range(100):
        write(folder, f"r{number}", COLD)
    code, out, _ = weir("apply", folder)
    assert (code, len(out.splitlines())) == (0, 100)


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "a"], ["enable", "a"], ["disable", "a"], ["apply", "."]]
)
def test_no_gateway_runs(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["rule", *arguments, "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("weir: no gateway is running: ")


def test_a_file_that_claims_an_impossible_time_is_shown() -> None:
    from gateway.cli.rule_list_picture import draw_rule

    line: Any = {
        "name": "a",
        "topic_filter": "a",
        "evaluated": 0,
        "matched": 0,
        "failed": 0,
        "waiting": 3,
        "disabled": False,
        "problem": "",
        "actions": [],
        "error_action": None,
        "source": "api",
        "file": None,
        "shadows": False,
        "rule": {},
        "arn": "",
        "created_ms": 10**18,
        "warnings": [],
    }
    text = "\n".join("".join(piece for piece, _ in drawn) for drawn in draw_rule(line))
    assert f"{10**18} ms since 1970" in text
    assert "3 for what the statement asks for" in text
