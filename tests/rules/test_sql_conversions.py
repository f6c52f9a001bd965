"""The tables of the chapter on types: implicit conversions and CAST."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Result = Callable[..., str]

PAYLOAD = """{"i": 7, "d": 2.7, "m": -2.2, "z": 0, "s": "text", "n": "5.9", "neg": "-1.5",
    "t": true, "f": false, "nul": null, "arr": [1, "x", true], "obj": {"k": "v", "w": [1.5]},
    "yes": "tRuE"}"""


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", "0"), ("-1.2", "-1.2"), ("5E-12", "5E-12"), ("1e3", "1000"), ("007", "7"),
     ("+5", "U"), (".5", "U"), ("5.", "U"), (" 5", "U"), ("5 ", "U"), ("1E+5", "U"),
     ("0x10", "U"), ("", "U"), ("1,5", "U"), ("NaN", "U"), ("Infinity", "U"), ("--1", "U"),
     ("\u0665", "U"), ("5\\n", "U"), ("1E99999", "U"), ("1E9999999999999999999999", "U")],
)  # fmt: skip
def test_numeric_strings(result: Result, text: str, number: str) -> None:
    assert result("s * 1", f'{{"s": "{text}"}}') == number


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # to String
        *((f"CAST(s AS {name})", '"text"') for name in
          ("String", "Nvarchar", "Text", "Ntext", "Varchar", "STRING")),
        ("CAST(i AS String)", '"7"'), ("CAST(d AS String)", '"2.7"'),
        ("CAST(10.0 AS String)", '"10"'), ("CAST(t AS String)", '"true"'),
        ("CAST(f AS String)", '"false"'), ("CAST(arr AS String)", '"[1,\\"x\\",true]"'),
        ("CAST(obj AS String)", '"{\\"k\\":\\"v\\",\\"w\\":[1.5]}"'),
        ("CAST(nul AS String)", "U"), ("CAST(nope AS String)", "U"),
        ("cast(1E40 AS string)", '"1E+40"'), ("CAST(0.0000001 AS String)", '"1E-7"'),
        # to Int
        ("CAST(i AS Int)", "7"), ("CAST(d AS Int)", "2"), ("CAST(m AS Integer)", "-3"),
        ("CAST(n AS Int)", "5"), ("CAST(neg AS Int)", "-2"), ("CAST(t AS Int)", "1"),
        ("CAST(f AS Int)", "0"), ("CAST(s AS Int)", "U"), ("CAST(yes AS Int)", "U"),
        ("CAST(nul AS Int)", "U"), ("CAST(arr AS Int)", "U"), ("CAST(obj AS Int)", "U"),
        ("CAST(nope AS Int)", "U"),
        # to Decimal
        ("CAST(i AS Decimal)", "7"), ("CAST(n AS Decimal)", "5.9"), ("CAST(t AS Double)", "1"),
        ("CAST(d AS Double)", "2.7"), ("CAST(s AS Decimal)", "U"), ("CAST(nul AS Decimal)", "U"),
        ("CAST(arr AS Decimal)", "U"),
        # to Boolean
        ("CAST(t AS Bool)", "true"), ("CAST(z AS Boolean)", "false"), ("CAST(i AS Bool)", "true"),
        ("CAST(m AS Bool)", "true"), ("CAST(0.0 AS Bool)", "false"), ("CAST(yes AS Bool)", "true"),
        ("CAST(s AS Bool)", "U"), ("CAST(nul AS Bool)", "U"), ("CAST(arr AS Bool)", "U"),
        ("CAST(nope AS Bool)", "U"),
    ],
)  # fmt: skip
def test_cast(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


def test_cast_keeps_a_decimal_apart_in_the_old_version(result: Result) -> None:
    assert result("CAST(i AS Double)", PAYLOAD, "2015-10-08") == "7.0"
    assert result("CAST(d AS Int)", PAYLOAD, "2015-10-08") == "2"
    assert result("CAST(10.0 AS String)", PAYLOAD, "2015-10-08") == '"10.0"'
