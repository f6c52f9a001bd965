"""Why a rule does or does not fire: the value of every clause of a statement, for one message.

Owns the taking apart. It is for people, so it is not fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rules.closures import apply_binary, apply_unary
from rules.compiler import Compiler
from rules.expression import Expression
from rules.message import Context
from rules.payload import encode
from rules.printer import print_expression
from rules.statement import Statement
from rules.syntax import Binary, Node, Unary
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED, V2016, Dialect, Value
from rules.weight import weigh

__all__ = ["Clause", "Explanation", "explain", "show"]

_JOINING: Final = ("AND", "OR")


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a statement and what it gave.

    Attributes:
        name: `@name` of a variable, the key of an item of SELECT, empty for others and for `*`.
        text: The part as SQL.
        value: What it gave.
    """

    name: str
    text: str
    value: Value


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a statement did with one message.

    Attributes:
        variables: What SET computed, in order.
        where: The condition; None without WHERE.
        conditions: What AND and OR make WHERE of; a NOT of several parts stands before them. Empty
            where WHERE is one piece.
        items: What SELECT lists; empty if WHERE is not true.
        output: The outgoing payload; None if WHERE is not true.
    """

    variables: tuple[Clause, ...]
    where: Clause | None
    conditions: tuple[Clause, ...]
    items: tuple[Clause, ...]
    output: bytes | None


def show(value: Value, dialect: Dialect = V2016) -> str:
    """Return a value for people: its JSON text, or `Undefined`."""
    if weigh(value, MAX_TEXT_CHARACTERS) > MAX_TEXT_CHARACTERS:
        return f"(more than {MAX_TEXT_CHARACTERS} characters)"
    return "Undefined" if value is UNDEFINED else encode(value, dialect).decode()


def explain(statement: Statement, context: Context) -> Explanation:
    """Evaluate a statement, and say what each clause gave.

    Args:
        statement: The statement.
        context: One that was not used before; templates may be rendered in it afterwards.

    Raises:
        EvaluationFailed: The statement came to no result.
    """
    query = statement.query
    conditions: list[Clause] = []
    where_of = None
    if query.where is not None:
        compiler = Compiler(statement.dialect, statement.variables)
        where_of = _in_parts(query.where, compiler, conditions)
    apart = statement.evaluate_apart(context, where_of)
    variables = tuple(
        Clause(f"@{assignment.name}", print_expression(assignment.expression), value)
        for assignment, value in zip(query.assignments, context.variables, strict=True)
    )
    where = None
    if query.where is not None:
        where = Clause("", print_expression(query.where), apart.where)
    items = tuple(
        Clause(".".join(path), print_expression(item.expression), value)
        for item, (path, value) in zip(query.items, apart.items, strict=False)
    )
    parts = tuple(conditions) if len(conditions) > 1 else ()
    return Explanation(variables, where, parts, items, apart.output)


def _in_parts(node: Node, compiler: Compiler, conditions: list[Clause]) -> Expression:
    """Return what evaluates a condition and notes what its parts give.

    AND and OR have no short circuit, so that taking them apart changes nothing.
    """
    if isinstance(node, Binary) and node.operator in _JOINING:
        left = _in_parts(node.left, compiler, conditions)
        right = _in_parts(node.right, compiler, conditions)
        return apply_binary(node.operator, left, right, compiler.dialect)
    negates_parts = (
        isinstance(node, Unary)
        and isinstance(node.operand, Binary)
        and node.operand.operator in _JOINING
    )
    if isinstance(node, Unary) and negates_parts:
        inner = _in_parts(node.operand, compiler, conditions)
        run = apply_unary(node.operator, inner, compiler.dialect)
    else:
        run = compiler.compile(node).run
    text = print_expression(node)

    def noted(members: dict[str, Value], context: Context) -> Value:
        place = len(conditions)
        value = run(members, context)
        conditions.insert(place, Clause("", text, value))  # before its own parts
        return value

    return noted
