r"""The linear engine: RE2, whose time grows with the text's length only.

Owns the writing of a tree in RE2's syntax, and the search. What a linear engine cannot do
(lookaround, backreferences, possessive quantifiers, atomic groups) is `NotLinear`.

RE2 knows one line terminator, and `$` there is the very end. So a written pattern says for which
texts it means the same: `Linear.suits`.

Source: RE2, "Syntax"; google-re2's Python module.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final, Protocol, final

from rules.regex.character_sets import EVERYTHING, NOTHING, CharacterSet, FlatSet, Property
from rules.regex.sizes import OF_STATEMENTS, Leaf, Limits, size
from rules.regex.tree import (
    Choice,
    Greed,
    Group,
    Node,
    OneOf,
    Point,
    Repeat,
    Sequence,
    Tree,
)

__all__ = ["Found", "Linear", "NotLinear", "is_installed"]

_MOST_REPEATS: Final = 1000
_PROPERTY_INSTRUCTIONS: Final = 1500  # \p{L} takes 1,200; many properties in one set, a few more
_RANGE_INSTRUCTIONS: Final = 9  # at most, about: UTF-8 splits a range where lengths change
_FINAL_TERMINATORS: Final = ("\n", "\r", "\x85", "\u2028", "\u2029")
_OTHER_TERMINATORS: Final = ("\r", "\x85", "\u2028", "\u2029")


class NotLinear(Exception):  # noqa: N818 - named after what the pattern is
    """A linear engine cannot run the pattern, or not in the memory it has."""


class Found(Protocol):
    """A match, as both engines give it. A group that took no part is at -1."""

    def span(self, group: int = 0) -> tuple[int, int]:
        """Return where a group begins and ends, in bytes for the linear engine."""


def is_installed() -> bool:
    """Whether this machine has the engine: there is none for 32-bit ARM."""
    try:
        importlib.import_module("re2")
    except ImportError:
        return False
    return True


@final
class Linear:
    """A pattern for the linear engine.

    Args:
        tree: The pattern.
        captures: Whether its groups are wanted. Without them a search is much faster.
        limits: How large it may be.

    Attributes:
        size: The length of its program.

    Raises:
        NotLinear: The engine cannot run it.
    """

    __slots__ = ("_search", "points", "size")

    def __init__(self, tree: Tree, *, captures: bool, limits: Limits = OF_STATEMENTS) -> None:
        if size(tree.root, _instructions, _copies) > limits.linear_instructions:
            raise NotLinear  # RE2 would notice only after ten milliseconds
        writer = _Writer(captures)
        text = writer.write(tree.root)
        re2 = importlib.import_module("re2")
        options = re2.Options()
        options.max_mem = limits.linear_memory_bytes
        options.log_errors = False
        try:
            # Bytes: the module would count characters for every match of a str.
            compiled = re2.compile(text.encode(), options)
        except re2.error as error:
            raise NotLinear(str(error)) from error
        finally:
            re2.purge()  # the module keeps 128 patterns, however large
        self.size: Final[int] = compiled.programsize
        self._search: Final[Callable[[bytes, int], Any]] = compiled.search
        self.points: Final = frozenset(writer.points)

    def suits(self, text: str) -> bool:
        """Whether the engine's line terminators make no difference in this text."""
        points = self.points
        if not points:
            return True
        if Point.FINAL_END in points and text[-1:] in _FINAL_TERMINATORS:
            return False
        if Point.FINAL_END_UNIX in points and text[-1:] == "\n":
            return False
        # In Java, (?m)^ is not at the end of the text.
        if (Point.LINE_START in points or Point.LINE_START_UNIX in points) and (
            not text or text[-1] == "\n"
        ):
            return False
        if Point.LINE_START in points or Point.LINE_END in points:
            others = _OTHER_TERMINATORS[:1] if text.isascii() else _OTHER_TERMINATORS
            return not any(terminator in text for terminator in others)
        return True

    def search(self, data: bytes, start: int) -> Found | None:
        """Return the first match at or after a byte of a text in UTF-8.

        Lone surrogates are three bytes, as with Python's `surrogatepass`.
        """
        while True:
            found: Found | None = self._search(data, start)
            if found is None:
                return None
            at = found.span()[0]
            # An empty match within a character, as of \B, is none.
            if at == len(data) or data[at] & 0xC0 != 0x80:
                return found
            start = at + 1


