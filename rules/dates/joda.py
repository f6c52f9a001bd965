"""Writing times by the patterns of Joda-Time.

Owns that language: letters, counts, quotes. A pattern becomes a list of writers, one for each
field, so that writing a time looks at no pattern.

Source: org.joda.time.format.DateTimeFormat, with its ISO chronology and English names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias, final

from rules.dates import civil
from rules.dates.errors import EPOCH_MS_LIMIT, MAX_PATTERN_CHARACTERS, PatternError
from rules.dates.names import ERAS, HALVES, MONTHS, WEEKDAYS, short
from rules.dates.zone_names import zone_name
from rules.dates.zones import Zone

__all__ = ["Writer", "compile_writer"]

_DAY_MS: Final = 86_400_000
_MAX_FRACTION_DIGITS: Final = 15  # as many as Joda-Time can compute in 64 bits


@final
class _Moment:
    """An instant as the clocks and calendars of a zone show it."""

    __slots__ = ("day", "days", "epoch_s", "milli_of_day", "month", "offset_s", "year", "zone")

    def __init__(self, epoch_ms: int, zone: Zone) -> None:
        self.zone = zone
        self.epoch_s = epoch_ms // 1000
        self.offset_s = zone.offset_at(self.epoch_s)
        self.days, self.milli_of_day = divmod(epoch_ms + self.offset_s * 1000, _DAY_MS)
        self.year, self.month, self.day = civil.date_of_days(self.days)

    @property
    def hour(self) -> int:
        return self.milli_of_day // 3_600_000

    @property
    def year_of_era(self) -> int:
        return self.year if self.year > 0 else 1 - self.year


_FieldWriter: TypeAlias = Callable[[_Moment], str]


@final
class Writer:
    """A compiled pattern."""

    __slots__ = ("_writers",)

    def __init__(self, writers: tuple[_FieldWriter, ...]) -> None:
        self._writers = writers

    def write(self, epoch_ms: int, zone: Zone) -> str | None:
        """Return the text of a time in milliseconds since the epoch; None if 64 bits exceed it."""
        if not -EPOCH_MS_LIMIT <= epoch_ms < EPOCH_MS_LIMIT:
            return None
        moment = _Moment(epoch_ms, zone)
        return "".join([writer(moment) for writer in self._writers])


def _padded(number: int, width: int) -> str:
    digits = str(abs(number)).zfill(width)
    return f"-{digits}" if number < 0 else digits


def _two_digits(number: int) -> str:
    return f"{abs(number) % 100:02}"


_NUMBERS: Final[dict[str, Callable[[_Moment], int]]] = {
    "C": lambda m: abs(m.year) // 100,  # as if 1 BC were the year 0 of its era
    "w": lambda m: civil.ISO_WEEKS.week_of_year(m.days)[1],
    "e": lambda m: civil.weekday(m.days),
    "D": lambda m: civil.day_of_year(m.days, m.year),
    "d": lambda m: m.day,
    "K": lambda m: m.hour % 12,
    "h": lambda m: m.hour % 12 or 12,
    "H": lambda m: m.hour,
    "k": lambda m: m.hour or 24,
    "m": lambda m: m.milli_of_day // 60_000 % 60,
    "s": lambda m: m.milli_of_day // 1000 % 60,
}

_YEARS: Final[dict[str, Callable[[_Moment], int]]] = {
    "Y": lambda m: m.year_of_era,
    "y": lambda m: m.year,
    "x": lambda m: civil.ISO_WEEKS.week_of_year(m.days)[0],
}


def _number(letter: str, count: int) -> _FieldWriter:
    value = _NUMBERS[letter]
    return lambda m: _padded(value(m), count)


def _year(letter: str, count: int) -> _FieldWriter:
    if count == 2:
        value = _YEARS["y" if letter == "Y" else letter]  # two digits are always of the plain year
        return lambda m: _two_digits(value(m))
    value = _YEARS[letter]
    return lambda m: _padded(value(m), count)


def _month(count: int) -> _FieldWriter:
    if count >= 4:
        return lambda m: MONTHS[m.month - 1]
    if count == 3:
        return lambda m: short(MONTHS[m.month - 1])
    return lambda m: _padded(m.month, count)


def _weekday(count: int) -> _FieldWriter:
    if count >= 4:
        return lambda m: WEEKDAYS[civil.weekday(m.days) - 1]
    return lambda m: short(WEEKDAYS[civil.weekday(m.days) - 1])


def _fraction(count: int) -> _FieldWriter:
    def write(moment: _Moment) -> str:
        millis = moment.milli_of_day % 1000
        digits = min(count, _MAX_FRACTION_DIGITS) if millis else count
        return f"{millis:03}".ljust(digits, "0")[:digits]

    return write


def _offset(count: int) -> _FieldWriter:
    if count >= 3:
        return lambda m: m.zone.name
    colon = ":" if count == 2 else ""

    def write(moment: _Moment) -> str:
        minutes = abs(moment.offset_s) // 60
        sign = "-" if moment.offset_s < 0 else "+"
        return f"{sign}{minutes // 60:02}{colon}{minutes % 60:02}"

    return write


def _zone_name(count: int) -> _FieldWriter:
    return lambda m: zone_name(m.zone, m.epoch_s, full=count >= 4)


def _field(letter: str, count: int) -> _FieldWriter:
    if letter in _NUMBERS:
        return _number(letter, count)
    if letter in _YEARS:
        return _year(letter, count)
    if letter == "M":
        return _month(count)
    if letter == "E":
        return _weekday(count)
    if letter == "S":
        return _fraction(count)
    if letter == "G":
        return lambda m: ERAS[m.year > 0]
    if letter == "a":
        return lambda m: HALVES[m.hour >= 12]
    if letter == "z":
        return _zone_name(count)
    if letter == "Z":
        return _offset(count)
    raise PatternError(f"{letter!r} is not a letter of Joda-Time's date patterns")


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _literal_end(pattern: str, start: int) -> tuple[str, int]:
    """Return the literal text that starts somewhere, without quotes, and where it ends."""
    text: list[str] = []
    quoted = False
    at = start
    while at < len(pattern):
        character = pattern[at]
        if character == "'":
            if pattern.startswith("''", at):
                text.append("'")
                at += 1
            else:
                quoted = not quoted
        elif not quoted and _is_letter(character):
            break
        else:
            text.append(character)
        at += 1
    return "".join(text), at


def _constant(text: str) -> _FieldWriter:
    return lambda m: text


@lru_cache(maxsize=128)
def compile_writer(pattern: str) -> Writer:
    """Compile a pattern such as `yyyy-MM-dd'T'HH:mm:ss.SSSZZ`.

    Raises:
        PatternError: It has a letter that means nothing, no field at all, or over 1,000 characters.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"a date pattern has at most {MAX_PATTERN_CHARACTERS} characters")
    writers: list[_FieldWriter] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if _is_letter(letter):
            end = at
            while end < len(pattern) and pattern[end] == letter:
                end += 1
            writers.append(_field(letter, end - at))
        else:
            text, end = _literal_end(pattern, at)
            if text:
                writers.append(_constant(text))
        at = end
    if not writers:
        raise PatternError("the date pattern is empty")
    return Writer(tuple(writers))
