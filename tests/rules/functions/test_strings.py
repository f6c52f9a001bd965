"""The functions of strings: a row for every documented behaviour."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules.expression import constant
from rules.functions import FUNCTIONS, CallSite
from rules.message import Context
from rules.syntax import Position
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED, V2015, V2016, Dialect, Value

Result = Callable[..., str]

PAYLOAD = """{"i": 7, "d": 2.50, "s": "Text", "n": "-5.5", "t": true, "nul": null, "whole": 10.0,
    "arr": [1, "x"], "list": ["HELLO"], "obj": {"k": "v"}, "pad": " \\t h i \\t ", "huge": 1.5E40,
    "lines": "\\r\\n a \\f\\n", "euro": "€", "face": "a😀b"}"""


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# The String form of each type of argument, as every function of strings sees it.
TEXTS = (
    ("i", "7"), ("d", "2.5"), ("t", "true"), ("s", "Text"), ("arr", '[1,"x"]'),
    ("obj", '{"k":"v"}'), ("whole", "10"), ("huge", "1.5E+40"), ("n", "-5.5"),
)  # fmt: skip
SAME = (
    "substring({}, 0)", "lpad({}, 0)", "rpad({}, 0)", "trim({})", "ltrim({})", "rtrim({})",
    "replace({}, '~', '')",
)  # fmt: skip


@pytest.mark.parametrize("call", SAME)
def test_every_type_is_converted_to_string_first(result: Result, call: str) -> None:
    for argument, text in TEXTS:
        assert result(call.format(argument), PAYLOAD) == quoted(text), argument
    assert result(call.format("whole"), PAYLOAD, "2015-10-08") == '"10.0"'
    for argument in ("nul", "nope", "1 / 0"):
        assert result(call.format(argument), PAYLOAD) == "U", argument


@pytest.mark.parametrize(
    "call",
    [
        "lower({})", "upper({})", "length({})", "numbytes({})", "startswith({}, '')",
        "startswith('', {})", "endswith({}, '')", "endswith('', {})", "indexof({}, '')",
        "indexof('', {})", "replace('', {}, '')", "replace('', '', {})", "chr({})",
        "lpad('', {})", "rpad('', {})", "substring('', {})", "substring('', {}, 1)",
        "substring('', 0, {})",
    ],
)  # fmt: skip
def test_null_and_undefined_have_no_text(result: Result, call: str) -> None:
    for argument in ("nul", "nope", "1 / 0"):
        assert result(call.format(argument), PAYLOAD) == "U", argument


@pytest.mark.parametrize(
    "call",
    [
        "chr()", "chr(65, 66)", "endswith('a')", "endswith('a', 'b', 'c')", "indexof('a')",
        "indexof('a', 'b', 0)", "length()", "length('a', 'b')", "lower()", "lower('a', 'b')",
        "lpad('a')", "lpad('a', 1, '-')", "ltrim()", "ltrim('a', 'a')", "newuuid(1)", "numbytes()",
        "numbytes('a', 'b')", "replace('a', 'b')", "replace('a', 'b', 'c', 'd')", "rpad('a')",
        "rpad('a', 1, '-')", "rtrim()", "rtrim('a', 'a')", "startswith('a')",
        "startswith('a', 'b', 'c')", "substring('a')", "substring('a', 1, 2, 3)", "trim()",
        "trim('a', 'a')", "upper()", "upper('a', 'b')",
    ],
)  # fmt: skip
def test_a_wrong_number_of_arguments_gives_undefined(result: Result, call: str) -> None:
    assert result(call, PAYLOAD) == "U"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("chr(65)", '"A"'), ("chr(49)", '"1"'), ("chr(65.9)", '"A"'), ("chr('65.9')", '"A"'),
        ("chr(0)", '"\\u0000"'), ("chr(127.9)", '"\x7f"'), ("chr(128)", "U"), ("chr(-0.1)", "U"),
        ("chr(-1)", "U"), ("chr(t)", "U"), ("chr(s)", "U"), ("chr(arr)", "U"), ("chr(obj)", "U"),
        ("chr(huge)", "U"), ("chr(8364)", "U"),

        ('endswith("cat", "at")', "true"), ("endswith('cat', 'ca')", "false"),
        ("endswith(127, 7)", "true"), ("endswith(t, 'ue')", "true"), ("endswith(arr, ']')", "true"),
        ("endswith('at', 'cat')", "false"), ("endswith('cat', '')", "true"),
        ("endswith('CAT', 'at')", "false"),
        ('startswith("ranger", "ran")', "true"), ("startswith('ranger', 'anger')", "false"),
        ("startswith(127, 12)", "true"), ("startswith(t, 'tr')", "true"),
        ("startswith(obj, '{')", "true"), ("startswith('ran', 'ranger')", "false"),
        ("startswith('', '')", "true"), ("startswith('Ranger', 'ran')", "false"),

        ('indexof("abcd", "bc")', "1"), ("indexof('abcabc', 'c')", "2"),
        ("indexof('abcd', 'x')", "-1"),
        ("indexof('abcd', '')", "0"), ("indexof('', '')", "0"), ("indexof(1234, 34)", "2"),
        ("indexof(t, 'ue')", "2"), ("indexof(arr, 'x')", "4"), ("indexof(face, 'b')", "2"),

        ('length("hi")', "2"), ("length(false)", "5"), ("length('')", "0"), ("length(i)", "1"),
        ("length(d)", "3"), ("length(arr)", "7"), ("length(obj)", "9"), ("length(euro)", "1"),
        ("length(face)", "3"),
        ('numbytes("hi")', "2"), ("numbytes(euro)", "3"), ("numbytes(face)", "6"),
        ("numbytes('')", "0"), ("numbytes(false)", "5"), ("numbytes(d)", "3"),
        ("numbytes(arr)", "7"),

        ("lower(['HELLO'])", '"[\\"hello\\"]"'), ("upper(['hello'])", '"[\\"HELLO\\"]"'),
        ('lower("HELLO")', '"hello"'), ("lower(list)", '"[\\"hello\\"]"'), ("lower(7)", '"7"'),
        ("lower(t)", '"true"'), ("lower(huge)", '"1.5e+40"'), ("lower('ÄÖ')", '"äö"'),
        ('upper("hello")', '"HELLO"'), ("upper(lower(list))", '"[\\"HELLO\\"]"'),
        ("upper(s)", '"TEXT"'), ("upper(arr)", '"[1,\\"X\\"]"'), ("upper('straße')", '"STRASSE"'),
        ("upper(t)", '"TRUE"'), ("Upper(s)", '"TEXT"'), ("upper(obj)", '"{\\"K\\":\\"V\\"}"'),

        ('lpad("hello", 2)', '"  hello"'), ("lpad(1, 3)", '"   1"'), ("lpad('a', 2.9)", '"  a"'),
        ("lpad('a', '2.9')", '"  a"'), ("lpad('a', -1)", '"a"'), ("lpad('a', -0.5)", '"a"'),
        ("length(lpad('a', 1000))", "1001"), ("length(lpad('a', 1001))", "1001"),
        ("length(lpad('a', huge))", "1001"), ("lpad('a', -huge)", '"a"'), ("lpad(t, 1)", '" true"'),
        ("lpad('a', t)", "U"), ("lpad('a', s)", "U"), ("lpad('a', arr)", "U"),
        ("lpad('a', obj)", "U"),
        ("lpad(arr, 1)", '" [1,\\"x\\"]"'),
        ('rpad("hello", 2)', '"hello  "'), ("rpad(1, 3)", '"1   "'), ("rpad('a', 2.9)", '"a  "'),
        ("rpad('a', '2.9')", '"a  "'), ("rpad('a', -1)", '"a"'),
        ("length(rpad('a', 1001))", "1001"), ("length(rpad('a', huge))", "1001"),
        ("rpad('a', t)", "U"), ("rpad('a', s)", "U"), ("rpad('a', arr)", "U"),
        ("rpad(t, 1)", '"true "'),

        ('Ltrim(" h i ")', '"h i "'), ("ltrim(pad)", '"h i \\t "'), ("ltrim('')", '""'),
        ("ltrim(lines)", '"\\r\\n a \\f\\n"'),
        ('rtrim(" h i ")', '" h i"'), ("rtrim(pad)", '" \\t h i"'), ("rtrim('  ')", '""'),
        ("rtrim(lines)", '"\\r\\n a \\f\\n"'),
        ('Trim(" hi ")', '"hi"'), ("trim(pad)", '"h i"'), ("trim(lines)", '"a"'),
        ("trim(' ')", '""'),

        ('replace("abcd", "bc", "x")', '"axd"'), ('replace("abcdabcd", "b", "x")', '"axcdaxcd"'),
        ("replace('abc', 'x', 'y')", '"abc"'), ("replace('aaa', 'aa', 'b')", '"ba"'),
        ("replace('a.c', '.', '$1')", '"a$1c"'), ("replace(t, 'r', 7)", '"t7ue"'),
        ("replace(1.5, '.', ',')", '"1,5"'), ("replace(arr, arr, obj)", '"{\\"k\\":\\"v\\"}"'),
        ("replace('abc', 'b', '')", '"ac"'), ("replace('ab', '', '-')", '"-a-b-"'),
        ("replace('a/b/c', '/', '-')", '"a-b-c"'), ("replace('', 'a', 'b')", '""'),

        ('substring("012345", 0)', '"012345"'), ('substring("012345", 2)', '"2345"'),
        ('substring("012345", 2.745)', '"2345"'), ("substring(123, 2)", '"3"'),
        ('substring("012345", -1)', '"012345"'), ("substring(true, 1.2)", '"rue"'),
        ("substring(false, -2.411E247)", '"false"'), ('substring("012345", 1, 3)', '"12"'),
        ('substring("012345", -50, 50)', '"012345"'), ('substring("012345", 3, 1)', '""'),
        ("substring('012345', 3, 3)", '""'), ("substring('012345', 6)", '""'),
        ("substring('012345', 7)", '""'), ("substring('012345', huge)", '""'),
        ("substring('012345', 0, huge)", '"012345"'), ("substring('012345', '1', '3.9')", '"12"'),
        ("substring('012345', s)", "U"), ("substring('012345', t)", "U"),
        ("substring('012345', 1, t)", "U"), ("substring('012345', arr)", "U"),
        ("substring('012345', 1, obj)", "U"), ("substring(face, 1, 2)", '"😀"'),
        ("substring(d, 1)", '".5"'), ("substring(arr, 1, 2)", '"1"'),
    ],
)  # fmt: skip
def test_functions_of_strings(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize("name", ["length", "numbytes", "indexof"])
def test_later_functions_are_refused_in_the_first_version(name: str) -> None:
    arguments = "a, b" if name == "indexof" else "a"
    with pytest.raises(rules.SqlError, match="2015-10-08"):
        rules.compile(f"SELECT {name}({arguments}) AS r", "2015-10-08")


def test_newuuid_gives_what_the_environment_makes_once_for_every_call() -> None:
    made = iter(("one", "two", "three"))
    environment = rules.Environment(lambda: 1, new_uuid=lambda: next(made))
    statement = rules.compile("SELECT newuuid() AS a, Newuuid() AS b", "2015-10-08")
    message = rules.Message("t", b"{}")
    assert statement.evaluate(message, environment) == b'{"a":"one","b":"two"}'
    single = rules.compile("SELECT newuuid() AS a", "2016-03-23")
    assert single.evaluate(message, environment) == b'{"a":"three"}'


def test_newuuid_is_a_random_uuid(result: Result) -> None:
    first = result("newuuid()")
    assert len(json.loads(first)) == 36
    assert first != result("newuuid()")


# --- bounds and properties -----------------------------------------------------------------------

FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)
NOWHERE = Context(rules.Message("t", b""), rules.Environment(lambda: 1))
HERE = Position(1, 1)


def call(name: str, *values: Value, dialect: Dialect = V2016) -> Value:
    arguments = tuple(constant(value) for value in values)
    site = CallSite(name, dialect, arguments, HERE, (HERE,) * len(arguments))
    return FUNCTIONS[name].build(site)({}, NOWHERE)


def test_a_result_beyond_the_bound_is_undefined() -> None:
    longest = "a" * MAX_TEXT_CHARACTERS
    assert call("upper", longest) == "A" * MAX_TEXT_CHARACTERS
    assert call("upper", "ß" + longest[1:]) is UNDEFINED
    assert call("lower", "İ" + longest[1:]) is UNDEFINED
    assert call("rpad", longest, 0) == longest
    assert call("rpad", longest, 1) is UNDEFINED
    assert call("lpad", longest, 1) is UNDEFINED
    assert call("replace", longest, "a", "b") == "b" * MAX_TEXT_CHARACTERS
    assert call("replace", longest, "x", "yy") == longest
    assert call("replace", "x" + longest[1:], "x", "yy") is UNDEFINED


def test_replace_does_not_build_what_is_too_long() -> None:
    # The product would be 64 GB.
    text = "a" * (MAX_TEXT_CHARACTERS // 4)
    assert call("replace", text, "a", text) is UNDEFINED
    assert call("replace", text, "", text) is UNDEFINED


texts = st.text(st.sampled_from('aAbß€😀 \t\n"\\'), max_size=12)


@FEW
@given(texts, st.integers(-3, 15), st.integers(-3, 15))
def test_substring_takes_the_characters_between(text: str, start: int, end: int) -> None:
    expected = "".join(c for i, c in enumerate(text) if start <= i < end)
    assert call("substring", text, start, end) == expected
    assert call("substring", text, start) == call("substring", text, start, 15)


@FEW
@given(texts, texts, texts)
def test_searching_functions_agree_with_each_other(text: str, part: str, new: str) -> None:
    index = call("indexof", text, part)
    assert isinstance(index, int)
    assert (index == -1) == (part not in text)
    assert call("startswith", text, part) == (index == 0)
    assert call("endswith", text + part, part) is True
    assert call("replace", text, part, new) == text.replace(part, new)
    assert call("numbytes", text) == len(text.encode())
    for dialect in (V2015, V2016):
        assert call("trim", text, dialect=dialect) == text.strip()
        assert call("ltrim", call("rtrim", text), dialect=dialect) == text.strip(" \t")
