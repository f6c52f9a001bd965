"""The functions of arrays and objects, and of Null and Undefined: a row for every behaviour."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import rules
from rules.expression import Code, Expression, constant
from rules.functions import FUNCTIONS, CallSite
from rules.message import Context
from rules.syntax import Position
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED, V2016, Value

Result = Callable[..., str]

PAYLOAD = """{"i": 7, "d": 2.5, "s": "Text", "n": "-5.5", "t": true, "nul": null, "whole": 10.0,
    "arr": [1, "x"], "list": ["HELLO"], "empty": [], "nest": [[1, 2], {"k": null}],
    "obj": {"my-key": 1, "1": 2, "a": null}, "abc": ["a", "b", "c"], "face": "a😀b",
    "attributes": {"data1": 1, "data2": 2}, "values": [{"a": 3}, {"b": 4}, {"c": 5}],
    "mixed": [{"a": 3}, 4], "clash": [{"data1": 9, "a": 3}], "mode": "enrichArray",
    "inner": {"s": "first", "items": [{"y": true}, {"y": false}]}}"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("concat()", "U"), ("concat(1)", "1"), ("concat(arr)", '[1,"x"]'), ("concat(t)", "true"),
        ("concat(nul)", "null"), ("concat(nope)", "U"), ("concat(obj)",
         '{"my-key":1,"1":2,"a":null}'), ("concat('a')", '"a"'),
        ("concat(arr, 2)", '[1,"x",2]'), ("concat('a', arr)", '["a",1,"x"]'),
        ('concat(abc, "hello", list)', '["a","b","c","hello","HELLO"]'),
        ("concat(arr, list)", '[1,"x","HELLO"]'), ("concat(arr, nul)", '[1,"x",null]'),
        ("concat(arr, t, obj)", '[1,"x",true,{"my-key":1,"1":2,"a":null}]'),
        ("concat(nest, empty)", '[[1,2],{"k":null}]'), ("concat(empty, empty)", "[]"),
        ("concat(arr, nope)", "U"), ("concat(1 / 0, arr)", "U"),
        ('concat("con", "cat")', '"concat"'), ('concat(1, "hello")', '"1hello"'),
        ('concat("he", "is", "man")', '"heisman"'), ("concat('he', 'llo')", '"hello"'),
        ("concat(s, 1, t, 2.50)", '"Text1true2.5"'), ("concat(s, obj)", '"Text{\\"my-key\\":1,'
         '\\"1\\":2,\\"a\\":null}"'), ("concat(s, nul)", "U"), ("concat(s, nope)", "U"),
        ("concat(1, 2)", '"12"'), ("concat(t, t)", '"truetrue"'), ("concat(s, whole)", '"Text10"'),
        ("concat([1, 2, 3], 4)", "[1,2,3,4]"), ('concat([1, 2, 3], "hello")', '[1,2,3,"hello"]'),
        ('concat([1, 2, 3], "hello", [4, 5, 6])', '[1,2,3,"hello",4,5,6]'),
        ("concat(obj, 1)", '"{\\"my-key\\":1,\\"1\\":2,\\"a\\":null}1"'), ("concat(1, nul)", "U"),

        ('get(["a", "b", "c"], 1)', '"b"'), ('get({"a": "b"}, "a")', '"b"'),
        ("get(abc, 1)", '"b"'), ("get(arr, 0)", "1"), ("get(arr, 1)", '"x"'), ("get(arr, 2)", "U"),
        ("get(arr, -1)", "U"), ("get(arr, '1')", '"x"'), ("get(arr, 1.9)", '"x"'),
        ("get(arr, -0.5)", "U"), ("get(arr, s)", "U"), ("get(arr, t)", "U"), ("get(arr, nul)", "U"),
        ("get(arr, nope)", "U"), ("get(arr, arr)", "U"), ("get(arr, obj)", "U"),
        ("get(arr, 1E50)", "U"), ("get(empty, 0)", "U"), ("get(nest, 0)", "[1,2]"),
        ("get(get(nest, 0), 1)", "2"), ("get(nest, 1).k", "null"),
        ('get("abc", 1)', '"b"'), ("get('abc', 0)", '"a"'), ("get('abc', 3)", "U"),
        ("get('abc', -1)", "U"), ("get('abc', '2')", '"c"'), ("get('abc', 2.9)", '"c"'),
        ("get('abc', t)", "U"), ("get('', 0)", "U"), ("get(s, 0)", '"T"'), ("get(face, 2)", '"b"'),
        ("get(obj, 'my-key')", "1"), ("get(obj, '1')", "2"), ("get(obj, 1)", "U"),
        ("get(obj, 'a')", "null"), ("get(obj, 'b')", "U"), ("get(obj, nul)", "U"),
        ("get(obj, arr)", "U"), ("get(obj, t)", "U"), ("get(obj, 'My-Key')", "U"),
        ("get(i, 0)", "U"), ("get(d, 0)", "U"), ("get(t, 0)", "U"), ("get(nul, 0)", "U"),
        ("get(nope, 0)", "U"), ("get(arr)", "U"), ("get(arr, 0, 1)", "U"), ("get()", "U"),

        ("isNull(5)", "false"), ("isNull(NULL)", "true"), ("isNull(nul)", "true"),
        ("isNull(obj.a)", "true"), ("isNull(d)", "false"), ("isNull(t)", "false"),
        ("isNull('')", "false"), ("isNull('null')", "false"), ("isNull(empty)", "false"),
        ("isNull(obj)", "false"), ("isNull(nope)", "false"), ("isnull(nul)", "true"),
        ("isNull()", "U"), ("isNull(nul, nul)", "U"),

        ("isUndefined(5)", "false"), ("isUndefined(floor([1, 2, 3]))", "true"),
        ("isUndefined([nope])", "false"),
        ("isUndefined(nope)", "true"), ("isUndefined(nul)", "false"), ("isUndefined(i)", "false"),
        ("isUndefined(d)", "false"), ("isUndefined(t)", "false"), ("isUndefined('')", "false"),
        ("isUndefined(arr)", "false"), ("isUndefined(obj)", "false"),
        ("isUndefined(1 / 0)", "true"), ("isundefined(obj.nope.x)", "true"),
        ("isUndefined()", "U"), ("isUndefined(1, 2)", "U"),

        ("get_or_default(i, 1)", "7"), ("get_or_default(nope, 1)", "1"),
        ("get_or_default(obj.nope.x, 'none')", '"none"'), ("get_or_default(1 / 0, arr)", '[1,"x"]'),
        ("get_or_default(nul, 1)", "1"), ("get_or_default(0, 1)", "0"),
        ("get_or_default('', 1)", '""'), ("get_or_default(1 > 2, 1)", "false"),
        ("get_or_default(empty, 1)", "[]"), ("get_or_default(obj.a, nul)", "null"),
        ("get_or_default(nope, nope)", "U"), ("get_or_default(nope, get_or_default(nul, 3))", "3"),
        ("GET_OR_DEFAULT(nope, 1)", "1"), ("get_or_default(nope)", "U"),
        ("get_or_default(nope, 1, 2)", "U"), ("get_or_default()", "U"),

        ('transform("enrichArray", attributes, values)',
         '[{"a":3,"data1":1,"data2":2},{"b":4,"data1":1,"data2":2},{"c":5,"data1":1,"data2":2}]'),
        ('transform("enrichArray", {"key": attributes.data1}, values)',
         '[{"a":3,"key":1},{"b":4,"key":1},{"c":5,"key":1}]'),
        ("transform('enrichArray', (SELECT s FROM inner), (SELECT VALUE items FROM inner))",
         '[{"y":true,"s":"first"},{"y":false,"s":"first"}]'),
        ("transform('enrichArray', {'data1': nope}, clash)", '[{"data1":9,"a":3}]'),
        ("transform(mode, attributes, clash)", '[{"data1":1,"a":3,"data2":2}]'),
        ("transform('enrichArray', attributes, empty)", "[]"),
        ("transform('enrichArray', get(nest, 1), values)",
         '[{"a":3,"k":null},{"b":4,"k":null},{"c":5,"k":null}]'),
        ("transform('enrichArray', attributes, mixed)", "U"),
        ("transform('enrichArray', attributes, arr)", "U"),
        ("transform('enrichArray', attributes, attributes)", "U"),
        ("transform('enrichArray', values, values)", "U"),
        ("transform('enrichArray', s, values)", "U"),
        ("transform('enrichArray', nul, values)", "U"),
        ("transform('enrichArray', nope, values)", "U"),
        ("transform('enrichArray', attributes, nul)", "U"),
        ("transform('enrichArray', attributes, nope)", "U"),
        ("transform('enricharray', attributes, values)", "U"), ("transform(s, obj, values)", "U"),
        ("transform(i, attributes, values)", "U"), ("transform(nope, attributes, values)", "U"),
        ("transform('enrichArray', attributes)", "U"), ("transform()", "U"),
        ("transform('enrichArray', attributes, values, 1)", "U"),
    ],
)  # fmt: skip
def test_functions_of_structures(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("concat(s, whole)", '"Text10.0"'), ("concat(arr, whole)", '[1,"x",10.0]'),
        ("get(arr, '1')", '"x"'), ("get(obj, 'my-key')", "1"), ("isNull(nul)", "true"),
    ],
)  # fmt: skip
def test_the_first_version(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD, "2015-10-08") == expected


