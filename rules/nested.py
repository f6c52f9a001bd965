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
from rules.values import UNDEFINED, Value
from rules.weight import weigh
from rules.work import Work

__all__ = ["ITEM", "exists", "nested_select"]

ITEM: Final = "*"
"""The name under which expressions that ask for `*` find the item; no attribute has it."""

_NO_MEMBERS: Final[dict[str, Value]] = {}


def nested_select(
    source: Expression,
    names: tuple[str, ...],
    where: Expression | None,
    selection: Selection,
    work: Work,
) -> Expression:
    """Return the expression of a nested SELECT.

    Over an array it gives an array of what SELECT makes of each item for which WHERE is true, over
    an object what it makes of that. Undefined: any other source, an object for which WHERE is not
    true. It raises BudgetSpent where it takes more than an evaluation may.

    Args:
        source: What FROM names.
        names: What the item itself is called: the name after AS, and `ITEM` where it is asked for.
        where: The condition.
        selection: What to make of each item.
        work: What each item costs.
    """
    make = selection.make
    plain = None if names or work.grows else selection.plain
    grows = work.grows

    def scope(item: Value) -> dict[str, Value]:
        members = item if isinstance(item, dict) else _NO_MEMBERS
        return {**members, **dict.fromkeys(names, item)} if names else members

    def run(members: dict[str, Value], context: Context) -> Value:
        over = source(members, context)
        if isinstance(over, dict):
            inner = scope(over)
            if where is not None and where(inner, context) is not True:
                return UNDEFINED
            return make(inner, over, context)
        if not isinstance(over, list):
            return UNDEFINED
        work.begin(len(over), members, context)
        result: list[Value] = []
        if plain is not None:  # most are this: a list of parts of the item, in one frame
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
            if value is UNDEFINED:
                continue
            if grows:
                context.spend_characters(weigh(value, context.characters_left))
            result.append(value)
        return result

    return run


def exists(query: Expression) -> Expression:
    """Return the expression that tells whether a nested SELECT gives at least one element."""

    def run(members: dict[str, Value], context: Context) -> Value:
        value = query(members, context)
        return bool(value) if isinstance(value, list) else value is not UNDEFINED

    return run
