"""The tables of the chapter on operators, row by row."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Result = Callable[..., str]

PAYLOAD = """{"i": 7, "d": 2.5, "s": "text", "n": "5", "t": true, "f": false, "null": null,
    "arr": [1, "x", [2.0]], "arr2": [1.0, "x", [2]], "rev": ["x", 1, [2]], "nul": null,
    "arr3": [1, "x"], "obj4": {"a": 1, "b": {"c": 3}},
    "obj": {"a": 1, "b": {"c": 2}}, "obj2": {"b": {"c": 2.0}, "a": 1}, "obj3": {"a": 1},
    "huge": 100000000000000000000000, "nines": 9999999999999999999999999999999999,
    "yes": "TRUE", "no": "False", "exact": 0.1, "long": 0.10000000000000000000}"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # AND, OR, NOT: Booleans and their names; nothing else, and no short circuit
        ("t AND t", "true"), ("t AND f", "false"), ("f OR t", "true"), ("f OR f", "false"),
        ("yes AND t", "true"), ("no OR f", "false"), ("yes AND no", "false"),
        ("t OR nope", "U"), ("f AND nope", "U"), ("t OR i", "U"), ("t AND nul", "U"),
        ("t AND s", "U"), ("NOT t", "false"), ("NOT no", "true"), ("NOT i", "U"),
        ("NOT nope", "U"), ("NOT nul", "U"),
        # order: both sides to Decimal
        ("i > 6", "true"), ("i > 7", "false"), ("i >= 7", "true"), ("i < 7", "false"),
        ("i <= 7", "true"), ("d < i", "true"), ("n > 4", "true"), ("n < '10'", "true"),
        ("4 < n", "true"), ("n <= 5", "true"), ("n >= '6'", "false"), ("d <= i", "true"),
        ("d >= i", "false"), ("s <= 1", "U"), ("s >= 1", "U"),
        ("7 <= i", "true"), ("8 > i", "true"), ("7 >= i", "true"),
        ("s > 3", "U"), ("s > 'abc'", "U"), ("t > 0", "U"), ("nul < 1", "U"), ("nope < 1", "U"),
        ("arr > 1", "U"), ("obj > 1", "U"), ("i > nope", "U"),
        # equality: same type, no conversion
        ("i = 7", "true"), ("i = 7.0", "true"), ("7 = i", "true"), ("i <> 7", "false"),
        ("d = 2.50", "true"), ("exact = long", "true"), ("exact = 0.1", "true"),
        ("n = 5", "false"), ("n <> 5", "true"), ("n = '5'", "true"), ("'5' = n", "true"),
        ("s = 'text'", "true"), ("s <> 'text'", "false"), ("s = 'TEXT'", "false"),
        ("t = TRUE", "true"), ("t = 1", "false"), ("t = 'true'", "false"), ("t <> f", "true"),
        ("1 = TRUE", "false"), ("TRUE = 1", "false"),
        ("arr = arr2", "true"), ("arr = rev", "false"), ("arr = arr3", "false"),
        ("obj = obj4", "false"), ("arr <> rev", "true"),
        ("obj = obj2", "true"), ("obj = obj3", "false"), ("obj <> obj3", "true"),
        ("arr = obj", "false"), ("arr = 'x'", "false"), ("obj = 1", "false"),
        ("nul = NULL", "true"), ("nul <> NULL", "false"), ("nul = 5", "false"),
        ("nul <> 5", "true"), ("nul <> 'x'", "true"), ("nul = s", "false"),
        ("nope = 5", "U"), ("nope <> 5", "U"), ("5 <> nope", "U"), ("nope = 'x'", "U"),
        ("nope <> 'x'", "U"), ("nope = nope", "U"), ("nope = NULL", "U"), ("s <> nope", "U"),
        # large whole numbers are exact, also beside a constant
        ("huge = 1E23", "true"), ("huge <> 1E23", "false"), ("huge < 1E23", "false"),
        ("huge >= 1E23", "true"), ("nines < 1E34", "true"), ("nines = 1E34", "false"),
        ("1E23 = huge", "true"), ("huge > 99999999999999999999999", "true"),
        # plus: a String on either side joins
        ("s + 1", '"text1"'), ("1 + s", '"1text"'), ("s + d", '"text2.5"'), ("n + 3", '"53"'),
        ("s + t", '"texttrue"'), ("s + nul", "U"), ("s + nope", "U"),
        ("s + arr", '"text[1,\\"x\\",[2]]"'), ("s + obj3", '"text{\\"a\\":1}"'),
        ("i + 1", "8"), ("i + d", "9.5"), ("0.1 + 0.2", "0.3"), ("exact + 0.2", "0.3"),
        ("t + 1", "U"), ("nul + 1", "U"), ("arr + 1", "U"), ("obj + obj", "U"), ("nope + 1", "U"),
        # minus, times, divide
        ("i - 8", "-1"), ("i - d", "4.5"), ("n - 1", "4"), ("s - 1", "U"), ("t - 1", "U"),
        ("i * 2", "14"), ("d * 4", "10"), ("n * n", "25"), ("nul * 1", "U"), ("arr * 2", "U"),
        ("6 / 3", "2"), ("7 / 2", "3.5"), ("n / 2", "2.5"), ("1 / 3", "0." + "3" * 34),
        ("1 / 0", "U"), ("1.5 / 0", "U"), ("i % 0", "U"), ("d / '0'", "U"), ("nope / 1", "U"),
        # remainder: the sign of the dividend
        ("i % 4", "3"), ("-7 % 4", "-3"), ("7 % -4", "3"), ("d % 2", "0.5"), ("n % '3'", "2"),
        ("s % 2", "U"), ("t % 2", "U"),
        # sign
        ("-i", "-7"), ("-d", "-2.5"), ("-n", "-5"), ("-s", "U"), ("-t", "U"), ("-nope", "U"),
        # IN: an item that equals, by the rules of `=`
        ("1 IN arr", "true"), ("1.0 IN arr", "true"), ("'x' IN arr", "true"), ("2 IN arr", "false"),
        ("'1' IN arr", "false"), ("[2] IN arr", "true"), ("n IN ['4', '5']", "true"),
        ("n IN ['4', 5]", "false"), ("i IN ['7', 'x']", "false"), ("nope IN ['x']", "U"),
        ("i IN [1, 2.5, d, 7]", "true"), ("obj2 IN [obj]", "true"), ("nul IN [1, NULL]", "true"),
        ("nul IN arr", "false"), ("t IN [TRUE]", "true"), ("t IN ['true']", "false"),
        ("nope IN arr", "U"), ("i IN nope", "U"), ("i IN s", "U"), ("i IN obj", "U"),
        ("i IN 7", "U"), ("i IN nul", "U"), ("i IN []", "false"), ("s IN []", "false"),
        ("NOT i IN [1]", "true"), ("i + 1 IN [8]", "true"), ("i IN [7] AND t", "true"),
        ("7 IN [7]", "true"), ("'a' IN ['a']", "true"),
        ("0.1 IN [exact]", "true"), ("exact IN [0.1, 'x']", "true"), ("huge IN [1E23]", "true"),
        ("i IN [TRUE, 7.0]", "true"), ("t IN [1]", "false"), ("1 IN [TRUE]", "false"),
        ("nul IN [NULL]", "true"), ("arr IN [[1, 'x', [2]]]", "true"), ("d IN ['2.5']", "false"),
        # dot
        ("obj.b.c", "2"), ("obj.b.x", "U"), ("s.x", "U"), ("arr.x", "U"), ("nope.x.y", "U"),
    ],
)  # fmt: skip
def test_operators(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("expression", "old", "new"),
    [
        ("'5' * 2", "10.0", "10"),
        ("2.5 * 4", "10.0", "10"),
        ("6 / 3", "2", "2"),
        ("1 + 1.0", "2.0", "2"),
        ("7.0 % 2", "1.0", "1"),
        ("'v' + 10.0", '"v10.0"', '"v10"'),
    ],
)
def test_whole_decimals(result: Result, expression: str, old: str, new: str) -> None:
    assert result(expression, version="2015-10-08") == old
    assert result(expression, version="2016-03-23") == new


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("9999999999999999999999999999999999", "9" * 34),
        ("9999999999999999999999999999999999 + 1", "1E+34"),
        ("1234567890123456789012345678901234 * 10", "1.234567890123456789012345678901234E+34"),
        ("12345678901234567890123456789012345", "1.234567890123456789012345678901234E+34"),
        ("9E999 * 10", "U"),
        ("-9E999 * 10", "U"),
        ("9E999 + 9E999", "U"),
        ("1E-999", "1E-999"),
        ("1E-999 * 0.1", "U"),
        ("1E-999 / 10", "U"),
        ("1E-600 * 1E-600", "U"),
        ("1E-999 / 9E999", "U"),
        ("2E-999 - 1.9E-999", "U"),
        ("1E-999 - 1E-999", "0"),
        ("0 * 1E-999", "0"),
        ("0 / 9E999", "0"),
        ("'1E-1000' * 1", "U"),
        ("'1E-5000' * 1", "U"),
        ("'0E-5000' * 1", "0"),
        ("5E-1", "0.5"),
        ("1e3", "1000"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1E-7"),
        ("-0.0", "0"),
        ("18446744073709551616", "18446744073709551616"),
        ("1E998 % 7", "U"),
    ],
)
def test_the_range_of_numbers(result: Result, expression: str, expected: str) -> None:
    assert result(expression) == expected
