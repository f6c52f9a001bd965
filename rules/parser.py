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
            self.expected("an operator, ',' or SELECT" if assignments else "SELECT")
        is_value, items = self._selection()
        topic_filter = self._topic_filter() if self.accept_keyword("FROM") else None
        where = self._expression() if self.accept_keyword("WHERE") else None
        if self.token.kind is not TokenKind.END:
            self._expected_after_part(topic_filter is not None, where is not None)
        return Query(items, is_value, topic_filter, where, assignments)

    def _expected_after_part(self, has_from: bool, has_where: bool) -> NoReturn:
        self._explain_operators()
        if has_where:
            self.expected("an operator or the end of the statement")
        if has_from:
            self.expected("WHERE or the end of the statement")
        self.expected("an operator, AS, ',', FROM or WHERE")

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
            self.expected("a name after AS", hint="names are written without quotes: AS celsius")
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
            self._explain_operators()
            self.expected("an operator, AS, ',' or FROM")
        if self.token.kind is TokenKind.STRING and self.after().text != ".":
            self.expected(
                "an attribute",
                hint="a nested SELECT is FROM an array or object of the payload, without quotes",
            )
        source = self._postfix()
        alias = self._alias() if self.accept_keyword("AS") else None
        where = self._expression() if self.accept_keyword("WHERE") else None
        self._close("AS, WHERE or ')'" if where is None else "an operator or ')'")
        self._nesting -= 1
        return Subquery(items, is_value, source, alias, where, position)
