"""The parser of expressions: tokens to trees, by recursive descent with operator precedence.

Owns the grammar of expressions. Knows nothing of functions, versions or evaluation: whether a name
is a function is the compiler's question. The SELECT within an expression is the statement's.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference"; precedence is ANSI SQL's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, NoReturn

from rules.cursor import Cursor
from rules.errors import SqlError
from rules.lexer import Token, TokenKind
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
)
from rules.values import MAX_DIGITS, decimal_of_text

__all__ = ["MAX_NESTING", "PRECEDENCE", "RESERVED", "ExpressionParser", "begins_operand"]

# Parentheses and arguments within each other: a few Python frames each while parsing.
MAX_NESTING: Final = 64

PRECEDENCE: Final = {
    "OR": 1,
    "AND": 2,
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "IN"), 4),
    **dict.fromkeys("+-", 5),
    **dict.fromkeys("*/%", 6),
}
# After the `@`.
MAX_VARIABLE_CHARACTERS: Final = 64
_NOT: Final = 3
_COMPARISON: Final = 4

# Words that are never attributes. All other keywords are, where they make no sense as keywords.
RESERVED: Final = frozenset(
    ("SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "TRUE", "FALSE", "NULL")
)
_BEGIN_EXPRESSION: Final = frozenset(("NOT", "TRUE", "FALSE", "NULL"))
_INFIX_WORDS: Final = ("AND", "OR", "IN")
# Where one of them stands wrongly, it is not another one misspelt.
_OF_CASE: Final = frozenset(("CASE", "WHEN", "THEN", "ELSE", "END"))

# What other languages have: in the place of an operator, and of an operand after an operator.
_FOREIGN_OPERATORS: Final = {
    "[": "an item of an array is get(array, 0)",
    "NOT": "NOT comes before all of it: NOT (a IN b)",
    "IS": "write isNull(a), or isUndefined(a)",
    "BETWEEN": "write a >= 1 AND a <= 2",
    **dict.fromkeys(("LIKE", "ILIKE", "RLIKE", "REGEXP"), "write regexp_matches(a, 'pattern')"),
}
_FOREIGN_OPERANDS: Final = {
    "==": "equality is one =",
    "=>": "write >=",
    "=<": "write <=",
    "**": "write power(a, b)",
    "--": "write -(-a)",
}


def _binds(token: Token) -> int:
    """Return how tightly a token binds as an operator between two operands; 0 if it is none."""
    return 0 if token.kind is TokenKind.STRING else PRECEDENCE.get(token.word, 0)


def begins_operand(token: Token) -> bool:
    """Whether a token behind VALUE or CASE makes that word a keyword and not an attribute."""
    if token.kind is TokenKind.NAME:
        if token.word in RESERVED:
            return token.word in _BEGIN_EXPRESSION
        return token.word != "IN"
    if token.kind is TokenKind.SYMBOL:
        return token.text in ("(", "[", "{")
    return token.kind is not TokenKind.END


class ExpressionParser(Cursor, ABC):
    """One walk over the tokens of one text; each method takes what it is named after."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._nesting = 0
        self._is_case_minus = False  # whether a CASE was an attribute, because of a minus behind

    @abstractmethod
    def _subquery(self) -> Subquery:
        """Parse from SELECT to the parenthesis that closes the query."""

    def whole_expression(self) -> Node:
        """Parse an expression up to the end of the text."""
        node = self._expression()
        if self.token.kind is not TokenKind.END:
            self._expected_operator("an operator or the end of the expression")
        return node

    def _expression(self, least: int = 1) -> Node:
        """Parse operators that bind at least as tightly as `least`, and their operands."""
        self._enter()
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

    def _enter(self) -> None:
        """Count one level of nesting; whoever calls it counts it back."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            position = self.token.position
            raise SqlError(
                f"nested more than {MAX_NESTING} levels deep", position.line, position.column
            )

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
            return self._variable(token)
        if self.accept_symbol("["):
            return ArrayLiteral(self._array_items(), token.position)
        if self.accept_symbol("{"):
            return ObjectLiteral(self._object_members(), token.position)
        if self.accept_symbol("("):
            if self.is_keyword("SELECT"):
                return self._subquery()
            node = self._expression()
            if self.is_symbol(","):
                self.expected("an operator or ')'", hint="a list is an array: ['a', 'b']")
            self._close("an operator or ')'")
            return node
        return self._expected_operand()

    def _variable(self, token: Token) -> Variable:
        name = token.text[1:]
        if len(name) > MAX_VARIABLE_CHARACTERS:
            raise SqlError(
                f"a variable's name has at most {MAX_VARIABLE_CHARACTERS} characters, "
                f"this one has {len(name)}",
                token.position.line,
                token.position.column,
                found=token.text,
            )
        self.advance()
        return Variable(name, token.position)

    def _array_items(self) -> tuple[Node, ...]:
        if self.accept_symbol("]"):
            return ()
        items = [self._expression()]
        while self.accept_symbol(","):
            items.append(self._expression())
        self._close("an operator, ',' or ']'", "]")
        return tuple(items)

    def _object_members(self) -> tuple[tuple[str, Node], ...]:
        if self.accept_symbol("}"):
            return ()
        members = [self._object_member()]
        while self.accept_symbol(","):
            members.append(self._object_member())
        self._close("an operator, ',' or '}'", "}")
        return tuple(members)

    def _object_member(self) -> tuple[str, Node]:
        if self.token.kind is not TokenKind.STRING:
            self.expected("a key in quotes", hint="for example: {'celsius': t, 'unit': 'C'}")
        key = self.advance().text
        if not self.accept_symbol(":"):
            self.expected("':' and the key's value")
        return key, self._expression()

    def _close(self, expected: str, symbol: str = ")") -> None:
        if not self.accept_symbol(symbol):
            self._expected_operator(expected)

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
        if word == "CASE":
            if begins_operand(self.after()):
                return self._case()
            self._is_case_minus |= self.after().text == "-"
        self.advance()
        if not is_call:
            return Attribute(token.text, position)
        self.advance()
        if word == "CAST":
            return self._cast(position)
        if word == "EXISTS":
            if not self.is_keyword("SELECT"):
                self.expected(
                    "SELECT",
                    hint="EXISTS asks whether a nested SELECT gives anything",
                    words=("SELECT",),
                )
            return Exists(self._subquery(), position)
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
            self._expected_operator(
                "an operator or AS", ("AS",), hint="for example: CAST(celsius AS String)"
            )
        token = self.token
        if token.kind is not TokenKind.NAME:
            self.expected("the name of a type")
        self.advance()
        self._close("')'")
        return Cast(operand, token.text, position, token.position)

    def _case(self) -> Node:
        position = self.advance().position
        begins_with_when = self.is_keyword("WHEN")
        operand = self._expression()
        if not self.is_keyword("WHEN"):
            if begins_with_when:
                self.expected(
                    "an operator or WHEN",
                    hint="CASE compares one value, here TRUE: CASE TRUE WHEN a > 1 THEN …",
                )
            self._expected_operator(
                "an operator or WHEN", ("WHEN",), hint="for example: CASE a WHEN 1 THEN …"
            )
        branches: list[tuple[Node, Node]] = []
        while self.accept_keyword("WHEN"):
            condition = self._expression()
            if not self.accept_keyword("THEN"):
                self._expected_operator("an operator or THEN", ("THEN",))
            branches.append((condition, self._expression()))
        otherwise = self._expression() if self.accept_keyword("ELSE") else None
        if not self.accept_keyword("END"):
            if otherwise is not None:
                self._expected_operator("an operator or END", ("END",))
            self._expected_operator("an operator, WHEN, ELSE or END", ("WHEN", "ELSE", "END"))
        return Case(operand, tuple(branches), otherwise, position)

    def _expected_operand(self) -> NoReturn:
        """Raise the error for what begins no operand, or is another language's operator."""
        text = self.token.text
        if self.token.kind is TokenKind.SYMBOL and text == ".":
            self.expected("an expression", hint="numbers begin with a digit: 0.5")
        self.expected("an expression", hint=_FOREIGN_OPERANDS.get(self.before().text + text, ""))

    def _expected_operator(
        self, expected: str, words: tuple[str, ...] = (), *, hint: str = ""
    ) -> NoReturn:
        """Raise the error for what is no operator; say what to write for another language's.

        Args:
            expected: An operator, and what else could stand here.
            words: The keywords among that.
            hint: What to do about it, where nothing better is known.
        """
        token = self.token
        is_string = token.kind is TokenKind.STRING
        if not is_string and token.word in _FOREIGN_OPERATORS:
            self.expected("an operator", hint=_FOREIGN_OPERATORS[token.word])
        if self._is_case_minus and self.is_keyword("WHEN"):
            hint = "put the operand in parentheses: CASE (-a) WHEN …"
        elif self.before().kind is TokenKind.STRING is self.after().kind and not is_string:
            hint = "a quote within a string is written twice, or differs from those around it"
        is_keyword = token.word in RESERVED or token.word in _OF_CASE
        self.expected(expected, hint=hint, words=() if is_keyword else (*words, *_INFIX_WORDS))
