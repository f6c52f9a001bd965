"""The closures that expressions are made of: attributes, literals, operators, CASE.

Owns the fast paths, too. Each must give exactly what the general operator gives; the tests compare.

Comparing natively is exact: a payload's float and a constant's float both stand for decimals of at
most 15 digits, and two such decimals differ (and in the same direction) if and only if their floats
do. An int against a float is compared by Python without rounding; a whole number differs from such
a decimal the way it differs from its float.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from rules.expression import Expression
from rules.membership import Membership
from rules.message import Context
from rules.operators import BINARY, UNARY, equal
from rules.values import UNDEFINED, Dialect, Value
from rules.weight import toil

__all__ = [
    "apply_binary",
    "apply_unary",
    "array_literal",
    "attribute",
    "case",
    "compare",
    "compare_attribute",
    "is_in",
    "is_in_variable",
    "member",
    "native_number",
    "object_literal",
    "path",
    "variable",
]

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


def path(first: str, second: str, third: str | None = None) -> Expression:
    """Read `first.second` or `first.second.third` of the payload, in one frame."""
    if third is None:

        def run_two(members: dict[str, Value], context: Context) -> Value:
            value = members.get(first)
            return value.get(second, UNDEFINED) if isinstance(value, dict) else UNDEFINED

        return run_two
    last = third

    def run_three(members: dict[str, Value], context: Context) -> Value:
        value = members.get(first)
        if isinstance(value, dict):
            value = value.get(second)
            if isinstance(value, dict):
                return value.get(last, UNDEFINED)
        return UNDEFINED

    return run_three


def variable(index: int) -> Expression:
    """Read a value that SET computed; Undefined where the statement was not evaluated before."""

    def run(members: dict[str, Value], context: Context) -> Value:
        values = context.variables
        return values[index] if index < len(values) else UNDEFINED

    return run


def array_literal(items: Sequence[Expression]) -> Expression:
    """Make an array; an item that is Undefined is left out."""
    runs = tuple(items)

    def run(members: dict[str, Value], context: Context) -> Value:
        values = [item(members, context) for item in runs]
        return [value for value in values if value is not UNDEFINED]

    return run


def object_literal(pairs: Sequence[tuple[str, Expression]]) -> Expression:
    """Make an object; a member that is Undefined is left out, a later key wins."""
    runs = tuple(pairs)

    def run(members: dict[str, Value], context: Context) -> Value:
        values = [(key, item(members, context)) for key, item in runs]
        return {key: value for key, value in values if value is not UNDEFINED}

    return run


def apply_unary(symbol: str, operand: Expression, dialect: Dialect) -> Expression:
    """Apply `-` or NOT."""
    apply = UNARY[symbol]

    def run(members: dict[str, Value], context: Context) -> Value:
        return apply(operand(members, context), dialect)

    return run


def apply_binary(symbol: str, left: Expression, right: Expression, dialect: Dialect) -> Expression:
    """Apply an operator to two operands, the left one evaluated first."""
    apply = BINARY[symbol]

    def run(members: dict[str, Value], context: Context) -> Value:
        result = apply(left(members, context), right(members, context), dialect)
        return context.keep(result) if type(result) is str else result

    return run


def is_in(operand: Expression, array: Value) -> Expression:
    """Tell whether a value is an item of a constant array."""
    if not isinstance(array, list):
        return lambda members, context: UNDEFINED
    holds = Membership(array).holds

    def run(members: dict[str, Value], context: Context) -> Value:
        value = operand(members, context)
        return UNDEFINED if value is UNDEFINED else holds(value)

    return run


def is_in_variable(operand: Expression, array: Expression) -> Expression:
    """Tell whether a value is an item of an array that is the same for the whole evaluation."""

    def run(members: dict[str, Value], context: Context) -> Value:
        value = operand(members, context)
        items = array(members, context)
        if value is UNDEFINED or not isinstance(items, list):
            return UNDEFINED
        kept = context.memberships
        if kept is None:
            kept = context.memberships = {}
        membership = kept.get(id(items))
        if membership is None:
            context.spend_steps(toil(items, 2 * context.steps_left) // 2)
            membership = kept[id(items)] = Membership(items)
        if membership.others and not Membership.finds_at_once(value):
            context.spend_steps(toil(membership.others, context.steps_left))
        return membership.holds(value)

    return run


def case(
    operand: Expression, branches: Sequence[tuple[Expression, Expression]], otherwise: Expression
) -> Expression:
    """Give the result of the first branch whose value equals the operand's.

    A branch's value that is Undefined equals nothing; an operand that is Undefined gives Undefined.
    """
    runs = tuple(branches)

    def run(members: dict[str, Value], context: Context) -> Value:
        value = operand(members, context)
        if value is UNDEFINED:
            return UNDEFINED
        for when, then in runs:
            candidate = when(members, context)
            if candidate is not UNDEFINED and equal(value, candidate):
                return then(members, context)
        return otherwise(members, context)

    return run


def native_number(value: Value) -> int | float | None:
    """Return a constant as a number that compares exactly with payload floats, or None."""
    if type(value) is int:
        return value
    if not isinstance(value, Decimal):
        return None
    digits = len(value.as_tuple().digits)
    # A larger whole number, 1E23 for instance, is not what its float is, and Ints are exact.
    if digits > _EXACT_DIGITS or not -_EXACT_EXPONENT < value.adjusted() < _EXACT_DIGITS:
        return None
    return float(value)


def compare(read: Expression, symbol: str, constant: Value, dialect: Dialect) -> Expression:
    """Compare what an expression gives with a constant."""
    general = BINARY[symbol]
    if isinstance(constant, str) and symbol in ("=", "<>"):
        return _compare_text(read, symbol == "=", constant)
    native = native_number(constant)
    if native is None:

        def run(members: dict[str, Value], context: Context) -> Value:
            return general(read(members, context), constant, dialect)

        return run
    holds = _NATIVE[symbol]

    def run_natively(members: dict[str, Value], context: Context) -> Value:
        value = read(members, context)
        if type(value) is float or type(value) is int:
            return holds(value, native)
        return general(value, constant, dialect)

    return run_natively


def compare_attribute(name: str, symbol: str, constant: Value, dialect: Dialect) -> Expression:
    """Compare a member of the payload with a constant: the most frequent form, in one frame."""
    native = native_number(constant)
    if native is None:
        return compare(attribute(name), symbol, constant, dialect)
    general = BINARY[symbol]
    if symbol == ">":  # the threshold, most frequent of all, without the call

        def run_threshold(members: dict[str, Value], context: Context) -> Value:
            value = members.get(name, UNDEFINED)
            if type(value) is float or type(value) is int:
                return value > native
            return general(value, constant, dialect)

        return run_threshold
    holds = _NATIVE[symbol]

    def run(members: dict[str, Value], context: Context) -> Value:
        value = members.get(name, UNDEFINED)
        if type(value) is float or type(value) is int:
            return holds(value, native)
        return general(value, constant, dialect)

    return run


def _compare_text(read: Expression, is_equal: bool, constant: str) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        value = read(members, context)
        if value is UNDEFINED:
            return UNDEFINED
        return (isinstance(value, str) and value == constant) is is_equal

    return run
