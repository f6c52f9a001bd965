"""The conversions between the types of IoT SQL, implicit ones and CAST.

Owns which value becomes which. Every function is total: what cannot be converted is Undefined (or
None, for a number).

Source: AWS IoT Core Developer Guide, "Data types", "Conversions"; "Functions", "cast()".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from rules.payload import encode
from rules.values import (
    MAX_TEXT_CHARACTERS,
    UNDEFINED,
    V2015,
    V2016,
    Dialect,
    Number,
    Undefined,
    Value,
    decimal_of_float,
    decimal_of_text,
    is_huge,
    number_text,
)
from rules.weight import weigh

__all__ = [
    "CAST_TYPES",
    "floor",
    "to_boolean",
    "to_integer",
    "to_number",
    "to_text",
]

_NUMERIC: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?")


def to_number(value: Value) -> Number | None:
    """Return an Int, Decimal or numeric String as a number for arithmetic; None for the rest."""
    if type(value) is int or isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return decimal_of_float(value)
    if isinstance(value, str) and _NUMERIC.fullmatch(value) is not None:
        return decimal_of_text(value)
    return None


def floor(number: Number) -> Number:
    """Return the largest whole number not above a number, as an Int where 34 digits hold it."""
    if isinstance(number, int) or is_huge(number):
        return number
    return int(number.to_integral_value(rounding=ROUND_FLOOR))


def to_integer(value: Value) -> int | None:
    """Return a value converted to Int, or None. Fractions are floored (see docs: choices)."""
    number = to_number(value)
    if number is None:
        return None
    whole = floor(number)
    return whole if isinstance(whole, int) else None


def to_boolean(value: Value) -> bool | Undefined:
    """Return a value converted to Boolean: itself, or "true" and "false" in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.lower() if len(value) <= len("false") else ""
        if word == "true":
            return True
        if word == "false":
            return False
    return UNDEFINED


def to_text(value: Value, dialect: Dialect) -> str | Undefined:
    """Return a value converted to String.

    Undefined for Null and Undefined, and where the text would be too long.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return number_text(value, dialect)
    if isinstance(value, (list, dict)):
        if weigh(value, MAX_TEXT_CHARACTERS) > MAX_TEXT_CHARACTERS:
            return UNDEFINED
        text = encode(value, dialect).decode()
        return text if len(text) <= MAX_TEXT_CHARACTERS else UNDEFINED
    return UNDEFINED


def _cast_to_int(value: Value, dialect: Dialect) -> Value:
    number = 1 if value is True else 0 if value is False else to_number(value)
    return UNDEFINED if number is None else floor(number)


def _cast_to_decimal(value: Value, dialect: Dialect) -> Value:
    number = 1 if value is True else 0 if value is False else to_number(value)
    return UNDEFINED if number is None else Decimal(number)


def _cast_to_boolean(value: Value, dialect: Dialect) -> Value:
    if not isinstance(value, bool) and isinstance(value, (int, float, Decimal)):
        return bool(value)
    return to_boolean(value)


_Cast = Callable[[Value, Dialect], Value]

# The types CAST knows, in lower case, with the first version that has them.
CAST_TYPES: Final[dict[str, tuple[Dialect, _Cast]]] = {
    "string": (V2015, to_text),
    "nvarchar": (V2015, to_text),
    "text": (V2015, to_text),
    "ntext": (V2015, to_text),
    "varchar": (V2015, to_text),
    "int": (V2015, _cast_to_int),
    "integer": (V2015, _cast_to_int),
    "double": (V2015, _cast_to_decimal),
    "decimal": (V2016, _cast_to_decimal),
    "bool": (V2016, _cast_to_boolean),
    "boolean": (V2016, _cast_to_boolean),
}