@final
class _Writer:
    __slots__ = ("_captures", "points")

    def __init__(self, captures: bool) -> None:
        self._captures = captures
        self.points: set[Point] = set()

    def write(self, node: Node) -> str:
        if isinstance(node, OneOf):
            return write_set(node.characters)
        if isinstance(node, Sequence):
            return "".join(map(self.write, node.items)) or "(?:)"
        if isinstance(node, Choice):
            return f"(?:{'|'.join(map(self.write, node.branches))})"
        if isinstance(node, Group):
            return f"({'' if self._captures else '?:'}{self.write(node.item)})"
        if isinstance(node, Repeat):
            return self._repeat(node)
        if isinstance(node, Point) and node in _POINTS:
            if node in _CAREFUL:
                self.points.add(node)
            return _POINTS[node]
        raise NotLinear

    def _repeat(self, node: Repeat) -> str:
        low, high = node.low, node.high
        if node.greed is Greed.POSSESSIVE or max(low, high or 0) > _MOST_REPEATS:
            raise NotLinear
        if high is None and low < 2:
            sign = "*" if low == 0 else "+"
        else:
            sign = f"{{{low},{'' if high is None else high}}}"
        return f"(?:{self.write(node.item)}){sign}{node.greed.value}"


_POINTS: Final = {
    Point.TEXT_START: r"\A",
    Point.TEXT_END: r"\z",
    Point.FINAL_END: r"\z",
    Point.FINAL_END_UNIX: r"\z",
    Point.LINE_START: "(?m:^)",
    Point.LINE_START_UNIX: "(?m:^)",
    Point.LINE_END: "(?m:$)",
    Point.LINE_END_UNIX: "(?m:$)",
    Point.BOUNDARY: r"\b",
    Point.NO_BOUNDARY: r"\B",
}
_CAREFUL: Final = frozenset(_POINTS) - {
    Point.TEXT_START, Point.TEXT_END, Point.BOUNDARY, Point.NO_BOUNDARY
}  # fmt: skip


def _instructions(leaf: Leaf) -> int:
    """Return about how many instructions a node takes."""
    if not isinstance(leaf, OneOf) or not isinstance(leaf.characters, FlatSet):
        return 1
    characters = leaf.characters
    properties = _PROPERTY_INSTRUCTIONS if characters.properties else 0
    return 1 + properties + sum(_instructions_of_range(*each) for each in characters.ranges)


def _instructions_of_range(low: int, high: int) -> int:
    if high < 0x80:
        return 1
    return 3 if low == high else _RANGE_INSTRUCTIONS


def _copies(repeat: Repeat) -> int:
    return repeat.low + 1 if repeat.high is None else repeat.high


def write_set(characters: CharacterSet) -> str:
    """Return a set in RE2's syntax.

    Raises:
        NotLinear: It needs an intersection, or a property that RE2 does not know.
    """
    if not isinstance(characters, FlatSet):
        raise NotLinear
    if characters == EVERYTHING:
        return "(?s:.)"
    if characters == NOTHING:
        return r"[^\x00-\x{10FFFF}]"
    ranges = characters.ranges
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1] and not characters.properties:
        return _character(ranges[0][0])
    inside = "".join(
        _character(low) if low == high else f"{_character(low)}-{_character(high)}"
        for low, high in ranges
    )
    sign = "^" if characters.is_negated else ""
    return f"[{sign}{inside}{''.join(map(_property, characters.properties))}]"


def _character(code_point: int) -> str:
    character = chr(code_point)
    if character.isascii() and character.isalnum():
        return character
    return f"\\x{{{code_point:x}}}"


def _property(one: Property) -> str:
    if one.linear is None:
        raise NotLinear
    return f"\\{'P' if one.is_negated else 'p'}{{{one.linear}}}"
