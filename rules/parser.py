"""The parser: tokens to the syntax tree, by recursive descent with operator precedence.

Owns the grammar. Knows nothing of functions, versions or evaluation: whether a name is a function
is the compiler's question.

Invariants: whatever the text, the result is a tree at most `MAX_TREE_DEPTH` deep or a SqlError;
what the language has and Weir does not have yet is an error that says so.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference"; precedence is ANSI SQL's.
"""

from __future__ import annotations

from typing import Final, NoReturn, final

from rules.cursor import Cursor
from rules.errors import SqlError
from rules.lexer import Lines, Token, TokenKind, tokenize
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
    Query,
    SelectItem,
    Star,
    Text,
    Unary,
    children,
)
from rules.topic_filter import filter_problem
from rules.values import MAX_DIGITS, decimal_of_text

__all__ = ["MAX_NESTING", "MAX_TREE_DEPTH", "PRECEDENCE", "RESERVED", "parse", "parse_expression"]

# Parentheses and arguments within each other: a few Python frames each while parsing.
MAX_NESTING: Final = 64
# A chain of n operators is a tree n deep, and each level is a Python frame per evaluation.
MAX_TREE_DEPTH: Final = 250

PRECEDENCE: Final = {
    "OR": 1,
    "AND": 2,
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">="), 4),
    **dict.fromkeys("+-", 5),
    **dict.fromkeys("*/%", 6),
}
_NOT: Final = 3
_COMPARISON: Final = 4

