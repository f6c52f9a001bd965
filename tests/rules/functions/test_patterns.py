"""The functions with regular expressions: a row for every documented behaviour."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import rules
from rules.functions import patterns
from rules.regex.linear import is_installed

Result = Callable[..., str]

PAYLOAD = r"""{"i": 1234, "d": 2.50, "s": "Text", "n": "-5.5", "t": true, "nul": null,
    "whole": 10.0, "arr": [1, "x"], "obj": {"k": "v"}, "re": "[a-c]+", "bad": "(", "deep": "((",
    "word": "aabbcc", "with": "<$0>", "euro": "€5", "lines": "one\ntwo\n", "look": "b(?=c)"}"""


@pytest.mark.parametrize("version", ["2015-10-08", "2016-03-23", "beta"])
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # A match anywhere
        ("regexp_matches(s, 'ex')", "true"), ("regexp_matches(s, '^ex')", "false"),
        ("regexp_matches(s, '^Text$')", "true"), ("regexp_matches(s, 'text')", "false"),
        ("regexp_matches(s, '(?i)text')", "true"), ("regexp_matches('aaaa', 'a{2,}')", "true"),
        ("regexp_matches('aaaa', 'b')", "false"), ("regexp_matches(s, '')", "true"),
        ("regexp_matches('', '')", "true"), ("regexp_matches('', 'a')", "false"),
        ("REGEXP_MATCHES(s, 'T')", "true"), ("regexp_matches(lines, '(?m)^two$')", "true"),
        ("regexp_matches(lines, 'two$')", "true"), ("regexp_matches(lines, 'one$')", "false"),
        # Types of the first argument
        ("regexp_matches(i, '23')", "true"), ("regexp_matches(d, '^2[.]5$')", "true"),
        ("regexp_matches(n, '^-')", "true"), ("regexp_matches(t, '^true$')", "true"),
        (r"regexp_matches(arr, '^\[1,\"x\"\]$')", "true"), ("regexp_matches(obj, 'k')", "true"),
        ("regexp_matches(nul, 'a')", "U"), ("regexp_matches(nope, 'a')", "U"),
        # Types of the second
        ("regexp_matches(i, 23)", "true"), ("regexp_matches('2x5', 2.5)", "true"),
        ("regexp_matches(s, true)", "false"), ("regexp_matches(t, true)", "true"),
        ("regexp_matches('x', arr)", "true"), ("regexp_matches(s, nul)", "U"),
        ("regexp_matches(s, nope)", "U"), ("regexp_matches('x', obj)", "U"),
        # From the message
        ("regexp_matches(word, re)", "true"), ("regexp_matches(s, re)", "false"),
        ("regexp_matches(s, bad)", "U"), ("regexp_matches('abc', look)", "true"),
        # No pattern, wrong counts
        ("regexp_matches(s, '(')", "U"), ("regexp_matches(s, '*')", "U"),
        ("regexp_matches(s)", "U"), ("regexp_matches()", "U"), ("regexp_matches(s, 'a', 'b')", "U"),

        ("regexp_replace('abcd', 'bc', 'x')", '"axd"'),
        ("regexp_replace('abcdef', 'b(.*)d', '$1')", '"acef"'),
        ("regexp_replace('banana', 'a', 'o')", '"bonono"'),
        ("regexp_replace('abc', 'x', 'y')", '"abc"'), ("regexp_replace('abc', '', '-')",
        '"-a-b-c-"'), ("regexp_replace('abc', 'x*', '-')", '"-a-b-c-"'),
        ("regexp_replace(word, '[b]+', '')", '"aacc"'), ("regexp_replace(word, re, with)",
        '"<aabbcc>"'), (r"regexp_replace('a', 'a', '\$1')", '"$1"'),
        ("regexp_replace('a-b', '(?<x>a)-(b)', '$2${x}')", '"ba"'),
        ("regexp_replace('ab', '(a)', '$12')", '"a2b"'), ("regexp_replace(euro, '€', 'EUR ')",
        '"EUR 5"'), ("regexp_replace(s, 'T', 1)", '"1ext"'), ("regexp_replace(s, 'T', t)",
        '"trueext"'), ("regexp_replace(i, 2, 5)", '"1534"'), ("regexp_replace(i, '2', d)",
        '"12.534"'), ("regexp_replace(t, 'r', '')", '"tue"'),
        (r"regexp_replace(arr, '[\[\]]', '')", r'"1,\"x\""'),
        (r"regexp_replace(obj, 'k', 'l')", r'"{\"l\":\"v\"}"'), ("regexp_replace('x', 'x', arr)",
        r'"[1,\"x\"]"'), ("regexp_replace('x', 'x', obj)", r'"{\"k\":\"v\"}"'),
        ("regexp_replace(nul, 'a', 'b')", "U"), ("regexp_replace(nope, 'a', 'b')", "U"),
        ("regexp_replace(s, nul, 'b')", "U"), ("regexp_replace(s, nope, 'b')", "U"),
        ("regexp_replace(s, 'a', nul)", "U"), ("regexp_replace(s, 'a', nope)", "U"),
        ("regexp_replace(s, '(', 'b')", "U"), ("regexp_replace(s, bad, 'b')", "U"),
        ("regexp_replace(s, 'T', '$1')", "U"), ("regexp_replace(s, 'z', '$1')", "U"),
        ("regexp_replace(s, 'T', '$')", "U"), (r"regexp_replace(s, 'T', '\')", "U"),
        ("regexp_replace(s, 'T')", "U"), ("regexp_replace(s)", "U"), ("regexp_replace()", "U"),
        ("regexp_replace(s, 'T', 'x', 'y')", "U"),

        ("regexp_substr('hihihello', '(hi)*')", '"hihi"'), ("regexp_substr('abc', 'b.')", '"bc"'),
        ("regexp_substr('abc', 'x')", "U"), ("regexp_substr('abc', 'x*')", '""'),
        (r"regexp_substr('id=42;id=7', '(?<=id=)\d+')", '"42"'),
        (r"regexp_substr('hello', '(\w)\1')", '"ll"'), ("regexp_substr(word, re)", '"aabbcc"'),
        ("regexp_substr(i, '[23]+')", '"23"'), ("regexp_substr(d, '[0-9]+$')", '"5"'),
        ("regexp_substr(n, '[^-]+')", '"5.5"'), ("regexp_substr(t, '.u')", '"ru"'),
        ("regexp_substr(arr, 'x')", '"x"'), ("regexp_substr(obj, '.v')", r'"\"v"'),
        ("regexp_substr(euro, '.')", '"€"'), ("regexp_substr(nul, 'a')", "U"),
        ("regexp_substr(nope, 'a')", "U"), ("regexp_substr(s, nul)", "U"),
        ("regexp_substr(s, nope)", "U"), ("regexp_substr(s, '[')", "U"),
        ("regexp_substr(s, bad)", "U"), ("regexp_substr(s)", "U"), ("regexp_substr()", "U"),
        ("regexp_substr(s, 'T', 1)", "U"),
    ],
)  # fmt: skip
def test_functions(result: Result, expression: str, expected: str, version: str) -> None:
    assert result(expression, PAYLOAD, version) == expected


def test_whole_decimals_are_written_as_the_version_does(result: Result) -> None:
    assert result("regexp_substr(whole, '.*')", PAYLOAD, "2015-10-08") == '"10.0"'
    assert result("regexp_substr(whole, '.*')", PAYLOAD, "2016-03-23") == '"10"'


@pytest.mark.parametrize("name", ["regexp_matches", "regexp_substr", "regexp_replace"])
def test_a_constant_that_is_no_pattern_is_warned_of(name: str) -> None:
    rest = ", ''" if name == "regexp_replace" else ""
    statement = rules.compile(f"SELECT {name}(a, '(b'{rest}) AS r FROM 't'", "2016-03-23")
    [warning] = statement.warnings
    assert warning.startswith(f"line 1, column {len(f'SELECT {name}(a, ') + 1}: {name}: '(b' is no")
    assert warning.endswith("a parenthesis is not closed")


@pytest.mark.parametrize("name", ["regexp_matches", "regexp_substr", "regexp_replace"])
def test_a_constant_that_cannot_be_run_is_refused(name: str) -> None:
    rest = ", ''" if name == "regexp_replace" else ""
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(f"SELECT {name}(a, '{'(' * 50 + ')' * 50}'{rest}) AS r FROM 't'")
    assert "this gateway cannot run the regular expression" in caught.value.problem
    assert "nested more than 40 deep" in caught.value.problem
    assert caught.value.column == len(f"SELECT {name}(a, ") + 1
    assert caught.value.hint


def test_a_pattern_of_a_message_that_cannot_be_run_is_undefined(result: Result) -> None:
    for pattern in ("(" * 50 + ")" * 50, "a" * 1001):
        payload = json.dumps({"re": pattern, "s": pattern})
        assert result("regexp_matches(s, re)", payload) == "U"
        assert result("regexp_substr(s, re)", payload) == "U"
        assert result("regexp_replace(s, re, '')", payload) == "U"


def test_what_takes_too_long_is_undefined(result: Result) -> None:
    payload = json.dumps({"s": "a" * 100_000})
    assert result(r"regexp_matches(s, '(a+)\1b')", payload) == "U"
    assert result("regexp_replace(s, 'a|b', 'x')", payload) == "U"
    assert result("regexp_replace(s, 'a', 'xxxxxxxxxxxxxxxxxxxxx')", payload) == "U"
    assert result("regexp_matches(s, '(a+)+b')", payload) == "false"


@pytest.mark.parametrize("is_linear", [True, False])
def test_a_machine_without_the_linear_engine_gives_the_same(
    result: Result, monkeypatch: pytest.MonkeyPatch, is_linear: bool
) -> None:
    assert is_installed()
    monkeypatch.setattr("rules.regex.pattern.is_installed", lambda: is_linear)
    assert result("regexp_matches(s, '(e|x)+')", PAYLOAD) == "true"
    assert result("regexp_substr(s, '(e|x)+')", PAYLOAD) == '"ex"'
    assert result("regexp_replace(s, '(e|x)+', '$1$1')", PAYLOAD) == '"Txxt"'
    assert result("regexp_substr(word, re)", PAYLOAD) == '"aabbcc"'


def test_the_table() -> None:
    assert [(function.name, function.counts) for function in patterns.TABLE] == [
        ("regexp_matches", (2,)),
        ("regexp_replace", (3,)),
        ("regexp_substr", (2,)),
    ]
    assert all(function.since.version == "2015-10-08" for function in patterns.TABLE)
