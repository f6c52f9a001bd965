"""The parser of statements: SQL text to the syntax tree.

Owns SET, SELECT, FROM and WHERE, and how deep a tree may be.

Invariant: whatever the text, the result is a tree at most `MAX_TREE_DEPTH` deep or a SqlError.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference".
"""

from __future__ import annotations

from typing import Final, NoReturn, final

from rules.errors import SqlError
from rules.expression_parser import RESERVED, ExpressionParser, begins_operand
from rules.lexer import Lines, Token, TokenKind, tokenize
from rules.syntax import (
    Assignment,
    Binary,
    Node,
    Query,
    SelectItem,
    Star,
    Subquery,
    Unary,
    children,
)
from rules.topic_filter import filter_problem

__all__ = ["MAX_TREE_DEPTH", "parse", "parse_expression"]

# A chain of n operators is a tree n deep, and each level is a Python frame per evaluation.
MAX_TREE_DEPTH: Final = 250

_OTHER_KEYS: Final = "a key with other characters is made with SELECT VALUE {'my-key': a}"
_FROM_FIRST: Final = "FROM comes before WHERE"
_AFTER_WHERE: Final = {
    "FROM": _FROM_FIRST,
    ",": "a list is an array: a IN [1, 2]",
}


def parse(sql: str) -> Query:
    """Parse a statement.

    Raises:
        SqlError: The text is no statement.
    """
    lines = Lines(sql)
    parser = _Parser(tokenize(sql, lines), lines)
    query = parser.query()
    for assignment in query.assignments:
        _check_depth(assignment.expression)
    for item in query.items:
        _check_depth(item.expression)
    if query.where is not None:
        _check_depth(query.where)
    return query


def parse_expression(text: str, lines: Lines, start: int, end: int) -> Node:
    """Parse the expression that is all of `text[start:end]`; positions are those in `text`.

    Raises:
        SqlError: It is no expression.
    """
    parser = _Parser(tokenize(text, lines, start, end), lines)
    node = parser.whole_expression()
    _check_depth(node)
    return node


def _check_depth(root: Node) -> None:
    level = [root]
    for _ in range(MAX_TREE_DEPTH):
        level = [below for node in level for below in children(node)]
        if not level:
            return
    position = level[0].position
    raise SqlError(
        f"the expression is nested more than {MAX_TREE_DEPTH} levels deep, "
        "each operator of a chain counting as one",
        position.line,
        position.column,
        hint="split the rule",
    )