# Words that are never attributes. All other keywords are, where they make no sense as keywords.
RESERVED: Final = frozenset(
    ("SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "TRUE", "FALSE", "NULL")
)
_BEGIN_EXPRESSION: Final = frozenset(("NOT", "TRUE", "FALSE", "NULL"))


def parse(sql: str) -> Query:
    """Parse a statement.

    Raises:
        SqlError: The text is no statement, or uses what is not supported yet.
    """
    lines = Lines(sql)
    parser = _Parser(tokenize(sql, lines), lines)
    query = parser.query()
    for item in query.items:
        _check_depth(item.expression)
    if query.where is not None:
        _check_depth(query.where)
    return query


def parse_expression(text: str, lines: Lines, start: int, end: int) -> Node:
    """Parse the expression that is all of `text[start:end]`; positions are those in `text`.

    Raises:
        SqlError: It is no expression, or uses what is not supported yet.
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


def _not_yet(what: str, position: Position) -> NoReturn:
    raise SqlError(f"not supported yet: {what}", position.line, position.column)


def _binds(token: Token) -> int:
    """Return how tightly a token binds as an operator between two operands; 0 if it is none."""
    return 0 if token.kind is TokenKind.STRING else PRECEDENCE.get(token.word, 0)


def _begins_operand(token: Token) -> bool:
    """Whether a token behind VALUE or CASE makes that word a keyword and not an attribute."""
    if token.kind is TokenKind.NAME:
        if token.word in RESERVED:
            return token.word in _BEGIN_EXPRESSION
        return token.word != "IN"
    if token.kind is TokenKind.SYMBOL:
        return token.text in ("(", "[", "{")
    return token.kind is not TokenKind.END


@final
class _Parser(Cursor):
    """One walk over the tokens of one text."""

    def __init__(self, tokens: list[Token], lines: Lines) -> None:
        super().__init__(tokens)
        self._lines = lines
        self._nesting = 0

    # --- the statement --------------------------------------------------------------------------

    def query(self) -> Query:
        if self.is_keyword("SET"):
            _not_yet("SET with variables", self.token.position)
        if not self.accept_keyword("SELECT"):
            self.expected("SELECT")
        is_value = self._value_keyword()
        items = (SelectItem(self._expression(), None),) if is_value else self._items()
        topic_filter = self._topic_filter() if self.accept_keyword("FROM") else None
        where = self._expression() if self.accept_keyword("WHERE") else None
        if self.token.kind is not TokenKind.END:
            self._expected_after_part(topic_filter is not None, where is not None)
        return Query(items, is_value, topic_filter, where)

    def _expected_after_part(self, has_from: bool, has_where: bool) -> NoReturn:
        self._reject_later_operators()
        if has_where:
            self.expected("an operator or the end of the statement")
        if has_from:
            self.expected("WHERE or the end of the statement")
        self.expected("an operator, AS, ',', FROM or WHERE")

    def _value_keyword(self) -> bool:
        """Take VALUE, if the word is the keyword here and not an attribute of that name."""
        if not self.is_keyword("VALUE"):
            return False
        begins = _begins_operand(self.after())
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
            return SelectItem(node, None)
        if self.token.kind is not TokenKind.NAME or self.token.word in RESERVED:
            self.expected("a name after AS", hint="names are written without quotes: AS celsius")
        alias = self.advance().text
        if self.is_symbol("."):
            _not_yet("a dot in the name after AS", self.token.position)
        return SelectItem(node, alias)

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

    # --- expressions ----------------------------------------------------------------------------

    def whole_expression(self) -> Node:
        node = self._expression()
        if self.token.kind is not TokenKind.END:
            self._reject_later_operators()
            self.expected("an operator or the end of the expression")
        return node

    def _expression(self, least: int = 1) -> Node:
        """Parse operators that bind at least as tightly as `least`, and their operands."""
        if self._nesting >= MAX_NESTING:
            position = self.token.position
            raise SqlError(
                f"nested more than {MAX_NESTING} levels deep", position.line, position.column
            )
        self._nesting += 1
        left = self._operand(least)
        while True:
            token = self.token
            binds = _binds(token)
            if binds == 0 or binds < least:
                break
            self.advance()
            right = self._expression(binds + 1)
            left = Binary(token.word, left, right, token.position)
            if binds == _COMPARISON and _binds(self.token) == _COMPARISON:
                self.expected(
                    "AND, OR or the end of the comparison",
                    hint="comparisons cannot be chained; write a < b AND b < c",
                )
        self._nesting -= 1
        return left

    def _operand(self, least: int) -> Node:
        token = self.token
        if self.is_keyword("NOT"):
            if least > _NOT:
                self.expected("an expression", hint="put NOT and its operand in parentheses")
            self.advance()
            return Unary("NOT", self._expression(_COMPARISON), token.position)
        if self.accept_symbol("-"):
            return Unary("-", self._postfix(), token.position)
        return self._postfix()

    def _postfix(self) -> Node:
        node = self._primary()
        while self.accept_symbol("."):
            token = self.token
            if token.kind is not TokenKind.NAME:
                self.expected(
                    "the name of a member after '.'",
                    hint="other members are reached with get(object, 'name') or get(array, 0)",
                )
            self.advance()
            node = Member(node, token.text, token.position)
        return node

    def _primary(self) -> Node:
        token = self.token
        kind = token.kind
        if kind is TokenKind.NUMBER:
            self.advance()
            return self._number(token)
        if kind is TokenKind.STRING:
            self.advance()
            return Text(token.text, token.position)
        if kind is TokenKind.NAME:
            return self._name(token)
        if kind is TokenKind.VARIABLE:
            _not_yet("variables", token.position)
        if self.is_symbol("["):
            _not_yet("array literals", token.position)
        if self.is_symbol("{"):
            _not_yet("object literals", token.position)
        if self.accept_symbol("("):
            if self.is_keyword("SELECT"):
                _not_yet("nested SELECT", self.token.position)
            node = self._expression()
            self._close("an operator or ')'")
            return node
        return self.expected("an expression")

    def _close(self, expected: str) -> None:
        if not self.accept_symbol(")"):
            self._reject_later_operators()
            self.expected(expected)

    def _number(self, token: Token) -> Number:
        if token.text.isdigit() and len(token.text) <= MAX_DIGITS:
            return Number(int(token.text), token.position)
        value = decimal_of_text(token.text)
        if value is None:
            raise SqlError(
                "the number is outside the range of 1E-999 to 9.99E999",
                token.position.line,
                token.position.column,
                found=token.text,
            )
        return Number(value, token.position)

    def _name(self, token: Token) -> Node:
        word = token.word
        position = token.position
        is_call = self.after().kind is TokenKind.SYMBOL and self.after().text == "("
        if word in ("TRUE", "FALSE"):
            self.advance()
            return Boolean(word == "TRUE", position)
        if word == "NULL":
            self.advance()
            return Null(position)
        if word in RESERVED:
            self.expected("an expression")
        if word == "EXISTS" and is_call:
            _not_yet("EXISTS", position)
        if word == "CASE" and _begins_operand(self.after()):
            _not_yet("CASE", position)
        self.advance()
        if not is_call:
            return Attribute(token.text, position)
        self.advance()
        if word == "CAST":
            return self._cast(position)
        return Call(token.text, self._arguments(), position)

    def _arguments(self) -> tuple[Node, ...]:
        if self.accept_symbol(")"):
            return ()
        arguments = [self._argument()]
        while self.accept_symbol(","):
            arguments.append(self._argument())
        self._close("an operator, ',' or ')'")
        return tuple(arguments)

    def _argument(self) -> Node:
        token = self.token
        if self.accept_symbol("*"):
            return Star(token.position)
        return self._expression()

    def _cast(self, position: Position) -> Node:
        operand = self._expression()
        if not self.accept_keyword("AS"):
            self._reject_later_operators()
            self.expected("an operator or AS", hint="for example: CAST(celsius AS String)")
        token = self.token
        if token.kind is not TokenKind.NAME:
            self.expected("the name of a type")
        self.advance()
        self._close("')'")
        return Cast(operand, token.text, position, token.position)

    def _reject_later_operators(self) -> None:
        """Say so if what stands here is an operator of the language that is not there yet."""
        if self.is_keyword("IN"):
            _not_yet("IN", self.token.position)
        if self.is_symbol("["):
            self.expected("an operator", hint="an item of an array is get(array, 0)")
