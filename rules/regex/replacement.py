r"""Reads Java's replacement texts: `$1`, `${name}`, `\$`.

Owns that syntax. A group's number has as many digits as still name a group: with one group,
`$12` is group 1 and then a 2.

Source: java.util.regex.Matcher, appendReplacement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["Replacement", "parse_replacement"]

Replacement: TypeAlias = tuple[str | int, ...]
"""Texts and numbers of groups; group 0 is the whole match."""


def parse_replacement(text: str, groups: int, names: Mapping[str, int]) -> Replacement | None:
    """Return the parts of a replacement text.

    Args:
        text: The text.
        groups: How many groups the pattern has.
        names: The numbers of the named ones.

    Returns:
        The parts, or None if the text names a group that is not there, or ends in `$` or a
        backslash.
    """
    if "$" not in text and "\\" not in text:
        return (text,)
    parts: list[str | int] = []
    literal: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "\\":
            if position == len(text):
                return None
            literal.append(text[position])
            position += 1
        elif character == "$":
            read = _group(text, position, groups, names)
            if read is None:
                return None
            number, position = read
            parts.extend(("".join(literal), number))
            literal.clear()
        else:
            # All up to the next special character at once: replacements may be long.
            ends = [
                end for end in (text.find("$", position), text.find("\\", position)) if end >= 0
            ]
            end = min(ends, default=len(text))
            literal.append(text[position - 1 : end])
            position = end
    parts.append("".join(literal))
    return tuple(part for part in parts if part != "") or ("",)


def _group(
    text: str, position: int, groups: int, names: Mapping[str, int]
) -> tuple[int, int] | None:
    """Read the name of a group after its `$`; return its number and where it ends."""
    if text.startswith("{", position):
        end = text.find("}", position)
        number = names.get(text[position + 1 : end]) if end > 0 else None
        return None if number is None else (number, end + 1)
    number = _digit(text, position)
    if number is None or number > groups:
        return None
    position += 1
    while (digit := _digit(text, position)) is not None and number * 10 + digit <= groups:
        number = number * 10 + digit
        position += 1
    return number, position


def _digit(text: str, position: int) -> int | None:
    character = text[position : position + 1]
    return int(character) if character and character in "0123456789" else None