@pytest.mark.parametrize("call", ["isUndefined(a)", "get_or_default(a, b)", "transform(a, b, c)"])
def test_later_functions_are_refused_in_the_first_version(call: str) -> None:
    with pytest.raises(rules.SqlError, match="2015-10-08"):
        rules.compile(f"SELECT {call} AS r", "2015-10-08")


def test_transform_does_not_change_the_message() -> None:
    statement = rules.compile("SELECT transform(mode, attributes, clash) AS r, clash", "2016-03-23")
    environment = rules.Environment(lambda: 1)
    outgoing = statement.evaluate(rules.Message("t", PAYLOAD.encode()), environment)
    assert outgoing == b'{"r":[{"data1":1,"a":3,"data2":2}],"clash":[{"data1":9,"a":3}]}'


def test_an_unknown_mode_of_transform_is_reported_when_the_rule_is_created() -> None:
    statement = rules.compile("SELECT transform('merge', a, b) AS r", "2016-03-23")
    (warning,) = statement.warnings
    assert warning.startswith("line 1, column 18: transform knows no mode but 'enrichArray'")
    assert rules.compile("SELECT transform('enrichArray', a, b) AS r", "2016-03-23").warnings == ()


def transformed(members: int, items: int, result: Result) -> str:
    added = ",".join(f'"{member:04}":1' for member in range(members))
    array = ",".join("{}" for _ in range(items))
    return result("transform('enrichArray', o, a)", f'{{"o":{{{added}}},"a":[{array}]}}')


