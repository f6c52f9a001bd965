"""The compiler: syntax tree to closures, once per rule, so that no tree is walked per message.

Owns names' resolution, versions, constant folding and the choice of closures. Knows nothing of
text, except to report places.

A subtree whose operands are all constant, and which asks nothing of the message or the outside, is
evaluated here; evaluation is total, so that cannot fail.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final, final

from rules.closures import (
    apply_binary,
    apply_unary,
    array_literal,
    attribute,
    case,
    compare,
    compare_attribute,
    is_in,
    is_in_variable,
    member,
    object_literal,
    path,
    variable,
)
from rules.conversions import CAST_TYPES
from rules.errors import SqlError
from rules.expression import Code, Expression, constant
from rules.functions import FUNCTIONS, CallSite
from rules.message import Context, Environment, Message
from rules.nested import ITEM, exists, nested_select
from rules.selection import compile_selection
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
    Position,
    Star,
    Subquery,
    Text,
    Unary,
    Variable,
    is_variable_path,
)
from rules.values import UNDEFINED, V2016, Dialect, Value
from rules.weight import weigh
from rules.work import measure

__all__ = ["Compiler"]

_COMPARISONS: Final = frozenset(("=", "<>", "<", "<=", ">", ">="))
# What other languages call functions that are here under another name.
_ELSEWHERE: Final = {
    "now": "timestamp",
    "len": "length",
    "strlen": "length",
    "substr": "substring",
    "ifnull": "get_or_default",
    "coalesce": "get_or_default",
    "nvl": "get_or_default",
    "pow": "power",
    "instr": "indexof",
    "uuid": "newuuid",
    "random": "rand",
    "ceiling": "ceil",
    "base64": "encode",
    "ucase": "upper",
    "lcase": "lower",
    "from_unixtime": "parse_time",
    "date_format": "parse_time",
}
# A call is evaluated here only if its arguments are no longer: thousands of calls that make much of
# little must not all be made now.
_FOLDED_CHARACTERS: Final = 128
_SHOWN_VARIABLES: Final = 50
_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _no_time() -> int:
    return 0


_NO_MESSAGE: Final = Message("", b"")
_NOWHERE: Final = Environment(_no_time)


def _document(members: dict[str, Value], context: Context) -> Value:
    context.message.read()
    return context.message.document


def _item(members: dict[str, Value], context: Context) -> Value:
    return members.get(ITEM, UNDEFINED)


@final
class Compiler:
    """Compiles the expressions of one statement or template.

    Args:
        dialect: The version of the language.
        variables: The names that SET gives, in order; None: any name may be meant, and none has a
            value, for the templates of a rule whose statement cannot be read.
        allow_reaching: Whether functions that reach out are allowed.

    Attributes:
        dialect: The version of the language.
        variables: The names that are known so far, with their places; a statement adds to them as
            it compiles SET.
        warnings: What is allowed but can hardly be meant, a sentence each, in order of compiling.
        reaches_out: Whether a function that reaches out was compiled.
    """

    def __init__(
        self,
        dialect: Dialect,
        variables: Sequence[str] | None = (),
        *,
        allow_reaching: bool = True,
    ) -> None:
        self.dialect = dialect
        self.variables: dict[str, int] | None = None
        if variables is not None:
            self.variables = {name: index for index, name in enumerate(variables)}
        self.warnings: list[str] = []
        self.reaches_out = False
        self._allow_reaching = allow_reaching
        # What `*` means as an argument: the payload, or within a nested SELECT the item.
        self._whole = Code(_document, is_star=True)
        self._item_is_named = False

    def compile(self, node: Node) -> Code:
        """Compile an expression.

        Raises:
            SqlError: A function, type or variable that is unknown, or not in this version.
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
            case Variable():
                return self._variable(node)
            case Member(target=Attribute(name=first), name=name):
                return Code(path(first, name))
            case Member(target=Member(target=Attribute(name=first), name=second), name=name):
                return Code(path(first, second, name))
            case Member(target=target, name=name):
                inner = self.compile(target)
                return self._fold(member(inner.run, name), inner)
            case Unary(operator=symbol, operand=operand):
                code = self.compile(operand)
                return self._fold(apply_unary(symbol, code.run, self.dialect), code)
            case Binary():
                return self._binary(node)
            case Cast():
                return self._cast(node)
            case Call():
                return self._call(node)
            case Case():
                return self._case(node)
            case ArrayLiteral(items=items, position=position):
                self._require(V2016, "an array literal", position)
                codes = [self.compile(item) for item in items]
                return self._fold(array_literal([code.run for code in codes]), *codes)
            case ObjectLiteral(members=pairs, position=position):
                self._require(V2016, "an object literal", position)
                values = [(key, self.compile(value)) for key, value in pairs]
                run = object_literal([(key, code.run) for key, code in values])
                return self._fold(run, *(code for _, code in values))
            case Subquery():
                return Code(self._subquery(node))
            case Exists(query=query):
                return Code(exists(self._subquery(query)))
            case Star(position=position):
                raise SqlError(
                    "'*' is not an expression here",
                    position.line,
                    position.column,
                    hint="'*' stands in SELECT, or is an argument of a function",
                )

    def _fold(self, run: Expression, *operands: Code) -> Code:
        if all(operand.is_constant for operand in operands):
            # nothing that folds looks at more than how much it may make
            return constant(run({}, Context(_NO_MESSAGE, _NOWHERE)))
        return Code(run)

    def _variable(self, node: Variable) -> Code:
        if self.variables is None:
            return constant(UNDEFINED)
        if node.name in self.variables:
            return Code(variable(self.variables[node.name]))
        known = list(self.variables)[:_SHOWN_VARIABLES]
        near = difflib.get_close_matches(node.name, known, n=1)
        if near:
            hint = f"did you mean @{near[0]}?"
        elif known:
            hint = "known here: " + ", ".join(f"@{name}" for name in known)
        else:
            hint = f"give it a value before SELECT: SET @{node.name} = …"
        raise _refusal(
            f"unknown variable '@{node.name}'",
            node.position,
            expected="a variable that SET has given a value",
            found=f"@{node.name}",
            hint=hint,
        )

    def _binary(self, node: Binary) -> Code:
        left = self.compile(node.left)
        right = self.compile(node.right)
        symbol = node.operator
        if symbol in _COMPARISONS:
            if right.is_constant and not left.is_constant:
                return self._comparison(node.left, left, symbol, right.value)
            if left.is_constant and not right.is_constant:
                return self._comparison(node.right, right, _MIRRORED[symbol], left.value)
        if symbol == "IN" and right.is_constant:
            if not isinstance(right.value, list):
                self.warnings.append(
                    f"{node.right.position}: IN looks for a value in an array, so this is always "
                    "Undefined; write a IN [1, 2]"
                )
            return self._fold(is_in(left.run, right.value), left)
        if symbol == "IN" and is_variable_path(node.right):
            return Code(is_in_variable(left.run, right.run))
        return self._fold(apply_binary(symbol, left.run, right.run, self.dialect), left, right)

    def _comparison(self, node: Node, code: Code, symbol: str, with_value: Value) -> Code:
        if isinstance(node, Attribute):
            return Code(compare_attribute(node.name, symbol, with_value, self.dialect))
        return Code(compare(code.run, symbol, with_value, self.dialect))

    def _case(self, node: Case) -> Code:
        operand = self.compile(node.operand)
        branches = [(self.compile(when), self.compile(then)) for when, then in node.branches]
        otherwise = constant(UNDEFINED) if node.otherwise is None else self.compile(node.otherwise)
        runs = [(when.run, then.run) for when, then in branches]
        codes = [operand, otherwise, *(code for branch in branches for code in branch)]
        return self._fold(case(operand.run, runs, otherwise.run), *codes)

    def _subquery(self, node: Subquery) -> Expression:
        self._require(V2016, "a nested SELECT", node.position)
        source = self.compile(node.source).run
        outside = self._whole, self._item_is_named
        self._whole, self._item_is_named = Code(_item), False
        selection = compile_selection(node.items, node.is_value, self)
        where = None if node.where is None else self.compile(node.where).run
        names = [name for name in (node.alias, ITEM if self._item_is_named else None) if name]
        self._whole, self._item_is_named = outside
        keys = sum(len(key) + 4 for item in selection.items for key in item.path)
        work = measure(node, keys, lambda path: self.compile(path).run)
        return nested_select(source, tuple(names), where, selection, work)

    def _cast(self, node: Cast) -> Code:
        known = CAST_TYPES.get(node.type_name.lower())
        position = node.type_position
        if known is None:
            raise _refusal(
                f"unknown type '{node.type_name}'",
                position,
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
            result = convert(inner(members, context), dialect)
            return context.keep(result) if type(result) is str else result

        return self._fold(run, operand)

    def _call(self, node: Call) -> Code:
        position = node.position
        function = FUNCTIONS.get(node.name.lower())
        if function is None:
            names = [each.name for each in FUNCTIONS.values()]
            elsewhere = _ELSEWHERE.get(node.name.lower())
            near = [elsewhere] if elsewhere else difflib.get_close_matches(node.name, names, n=1)
            raise _refusal(
                f"unknown function '{node.name}'",
                position,
                expected="a function",
                found=node.name,
                hint=f"did you mean {near[0]}?" if near else "",
            )
        self._require(function.since, f"the function {function.name}", position)
        asks_outside = len(node.arguments) in function.asks_outside
        if asks_outside and not self._allow_reaching:
            raise _refusal(
                f"the function {function.name} cannot be used in an error action",
                position,
                hint="an error action's templates may use every function that asks nothing outside",
            )
        arguments = tuple(
            self._argument(argument, index == function.star_at)
            for index, argument in enumerate(node.arguments)
        )
        if not function.takes(len(arguments)):
            self.warnings.append(
                f"{position}: {function.name} takes {function.parameters()}, not "
                f"{len(arguments)}: the result is always Undefined"
            )
            return constant(UNDEFINED)
        self.reaches_out |= asks_outside
        positions = tuple(argument.position for argument in node.arguments)
        call = CallSite(function.name, self.dialect, arguments, position, positions, self.warnings)
        run = function.build(call)
        folds = function.is_pure and all(argument.is_constant for argument in arguments)
        if (
            folds
            and weigh([code.value for code in arguments], _FOLDED_CHARACTERS) <= _FOLDED_CHARACTERS
        ):
            return self._fold(run, *arguments)
        return Code(run)

    def _argument(self, node: Node, may_be_raw: bool) -> Code:
        if not isinstance(node, Star):
            return self.compile(node)
        self._item_is_named = True
        return self._whole if may_be_raw else Code(self._whole.run)

    def _require(self, since: Dialect, what: str, position: Position) -> None:
        if self.dialect.since < since.since:
            raise _refusal(
                f"{what} is not part of version {self.dialect.version}",
                position,
                hint=f'set "awsIotSqlVersion" to "{since.version}" or later; '
                "without it, rules have version 2015-10-08",
            )


def _refusal(
    problem: str, position: Position, *, expected: str = "", found: str = "", hint: str = ""
) -> SqlError:
    return SqlError(
        problem, position.line, position.column, expected=expected, found=found, hint=hint
    )
