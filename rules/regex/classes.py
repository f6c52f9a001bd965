r"""Reads what stands in square brackets: `[a-z&&[^bc]]`.

Owns the syntax of character classes and of the escapes that mean one character or a set. The
rest of the syntax is the parser's, which hands over its cursor.

Source: java.util.regex.Pattern, "Character classes"; since Java 9, `^` turns around the whole
class, whatever is nested in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final

from rules.regex.character_sets import (
    MAX_CODE_POINT,
    CharacterSet,
    intersection,
    negation,
    union,
)
from rules.regex.errors import InvalidPattern, UnsupportedPattern
from rules.regex.properties import named, shorthand
from rules.regex.scanner import Flag, Scanner

__all__ = ["MAX_NESTING", "read_character", "read_class", "read_set", "too_deep"]

MAX_NESTING: Final = 40
"""How deep groups and classes may be nested: their readers and writers call themselves."""

_CONTROL: Final = {"t": 0x09, "n": 0x0A, "r": 0x0D, "f": 0x0C, "a": 0x07, "e": 0x1B}
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def too_deep() -> UnsupportedPattern:
    """Return the error for a pattern nested too deep."""
    return UnsupportedPattern(f"it is nested more than {MAX_NESTING} deep")


def read_set(scanner: Scanner) -> CharacterSet | None:
    r"""Read the rest of \d, \p{...} and their like, after the backslash; None: it is none."""
    letter = scanner.peek_raw()
    if letter and letter in "dDsSwWhHvV":
        scanner.take_raw()
        return shorthand(letter, is_unicode=scanner.has(Flag.UNICODE_CLASS))
    if letter not in ("p", "P"):
        return None
    scanner.take_raw()
    name: str | None = scanner.take_raw()
    if name == "{":
        name = scanner.take_until("}")
    if not name:
        raise InvalidPattern(r"\p needs the name of a class, and its closing brace")
    one = named(
        name,
        is_unicode=scanner.has(Flag.UNICODE_CLASS),
        ignores_case=scanner.has(Flag.IGNORE_CASE),
    )
    return negation(one) if letter == "P" else one


def read_character(scanner: Scanner) -> int:
    r"""Read the rest of an escape that means one character, after the backslash.

    Raises:
        InvalidPattern: The letter means nothing.
    """
    letter = scanner.take_raw()
    if not letter:
        raise InvalidPattern("it ends with a backslash")
    if letter in _CONTROL:
        return _CONTROL[letter]
    if letter in _NUMBERED:
        return _NUMBERED[letter](scanner)
    if letter.isascii() and letter.isalnum():
        raise InvalidPattern(f"\\{letter} means nothing")
    return ord(letter)


def _control(scanner: Scanner) -> int:
    letter = scanner.take_raw()
    if not letter:
        raise InvalidPattern(r"\c needs a character")
    return ord(letter) ^ 64


def _octal(scanner: Scanner) -> int:
    digits = ""
    while len(digits) < 3 and scanner.peek_raw() in tuple("01234567"):
        if len(digits) == 2 and digits[0] > "3":
            break
        digits += scanner.take_raw()
    if not digits:
        raise InvalidPattern(r"\0 needs an octal number")
    return int(digits, 8)


def _hexadecimal(scanner: Scanner) -> int:
    if scanner.peek_raw() != "{":
        return _of_digits(scanner, 2)
    scanner.take_raw()
    digits = scanner.take_until("}")
    if not digits or not _HEX.issuperset(digits) or len(digits.lstrip("0")) > 6:
        raise InvalidPattern(r"\x{ needs a hexadecimal number and a closing brace")
    number = int(digits, 16)
    if number > MAX_CODE_POINT:
        raise InvalidPattern(f"there is no character \\x{{{digits}}}")
    return number


def _utf16(scanner: Scanner) -> int:
    unit = _of_digits(scanner, 4)
    if 0xD800 <= unit < 0xDC00 and scanner.looks_at("\\u"):
        mark = scanner.position
        scanner.position += 2
        low = _of_digits(scanner, 4)
        if 0xDC00 <= low < 0xE000:
            return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        scanner.position = mark
    return unit


def _named(scanner: Scanner) -> int:
    name = scanner.take_until("}") if scanner.take_raw() == "{" else None
    try:
        return ord(unicodedata.lookup(name or ""))
    except (KeyError, TypeError) as error:  # no such name; or that of a sequence
        raise InvalidPattern(r"\N needs the name of a character in braces") from error


_NUMBERED: Final[dict[str, Callable[[Scanner], int]]] = {
    "c": _control,
    "0": _octal,
    "x": _hexadecimal,
    "u": _utf16,
    "N": _named,
}


def _of_digits(scanner: Scanner, count: int) -> int:
    digits = "".join(scanner.take_raw() for _ in range(count))
    if len(digits) < count or not _HEX.issuperset(digits):
        raise InvalidPattern(f"an escape needs {count} hexadecimal digits, not {digits!r}")
    return int(digits, 16)


def read_class(scanner: Scanner, depth: int) -> CharacterSet:
    """Read a class after its opening bracket, up to and with the closing one.

    Raises:
        InvalidPattern: It is not closed, or a range in it runs backwards.
        UnsupportedPattern: It is nested too deep.
    """
    if depth > MAX_NESTING:
        raise too_deep()
    is_negated = scanner.take_if("^")
    whole: CharacterSet | None = None
    part: CharacterSet | None = None
    # One range at a time would make a class of n characters cost n * n.
    ranges: list[tuple[int, int]] = []
    while True:
        character = scanner.take()
        if not character:
            raise InvalidPattern("a bracket is not closed")
        if character == "]" and (part is not None or ranges or whole is not None):
            break
        if character == "&" and scanner.looks_at("&"):
            scanner.take()
            while scanner.looks_at("&&"):
                scanner.position += 2
            whole = _both(whole, _with_ranges(scanner, part, ranges))
            part = None
            ranges = []
        elif character == "[":
            nested = read_class(scanner, depth + 1)
            part = nested if part is None else union(part, nested)
        elif character == "\\" and (one := read_set(scanner)) is not None:
            part = one if part is None else union(part, one)
        else:
            low = read_character(scanner) if character == "\\" else ord(character)
            ranges.append(_range(scanner, low))
    found = _both(whole, _with_ranges(scanner, part, ranges))
    if found is None:
        raise InvalidPattern("a class in brackets has && and nothing else")
    return negation(found) if is_negated else found


def _range(scanner: Scanner, low: int) -> tuple[int, int]:
    """Read the rest of a range, if it is one."""
    if scanner.peek() != "-":
        return low, low
    mark = scanner.position
    scanner.take()
    if scanner.peek() in ("", "[", "]"):
        scanner.position = mark
        return low, low
    character = scanner.take()
    high = read_character(scanner) if character == "\\" else ord(character)
    if high < low:
        raise InvalidPattern(f"the range {chr(low)}-{chr(high)} runs backwards")
    return low, high


def _with_ranges(
    scanner: Scanner, part: CharacterSet | None, ranges: list[tuple[int, int]]
) -> CharacterSet | None:
    if not ranges:
        return part
    characters = scanner.set_of(ranges)
    return characters if part is None else union(characters, part)


def _both(one: CharacterSet | None, other: CharacterSet | None) -> CharacterSet | None:
    if one is None or other is None:
        return other if one is None else one
    return intersection(one, other)
