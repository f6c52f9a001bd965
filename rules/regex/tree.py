"""The tree of a regular expression: what it means, with flags resolved.

Owns the nodes and two questions about them. Flags do not occur: the parser has turned each
character, point and backreference into what it means under the flags around it.

Source: java.util.regex.Pattern, "Summary of regular-expression constructs".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, final

from rules.regex.character_sets import CharacterSet

__all__ = [
    "EMPTY",
    "Atomic",
    "Backreference",
    "Choice",
    "Grapheme",
    "Greed",
    "Group",
    "Look",
    "Node",
    "OneOf",
    "Point",
    "Repeat",
    "Sequence",
    "Tree",
    "longest",
]


class Point(Enum):
    """A condition on the place between two characters.

    A line ends with any of Java's line terminators; those with UNIX end with a line feed alone.
    """

    TEXT_START = r"\A"
    TEXT_END = r"\z"
    FINAL_END = "$"
    FINAL_END_UNIX = "(?d)$"
    LINE_START = "(?m)^"
    LINE_START_UNIX = "(?md)^"
    LINE_END = "(?m)$"
    LINE_END_UNIX = "(?md)$"
    BOUNDARY = r"\b"
    NO_BOUNDARY = r"\B"
    BOUNDARY_UNICODE = r"(?U)\b"
    NO_BOUNDARY_UNICODE = r"(?U)\B"
    SEARCH_START = r"\G"


class Greed(Enum):
    """How a quantifier chooses; the value is what stands behind it."""

    GREEDY = ""
    LAZY = "?"
    POSSESSIVE = "+"


@final
@dataclass(frozen=True, slots=True)
class OneOf:
    """One character of a set."""

    characters: CharacterSet


@final
@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; nothing at all if there are none."""

    items: tuple[Node, ...]


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """The first branch that leads to a match."""

    branches: tuple[Node, ...]


@final
@dataclass(frozen=True, slots=True)
class Repeat:
    """An item, from `low` to `high` times; without limit if `high` is None."""

    item: Node
    low: int
    high: int | None
    greed: Greed


@final
@dataclass(frozen=True, slots=True)
class Group:
    """A capturing group; groups count from 1."""

    number: int
    item: Node


@final
@dataclass(frozen=True, slots=True)
class Atomic:
    """An item whose first way to match is the only one tried."""

    item: Node


@final
@dataclass(frozen=True, slots=True)
class Look:
    """Whether an item matches here, ahead or behind, without moving."""

    item: Node
    is_behind: bool
    is_negative: bool


@final
@dataclass(frozen=True, slots=True)
class Backreference:
    """What a group matched, again; in its other case as well, if folded."""

    number: int
    is_folded: bool


@final
@dataclass(frozen=True, slots=True)
class Grapheme:
    """One character as people count them."""


Node: TypeAlias = (
    OneOf | Sequence | Choice | Repeat | Group | Atomic | Look | Backreference | Grapheme | Point
)

EMPTY: Final = Sequence(())


@final
@dataclass(frozen=True, slots=True)
class Tree:
    """A whole pattern.

    Attributes:
        root: What it matches.
        groups: How many capturing groups there are.
        names: The numbers of the named ones.
    """

    root: Node
    groups: int
    names: dict[str, int]


def longest(node: Node) -> int | None:
    """Return how many characters a node matches at most; None: there is no bound."""
    if isinstance(node, OneOf):
        return 1
    if isinstance(node, Sequence):
        total = 0
        for item in node.items:
            length = longest(item)
            if length is None:
                return None
            total += length
        return total
    if isinstance(node, Choice):
        lengths = [longest(branch) for branch in node.branches]
        return None if None in lengths else max(length for length in lengths if length is not None)
    if isinstance(node, Repeat):
        length = longest(node.item)
        return None if length is None or node.high is None else length * node.high
    if isinstance(node, (Group, Atomic)):
        return longest(node.item)
    return None if isinstance(node, (Backreference, Grapheme)) else 0
