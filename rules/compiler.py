"""The compiler: syntax tree to closures, once per rule, so that no tree is walked per message.

Owns names' resolution, versions, constant folding and the choice of closures. Knows nothing of
text, except to report places.

A subtree whose operands are all constant, and which asks nothing of the message or the outside, is
evaluated here; evaluation is total, so that cannot fail.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final, final

from rules.closures import attribute, compare_attribute, member
from rules.conversions import CAST_TYPES
from rules.errors import SqlError
from rules.expression import Code, Expression, constant
from rules.functions import FUNCTIONS, parameters
from rules.message import Context, Environment, Message
from rules.operators import BINARY, UNARY
from rules.syntax import (
    Attribute,
    Binary,
    Boolean,
    Call,
    Cast,
    Member,
    Node,
    Null,
    Number,
    Position,
    Star,
    Text,
    Unary,
)
from rules.values import UNDEFINED, Dialect, Value

__all__ = ["Compiler"]

_COMPARISONS: Final = frozenset(("=", "<>", "<", "<=", ">", ">="))
_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _no_time() -> int:
    return 0


# For folding: nothing that folds looks at it.
_NOWHERE: Final = Context(Message("", b""), Environment(_no_time))


@final
class Compiler:
    """Compiles the expressions of one statement or template.

    Attributes:
        dialect: The version of the language.
        warnings: What is allowed but can hardly be meant, a sentence each, in order of compiling.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.warnings: list[str] = []

    def compile(self, node: Node) -> Code:
        """Compile an expression.

        Raises:
            SqlError: A function or type that is unknown, not supported yet, or not in this version.
        """
        match node:
            case Number(value=number):
                return constant(number)
            case Text(value=text):
                return constant(text)
            case Boolean(value=truth):
                return constant(truth)
            case Null():
                return constant(None)
            case Attribute(name=name):
                return Code(attribute(name))
            case Member(target=target, name=name):
                inner = self.compile(target)
                return self._fold(member(inner.run, name), inner)
            case Unary(operator=symbol, operand=operand):
                return self._unary(symbol, self.compile(operand))
            case Binary():
                return self._binary(node)
            case Cast():
                return self._cast(node)
            case Call():
                return self._call(node)
            case Star(position=position):
                raise SqlError(
                    "'*' is not an expression here",
                    position.line,
                    position.column,
                    hint="'*' stands alone in SELECT, or is an argument of encode and aws_lambda",
                )

    def _fold(self, run: Expression, *operands: Code) -> Code:
        if all(operand.is_constant for operand in operands):
            return constant(run({}, _NOWHERE))
        return Code(run)

    def _unary(self, symbol: str, operand: Code) -> Code:
        apply = UNARY[symbol]
        dialect = self.dialect
        inner = operand.run

        def run(members: dict[str, Value], context: Context) -> Value:
            return apply(inner(members, context), dialect)

        return self._fold(run, operand)

    def _binary(self, node: Binary) -> Code:
        left = self.compile(node.left)
        right = self.compile(node.right)
        symbol = node.operator
        if symbol in _COMPARISONS:
            if isinstance(node.left, Attribute) and right.is_constant:
                name = node.left.name
                return Code(compare_attribute(name, symbol, right.value, self.dialect))
            if isinstance(node.right, Attribute) and left.is_constant:
                name = node.right.name
                mirrored = _MIRRORED[symbol]
                return Code(compare_attribute(name, mirrored, left.value, self.dialect))
        return self._fold(_apply(BINARY[symbol], left.run, right.run, self.dialect), left, right)

    def _cast(self, node: Cast) -> Code:
        known = CAST_TYPES.get(node.type_name.lower())
        position = node.type_position
        if known is None:
            raise SqlError(
                f"unknown type '{node.type_name}'",
                position.line,
                position.column,
                expected="a type",
                found=node.type_name,
                hint="types are " + ", ".join(sorted(CAST_TYPES)),
            )
        since, convert = known
        self._require(since, f"CAST to {node.type_name}", position)
        operand = self.compile(node.operand)
        inner = operand.run
        dialect = self.dialect

        def run(members: dict[str, Value], context: Context) -> Value:
            return convert(inner(members, context), dialect)

        return self._fold(run, operand)

    def _call(self, node: Call) -> Code:
        position = node.position
        function = FUNCTIONS.get(node.name.lower())
        if function is None:
            names = [each.name for each in FUNCTIONS.values()]
            near = difflib.get_close_matches(node.name, names, n=1)
            raise SqlError(
                f"unknown function '{node.name}'",
                position.line,
                position.column,
                expected="a function",
                found=node.name,
                hint=f"did you mean {near[0]}?" if near else "",
            )
        self._require(function.since, f"the function {function.name}", position)
        if function.build is None:
            raise SqlError(
                f"not supported yet: the function {function.name}", position.line, position.column
            )
        arguments = tuple(self.compile(argument) for argument in node.arguments)
        if not function.takes(len(arguments)):
            self.warnings.append(
                f"line {position.line}, column {position.column}: {function.name} takes "
                f"{parameters(function)}, not {len(arguments)}: the result is always Undefined"
            )
            return constant(UNDEFINED)
        run = function.build(self.dialect, arguments)
        return self._fold(run, *arguments) if function.is_pure else Code(run)

    def _require(self, since: Dialect, what: str, position: Position) -> None:
        if self.dialect.since < since.since:
            raise SqlError(
                f"{what} is not part of version {self.dialect.version}",
                position.line,
                position.column,
                hint=f'set "awsIotSqlVersion" to "{since.version}" or later; '
                "without it, rules have version 2015-10-08",
            )


def _apply(
    apply: Callable[[Value, Value, Dialect], Value],
    left: Expression,
    right: Expression,
    dialect: Dialect,
) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        return apply(left(members, context), right(members, context), dialect)

    return run
