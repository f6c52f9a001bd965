"""What a nested SELECT costs for each item, found out before it runs, and counted when it does.

Owns that price. Most of it stands in the text: every node is a step, every function a few. What the
items are looked at with (variables, the topic, the message's properties) costs as much for each of
them as it is large, so that is measured when the query begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, final

from rules.expression import Expression
from rules.functions import FUNCTIONS
from rules.message import Context, Message
from rules.syntax import (
    Attribute,
    Binary,
    Boolean,
    Call,
    Exists,
    Member,
    Node,
    Null,
    Number,
    Star,
    Subquery,
    Unary,
    children,
    is_variable_path,
)
from rules.values import Value
from rules.weight import toil

__all__ = ["Work", "measure"]

# Finding the members of an item, asking WHERE, keeping the result.
_STEPS_PER_ITEM: Final = 4
_STEPS_PER_NODE: Final = 1


@final
class Work:
    """The price of one item.

    Args:
        steps: What stands in the text.
        dragged: What the items are looked at with: the paths of variables.
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
        dragged: tuple[Expression, ...],
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
        """Count the steps of that many items.

        Raises:
            BudgetSpent: They are too many.
        """
        steps = self._steps
        for expression in self._dragged:
            steps += toil(expression(members, context), context.steps_left)
        for reads in self._reads:
            steps += reads(context.message)
        context.spend_steps(items * steps)

    def end(self, items: int, context: Context) -> None:
        """Count the keys of that many results.

        Raises:
            BudgetSpent: They are too many characters.
        """
        context.spend_characters(items * self._key_characters)


def measure(
    query: Subquery, key_characters: int, compile_path: Callable[[Node], Expression]
) -> Work:
    """Return what each item of a nested SELECT costs.

    Args:
        query: The query.
        key_characters: How many characters its keys have, with what stands around them.
        compile_path: Compiles what does not depend on the item: a variable, or a member of one.
    """
    made = [item.expression for item in query.items]
    asked = made if query.where is None else [*made, query.where]
    steps = _STEPS_PER_ITEM
    dragged: list[Expression] = []
    reads: list[Callable[[Message], int]] = []
    for node in _below(asked):
        steps += _STEPS_PER_NODE
        if is_variable_path(node):
            dragged.append(compile_path(node))
        elif isinstance(node, Call) and (function := FUNCTIONS.get(node.name.lower())):
            steps += function.steps
            if function.reads is not None:
                reads.append(function.reads)
    grows = any(_grows(node) for node in _below(made))
    return Work(steps, tuple(dragged), tuple(reads), key_characters, grows)


def _below(nodes: Sequence[Node]) -> Iterator[Node]:
    """Give all nodes of some trees; of what a nested SELECT asks of a variable, the whole path."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Binary) and node.operator == "IN" and is_variable_path(node.right):
            waiting.append(node.left)  # the array is gone through once
        elif not is_variable_path(node):
            waiting.extend(children(node))


def _grows(node: Node) -> bool:
    match node:
        case Attribute() | Star() | Number() | Boolean() | Null() | Unary() | Exists():
            return False
        case Member():
            return is_variable_path(node)
        case Binary(operator=operator):
            return operator == "+"
        case Call(name=name):
            function = FUNCTIONS.get(name.lower())
            return function is None or not function.gives_part
        case _:
            return True