def test_transform_gives_at_most_128_kib(result: Result) -> None:
    # An item is `{"0000":1}`, 10 bytes, and a comma: 11,915 of them have 131,066 bytes.
    assert len(transformed(1, 11_915, result)) == 131_066
    assert transformed(1, 11_916, result) == "U"
    assert transformed(9_000, 9_000, result) == "U"  # would have 81,000,000 members
    item = {"text": "x" * 131_000}
    payload = json.dumps({"o": {"k": 1}, "a": [item]})
    assert result("transform('enrichArray', o, a)", payload).endswith('x","k":1}]')
    item = {"text": "x" * 131_060}
    payload = json.dumps({"o": {"k": 1}, "a": [item]})
    assert result("transform('enrichArray', o, a)", payload) == "U"


# --- what is evaluated, and bounds ---------------------------------------------------------------

NOWHERE = Context(rules.Message("t", b""), rules.Environment(lambda: 1))
HERE = Position(1, 1)


def call(name: str, *arguments: Code) -> Value:
    site = CallSite(name, V2016, arguments, HERE, (HERE,) * len(arguments))
    return FUNCTIONS[name].build(site)({}, NOWHERE)


def failing() -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        raise rules.EvaluationFailed("there is nobody to ask")

    return run


def test_get_or_default_gives_the_default_where_the_expression_fails() -> None:
    assert call("get_or_default", Code(failing()), constant(1)) == 1
    assert call("get_or_default", Code(failing()), constant(UNDEFINED)) is UNDEFINED


def test_get_or_default_evaluates_the_default_only_where_it_is_needed() -> None:
    assert call("get_or_default", constant(0), Code(failing())) == 0
    for missing in (None, UNDEFINED):
        with pytest.raises(rules.EvaluationFailed):
            call("get_or_default", constant(missing), Code(failing()))


def test_concat_beyond_the_bounds_is_undefined() -> None:
    longest = constant("a" * MAX_TEXT_CHARACTERS)
    assert call("concat", longest, constant("")) == longest.value
    assert call("concat", longest, constant(1)) is UNDEFINED
    items: list[Value] = [None] * MAX_TEXT_CHARACTERS
    assert call("concat", constant(items), constant([])) == items
    assert call("concat", constant(items), constant(1)) is UNDEFINED
