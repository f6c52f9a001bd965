"""The elements that java.time's patterns for reading are made of, but for zones.

Owns how much text each takes and which field it sets. Knows neither the letters of patterns nor
what fields mean together.

Source: java.time.format.DateTimeFormatterBuilder, strict parsing, as `ofPattern` uses it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, Protocol, final

from rules.dates.zones import Zone

__all__ = [
    "FAILED",
    "Element",
    "Field",
    "Fraction",
    "Literal",
    "Number",
    "Optional",
    "Padded",
    "Parsed",
    "ReducedYear",
    "Sign",
    "Text",
]

FAILED: Final = -1

_INT64_MAX: Final = 2**63 - 1
_DIGITS: Final = frozenset("0123456789")


class Field(Enum):
    """What a part of a text can say."""

    ERA = auto()
    YEAR_OF_ERA = auto()
    YEAR = auto()
    QUARTER = auto()
    MONTH = auto()
    DAY_OF_YEAR = auto()
    DAY_OF_MONTH = auto()
    ALIGNED_WEEKDAY = auto()
    WEEKDAY = auto()
    LOCAL_WEEKDAY = auto()
    WEEK_OF_MONTH = auto()
    WEEK_OF_WEEK_YEAR = auto()
    WEEK_YEAR = auto()
    MODIFIED_JULIAN_DAY = auto()
    HALF_OF_DAY = auto()
    CLOCK_HOUR_OF_HALF = auto()
    HOUR_OF_HALF = auto()
    CLOCK_HOUR_OF_DAY = auto()
    HOUR = auto()
    MINUTE = auto()
    SECOND = auto()
    NANO = auto()
    MILLI_OF_DAY = auto()
    NANO_OF_DAY = auto()
    OFFSET_S = auto()


@final
class Parsed:
    """What was read so far.

    Attributes:
        fields: The fields and their values, not yet checked against each other.
        zone: The zone named, or None.
    """

    __slots__ = ("fields", "zone")

    def __init__(self) -> None:
        self.fields: dict[Field, int] = {}
        self.zone: Zone | None = None

    def set(self, field: Field, value: int) -> bool:
        """Set a field; False if the text said otherwise before."""
        return self.fields.setdefault(field, value) == value


class Element(Protocol):
    """One element of a pattern."""

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """Read at a position; return where it ends, or `FAILED`."""


@final
class Literal:
    """Text that must stand there."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        return at + len(self._text) if text.startswith(self._text, at) else FAILED


class Sign(Enum):
    """Which signs a number may have."""

    MINUS = auto()
    """A minus."""

    NONE = auto()
    """None at all."""

    PLUS_IF_LONG = auto()
    """A minus, and a plus exactly where the number is longer than its least width."""


class Number:
    """A number of a least and a most number of digits.

    Attributes:
        reserved: How many of the digits belong to elements that follow without anything between.
    """

    __slots__ = ("_field", "least", "most", "reserved", "sign")

    def __init__(self, field: Field, least: int, most: int, sign: Sign) -> None:
        self._field = field
        self.least = least
        self.most = most
        self.sign = sign
        self.reserved = 0

    @property
    def is_fixed(self) -> bool:
        """Whether an adjacent number before it can leave it its digits."""
        return self.least == self.most and self.sign is Sign.NONE

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        found = text[at : at + 1]
        signed = found == "-" or found == "+"
        if signed:
            if self.sign is Sign.NONE or (found == "+" and self.sign is Sign.MINUS):
                return FAILED
            at += 1
        end = _digits_end(text, at, self.most + self.reserved)
        if end - at < self.least:
            return FAILED
        if self.reserved:
            end = at + min(end - at, max(self.least, end - at - self.reserved))
        value = int(text[at:end])
        if value > _INT64_MAX:
            value //= 10
            end -= 1
        if found == "-":
            if value == 0:
                return FAILED
            value = -value
        elif self.sign is Sign.PLUS_IF_LONG and signed is not (end - at > self.least):
            return FAILED
        return end if self._set(value, parsed) else FAILED

    def _set(self, value: int, parsed: Parsed) -> bool:
        return parsed.set(self._field, value)


def _digits_end(text: str, at: int, most: int) -> int:
    limit = min(len(text), at + most)
    while at < limit and text[at] in _DIGITS:
        at += 1
    return at


@final
class ReducedYear(Number):
    """A year of two digits: 2000 to 2099."""

    __slots__ = ()

    def __init__(self, field: Field) -> None:
        super().__init__(field, 2, 2, Sign.NONE)

    def _set(self, value: int, parsed: Parsed) -> bool:
        return parsed.set(self._field, 2000 + value)


@final
class Fraction(Number):
    """A fraction of a second, of an exact number of digits up to nine."""

    __slots__ = ()

    def __init__(self, count: int) -> None:
        super().__init__(Field.NANO, count, count, Sign.NONE)

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        end = _digits_end(text, at, self.most)
        if end - at < self.least:
            return FAILED
        nanos = int(text[at:end].ljust(9, "0"))
        return end if parsed.set(self._field, nanos) else FAILED


@final
class Text:
    """One of some words, in exact case."""

    __slots__ = ("_field", "_words")

    def __init__(self, field: Field, words: dict[str, int]) -> None:
        self._field = field
        self._words = tuple(sorted(words.items(), key=lambda each: -len(each[0])))

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        for word, value in self._words:
            if text.startswith(word, at):
                return at + len(word) if parsed.set(self._field, value) else FAILED
        return FAILED


@final
class Padded:
    """An element of an exact width, with blanks before it."""

    __slots__ = ("_element", "_width")

    def __init__(self, element: Element, width: int) -> None:
        self._element = element
        self._width = width

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        end = at + self._width
        if end > len(text):
            return FAILED
        while at < end and text[at] == " ":
            at += 1
        return end if self._element.read(text[:end], at, parsed) == end else FAILED


@final
class Optional:
    """Elements that are all there, or none of them."""

    __slots__ = ("_elements",)

    def __init__(self, elements: tuple[Element, ...]) -> None:
        self._elements = elements

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        fields, zone = parsed.fields.copy(), parsed.zone
        end = at
        for element in self._elements:
            end = element.read(text, end, parsed)
            if end == FAILED:
                parsed.fields, parsed.zone = fields, zone
                return at
        return end
