"""What a function of IoT SQL is: an entry of the table, and the shapes its implementations have.

Owns the contract between the compiler and the functions. Knows none of them.

An implementation builds an expression from the code of its arguments, so that it can look at
constant ones once. A call with a wrong number or type of arguments is Undefined.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias, final

from rules.errors import SqlError
from rules.expression import Code, Expression
from rules.message import Context, Message
from rules.syntax import Position
from rules.values import Dialect, Value

__all__ = ["ANY_NUMBER", "Build", "CallSite", "Function", "of_many", "of_one", "of_two"]

ANY_NUMBER: Final[tuple[int, ...]] = ()


@final
@dataclass(frozen=True, slots=True)
class CallSite:
    """One call in a statement, for the function to make an expression of.

    Attributes:
        name: The function's name as AWS writes it.
        dialect: The version of the language.
        arguments: The code of the arguments; their number is one of the function's `counts`.
        position: Where the call stands.
        argument_positions: Where each argument stands.
        warnings: Where what is allowed but can hardly be meant is noted.
    """

    name: str
    dialect: Dialect
    arguments: tuple[Code, ...]
    position: Position
    argument_positions: tuple[Position, ...]
    warnings: list[str] = field(default_factory=list)

    def warn(self, index: int, text: str) -> None:
        """Note something about an argument that makes the call useless, without refusing it."""
        self.warnings.append(f"{self.argument_positions[index]}: {text}")

    def refuse(self, index: int, problem: str, *, hint: str = "") -> NoReturn:
        """Refuse the statement because of an argument.

        Raises:
            SqlError: Always.
        """
        position = self.argument_positions[index]
        raise SqlError(problem, position.line, position.column, hint=hint)


Build: TypeAlias = Callable[[CallSite], Expression]


@final
@dataclass(frozen=True, slots=True)
class Function:
    """One entry of the table.

    Attributes:
        name: The name as AWS writes it; names are not case-sensitive.
        since: The first version that has it.
        counts: How many arguments it may have; `ANY_NUMBER` where any number will do.
        build: Makes the expression of one call.
        is_pure: Whether the result depends on the arguments alone, so that it can be folded.
        star_at: The index of the argument that may be `*`, the raw payload; -1 for none.
        steps: What a call costs in a nested SELECT, in steps (see `Context.steps_left`).
        joins: Whether it puts its arguments together into a larger value.
        gives_part: Whether its result is a part of an argument, or of a few characters.
        is_quick: Whether a large argument takes no longer than a small one.
        reads: What of the message it reads, beyond a few characters: a call in a nested SELECT
            costs as much again for every item.
        asks_outside: With how many arguments it asks `Environment.outside`, and so may take long.
    """

    name: str
    since: Dialect
    counts: tuple[int, ...]
    build: Build
    is_pure: bool = True
    star_at: int = -1
    steps: int = 8
    joins: bool = False
    gives_part: bool = False
    is_quick: bool = False
    reads: Callable[[Message], int] | None = None
    asks_outside: tuple[int, ...] = ()

    def takes(self, count: int) -> bool:
        """Whether a call with that many arguments is one AWS documents."""
        return not self.counts or count in self.counts

    def parameters(self) -> str:
        """Return in words how many arguments it takes."""
        if not self.counts:
            return "any number of arguments"
        if self.counts == (0,):
            return "no arguments"
        *others, last = self.counts
        numbers = f"{', '.join(map(str, others))} or {last}" if others else str(last)
        return f"{numbers} argument{'' if self.counts == (1,) else 's'}"


def of_one(implementation: Callable[[Value, Dialect], Value]) -> Build:
    """Return the build of a function of one value."""

    def build(call: CallSite) -> Expression:
        argument = call.arguments[0].run
        dialect = call.dialect

        def run(members: dict[str, Value], context: Context) -> Value:
            result = implementation(argument(members, context), dialect)
            return context.keep(result) if type(result) is str else result

        return run

    return build


def of_two(implementation: Callable[[Value, Value, Dialect], Value]) -> Build:
    """Return the build of a function of two values."""

    def build(call: CallSite) -> Expression:
        first, second = (code.run for code in call.arguments)
        dialect = call.dialect

        def run(members: dict[str, Value], context: Context) -> Value:
            result = implementation(first(members, context), second(members, context), dialect)
            return context.keep(result) if type(result) is str else result

        return run

    return build


def of_many(implementation: Callable[[list[Value], Dialect], Value]) -> Build:
    """Return the build of a function that takes its values in a list."""

    def build(call: CallSite) -> Expression:
        expressions = tuple(code.run for code in call.arguments)
        dialect = call.dialect

        def run(members: dict[str, Value], context: Context) -> Value:
            return context.keep(implementation([e(members, context) for e in expressions], dialect))

        return run

    return build
