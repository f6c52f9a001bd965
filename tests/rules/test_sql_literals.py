"""Chapters "Literals" and "Case statements"."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rules

Result = Callable[..., str]

PAYLOAD = """{"lat": 47.696, "long": -122.332, "lat_long": [47.606, -122.332], "color": "yellow",
    "i": 1, "d": 1.0, "n": "1", "t": true, "nul": null, "arr": [1, 2], "obj": {"a": 1}}"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # the documented samples
        ("{'latitude': get(lat_long, 0), 'longitude': get(lat_long, 1)}",
         '{"latitude":47.606,"longitude":-122.332}'),
        ("[lat, long]", "[47.696,-122.332]"),
        # forms
        ("[]", "[]"), ("{}", "{}"), ("[{}]", "[{}]"), ("[1, 'x', TRUE, NULL]", '[1,"x",true,null]'),
        ('{"a": 1, \'b\': "x"}', '{"a":1,"b":"x"}'),
        ("{'a': {'b': [1, {'c': i + 1}]}}", '{"a":{"b":[1,{"c":2}]}}'),
        ("{'my key': 1, '': 2, 'it''s': 3}", '{"my key":1,"":2,"it\'s":3}'),
        ("{'a': 1, 'a': 2}", '{"a":2}'),
        ("[-1, 1.50, 1E3, 10.0]", "[-1,1.5,1000,10]"),
        # Undefined leaves no trace, Null stays
        ("[1, nope, 2]", "[1,2]"), ("[nul]", "[null]"), ("[nope]", "[]"),
        ("{'a': nope, 'b': nul}", '{"b":null}'),
        # they are values like others
        ("{'a': {'b': 5}}.a.b", "5"), ("get([1, 2], 1)", "2"), ("get({'k-k': 7}, 'k-k')", "7"),
        ("[1, 2] = arr", "true"), ("[2, 1] = arr", "false"), ("{'a': 1.0} = obj", "true"),
        ("concat([1], [2])", "[1,2]"), ("'x' + [1, 'a']", '"x[1,\\"a\\"]"'),
        ("cast({'a': 1} AS String)", '"{\\"a\\":1}"'), ("isUndefined({})", "false"),
        ("[1] + 1", "U"), ("NOT [TRUE]", "U"), ("[1] > 0", "U"),
    ],
)  # fmt: skip
def test_literals(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("sql", "column", "says"),
    [
        ("SELECT [1", 10, "expected an operator, ',' or ']', found the end"),
        ("SELECT [1 2] AS x", 11, "expected an operator, ',' or ']', found '2'"),
        ("SELECT [1,] AS x", 11, "expected an expression, found ']'"),
        ("SELECT [*] AS x", 9, "expected an expression, found '*'"),
        ("SELECT {a: 1} AS x", 9, "expected a key in quotes, found 'a'"),
        ("SELECT {'a' 1} AS x", 13, "expected ':' and the key's value"),
        ("SELECT {'a': 1,} AS x", 16, "expected a key in quotes, found '}'"),
        ("SELECT {'a': 1 AS x", 16, "expected an operator, ',' or '}', found 'AS'"),
        ("SELECT {'a': } AS x", 14, "expected an expression"),
        ("SELECT a IN ('x', 'y') AS z", 17, "expected an operator or ')', found ','"),
        ("SELECT a NOT IN b AS x", 10, "expected an operator"),
        ("SELECT a IS NULL AS x", 10, "expected an operator"),
    ],
)
def test_wrong_literals(sql: str, column: int, says: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql, "2016-03-23")
    assert says in str(caught.value)
    assert caught.value.column == column