@final
class _Parser(ExpressionParser):
    """The walk over a statement, or over one expression that may hold a nested SELECT."""

    def __init__(self, tokens: list[Token], lines: Lines) -> None:
        super().__init__(tokens)
        self._lines = lines

    def query(self) -> Query:
        assignments = self._assignments() if self.is_keyword("SET") else ()
        if not self.accept_keyword("SELECT"):
            if assignments:
                self._expected_operator("an operator, ',' or SELECT", ("SELECT",))
            self.expected("SELECT", words=("SELECT", "SET"))
        is_value, items = self._selection()
        topic_filter = self._topic_filter() if self.accept_keyword("FROM") else None
        where = self._expression() if self.accept_keyword("WHERE") else None
        if self.token.kind is not TokenKind.END:
            if where is not None:
                hint = _AFTER_WHERE.get(self.token.word, "")
                self._expected_operator("an operator or the end of the statement", hint=hint)
            if topic_filter is not None:
                self.expected("WHERE or the end of the statement", words=("WHERE",))
            self._expected_after_items(is_value, items[-1], ", FROM or WHERE", ("FROM", "WHERE"))
        return Query(items, is_value, topic_filter, where, assignments)

    def _expected_after_items(
        self, is_value: bool, item: SelectItem, parts: str, words: tuple[str, ...]
    ) -> NoReturn:
        """Raise the error for what cannot stand behind the last item.

        Args:
            is_value: Whether it is the one of SELECT VALUE.
            item: The last item.
            parts: Which parts of the query could begin here, as the end of an enumeration.
            words: The keywords of these parts.
        """
        if item.alias:
            hint = _OTHER_KEYS if self.is_symbol("-") else ""
            self.expected(f"','{parts}", hint=hint, words=words)
        if is_value:
            self._expected_operator(f"an operator{parts}", words)
        if isinstance(item.expression, Star):
            self.expected(f"AS, ','{parts}", words=("AS", *words))
        self._expected_operator(f"an operator, AS, ','{parts}", ("AS", *words))

    def _assignments(self) -> tuple[Assignment, ...]:
        self.advance()
        assignments = [self._assignment()]
        while self.accept_symbol(","):
            assignments.append(self._assignment())
        return tuple(assignments)

    def _assignment(self) -> Assignment:
        token = self.token
        if token.kind is not TokenKind.VARIABLE:
            self.expected(
                "a variable", hint="for example: SET @celsius = (f - 32) * 5 / 9 SELECT …"
            )
        variable = self._variable(token)
        if not self.accept_symbol("="):
            self.expected("'=' and the variable's value")
        return Assignment(variable.name, self._expression(), token.position)

    def _selection(self) -> tuple[bool, tuple[SelectItem, ...]]:
        """Parse what stands behind SELECT: whether it is VALUE, and the items."""
        token = self.token
        if self._value_keyword():
            return True, (SelectItem(self._expression()),)
        items = self._items()
        if token.word == "VALUE" and token.kind is TokenKind.NAME and not items[0].alias:
            self._check_value_is_meant(items[0].expression, token)
        return False, items

    def _check_value_is_meant(self, node: Node, token: Token) -> None:
        """Refuse `VALUE -a`, which would be a subtraction without a name."""
        if isinstance(node, Binary | Unary):
            raise SqlError(
                "VALUE is an attribute here, and the expression that begins with it has no name",
                token.position.line,
                token.position.column,
                expected="AS and a name, or parentheses behind VALUE",
                found=token.text,
                hint="write SELECT VALUE (-a), or SELECT value - a AS name",
            )

    def _value_keyword(self) -> bool:
        """Take VALUE, if the word is the keyword here and not an attribute of that name."""
        if not self.is_keyword("VALUE"):
            return False
        begins = begins_operand(self.after())
        if begins:
            self.advance()
        return begins

    def _items(self) -> tuple[SelectItem, ...]:
        items = [self._item()]
        while self.accept_symbol(","):
            items.append(self._item())
        return tuple(items)

    def _item(self) -> SelectItem:
        token = self.token
        node: Node
        if self.accept_symbol("*"):
            node = Star(token.position)
        else:
            node = self._expression()
        if not self.accept_keyword("AS"):
            return SelectItem(node)
        alias = [self._alias()]
        while self.accept_symbol("."):
            alias.append(self._alias())
        return SelectItem(node, tuple(alias))

    def _alias(self) -> str:
        if self.token.kind is not TokenKind.NAME or self.token.word in RESERVED:
            self.expected(
                "a name after AS",
                hint=f"names are written without quotes: AS celsius; {_OTHER_KEYS}",
            )
        return self.advance().text

    def _topic_filter(self) -> str:
        token = self.token
        if token.kind is not TokenKind.STRING:
            self.expected("a topic filter in quotes", hint="for example: FROM 'sensors/+/data'")
        self.advance()
        problem = filter_problem(token.text)
        if problem is not None:
            # a doubled quote before the place would shift it; filters with quotes are rare
            position = self._lines.position(token.offset + 1 + problem[0])
            raise SqlError(problem[1], position.line, position.column, found=token.text)
        return token.text

    def _subquery(self) -> Subquery:
        """Parse from SELECT to the parenthesis that closes the query."""
        self._enter()
        position = self.advance().position
        is_value, items = self._selection()
        if not self.accept_keyword("FROM"):
            if self.is_keyword("WHERE"):
                self.expected("FROM", hint=_FROM_FIRST)
            self._expected_after_items(is_value, items[-1], " or FROM", ("FROM",))
        if self.token.kind is TokenKind.STRING and self.after().text != ".":
            self.expected(
                "an attribute",
                hint="a nested SELECT is FROM an array or object of the payload, without quotes",
            )
        source = self._postfix()
        alias = self._alias() if self.accept_keyword("AS") else None
        where = self._expression() if self.accept_keyword("WHERE") else None
        if where is None and not self.is_symbol(")"):
            self._expected_operator("AS, WHERE or ')'", ("AS", "WHERE"))
        self._close("an operator or ')'")
        self._nesting -= 1
        return Subquery(items, is_value, source, alias, where, position)
