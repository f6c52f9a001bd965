"""`weir rule test` with one message: the picture, the JSON, the exit codes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import rules
from gateway.cli import not_yet
from gateway.cli.lines import render
from gateway.cli.main import main
from gateway.cli.rule_context import Surroundings
from gateway.cli.rule_picture import draw
from gateway.cli.rule_trial import Subject, judge

ROLE = "arn:aws:iam::000000000000:role/gateway"
QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/alarms"
SQL = (
    "SET @f = celsius * 1.8 + 32 SELECT celsius, topic(2) AS house, nope, @f AS f "
    "FROM 'site/+/temperature' WHERE celsius > 30 AND NOT @f > 200"
)
ACTIONS: list[dict[str, object]] = [
    {"sqs": {"queueUrl": QUEUE, "roleArn": ROLE}},
    {"republish": {"topic": "hot/${nope}", "roleArn": ROLE}},
    {"s3": {"bucketName": "b", "key": "${@f}/${topic(2)}", "roleArn": ROLE}},
]
TOPIC = "site/north/temperature"
UNDEFINED_REMEDY = rules.TemplateUndefined("", "").hint


def document(**changes: object) -> str:
    payload = {"awsIotSqlVersion": "2016-03-23", "sql": SQL, "actions": ACTIONS, **changes}
    return json.dumps({"ruleName": "too_hot", "topicRulePayload": payload})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "too_hot.json"
    path.write_text(document())
    return path


Test = Callable[..., tuple[int, str, str]]


@pytest.fixture
def test(capsys: pytest.CaptureFixture[str]) -> Test:
    """Run the command; gives its exit code and what it printed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["rule", "test", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def reported(test: Test, *arguments: object) -> dict[str, Any]:
    """Return the JSON report of a test that ends with the exit code that suits it."""
    code, out, err = test(*arguments, "--json")
    found: dict[str, Any] = json.loads(out)
    fires_well = found["fires"] and found["failing_actions"] == 0
    assert (code, err) == (0 if fires_well else 1, "")
    assert out.count("\n") == 1
    return found


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
        ["3", "s3", "the action 's3' is not supported yet"],
        ["bucketName", "b"],
        ["key", "88.7/north"],
        ["roleArn", ROLE],
        ["errorAction", "republish", "topic", "oops"],
        ["roleArn", ROLE],
        ["qos", "0"],
    ]
    assert "warning  $.topicRulePayload.actions[2].s3: " in out


def test_all_of_it_as_json(test: Test, file: Path) -> None:
    found = reported(test, file, "--topic", TOPIC, "--payload", '{"celsius": 31.5}')
    warnings = found.pop("warnings")
    assert [each.partition(": ")[0] for each in warnings] == ["$.topicRulePayload.actions[2].s3"]
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
                "problem": "the action 's3' is not supported yet",
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


def test_a_rule_that_the_gateway_never_runs_is_noted(test: Test, file: Path) -> None:
    options = ("--topic", "a", "--payload", '{"celsius":31}')
    file.write_text(document(sql="SELECT celsius", actions=[]))
    (note,) = reported(test, file, *options)["notes"]
    assert note == "it has no FROM, and the gateway has no Basic Ingest yet: there it never runs"
    assert reported(test, "--sql", "SELECT celsius", *options)["notes"] == [note]
    assert reported(test, "--sql", "SELECT celsius FROM 'a'", *options)["notes"] == []


def test_a_topic_of_basic_ingest_is_noted(test: Test) -> None:
    options = ("--topic", "$aws/rules/r/a", "--payload", "{}")
    found = reported(test, "--sql", "SELECT a FROM 'b'", *options)
    assert found["notes"] == [
        "the gateway has no Basic Ingest yet: there no rule gets this message"
    ]


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


# --- what is wrong --------------------------------------------------------------------------------


def test_wrong_sql_has_a_caret_below_its_place(test: Test) -> None:
    code, out, err = test("--sql", "SELECT a,\n\tuper(b)\nFROM 'x'", "--topic", "x")
    assert (code, out) == (2, "")
    assert err == (
        "weir: line 2, column 2: unknown function 'uper'.\n"
        "     uper(b)\n"
        "     ^\n"
        "  Did you mean upper?\n"
    )


