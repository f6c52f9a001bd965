"""`weir rule test`: what is wrong with what it was given, and what its output must not do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import rules
from gateway.cli.lines import render
from gateway.cli.main import main
from gateway.cli.rule_context import Surroundings
from gateway.cli.rule_picture import draw
from gateway.cli.rule_trial import Subject, judge
from tests.rig.rule_command import (
    ROLE,
    Test,
    document,
)

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


# --- wrong arguments ------------------------------------------------------------------------------


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
