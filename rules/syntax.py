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
    "ArrayLiteral",
    "Assignment",
    "Attribute",
    "Binary",
    "Boolean",
    "Call",
    "Case",
    "Cast",
    "Exists",
    "Member",
    "Node",
    "Null",
    "Number",
    "ObjectLiteral",
    "Position",
    "Query",
    "SelectItem",
    "Star",
    "Subquery",
    "Text",
    "Unary",
    "Variable",
    "children",
    "is_variable_path",
]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the text, in characters from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


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


@dataclass(frozen=True, slots=True)
class Variable:
    """`@name`: a value that SET gave a name; the name is without its `@`."""

    name: str
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class ArrayLiteral:
    """`[a, b]`."""

    items: tuple[Node, ...]
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class ObjectLiteral:
    """`{'key': a}`; keys in the order of the text, and more than once if they stand there twice."""

    members: tuple[tuple[str, Node], ...]
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE operand WHEN a THEN b ELSE c END`; no ELSE is None."""

    operand: Node
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class SelectItem:
    """One item of SELECT: an expression or `*`, and the path after AS; empty without AS."""

    expression: Node
    alias: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subquery:
    """`(SELECT … FROM source AS alias WHERE …)` over an array or an object.

    Attributes:
        items: What SELECT lists; exactly one, without alias, where `is_value`.
        is_value: Whether it is `SELECT VALUE`.
        source: What FROM names.
        alias: The item's name; None without AS.
        where: The condition; None without WHERE.
        position: Where SELECT stands.
    """

    items: tuple[SelectItem, ...]
    is_value: bool
    source: Node
    alias: str | None
    where: Node | None
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Exists:
    """`EXISTS (SELECT …)`."""

    query: Subquery
    position: Position = field(compare=False)


Node: TypeAlias = (
    Number
    | Text
    | Boolean
    | Null
    | Star
    | Attribute
    | Variable
    | Member
    | Call
    | Cast
    | Unary
    | Binary
    | ArrayLiteral
    | ObjectLiteral
    | Case
    | Subquery
    | Exists
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `@name = expression` of SET; its position is the variable's."""

    name: str
    expression: Node
    position: Position = field(compare=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A whole statement.

    Attributes:
        items: What SELECT lists; exactly one, without alias, where `is_value`.
        is_value: Whether it is `SELECT VALUE`.
        topic_filter: What FROM names; None without FROM.
        where: The condition; None without WHERE.
        assignments: What SET assigns, in order.
    """

    items: tuple[SelectItem, ...]
    is_value: bool
    topic_filter: str | None
    where: Node | None
    assignments: tuple[Assignment, ...] = ()


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
        case ArrayLiteral(items=nodes):
            yield from nodes
        case ObjectLiteral(members=members):
            for _, below in members:
                yield below
        case Case(operand=operand, branches=branches, otherwise=otherwise):
            yield operand
            for condition, result in branches:
                yield condition
                yield result
            if otherwise is not None:
                yield otherwise
        case Subquery(items=items, source=source, where=where):
            yield from (item.expression for item in items)
            yield source
            if where is not None:
                yield where
        case Exists(query=query):
            yield query
        case _:
            return


def is_variable_path(node: Node) -> bool:
    """Whether a node is a variable or a member of one: the same for a whole evaluation."""
    while isinstance(node, Member):
        node = node.target
    return isinstance(node, Variable)
