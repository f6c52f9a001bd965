"""Sets of characters: ranges, properties of Unicode, and what unions and intersections make.

Owns the algebra. Knows neither Java's names of properties nor how an engine writes a set.

A set of ranges alone is worked out. Properties stay symbols, because only the engines have
Unicode's tables; a set that needs both an intersection and a property stays an expression.

Source: java.util.regex.Pattern, "Character classes"; Unicode Technical Standard 18, RL1.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = [
    "EVERYTHING",
    "MAX_CODE_POINT",
    "NOTHING",
    "CharacterSet",
    "FlatSet",
    "Property",
    "Ranges",
    "SetExpression",
    "contains",
    "intersection",
    "negation",
    "of_characters",
    "of_property",
    "of_ranges",
    "union",
]

MAX_CODE_POINT: Final = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""First and last code points, in order, neither touching nor overlapping."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property of Unicode, as the engines call it.

    Attributes:
        linear: Its name for the linear engine; None where that engine does not have it.
        limited: Its name for the limited engine.
        is_negated: Whether the characters without it are meant.
    """

    linear: str | None
    limited: str
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class FlatSet:
    """Ranges and properties together; all other characters if negated.

    Without properties it is never negated: the ranges are turned around instead.
    """

    ranges: Ranges
    properties: tuple[Property, ...] = ()
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class SetExpression:
    """A union or intersection that only an engine can work out."""

    is_intersection: bool
    operands: tuple[CharacterSet, ...]
    is_negated: bool = False


CharacterSet: TypeAlias = FlatSet | SetExpression

NOTHING: Final = FlatSet(())
EVERYTHING: Final = FlatSet(((0, MAX_CODE_POINT),))


def of_ranges(*ranges: tuple[int, int]) -> FlatSet:
    """Return the set of the characters in any of some ranges."""
    return FlatSet(_joined(ranges))


def of_characters(text: str) -> FlatSet:
    """Return the set of the characters of a text."""
    return FlatSet(_joined([(ord(character), ord(character)) for character in text]))


def of_property(linear: str | None, limited: str | None = None) -> FlatSet:
    """Return the set of the characters with a property, which may have two names."""
    return FlatSet((), (Property(linear, limited or linear or ""),))


def negation(one: CharacterSet) -> CharacterSet:
    """Return all other characters."""
    if isinstance(one, SetExpression):
        return SetExpression(one.is_intersection, one.operands, not one.is_negated)
    if one.properties:
        return FlatSet(one.ranges, one.properties, not one.is_negated)
    return FlatSet(_others(one.ranges))


def union(one: CharacterSet, other: CharacterSet) -> CharacterSet:
    """Return the characters of either."""
    first, second = _positive(one), _positive(other)
    if first is not None and second is not None:
        properties = dict.fromkeys(first.properties + second.properties)
        return FlatSet(_joined(first.ranges + second.ranges), tuple(properties))
    if NOTHING in (one, other):
        return other if one == NOTHING else one
    return SetExpression(False, (one, other))


def intersection(one: CharacterSet, other: CharacterSet) -> CharacterSet:
    """Return the characters of both."""
    if isinstance(one, FlatSet) and isinstance(other, FlatSet):
        if not one.properties and not other.properties:
            return FlatSet(_others(_joined(_others(one.ranges) + _others(other.ranges))))
        # Not in A and not in B is not in either.
        if one.is_negated and other.is_negated:
            return negation(union(negation(one), negation(other)))
    return SetExpression(True, (one, other))


def contains(one: FlatSet, code_point: int) -> bool | None:
    """Whether a set without properties has a character; None where properties have the say."""
    if any(low <= code_point <= high for low, high in one.ranges):
        return not one.is_negated
    return None if one.properties else one.is_negated


def _positive(one: CharacterSet) -> FlatSet | None:
    """Return a set as ranges and properties without a negation around them, where it is one."""
    if isinstance(one, SetExpression):
        return None
    if not one.is_negated:
        return one
    if not one.ranges and len(one.properties) == 1:
        only = one.properties[0]
        return FlatSet((), (Property(only.linear, only.limited, not only.is_negated),))
    return None


def _joined(ranges: tuple[tuple[int, int], ...] | list[tuple[int, int]]) -> Ranges:
    if len(ranges) == 1:
        return (ranges[0],)
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _others(ranges: Ranges) -> Ranges:
    others: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if start < low:
            others.append((start, low - 1))
        start = high + 1
    if start <= MAX_CODE_POINT:
        others.append((start, MAX_CODE_POINT))
    return tuple(others)
