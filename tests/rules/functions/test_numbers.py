"""The functions of numbers, exact ones and doubles: a row for every documented behaviour."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Decimal,
    localcontext,
)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules.expression import constant
from rules.functions import FUNCTIONS, CallSite
from rules.message import Context
from rules.syntax import Position
from rules.values import CONTEXT, V2016, Value

Result = Callable[..., str]

PAYLOAD = """{"i": 7, "d": 2.5, "s": "Text", "n": "-5.5", "t": true, "nul": null, "zero": 0.0,
    "arr": [1, "x"], "obj": {"a": 1}, "big": 9999999999999999999999999999999999, "huge": 1.5E40,
    "tiny": 1E-900, "vast": 1E900, "whole": 10.0, "long": 1.234567890123456789012345678901234}"""

OF_ONE = (
    "abs", "acos", "asin", "atan", "bitnot", "ceil", "cos", "cosh", "exp", "floor", "ln", "log",
    "round", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
)  # fmt: skip
OF_TWO = ("atan2", "bitand", "bitor", "bitxor", "mod", "power", "remainder", "trunc")
NO_NUMBERS = (
    "s", "t", "nul", "nope", "arr", "obj", "''", "'+5'", "'.5'", "' 5'", "'1E+5'", "'1E999999'",
)  # fmt: skip


@pytest.mark.parametrize("name", OF_ONE)
def test_what_is_no_number_gives_undefined(result: Result, name: str) -> None:
    for argument in NO_NUMBERS:
        assert result(f"{name}({argument})", PAYLOAD) == "U", argument
    for arguments in ("", "1, 1", "1, 1, 1"):
        assert result(f"{name}({arguments})", PAYLOAD) == "U", arguments


@pytest.mark.parametrize("name", OF_TWO)
def test_either_argument_that_is_no_number_gives_undefined(result: Result, name: str) -> None:
    for argument in NO_NUMBERS:
        assert result(f"{name}({argument}, 1)", PAYLOAD) == "U", argument
        assert result(f"{name}(1, {argument})", PAYLOAD) == "U", argument
    for arguments in ("", "1", "1, 1, 1"):
        assert result(f"{name}({arguments})", PAYLOAD) == "U", arguments


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("abs(-5)", "5"), ("abs(-7)", "7"), ("abs(-2.5)", "2.5"), ("abs(n)", "5.5"),
        ("abs(i)", "7"), ("abs(d)", "2.5"), ("abs(0)", "0"), ("abs('7')", "7"),
        ("abs(-big)", "9999999999999999999999999999999999"), ("abs(-huge)", "1.5E+40"),
        ("abs(-long)", "1.234567890123456789012345678901234"),

        ("ceil(1.2)", "2"), ("ceil(-1.2)", "-1"), ("ceil(3)", "3"), ("ceil(n)", "-5"),
        ("ceil(d)", "3"), ("ceil('1.2')", "2"), ("ceil(-0.5)", "0"), ("ceil(huge)", "1.5E+40"),
        ("ceil(tiny)", "1"), ("ceil(big)", "9999999999999999999999999999999999"),

        ("floor(1.2)", "1"), ("floor(-1.2)", "-2"), ("floor(3)", "3"), ("floor(n)", "-6"),
        ("floor(d)", "2"), ("floor('1.2')", "1"), ("floor(huge)", "1.5E+40"),
        ("floor(-tiny)", "-1"), ("floor(vast)", "1E+900"),

        ("round(1.2)", "1"), ("Round(1.5)", "2"), ("round(1.7)", "2"), ("round(-1.1)", "-1"),
        ("round(-1.5)", "-2"), ("round(2.5)", "3"), ("round(0.5)", "1"), ("round(-0.5)", "-1"),
        ("round(d)", "3"), ("round(n)", "-6"), ("round(7)", "7"), ("round('1.49')", "1"),
        ("round(0.49999999999999999999)", "0"), ("round(huge)", "1.5E+40"), ("round(tiny)", "0"),

        ("trunc(2.3, 0)", "2"), ("trunc(2.3123, 2)", "2.31"), ("trunc(2.888, 2)", "2.88"),
        ("trunc(2.00, 5)", "2"), ("trunc(-2.888, 2)", "-2.88"), ("trunc(i, 2)", "7"),
        ("trunc(2.888, 1.9)", "2.8"), ("trunc(2.888, -3)", "2"), ("trunc(n, 0)", "-5"),
        ("trunc('2.888', 2)", "2.88"), ("trunc(2.888, '2')", "U"), ("trunc(2.1001, 3)", "2.1"),
        ("trunc(long, 33)", "1.234567890123456789012345678901234"),
        ("trunc(long, 32)", "1.23456789012345678901234567890123"),
        ("trunc(long, 1000)", "1.234567890123456789012345678901234"),
        ("trunc(123.456, 34)", "123.456"), ("trunc(1E-34, 99)", "1E-34"), ("trunc(1E-35, 99)", "0"),
        ("trunc(2.5, vast)", "2.5"), ("trunc(2.5, -vast)", "2"), ("trunc(2.5, tiny)", "2"),
        ("trunc(2.5, -tiny)", "2"), ("trunc(huge, 2)", "1.5E+40"), ("trunc(tiny, 2)", "0"),
        ("trunc(-0.4, 0)", "0"),

        ("sign(-7)", "-1"), ("sign(0)", "0"), ("sign(13)", "1"), ("sign(-0.1)", "-1"),
        ("sign(d)", "1"), ("sign(n)", "-1"), ("sign('0.0')", "0"), ("sign(zero)", "0"),
        ("sign(-huge)", "-1"), ("sign(tiny)", "1"),

        ("mod(8, 3)", "2"), ("mod(-8, 3)", "-2"), ("mod(8, -3)", "2"), ("mod(8.5, 3)", "2.5"),
        ("mod('8', '3')", "2"), ("mod('8.5', 3)", "2.5"), ("mod(8, 0)", "U"), ("mod(8, zero)", "U"),
        ("remainder(8, 3)", "2"), ("remainder(-8.5, 3)", "-2.5"), ("remainder('8', 3)", "2"),
        ("remainder(n, 2)", "-1.5"), ("remainder(8, '0')", "U"), ("mod(vast, tiny)", "U"),
        ("mod(i, 4) = i % 4", "true"),

        ("bitand(13, 5)", "5"), ("bitand(13.9, 5.9)", "5"), ("bitand('13.9', '5')", "5"),
        ("bitand(-1, 5)", "5"), ("bitand(n, 15)", "10"), ("bitand(huge, 1)", "U"),
        ("bitor(8, 5)", "13"), ("bitor(8.9, '5')", "13"), ("bitor(-8, 5)", "-3"),
        ("bitor(1, 1.5E40)", "U"), ("bitor(big, 5192296858534827628530496329220095)",
         "1.038459371706965525706099265844019E+34"),
        ("bitxor(13, 5)", "8"), ("bitxor(13.5, '5.5')", "8"), ("bitxor(-1, 5)", "-6"),
        ("bitxor(huge, huge)", "U"),
        ("bitnot(13)", "-14"), ("bitnot(13.9)", "-14"), ("bitnot('13.9')", "-14"),
        ("bitnot(-1)", "0"), ("bitnot(n)", "5"), ("bitnot(bitnot(i))", "7"), ("bitnot(huge)", "U"),
        ("bitnot(big)", "-1E+34"), ("bitnot(-big)", "9999999999999999999999999999999998"),

        ("nanvl(8, 3)", "8"), ("Nanvl(8.5, 3)", "8.5"), ("nanvl(nope, 3)", "3"),
        ("nanvl(nul, 3)", "3"), ("nanvl(1 / 0, 'none')", '"none"'), ("nanvl(s, 3)", '"Text"'),
        ("nanvl(t, 3)", "true"), ("nanvl(arr, 3)", '[1,"x"]'), ("nanvl(obj, 3)", '{"a":1}'),
        ("nanvl('NaN', 3)", '"NaN"'), ("nanvl(nope, nul)", "null"), ("nanvl(nul, nope)", "U"),
        ("nanvl(acos(2), 0)", "0"), ("nanvl(1)", "U"), ("nanvl()", "U"), ("nanvl(1, 2, 3)", "U"),

        ("rand(1)", "U"),
    ],
)  # fmt: skip
def test_exact_functions(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("acos(0)", "1.5707963267948966"), ("acos(1)", "0"), ("acos('0')", "1.5707963267948966"),
        ("acos(2)", "U"), ("acos(d)", "U"), ("acos(n)", "U"), ("acos(vast)", "U"),
        ("asin(0)", "0"), ("asin(1)", "1.5707963267948966"), ("asin('1')", "1.5707963267948966"),
        ("asin(-1.1)", "U"), ("asin(n)", "U"),
        ("atan(0)", "0"), ("atan(1)", "0.7853981633974483"), ("atan('1')", "0.7853981633974483"),
        ("atan(vast)", "1.5707963267948966"), ("atan(-vast)", "-1.5707963267948966"),
        ("atan2(1, 0)", "1.5707963267948966"), ("atan2(-1, 0)", "-1.5707963267948966"),
        ("atan2('1', '0')", "1.5707963267948966"), ("atan2(0, 0)", "0"),
        ("atan2(0, -1.5)", "3.141592653589793"), ("atan2(1.5, 1.5)", "0.7853981633974483"),
        ("cos(0)", "1"), ("cos('0')", "1"), ("cos(vast)", "U"), ("cos(big) <= 1", "true"),
        ("cosh(2.3)", "5.037220649268761"), ("cosh('2.3')", "5.037220649268761"),
        ("cosh(0)", "1"), ("cosh(711)", "U"),
        ("exp(1)", "2.718281828459045"), ("exp('1')", "2.718281828459045"), ("exp(0.0)", "1"),
        ("exp(710)", "U"), ("exp(-vast)", "0"), ("exp(vast)", "U"),
        ("ln(exp(1))", "1"), ("ln(1)", "0"), ("ln('1')", "0"), ("ln(0)", "U"), ("ln(n)", "U"),
        ("ln(zero)", "U"), ("ln(tiny)", "U"), ("ln(vast)", "U"),
        ("log(100)", "2"), ("log('1000')", "3"), ("log(0.1)", "-1"), ("log(0)", "U"),
        ("log(-1)", "U"), ("log(n)", "U"),
        ("power(2, 5)", "32"), ("power(2, 3)", "8"), ("power('2', '5')", "32"),
        ("power(2, -1)", "0.5"), ("power(4, 0.5)", "2"), ("power(0, 0)", "1"),
        ("power(0, -1)", "U"),
        ("power(-8, 0.5)", "U"), ("power(10, 400)", "U"), ("power(10, -400)", "0"),
        ("power(big, big)", "U"), ("power(1, vast)", "1"), ("power(d, 2)", "6.25"),
        ("sin(0)", "0"), ("sin('0')", "0"), ("sin(vast)", "U"), ("sin(-0.0)", "0"),
        ("sinh(2.3)", "4.936961805545957"), ("sinh('2.3')", "4.936961805545957"),
        ("sinh(-711)", "U"),
        ("sqrt(9)", "3"), ("sqrt(2)", "1.4142135623730951"), ("sqrt('9')", "3"), ("sqrt(-1)", "U"),
        ("sqrt(n)", "U"), ("sqrt(6.25)", "2.5"), ("sqrt(0)", "0"),
        ("sqrt(big)", "100000000000000000"),
        ("tan(3)", "-0.1425465430742778"), ("tan('3')", "-0.1425465430742778"), ("tan(vast)", "U"),
        ("tanh(2.3)", "0.9800963962661914"), ("tanh('2.3')", "0.9800963962661914"),
        ("tanh(vast)", "1"),
    ],
)  # fmt: skip
def test_doubles(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # Int where AWS says Int …
        ("abs(-5)", "5"), ("ceil(1.2)", "2"), ("floor(d)", "2"), ("round(d)", "3"),
        ("sign(d)", "1"), ("mod(8, 3)", "2"), ("bitand(13.0, 5)", "5"), ("bitnot('13')", "-14"),
        ("trunc(2.3, 0)", "2"), ("trunc(2.00, 5)", "2"), ("nanvl(8, 3)", "8"),
        # … and Decimal where it says Decimal
        ("abs(whole)", "10.0"), ("abs('5')", "5.0"), ("mod(8.0, 3)", "2.0"), ("mod('8', 3)", "2.0"),
        ("asin(0)", "0.0"), ("atan(0)", "0.0"), ("cos(0)", "1.0"), ("exp(0)", "1.0"),
        ("log(100)", "2.0"), ("power(2, 5)", "32.0"), ("sin(0)", "0.0"), ("sqrt(9)", "3.0"),
    ],
)  # fmt: skip
def test_whole_results_in_the_first_version(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD, "2015-10-08") == expected


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (0.8231909191640703, "0.8231909191640703"), (0.0, "0"), (0.5, "0.5"),
        (1e-07, "1E-7"), (1 - 2**-53, "0.9999999999999999"),
    ],
)  # fmt: skip
def test_rand_gives_what_the_environment_draws(drawn: float, expected: str) -> None:
    environment = rules.Environment(lambda: 1, random=lambda: drawn)
    statement = rules.compile("SELECT rand() AS r", "2016-03-23")
    assert statement.evaluate(rules.Message("t", b"{}"), environment) == b'{"r":%b}' % (
        expected.encode()
    )


def test_rand_is_drawn_for_every_call_and_message() -> None:
    draws = iter((0.125, 0.25, 0.375, 0.75))
    environment = rules.Environment(lambda: 1, random=lambda: next(draws))
    statement = rules.compile("SELECT rand() AS a, rand() AS b", "2015-10-08")
    message = rules.Message("t", b"{}")
    assert statement.evaluate(message, environment) == b'{"a":0.125,"b":0.25}'
    assert statement.evaluate(message, environment) == b'{"a":0.375,"b":0.75}'


# --- properties ----------------------------------------------------------------------------------

FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)
NOWHERE = Context(rules.Message("t", b""), rules.Environment(lambda: 1))
HERE = Position(1, 1)

ints = st.integers(-(10**34) + 1, 10**34 - 1)
numbers = ints | st.builds(
    lambda digits, exponent: CONTEXT.scaleb(Decimal(digits), exponent), ints, st.integers(-60, 40)
)


def call(name: str, *values: Value) -> Value:
    arguments = tuple(constant(value) for value in values)
    site = CallSite(name, V2016, arguments, HERE, (HERE,) * len(arguments))
    return FUNCTIONS[name].build(site)({}, NOWHERE)


@FEW
@given(numbers, st.integers(-2, 40))
def test_rounding_agrees_with_decimal(number: int | Decimal, places: int) -> None:
    exact = Decimal(number)
    with localcontext(prec=120):
        for name, mode in (
            ("ceil", ROUND_CEILING), ("floor", ROUND_FLOOR), ("round", ROUND_HALF_UP),
        ):  # fmt: skip
            assert call(name, number) == exact.to_integral_value(mode)
        kept = Decimal(1).scaleb(-max(0, min(places, 34)))
        cut = call("trunc", number, places)
        assert cut == exact.quantize(kept, ROUND_DOWN)
        assert isinstance(cut, int) or cut != exact.to_integral_value() or abs(exact) >= 10**34


@FEW
@given(ints, ints)
def test_bits_agree_with_twos_complement(a: int, b: int) -> None:
    assert call("bitand", a, b) == CONTEXT.create_decimal(a & b)
    assert call("bitor", a, b) == CONTEXT.create_decimal(a | b)
    assert call("bitxor", a, b) == CONTEXT.create_decimal(a ^ b)
    assert call("bitnot", a) == CONTEXT.create_decimal(~a)


@FEW
@given(st.floats(-700, 700).map(repr).filter(lambda text: "e" not in text))
def test_doubles_keep_all_their_digits(text: str) -> None:
    number = Decimal(text)
    for name in ("sin", "atan", "tanh", "exp", "cosh"):
        assert float(call(name, number)) == getattr(math, name)(float(text))  # type: ignore[arg-type]
