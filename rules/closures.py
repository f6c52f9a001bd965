"""The closures for what rules do most: read attributes and compare them with constants.

Owns the fast paths. Each must give exactly what the general operator gives; the tests compare.

Comparing natively is exact: a payload's float and a constant's float both stand for decimals of at
most 15 digits, and two such decimals differ (and in the same direction) if and only if their floats
do. An int against a float is compared by Python without rounding; a whole number differs from such
a decimal the way it differs from its float.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from rules.expression import Expression
from rules.message import Context
from rules.operators import BINARY
from rules.values import UNDEFINED, Dialect, Value

__all__ = ["attribute", "compare_attribute", "member", "native_number"]

_NATIVE: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXACT_DIGITS: Final = 15
_EXACT_EXPONENT: Final = 290  # well inside binary64's normal range


def attribute(name: str) -> Expression:
    """Read a member of the payload; Undefined if there is none."""

    def run(members: dict[str, Value], context: Context) -> Value:
        return members.get(name, UNDEFINED)

    return run


def member(target: Expression, name: str) -> Expression:
    """Read a member of what an expression gives; Undefined if that is no object or has none."""

    def run(members: dict[str, Value], context: Context) -> Value:
        value = target(members, context)
        return value.get(name, UNDEFINED) if isinstance(value, dict) else UNDEFINED

    return run


def native_number(value: Value) -> int | float | None:
    """Return a constant as a number that compares exactly with payload floats, or None."""
    if type(value) is int:
        return value
    if not isinstance(value, Decimal):
        return None
    digits = len(value.as_tuple().digits)
    if digits > _EXACT_DIGITS or abs(value.adjusted()) > _EXACT_EXPONENT:
        return None
    return float(value)


def compare_attribute(name: str, symbol: str, constant: Value, dialect: Dialect) -> Expression:
    """Compare a member of the payload with a constant number or string."""
    general = BINARY[symbol]
    if isinstance(constant, str) and symbol in ("=", "<>"):
        return _compare_text(name, symbol == "=", constant)
    native = native_number(constant)
    if native is None:

        def compare(members: dict[str, Value], context: Context) -> Value:
            return general(members.get(name, UNDEFINED), constant, dialect)

        return compare
    if symbol == ">":
        return _compare_greater(name, native, constant, dialect)
    holds = _NATIVE[symbol]

    def compare_natively(members: dict[str, Value], context: Context) -> Value:
        value = members.get(name, UNDEFINED)
        if type(value) is float or type(value) is int:
            return holds(value, native)
        return general(value, constant, dialect)

    return compare_natively


def _compare_greater(
    name: str, native: int | float, constant: Value, dialect: Dialect
) -> Expression:
    """The threshold, most frequent of all, without the call."""
    general = BINARY[">"]

    def run(members: dict[str, Value], context: Context) -> Value:
        value = members.get(name, UNDEFINED)
        if type(value) is float or type(value) is int:
            return value > native
        return general(value, constant, dialect)

    return run


def _compare_text(name: str, is_equal: bool, constant: str) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        value = members.get(name, UNDEFINED)
        if value is UNDEFINED:
            return UNDEFINED
        return (isinstance(value, str) and value == constant) is is_equal

    return run