def test_the_old_version_has_none() -> None:
    for expression in ("[1]", "{'a': 1}", "a IN [1]"):
        with pytest.raises(rules.SqlError, match="literal is not part of version 2015"):
            rules.compile(f"SELECT {expression} AS x")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # the documented sample
        ("CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'caution' WHEN 'red' THEN 'stop' "
         "ELSE 'you are not at a stop light' END", '"caution"'),
        ("CASE color WHEN 'blue' THEN 1 ELSE 'none' END", '"none"'),
        ("CASE color WHEN 'blue' THEN 1 END", "U"),
        ("case color when 'yellow' then 1 end", "1"),
        # the first match wins; comparing is `=`, without conversion
        ("CASE i WHEN 1 THEN 'a' WHEN 1 THEN 'b' END", '"a"'),
        ("CASE i WHEN '1' THEN 'text' WHEN 1.0 THEN 'number' END", '"number"'),
        ("CASE n WHEN 1 THEN 'number' WHEN '1' THEN 'text' END", '"text"'),
        ("CASE t WHEN 'true' THEN 1 WHEN TRUE THEN 2 END", "2"),
        ("CASE arr WHEN [1, 2] THEN 'same' END", '"same"'),
        ("CASE obj WHEN {'a': 1} THEN 'same' END", '"same"'),
        # Undefined and Null
        ("CASE nope WHEN 1 THEN 'a' ELSE 'b' END", "U"),
        ("CASE nul WHEN 1 THEN 'a' ELSE 'b' END", '"b"'),
        ("CASE nul WHEN NULL THEN 'a' ELSE 'b' END", '"a"'),
        ("CASE i WHEN nope THEN 'a' ELSE 'b' END", '"b"'),
        ("CASE i WHEN 1 THEN nope ELSE 'b' END", "U"),
        ("CASE i WHEN 1 THEN NULL END", "null"),
        # any expression, anywhere
        ("CASE i + 1 WHEN d + 1 THEN i * 10 END", "10"),
        ("CASE (i > 0) WHEN TRUE THEN 'positive' ELSE 'not' END", '"positive"'),
        ("CASE i WHEN 1 THEN CASE t WHEN TRUE THEN 'both' END END", '"both"'),
        ("upper(CASE i WHEN 1 THEN 'x' END) + '!'", '"X!"'),
        ("(CASE i WHEN 1 THEN obj END).a", "1"),
        ("CASE topic(1) WHEN 'a' THEN 1 END", "1"),
        ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", '"b"'),
    ],
)  # fmt: skip
def test_case(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


def test_case_is_part_of_every_version(result: Result) -> None:
    for version in ("2015-10-08", "2016-03-23", "beta"):
        assert result("CASE i WHEN 1 THEN 'a' END", PAYLOAD, version) == '"a"'


@pytest.mark.parametrize(
    ("sql", "column", "says"),
    [
        ("SELECT CASE a END AS x", 15, "expected an operator or WHEN, found 'END'"),
        ("SELECT CASE WHEN a = 1 THEN 2 END AS x", 18, "expected an operator or WHEN"),
        ("SELECT CASE a WHEN 1 END AS x", 22, "expected an operator or THEN"),
        ("SELECT CASE a WHEN 1 THEN 2 AS x", 29, "expected an operator, WHEN, ELSE or END"),
        ("SELECT CASE a WHEN 1 THEN 2 ELSE 3 AS x", 36, "expected an operator or END"),
        ("SELECT CASE a WHEN 1 THEN 2 ELSE 3 WHEN 4 THEN 5 END AS x", 36, "or END, found 'WHEN'"),
    ],
)
def test_wrong_cases(sql: str, column: int, says: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql)
    assert says in str(caught.value)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("case", "column", "hint"),
    [
        ("CASE WHEN a > 1 THEN 2 END", 18, "CASE TRUE WHEN a > 1 THEN"),
        ("CASE WHEN NOT a THEN 2 END", 18, "CASE TRUE WHEN a > 1 THEN"),
        ("CASE WHEN (a > 1) THEN 2 END", 26, "CASE TRUE WHEN a > 1 THEN"),
        ("CASE WHEN -a > 1 THEN 2 END", 25, "CASE TRUE WHEN a > 1 THEN"),
        ("CASE -a WHEN 1 THEN 2 END", 16, "put the operand in parentheses: CASE (-a) WHEN"),
        ("abs(CASE -a WHEN 1 THEN 2 END)", 20, "CASE (-a) WHEN"),
        ("CASE a WEHN 1 THEN 2 END", 15, "did you mean WHEN?"),
        ("CASE a WHEN 1 THAN 2 END", 22, "did you mean THEN?"),
        ("CASE a WHEN 1 THEN 2 ESLE 3 END", 29, "did you mean ELSE?"),
        ("CASE a WHEN 1 THEN 2 EDN", 29, "did you mean END?"),
        ("CASE a WHEN 1 THEN 2 ELSE 3 EN", 36, "did you mean END?"),
        ("CASE a END", 15, "for example: CASE a WHEN 1 THEN"),
    ],
)
def test_a_wrong_case_says_what_to_do(case: str, column: int, hint: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(f"SELECT {case} AS x")
    assert caught.value.column == column
    assert hint in caught.value.hint


def test_a_case_may_do_what_the_hints_say(result: Result) -> None:
    assert (
        result("CASE TRUE WHEN i > 1 THEN 'more' WHEN i > 0 THEN 'some' END", PAYLOAD) == '"some"'
    )
    assert result("CASE (-i) WHEN -1 THEN 'minus' END", PAYLOAD) == '"minus"'
    assert result("case - 1", '{"case": 3}') == "2"


def test_constants_are_computed_once() -> None:
    for text, constant in (
        ("${CASE 1 WHEN 1 THEN 'a' END}", "a"),
        ("${get([1, 2 + 3], 1)}", "5"),
        ("${{'k': 'v'}.k}", "v"),
        ("${'x' IN ['x']}", "true"),
    ):
        assert rules.compile_template(text, "2016-03-23").constant == constant
    assert rules.compile_template("${[a]}", "2016-03-23").constant is None
