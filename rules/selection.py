"""What SELECT makes of one scope: the payload, or one item of a nested SELECT.

Owns the forms of SELECT, the keys of the result and how items are put together. Knows nothing of
FROM and WHERE, nor of how the result is written.

Source: AWS IoT Core Developer Guide, "SELECT clause"; for what AWS does not say,
docs/compatibility.md.
"""

from __future__ import annotations

from typing import Protocol, final

from rules.expression import Code, Expression
from rules.message import Context
from rules.printer import print_expression
from rules.syntax import Attribute, Call, Cast, Member, Node, SelectItem, Star, Variable
from rules.values import UNDEFINED, Value

__all__ = ["Item", "Selection", "compile_selection", "put"]


@final
class Item:
    """One item of SELECT, ready to run.

    Attributes:
        path: The path of its key in the result; empty for `*`, whose members are merged in.
        run: Its expression; None for `*`, which is the whole scope.
    """

    __slots__ = ("path", "run")

    def __init__(self, path: tuple[str, ...], run: Expression | None) -> None:
        self.path = path
        self.run = run


@final
class Selection:
    """A compiled SELECT.

    Attributes:
        value: The expression of `SELECT VALUE`; None for a list of items.
        items: The items; none for `SELECT VALUE`.
        is_whole: `SELECT *` alone: the scope itself, whatever it is.
        plain: Key and expression of each item, where all are of that simple form; otherwise None.
    """

    __slots__ = ("is_whole", "items", "plain", "value")

    def __init__(self, value: Expression | None, items: tuple[Item, ...]) -> None:
        self.value = value
        self.items = items
        self.is_whole = len(items) == 1 and items[0].run is None and not items[0].path
        self.plain: tuple[tuple[str, Expression], ...] | None = None
        plain = tuple((i.path[0], i.run) for i in items if i.run is not None and len(i.path) == 1)
        if value is None and len(plain) == len(items):
            self.plain = plain

    def make(self, members: dict[str, Value], whole: Value, context: Context) -> Value:
        """Evaluate it for one scope.

        Args:
            members: What names mean.
            whole: What `*` means: the document or item, also where it is no object.
            context: The evaluation.
        """
        if self.value is not None:
            return self.value(members, context)
        if self.is_whole:
            return whole
        return self.collect(members, whole, context)

    def collect(
        self, members: dict[str, Value], whole: Value, context: Context
    ) -> dict[str, Value]:
        """Evaluate the items into an object, which is the caller's own."""
        result: dict[str, Value] = {}
        if self.plain is not None:
            for key, run in self.plain:
                value = run(members, context)
                if value is not UNDEFINED:
                    result[key] = value
            return result
        for item in self.items:
            put(result, item.path, whole if item.run is None else item.run(members, context))
        return result


def put(result: dict[str, Value], path: tuple[str, ...], value: Value) -> None:
    """Put an item's value into the result of a SELECT; what stands there already is replaced.

    Undefined leaves no trace. Without a path, the members of an object are put in.
    """
    if value is UNDEFINED:
        return
    if not path:
        if isinstance(value, dict):
            result.update(value)
        return
    for key in path[:-1]:
        below = result.get(key)
        # a copy: what is there may be the payload's own, which other rules read
        inner: dict[str, Value] = dict(below) if isinstance(below, dict) else {}
        result[key] = inner
        result = inner
    result[path[-1]] = value


class _Compiles(Protocol):
    """What compiling a SELECT needs of the compiler."""

    warnings: list[str]

    def compile(self, node: Node) -> Code:
        """Compile an expression."""


def compile_selection(
    items: tuple[SelectItem, ...], is_value: bool, compiler: _Compiles
) -> Selection:
    """Compile what stands behind SELECT.

    Args:
        items: The items.
        is_value: Whether it is `SELECT VALUE`, of the only item.
        compiler: Compiles the expressions; an item whose key can hardly be meant is noted there.

    Raises:
        SqlError: An expression does not compile.
    """
    if is_value:
        return Selection(compiler.compile(items[0].expression).run, ())
    return Selection(None, tuple(_item(item, compiler) for item in items))


def _item(item: SelectItem, compiler: _Compiles) -> Item:
    if isinstance(item.expression, Star):
        return Item(item.alias, None)
    run = compiler.compile(item.expression).run
    return Item(item.alias or (_implied_key(item.expression, compiler.warnings),), run)


def _implied_key(node: Node, warnings: list[str]) -> str:
    """Return the key of an item without AS: the last name of a path, or the function's name."""
    match node:
        case Attribute(name=name) | Member(name=name) | Call(name=name) | Variable(name=name):
            return name
        case Cast():
            return "cast"
        case _:
            key = print_expression(node)
            warnings.append(
                f"{node.position}: this expression has no name, so its key is {key[:80]!r}; "
                "give it one with AS"
            )
            return key
