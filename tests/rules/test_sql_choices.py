"""Chapter "Open points": what AWS's documentation leaves open, one row for each choice made here.

Each choice is in docs/compatibility.md; whoever changes one finds it here.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rules

Result = Callable[..., str]

PAYLOAD = '{"a": [10, 20], "o": {"k": 1}, "n": null, "s": "text", "d": -2.2}'


@pytest.mark.parametrize(
    ("point", "expression", "expected"),
    [
        ("Int/Int with remainder", "7 / 2", "3.5"),
        ("Int/Int without", "6 / 2", "3"),
        ("division by zero", "1 / 0", "U"),
        ("remainder by zero", "1 % 0", "U"),
        ("bitnot", "bitnot(13)", "-14"),
        ("concat of one number", "concat(1)", "1"),
        ("concat of numbers only", "concat(1, 2)", '"12"'),
        ("concat with Null", "concat('a', n)", "U"),
        ("concat with Undefined", "concat('a', nope)", "U"),
        ("text + Null", "'text' + n", "U"),
        ("text + Undefined", "'text' + nope", "U"),
        ("TRUE OR Undefined", "TRUE OR nope", "U"),
        ("FALSE AND Undefined", "FALSE AND nope", "U"),
        ("Null = Null", "n = NULL", "true"),
        ("Null <> Null", "n <> NULL", "false"),
        ("Decimal index in get", "get(a, 1.9)", "20"),
        ("negative cast to Int", "CAST(d AS Int)", "-3"),
        ("sqrt of a negative number", "sqrt(-1)", "U"),
        ("ln of zero", "ln(0)", "U"),
        ("ln of a negative number", "ln(-1)", "U"),
        ("log of zero", "log(0)", "U"),
        ("Undefined in an array literal", "[1, nope, 2]", "[1,2]"),
        ("Undefined in an object literal", "{'a': nope, 'b': 2}", '{"b":2}'),
        ("regexp_substr without a match", "regexp_substr(s, 'x+y')", "U"),
        ("indexof without a match", "indexof(s, 'q')", "-1"),
        ("topic(n) out of range", "topic(9)", "U"),
        ("topic(0)", "topic(0)", "U"),
    ],
)
def test_open_points_of_expressions(
    result: Result, point: str, expression: str, expected: str
) -> None:
    assert result(expression, PAYLOAD) == expected, point


@pytest.mark.parametrize(
    ("point", "sql", "payload", "expected"),
    [
        ("key of a.b", "SELECT o.k", PAYLOAD.encode(), b'{"k":1}'),
        ("key of a call", "SELECT upper(s)", PAYLOAD.encode(), b'{"upper":"TEXT"}'),
        ("AS a.b", "SELECT s AS x.y", PAYLOAD.encode(), b'{"x":{"y":"text"}}'),
        ("AS a.b beside AS a.c", "SELECT s AS x.y, 1 AS x.z", PAYLOAD.encode(),
         b'{"x":{"y":"text","z":1}}'),
        ("AS a.b where a is the payload's", "SELECT *, 2 AS o.l", b'{"o":{"k":1}}',
         b'{"o":{"k":1,"l":2}}'),
        ("AS a.b where a is no object", "SELECT *, 2 AS o.l", b'{"o":7}', b'{"o":{"l":2}}'),
        ("duplicate keys", "SELECT *, 1 AS s", b'{"s":0,"t":2}', b'{"s":1,"t":2}'),
        ("SELECT VALUE Undefined", "SELECT VALUE nope", b"{}", b""),
        ("SELECT VALUE of a String", "SELECT VALUE s", b'{"s":"x"}', b'"x"'),
        ("an array at the top", "SELECT a, topic(1) AS t", b'[{"a":1}]', b'{"t":"t"}'),
        ("a scalar at the top", "SELECT a, topic(1) AS t", b"80", b'{"t":"t"}'),
        ("a scalar at the top, with *", "SELECT *, topic(1) AS t", b"80", b'{"t":"t"}'),
        ("a binary payload with *, f()", "SELECT *, topic(1) AS t", b"\xff", b'{"t":"t"}'),
    ],
)  # fmt: skip
def test_open_points_of_select(
    environment: rules.Environment, point: str, sql: str, payload: bytes, expected: bytes
) -> None:
    statement = rules.compile(f"{sql} FROM 't'", "2016-03-23")
    assert statement.evaluate(rules.Message("t", payload), environment) == expected, point


def test_undefined_in_a_template_fails_the_action(environment: rules.Environment) -> None:
    template = rules.compile_template("x/${nope}", "2016-03-23")
    with pytest.raises(rules.TemplateUndefined):
        template.render(rules.Message("t", b"{}"), environment)


def test_later_functions_under_the_old_version_are_refused() -> None:
    with pytest.raises(rules.SqlError, match="not part of version 2015-10-08"):
        rules.compile("SELECT indexof(a, 'b') AS i FROM 't'", "2015-10-08")


def test_a_failing_evaluation_runs_no_action(environment: rules.Environment) -> None:
    statement = rules.compile("SELECT get_secret('a', 'SecretString', 'r') AS s", "2016-03-23")
    with pytest.raises(rules.EvaluationFailed):
        statement.evaluate(rules.Message("t", b"{}"), environment)
