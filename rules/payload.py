"""JSON in and out, with numbers kept exactly: payload bytes to values and values to bytes.

Owns the choice between the fast and the exact decoder. Knows nothing of SQL.

Invariants: `decode` raises nothing, whatever the bytes; what it gives is at most `MAX_DEPTH` deep
and holds floats only where orjson's reading of them is exact (see `values`); `encode` writes what
`decode` and the operators can make without raising.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NoReturn

import orjson

from rules.errors import EvaluationFailed
from rules.values import (
    MAX_DIGITS,
    UNDEFINED,
    V2015,
    V2016,
    Dialect,
    Value,
    decimal_of_text,
    number_text,
)

__all__ = ["MAX_DEPTH", "decode", "encode"]

# Deeper JSON counts as no JSON. orjson writes 254 levels, and SQL may wrap a value in some of its
# own; what walks values recursively stays well within Python's 1,000 frames.
MAX_DEPTH: Final = 200

# Two searches over a payload whose digits have all become "0" find every number that may need the
# exact decoder; a sign or point counts as a digit, so they also find a few others.
_MARKS: Final = bytes(
    48 if c in b"0123456789.+-" else 101 if c in b"eE" else 32 for c in range(256)
)
_LONG: Final = "0" * 16
_EXPONENT: Final = "0e0"
# Where one of them hits, this tells numbers from digits in strings: a number of valid JSON stands
# at the start, or behind one of these. (In a string it may still be fooled: the slow way is taken.)
_INEXACT: Final = re.compile(
    rb"(?:\A|[\[:,])[ \t\r\n]*-?(?:[0-9]{16}|[0-9.]{17}|[0-9.]+[eE])", re.DOTALL
)


_SHORT_CHARACTERS: Final = 15

_BRACKETS: Final = b"[]{}"
_NO_BRACKETS: Final = bytes(c for c in range(256) if c not in _BRACKETS)

# orjson writes so many levels and refuses more: that tells a value's depth faster than any walk.
_WRITER_DEPTH: Final = 254


def decode(payload: bytes) -> Value:
    """Read a payload as JSON.

    Returns:
        The value; Undefined where the payload is no JSON text in UTF-8, is nested deeper than
        `MAX_DEPTH`, or holds a number outside the language's range.
    """
    # Searching text is twice as fast as searching bytes, and the marks are ASCII.
    marks = payload.translate(_MARKS).decode()
    if (_LONG in marks or _EXPONENT in marks) and _INEXACT.search(payload) is not None:
        return _decode_exactly(payload)
    try:
        value: Value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return UNDEFINED
    if _may_be_deep(payload):
        try:
            orjson.dumps(_wrapped(value, _WRITER_DEPTH - MAX_DEPTH))
        except orjson.JSONEncodeError:
            return UNDEFINED
    return value


def _may_be_deep(payload: bytes) -> bool:
    """Whether there are brackets enough: each level costs one on both sides."""
    enough = 2 * MAX_DEPTH
    return len(payload) > enough and len(payload.translate(None, _NO_BRACKETS)) > enough


def _wrapped(value: Value, levels: int) -> Value:
    for _ in range(levels):
        value = [value]
    return value


def _decode_exactly(payload: bytes) -> Value:
    try:
        value: Value = json.loads(
            payload.decode(), parse_int=_int, parse_float=_decimal, parse_constant=_refuse
        )
    except (ValueError, RecursionError):  # no JSON, no UTF-8, out of range, or far too deep
        return UNDEFINED
    if _may_be_deep(payload) or b"\\u" in payload:
        return value if _is_acceptable(value) else UNDEFINED
    return value


def _int(text: str) -> int | float | Decimal:
    return int(text) if len(text) - (text[0] == "-") <= MAX_DIGITS else _decimal(text)


def _decimal(text: str) -> float | Decimal:
    # a float stands for a decimal of at most 15 digits where it is written without an exponent
    if len(text) <= _SHORT_CHARACTERS:
        short = float(text)
        if 1e-4 <= short < 1e15 or -1e15 < short <= -1e-4:
            return short
    number = decimal_of_text(text)
    if number is None:
        raise ValueError(text)
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)  # NaN and the infinities are not JSON


def _is_acceptable(value: Value) -> bool:
    """Whether a value is not too deep and has no half of a surrogate pair, which UTF-8 cannot say.

    orjson refuses such halves itself; the standard library's decoder lets them through.
    """
    level: list[Value] = [value]
    room = MAX_DEPTH
    while level:
        below: list[Value] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
                below.extend(item.keys())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str) and not item.isascii() and not _is_encodable(item):
                return False
            if room == 0 and isinstance(item, (dict, list)):
                return False
        level = below
        room -= 1
    return True


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode(value: Value, dialect: Dialect) -> bytes:
    """Write a value as compact JSON in UTF-8; Undefined members and items are left out.

    Raises:
        EvaluationFailed: It is too deep, or holds half of a surrogate pair.
    """
    try:
        return _encode(value, dialect)
    except orjson.JSONEncodeError as error:
        raise EvaluationFailed(f"a value cannot be written as JSON: {error}") from error


def _encode(value: Value, dialect: Dialect) -> bytes:
    try:
        text = orjson.dumps(value, _PRINT_DECIMAL[dialect.whole_numbers_are_int])
    except orjson.JSONEncodeError:  # an Int beyond 64 bits, or Undefined
        return orjson.dumps(_printable(value, dialect))
    # What looks like a float that the language writes in another way may stand in a string, too.
    if (b".0" in text and _WHOLE_FLOAT.search(text) is not None) or (
        b"e-" in text and _SMALL_FLOAT.search(text) is not None
    ):
        return orjson.dumps(_printable(value, dialect))
    return text


# orjson writes whole floats as `10.0`, and those below 1E-4 with an exponent.
_WHOLE_FLOAT: Final = re.compile(rb"\.0(?:[,}\]]|\Z)")
_SMALL_FLOAT: Final = re.compile(rb"[0-9]e-")
_SMALL: Final = 1e-4


def _decimal_printer(dialect: Dialect) -> Callable[[object], object]:
    def print_decimal(value: object) -> object:
        if isinstance(value, Decimal):
            return orjson.Fragment(number_text(value, dialect))
        raise TypeError(f"{type(value).__name__} is not a value of IoT SQL")

    return print_decimal


_PRINT_DECIMAL: Final = {
    dialect.whole_numbers_are_int: _decimal_printer(dialect) for dialect in (V2015, V2016)
}


def _printable(value: Value, dialect: Dialect) -> object:
    """Return what orjson writes as the language wants the value written."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if isinstance(value, float):
        if value.is_integer():
            return int(value) if dialect.whole_numbers_are_int else value + 0.0  # no minus zero
        if value >= _SMALL or value <= -_SMALL:
            return value
        return orjson.Fragment(number_text(value, dialect))
    if isinstance(value, dict):
        return {k: _printable(v, dialect) for k, v in value.items() if v is not UNDEFINED}
    if isinstance(value, list):
        return [_printable(item, dialect) for item in value if item is not UNDEFINED]
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    if isinstance(value, int | Decimal):
        return orjson.Fragment(number_text(value, dialect))
    return None  # Undefined by itself
