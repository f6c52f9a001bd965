"""How deep and how large the values of a statement can get, found out before it runs.

Owns these bounds. What walks values (writing, comparing) is recursive, so a value must not be
deeper than Python's stack and the JSON writer allow: a payload is at most `payload.MAX_DEPTH` deep,
and what a statement wraps around that adds a few levels at most. And a statement that puts the same
thing into its result a thousand times makes much of little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rules.errors import SqlError
from rules.functions import FUNCTIONS
from rules.payload import MAX_DEPTH
from rules.syntax import (
    ArrayLiteral,
    Binary,
    Call,
    Exists,
    Node,
    ObjectLiteral,
    Position,
    Query,
    Subquery,
    Variable,
    children,
)

__all__ = ["MAX_ADDED_DEPTH", "MAX_COPIES", "check_expression", "measure_query"]

# orjson writes 254 levels.
MAX_ADDED_DEPTH: Final = 50
MAX_COPIES: Final = 1000


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


def _growth(node: Node, variables: Mapping[str, Growth]) -> Growth:
    """Return what an expression can make of what came in.

    Args:
        node: The expression.
        variables: The same of the variables; one that is missing counts as none.
    """
    if isinstance(node, Variable):
        return variables.get(node.name, _NONE)
    if isinstance(node, Exists):
        return _NONE
    below = [_growth(child, variables) for child in children(node)]
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
        case Call(name=name) if _joins(name):
            return Growth(depth + 1, total)
        case Binary(operator="+"):
            return Growth(depth, total)
        case _:
            return Growth(depth, max(each.copies for each in below))


def _joins(name: str) -> bool:
    function = FUNCTIONS.get(name.lower())
    return function is not None and function.joins


def check_expression(node: Node) -> None:
    """Refuse an expression, of a template, whose value can get too deep or too large.

    Raises:
        SqlError: It can.
    """
    _check(_growth(node, {}), node.position)


def measure_query(query: Query) -> int:
    """Refuse a statement whose values can get too deep or too large.

    Returns:
        How many times over what came in may stand in its result, nested SELECTs apart.

    Raises:
        SqlError: They can.
    """
    variables: dict[str, Growth] = {}
    for assignment in query.assignments:
        found = _growth(assignment.expression, variables)
        _check(found, assignment.position)
        variables[assignment.name] = found
    copies = 0
    for item in query.items:
        found = _growth(item.expression, variables)
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
