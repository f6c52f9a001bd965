"""From the fields that a text gave to one instant.

Owns which fields make a date and a time, their ranges, and that fields which say the same thing
twice must agree.

Source: java.time.chrono.IsoChronology.resolveDate, java.time.format.ResolverStyle.SMART and
java.time.temporal.WeekFields for the United States.
"""

from __future__ import annotations

from typing import Final

from rules.dates.civil import (
    US_WEEKS,
    date_of_days,
    day_of_year,
    days_of_date,
    is_leap,
    month_length,
    weekday,
)
from rules.dates.errors import EPOCH_MS_LIMIT
from rules.dates.java_elements import Field, Parsed
from rules.dates.zones import UTC

__all__ = ["resolve"]

_YEARS: Final = range(-999_999_999, 1_000_000_000)
_DAY_NANOS: Final = 86_400_000_000_000
_MODIFIED_JULIAN_EPOCH: Final = 40_587  # the modified Julian day of 1970-01-01
_MAX_DAYS: Final = 366 * 999_999_999


def resolve(parsed: Parsed) -> int | None:
    """Return the instant in milliseconds since the epoch, rounded down.

    None if there is no date, if a field is out of range, if fields contradict each other, or if 64
    bits exceed it. Without a time it is the start of the day; without a zone, UTC.
    """
    fields = parsed.fields
    offset_s = fields.pop(Field.OFFSET_S, None)
    days = _date(fields)
    if days is None:
        return None
    nanos = _time(fields)
    if nanos is None or not _agrees(fields, days, nanos % _DAY_NANOS):
        return None
    local_s = days * 86_400 + nanos // 1_000_000_000
    if offset_s is None:
        offset_s = (parsed.zone or UTC).offset_of_local(local_s)
    epoch_ms = (local_s - offset_s) * 1000 + nanos // 1_000_000 % 1000
    return epoch_ms if -EPOCH_MS_LIMIT <= epoch_ms < EPOCH_MS_LIMIT else None


# --- the date ------------------------------------------------------------------------------------


def _date(fields: dict[Field, int]) -> int | None:
    """Return the days since the epoch; takes the fields that made them."""
    if not _resolve_era(fields):
        return None
    days = _date_of_year(fields)
    local_weekday = fields.pop(Field.LOCAL_WEEKDAY, None)
    if local_weekday is not None:
        if not 1 <= local_weekday <= 7:
            return None
        iso = (local_weekday + US_WEEKS.first_weekday - 2) % 7 + 1
        if fields.setdefault(Field.WEEKDAY, iso) != iso:
            return None
    if days is None:
        days = _date_of_week(fields)
    julian = fields.get(Field.MODIFIED_JULIAN_DAY)
    if days is None and julian is not None:
        days = julian - _MODIFIED_JULIAN_EPOCH
        if abs(days) > _MAX_DAYS:
            return None
    return days


def _resolve_era(fields: dict[Field, int]) -> bool:
    """Turn a year of an era into a year; False if they contradict each other."""
    year_of_era = fields.pop(Field.YEAR_OF_ERA, None)
    if year_of_era is None:
        return True
    if not 1 <= year_of_era <= 1_000_000_000:
        return False
    era = fields.pop(Field.ERA, None)
    if era is None:
        era = int(fields.get(Field.YEAR, 1) > 0)
    year = year_of_era if era else 1 - year_of_era
    return fields.setdefault(Field.YEAR, year) == year


# Fields that make no date stay, and contradict what another way of saying the date gives.
def _date_of_year(fields: dict[Field, int]) -> int | None:
    if Field.YEAR not in fields:
        return None
    year = fields[Field.YEAR]
    if Field.MONTH in fields and Field.DAY_OF_MONTH in fields:
        month = fields[Field.MONTH]
        day = fields[Field.DAY_OF_MONTH]
        if year not in _YEARS or not 1 <= month <= 12 or not 1 <= day <= 31:
            return None
        _take(fields, Field.YEAR, Field.MONTH, Field.DAY_OF_MONTH)
        return days_of_date(year, month, min(day, month_length(year, month)))
    if Field.DAY_OF_YEAR in fields:
        day = fields[Field.DAY_OF_YEAR]
        if year not in _YEARS or not 1 <= day <= 365 + is_leap(year):
            return None
        _take(fields, Field.YEAR, Field.DAY_OF_YEAR)
        return days_of_date(year, 1, 1) + day - 1
    return None


def _date_of_week(fields: dict[Field, int]) -> int | None:
    if Field.WEEKDAY not in fields:
        return None
    local_weekday = (fields[Field.WEEKDAY] - US_WEEKS.first_weekday) % 7 + 1
    year = fields.get(Field.YEAR)
    if year is not None:
        month = fields.get(Field.MONTH, 0)
        week = fields.get(Field.WEEK_OF_MONTH)
        if week is None or year not in _YEARS or not 1 <= month <= 12 or not 0 <= week <= 6:
            return None
        first = days_of_date(year, month, 1)
        weeks = week - US_WEEKS.week_of_month(first)
        _take(fields, Field.YEAR, Field.MONTH, Field.WEEK_OF_MONTH, Field.WEEKDAY)
        return first + weeks * 7 + local_weekday - US_WEEKS.local_weekday(first)
    week_year = fields.get(Field.WEEK_YEAR)
    week = fields.get(Field.WEEK_OF_WEEK_YEAR)
    if week_year is None or week is None or week_year not in _YEARS or not 1 <= week <= 53:
        return None
    _take(fields, Field.WEEK_YEAR, Field.WEEK_OF_WEEK_YEAR, Field.WEEKDAY)
    week = min(week, US_WEEKS.weeks_in_year(week_year))
    return US_WEEKS.first_week(week_year) + (week - 1) * 7 + local_weekday - 1


