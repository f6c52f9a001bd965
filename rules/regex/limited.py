r"""The limited engine: `regex`, which backtracks as Java does and stops when its time is over.

Owns the writing of a tree in its syntax, and the search. It looks at its clock between steps,
and a step may run over the whole text: so only short texts keep to the time.

Source: the documentation of the Python package `regex`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final, Protocol, final

from rules.regex.character_sets import EVERYTHING, NOTHING, CharacterSet, FlatSet, Property
from rules.regex.errors import InvalidPattern, UnsupportedPattern
from rules.regex.sizes import OF_STATEMENTS, Leaf, Limits, size
from rules.regex.tree import (
    Atomic,
    Backreference,
    Choice,
    Grapheme,
    Greed,
    Group,
    Look,
    Node,
    OneOf,
    Point,
    Repeat,
    Sequence,
    Tree,
)

__all__ = ["MAX_CHARACTERS", "TIME_LIMIT_S", "FoundText", "Limited", "write_set"]

MAX_CHARACTERS: Final = 4096
"""The longest text."""

TIME_LIMIT_S: Final = 0.004
"""How long a search may take, and a replacement of all matches."""

_WORD: Final = "[0-9A-Z_a-z]"
_OTHERS: Final = r"\r\x85\u2028\u2029"
_LINE_START: Final = r"(?!\Z)(?:\A|(?<=[\n\x85\u2028\u2029])|(?<=\r)(?!\n))"
_POINTS: Final = {
    Point.TEXT_START: r"\A",
    Point.TEXT_END: r"\Z",
    Point.FINAL_END: rf"(?=(?:\r\n|(?<!\r)\n|[{_OTHERS}])?\Z)",
    Point.FINAL_END_UNIX: r"(?=\n?\Z)",
    Point.LINE_START: f"(?:{_LINE_START})",
    Point.LINE_START_UNIX: r"(?:(?!\Z)(?:\A|(?<=\n)))",
    Point.LINE_END: rf"(?=\Z|(?<!\r)\n|[{_OTHERS}])",
    Point.LINE_END_UNIX: r"(?=\n|\Z)",
    Point.BOUNDARY: f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
    Point.NO_BOUNDARY: f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))",
    Point.BOUNDARY_UNICODE: r"\b",
    Point.NO_BOUNDARY_UNICODE: r"\B",
    Point.SEARCH_START: r"\G",
}


_LONGEST_LITERAL: Final = 64
"""How many characters may follow one another as a string.

