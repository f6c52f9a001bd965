"""Why a rule does or does not fire: the value of every clause of a statement, for one message.

Owns the taking apart. It is for people, so it is not fast; each function that reaches out may be
asked once more for a part of WHERE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.compiler import Compiler
from rules.errors import EvaluationFailed
from rules.message import Context
from rules.payload import encode
from rules.printer import print_expression
from rules.statement import Statement
from rules.syntax import Binary, Node, Unary
from rules.values import UNDEFINED, V2016, Dialect, Value

__all__ = ["Clause", "Explanation", "explain", "show"]


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
        conditions: The parts that AND, OR and NOT make WHERE of; empty where there are none.
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
    return "Undefined" if value is UNDEFINED else encode(value, dialect).decode()


def explain(statement: Statement, context: Context) -> Explanation:
    """Evaluate a statement, and say what each clause gave.

    The context is as good as new for it, and templates may be rendered in it afterwards.

    Raises:
        EvaluationFailed: A function that reaches out could not be answered.
    """
    query = statement.query
    taken_apart = statement.evaluate_apart(context)
    variables = tuple(
        Clause(f"@{assignment.name}", print_expression(assignment.expression), value)
        for assignment, value in zip(query.assignments, context.variables, strict=True)
    )
    where = None
    conditions: tuple[Clause, ...] = ()
    if query.where is not None:
        where = Clause("", print_expression(query.where), taken_apart.where)
        parts = tuple(_parts(query.where))
        if len(parts) > 1 or parts[0] is not query.where:
            conditions = tuple(_evaluate(part, statement, context) for part in parts)
    items = tuple(
        Clause(".".join(path), print_expression(item.expression), value)
        for item, (path, value) in zip(query.items, taken_apart.items, strict=False)
    )
    return Explanation(variables, where, conditions, items, taken_apart.output)


def _parts(node: Node) -> Iterator[Node]:
    match node:
        case Binary(operator="AND" | "OR", left=left, right=right):
            yield from _parts(left)
            yield from _parts(right)
        case Unary(operator="NOT", operand=operand):
            yield from _parts(operand)
        case _:
            yield node


def _evaluate(node: Node, statement: Statement, context: Context) -> Clause:
    code = Compiler(statement.dialect, statement.variables).compile(node)
    again = Context(context.message, context.environment)
    again.variables = context.variables
    value: Value
    try:
        value = code.run(context.message.read(), again)
    except EvaluationFailed:
        value = UNDEFINED
    return Clause("", print_expression(node), value)
