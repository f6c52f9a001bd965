"""`weir rule test` with one message: the picture, the JSON, the exit codes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from tests.rig.rule_command import (
    QUEUE,
    ROLE,
    SQL,
    TOPIC,
    UNDEFINED_REMEDY,
    Test,
    document,
    reported,
)

FIRES = """\
The rule too_hot fires, but 1 of 3 actions would fail.

  FROM             'site/+/temperature'           matches site/north/temperature
  SET     @f       celsius * 1.8 + 32             88.7
  WHERE            celsius > 30 AND NOT @f > 200  true
                     celsius > 30                 true
                     NOT @f > 200                 true
  SELECT  celsius  celsius                        31.5
          house    topic(2)                       "north"
          nope     nope                           Undefined: left out
          f        @f                             88.7

Output  41 bytes
  {"celsius":31.5,"house":"north","f":88.7}

Actions, as they would be carried out
"""

DOES_NOT_FIRE = """\
The rule too_hot does not fire: WHERE is false.

  FROM       'site/+/temperature'           matches site/north/temperature
  SET    @f  celsius * 1.8 + 32             37.4
  WHERE      celsius > 30 AND NOT @f > 200  false
               celsius > 30                 false
               NOT @f > 200                 true
"""

IS_NOT_REACHED = """\
The rule too_hot does not fire: FROM does not match: level 3 is 'x', not 'temperature'.

  FROM    'site/+/temperature'  does not match site/north/x
                                level 3 is 'x', not 'temperature'
