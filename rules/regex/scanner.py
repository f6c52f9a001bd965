r"""The cursor over a pattern: quoting, comments, the flags that are on.

Owns what the two readers share.

Source: java.util.regex.Pattern, "Quotation", "COMMENTS".
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, final

from rules.regex.character_sets import FlatSet, of_ranges
from rules.regex.folding import MAX_FOLDED, fold

__all__ = ["Flag", "Scanner"]


class Flag(IntEnum):
    """What `(?idmsuxU)` turns on. The flags together are an int: IntFlag would be slow."""

    IGNORE_CASE = 1
    UNIX_LINES = 2
    MULTILINE = 4
    DOT_ALL = 8
    UNICODE_CASE = 16
    COMMENTS = 32
    UNICODE_CLASS = 64


_COMMENTS: Final = int(Flag.COMMENTS)
_IGNORE_CASE: Final = int(Flag.IGNORE_CASE)
_BLANKS: Final = frozenset(" \t\n\x0b\f\r")
_COMMENT_ENDS: Final = frozenset("\n\r\x85\u2028\u2029")


def _without_quotes(text: str) -> str:
    r"""Write what is quoted between \Q and \E as escapes, as Java does before it reads on."""
    written: list[str] = []
    position = 0
    while (position := text.find("\\", position)) >= 0 and text[position + 1 : position + 2] != "Q":
        position += 2
    if position < 0:
        return text
    written.append(text[:position])
    while position < len(text):
        if text.startswith("\\Q", position):
            end = text.find("\\E", position + 2)
            end = len(text) if end < 0 else end
            for index, character in enumerate(text[position + 2 : end]):
                if index == 0 and character in "0123456789":
                    written.append(f"\\x3{character}")  # no digit of a group's number
                elif character.isascii() and not character.isalnum():
                    written.append(f"\\{character}")
                else:
                    written.append(character)
            position = end + 2
        elif text[position] == "\\":
            written.append(text[position : position + 2])
            position += 2
        else:
            written.append(text[position])
            position += 1
    return "".join(written)


@final
class Scanner:
    """A cursor.

    Attributes:
        text: The pattern, without quotes.
        position: Where the cursor stands.
        flags: The flags that are on there.
        folds_left: How many other cases of characters may still be looked up.
    """

    __slots__ = ("flags", "folds_left", "position", "text")

    def __init__(self, pattern: str) -> None:
        self.text: Final = _without_quotes(pattern)
        self.position = 0
        self.flags = 0
        self.folds_left = MAX_FOLDED

    def has(self, flag: Flag) -> bool:
        """Whether a flag is on."""
        return bool(self.flags & flag)

    def set_of(self, ranges: list[tuple[int, int]]) -> FlatSet:
        """Return the characters of some ranges; in their other cases as well, if a flag says so."""
        if not self.flags & _IGNORE_CASE:
            return of_ranges(*ranges)
        is_unicode = self.has(Flag.UNICODE_CASE)
        characters, self.folds_left = fold(ranges, self.folds_left, is_unicode=is_unicode)
        return characters

    def peek_raw(self) -> str:
        """Return the next character; empty at the end."""
        return self.text[self.position : self.position + 1]

    def take_raw(self) -> str:
        """Return the next character and step over it."""
        position = self.position
        self.position = position + 1
        return self.text[position : position + 1]

    def peek(self) -> str:
        """Step over what is comment, if comments are on, and return the next character."""
        if self.flags & _COMMENTS:
            self._skip()
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        """Step over what is comment, if comments are on, and take the next character."""
        character = self.peek()
        self.position += 1
        return character

    def take_if(self, character: str) -> bool:
        """Take the next character if it is this one."""
        if self.peek() != character:
            return False
        self.position += 1
        return True

    def looks_at(self, text: str) -> bool:
        """Whether this text comes next, exactly."""
        return self.text.startswith(text, self.position)

    def take_until(self, end: str) -> str | None:
        """Return what stands before a character and step over both; None if it does not come."""
        found = self.text.find(end, self.position)
        if found < 0:
            return None
        taken = self.text[self.position : found]
        self.position = found + 1
        return taken

    def _skip(self) -> None:
        text = self.text
        position = self.position
        ends = frozenset("\n") if self.flags & Flag.UNIX_LINES else _COMMENT_ENDS
        while position < len(text):
            if text[position] == "#":
                while position < len(text) and text[position] not in ends:
                    position += 1
            elif text[position] not in _BLANKS:
                break
            position += 1
        self.position = min(position, len(text))
