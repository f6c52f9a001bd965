"""The syntax tree of IoT SQL.

Owns the nodes. They are values: two trees are equal if they mean the same text, wherever it
stands; positions do not take part. Parentheses are not nodes. Knows nothing of evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

__all__ = [
    "Attribute",
    "Binary",
    "Boolean",
    "Call",
    "Cast",
    "Member",
    "Node",
    "Null",
    "Number",
    "Position",
    "Query",
    "SelectItem",
    "Star",
    "Text",
    "Unary",
    "children",
]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the text, in characters from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal; an `int` where it has neither point nor exponent and 34 digits hold it."""

    value: int | Decimal
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal, without its quotes."""

    value: str
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Boolean:
    """`TRUE` or `FALSE`."""

    value: bool
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Null:
    """`NULL`."""

    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Star:
    """`*`: the payload, as a select item or an argument."""

    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A name: a member of the payload, or of the item in a nested SELECT."""

    name: str
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """`target.name`; its position is the name's."""

    target: Node
    name: str
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; the name as it was written."""

    name: str
    arguments: tuple[Node, ...]
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Cast:
    """`CAST(operand AS type)`; the type's name as it was written."""

    operand: Node
    type_name: str
    position: Position = field(compare=False)
    type_position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-` or `NOT` and its operand."""

    operator: str
    operand: Node
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator (keywords in capitals) between two operands; its position is the operator's."""

    operator: str
    left: Node
    right: Node
    position: Position = field(compare=False)


Node: TypeAlias = (
    Number | Text | Boolean | Null | Star | Attribute | Member | Call | Cast | Unary | Binary
)


@dataclass(frozen=True, slots=True)
class SelectItem:
    """One item of SELECT: an expression or `*`, and the name after AS."""

    expression: Node
    alias: str | None


@dataclass(frozen=True, slots=True)
class Query:
    """A whole statement.

    Attributes:
        items: What SELECT lists; exactly one, without alias, where `is_value`.
        is_value: Whether it is `SELECT VALUE`.
        topic_filter: What FROM names; None without FROM.
        where: The condition; None without WHERE.
    """

    items: tuple[SelectItem, ...]
    is_value: bool
    topic_filter: str | None
    where: Node | None


def children(node: Node) -> Iterator[Node]:
    """Give the nodes directly below a node, in the order of the text."""
    match node:
        case Member(target=target):
            yield target
        case Call(arguments=arguments):
            yield from arguments
        case Cast(operand=operand) | Unary(operand=operand):
            yield operand
        case Binary(left=left, right=right):
            yield left
            yield right
        case _:
            return