@pytest.mark.parametrize(
    ("before", "width"), [("a, " * 100, 0), ("'\x1b[2J' AS e, ", 0), ("'日本' AS j, ", 2)]
)
@pytest.mark.parametrize("behind", ["", ", a" * 100])
def test_the_caret_stays_below_its_place(test: Test, before: str, width: int, behind: str) -> None:
    code, _, err = test("--sql", f"SELECT {before}§{behind}", "--topic", "x")
    line, caret = err.splitlines()[1:3]
    assert code == 2
    assert line.index("§") + width == caret.index("^")
    assert len(line) < 140
    assert "\x1b" not in err


def test_a_hint_names_the_option_instead_of_the_documents_key(test: Test) -> None:
    code, _, err = test("--sql", "SELECT indexof(a, 'b') AS i FROM 'x'", "--topic", "x")
    assert code == 2
    assert "  Say --sql-version 2016-03-23; " in err
    assert "awsIotSqlVersion" not in err


def test_an_unknown_version_is_an_error_of_the_option(test: Test) -> None:
    options = ("--sql", "SELECT *", "--topic", "x", "--sql-version")
    assert test(*options, "2016-03-32")[2] == (
        "weir: --sql-version: unknown SQL version '2016-03-32'.\n  Did you mean 2016-03-23?\n"
    )
    assert test(*options, "1")[2].endswith("\n  There are 2015-10-08, 2016-03-23, beta.\n")


def test_json_that_is_wrong_has_a_caret_below_its_place(test: Test, file: Path) -> None:
    file.write_text('{\n  "sql": "SELECT "a" FROM b"\n}')
    code, _, err = test(file, "--topic", "x")
    assert code == 2
    assert err.splitlines()[2:] == [
        '      "sql": "SELECT "a" FROM b"',
        "                      ^",
        r"""  Inside a string write \" or use '…'.""",
    ]


