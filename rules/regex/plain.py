"""The patterns that Python's own `re` runs, because they leave it nothing to try twice.

Owns which they are: a few characters, each one of a set, one after the other; at the end perhaps
as many of one set as there are. `re` is several times as fast as the other engines, and what it
does for such a pattern is bounded by the length of the pattern times that of the text.
"""

from __future__ import annotations

import re
from typing import Final

from rules.regex.character_sets import FlatSet
from rules.regex.limited import write_set
from rules.regex.tree import Greed, Node, OneOf, Repeat, Sequence

__all__ = ["MAX_REPLACEMENTS", "plain"]

_MOST_ITEMS: Final = 16

MAX_REPLACEMENTS: Final = 30_000
"""How many replacements take `re` about as long as the other engines may."""


def plain(root: Node) -> re.Pattern[str] | None:
    """Return a pattern for `re`, if it is as simple as that."""
    items = root.items if isinstance(root, Sequence) else (root,)
    if not 1 <= len(items) <= _MOST_ITEMS:
        return None
    written: list[str] = []
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
        written.append(write_set(characters) + sign)
    return re.compile("".join(written))
