"""Reading times by the patterns of java.time.

Owns that language: letters, counts, quotes, optional sections. A pattern becomes a list of elements
once; reading a text walks over them once, without going back.

Source: java.time.format.DateTimeFormatter.ofPattern of JDK 11, locale en-US.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, final

from rules.dates.errors import MAX_PATTERN_CHARACTERS, PatternError
from rules.dates.java_elements import (
    FAILED,
    Element,
    Field,
    Fraction,
    Literal,
    Number,
    Optional,
    Padded,
    Parsed,
    ReducedYear,
    Sign,
    Text,
)
from rules.dates.java_resolve import resolve
from rules.dates.java_zones import LocalizedOffset, Offset, ZoneText
from rules.dates.names import ERAS, ERAS_FULL, HALVES, MONTHS, QUARTERS, WEEKDAYS, short
from rules.dates.zone_names import LONG_NAMES, SHORT_NAMES

__all__ = ["Reader", "compile_reader"]

_MAX_WIDTH: Final = 19
_MAX_DEPTH: Final = 16  # of optional sections; java.time has no bound


@final
class Reader:
    """A compiled pattern."""

    __slots__ = ("_elements",)

    def __init__(self, elements: tuple[Element, ...]) -> None:
        self._elements = elements

    def read(self, text: str) -> int | None:
        """Return the time in milliseconds since the epoch; None if the whole text does not fit."""
        parsed = Parsed()
        at = 0
        for element in self._elements:
            at = element.read(text, at, parsed)
            if at == FAILED:
                return None
        return resolve(parsed) if at == len(text) else None


def _numbered(names: tuple[str, ...], first: int = 1) -> dict[str, int]:
    """Return the words with their values; of equal words the last counts, as in java.time."""
    return {name: number for number, name in enumerate(names, first)}


def _forms(names: tuple[str, ...]) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Return the short, full and narrow words of names."""
    return (
        _numbered(tuple(short(name) for name in names)),
        _numbered(names),
        _numbered(tuple(name[0] for name in names)),
    )


_ERA_FORMS: Final = (_numbered(ERAS, 0), _numbered(ERAS_FULL, 0), {"B": 0, "A": 1})
_MONTH_FORMS: Final = _forms(MONTHS)
_WEEKDAY_FORMS: Final = _forms(WEEKDAYS)
_QUARTER_FORMS: Final = (
    _numbered(("Q1", "Q2", "Q3", "Q4")),
    _numbered(QUARTERS),
    _numbered(("1", "2", "3", "4")),
)
_HALF_WORDS: Final = _numbered(HALVES, 0)

# Letters for which the count is a width: the field and the greatest count. Two letters or more take
# exactly that many digits.
_PLAIN: Final = {
    "d": (Field.DAY_OF_MONTH, 2),
    "F": (Field.ALIGNED_WEEKDAY, 1),
    "H": (Field.HOUR, 2),
    "h": (Field.CLOCK_HOUR_OF_HALF, 2),
    "K": (Field.HOUR_OF_HALF, 2),
    "k": (Field.CLOCK_HOUR_OF_DAY, 2),
    "m": (Field.MINUTE, 2),
    "s": (Field.SECOND, 2),
}
_LONG: Final = {"A": Field.MILLI_OF_DAY, "n": Field.NANO, "N": Field.NANO_OF_DAY}
_YEARS: Final = {"y": Field.YEAR_OF_ERA, "u": Field.YEAR, "Y": Field.WEEK_YEAR}
_WORDS: Final = {
    "M": (Field.MONTH, _MONTH_FORMS),
    "L": (Field.MONTH, _MONTH_FORMS),
    "Q": (Field.QUARTER, _QUARTER_FORMS),
    "q": (Field.QUARTER, _QUARTER_FORMS),
    "E": (Field.WEEKDAY, _WEEKDAY_FORMS),
    "e": (Field.WEEKDAY, _WEEKDAY_FORMS),
    "c": (Field.WEEKDAY, _WEEKDAY_FORMS),
    "G": (Field.ERA, _ERA_FORMS),
}
_OFFSETS: Final = ("+HHmm", "+HHMM", "+HH:MM", "+HHMMss", "+HH:MM:ss")


def _refuse(letter: str, count: int) -> PatternError:
    return PatternError(f"java.time's date patterns know no {letter * min(count, 40)!r}")


def _width(field: Field, letter: str, count: int, sign: Sign) -> Number:
    if count > _MAX_WIDTH:
        raise _refuse(letter, count)
    return Number(field, count, _MAX_WIDTH, sign)


def _plain(field: Field, count: int) -> Number:
    if count == 1:
        return Number(field, 1, _MAX_WIDTH, Sign.MINUS)
    return Number(field, count, count, Sign.NONE)


def _year(letter: str, count: int) -> Number:
    if count == 2:
        return ReducedYear(_YEARS[letter])
    sign = Sign.MINUS if count < 4 else Sign.PLUS_IF_LONG
    return _width(_YEARS[letter], letter, count, sign)


def _word(letter: str, count: int) -> Element:
    field, forms = _WORDS[letter]
    if count > 5 or (letter == "c" and count == 2):
        raise _refuse(letter, count)
    if count <= 2 and letter in "ec":
        return Number(Field.LOCAL_WEEKDAY, count, count, Sign.NONE)
    if count <= 2 and letter not in "EG":
        return _plain(field, count)
    return Text(field, forms[max(count, 3) - 3])


