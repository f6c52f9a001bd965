"""Every function there is, with every documented behaviour; and the table itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rules
from rules.functions import FUNCTIONS

Result = Callable[..., str]

PAYLOAD = """{"i": 7, "d": 2.5, "s": "Text", "n": "-5.5", "t": true, "nul": null,
    "arr": [1, "x"], "list": ["HELLO"], "obj": {"my-key": 1, "1": 2, "a": null}}"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("abs(-7)", "7"), ("abs(-2.5)", "2.5"), ("abs(n)", "5.5"), ("abs(i)", "7"),
        ("abs(s)", "U"), ("abs(t)", "U"), ("abs(nul)", "U"), ("abs(nope)", "U"),
        ("abs(arr)", "U"), ("abs(obj)", "U"), ("abs()", "U"), ("abs(1, 2)", "U"),

        ("floor(1.2)", "1"), ("floor(-1.2)", "-2"), ("floor(3)", "3"), ("floor(n)", "-6"),
        ("floor(d)", "2"), ("floor(s)", "U"), ("floor(t)", "U"), ("floor(nul)", "U"),
        ("floor(nope)", "U"), ("floor(1.5E40)", "1.5E+40"), ("floor(arr)", "U"),

        ("round(1.2)", "1"), ("round(1.5)", "2"), ("round(1.7)", "2"), ("round(-1.1)", "-1"),
        ("round(-1.5)", "-2"), ("round(2.5)", "3"), ("round(d)", "3"), ("round(n)", "-6"),
        ("round(7)", "7"), ("round(s)", "U"), ("round(t)", "U"), ("round(nul)", "U"),
        ("round(nope)", "U"), ("round(1.5E40)", "1.5E+40"),

        ("concat()", "U"), ("concat(1)", "1"), ("concat(arr)", '[1,"x"]'), ("concat(t)", "true"),
        ("concat(arr, 2)", '[1,"x",2]'), ("concat('a', arr)", '["a",1,"x"]'),
        ("concat(arr, list)", '[1,"x","HELLO"]'), ("concat(arr, nul)", '[1,"x",null]'),
        ("concat(arr, nope)", "U"), ("concat('he', 'llo')", '"hello"'),
        ("concat(s, 1, t, 2.50)", '"Text1true2.5"'), ("concat(s, obj)", '"Text{\\"my-key\\":1,'
         '\\"1\\":2,\\"a\\":null}"'), ("concat(s, nul)", "U"), ("concat(s, nope)", "U"),
        ("concat(1, 2)", '"12"'),

        ("lower('HELLO')", '"hello"'), ("lower(list)", '"[\\"hello\\"]"'), ("lower(7)", '"7"'),
        ("lower(t)", '"true"'), ("lower(nul)", "U"), ("lower(nope)", "U"),
        ("upper(s)", '"TEXT"'), ("upper(arr)", '"[1,\\"X\\"]"'), ("upper('straße')", '"STRASSE"'),
        ("upper(t)", '"TRUE"'), ("upper(nul)", "U"), ("upper(nope)", "U"), ("Upper(s)", '"TEXT"'),

        ("get(arr, 0)", "1"), ("get(arr, 1)", '"x"'), ("get(arr, 2)", "U"), ("get(arr, -1)", "U"),
        ("get(arr, '1')", '"x"'), ("get(arr, 1.9)", '"x"'), ("get(arr, s)", "U"),
        ("get(arr, t)", "U"), ("get(arr, nul)", "U"), ("get('abc', 1)", '"b"'),
        ("get('abc', 3)", "U"), ("get(s, 0)", '"T"'), ("get(obj, 'my-key')", "1"),
        ("get(obj, '1')", "2"), ("get(obj, 1)", "U"), ("get(obj, 'a')", "null"),
        ("get(obj, 'b')", "U"), ("get(i, 0)", "U"), ("get(nul, 0)", "U"), ("get(nope, 0)", "U"),
        ("get(arr)", "U"), ("get(arr, 1E50)", "U"),

        ("isUndefined(nope)", "true"), ("isUndefined(nul)", "false"), ("isUndefined(i)", "false"),
        ("isUndefined(1 / 0)", "true"), ("isundefined(obj.nope.x)", "true"),

        ("topic()", '"a/b/c"'), ("topic(1)", '"a"'), ("topic(3)", '"c"'), ("topic(4)", "U"),
        ("topic(0)", "U"), ("topic(-1)", "U"), ("topic('2')", '"b"'), ("topic(s)", "U"),
        ("topic(i - 5)", '"b"'), ("topic(nope)", "U"),
        ("timestamp()", "1700000000123"), ("floor(timestamp() / 1E3)", "1700000000"),
        ("timestamp(1)", "U"),
        ("clientid()", '"n/a"'), ("clientId()", '"n/a"'),
    ],
)  # fmt: skip
def test_functions(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


def test_client_id_of_an_mqtt_publisher(result: Result) -> None:
    assert result("clientid()", client_id="bench-7") == '"bench-7"'


def test_empty_levels_of_a_topic_count(result: Result) -> None:
    assert result("topic(1)", topic="/a") == '""'
    assert result("topic(2)", topic="/a") == '"a"'


def test_every_function_is_there_or_says_it_is_not_yet() -> None:
    for function in FUNCTIONS.values():
        count = function.least
        sql = f"SELECT {function.name}({', '.join(['a'] * count)}) AS x FROM 't'"
        if function.build is None:
            with pytest.raises(rules.SqlError, match=f"not supported yet.*{function.name}"):
                rules.compile(sql, "2016-03-23")
        else:
            statement = rules.compile(sql, "2016-03-23")
            assert statement.warnings == ()


def test_what_does_not_depend_on_the_message_is_computed_once(result: Result) -> None:
    template = rules.compile_template("${upper(concat('a', 1 + 2 * 3))}")
    assert template.constant == "A7"
    assert rules.compile_template("${timestamp()}").constant is None
    assert rules.compile_template("${topic(1)}").constant is None
