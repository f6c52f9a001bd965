"""A cursor over the tokens of one text, for the parser.

Owns looking around, taking tokens, and the error that names what was expected, with the keyword
that a misspelt one is like. Knows no grammar.
"""

from __future__ import annotations

import difflib
from typing import Final, NoReturn

from rules.errors import SqlError
from rules.lexer import Token, TokenKind

__all__ = ["Cursor"]

# Longer names are no misspelt keywords, and comparing takes the square of the length.
_MAX_MISSPELT_CHARACTERS: Final = 10


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

    def before(self) -> Token:
        """Return the token in front of this one; at the first one, that."""
        return self._tokens[max(self._at - 1, 0)]

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

    def expected(self, expected: str, *, hint: str = "", words: tuple[str, ...] = ()) -> NoReturn:
        """Raise a SqlError that names what should stand here and what does.

        Args:
            expected: What should stand here.
            hint: What to do about it.
            words: Keywords that could stand here, in capitals: a name that is like one of them
                gives the better hint.
        """
        token = self.token
        if token.kind is TokenKind.NAME and 1 < len(token.word) <= _MAX_MISSPELT_CHARACTERS:
            near = difflib.get_close_matches(token.word, words, n=1)
            hint = f"did you mean {near[0]}?" if near else hint
        found = token.describe()
        raise SqlError(
            f"expected {expected}, found {found}",
            token.position.line,
            token.position.column,
            expected=expected,
            found=found,
            hint=hint,
        )
