"""Arithmetic of the proleptic Gregorian calendar, for any year.

Owns days, months and weeks as numbers. Days are counted from 1970-01-01, which is 0; years are
astronomical (0 is 1 BC); weekdays are 1 for Monday to 7 for Sunday. `datetime` ends at the years 1
and 9999, the two pattern languages do not.

Source: ISO 8601; the week rules of java.time.temporal.WeekFields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

__all__ = [
    "CYCLE_DAYS",
    "ISO_WEEKS",
    "US_WEEKS",
    "WeekRule",
    "date_of_days",
    "day_of_year",
    "days_of_date",
    "is_leap",
    "month_length",
    "weekday",
]

CYCLE_DAYS: Final = 146_097
"""Days of 400 years: the calendar repeats, weekdays included."""

_DAYS_FROM_YEAR_ZERO: Final = 719_468  # from 0000-03-01 to 1970-01-01
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    """Whether a year has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    """Return the number of days of a month, 1 to 12."""
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def days_of_date(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date."""
    # Years that begin in March have their leap day last, and all their months in one rhythm.
    shifted = year - (month <= 2)
    cycle, year_of_cycle = divmod(shifted, 400)
    day_of_shifted = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_cycle = year_of_cycle * 365 + year_of_cycle // 4 - year_of_cycle // 100 + day_of_shifted
    return cycle * CYCLE_DAYS + day_of_cycle - _DAYS_FROM_YEAR_ZERO


def date_of_days(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a count of days from 1970-01-01."""
    cycle, day = divmod(days + _DAYS_FROM_YEAR_ZERO, CYCLE_DAYS)
    year = (day - day // 1460 + day // 36_524 - day // (CYCLE_DAYS - 1)) // 365
    day -= year * 365 + year // 4 - year // 100
    shifted_month = (5 * day + 2) // 153
    day -= (153 * shifted_month + 2) // 5
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return cycle * 400 + year + (month <= 2), month, day + 1


def weekday(days: int) -> int:
    """Return 1 for Monday to 7 for Sunday."""
    return (days + 3) % 7 + 1


def day_of_year(days: int, year: int) -> int:
    """Return 1 to 366 for a day of that year."""
    return days - days_of_date(year, 1, 1) + 1


@final
@dataclass(frozen=True, slots=True)
class WeekRule:
    """How weeks are counted.

    Attributes:
        first_weekday: The weekday a week begins with.
        minimal_days: How many of its days a year's (or month's) first week must have in it.
    """

    first_weekday: int
    minimal_days: int

    def local_weekday(self, days: int) -> int:
        """Return 1 for the first day of the week to 7."""
        return (weekday(days) - self.first_weekday) % 7 + 1

    def first_week(self, year: int) -> int:
        """Return the day on which week 1 of a week-based year begins."""
        day = days_of_date(year, 1, self.minimal_days)
        return day - self.local_weekday(day) + 1

    def week_of_year(self, days: int) -> tuple[int, int]:
        """Return the week-based year and the week in it."""
        year = date_of_days(days)[0]
        if days >= self.first_week(year + 1):
            year += 1
        elif days < self.first_week(year):
            year -= 1
        return year, (days - self.first_week(year)) // 7 + 1

    def weeks_in_year(self, year: int) -> int:
        """Return 52 or 53."""
        return (self.first_week(year + 1) - self.first_week(year)) // 7

    def week_of_month(self, days: int) -> int:
        """Return 1 to 6; 0 for days before the month's first week."""
        year, month, _ = date_of_days(days)
        day = days_of_date(year, month, self.minimal_days)
        return (days - (day - self.local_weekday(day) + 1)) // 7 + 1


ISO_WEEKS: Final = WeekRule(first_weekday=1, minimal_days=4)
US_WEEKS: Final = WeekRule(first_weekday=7, minimal_days=1)