def test_every_problem_of_a_document_is_shown(test: Test, file: Path) -> None:
    actions = [{"republish": {"topic": "a/${b +}", "roleArn": ROLE}}]
    file.write_text(document(sql="SELECT a FORM b", actions=actions, nope=1))
    code, out, err = test(file, "--topic", "x")
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert lines[0] == "weir: too_hot.json cannot be used:"
    assert any(line.startswith("  $.topicRulePayload.nope: unknown key 'nope'") for line in lines)
    for text, column in (("SELECT a FORM b", 10), ("a/${b +}", 8)):
        at = lines.index(f"    {text}")
        assert lines[at + 1] == " " * (3 + column) + "^"


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"\xff", b"[" * 5000, b'{"sql":"\\ud800"}'])
def test_a_file_that_is_no_rule_is_told(test: Test, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    code, out, err = test(file, "--topic", "x")
    assert (code, out) == (2, "")
    assert err.startswith("weir: too_hot.json cannot be used:\n  $")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--topic", "a"], "name one rule to test."),
        (["x.json", "--sql", "SELECT *", "--topic", "a"], "name one rule to test."),
        (["x.json", "--sql-version", "beta", "--topic", "a"], "--sql-version does not go with"),
        (["--sql", "SELECT *"], "a topic is missing."),
        (["--sql", "SELECT *", "--topic", "a/#"], "holds a wildcard"),
        (["--sql", "SELECT *", "--topic", ""], "a topic name is empty"),
        (["--sql", "SELECT *", "--topic", "\udcff"], "the topic cannot be written in UTF-8"),
        (["--sql", "\udcff", "--topic", "a"], "the SQL cannot be written in UTF-8"),
        (["--sql", "SELECT *", "--sql-version", "1", "--topic", "a"], "unknown SQL version '1'"),
        (["/nowhere.json", "--topic", "a"], "/nowhere.json cannot be read: No such file"),
        (["/", "--topic", "a"], "/ cannot be read: Is a directory"),
    ],
)
def test_wrong_arguments_are_told(test: Test, arguments: Sequence[str], sentence: str) -> None:
    code, out, err = test(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("weir: ")
    assert sentence in err


@pytest.mark.parametrize(
    ("option", "given", "sentence"),
    [
        ("--payload-base64", "*", "--payload-base64 is no base64"),
        ("--payload-file", "/nowhere", "/nowhere cannot be read"),
        ("--fixtures", "/nowhere", "/nowhere cannot be read"),
        ("--fixtures", "/dev/null", "fixtures: it does not begin with '{'"),
        ("--mqtt5", "[]", "mqtt5 is no JSON object"),
        ("--client-id", "\udcff", "--client-id cannot be written in UTF-8"),
        ("--timestamp", "9" * 20, "--timestamp is no whole number of milliseconds"),
    ],
)
def test_wrong_options_are_told(test: Test, option: str, given: str, sentence: str) -> None:
    code, out, err = test("--sql", "SELECT *", "--topic", "a", option, given)
    assert (code, out) == (2, "")
    assert err.startswith(f"weir: {sentence}")


# --- the terminal ---------------------------------------------------------------------------------


def drawn(sql: str, payload: bytes, width: int, *, colour: bool = False) -> list[str]:
    trial = judge(Subject(rules.compile(sql)), "a", payload, Surroundings())
    return render(draw(trial, width), width=width, height=None, colour=colour)


def test_a_narrow_terminal_shortens_the_sql_and_keeps_the_values() -> None:
    lines = drawn(f"SELECT a FROM 'a' WHERE a > 1{' AND a > 1' * 9}", b'{"a":2}', 60)
    where = next(line for line in lines if "WHERE" in line)
    assert where.rstrip().endswith("…  true")
    assert max(map(len, lines)) <= 60


def test_the_output_and_the_verdict_are_wrapped_not_cut() -> None:
    lines = drawn("SELECT * FROM 'a'", b'"' + b"x" * 100 + b'"', 42)
    at = next(at for at, line in enumerate(lines) if line.startswith("Output"))
    assert "".join(line.strip() for line in lines[at + 1 : at + 4]) == '"' + "x" * 100 + '"'
    notes = " ".join(line.removeprefix("note").strip() for line in lines[at + 5 :])
    assert notes.endswith("so every name in the SQL is Undefined.")


def test_what_devices_send_cannot_move_the_cursor() -> None:
    lines = drawn("SELECT *, a AS b FROM 'a'", b'{"a":"\x7f\xc2\x9b2J"}', 100)
    assert all(line.isprintable() for line in lines)
    assert any(r"\x9b" in line for line in lines)


def test_colours_are_for_terminals_only() -> None:
    plain = drawn("SELECT a FROM 'a' WHERE a", b'{"a":true}', 100)
    coloured = drawn("SELECT a FROM 'a' WHERE a", b'{"a":true}', 100, colour=True)
    assert coloured[0] == "\x1b[32mThe rule fires.\x1b[0m"
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == plain


# --- what is not there yet ------------------------------------------------------------------------


@pytest.mark.parametrize("action", sorted(not_yet.ACTIONS["rule"]))
def test_the_other_actions_say_what_to_do_meanwhile(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rule", action, "too_hot", "--anything"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"weir: rule {action} is not there yet: ")
    assert err.endswith(".\n")


def test_the_help_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rule", "--help"])
    assert caught.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.endswith("Not there yet: list, show, why, trace, enable, disable, apply.")


@pytest.mark.parametrize(
    "arguments", [["rule"], ["rule", "tset"], ["rule", "test", "--cases", "--x"]]
)
def test_other_words_are_wrong_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        ("--sqlversion", "; did you mean --sql-version?"),
        ("--payloadfile=x", "; did you mean"),
        ("--x", ""),
    ],
)
def test_an_unknown_option_is_told_with_the_nearest(
    option: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rule", "test", option])
    assert caught.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"weir rule test: error: rule test does not take {option}{remedy}")
    assert remedy or said.endswith(option)
