"""Time zones: finding them by name, and their offsets from UTC at any time.

Owns what a zone is. The rules come from the system's tz database, or the `tzdata` package where it
has none. Only names of the package's list are looked up, so no text of a payload opens a file.

Source: the IANA time zone database; org.joda.time.DateTimeZone.forID for the forms of names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC as _DATETIME_UTC
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, final

from rules.dates.civil import CYCLE_DAYS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["UTC", "Zone", "find_zone", "fixed_zone", "offset_text", "region", "region_names"]

_CYCLE_S: Final = CYCLE_DAYS * 86_400
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time, seconds are counted from it
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=_DATETIME_UTC)

# Where `datetime` is asked itself. Before it, every zone has its first offset; after it, rules
# repeat with the calendar, every 400 years.
_FIRST_S: Final = -59_000_000_000  # in the year 100
_LAST_S: Final = 250_000_000_000  # in the year 9892
_REPEATS_FROM_S: Final = 20_000_000_000  # in the year 2603: later than any exception in the data

_OFFSET: Final = re.compile(
    r"(?:UTC|UT|GMT)?([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9])(?::?([0-5][0-9]))?)?"
)


def _representable(seconds: int) -> int:
    if seconds < _FIRST_S:
        return _FIRST_S
    if seconds > _LAST_S:
        return _REPEATS_FROM_S + (seconds - _REPEATS_FROM_S) % _CYCLE_S
    return seconds


@final
@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone.

    Attributes:
        name: `Europe/Berlin`, `UTC`, or `+01:00` for a fixed offset.
        offset_s: The fixed offset from UTC in seconds, east positive; unused where there are rules.
        rules: The zone's rules; None for a fixed offset.
    """

    name: str
    offset_s: int = 0
    rules: ZoneInfo | None = None

    def offset_at(self, epoch_s: int) -> int:
        """Return the offset from UTC, in seconds, at an instant in seconds since the epoch."""
        if self.rules is None:
            return self.offset_s
        instant = _EPOCH_UTC + timedelta(seconds=_representable(epoch_s))
        return _seconds(instant.astimezone(self.rules))

    def offset_of_local(self, local_s: int) -> int:
        """Return the offset, in seconds, where clocks show a time.

        A time that clocks skip has the offset before the gap, and so means the time later by the
        length of the gap. A time that they show twice has the earlier offset.

        Args:
            local_s: The local time, as seconds since a local 1970-01-01 00:00.
        """
        if self.rules is None:
            return self.offset_s
        local = _EPOCH + timedelta(seconds=_representable(local_s))
        return _seconds(local.replace(tzinfo=self.rules))

    def abbreviation_at(self, epoch_s: int) -> str:
        """Return the tz database's abbreviation; empty for a fixed offset and local mean time."""
        if self.rules is None:
            return "UTC" if self.name == "UTC" else ""
        instant = _EPOCH_UTC + timedelta(seconds=_representable(epoch_s))
        text = instant.astimezone(self.rules).tzname() or ""
        return text if text.isalpha() and text != "LMT" else ""


def _seconds(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else offset.days * 86_400 + offset.seconds


UTC: Final = Zone("UTC")


def offset_text(offset_s: int) -> str:
    """Return an offset in seconds as `+01:00`, with seconds only where there are some."""
    minutes, seconds = divmod(abs(offset_s), 60)
    text = f"{'-' if offset_s < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def fixed_zone(offset_s: int) -> Zone:
    """Return the zone of a fixed offset in seconds; UTC for 0."""
    return Zone(offset_text(offset_s), offset_s) if offset_s else UTC


@lru_cache(maxsize=1)
def region_names() -> frozenset[str]:
    """Return the names of all regions."""
    from importlib.resources import files  # it loads much, for statements with regions only

    names = files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return frozenset(names) - {"Factory"}


@lru_cache(maxsize=640)  # all there are
def _load(name: str) -> Zone | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # likewise

    try:
        return Zone(name, rules=ZoneInfo(name))
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None


def region(name: str) -> Zone | None:
    """Return a region of the tz database, such as `Europe/Berlin`; None for any other text."""
    return _load(name) if name in region_names() else None


def find_zone(name: str) -> Zone | None:
    """Return the zone that a name means to Joda-Time; None if it means none.

    These are regions, in exact case; `UTC`; and offsets: `+01:00`, `+0100`, `+01`, `UTC+01:00`.
    """
    if name == "UTC":
        return UTC
    match = _OFFSET.fullmatch(name)
    if match is None:
        return region(name)
    sign, hours, minutes, seconds = match.groups(default="0")
    offset_s = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return fixed_zone(-offset_s if sign == "-" else offset_s)
