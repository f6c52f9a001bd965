"""Nested SELECT and EXISTS: queries over an array or object of the payload.

Owns what they give. Inside, names mean the members of the item, and the name after AS the item
itself; the payload's other members are out of sight, variables are not.

Source: AWS IoT Core Developer Guide, "Nested object queries", "EXISTS operator".
"""

from __future__ import annotations

from typing import Final

from rules.expression import Expression
from rules.message import Context
from rules.selection import Selection
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED, Value
from rules.weight import weigh

__all__ = ["ITEM", "exists", "nested_select"]

ITEM: Final = "*"
"""The name under which expressions that ask for `*` find the item; no attribute has it."""

_NO_MEMBERS: Final[dict[str, Value]] = {}


def nested_select(
    source: Expression,
    names: tuple[str, ...],
    where: Expression | None,
    selection: Selection,
    variables: tuple[int, ...],
) -> Expression:
    """Return the expression of a nested SELECT.

    Over an array it gives an array of what SELECT makes of each item for which WHERE is true, over
    an object what it makes of that. Undefined: any other source, an object for which WHERE is not
    true, more items than an evaluation may visit, variables that repeated for each item are too
    much.

    Args:
        source: What FROM names.
        names: What the item itself is called: the name after AS, and `ITEM` where it is asked for.
        where: The condition.
        selection: What to make of each item.
        variables: Which variables stand in `selection`, so that each item may hold them anew.
    """
    make = selection.make
    plain = None if names else selection.plain

    def scope(item: Value) -> dict[str, Value]:
        members = item if isinstance(item, dict) else _NO_MEMBERS
        return {**members, **dict.fromkeys(names, item)} if names else members

    def repeat_too_much(items: int, context: Context) -> bool:
        limit = MAX_TEXT_CHARACTERS // max(items, 1)
        values = [context.variables[index] for index in variables if index < len(context.variables)]
        return weigh(values, limit) > limit + len(values)

    def run(members: dict[str, Value], context: Context) -> Value:
        over = source(members, context)
        if isinstance(over, dict):
            inner = scope(over)
            if where is not None and where(inner, context) is not True:
                return UNDEFINED
            return make(inner, over, context)
        if not isinstance(over, list):
            return UNDEFINED
        context.items_left -= len(over)
        if context.items_left < 0 or (variables and repeat_too_much(len(over), context)):
            return UNDEFINED
        result: list[Value] = []
        if plain is not None:  # most are this: a list of named expressions, in one frame
            for item in over:
                inner = item if isinstance(item, dict) else _NO_MEMBERS
                if where is not None and where(inner, context) is not True:
                    continue
                made: dict[str, Value] = {}
                for key, expression in plain:
                    value = expression(inner, context)
                    if value is not UNDEFINED:
                        made[key] = value
                result.append(made)
            return result
        for item in over:
            inner = scope(item)
            if where is not None and where(inner, context) is not True:
                continue
            value = make(inner, item, context)
            if value is not UNDEFINED:
                result.append(value)
        return result

    return run


def exists(query: Expression) -> Expression:
    """Return the expression that tells whether a nested SELECT gives at least one element."""

    def run(members: dict[str, Value], context: Context) -> Value:
        value = query(members, context)
        return bool(value) if isinstance(value, list) else value is not UNDEFINED

    return run
