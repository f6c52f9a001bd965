"""The functions of numbers that are computed in double precision: angles, powers, logarithms.

Owns the way from a number of the language to IEEE binary64 and back. What has no real result, or
none that is finite, is Undefined. Angles are in radians.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from rules.conversions import to_number
from rules.functions.table import Build, Function, of_one, of_two
from rules.values import UNDEFINED, V2015, Dialect, Number, Undefined, Value

__all__ = ["TABLE", "of_double"]


def of_double(result: float) -> Decimal | Undefined:
    """Return a double as the number its shortest text means; Undefined if it is not finite."""
    return Decimal(repr(result)) if math.isfinite(result) else UNDEFINED


def _double(value: Value) -> float | None:
    """Return the double nearest to a number (infinite beyond the range of doubles), or None."""
    number: float | Number | None = value if isinstance(value, float) else to_number(value)
    return None if number is None else float(number)


def _of_double(function: Callable[[float], float]) -> Build:
    def apply(value: Value, dialect: Dialect) -> Value:
        argument = _double(value)
        if argument is None:
            return UNDEFINED
        try:
            return of_double(function(argument))
        except (ValueError, OverflowError):  # outside the function's domain, or of binary64
            return UNDEFINED

    return of_one(apply)


def _of_two_doubles(function: Callable[[float, float], float]) -> Build:
    def apply(first: Value, second: Value, dialect: Dialect) -> Value:
        x = _double(first)
        y = _double(second)
        if x is None or y is None:
            return UNDEFINED
        try:
            return of_double(function(x, y))
        except (ValueError, OverflowError):  # likewise
            return UNDEFINED

    return of_two(apply)


TABLE: Final = (
    Function("acos", V2015, (1,), _of_double(math.acos), steps=16),
    Function("asin", V2015, (1,), _of_double(math.asin), steps=16),
    Function("atan", V2015, (1,), _of_double(math.atan), steps=16),
    Function("atan2", V2015, (2,), _of_two_doubles(math.atan2), steps=16),
    Function("cos", V2015, (1,), _of_double(math.cos), steps=16),
    Function("cosh", V2015, (1,), _of_double(math.cosh), steps=16),
    Function("exp", V2015, (1,), _of_double(math.exp), steps=16),
    Function("ln", V2015, (1,), _of_double(math.log), steps=16),
    Function("log", V2015, (1,), _of_double(math.log10), steps=16),
    Function("power", V2015, (2,), _of_two_doubles(math.pow), steps=16),
    Function("sin", V2015, (1,), _of_double(math.sin), steps=16),
    Function("sinh", V2015, (1,), _of_double(math.sinh), steps=16),
    Function("sqrt", V2015, (1,), _of_double(math.sqrt), steps=16),
    Function("tan", V2015, (1,), _of_double(math.tan), steps=16),
    Function("tanh", V2015, (1,), _of_double(math.tanh), steps=16),
)
