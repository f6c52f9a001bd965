"""What a nested SELECT costs for each item, found out before it runs, and counted when it does.

Owns that price. Most of it stands in the text: every node is a step, every function a few. What the
items are looked at with (variables, the topic, the message's properties) costs as much for each of
them as it is large, so that is measured when the query begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, final

from rules.expression import Expression
from rules.functions import FUNCTIONS, Function
from rules.message import Context, Message
from rules.syntax import (
    ArrayLiteral,
    Attribute,
    Binary,
    Boolean,
    Call,
    Case,
    Cast,
    Exists,
    Member,
    Node,
    Null,
    Number,
    ObjectLiteral,
    Star,
    Subquery,
    Text,
    Unary,
    children,
    is_variable_path,
)
from rules.values import Value
from rules.weight import toil

__all__ = ["Work", "measure"]

# Finding the members of an item, asking WHERE, keeping the result.
_STEPS_PER_ITEM: Final = 4
# Of a key, what stands around it, and the object that each name of its path is.
_STEPS_PER_NAME: Final = 10
_ARITHMETIC: Final = frozenset("+-*/%")
_LOGIC: Final = frozenset(("AND", "OR"))


@final
class Work:
    """The price of one item.

    Args:
        steps: What stands in the text.
        dragged: What the items are looked at with: the paths of variables, and how often.
        reads: What functions read of the message.
        key_characters: How many characters the keys have.
        grows: Whether what is made of an item may be larger than the item.

    Attributes:
        grows: Likewise: then it is weighed.
    """

    __slots__ = ("_dragged", "_key_characters", "_reads", "_steps", "grows")

    def __init__(
        self,
        steps: int,
        dragged: tuple[tuple[Expression, int], ...],
        reads: tuple[Callable[[Message], int], ...],
        key_characters: int,
        grows: bool,
    ) -> None:
        self.grows = grows
        self._steps = steps
        self._dragged = dragged
        self._reads = reads
        self._key_characters = key_characters

    def begin(self, items: int, members: dict[str, Value], context: Context) -> None:
        """Count what that many items cost, before they are visited.

        Raises:
            BudgetSpent: It is too much.
        """
        if not items:
            return
        steps = self._steps
        for expression, times in self._dragged:
            steps += times * toil(expression(members, context), context.steps_left)
        for reads in self._reads:
            steps += reads(context.message)
        context.spend_steps(items * steps)
        context.spend_characters(items * self._key_characters)


def measure(
    query: Subquery, key_characters: int, compile_path: Callable[[Node], Expression]
) -> Work:
    """Return what each item of a nested SELECT costs.

    Args:
        query: The query.
        key_characters: How many characters its keys have, with what stands around them.
        compile_path: Compiles what does not depend on the item: a variable, or a member of one.

    The query must have been compiled before: its functions are there.
    """
    made = [item.expression for item in query.items]
    asked = made if query.where is None else [*made, query.where]
    steps = _STEPS_PER_ITEM + sum(_STEPS_PER_NAME * max(0, len(i.alias) - 1) for i in query.items)
    dragged: Counter[Node] = Counter()
    reads: list[Callable[[Message], int]] = []
    for node in _walk(asked, _evaluated_below):
        if is_variable_path(node):
            dragged[node] += 1
        steps += _price(node)
        if isinstance(node, Call) and (read := _function(node).reads) is not None:
            reads.append(read)
    return Work(
        steps,
        tuple((compile_path(path), times) for path, times in dragged.items()),
        tuple(reads),
        key_characters,
        grows=any(_grows(node) for node in _walk(made, children)),
    )


def _function(call: Call) -> Function:
    return FUNCTIONS[call.name.lower()]  # compiling has refused what is not there


def _walk(nodes: Sequence[Node], below: Callable[[Node], Iterator[Node]]) -> Iterator[Node]:
    """Give nodes and what is below them."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(below(node))


def _evaluated_below(node: Node) -> Iterator[Node]:
    """Give what is evaluated for each item; a path of a variable is one piece."""
    if is_variable_path(node):
        return
    if isinstance(node, Binary) and node.operator == "IN":
        yield node.left
        if not isinstance(node.right, ArrayLiteral) and not is_variable_path(node.right):
            yield node.right  # the others are gone through once
    elif isinstance(node, Call) and _function(node).is_quick:
        yield from (child for child in children(node) if not is_variable_path(child))
    else:
        yield from children(node)


def _price(node: Node) -> int:
    """Return what evaluating a node costs beside what is below it, in steps."""
    match node:
        case Call():
            return _function(node).steps
        case Binary(operator="IN", right=ArrayLiteral(items=items)):
            # texts and numbers are found at once, the others one after the other
            return 6 + sum(10 for item in items if not isinstance(item, Text | Number))
        case Binary(operator="IN"):
            return 6
        case Binary(operator=operator):
            if operator in _LOGIC:
                return 3
            is_short = isinstance(node.left, Number | Text) or isinstance(node.right, Number | Text)
            return 4 if is_short and operator not in _ARITHMETIC else 10
        case Unary() | Cast():
            return 10
        case Case(branches=branches):
            return 4 + 8 * len(branches)
        case ArrayLiteral(items=items):
            return 12 + len(items)
        case ObjectLiteral(members=members):
            return 12 + 3 * len(members)
        case Subquery() | Exists():
            return 20
        case _:
            return 1


def _grows(node: Node) -> bool:
    """Whether a node brings something into what is made of an item that is no part of the item."""
    match node:
        case Attribute() | Member() | Star() | Number() | Boolean() | Null() | Unary() | Exists():
            return False
        case Binary(operator=operator):
            return operator == "+"
        case Call():
            return not _function(node).gives_part
        case _:
            return True
