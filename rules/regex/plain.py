"""The patterns that Python's own `re` runs, because they leave it nothing to try twice.

Owns which they are: a few characters, each one of a set, one after the other; at the end perhaps
as many of one set as there are. `re` is several times as fast as the other engines, and what it
does for such a pattern is bounded by the length of the pattern times that of the text.
"""

from __future__ import annotations

import re
from typing import Final

from rules.regex.character_sets import EVERYTHING, FlatSet, negation
from rules.regex.limited import write_set
from rules.regex.tree import Greed, Node, OneOf, Repeat, Sequence

__all__ = ["MAX_REPLACEMENTS", "plain"]

_MOST_ITEMS: Final = 16

_MOST_CHARACTERS: Final = 40_000
"""How many characters all sets together may have: `re` goes through them one by one, for 2 ms."""

_LAST_LOOKED_AT: Final = 0xFFFF

MAX_REPLACEMENTS: Final = 30_000
"""How many replacements take `re` about as long as the other engines may."""


def plain(root: Node) -> re.Pattern[str] | None:
    """Return a pattern for `re`, if it is as simple as that."""
    items = root.items if isinstance(root, Sequence) else (root,)
    if not 1 <= len(items) <= _MOST_ITEMS:
        return None
    written: list[str] = []
    looked_at = 0
    for index, item in enumerate(items):
        sign = ""
        if isinstance(item, Repeat) and index == len(items) - 1:
            if (item.low, item.high, item.greed) != (1, None, Greed.GREEDY):
                return None
            sign = "+"
            item = item.item
        if not isinstance(item, OneOf):
            return None
        characters = item.characters
        if not isinstance(characters, FlatSet) or characters.properties:
            return None
        others = negation(characters)
        if isinstance(others, FlatSet) and others.ranges and _count(others) < _count(characters):
            characters = FlatSet(others.ranges, is_negated=True)
        looked_at += _count(characters) if characters != EVERYTHING else 0
        if looked_at > _MOST_CHARACTERS:
            return None
        written.append(write_set(characters) + sign)
    return re.compile("".join(written))


def _count(characters: FlatSet) -> int:
    return sum(
        min(high, _LAST_LOOKED_AT) - low + 1
        for low, high in characters.ranges
        if low <= _LAST_LOOKED_AT
    )
