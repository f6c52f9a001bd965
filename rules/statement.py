"""Statements: SQL compiled, and evaluated against messages.

Owns what SET, SELECT and WHERE do together and how the result becomes bytes.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference"; for what AWS does not say,
docs/compatibility.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final
from weakref import WeakValueDictionary

from rules.bounds import measure_query
from rules.compiler import Compiler
from rules.errors import EvaluationFailed, SqlError
from rules.expression import Expression
from rules.message import MAX_CHARACTERS, Context, Environment, Message
from rules.parser import parse
from rules.payload import encode
from rules.selection import Selection, compile_selection, put
from rules.syntax import Query
from rules.topic_filter import filter_warning
from rules.values import (
    DEFAULT_VERSION,
    DIALECTS,
    MAX_TEXT_CHARACTERS,
    UNDEFINED,
    V2015,
    Dialect,
    Value,
)
from rules.weight import weigh

__all__ = ["Apart", "Statement", "compile", "dialect_of"]

_NO_PAYLOAD: Final = b""

# Of an outgoing payload: eight times AWS's largest message.
MAX_RESULT_CHARACTERS: Final = MAX_TEXT_CHARACTERS
# As UTF-8 and JSON write it: `1e33` becomes 34 digits, a control character six bytes.
MAX_RESULT_BYTES: Final = 4 * MAX_RESULT_CHARACTERS


def dialect_of(version: str) -> Dialect:
    """Return the dialect of an `awsIotSqlVersion`.

    Raises:
        SqlError: There is no such version.
    """
    dialect = DIALECTS.get(version)
    if dialect is None:
        known = ", ".join(DIALECTS)
        raise SqlError(
            f"unknown SQL version {version!r}",
            1,
            1,
            expected=known,
            found=version,
            hint=f"versions are {known}",
        )
    return dialect


def compile(sql: str, version: str = DEFAULT_VERSION) -> Statement:  # noqa: A001 - as in `re`
    """Compile a statement.

    Args:
        sql: The statement.
        version: One of "2015-10-08", "2016-03-23" and "beta".

    Raises:
        SqlError: The text is not a statement of that version.
    """
    dialect = dialect_of(version)
    query = parse(sql)
    copies = measure_query(query)
    key = _key(sql, query.topic_filter, dialect)
    body = None if key is None else _bodies.get(key)
    if body is None:
        body = _compile_body(query, dialect)
        if key is not None and not body.warnings:  # a warning has its place in the text
            _bodies[key] = body
    warnings = body.warnings
    if query.topic_filter is not None:
        warning = filter_warning(query.topic_filter)
        if warning:
            warnings = (*warnings, warning)
    return Statement(sql, query, dialect, body, warnings, copies)


@final
class _Body:
    """All of a statement but FROM, compiled."""

    __slots__ = (
        "__weakref__",
        "assigned",
        "reaches_out",
        "selection",
        "warnings",
        "where",
    )

    def __init__(
        self,
        assigned: tuple[Expression, ...],
        where: Expression | None,
        selection: Selection,
        compiler: Compiler,
    ) -> None:
        self.assigned = assigned
        self.where = where
        self.selection = selection
        self.reaches_out = compiler.reaches_out
        self.warnings = tuple(compiler.warnings)


# A thousand rules that differ in their topics alone share what they do with a message: a processor
# has it at hand for each of them.
_bodies: Final[WeakValueDictionary[tuple[Dialect, str, str], _Body]] = WeakValueDictionary()


def _key(sql: str, topic_filter: str | None, dialect: Dialect) -> tuple[Dialect, str, str] | None:
    """Return what statements have in common that differ in FROM alone; None if that is not sure."""
    for quote in "'\"":
        before, literal, after = sql.partition(f"{quote}{topic_filter}{quote}")
        if literal and literal not in after:
            return dialect, before, after
    return None


def _compile_body(query: Query, dialect: Dialect) -> _Body:
    compiler = Compiler(dialect)
    assigned = _compile_assignments(query, compiler)
    where = None if query.where is None else compiler.compile(query.where).run
    selection = compile_selection(query.items, query.is_value, compiler)
    return _Body(assigned, where, selection, compiler)


def _compile_assignments(query: Query, compiler: Compiler) -> tuple[Expression, ...]:
    """Compile SET; each variable is known from the next one on."""
    known = compiler.variables = {}
    runs: list[Expression] = []
    for assignment in query.assignments:
        if assignment.name in known:
            raise SqlError(
                f"'@{assignment.name}' has a value already",
                assignment.position.line,
                assignment.position.column,
                found=f"@{assignment.name}",
                hint="a variable gets its value once; use another name",
            )
        runs.append(compiler.compile(assignment.expression).run)
        known[assignment.name] = len(known)
    return tuple(runs)


@dataclass(frozen=True, slots=True)
class Apart:
    """What the clauses of a statement gave for one message.

    Attributes:
        where: The value of WHERE; true without WHERE.
        items: The path of each item's key and its value; none if WHERE is not true.
        output: The outgoing payload; None if WHERE is not true.
    """

    where: Value
    items: tuple[tuple[tuple[str, ...], Value], ...]
    output: bytes | None


@final
class Statement:
    """A compiled statement. Evaluating it has no side effects of its own.

    Attributes:
        sql: The text.
        version: The version of the language.
        topic_filter: What FROM names; None without FROM (a rule for Basic Ingest only).
        variables: The names that SET gives, without `@`, in order; templates may use them.
        reaches_out: Whether it has functions that ask `Environment.outside`: evaluating it may
            take as long as they do.
        warnings: What is allowed but can hardly be meant, a sentence each.
        query: The syntax tree.
        dialect: The version of the language, as the rest of the package has it.
    """

    __slots__ = (
        "_assigned",
        "_body",
        "_copies",
        "_forwards",
        "_plain",
        "_selection",
        "_where",
        "dialect",
        "query",
        "reaches_out",
        "sql",
        "topic_filter",
        "variables",
        "version",
        "warnings",
    )

    def __init__(
        self,
        sql: str,
        query: Query,
        dialect: Dialect,
        body: _Body,
        warnings: tuple[str, ...],
        copies: int,
    ) -> None:
        self.sql = sql
        self.dialect = dialect
        self.version = dialect.version
        self.topic_filter = query.topic_filter
        self.variables = tuple(assignment.name for assignment in query.assignments)
        self.reaches_out = body.reaches_out
        self.warnings = warnings
        self.query = query
        # How many times over what came in, or a text of the statement, can stand in the result.
        self._copies = copies
        self._body = body
        self._assigned = body.assigned
        self._where = body.where
        self._selection = body.selection
        self._forwards = body.selection.is_whole
        self._plain = body.selection.plain

    def evaluate(self, message: Message, environment: Environment) -> bytes | None:
        """Evaluate the statement for one message.

        Whether the topic matches `topic_filter` is not looked at.

        Returns:
            The outgoing payload: compact JSON in UTF-8, or for `SELECT *` the very bytes that came;
            None if WHERE is not true.

        Raises:
            EvaluationFailed: A function that reaches out could not be answered, or the result is
                too large.
        """
        return self.evaluate_in(Context(message, environment))

    def evaluate_in(self, context: Context) -> bytes | None:
        """Evaluate the statement in a context, which templates of the same rule may use after it.

        A context is good for one evaluation. Otherwise as `evaluate`.
        """
        message = context.message
        where = self._where
        if self._forwards and where is None and not self._assigned:
            return message.payload
        members = message.members
        if members is None:
            members = message.read()
        if self._assigned:
            variables = context.variables
            for run in self._assigned:
                variables.append(run(members, context))
        if where is not None and where(members, context) is not True:
            return None
        plain = self._plain
        if plain is None:
            if self._forwards:
                return message.payload
            return self._write(self._selection.make(members, message.document, context), context)
        # most statements are this: a list of named expressions, in one frame
        result: dict[str, Value] = {}
        for key, expression in plain:
            value = expression(members, context)
            if value is not UNDEFINED:
                result[key] = value
        self._check_weight(result, context)
        return _checked(encode(result, self.dialect))

    def evaluate_apart(self, context: Context, where_of: Expression | None) -> Apart:
        """Evaluate the statement as `evaluate_in` does, and keep what its clauses gave.

        Args:
            context: One that was not used before.
            where_of: Evaluates WHERE in parts; None without WHERE.
        """
        message = context.message
        members = message.read()
        for run in self._assigned:
            context.variables.append(run(members, context))
        where = True if where_of is None else where_of(members, context)
        if where is not True:
            return Apart(where, (), None)
        selection = self._selection
        if selection.value is not None:
            value = selection.value(members, context)
            return Apart(where, (((), value),), self._write(value, context))
        document = message.document
        items = tuple(
            (item.path, document if item.run is None else item.run(members, context))
            for item in selection.items
        )
        if self._forwards:
            return Apart(where, items, message.payload)
        result: dict[str, Value] = {}
        for path, value in items:
            put(result, path, value)
        return Apart(where, items, self._write(result, context))

    def _write(self, value: Value, context: Context) -> bytes:
        self._check_weight(value, context)
        if value is UNDEFINED or (isinstance(value, list) and self.dialect is V2015):
            return _NO_PAYLOAD  # an Array at the top is not part of 2015-10-08
        return _checked(encode(value, self.dialect))

    def _check_weight(self, value: Value, context: Context) -> None:
        """Weigh a result, unless what came in and what was made of it is too little to matter."""
        message = context.message
        came_in = len(message.payload) + len(message.topic) + len(self.sql)
        most = came_in * self._copies + MAX_CHARACTERS - context.characters_left
        if most <= MAX_RESULT_CHARACTERS and not self.reaches_out:
            return
        if weigh(value, MAX_RESULT_CHARACTERS) > MAX_RESULT_CHARACTERS:
            raise _too_large(f"{MAX_RESULT_CHARACTERS} characters")


def _checked(outgoing: bytes) -> bytes:
    """Return an outgoing payload, unless writing numbers and escapes made too much of it."""
    if len(outgoing) > MAX_RESULT_BYTES:
        raise _too_large(f"{MAX_RESULT_BYTES} bytes")
    return outgoing


def _too_large(limit: str) -> EvaluationFailed:
    return EvaluationFailed(
        f"the result would have more than {limit}", hint="select less, or split the rule"
    )
