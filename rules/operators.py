"""The operators of IoT SQL on values.

Owns what `+ - * / %`, `= <> < <= > >=`, AND, OR, NOT and the sign give. Every function is total.
Knows nothing of syntax or of how expressions are evaluated.

Source: AWS IoT Core Developer Guide, "Operators".
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from rules.conversions import to_boolean, to_number, to_text
from rules.values import (
    CONTEXT,
    MAX_TEXT_CHARACTERS,
    UNDEFINED,
    Dialect,
    Number,
    Value,
    bounded,
    decimal_of_float,
    finite,
)

__all__ = ["BINARY", "UNARY", "equal", "logical_not", "negate"]


def _add(a: Value, b: Value, dialect: Dialect) -> Value:
    if type(a) is int and type(b) is int:
        return bounded(a + b)
    if type(a) is str or type(b) is str:
        left = to_text(a, dialect)
        right = to_text(b, dialect)
        if not isinstance(left, str) or not isinstance(right, str):
            return UNDEFINED
        return left + right if len(left) + len(right) <= MAX_TEXT_CHARACTERS else UNDEFINED
    x = to_number(a)
    y = to_number(b)
    if x is None or y is None:
        return UNDEFINED
    return finite(CONTEXT.add(x, y))


def _subtract(a: Value, b: Value, dialect: Dialect) -> Value:
    if type(a) is int and type(b) is int:
        return bounded(a - b)
    x = to_number(a)
    y = to_number(b)
    if x is None or y is None:
        return UNDEFINED
    return finite(CONTEXT.subtract(x, y))


def _multiply(a: Value, b: Value, dialect: Dialect) -> Value:
    if type(a) is int and type(b) is int:
        return bounded(a * b)
    x = to_number(a)
    y = to_number(b)
    if x is None or y is None:
        return UNDEFINED
    product = CONTEXT.multiply(x, y)
    if not product and x and y:
        return UNDEFINED  # smaller than any number
    return finite(product)


def _divide(a: Value, b: Value, dialect: Dialect) -> Value:
    x = to_number(a)
    y = to_number(b)
    if x is None or y is None or not y:
        return UNDEFINED  # by zero: AWS does not say
    if isinstance(x, int) and isinstance(y, int):
        whole, rest = divmod(x, y)
        if not rest:
            return whole
    quotient = CONTEXT.divide(x, y)
    if not quotient and x:
        return UNDEFINED  # smaller than any number
    return finite(quotient)


def _remainder(a: Value, b: Value, dialect: Dialect) -> Value:
    x = to_number(a)
    y = to_number(b)
    if x is None or y is None or not y:
        return UNDEFINED
    if isinstance(x, int) and isinstance(y, int):
        rest = abs(x) % abs(y)  # the sign is the dividend's, as in Java
        return rest if x >= 0 else -rest
    # NaN, and so Undefined, where the quotient has more than 34 digits.
    return finite(CONTEXT.remainder(x, y))


def negate(value: Value, dialect: Dialect) -> Value:
    """Return a number, or numeric String, with its sign changed."""
    number = to_number(value)
    if number is None:
        return UNDEFINED
    return -number if isinstance(number, int) else CONTEXT.minus(number)


def _compared(a: Value, b: Value) -> int | None:
    """Return -1, 0 or 1 as a number is below, equal to or above another; None if one is none."""
    x = to_number(a)
    y = to_number(b)
    if x is None or y is None:
        return None
    return (x > y) - (x < y)  # Python compares int and Decimal exactly


def _less(a: Value, b: Value, dialect: Dialect) -> Value:
    order = _compared(a, b)
    return UNDEFINED if order is None else order < 0


def _less_or_equal(a: Value, b: Value, dialect: Dialect) -> Value:
    order = _compared(a, b)
    return UNDEFINED if order is None else order <= 0


def _greater(a: Value, b: Value, dialect: Dialect) -> Value:
    order = _compared(a, b)
    return UNDEFINED if order is None else order > 0


def _greater_or_equal(a: Value, b: Value, dialect: Dialect) -> Value:
    order = _compared(a, b)
    return UNDEFINED if order is None else order >= 0


def equal(a: Value, b: Value) -> bool:
    """Whether two values, neither Undefined, are equal: same type, and numbers by value.

    Arrays are compared in order; the order of an object's keys does not matter. Nothing is
    converted: `'5'` is not 5.
    """
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, str):
        return isinstance(b, str) and a == b
    if isinstance(a, (int, float, Decimal)):
        return isinstance(b, (int, float, Decimal)) and _exact(a) == _exact(b)
    if isinstance(a, list):
        if not isinstance(b, list) or len(a) != len(b):
            return False
        for x, y in zip(a, b, strict=True):  # noqa: SIM110 - `all` takes three frames a level
            if not equal(x, y):
                return False
        return True
    if isinstance(a, dict):
        if not isinstance(b, dict) or a.keys() != b.keys():
            return False
        for key, item in a.items():  # noqa: SIM110 - likewise
            if not equal(item, b[key]):
                return False
        return True
    return a is b  # Null


def _exact(number: float | Number) -> Number:
    return decimal_of_float(number) if isinstance(number, float) else number


def _equals(a: Value, b: Value, dialect: Dialect) -> Value:
    return UNDEFINED if a is UNDEFINED or b is UNDEFINED else equal(a, b)


def _differs(a: Value, b: Value, dialect: Dialect) -> Value:
    return UNDEFINED if a is UNDEFINED or b is UNDEFINED else not equal(a, b)


# The documented tables know no short circuit: `TRUE OR nope` is Undefined.
def _and(a: Value, b: Value, dialect: Dialect) -> Value:
    if isinstance(a, bool) and isinstance(b, bool):
        return a and b
    left = to_boolean(a)
    right = to_boolean(b)
    return UNDEFINED if left is UNDEFINED or right is UNDEFINED else left and right


def _or(a: Value, b: Value, dialect: Dialect) -> Value:
    if isinstance(a, bool) and isinstance(b, bool):
        return a or b
    left = to_boolean(a)
    right = to_boolean(b)
    return UNDEFINED if left is UNDEFINED or right is UNDEFINED else left or right


def _in(a: Value, b: Value, dialect: Dialect) -> Value:
    if a is UNDEFINED or not isinstance(b, list):
        return UNDEFINED
    return any(equal(a, item) for item in b)


def logical_not(value: Value, dialect: Dialect) -> Value:
    """Return the opposite of a Boolean (or of "true" and "false")."""
    truth = to_boolean(value)
    return UNDEFINED if truth is UNDEFINED else not truth


BINARY: Final[dict[str, Callable[[Value, Value, Dialect], Value]]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
    "=": _equals,
    "<>": _differs,
    "<": _less,
    "<=": _less_or_equal,
    ">": _greater,
    ">=": _greater_or_equal,
    "IN": _in,
    "AND": _and,
    "OR": _or,
}

UNARY: Final[dict[str, Callable[[Value, Dialect], Value]]] = {"-": negate, "NOT": logical_not}
