"""The elements of java.time's patterns that read offsets and zones.

Source: java.time.format.DateTimeFormatterBuilder, strict parsing; java.time.ZoneId.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, final

from rules.dates.java_elements import FAILED, Field, Parsed
from rules.dates.zones import UTC, Zone, fixed_zone, region, region_names

__all__ = ["LocalizedOffset", "Offset", "ZoneText"]

_MAX_OFFSET_S: Final = 18 * 3600

# By the letters of java.time: hours always, capital parts too, small parts if they are there.
_OFFSET_FORMS: Final = {
    "+HHmm": re.compile(r"([+-])([0-9]{2})(?:([0-5][0-9]))?"),
    "+HHMM": re.compile(r"([+-])([0-9]{2})([0-5][0-9])"),
    "+HH:MM": re.compile(r"([+-])([0-9]{2}):([0-5][0-9])"),
    "+HHMMss": re.compile(r"([+-])([0-9]{2})([0-5][0-9])(?:([0-5][0-9]))?"),
    "+HH:MM:ss": re.compile(r"([+-])([0-9]{2}):([0-5][0-9])(?::([0-5][0-9]))?"),
}
_LOCALIZED_FULL: Final = re.compile(r"([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_LOCALIZED_SHORT: Final = re.compile(r"([+-])([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2}))?)?")

_LONGEST_REGION: Final = 40
_NOT_IN_A_REGION: Final = re.compile(r"[^A-Za-z0-9_/+\-]")

# Regions of the tz database that java.time does not know: it takes them for abbreviations.
_NO_REGIONS: Final = frozenset(("EST", "HST", "MST", "ROC"))


def _offset_s(match: re.Match[str]) -> int | None:
    """Return an offset in seconds; None if it is over 18 hours."""
    sign, hours, minutes, *seconds = match.groups(default="0")
    offset_s = int(hours) * 3600 + int(minutes) * 60 + (int(seconds[0]) if seconds else 0)
    if offset_s > _MAX_OFFSET_S:
        return None
    return -offset_s if sign == "-" else offset_s


@final
class Offset:
    """An offset such as `+0100`; `zero` is how no offset is written."""

    __slots__ = ("_form", "_zero")

    def __init__(self, form: str, zero: str) -> None:
        self._form = _OFFSET_FORMS[form]
        self._zero = zero

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        offset_s: int | None = 0
        end = at + len(self._zero)
        if not text.startswith(self._zero, at):
            match = self._form.match(text, at)
            if match is None:
                return FAILED
            offset_s = _offset_s(match)
            end = match.end()
        if offset_s is None or not parsed.set(Field.OFFSET_S, offset_s):
            return FAILED
        return end


@final
class LocalizedOffset:
    """An offset such as `GMT+8`, or `GMT+08:00` in full."""

    __slots__ = ("_form",)

    def __init__(self, *, full: bool) -> None:
        self._form = _LOCALIZED_FULL if full else _LOCALIZED_SHORT

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        if not text.startswith("GMT", at):
            return FAILED
        at += len("GMT")
        if text[at : at + 1] not in ("+", "-"):
            return at if parsed.set(Field.OFFSET_S, 0) else FAILED
        match = self._form.match(text, at)
        if match is None:
            return FAILED
        offset_s = _offset_s(match)
        if offset_s is None or not parsed.set(Field.OFFSET_S, offset_s):
            return FAILED
        return match.end()


@final
class ZoneText:
    """A zone: its id (`Europe/Berlin`, `UTC+01:00`, `+01:00`, `Z`) or one of some names."""

    __slots__ = ("_names",)

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        region_names()  # read now, not with the first message
        names = names or {}
        self._names = tuple(sorted(names.items(), key=lambda each: -len(each[0])))

    def read(self, text: str, at: int, parsed: Parsed) -> int:
        """See `Element`."""
        zone, end = self._find(text, at)
        if zone is None:
            return FAILED
        parsed.zone = zone
        return end

    def _find(self, text: str, at: int) -> tuple[Zone | None, int]:
        if text.startswith(("+", "-"), at):
            return _offset_zone(text, at)
        for prefix in ("UTC", "GMT", "UT"):
            is_region = prefix == "GMT" and text.startswith("GMT0", at)
            if text.startswith(prefix, at) and not is_region:
                end = at + len(prefix)
                zone, offset_end = _offset_zone(text, end)
                return (UTC, end) if zone is None else (zone, offset_end)
        zone, end = _longest_region(text, at)
        for name, key in self._names:
            if len(name) <= end - at:
                break
            if text.startswith(name, at):
                return region(key), at + len(name)
        if zone is None and text.startswith("Z", at):
            return UTC, at + 1
        return zone, end


def _offset_zone(text: str, at: int) -> tuple[Zone | None, int]:
    match = _OFFSET_FORMS["+HH:MM:ss"].match(text, at)
    offset_s = None if match is None else _offset_s(match)
    if match is None or offset_s is None:
        return None, at
    return fixed_zone(offset_s), match.end()


def _longest_region(text: str, at: int) -> tuple[Zone | None, int]:
    """Return the longest name of a region that stands at a position, and where it ends."""
    candidate = text[at : at + _LONGEST_REGION]
    outside = _NOT_IN_A_REGION.search(candidate)
    if outside is not None:
        candidate = candidate[: outside.start()]
    names = region_names()
    for length in range(len(candidate), 0, -1):
        name = candidate[:length]
        if name in names and name not in _NO_REGIONS:
            return region(name), at + length
    return None, at
