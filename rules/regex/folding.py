"""Which characters are one another's other case.

Owns what CASE_INSENSITIVE adds to a set, alone (ASCII letters only) and with UNICODE_CASE. The
engines' own folding would take other characters together than Java, and would turn `[^a]` into
everything.

Source: java.util.regex.Pattern, CASE_INSENSITIVE and UNICODE_CASE; Unicode's simple mappings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache
from typing import Final

from rules.regex.character_sets import FlatSet, of_ranges
from rules.regex.errors import UnsupportedPattern

__all__ = ["MAX_FOLDED", "fold"]

MAX_FOLDED: Final = 20_000
"""How many other cases are looked up for one pattern."""

_ASCII_LETTERS: Final = ((0x41, 0x5A, 32), (0x61, 0x7A, -32))

# Where the characters that have a case are: to look at all of Unicode would take a tenth second.
_BLOCKS: Final = (
    (0x41, 0x587), (0x10A0, 0x10FF), (0x13A0, 0x13FF), (0x1C80, 0x1CBF), (0x1D79, 0x1D8E),
    (0x1E00, 0x1FFF), (0x2126, 0x2188), (0x24B6, 0x24E9), (0x2C00, 0x2D2D), (0xA640, 0xA69F),
    (0xA722, 0xA7FF), (0xAB53, 0xABBF), (0xFF21, 0xFF5A), (0x10400, 0x104FF), (0x10570, 0x105BC),
    (0x10C80, 0x10CFF), (0x118A0, 0x118DF), (0x16E40, 0x16E7F), (0x1E900, 0x1E943),
)  # fmt: skip


def fold(ranges: list[tuple[int, int]], left: int, *, is_unicode: bool) -> tuple[FlatSet, int]:
    """Return the characters of some ranges and their other cases.

    Args:
        ranges: First and last characters.
        left: How many other cases may still be looked up.
        is_unicode: Whether UNICODE_CASE is on.

    Returns:
        The set, and how many other cases may be looked up after this.

    Raises:
        UnsupportedPattern: That was too many.
    """
    more = list(ranges)
    if not is_unicode:
        for low, high in ranges:
            for first, last, distance in _ASCII_LETTERS:
                if low <= last and first <= high:
                    more.append((max(low, first) + distance, min(high, last) + distance))
        return of_ranges(*more), left
    cased, others = _cases()
    for low, high in ranges:
        begin, end = bisect_left(cased, low), bisect_right(cased, high)
        left -= end - begin
        if left < 0:
            raise UnsupportedPattern("it has too many characters whose case is to be ignored")
        for code_point in cased[begin:end]:
            more.extend(others[code_point])
    return of_ranges(*more), left


@cache
def _cases() -> tuple[list[int], dict[int, tuple[tuple[int, int], ...]]]:
    """Return the characters with other cases, in order, and for each all that match it."""
    alike: dict[str, list[int]] = {}
    for first, last in _BLOCKS:
        for code_point in range(first, last + 1):
            alike.setdefault(_lower(_upper(chr(code_point))), []).append(code_point)
    others = {
        one: tuple((other, other) for other in group)
        for group in alike.values()
        if len(group) > 1
        for one in group
    }
    return sorted(others), others


def _upper(character: str) -> str:
    """Return the one character that is the upper case, as Character.toUpperCase gives it."""
    for mapped in (character.upper(), character.title()):
        if len(mapped) == 1:
            return mapped
    return character


def _lower(character: str) -> str:
    return character.lower()[0]
