"""The English names of months, weekdays, eras and halves of the day.

Source: Unicode CLDR, locale en-US, Gregorian calendar, as the JDK and Joda-Time give them.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ERAS", "ERAS_FULL", "HALVES", "MONTHS", "QUARTERS", "WEEKDAYS", "short"]

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
QUARTERS: Final = ("1st quarter", "2nd quarter", "3rd quarter", "4th quarter")
ERAS: Final = ("BC", "AD")
ERAS_FULL: Final = ("Before Christ", "Anno Domini")
HALVES: Final = ("AM", "PM")


def short(name: str) -> str:
    """Return the short form of a month or weekday: its first three letters."""
    return name[:3]
