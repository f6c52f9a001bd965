"""Texts that end in a line terminator, for patterns that end in `$`.

Owns when the terminator can be left off. In Java `$` also matches before a final line terminator,
for the linear engine only at the very end. Where nothing in the pattern can match a terminator and
`$` is the last thing in it, no match reaches into the terminator: so the engine searches the text
without it.

Source: java.util.regex.Pattern, "Line terminators".
"""

from __future__ import annotations

from typing import Final

from rules.regex.character_sets import FlatSet, contains
from rules.regex.tree import Choice, Group, Node, OneOf, Point, Repeat, Sequence

__all__ = ["final_terminator", "ignores_final_terminator"]

_TERMINATORS: Final = "\n\r\x85\u2028\u2029"
_SAME_WITHOUT: Final = frozenset({Point.TEXT_START, Point.BOUNDARY})


def final_terminator(text: str) -> str:
    r"""Return the line terminator that a text ends in: "\r\n", one character, or none."""
    last = text[-1:]
    if not last or last not in _TERMINATORS:
        return ""
    return "\r\n" if text.endswith("\r\n") else last


def ignores_final_terminator(root: Node) -> bool:
    """Whether a pattern's matches are the same without the text's final terminator.

    They are if it ends in `$`, has none elsewhere, and each match has a character, none of them a
    terminator. An empty match would also be found behind the terminator.
    """
    if not isinstance(root, Sequence) or root.items[-1:] != (Point.FINAL_END,):
        return False
    before = root.items[:-1]
    return all(map(_reads_no_terminator, before)) and any(map(_reads, before))


def _reads_no_terminator(node: Node) -> bool:
    if isinstance(node, OneOf):
        one = node.characters
        return isinstance(one, FlatSet) and all(
            contains(one, ord(terminator)) is False for terminator in _TERMINATORS
        )
    if isinstance(node, Sequence):
        return all(map(_reads_no_terminator, node.items))
    if isinstance(node, Choice):
        return all(map(_reads_no_terminator, node.branches))
    if isinstance(node, (Group, Repeat)):
        return _reads_no_terminator(node.item)
    return node in _SAME_WITHOUT


def _reads(node: Node) -> bool:
    """Whether every way through reads at least one character."""
    if isinstance(node, OneOf):
        return True
    if isinstance(node, Sequence):
        return any(map(_reads, node.items))
    if isinstance(node, Choice):
        return all(map(_reads, node.branches))
    if isinstance(node, Repeat):
        return node.low > 0 and _reads(node.item)
    return isinstance(node, Group) and _reads(node.item)
