"""The lexer: SQL text to tokens with their places.

Owns what a token is. Knows nothing of the order of tokens; keywords are names to it, because most
of them are only keywords in their place.

Source: AWS IoT Core Developer Guide, "AWS IoT SQL reference"; where that is silent,
docs/compatibility.md.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum
from typing import Final, final

from rules.errors import SqlError
from rules.syntax import Position

__all__ = ["MAX_SQL_CHARACTERS", "Lines", "Token", "TokenKind", "tokenize"]

# A rule document has at most 256 KB at AWS, so no statement is longer.
MAX_SQL_CHARACTERS: Final = 256 * 1024

# Half a second of compiling; what people write has a hundred.
MAX_TOKENS: Final = 50_000


class TokenKind(Enum):
    """The kinds of token; the value says it to a person."""

    NAME = "a name"
    NUMBER = "a number"
    STRING = "a string"
    VARIABLE = "a variable"
    SYMBOL = "a symbol"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: What it is.
        text: As written; of a string what is between the quotes, with doubled quotes made single.
        word: A name in capitals, for comparing with keywords; otherwise the text.
        position: Where it starts.
        offset: The same, as an index into the text.
    """

    kind: TokenKind
    text: str
    word: str
    position: Position
    offset: int

    def describe(self) -> str:
        """Say what stands here, for an error."""
        if self.kind is TokenKind.END:
            return "the end of the text"
        if self.kind is TokenKind.STRING:
            shown = self.text if len(self.text) <= 20 else self.text[:20] + "…"
            return f"the string '{shown}'"
        return f"'{self.text}'" if len(self.text) <= 40 else f"'{self.text[:40]}…'"


@final
class Lines:
    """Turns offsets of one text into positions."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer(r"\n", text))]

    def position(self, offset: int) -> Position:
        """Return line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return Position(line, offset - self._starts[line - 1] + 1)


_TOKEN: Final = re.compile(
    r"""
      (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>'[^']*+(?:''[^']*+)*+'|"[^"]*+(?:""[^"]*+)*+")
    | (?P<variable>@[A-Za-z0-9_]+)
    | (?P<comment>--|/\*|//)
    | (?P<symbol><>|<=|>=|[-+*/%=<>(),.:\[\]{}])
    """,
    re.VERBOSE,
)
_BLANKS: Final = re.compile(r"[ \t\r\n\f\v]*")
_AFTER_NUMBER: Final = re.compile(r"[A-Za-z0-9_]|\.[0-9]*")
_KINDS: Final = {
    "number": TokenKind.NUMBER,
    "name": TokenKind.NAME,
    "string": TokenKind.STRING,
    "variable": TokenKind.VARIABLE,
    "symbol": TokenKind.SYMBOL,
}

_ALL_OPERATORS: Final = "operators are = <> < <= > >= IN AND OR NOT + - * / %"
_STRAIGHT: Final = "quotes are straight: ' or \""
# What other languages and text editors write, longer texts before shorter ones.
_FOREIGN: Final = {
    "!=": f"write <>; {_ALL_OPERATORS}",
    "!": f"write NOT; {_ALL_OPERATORS}",
    "||": "texts are joined with concat(a, b) or a + b; conditions with OR",
    "|": "write bitor(a, b)",
    "&&": f"write AND; {_ALL_OPERATORS}",
    "&": "write bitand(a, b)",
    "^": "write power(a, b), or bitxor(a, b)",
    ";": "a statement ends without a semicolon",
    "#": "there are no comments",
    **dict.fromkeys("\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u00b4", _STRAIGHT),
    **dict.fromkeys("$`", "only strings in quotes may hold such characters"),
}


def tokenize(text: str, lines: Lines, start: int = 0, end: int | None = None) -> list[Token]:
    """Cut a text, or a part of it, into tokens; the last one is END.

    Args:
        text: The whole text; positions count from its beginning.
        lines: The lines of that text.
        start: Where to begin.
        end: Where to stop; None for the end of the text.

    Raises:
        SqlError: A character that begins no token, a comment, a string without end, a malformed
            number.
    """
    stop = len(text) if end is None else end
    if stop - start > MAX_SQL_CHARACTERS:
        raise SqlError(
            f"{stop - start} characters; a statement has at most {MAX_SQL_CHARACTERS}",
            1,
            1,
        )
    tokens: list[Token] = []
    at = start
    while True:
        blanks = _BLANKS.match(text, at, stop)
        at = at if blanks is None else blanks.end()
        position = lines.position(at)
        if at >= stop:
            tokens.append(Token(TokenKind.END, "", "", position, at))
            return tokens
        match = _TOKEN.match(text, at, stop)
        if match is None or match.lastgroup is None:
            raise _unreadable(text, at, position)
        if match.lastgroup == "comment":
            raise _comment(match.group(), lines.position(at + 1))
        if len(tokens) >= MAX_TOKENS:
            raise SqlError(
                f"a statement has at most {MAX_TOKENS} words, numbers, strings and symbols",
                position.line,
                position.column,
                hint="split the rule",
            )
        kind = _KINDS[match.lastgroup]
        content = match.group()
        at = match.end()
        if kind is TokenKind.NUMBER:
            _check_number_ends(text, content, at, stop, position)
        elif kind is TokenKind.STRING:
            quote = content[0]
            content = content[1:-1].replace(quote * 2, quote)
            _check_encodable(content, position)
        word = content.upper() if kind is TokenKind.NAME else content
        tokens.append(Token(kind, content, word, position, match.start()))


def _check_number_ends(text: str, number: str, at: int, stop: int, position: Position) -> None:
    rest = _AFTER_NUMBER.match(text, at, stop)
    if rest is None:
        return
    if rest.group().startswith("."):
        expected = "a digit after the decimal point"
    else:
        expected = "an operator or blank after the number"
    raise SqlError(
        f"malformed number '{number[:40]}{rest.group()[:10]}': expected {expected}",
        position.line,
        position.column,
        expected=expected,
        found=rest.group()[:10],
        hint="numbers are written like 12, 0.5 and 1.5E-3; a name may not begin with a digit, "
        "such members are reached with get(object, 'name')",
    )


def _check_encodable(content: str, position: Position) -> None:
    if content.isascii():
        return
    try:
        content.encode()
    except UnicodeEncodeError as error:
        raise SqlError(
            "the string holds half of a surrogate pair, which UTF-8 cannot represent",
            position.line,
            position.column,
        ) from error


def _comment(begin: str, position: Position) -> SqlError:
    """Return the error for what begins a comment elsewhere: here two operators in a row."""
    hint = "there are no comments"
    if begin == "--":
        hint += "; minus a negative is written with a blank: a - -1"
    return SqlError(
        f"expected an expression after '{begin[0]}', found '{begin[1]}'",
        position.line,
        position.column,
        expected="an expression",
        found=f"'{begin[1]}'",
        hint=hint,
    )


def _unreadable(text: str, at: int, position: Position) -> SqlError:
    character = text[at]
    if character in "'\"":
        return SqlError(
            f"the string that begins here has no closing {character}",
            position.line,
            position.column,
            expected=f"a closing {character}",
            found="end",
            hint=f"a {character} within the string is written twice",
        )
    hints = (hint for begin, hint in _FOREIGN.items() if text.startswith(begin, at))
    hint = next(hints, "")
    if character.isalnum():
        hint = "names are made of the letters A to Z, digits and _"
    return SqlError(
        f"unexpected character {character!r}",
        position.line,
        position.column,
        expected="SQL",
        found=character,
        hint=hint,
    )
