"""Expressions ready to run: closures over what compiling found out.

Owns the shape that the compiler, the functions and the closures share. An `Expression` is called
with the members that names mean and the context; it is total: it returns Undefined, never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from rules.message import Context
from rules.values import Value

__all__ = ["Code", "Expression", "constant"]

Expression: TypeAlias = Callable[[dict[str, Value], Context], Value]


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled expression.

    Attributes:
        run: Evaluates it.
        is_constant: Whether it gives `value` for every message.
        value: That value; meaningless if not constant.
        is_star: Whether it is `*` as an argument: it gives the payload as JSON, and who wants the
            raw bytes takes them from the message.
    """

    run: Expression
    is_constant: bool = False
    value: Value = None
    is_star: bool = False


def constant(value: Value) -> Code:
    """Return the code that gives one value always."""

    def run(members: dict[str, Value], context: Context) -> Value:
        return value

    return Code(run, is_constant=True, value=value)
