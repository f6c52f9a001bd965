"""How deep, how large and how much work a statement can get, found out before it runs.

Owns these bounds. What walks values (writing, comparing) is recursive, so a value must not be
deeper than Python's stack and the JSON writer allow: a payload is at most `payload.MAX_DEPTH` deep,
and what a statement wraps around that adds a few levels at most. And a statement that puts the same
thing into its result a thousand times makes much of little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rules.errors import SqlError
from rules.payload import MAX_DEPTH
from rules.syntax import (
    ArrayLiteral,
    Attribute,
    Binary,
    Boolean,
    Call,
    Cast,
    Exists,
    Member,
    Node,
    Null,
    Number,
    ObjectLiteral,
    Position,
    Query,
    Star,
    Subquery,
    Unary,
    Variable,
    children,
)

__all__ = [
    "MAX_ADDED_DEPTH",
    "MAX_COPIES",
    "Growth",
    "PerItem",
    "check_expression",
    "check_query",
    "per_item",
]

# orjson writes 254 levels.
MAX_ADDED_DEPTH: Final = 50
MAX_COPIES: Final = 1000

# What puts its arguments together; other functions hand on what they get, or part of it.
_JOINING: Final = frozenset(("concat", "transform"))
# What gives as much as the message has, whatever the arguments.
_OF_MESSAGE: Final = frozenset(("topic", "clientid", "encode", "decode", "aws_lambda"))


# What a function costs beside visiting an item.
_STEPS_PER_CALL: Final = 4
# Functions whose result is a part of what they get, or of a few characters.
_PARTS: Final = frozenset(("get", "isnull", "isundefined", "length", "indexof", "abs", "floor"))


@dataclass(frozen=True, slots=True)
class PerItem:
    """What a nested SELECT does with each item, as far as its text tells.

    Attributes:
        steps: How many steps it takes; 1 at least.
        grows: Whether what it makes of an item may be larger than the item.
        variables: The variables it reads, so that each item costs what they weigh.
        reads_message: Whether it reads the topic or payload, likewise.
    """

    steps: int
    grows: bool
    variables: frozenset[str]
    reads_message: bool


@dataclass(frozen=True, slots=True)
class Growth:
    """What an expression can make of what came in.

    Attributes:
        depth: How many levels its value may have beyond those of a document.
        copies: How many times over what came in may stand in it, nested SELECTs apart.
    """

    depth: int = 0
    copies: int = 1


_NONE: Final = Growth()


def growth(node: Node, variables: Mapping[str, Growth]) -> Growth:
    """Return what an expression can make of what came in.

    Args:
        node: The expression.
        variables: The same of the variables; one that is missing counts as none.
    """
    if isinstance(node, Variable):
        return variables.get(node.name, _NONE)
    if isinstance(node, Exists):
        return _NONE
    below = [growth(child, variables) for child in children(node)]
    if not below:
        return Growth(int(isinstance(node, ArrayLiteral | ObjectLiteral)))
    depth = max(each.depth for each in below)
    total = min(sum(each.copies for each in below), MAX_COPIES + 1)
    match node:
        case ArrayLiteral() | ObjectLiteral():
            return Growth(depth + 1, total)
        case Subquery(items=items):
            # an array of objects; the names in it mean what is below its source already
            return Growth(depth + 2 + max(len(item.alias) for item in items), total)
        case Call(name=name) if name.lower() in _JOINING:
            return Growth(depth + 1, total)
        case Binary(operator="+"):
            return Growth(depth, total)
        case _:
            return Growth(depth, max(each.copies for each in below))


def per_item(query: Subquery) -> PerItem:
    """Return what a nested SELECT does with each item."""
    made = [item.expression for item in query.items]
    everything = list(_below(made if query.where is None else [*made, query.where]))
    calls = [node for node in everything if isinstance(node, Call | Cast)]
    return PerItem(
        steps=1 + _STEPS_PER_CALL * len(calls),
        grows=any(_grows(node) for node in _below(made)),
        variables=frozenset(node.name for node in everything if isinstance(node, Variable)),
        reads_message=any(
            isinstance(node, Call) and node.name.lower() in _OF_MESSAGE for node in calls
        ),
    )


def _below(nodes: list[Node]) -> Iterator[Node]:
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


def _grows(node: Node) -> bool:
    match node:
        case Attribute() | Member() | Star() | Number() | Boolean() | Null() | Unary() | Exists():
            return False
        case Binary(operator=operator):
            return operator == "+"
        case Call(name=name):
            return name.lower() not in _PARTS
        case _:
            return True


def check_expression(node: Node) -> None:
    """Refuse an expression, of a template, whose value can get too deep or too large.

    Raises:
        SqlError: It can.
    """
    _check(growth(node, {}), node.position)


def check_query(query: Query) -> int:
    """Refuse a statement whose values can get too deep or too large.

    Returns:
        How many times over what came in may stand in its result, nested SELECTs apart.

    Raises:
        SqlError: They can.
    """
    variables: dict[str, Growth] = {}
    for assignment in query.assignments:
        found = growth(assignment.expression, variables)
        _check(found, assignment.position)
        variables[assignment.name] = found
    copies = 0
    for item in query.items:
        found = growth(item.expression, variables)
        copies += found.copies
        _check(
            Growth(found.depth + max(1, len(item.alias)), found.copies), item.expression.position
        )
    return copies


def _check(found: Growth, position: Position) -> None:
    if found.depth > MAX_ADDED_DEPTH:
        raise SqlError(
            f"literals, nested SELECTs and variables make a value {found.depth} levels deeper than "
            f"what came in; at most {MAX_ADDED_DEPTH} are allowed (the payload may have "
            f"{MAX_DEPTH})",
            position.line,
            position.column,
        )
    if found.copies > MAX_COPIES:
        raise SqlError(
            f"literals and variables put what came in more than {MAX_COPIES} times into one value",
            position.line,
            position.column,
        )
