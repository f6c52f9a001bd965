"""The actions of a rule in a test: which would fail, and what is said about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import main

ROLE = "arn:aws:iam::000000000000:role/gateway"


def republish(topic: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    more = {} if headers is None else {"headers": headers}
    return {"republish": {"topic": topic, "roleArn": ROLE, **more}}


def sqs(url: str) -> dict[str, Any]:
    return {"sqs": {"queueUrl": url, "roleArn": ROLE}}


S3 = {"s3": {"bucketName": "b", "key": "k", "roleArn": ROLE}}
SNS = {"sns": {"targetArn": "arn:aws:sns:us-east-1:000000000000:t", "roleArn": ROLE}}
UNKNOWN = {"sqss": {}}
SQL = "SET @d = a * 2 SELECT topic(2) AS house, a, b.c AS deep.er FROM 'site/#' WHERE a > 1"


def tried(
    folder: Path, capsys: pytest.CaptureFixture[str], *actions: object, payload: str = '{"a":5}'
) -> tuple[int, dict[str, Any]]:
    """Return exit code and report of a rule with these actions."""
    file = folder / "r.json"
    file.write_text(json.dumps({"sql": SQL, "awsIotSqlVersion": "2016-03-23", "actions": actions}))
    code = main(["rule", "test", str(file), "--topic", "site/n", "--payload", payload, "--json"])
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, report


@pytest.mark.parametrize(
    ("actions", "failing"),
    [
        ([], 0),
        ([sqs("q"), republish("x/${a}")], 0),
        ([S3], 0),
        ([SNS], 0),  # not carried out, which is not the rule's fault
        ([republish("x", {"correlationData": "${encode(t, 'base64')}"})], 0),
        ([republish("x", {"correlationData": "${t}"})], 1),
        ([UNKNOWN], 1),
        ([S3, UNKNOWN, sqs("q")], 1),
        ([republish("x/${nope}"), UNKNOWN], 2),
        ([{"s3": {**S3["s3"], "key": "${nope}"}}], 1),
        ([sqs("https://host/1/${topic()}")], 0),
        ([sqs("no good")], 1),
        ([sqs("a.fifo")], 1),
        ([republish("x/${t}")], 1),
    ],
)
def test_one_action_that_would_fail_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], actions: list[object], failing: int
) -> None:
    code, report = tried(tmp_path, capsys, *actions, payload='{"a":5,"t":"+"}')
    assert (code, report["fires"], report["failing_actions"]) == (int(failing > 0), True, failing)


def test_a_rule_that_does_not_fire_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = tried(tmp_path, capsys, UNKNOWN, payload='{"a":0}')
    assert (code, report["fires"], report["failing_actions"]) == (1, False, 0)


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (sqs("no good"), "no queue can have the name 'no good': a queue's name has 1 to 80"),
        (sqs("a.fifo"), "'a.fifo' is a FIFO queue, to which no rule can send, here as on AWS"),
        (republish("x/${t}"), "cannot republish to 'x/#': the topic name 'x/#' holds a wildcard"),
        (republish("${e}"), "cannot republish to '': a topic name is empty"),
        (republish("$$aws/things/${e}t/jobs/x"), "cannot republish to '$aws/things/t/jobs/x': it"),
        (
            republish("x", {"contentType": "c", "messageExpiry": "${t}"}),
            "the header messageExpiry of the republished message, '#', is no whole number",
        ),
        (UNKNOWN, "unknown action 'sqss', did you mean 'sqs'?"),
        (SNS, "the action 'sns' is not there yet: it comes with the gateway's own SNS"),
    ],
)
def test_the_problem_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: object, problem: str
) -> None:
    _, report = tried(tmp_path, capsys, action, payload='{"a":5,"t":"#","e":""}')
    (shown,) = report["actions"]
    assert shown["problem"].startswith(problem)


@pytest.mark.parametrize(
    ("expression", "payload", "remedy"),
    [
        ("house", '{"a":5}', "templates see the original payload, and house is a name that SELECT"),
        ("deep.er", '{"a":5}', "templates see the original payload, and deep is a name"),
        ("upper(house)", '{"a":5}', "templates see the original payload, and house is"),
        ("nope", '{"a":5}', "give the expression a value"),
        ("'house' + nope", '{"a":5}', "give the expression a value"),
        ("house", '{"a":5,"house":null}', "give the expression a value"),
    ],
)
def test_a_template_without_a_value_has_a_remedy(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    expression: str,
    payload: str,
    remedy: str,
) -> None:
    _, report = tried(tmp_path, capsys, republish(f"x/${{{expression}}}"), payload=payload)
    (shown,) = report["actions"]
    assert shown["remedy"].startswith(remedy)
    assert "parameters" not in shown


@pytest.mark.parametrize(
    ("topic", "notes"),
    [
        ("site/x", 1),
        ("site/${topic(2)}/hot", 1),
        ("site", 0),  # 'site/#' needs a level more
        ("other/${topic(2)}", 0),
        ("site/${nope}", 0),
    ],
)
def test_a_loop_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], topic: str, notes: int
) -> None:
    _, report = tried(tmp_path, capsys, sqs("q"), republish(topic))
    assert len(report["notes"]) == notes
    assert all(note.startswith("action 2 republishes to 'site/") for note in report["notes"])