def _week_or_day(letter: str, count: int) -> Number | None:
    if letter == "W" and count == 1:
        return Number(Field.WEEK_OF_MONTH, 1, 1, Sign.NONE)
    if letter == "w" and count <= 2:
        return Number(Field.WEEK_OF_WEEK_YEAR, count, 2, Sign.NONE)
    if letter == "D" and count <= 3:
        if count == 1:
            return _plain(Field.DAY_OF_YEAR, 1)
        return Number(Field.DAY_OF_YEAR, count, 3, Sign.NONE)
    if letter == "S" and count <= 9:
        return Fraction(count)
    if letter == "g":
        return _width(Field.MODIFIED_JULIAN_DAY, letter, count, Sign.MINUS)
    return None


def _zone(letter: str, count: int) -> Element | None:
    if letter == "V" and count == 2:
        return _zone_text(0)
    if (letter == "z" and count <= 4) or (letter == "v" and count in (1, 4)):
        return _zone_text(count)
    if (letter == "O" and count in (1, 4)) or (letter == "Z" and count == 4):
        return LocalizedOffset(full=count == 4)
    if letter == "Z" and count <= 3:
        return Offset("+HHMM", "+0000")
    if letter == "Z" and count == 5:
        return Offset("+HH:MM:ss", "Z")
    if letter in "Xx" and count <= 5:
        zero = "Z" if letter == "X" else ("+00", "+0000", "+00:00", "+0000", "+00:00")[count - 1]
        return Offset(_OFFSETS[count - 1], zero)
    return None


def _element(letter: str, count: int) -> Element:
    if letter in _PLAIN:
        field, greatest = _PLAIN[letter]
        if count <= greatest:
            return _plain(field, count)
    elif letter in _LONG:
        return _width(_LONG[letter], letter, count, Sign.NONE)
    elif letter in _YEARS:
        return _year(letter, count)
    elif letter in _WORDS:
        return _word(letter, count)
    elif letter == "a" and count == 1:
        return Text(Field.HALF_OF_DAY, _HALF_WORDS)
    else:
        found = _week_or_day(letter, count) or _zone(letter, count)
        if found is not None:
            return found
    raise _refuse(letter, count)


@final
class _Section:
    """Elements in the making: the pattern's own or an optional section's."""

    __slots__ = ("elements", "leading")

    def __init__(self) -> None:
        self.elements: list[Element] = []
        # The number that leaves digits to the fixed ones that follow it without a gap.
        self.leading: Number | None = None

    def add(self, element: Element) -> None:
        self.elements.append(element)
        if not isinstance(element, Number):
            self.leading = None
        elif self.leading is not None and element.is_fixed:
            self.leading.reserved += element.most
        else:
            self.leading = element


def _run_end(pattern: str, at: int) -> int:
    end = at
    while end < len(pattern) and pattern[end] == pattern[at]:
        end += 1
    return end


def _add_field(section: _Section, pattern: str, at: int) -> int:
    """Add the element of the letters at a position; return where they end."""
    end = _run_end(pattern, at)
    if pattern[at] != "p":
        section.add(_element(pattern[at], end - at))
        return end
    width, start = end - at, end
    end = _run_end(pattern, start)
    if end == start or not pattern[start].isalpha() or not pattern[start].isascii():
        raise PatternError("the letter 'p' of a date pattern pads the letter after it")
    section.add(Padded(_element(pattern[start], end - start), width))
    return end


def _add_quoted(section: _Section, pattern: str, at: int) -> int:
    text: list[str] = []
    end = at + 1
    while end < len(pattern):
        if pattern[end] != "'":
            text.append(pattern[end])
        elif pattern.startswith("''", end):
            text.append("'")
            end += 1
        else:
            section.add(Literal("".join(text) or "'"))
            return end + 1
        end += 1
    raise PatternError("a quote of the date pattern is not closed")


@lru_cache(maxsize=8)
def _zone_text(count: int) -> ZoneText:
    """Return the element of a zone, the same for all patterns: its names are many."""
    if not count:
        return ZoneText()
    return ZoneText(LONG_NAMES if count == 4 else SHORT_NAMES)


@lru_cache(maxsize=128)
def compile_reader(pattern: str) -> Reader:
    """Compile a pattern such as `yyyy-MM-dd HH:mm:ss[.SSS] VV`.

    Raises:
        PatternError: It has a letter or count that means nothing, a reserved character, a quote or
            bracket without its counterpart, or is over 1,000 characters or 16 sections deep.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"a date pattern has at most {MAX_PATTERN_CHARACTERS} characters")
    sections = [_Section()]
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character.isascii() and character.isalpha():
            at = _add_field(sections[-1], pattern, at)
            continue
        if character == "'":
            at = _add_quoted(sections[-1], pattern, at)
            continue
        if character == "[":
            if len(sections) > _MAX_DEPTH:
                raise PatternError(f"optional sections are nested at most {_MAX_DEPTH} deep here")
            sections[-1].leading = None
            sections.append(_Section())
        elif character == "]":
            if len(sections) == 1:
                raise PatternError("the date pattern has a ']' without a '['")
            _close(sections)
        elif character in "{}#":
            raise PatternError(f"{character!r} is reserved in java.time's date patterns")
        else:
            sections[-1].add(Literal(character))
        at += 1
    while len(sections) > 1:  # what is open at the end, java.time closes
        _close(sections)
    return Reader(tuple(sections[0].elements))


def _close(sections: list[_Section]) -> None:
    elements = tuple(sections.pop().elements)
    sections[-1].add(Optional(elements))
