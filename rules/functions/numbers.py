"""The functions of numbers that are exact: rounding, signs, remainders, bits, and `rand`.

Owns what each gives. "Number" means Int, Decimal or a numeric String; everything else is Undefined.
Knows nothing of binary64: that is `doubles`.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal
from operator import and_, or_, xor
from typing import Final

from rules.conversions import floor, to_integer, to_number
from rules.expression import Expression
from rules.functions.doubles import of_double
from rules.functions.table import CallSite, Function, of_one, of_two
from rules.message import Context
from rules.operators import BINARY
from rules.values import (
    CONTEXT,
    MAX_DIGITS,
    UNDEFINED,
    V2015,
    Dialect,
    Number,
    Value,
    bounded,
    is_huge,
)

__all__ = ["TABLE"]

# What `trunc` cuts to: 1, 0.1, 0.01 … with 34 places at most.
_PLACES: Final = tuple(Decimal((0, (1,), -places)) for places in range(MAX_DIGITS + 1))


def _abs(value: Value, dialect: Dialect) -> Value:
    number = to_number(value)
    if number is None:
        return UNDEFINED
    return abs(number) if isinstance(number, int) else number.copy_abs()


def _rounding(mode: str) -> Callable[[Value, Dialect], Value]:
    """Return the function that rounds a number to an Int in one of decimal's ways."""

    def to_whole(value: Value, dialect: Dialect) -> Value:
        number = to_number(value)
        if number is None:
            return UNDEFINED
        if isinstance(number, int) or is_huge(number):
            return number
        return int(number.to_integral_value(rounding=mode))

    return to_whole


def _floor(value: Value, dialect: Dialect) -> Value:
    if type(value) is float:  # a payload's, of at most 15 digits: no whole number is nearer
        return math.floor(value)
    number = to_number(value)
    return UNDEFINED if number is None else floor(number)


def _trunc(value: Value, places: Value, dialect: Dialect) -> Value:
    number = to_number(value)
    # The documented table has no row for places given as a String.
    wanted = None if isinstance(places, str) else to_number(places)
    if number is None or wanted is None:
        return UNDEFINED
    kept = floor(wanted)
    return _cut(number, _PLACES[int(max(0, min(kept, MAX_DIGITS)))])


def _cut(number: Number, unit: Decimal) -> Number:
    """Return a number without its digits below a unit; an Int where it is whole then."""
    if isinstance(number, int) or is_huge(number):
        return number
    cut = number.quantize(unit, rounding=ROUND_DOWN, context=CONTEXT)
    if cut.is_finite():  # else it would take more than 34 digits: nothing there to cut
        number = cut
    whole = int(number)
    return whole if number == whole else number


def _sign(value: Value, dialect: Dialect) -> Value:
    number = to_number(value)
    return UNDEFINED if number is None else (number > 0) - (number < 0)


def _bitwise(operation: Callable[[int, int], int]) -> Callable[[Value, Value, Dialect], Value]:
    """Return the function that combines two numbers, floored, in two's complement."""

    def combine(a: Value, b: Value, dialect: Dialect) -> Value:
        x = to_integer(a)
        y = to_integer(b)
        # 34 digits take 113 bits, and so two Ints can give a little more than 34 digits hold.
        return UNDEFINED if x is None or y is None else bounded(operation(x, y))

    return combine


def _bitnot(value: Value, dialect: Dialect) -> Value:
    whole = to_integer(value)
    return UNDEFINED if whole is None else bounded(~whole)


def _nanvl(value: Value, otherwise: Value, dialect: Dialect) -> Value:
    # No number here is ever NaN: what would be one is Undefined.
    return otherwise if value is UNDEFINED or value is None else value


def _rand(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        return of_double(context.environment.random())

    return run


_remainder: Final = of_two(BINARY["%"])

TABLE: Final = (
    Function("abs", V2015, (1,), of_one(_abs), gives_part=True),
    Function("bitand", V2015, (2,), of_two(_bitwise(and_))),
    Function("bitnot", V2015, (1,), of_one(_bitnot)),
    Function("bitor", V2015, (2,), of_two(_bitwise(or_))),
    Function("bitxor", V2015, (2,), of_two(_bitwise(xor))),
    Function("ceil", V2015, (1,), of_one(_rounding(ROUND_CEILING)), gives_part=True),
    Function("floor", V2015, (1,), of_one(_floor), gives_part=True),
    Function("mod", V2015, (2,), _remainder, gives_part=True),
    Function("nanvl", V2015, (2,), of_two(_nanvl)),
    Function("rand", V2015, (0,), _rand, is_pure=False),
    Function("remainder", V2015, (2,), _remainder, gives_part=True),
    # decimal's "half up" is away from zero, on both sides of it
    Function("round", V2015, (1,), of_one(_rounding(ROUND_HALF_UP)), gives_part=True),
    Function("sign", V2015, (1,), of_one(_sign), gives_part=True),
    Function("trunc", V2015, (2,), of_two(_trunc), gives_part=True),
)