def _take(fields: dict[Field, int], *names: Field) -> None:
    for name in names:
        del fields[name]


# --- the time ------------------------------------------------------------------------------------

_RANGES: Final = {
    Field.HALF_OF_DAY: range(2),
    Field.CLOCK_HOUR_OF_HALF: range(13),  # 0 is 12, as is 0 for 24 below
    Field.HOUR_OF_HALF: range(12),
    Field.CLOCK_HOUR_OF_DAY: range(25),
    Field.MINUTE: range(60),
    Field.SECOND: range(60),
    Field.NANO: range(1_000_000_000),
    Field.MILLI_OF_DAY: range(86_400_000),
    Field.NANO_OF_DAY: range(_DAY_NANOS),
}


def _time(fields: dict[Field, int]) -> int | None:
    """Return the nanoseconds since midnight, 24:00 included; takes the fields that made them.

    None if the fields make no time: out of range, or parts missing.
    """
    for name, allowed in _RANGES.items():
        if name in fields and fields[name] not in allowed:
            return None
    if not _resolve_hours(fields) or not _split_day(fields):
        return None
    parts = (Field.HOUR, Field.MINUTE, Field.SECOND, Field.NANO)
    given = [name in fields for name in parts]
    if not any(given):
        # A half of the day alone is no time; nothing at all is the start of the day.
        unused = fields.keys() & {Field.HALF_OF_DAY, Field.HOUR_OF_HALF}
        return None if unused else 0
    if given != sorted(given, reverse=True):
        return None  # minutes without hours, and the like
    hour, minute, second, nano = (fields.pop(name, 0) for name in parts)
    if not 0 <= hour <= 24 or (hour == 24 and (minute or second or nano)):
        return None
    return ((hour * 60 + minute) * 60 + second) * 1_000_000_000 + nano


def _resolve_hours(fields: dict[Field, int]) -> bool:
    if Field.CLOCK_HOUR_OF_DAY in fields:
        hour = fields.pop(Field.CLOCK_HOUR_OF_DAY) % 24
        if fields.setdefault(Field.HOUR, hour) != hour:
            return False
    if Field.CLOCK_HOUR_OF_HALF in fields:
        hour = fields.pop(Field.CLOCK_HOUR_OF_HALF) % 12
        if fields.setdefault(Field.HOUR_OF_HALF, hour) != hour:
            return False
    if Field.HALF_OF_DAY in fields and Field.HOUR_OF_HALF in fields:
        hour = fields.pop(Field.HALF_OF_DAY) * 12 + fields.pop(Field.HOUR_OF_HALF)
        return fields.setdefault(Field.HOUR, hour) == hour
    return True


def _split_day(fields: dict[Field, int]) -> bool:
    """Split a count since midnight into hours to nanoseconds."""
    nanos = fields.pop(Field.NANO_OF_DAY, None)
    millis = fields.pop(Field.MILLI_OF_DAY, None)
    if nanos is None:
        if millis is None:
            return True
        # Nanoseconds beside it may say more exactly what its milliseconds say.
        nanos = millis * 1_000_000 + fields.get(Field.NANO, 0) % 1_000_000
    elif millis is not None and nanos // 1_000_000 != millis:
        return False
    seconds, nano = divmod(nanos, 1_000_000_000)
    split = (
        (Field.HOUR, seconds // 3600),
        (Field.MINUTE, seconds // 60 % 60),
        (Field.SECOND, seconds % 60),
        (Field.NANO, nano),
    )
    return all(fields.setdefault(name, value) == value for name, value in split)


# --- what is said twice --------------------------------------------------------------------------


def _agrees(fields: dict[Field, int], days: int, nanos: int) -> bool:
    """Whether the fields that made neither date nor time say the same as these."""
    if not fields:
        return True
    year, month, day = date_of_days(days)
    week_year, week = US_WEEKS.week_of_year(days)
    hour = nanos // 3_600_000_000_000
    facts = {
        Field.ERA: int(year > 0),
        Field.YEAR: year,
        Field.QUARTER: (month + 2) // 3,
        Field.MONTH: month,
        Field.DAY_OF_YEAR: day_of_year(days, year),
        Field.DAY_OF_MONTH: day,
        Field.ALIGNED_WEEKDAY: (day - 1) % 7 + 1,
        Field.WEEKDAY: weekday(days),
        Field.WEEK_OF_MONTH: US_WEEKS.week_of_month(days),
        Field.WEEK_OF_WEEK_YEAR: week,
        Field.WEEK_YEAR: week_year,
        Field.MODIFIED_JULIAN_DAY: days + _MODIFIED_JULIAN_EPOCH,
        Field.HALF_OF_DAY: hour // 12,
        Field.HOUR_OF_HALF: hour % 12,
    }
    return all(facts[name] == value for name, value in fields.items())
