"""Nested SELECT and EXISTS: queries over an array or object of the payload.

Owns what they give. Inside, names mean the members of the item, and the name after AS the item
itself; the payload's other members are out of sight, variables are not.

Source: AWS IoT Core Developer Guide, "Nested object queries", "EXISTS operator".
"""

from __future__ import annotations

from typing import Final, final

from rules.bounds import PerItem
from rules.expression import Expression
from rules.message import Context
from rules.selection import Selection
from rules.values import UNDEFINED, Value
from rules.weight import weigh

__all__ = ["ITEM", "Work", "exists", "nested_select"]

ITEM: Final = "*"
"""The name under which expressions that ask for `*` find the item; no attribute has it."""

# Reading so many characters of a variable or the message takes about as long as visiting an item.
_CHARACTERS_PER_STEP: Final = 64

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
    true, more steps or characters than an evaluation may have.

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
        if not isinstance(over, list) or not work.can_visit(len(over), context):
            return UNDEFINED
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
            return result if work.can_keep(len(result), context) else UNDEFINED
        for item in over:
            inner = scope(item)
            if where is not None and where(inner, context) is not True:
                continue
            value = make(inner, item, context)
            if value is UNDEFINED:
                continue
            if grows:
                context.characters_left -= weigh(value, context.characters_left)
                if context.characters_left < 0:
                    return UNDEFINED
            result.append(value)
        return result if work.can_keep(len(result), context) else UNDEFINED

    return run


@final
class Work:
    """What each item of a nested SELECT costs, against what an evaluation may spend.

    Args:
        per_item: What the query's text tells.
        variables: The indexes of its variables.
        key_characters: How many characters its keys have.

    Attributes:
        grows: Whether what is made of an item may be larger than the item, and is weighed.
    """

    __slots__ = ("_key_characters", "_reads_message", "_steps", "_variables", "grows")

    def __init__(self, per_item: PerItem, variables: tuple[int, ...], key_characters: int) -> None:
        self.grows = per_item.grows
        self._steps = per_item.steps
        self._reads_message = per_item.reads_message
        self._variables = variables
        self._key_characters = key_characters

    def can_visit(self, items: int, context: Context) -> bool:
        """Count the steps of that many items; false if that is too many."""
        steps = self._steps
        if self._variables:
            known = [context.variables[i] for i in self._variables if i < len(context.variables)]
            steps += weigh(known, context.steps_left * _CHARACTERS_PER_STEP) // _CHARACTERS_PER_STEP
        if self._reads_message:
            message = context.message
            steps += (len(message.topic) + len(message.payload)) // _CHARACTERS_PER_STEP
        context.steps_left -= items * steps
        return context.steps_left >= 0

    def can_keep(self, items: int, context: Context) -> bool:
        """Count the keys of that many results; false if that is too many characters."""
        context.characters_left -= items * self._key_characters
        return context.characters_left >= 0


def exists(query: Expression) -> Expression:
    """Return the expression that tells whether a nested SELECT gives at least one element."""

    def run(members: dict[str, Value], context: Context) -> Value:
        value = query(members, context)
        return bool(value) if isinstance(value, list) else value is not UNDEFINED

    return run
