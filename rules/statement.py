"""Statements: SQL compiled, and evaluated against messages.

Owns what SELECT, FROM and WHERE do together and how the result becomes bytes.

Source: AWS IoT Core Developer Guide, "SELECT clause", "WHERE clause"; for what AWS does not say,
docs/reference/sql.md.
"""

from __future__ import annotations

from typing import Final, final

from rules.compiler import Compiler
from rules.errors import SqlError
from rules.expression import Expression
from rules.message import Context, Environment, Message
from rules.parser import parse
from rules.payload import encode, encode_object, floats_print_as_is
from rules.syntax import Attribute, Call, Cast, Member, Node, Query, SelectItem, Star
from rules.topic_filter import filter_warning
from rules.values import DEFAULT_VERSION, DIALECTS, UNDEFINED, V2015, Dialect, Value

__all__ = ["Statement", "compile", "dialect_of"]

_NO_PAYLOAD: Final = b""


def dialect_of(version: str) -> Dialect:
    """Return the dialect of an `awsIotSqlVersion`.

    Raises:
        SqlError: There is no such version.
    """
    dialect = DIALECTS.get(version)
    if dialect is None:
        known = ", ".join(DIALECTS)
        raise SqlError(f"unknown SQL version {version!r}", 1, 1, expected=known, found=version)
    return dialect


def compile(sql: str, version: str = DEFAULT_VERSION) -> Statement:  # noqa: A001 - as in `re`
    """Compile a statement.

    Args:
        sql: The statement.
        version: One of "2015-10-08", "2016-03-23" and "beta".

    Raises:
        SqlError: The text is not a statement of that version, or uses what is not supported yet.
    """
    dialect = dialect_of(version)
    query = parse(sql)
    compiler = Compiler(dialect)
    where = None if query.where is None else compiler.compile(query.where).run
    projection = _projection(query, compiler)
    warnings = compiler.warnings
    if query.topic_filter is not None:
        warning = filter_warning(query.topic_filter)
        if warning:
            warnings.append(warning)
    return Statement(sql, dialect, query, where, projection, tuple(warnings))


@final
class _Projection:
    """What SELECT makes of a message.

    Attributes:
        forwards: `SELECT *` alone: the payload's bytes go on as they are.
        value: The expression of `SELECT VALUE`; None for a list of items.
        items: Key and expression of each item; a None key merges the payload's members in.
    """

    __slots__ = ("forwards", "items", "value")

    def __init__(
        self,
        forwards: bool,
        value: Expression | None,
        items: tuple[tuple[str | None, Expression], ...],
    ) -> None:
        self.forwards = forwards
        self.value = value
        self.items = items


def _projection(query: Query, compiler: Compiler) -> _Projection:
    first = query.items[0]
    if query.is_value:
        return _Projection(False, compiler.compile(first.expression).run, ())
    if len(query.items) == 1 and isinstance(first.expression, Star) and first.alias is None:
        return _Projection(True, None, ())
    return _Projection(False, None, tuple(_item(item, compiler) for item in query.items))


def _item(item: SelectItem, compiler: Compiler) -> tuple[str | None, Expression]:
    if isinstance(item.expression, Star):
        return item.alias, _document
    run = compiler.compile(item.expression).run
    return (item.alias or _implied_key(item.expression)), run


def _document(members: dict[str, Value], context: Context) -> Value:
    return context.message.document


def _implied_key(node: Node) -> str:
    """Return the key of an item without AS: the last name of a path, or the function's name."""
    match node:
        case Attribute(name=name) | Member(name=name) | Call(name=name):
            return name
        case Cast():
            return "cast"
        case _:
            position = node.position
            raise SqlError(
                "expected AS and a name: this expression has no name of its own",
                position.line,
                position.column,
                expected="AS and a name",
                hint="for example: celsius * 1.8 + 32 AS fahrenheit",
            )


@final
class Statement:
    """A compiled statement. Evaluating it has no side effects and raises nothing.

    Attributes:
        sql: The text.
        version: The version of the language.
        topic_filter: What FROM names; None without FROM (a rule for Basic Ingest only).
        warnings: What is allowed but can hardly be meant, a sentence each.
        query: The syntax tree.
    """

    __slots__ = (
        "_dialect",
        "_forwards",
        "_items",
        "_value",
        "_where",
        "query",
        "sql",
        "topic_filter",
        "version",
        "warnings",
    )

    def __init__(
        self,
        sql: str,
        dialect: Dialect,
        query: Query,
        where: Expression | None,
        projection: _Projection,
        warnings: tuple[str, ...],
    ) -> None:
        self.sql = sql
        self.version = dialect.version
        self.topic_filter = query.topic_filter
        self.warnings = warnings
        self.query = query
        self._dialect = dialect
        self._where = where
        self._forwards = projection.forwards
        self._value = projection.value
        self._items = projection.items

    def evaluate(self, message: Message, environment: Environment) -> bytes | None:
        """Evaluate the statement for one message.

        Whether the topic matches `topic_filter` is not looked at.

        Returns:
            The outgoing payload: compact JSON in UTF-8, or for `SELECT *` the very bytes that came;
            None if WHERE is not true.
        """
        where = self._where
        if where is None and self._forwards:
            return message.payload
        members = message.members
        if members is None:
            members = message.read()
        context = Context(message, environment)
        if where is not None and where(members, context) is not True:
            return None
        if self._forwards:
            return message.payload
        if self._value is not None:
            return self._encode_value(self._value(members, context))
        return self._encode_items(message, members, context)

    def _encode_value(self, value: Value) -> bytes:
        if value is UNDEFINED or (isinstance(value, list) and self._dialect is V2015):
            return _NO_PAYLOAD  # an Array at the top is not part of 2015-10-08
        return encode(value, self._dialect)

    def _encode_items(self, message: Message, members: dict[str, Value], context: Context) -> bytes:
        outgoing: dict[str, Value] = {}
        may_hold_floats = False
        for key, run in self._items:
            value = run(members, context)
            if value is UNDEFINED:
                continue
            kind = type(value)
            if kind is float or kind is dict or kind is list:
                may_hold_floats = True
            if key is not None:
                outgoing[key] = value
            elif isinstance(value, dict):
                outgoing.update(value)  # later items win over members of the same name
        as_is = not may_hold_floats or floats_print_as_is(message.payload)
        return encode_object(outgoing, self._dialect, as_is)
