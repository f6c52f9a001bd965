"""`weir check` as a process of its own: what it says of settings and rules, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import location
from gateway.cli.check import judge
from gateway.cli.main import main

GOOD = """\
[gateway]
data_dir = "data"
[[mqtt.listeners]]
anonymous = true
[rules]
dir = "rules.d"
[[sqs.queues]]
name = "alarms"
"""


def rule(sql: str, queue: str = "alarms") -> dict[str, Any]:
    return {
        "topicRulePayload": {
            "sql": sql,
            "awsIotSqlVersion": "2016-03-23",
            "actions": [
                {
                    "sqs": {
                        "queueUrl": f"https://sqs.us-east-1.amazonaws.com/123456789012/{queue}",
                        "roleArn": "arn:aws:iam::123456789012:role/any",
                        "useBase64": False,
                    }
                }
            ],
        }
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weir.toml").write_text(GOOD)
    (tmp_path / "rules.d").mkdir()
    return tmp_path


def add_rule(folder: Path, name: str, document: object) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "rules.d" / f"{name}.json").write_text(text)


def weir(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_all_is_well(folder: Path) -> None:
    add_rule(folder, "hot", rule("SELECT celsius FROM 'site/#' WHERE celsius > 30"))
    done = weir(folder, "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "weir.toml: good, with 1 rule.\n", "")
    assert not (folder / "data").exists()  # it ran nothing


def test_wrong_settings_are_told_with_line_and_remedy(folder: Path) -> None:
    (folder / "weir.toml").write_text(GOOD + "[store]\nmax_bites = 1\n")
    done = weir(folder, "check", "--config", "weir.toml")
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "problem  weir.toml:10: store.max_bites is no setting; did you mean store.max_bytes?",
        "weir.toml: 1 problem to correct.",
    ]


def test_wrong_rules_are_told_with_file_and_place(folder: Path) -> None:
    add_rule(folder, "bad_sql", rule("SELECT *\nFORM 'site/#'"))
    add_rule(folder, "bad_json", '{"topicRulePayload":\n  oops}')
    add_rule(folder, "fine", rule("SELECT * FROM 'site/#'"))
    done = weir(folder, "check", "--json")
    assert done.returncode == 2
    verdict = json.loads(done.stdout)
    assert (verdict["ok"], verdict["rules"], len(verdict["problems"])) == (False, 1, 2)
    bad_json, bad_sql = verdict["problems"]
    assert "rules.d/bad_json.json" in bad_json and "line 2, column 3" in bad_json
    assert "rules.d/bad_sql.json" in bad_sql and "line 2, column 1 of the SQL: " in bad_sql


def test_a_place_is_shown_with_a_caret(folder: Path) -> None:
    broken = rule("SELECT *\nFORM 'site/#'")
    broken["topicRulePayload"]["actions"] = [
        {"republish": {"topic": "a/${b +}", "roleArn": "arn:aws:iam::000000000000:role/any"}}
    ]
    add_rule(folder, "broken", broken)
    add_rule(folder, "json", '{\n "sql": oops')
    done = weir(folder, "check")
    assert done.returncode == 2
    shown = [line for line in done.stdout.splitlines() if line.startswith(" ")]
    indent = " " * 9
    assert shown == [
        *(f"{indent}FORM 'site/#'", f"{indent}^"),
        *(f"{indent}a/${{b +}}", f"{indent}       ^"),
        *(f'{indent} "sql": oops', f"{indent}        ^"),
    ]


def test_a_warning_names_its_place_in_the_sql(folder: Path) -> None:
    add_rule(folder, "odd", rule("SELECT abs() FROM 'a'"))
    assert "$.topicRulePayload.sql: line 1, column 8 of the SQL: abs takes" in (
        weir(folder, "check").stdout
    )


def test_one_rule_is_named_alone_and_many_are_listed(folder: Path) -> None:
    add_rule(folder, "one", rule("SELECT * FROM 'a'", queue="q"))
    assert 'one.json: the rule one sends to the queue "q", which' in weir(folder, "check").stdout
    for name in ("three", "two"):
        add_rule(folder, name, rule("SELECT * FROM 'a'", queue="q"))
    assert "the rules one, three and two send to the queue" in weir(folder, "check").stdout


@pytest.mark.parametrize(
    ("queue", "why"),
    [
        (
            "too hot",
            "no queue can have the name 'too hot': a queue's name has 1 to 80 letters, digits, "
            "hyphens and underscores.",
        ),
        ("hot.fifo", "'hot.fifo' is a FIFO queue, to which no rule can send, here as on AWS."),
    ],
)
def test_a_name_that_no_queue_can_have(folder: Path, queue: str, why: str) -> None:
    add_rule(folder, "one", rule("SELECT * FROM 'a'", queue=queue))
    verdict = judge(folder / "weir.toml")
    (warning,) = verdict.warnings
    assert warning.endswith(f"but {why}")
    assert verdict.lines_to_add == []


def test_a_rule_for_basic_ingest_alone_is_no_warning(folder: Path) -> None:
    add_rule(folder, "one", rule("SELECT *"))
    add_rule(folder, "two", rule("SELECT * FROM 'a'"))
    assert judge(folder / "weir.toml").warnings == []


@pytest.mark.parametrize(
    ("topic", "is_told"),
    [("a/b", True), ("a/b/c", False), ("b", False), ("${topic()}", False), ("a/${1 + 1}", True)],
)
def test_a_loop_that_is_there_for_every_message(folder: Path, topic: str, is_told: bool) -> None:
    looping = rule("SELECT * FROM 'a/+'")
    looping["topicRulePayload"]["actions"] = [
        {"republish": {"topic": topic, "roleArn": "arn:aws:iam::000000000000:role/any"}}
    ]
    add_rule(folder, "one", looping)
    warnings = judge(folder / "weir.toml").warnings
    assert len(warnings) == int(is_told)
    assert all("one republishes to 'a/" in warning for warning in warnings)


def test_a_queue_that_is_not_declared_is_a_warning_with_the_lines_to_add(folder: Path) -> None:
    add_rule(folder, "one", rule("SELECT * FROM 'a'", queue="telemetry"))
    add_rule(folder, "two", rule("SELECT * FROM 'b'", queue="telemetry"))
    add_rule(folder, "three", rule("SELECT * FROM 'c'", queue="${topic()}"))
    done = weir(folder, "check")
    assert done.returncode == 0
    files = [folder / "rules.d" / f"{name}.json" for name in ("one", "two")]
    assert (
        f"{files[0]} and {files[1]}: the rules one and two send to the queue "
        '"telemetry", which the settings do not declare; ' in done.stdout
    )
    assert '    [[sqs.queues]]\n    name = "telemetry"\n' in done.stdout
    assert done.stdout.count("[[sqs.queues]]") == 1

    lines = json.loads(weir(folder, "check", "--json").stdout)["lines_to_add"]
    with (folder / "weir.toml").open("a") as file:
        file.write("\n".join(lines) + "\n")
    assert weir(folder, "check").stdout == "weir.toml: good, with 3 rules.\n"


def test_the_settings_that_hold_are_printed_with_their_origin(folder: Path) -> None:
    done = weir(folder, "check", "--print")
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    assert rows["sqs.queues[0].name"] == ['"alarms"', "weir.toml:8"]
    assert rows["store.commit_interval_ms"] == ["0", "default"]
    settings = json.loads(weir(folder, "check", "--print", "--json").stdout)["settings"]
    assert {"place": "gateway.name", "value": '"weir"', "line": None} in settings


def test_a_data_dir_that_is_a_file_and_a_gateway_nobody_reaches(folder: Path) -> None:
    (folder / "data").write_text("")
    (folder / "weir.toml").write_text('[gateway]\ndata_dir = "data"\n')
    done = weir(folder, "check")
    assert done.returncode == 2
    assert "which is no folder; name another." in done.stdout
    assert "nothing can reach this gateway; add a section [[mqtt.listeners]]" in done.stdout


def test_a_missing_rules_folder_is_a_problem(folder: Path) -> None:
    (folder / "rules.d").rmdir()
    done = weir(folder, "check")
    assert done.returncode == 2
    assert "rules.d does not exist; create it, or correct rules.dir." in done.stdout


def test_no_settings_file_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # In this process, so that a gateway installed on this machine plays no part.
    places = (tmp_path / "weir.toml", tmp_path / "etc" / "weir.toml")
    monkeypatch.setattr(location, "PLACES", places)
    assert main(["check"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"weir: there is no settings file: neither {places[0]} nor {places[1]}.\n"
        "  Name one with --config.\n"
    )


def test_run_tells_the_same_problems_and_exits_with_2(folder: Path) -> None:
    (folder / "weir.toml").write_text(GOOD + "[store]\nmax_bites = 1\n[uplink]\n")
    done = weir(folder, "run")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "weir: weir.toml has 2 problems.",
        "  weir.toml:10: store.max_bites is no setting; did you mean store.max_bytes?",
        "  weir.toml:11: uplink is not there yet: this version does without; remove it.",
        "  Correct them, and retry.",
    ]
    assert not (folder / "data").exists()


def test_a_rule_file_that_is_nested_too_deeply_is_a_problem(folder: Path) -> None:
    deep: object = 1
    for _ in range(70):
        deep = [deep]
    document = rule("SELECT * FROM 'a'")
    document["topicRulePayload"]["actions"] = [{"firehose": {"deliveryStreamName": deep}}]
    add_rule(folder, "deep", document)
    verdict = judge(folder / "weir.toml")
    (problem,) = verdict.problems
    assert problem.startswith(f"{folder / 'rules.d' / 'deep.json'}: $: it is nested deeper than 64")


def test_an_error_action_is_judged_as_any_other(folder: Path) -> None:
    document = rule("SELECT * FROM 'a/+'")
    role = "arn:aws:iam::000000000000:role/any"
    document["topicRulePayload"]["errorAction"] = {"republish": {"topic": "a/b", "roleArn": role}}
    add_rule(folder, "one", document)
    document["topicRulePayload"]["errorAction"] = {"sns": {"targetArn": "t", "roleArn": role}}
    add_rule(folder, "two", document)
    looping, absent = judge(folder / "weir.toml").warnings
    assert "one republishes to 'a/b', which its own FROM matches" in looping
    assert "$.topicRulePayload.errorAction.sns: the action 'sns' is not there yet" in absent


def test_what_a_rule_says_cannot_steer_the_terminal(folder: Path) -> None:
    add_rule(folder, "one", rule("SELECT * FROM 'a'", queue="q\x1b[2J"))
    add_rule(folder, "two", rule("SELECT * FROM 'a/+'"))
    done = weir(folder, "check")
    assert "\x1b" not in done.stdout and "one sends to the queue" in done.stdout