"""


@pytest.mark.parametrize(
    ("topic", "payload", "picture", "code"),
    [
        (TOPIC, '{"celsius": 31.5}', FIRES, 1),
        (TOPIC, '{"celsius": 3}', DOES_NOT_FIRE, 1),
        ("site/north/x", '{"celsius": 31.5}', IS_NOT_REACHED, 1),
    ],
)
def test_the_picture_says_why(
    test: Test, file: Path, topic: str, payload: str, picture: str, code: int
) -> None:
    found, out, err = test(file, "--topic", topic, "--payload", payload)
    assert (found, err) == (code, "")
    assert out.startswith(picture)


def words(text: str, title: str) -> list[list[str]]:
    """Return the words of each line below a title, up to an empty line."""
    below = text.partition(title)[2].split("\n\n")[0]
    return [re.split(r"\s{2,}", line.strip()) for line in below.splitlines() if line.strip()]


def test_each_action_shows_what_it_would_get(test: Test, file: Path) -> None:
    file.write_text(document(errorAction={"republish": {"topic": "oops", "roleArn": ROLE}}))
    _, out, _ = test(file, "--topic", TOPIC, "--payload", '{"celsius": 31.5}')
    assert words(out, "Actions, as they would be carried out") == [
        ["1", "sqs", "queueUrl", QUEUE],
        ["roleArn", ROLE],
        ["useBase64", "false"],
        ["2", "republish", "${nope} has no value for this message, in the template 'hot/${nope}'"],
        [f"{UNDEFINED_REMEDY[:1].upper()}{UNDEFINED_REMEDY[1:]}."],
        ["3", "s3", "bucketName", "b"],
        ["key", "88.7/north"],
        ["roleArn", ROLE],
        ["errorAction", "republish", "topic", "oops"],
        ["roleArn", ROLE],
        ["qos", "0"],
    ]
    assert "warning  " not in out


def test_an_action_that_is_not_carried_out_says_so(test: Test, file: Path) -> None:
    file.write_text(document(actions=[{"sns": {"targetArn": "t-${celsius}", "roleArn": ROLE}}]))
    _, out, _ = test(file, "--topic", TOPIC, "--payload", '{"celsius": 31.5}')
    problem = "the action 'sns' is not there yet: it comes with the gateway's own SNS"
    assert words(out, "Actions, as they would be carried out") == [
        ["1", "sns", problem],
        ["targetArn", "t-31.5"],
        ["roleArn", ROLE],
    ]
    assert "warning  $.topicRulePayload.actions[0].sns: " in out


def test_all_of_it_as_json(test: Test, file: Path) -> None:
    found = reported(test, file, "--topic", TOPIC, "--payload", '{"celsius": 31.5}')
    warnings = found.pop("warnings")
    assert warnings == []
    assert found == {
        "rule": "too_hot",
        "sql": SQL,
        "sql_version": "2016-03-23",
        "topic": TOPIC,
        "fires": True,
        "reason": "",
        "from": {
            "filter": "site/+/temperature",
            "matches": True,
            "note": "",
            "basic_ingest": None,
        },
        "variables": [{"name": "@f", "sql": "celsius * 1.8 + 32", "value": 88.7}],
        "where": {"sql": "celsius > 30 AND NOT @f > 200", "value": True},
        "conditions": [
            {"sql": "celsius > 30", "value": True},
            {"sql": "NOT @f > 200", "value": True},
        ],
        "items": [
            {"name": "celsius", "sql": "celsius", "value": 31.5},
            {"name": "house", "sql": "topic(2)", "value": "north"},
            {"name": "nope", "sql": "nope", "undefined": True},
            {"name": "f", "sql": "@f", "value": 88.7},
        ],
        "output": {"celsius": 31.5, "house": "north", "f": 88.7},
        "actions": [
            {
                "kind": "sqs",
                "parameters": {"queueUrl": QUEUE, "roleArn": ROLE, "useBase64": False},
            },
            {
                "kind": "republish",
                "problem": "${nope} has no value for this message, in the template 'hot/${nope}'",
                "remedy": UNDEFINED_REMEDY,
            },
            {
                "kind": "s3",
                "parameters": {"bucketName": "b", "key": "88.7/north", "roleArn": ROLE},
            },
        ],
        "failing_actions": 1,
        "error_action": None,
        "notes": [],
    }


def test_a_rule_that_does_not_fire_has_no_output_and_no_actions(test: Test, file: Path) -> None:
    found = reported(test, file, "--topic", TOPIC, "--payload", '{"celsius": 3}')
    assert found["reason"] == "WHERE is false"
    assert found["items"] == found["actions"] == []
    assert not found.keys() & {"output", "output_base64"}
    found = reported(test, file, "--topic", "a", "--payload", "{}")
    assert found["reason"].startswith("FROM does not match: ")
    assert not found.keys() & {"where", "items", "output", "output_base64"}


def test_numbers_stay_exact_in_the_json(test: Test) -> None:
    number = "1234567890123456789012345678901234"
    payload = f'{{"v": {number}, "w": 10.0}}'
    _, out, _ = test(
        "--sql", "SELECT v, w WHERE v > w", "--topic", "a", "--payload", payload, "--json"
    )
    assert f'"sql":"v","value":{number}}}' in out
    assert '"sql":"w","value":10.0}' in out
    assert f'"output":{{"v":{number},"w":10.0}}' in out


@pytest.mark.parametrize(
    ("where", "payload", "reason"),
    [
        ("a", '{"a":"true"}', 'WHERE is "true"'),
        ("a > 1", "{}", "WHERE is Undefined"),
        ("a", '{"a":null}', "WHERE is null"),
        ("a", '{"a":1}', "WHERE is 1"),
    ],
)
def test_only_true_lets_a_message_through(
    test: Test, where: str, payload: str, reason: str
) -> None:
    sql = f"SELECT * FROM 'a' WHERE {where}"
    assert reported(test, "--sql", sql, "--topic", "a", "--payload", payload)["reason"] == reason


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ([], "the payload is empty"),
        (["--payload", "hello"], "the payload is no JSON (line 1, column 1: "),
        (["--payload", '{"a":1,\n "b":}'], "the payload is no JSON (line 2, column 6: "),
        (["--payload-base64", "e/8="], "the payload is no JSON (byte 2: it is no UTF-8"),
        (["--payload", "[1]"], "the payload is JSON but no object"),
        (["--payload", "[" * 300 + "]" * 300], "the payload is JSON beyond what rules read"),
    ],
)
def test_what_may_surprise_is_noted(test: Test, options: list[str], note: str) -> None:
    found = reported(test, "--sql", "SELECT a FROM 'a'", "--topic", "a", *options)
    assert found["notes"][0].startswith(note)
    assert found["output"] == {}


@pytest.mark.parametrize("payload", ["{f:99.3}", " { room_2 : x}"])
def test_names_without_quotes_are_the_shells_work(test: Test, payload: str) -> None:
    found = reported(test, "--sql", "SELECT f FROM 'a'", "--topic", "a", "--payload", payload)
    assert "did the shell take them?" in found["notes"][1]


def test_a_list_without_quotes_is_not(test: Test) -> None:
    found = reported(test, "--sql", "SELECT f FROM 'a'", "--topic", "a", "--payload", "[a]")
    assert len(found["notes"]) == 1


def test_a_disabled_rule_is_noted(test: Test, file: Path) -> None:
    file.write_text(document(ruleDisabled=True))
    found = reported(test, file, "--topic", TOPIC, "--payload", '{"celsius":31}')
    assert found["fires"]
    assert found["notes"] == ["the rule is disabled: in a gateway it does not run"]


def test_a_rule_without_from_is_taken_as_reached_by_basic_ingest(test: Test, file: Path) -> None:
    options = ("--topic", "a", "--payload", '{"celsius":31}')
    file.write_text(document(sql="SELECT celsius", actions=[]))
    for rule in ((file,), ("--sql", "SELECT celsius")):
        found = reported(test, *rule, *options)
        assert found["fires"]
        assert found["notes"] == []
        assert found["from"]["note"].startswith("without FROM only Basic Ingest reaches it")


@pytest.mark.parametrize(
    ("topic", "matches", "ingests", "note"),
    [
        ("$aws/rules/too_hot/x/y", True, "too_hot", "Basic Ingest runs this rule alone"),
        ("$aws/rules/other/x/y", False, "other", "Basic Ingest runs the rule other alone"),
        ("$aws/rules/too_hot", False, "too_hot", "Basic Ingest topics have the form"),
    ],
)
def test_basic_ingest_is_explained(
    test: Test, file: Path, topic: str, matches: bool, ingests: str, note: str
) -> None:
    found = reported(test, file, "--topic", topic, "--payload", '{"celsius":31}')
    assert found["fires"] is matches
    assert (found["from"]["matches"], found["from"]["basic_ingest"]) == (matches, ingests)
    assert found["from"]["note"].startswith(note)
    assert matches or found["reason"] == found["from"]["note"]


def test_the_topic_of_basic_ingest_is_the_rest(test: Test) -> None:
    found = reported(test, "--sql", "SELECT topic() AS t", "--topic", "$aws/rules/any/x/y")
    assert found["output"] == {"t": "x/y"}
    found = reported(test, "--sql", "SELECT topic() AS t", "--topic", "x/y")
    assert found["output"] == {"t": "x/y"}
    assert found["from"]["note"].endswith("published to $aws/rules/<rule name>/x/y")


# --- the message and what surrounds it ------------------------------------------------------------


def test_a_payload_may_come_from_anywhere(
    test: Test, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payload").write_bytes(b"\xff\x00")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\x01")))
    for options, encoded in (
        (["--payload-file", tmp_path / "payload"], "/wA="),
        (["--payload-file", "-"], "/wE="),
        (["--payload-base64", "/wI="], "/wI="),
        (["--payload", "\udcff"], "/w=="),
        ([], ""),
    ):
        found = reported(test, "--sql", "SELECT *", "--topic", "a", *options)
        assert found["output_base64"] == encoded


def test_bytes_that_are_no_text_are_drawn_in_base64(test: Test) -> None:
    _, out, _ = test("--sql", "SELECT * FROM 'a'", "--topic", "a", "--payload-base64", "//8=")
    assert "  SELECT    *    the payload as it came\n" in out
    assert "Output  2 bytes, no text: shown in base64\n  //8=\n" in out


@pytest.mark.parametrize(
    ("select", "payload", "shown"),
    [
        ("*", "oops", "*    the payload as it came"),
        ("*", "[1]", "*    [1]"),
        ("*, 1 AS x", "oops", "*    Undefined: left out"),
        ("*, 1 AS x", "[1]", "*    [1]: left out"),
        ("*, 1 AS x", '{"a":1}', '*    {"a":1}'),
        ("* AS k", "oops", "k  *    Undefined: left out"),
        ("* AS k", "[1]", "k  *    [1]"),
    ],
)
def test_what_becomes_of_the_whole_payload(
    test: Test, select: str, payload: str, shown: str
) -> None:
    options = ("--topic", "a", "--sql-version", "2016-03-23", "--payload", payload)
    _, out, _ = test("--sql", f"SELECT {select} FROM 'a'", *options)
    line = next(line for line in out.splitlines() if line.startswith("  SELECT"))
    assert re.sub(" {4,}", "    ", line.removeprefix("  SELECT").strip()) == shown


def test_every_option_reaches_the_functions(test: Test, tmp_path: Path) -> None:
    fixtures = tmp_path / "fixtures.json"
    fixtures.write_text('{"shadows":{"t":{"v":1.50}}}')
    sql = (
        "SELECT clientid() AS c, principal() AS p, sourceip() AS i, traceid() AS t, "
        "accountid() AS a, timestamp() AS ms, get_mqtt_property('content_type') AS m, "
        f"get_thing_shadow('t', '{ROLE}').v AS s"
    )
    found = reported(
        test,
        *("--sql", sql, "--sql-version", "2016-03-23", "--topic", "a"),
        *("--client-id", "C", "--principal", "P", "--source-ip", "192.0.2.1", "--trace-id", "T"),
        *("--account", "123456789012", "--timestamp", "5", "--mqtt5", '{"content_type":"x"}'),
        *("--fixtures", fixtures),
    )
    assert found["output"] == {
        "c": "C", "p": "P", "i": "192.0.2.1", "t": "T",
        "a": "123456789012", "ms": 5, "m": "x", "s": 1.5,
    }  # fmt: skip


def test_a_function_that_cannot_be_answered_ends_the_test(test: Test) -> None:
    sql = f"SELECT get_thing_shadow('t', '{ROLE}') AS s FROM 'a'"
    options = ("--sql", sql, "--sql-version", "2016-03-23", "--topic", "a", "--payload", "{}")
    found = reported(test, *options)
    assert found["reason"].startswith("the evaluation failed: get_thing_shadow: ")
    assert found["notes"] == ["name a file with --fixtures that says what such functions are told"]
