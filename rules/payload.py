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

from rules.values import (
    MAX_DIGITS,
    UNDEFINED,
    V2015,
    V2016,
    Dialect,
    Undefined,
    Value,
    decimal_of_text,
    number_text,
)

__all__ = ["MAX_DEPTH", "decode", "encode", "encode_object", "floats_print_as_is"]

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
    # Each level costs a bracket on both sides, so most payloads are too short to be too deep; and
    # counting brackets is cheap beside walking the value.
    if len(payload) > 2 * MAX_DEPTH and payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
        return value if _is_acceptable(value) else UNDEFINED
    return value


def _decode_exactly(payload: bytes) -> Value:
    try:
        value: Value = json.loads(
            payload.decode(), parse_int=_int, parse_float=_decimal, parse_constant=_refuse
        )
    except (ValueError, RecursionError):  # no JSON, no UTF-8, out of range, or far too deep
        return UNDEFINED
    return value if _is_acceptable(value) else UNDEFINED


def _int(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_DIGITS else _decimal(text)


def _decimal(text: str) -> Decimal:
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
    """Write a value as compact JSON in UTF-8; Undefined members and items are left out."""
    return orjson.dumps(_printable(value, dialect))


def encode_object(members: dict[str, Value], dialect: Dialect, as_is: bool) -> bytes:
    """Write an object as compact JSON in UTF-8.

    Args:
        members: The object; no member is Undefined.
        dialect: How whole Decimals are written.
        as_is: The caller knows that no float in it is whole or small (see `floats_print_as_is`).
    """
    if as_is:
        try:
            return orjson.dumps(members, _PRINT_DECIMAL[dialect.whole_numbers_are_int])
        except orjson.JSONEncodeError:  # an Int beyond 64 bits
            pass
    return orjson.dumps(_printable(members, dialect))


def _decimal_printer(dialect: Dialect) -> Callable[[object], object]:
    def print_decimal(value: object) -> object:
        if isinstance(value, Decimal):
            return orjson.Fragment(number_text(value, dialect))
        raise TypeError(f"{type(value).__name__} is not a value of IoT SQL")

    return print_decimal


_PRINT_DECIMAL: Final = {
    dialect.whole_numbers_are_int: _decimal_printer(dialect) for dialect in (V2015, V2016)
}


def floats_print_as_is(payload: bytes) -> bool:
    """Whether orjson writes every float that `decode` gave for this payload as it should be.

    It writes whole floats as `10.0` and those below 1E-4 with an exponent; both have `.0` in them.
    """
    return b".0" not in payload


def _printable(value: Value, dialect: Dialect) -> object:
    """Return what orjson writes as the language wants the value written."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, dict):
        return {k: _printable(v, dialect) for k, v in value.items() if v is not UNDEFINED}
    if isinstance(value, list):
        return [_printable(item, dialect) for item in value if item is not UNDEFINED]
    if isinstance(value, Undefined):
        return None
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    return orjson.Fragment(number_text(value, dialect))
