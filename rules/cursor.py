"""A cursor over the tokens of one text, for the parser.

Owns looking ahead, taking tokens, and the error that names what was expected. Knows no grammar.
"""

from __future__ import annotations

from typing import NoReturn

from rules.errors import SqlError
from rules.lexer import Token, TokenKind

__all__ = ["Cursor"]


class Cursor:
    """A place in a row of tokens, the last of which is END.

    Attributes:
        token: The token at this place.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self.token = tokens[0]

    def advance(self) -> Token:
        """Go on to the next token and return the one passed; END is never passed."""
        token = self.token
        self.token = self.after()
        if token.kind is not TokenKind.END:
            self._at += 1
        return token

    def after(self) -> Token:
        """Return the token behind this one; at END, END."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def is_keyword(self, word: str) -> bool:
        """Whether a keyword, given in capitals, stands here."""
        return self.token.kind is TokenKind.NAME and self.token.word == word

    def is_symbol(self, symbol: str) -> bool:
        """Whether a symbol stands here."""
        return self.token.kind is TokenKind.SYMBOL and self.token.text == symbol

    def accept_keyword(self, word: str) -> bool:
        """Pass a keyword if it stands here."""
        if self.is_keyword(word):
            self.advance()
            return True
        return False

    def accept_symbol(self, symbol: str) -> bool:
        """Pass a symbol if it stands here."""
        if self.is_symbol(symbol):
            self.advance()
            return True
        return False

    def expected(self, expected: str, *, hint: str = "") -> NoReturn:
        """Raise a SqlError that names what should stand here and what does."""
        token = self.token
        found = token.describe()
        raise SqlError(
            f"expected {expected}, found {found}",
            token.position.line,
            token.position.column,
            expected=expected,
            found=found,
            hint=hint,
        )
