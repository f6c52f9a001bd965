"""JSON text taken apart without losing how it was written.

Owns cutting an object or array into the texts of its members, so that a number of 34 digits, `10.0`
and the order of keys survive. Knows nothing of what the members mean.

Source: RFC 8259.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

import orjson

__all__ = ["compact", "is_json", "items", "members", "value"]

# Digits that a Python integer certainly takes; no number of a test's settings has more.
_MAX_DIGITS: Final = 40

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_STRING_OR_BLANKS: Final = re.compile(r'("(?:[^"\\]|\\.)*+")|[ \t\r\n]+', re.DOTALL)
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)
_CHECKER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


def members(text: str) -> dict[str, str]:
    """Return the members of a JSON object, each with the text of its value.

    Raises:
        ValueError: The text is no JSON object.
    """
    found: dict[str, str] = {}
    at = _open(text, "{")
    while not _closes(text, at, "}", is_first=not found):
        at = _skip(text, at + 1 if found else at)
        if text[at : at + 1] != '"':
            raise ValueError(f"a key in quotes is missing at column {at + 1}")
        key, at = _CHECKER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise ValueError(f"a colon is missing at column {at + 1}")
        start = _skip(text, at + 1)
        at = _end(text, start)
        found[key] = text[start:at]
        at = _skip(text, at)
    return found


def items(text: str) -> list[str]:
    """Return the texts of a JSON array's items.

    Raises:
        ValueError: The text is no JSON array.
    """
    found: list[str] = []
    at = _open(text, "[")
    while not _closes(text, at, "]", is_first=not found):
        start = _skip(text, at + 1 if found else at)
        at = _end(text, start)
        found.append(text[start:at])
        at = _skip(text, at)
    return found


def value(text: str) -> object:
    """Return the value of a JSON text; numbers as Python has them.

    Raises:
        ValueError: It is no JSON, or is nested too deep to be a setting.
    """
    try:
        found: object = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return found


def is_json(text: str) -> bool:
    """Tell whether a text is JSON, whatever the size of its numbers."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        # It refuses numbers beyond binary64, which IoT SQL does not; this one refuses depth.
        try:
            _CHECKER.decode(text)
        except (ValueError, RecursionError):
            return False
    return True


def compact(text: str) -> str:
    """Return a JSON text without blanks between its parts, otherwise as it is."""
    return _STRING_OR_BLANKS.sub(lambda match: match.group(1) or "", text)


def _open(text: str, bracket: str) -> int:
    at = _skip(text, 0)
    if text[at : at + 1] != bracket:
        raise ValueError(f"it does not begin with '{bracket}'")
    return _skip(text, at + 1)


def _closes(text: str, at: int, bracket: str, *, is_first: bool) -> bool:
    """Tell whether the end is here; if not, the next member is, behind a comma or as the first."""
    found = text[at : at + 1]
    if found == bracket:
        if _skip(text, at + 1) < len(text):
            raise ValueError(f"something follows the '{bracket}' in column {at + 1}")
        return True
    if not found:
        raise ValueError(f"the '{bracket}' at the end is missing")
    if not is_first and found != ",":
        raise ValueError(f"a comma is missing at column {at + 1}")
    return False


def _end(text: str, start: int) -> int:
    try:
        return _CHECKER.raw_decode(text, start)[1]
    except RecursionError:
        return _end_of_nest(text, start)


def _end_of_nest(text: str, start: int) -> int:
    """Return the end of a value that is too deep for the decoder: where its bracket closes.

    What is inside is not judged; whoever reads the value does that.
    """
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text, start):
        found = match.group()
        if found in ("[", "{"):
            depth += 1
        elif found in ("]", "}"):
            depth -= 1
            if depth == 0:
                return match.end()
    raise ValueError("a bracket is not closed")


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return at if match is None else match.end()
