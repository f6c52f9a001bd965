"""The table of functions itself, and the functions of the message.

Every kind of function has a file of its own in `functions/`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from decimal import Decimal

import pytest

import rules
from rules.compiler import Compiler
from rules.functions import FUNCTIONS, Function
from rules.message import Context
from rules.syntax import Attribute, Call, Position
from rules.values import DIALECTS, UNDEFINED, V2015, Undefined, Value

Result = Callable[..., str]
HERE = Position(1, 1)

PAYLOAD = """{"i": 7, "d": 2.5, "s": "Text", "n": "-5.5", "t": true, "nul": null,
    "arr": [1, "x"], "list": ["HELLO"], "obj": {"my-key": 1, "1": 2, "a": null}}"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("topic()", '"a/b/c"'), ("topic(1)", '"a"'), ("topic(3)", '"c"'), ("topic(4)", "U"),
        ("topic(0)", "U"), ("topic(-1)", "U"), ("topic('2')", '"b"'), ("topic(s)", "U"),
        ("topic(i - 5)", '"b"'), ("topic(nope)", "U"),
        ("timestamp()", "1700000000123"), ("floor(timestamp() / 1E3)", "1700000000"),
        ("timestamp(1)", "U"),
        ("clientid()", '"n/a"'), ("clientId()", '"n/a"'),
    ],
)  # fmt: skip
def test_functions_of_the_message(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


def test_client_id_of_an_mqtt_publisher(result: Result) -> None:
    assert result("clientid()", client_id="bench-7") == '"bench-7"'


def test_empty_levels_of_a_topic_count(result: Result) -> None:
    assert result("topic(1)", topic="/a") == '""'
    assert result("topic(2)", topic="/a") == '"a"'


# --- the table -----------------------------------------------------------------------------------

# What AWS documents, without `cast`, which has a syntax of its own.
NAMES = """abs accountid acos asin atan atan2 aws_lambda bitand bitor bitxor bitnot ceil chr
    clientid concat cos cosh decode encode endswith exp floor get get_dynamodb get_mqtt_property
    get_or_default get_registry_data get_secret get_thing_shadow get_user_properties indexof isNull
    isUndefined length ln log lower lpad ltrim machinelearning_predict md2 md5 mod nanvl newuuid
    numbytes parse_time power principal rand regexp_matches regexp_replace regexp_substr remainder
    replace round rpad rtrim sha1 sha224 sha256 sha384 sha512 sign sin sinh sourceip sql_version
    sqrt startswith substring tan tanh time_to_epoch timestamp topic traceid transform trim trunc
    upper"""


def test_every_documented_function_is_there_by_its_name() -> None:
    assert {function.name for function in FUNCTIONS.values()} == set(NAMES.split())
    for key, function in FUNCTIONS.items():
        assert key == function.name.lower()


def sql_of(function: Function, count: int) -> str:
    return f"SELECT {function.name}({', '.join('abcdefghij'[:count])}) AS x FROM 't'"


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_a_wrong_number_of_arguments_is_a_warning_and_undefined(function: Function) -> None:
    environment = rules.Environment(now_ms=lambda: 1)
    for count in range(10):
        if function.takes(count):
            continue
        statement = rules.compile(sql_of(function, count), "2016-03-23")
        (warning,) = statement.warnings
        assert f"{function.name} takes {function.parameters()}, not {count}" in warning
        assert statement.evaluate(rules.Message("t", b'{"a": 1}'), environment) == b"{}"


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_the_first_version_has_the_functions_of_the_first_version(function: Function) -> None:
    # With no arguments: whether the function is there is looked at before them.
    sql = sql_of(function, 0)
    if function.since is V2015:
        rules.compile(sql, "2015-10-08")
    else:
        with pytest.raises(rules.SqlError, match=f"{function.name} is not part of version 2015"):
            rules.compile(sql, "2015-10-08")


def test_how_many_arguments_there_may_be_in_words() -> None:
    def words(*counts: int) -> str:
        return Function("f", V2015, counts, FUNCTIONS["abs"].build).parameters()

    assert words() == "any number of arguments"
    assert words(0) == "no arguments"
    assert words(1) == "1 argument"
    assert words(2) == "2 arguments"
    assert words(0, 1) == "0 or 1 arguments"
    assert words(2, 3, 6) == "2, 3 or 6 arguments"


# Values at every edge: what no function may raise for, or take long for.
AWKWARD: tuple[Value, ...] = (
    UNDEFINED, None, True, False, 0, -1, 1, 10**34 - 1, -(10**34) + 1, 0.5, -2.5, 1e15,
    Decimal("-0"), Decimal("9.99E+999"), Decimal("-9.99E+999"), Decimal("1E-999"), Decimal("10.0"),
    "", "1", "-1.5E3", "1E999999999999", "true", "text", "é€😀\0\t", "base64", "9" * 5000,
    [], {}, [1, [2, {"a": None}]], {"a": [True, "x"]}, [{}, {"a": Decimal("0.1")}],
)  # fmt: skip


@pytest.mark.parametrize(
    "function",
    [function for function in FUNCTIONS.values() if not function.asks_outside],
    ids=lambda function: function.name,
)
def test_no_function_raises_whatever_the_values(function: Function) -> None:
    environment = rules.Environment(now_ms=lambda: 1)
    draw = random.Random(function.name)
    for count in function.counts or (0, 1, 2, 3, 4):
        combinations = list(
            [tuple(draw.choice(AWKWARD) for _ in range(count)) for _ in range(600)]
            if count > 2
            else itertools.product(AWKWARD, repeat=count)
        )
        names = "abcdefghij"[:count]
        attributes = tuple(Attribute(name, HERE) for name in names)
        for dialect in DIALECTS.values():
            if dialect.since < function.since.since:
                continue
            context = Context(rules.Message("a/b", b"{}"), environment)
            run = Compiler(dialect).compile(Call(function.name, attributes, HERE)).run
            for values in combinations:
                value = run(dict(zip(names, values, strict=True)), context)
                assert is_a_value(value)


def is_a_value(value: Value) -> bool:
    """Whether a value is as `values` promises, all the way down."""
    match value:
        case bool() | str() | None | Undefined():
            return True
        case int():
            return abs(value) < 10**34
        case Decimal():
            return value.is_finite() and len(value.as_tuple().digits) <= 34
        case list():
            return all(is_a_value(item) for item in value)
        case dict():
            return all(isinstance(key, str) and is_a_value(item) for key, item in value.items())
        case float():
            return value in AWKWARD  # as the payload had it; none comes out of arithmetic
    return False


def test_what_does_not_depend_on_the_message_is_computed_once(result: Result) -> None:
    template = rules.compile_template("${upper(concat('a', 1 + 2 * 3))}")
    assert template.constant == "A7"
    assert rules.compile_template("${timestamp()}").constant is None
    assert rules.compile_template("${topic(1)}").constant is None
