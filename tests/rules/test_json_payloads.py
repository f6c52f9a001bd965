"""Reading and writing JSON: exact numbers on both ways, and payloads that mean harm."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest

import rules
from rules.payload import MAX_DEPTH, decode, encode
from rules.values import UNDEFINED, V2015, V2016, Value, decimal_of_float

BIG = b'{"a": ' + b"9" * 5000 + b"}"


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"5", 5),
        (b"-0.5", Decimal("-0.5")),
        (b"0.1", Decimal("0.1")),
        (b"123456789012345", 123456789012345),
        (b"1234567890123456789", 1234567890123456789),
        (b"12345678901234567890123", 12345678901234567890123),
        (b"0.12345678901234567890", Decimal("0.12345678901234567890")),
        (b"0.100000000000000005551", Decimal("0.100000000000000005551")),
        (b"1e2", Decimal("1E2")),
        (b"1.5E-300", Decimal("1.5E-300")),
        (b"[1E999]", [Decimal("1E999")]),
        (b"1E-350", Decimal("1E-350")),
        (b"9" * 34, 10**34 - 1),
        (b"-" + b"9" * 34, -(10**34) + 1),
        (b"9" * 35, Decimal("1E35")),
        (BIG, UNDEFINED),
        (b"1E1000", UNDEFINED),
        (b"[1E-999]", [Decimal("1E-999")]),
        (b"1E-1000", UNDEFINED),
        (b'{"a": 9.9E-1000}', UNDEFINED),
        (b"[-1E-5000, 0]", UNDEFINED),
        (b'{"a": 1E99999999999999999999}', UNDEFINED),
        (b"[0E-99999999]", [Decimal(0)]),
    ],
)
def test_numbers_are_read_exactly(payload: bytes, value: Value) -> None:
    read = decode(payload)
    assert (decimal_of_float(read) if isinstance(read, float) else read) == value


def test_floats_stand_only_for_numbers_of_at_most_fifteen_digits() -> None:
    randomness = random.Random(7)
    for _ in range(500):
        digits = "".join(randomness.choices("0123456789", k=randomness.randint(1, 25)))
        text = f"{randomness.randint(0, 99)}.{digits}" + randomness.choice(("", "", "e3", "E-7"))
        read = decode(f'{{"k": [1, {text}]}}'.encode())
        assert isinstance(read, dict)
        number = read["k"][1]  # type: ignore[index, call-overload]
        exact = decimal_of_float(number) if isinstance(number, float) else number
        assert exact == Decimal(text), text


@pytest.mark.parametrize(
    "payload",
    [
        b"", b" ", b"no", b"{", b"[1,]", b"{'a': 1}", b"NaN", b"[Infinity]", b"[-Infinity, 1e5]",
        b"\xff\xfe", b'"\xff"', b'["\xff", 1e5]', b"\xef\xbb\xbf{}", b"\xef\xbb\xbf[1e5]", b"01",
        b"1.", b"[1e]", b"+1", b'"\\ud800"', b'["\\ud800", 1e5]', b'{"\\udc00": 1e5}',
        b'["\\uD83D", 1e5]', b'["a\tb", 1e5]', b"[1e5] x", b"1e5" * 1000, b"\0" * 300,
        b"[" * 131072, b"{" * 131072, b'{"a":' * 20000, b"[" * 5000 + b"1e5" + b"]" * 5000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * (MAX_DEPTH + 1) + b"1e5" + b"]" * (MAX_DEPTH + 1),
    ],
    ids=range(32),
)  # fmt: skip
def test_what_is_not_json_is_undefined_and_harms_nothing(
    payload: bytes, environment: rules.Environment
) -> None:
    assert decode(payload) is UNDEFINED
    statement = rules.compile("SELECT *, a, 1 AS k FROM 't' WHERE isUndefined(a)", "2016-03-23")
    assert statement.evaluate(rules.Message("t", payload), environment) == b'{"k":1}'


def test_surrogate_pairs_are_fine() -> None:
    assert decode(b'["\\ud83d\\ude00", 1e5]') == ["😀", Decimal(100000)]


def test_what_is_just_not_too_deep_goes_through(environment: rules.Environment) -> None:
    for number in (b"1", b"1e0"):
        levels = MAX_DEPTH - 1
        payload = b'{"a":' + b"[" * levels + number + b"]" * levels + b"}"
        message = rules.Message("t", payload)
        outgoing = rules.compile("SELECT a, a = a AS same", "beta").evaluate(message, environment)
        assert outgoing == payload.replace(b"1e0", b"1")[:-1] + b',"same":true}'
        text = rules.compile_template("${a}").render(message, environment)
        assert text.count("[") == levels


def test_hostile_payloads_are_read_in_time_that_grows_with_their_size() -> None:
    # quadratic work on these would take minutes, and the test's time limit would end it
    for unit in (b"1e", b"[,", b": ", b"0.0", b"[1e5,", b'"1e', b"\\u", b",                "):
        decode(unit * (131072 // len(unit)))


@pytest.mark.parametrize(
    ("value", "old", "new"),
    [
        (10.0, "10.0", "10"),
        (Decimal("10.0"), "10.0", "10"),
        (Decimal("2.50"), "2.5", "2.5"),
        (0.00001, "0.00001", "0.00001"),
        (0.0000001, "1E-7", "1E-7"),
        (Decimal("1E33"), "1" + "0" * 33 + ".0", "1" + "0" * 33),
        (Decimal("1E34"), "1E+34", "1E+34"),
        (-0.0, "0.0", "0"),
        (2**63, str(2**63), str(2**63)),
        (-(2**63) - 1, str(-(2**63) - 1), str(-(2**63) - 1)),
        ([1.0, {"a": None}, True, "ä\n"], '[1.0,{"a":null},true,"ä\\n"]',
         '[1,{"a":null},true,"ä\\n"]'),
    ],
)  # fmt: skip
def test_values_are_written_as_compact_json(value: Value, old: str, new: str) -> None:
    assert encode(value, V2015).decode() == old
    assert encode(value, V2016).decode() == new
    assert json.loads(new) is not None


def test_how_a_number_is_written_does_not_depend_on_its_neighbours(
    environment: rules.Environment,
) -> None:
    statement = rules.compile("SELECT *, a AS copy", "2016-03-23")
    for text in ("1.0", "0.00001", "0.0000001", "-7", "21.05", "1.10"):
        plain = rules.Message("t", f'{{"a":{text}}}'.encode())
        beside = rules.Message("t", f'{{"a":{text},"z":1e5}}'.encode())
        fast = statement.evaluate(plain, environment)
        exact = statement.evaluate(beside, environment)
        assert fast is not None
        assert exact is not None
        assert exact.replace(b',"z":100000', b"") == fast