The engine prepares the search for a string in a time that grows with its length to the third power,
and looks at no clock meanwhile: 1,000 times `a` took 200 ms.
"""


class FoundText(Protocol):
    """A match. A group that took no part has no text."""

    def span(self) -> tuple[int, int]:
        """Return where it begins and ends, in characters."""

    def __getitem__(self, group: int) -> str | None:
        """Return the text of a group."""


@final
class Limited:
    """A pattern for the limited engine.

    Args:
        tree: The pattern.
        limits: How large it may be.

    Raises:
        InvalidPattern: It names a script or block that Unicode does not have.
        UnsupportedPattern: The engine cannot run it, or it is too large.
    """

    __slots__ = ("_search",)

    def __init__(self, tree: Tree, limits: Limits = OF_STATEMENTS) -> None:
        if size(tree.root, _nodes, _copies) > limits.limited_nodes:
            raise UnsupportedPattern("it is too large: its counts multiply")
        text = _Writer().write(tree.root)
        if len(text) > limits.limited_characters:
            raise UnsupportedPattern("it is too long for what it uses")
        regex = importlib.import_module("regex")
        try:
            compiled = regex.compile(text, regex.V1, cache_pattern=False)
        except regex.error as error:
            if "property" in str(error):
                raise InvalidPattern("it names a script or block that does not exist") from error
            raise UnsupportedPattern(f"it cannot be run: {error}") from error
        except (RecursionError, OverflowError, MemoryError) as error:
            raise UnsupportedPattern("it is too large") from error
        finally:
            regex.purge()  # it notes every text it has compiled, for ever where nothing is kept
        self._search: Final[Callable[..., Any]] = compiled.search

    def search(
        self, text: str, start: int = 0, timeout_s: float = TIME_LIMIT_S
    ) -> FoundText | None:
        """Return the first match at or after a character.

        Raises:
            TimeoutError: The time was over first.
        """
        try:
            found: FoundText | None = self._search(text, start, timeout=timeout_s)
        except MemoryError as error:
            raise TimeoutError from error
        return found


@final
class _Writer:
    __slots__ = ("_literals",)

    def __init__(self) -> None:
        self._literals = 0

    def write(self, node: Node) -> str:
        if isinstance(node, OneOf):
            return self._set(node)
        if isinstance(node, Sequence):
            return "".join(map(self.write, node.items)) or "(?:)"
        if isinstance(node, Choice):
            return f"(?:{'|'.join(map(self.write, node.branches))})"
        if isinstance(node, Group):
            return f"({self.write(node.item)})"
        if isinstance(node, Repeat):
            return self._repeat(node)
        if isinstance(node, Point):
            return _POINTS[node]
        if isinstance(node, Atomic):
            return f"(?>{self.write(node.item)})"
        if isinstance(node, Look):
            sign = f"{'<' if node.is_behind else ''}{'!' if node.is_negative else '='}"
            return f"(?{sign}{self.write(node.item)})"
        if isinstance(node, Backreference):
            again = f"(?:\\g<{node.number}>)"
            return f"(?i-f:{again})" if node.is_folded else again
        return r"\X" if isinstance(node, Grapheme) else ""

    def _set(self, node: OneOf) -> str:
        written = write_set(node.characters)
        self._literals += 1
        # What is atomic the engine does not join to a string.
        return written if self._literals % _LONGEST_LITERAL else f"(?>{written})"

    def _repeat(self, node: Repeat) -> str:
        item = self.write(node.item)
        signs = {(0, None): "*", (1, None): "+", (0, 1): "?"}
        sign = signs.get((node.low, node.high))
        if sign is None:
            sign = f"{{{node.low},{'' if node.high is None else node.high}}}"
        if node.greed is Greed.POSSESSIVE:
            return f"(?>(?:{item}){sign})"
        return f"(?:{item}){sign}{node.greed.value}"


def _nodes(leaf: Leaf) -> int:
    """Return how many of its nodes the engine makes of one of the tree's."""
    if isinstance(leaf, OneOf):
        return _nodes_of_set(leaf.characters)
    if isinstance(leaf, Point):
        return 1 + len(_POINTS[leaf]) // 3
    return 5 if isinstance(leaf, Grapheme) else 1


def _nodes_of_set(characters: CharacterSet) -> int:
    if isinstance(characters, FlatSet):
        return 1 + (len(characters.ranges) + len(characters.properties)) // 2
    return 1 + sum(map(_nodes_of_set, characters.operands))


def _copies(repeat: Repeat) -> int:
    """Return how often the engine writes an item: as often as it must be there, and the rest."""
    return repeat.low + (repeat.high != repeat.low)


def write_set(characters: CharacterSet) -> str:
    """Return a set; if it has no properties, Python's own `re` reads it as well."""
    if characters == EVERYTHING:
        return "(?s:.)"
    if characters == NOTHING:
        return "(?!)"
    sign = "^" if characters.is_negated else ""
    return f"[{sign}{_inside(characters)}]"


def _inside(characters: CharacterSet) -> str:
    if isinstance(characters, FlatSet):
        ranges = "".join(
            _character(low) if low == high else f"{_character(low)}-{_character(high)}"
            for low, high in characters.ranges
        )
        return ranges + "".join(map(_property, characters.properties))
    operands = (f"[{'^' if one.is_negated else ''}{_inside(one)}]" for one in characters.operands)
    return ("&&" if characters.is_intersection else "").join(operands)


def _character(code_point: int) -> str:
    character = chr(code_point)
    if character.isascii() and character.isalnum():
        return character
    return f"\\U{code_point:08x}"


def _property(one: Property) -> str:
    return f"\\{'P' if one.is_negated else 'p'}{{{one.limited}}}"
