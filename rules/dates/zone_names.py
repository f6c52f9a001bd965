"""The names people give to time zones: `CST`, `Pacific Standard Time`.

Owns both directions. Names are printed for a zone at an instant. Read, a name stands for a zone,
not for an offset: `PST` in July is summer time in Los Angeles, as in java.time.

Source: abbreviations of the IANA time zone database, long names of Unicode CLDR, locale en-US.
"""

from __future__ import annotations

from typing import Final

from rules.dates.zones import Zone, offset_text

__all__ = ["LONG_NAMES", "SHORT_NAMES", "zone_name"]

# Abbreviation, the zone or area it is meant for ("" for everywhere else), its long name, and the
# zone it means when read. Of ambiguous ones, the first is the one that is read.
_BY_ABBREVIATION: Final = (
    ("UTC", "", "Coordinated Universal Time", "UTC"),
    ("GMT", "", "Greenwich Mean Time", "GMT"),
    ("EST", "", "Eastern Standard Time", "America/New_York"),
    ("EDT", "", "Eastern Daylight Time", "America/New_York"),
    ("CST", "", "Central Standard Time", "America/Chicago"),
    ("CDT", "", "Central Daylight Time", "America/Chicago"),
    ("CST", "America/Havana", "Cuba Standard Time", "America/Havana"),
    ("CDT", "America/Havana", "Cuba Daylight Time", "America/Havana"),
    ("CST", "Cuba", "Cuba Standard Time", "America/Havana"),
    ("CDT", "Cuba", "Cuba Daylight Time", "America/Havana"),
    ("CST", "Asia", "China Standard Time", "Asia/Shanghai"),
    ("CST", "PRC", "China Standard Time", "Asia/Shanghai"),
    ("CST", "Asia/Taipei", "Taipei Standard Time", "Asia/Taipei"),
    ("CST", "ROC", "Taipei Standard Time", "Asia/Taipei"),
    ("MST", "", "Mountain Standard Time", "America/Denver"),
    ("MDT", "", "Mountain Daylight Time", "America/Denver"),
    ("PST", "", "Pacific Standard Time", "America/Los_Angeles"),
    ("PDT", "", "Pacific Daylight Time", "America/Los_Angeles"),
    ("PST", "Asia", "Philippine Standard Time", "Asia/Manila"),
    ("AKST", "", "Alaska Standard Time", "America/Anchorage"),
    ("AKDT", "", "Alaska Daylight Time", "America/Anchorage"),
    ("HST", "", "Hawaii-Aleutian Standard Time", "Pacific/Honolulu"),
    ("HDT", "", "Hawaii-Aleutian Daylight Time", "America/Adak"),
    ("AST", "", "Atlantic Standard Time", "America/Halifax"),
    ("ADT", "", "Atlantic Daylight Time", "America/Halifax"),
    ("NST", "", "Newfoundland Standard Time", "America/St_Johns"),
    ("NDT", "", "Newfoundland Daylight Time", "America/St_Johns"),
    ("SST", "", "Samoa Standard Time", "Pacific/Pago_Pago"),
    ("ChST", "", "Chamorro Standard Time", "Pacific/Guam"),
    ("BST", "", "British Summer Time", "Europe/London"),
    ("WET", "", "Western European Standard Time", "Europe/Lisbon"),
    ("WEST", "", "Western European Summer Time", "Europe/Lisbon"),
    ("CET", "", "Central European Standard Time", "Europe/Paris"),
    ("CEST", "", "Central European Summer Time", "Europe/Paris"),
    ("MET", "", "Middle Europe Time", "MET"),
    ("MEST", "", "Middle Europe Summer Time", "MET"),
    ("EET", "", "Eastern European Standard Time", "Europe/Bucharest"),
    ("EEST", "", "Eastern European Summer Time", "Europe/Bucharest"),
    ("MSK", "", "Moscow Standard Time", "Europe/Moscow"),
    ("SAST", "", "South Africa Standard Time", "Africa/Johannesburg"),
    ("EAT", "", "East Africa Time", "Africa/Nairobi"),
    ("CAT", "", "Central Africa Time", "Africa/Maputo"),
    ("WAT", "", "West Africa Standard Time", "Africa/Lagos"),
    ("IST", "", "India Standard Time", "Asia/Kolkata"),
    ("IST", "Asia/Jerusalem", "Israel Standard Time", "Asia/Jerusalem"),
    ("IST", "Asia/Tel_Aviv", "Israel Standard Time", "Asia/Jerusalem"),
    ("IST", "Israel", "Israel Standard Time", "Asia/Jerusalem"),
    ("IDT", "", "Israel Daylight Time", "Asia/Jerusalem"),
    ("IST", "Europe", "Irish Standard Time", "Europe/Dublin"),
    ("IST", "Eire", "Irish Standard Time", "Europe/Dublin"),
    ("PKT", "", "Pakistan Standard Time", "Asia/Karachi"),
    ("WIB", "", "Western Indonesia Time", "Asia/Jakarta"),
    ("WITA", "", "Central Indonesia Time", "Asia/Makassar"),
    ("WIT", "", "Eastern Indonesia Time", "Asia/Jayapura"),
    ("HKT", "", "Hong Kong Standard Time", "Asia/Hong_Kong"),
    ("JST", "", "Japan Standard Time", "Asia/Tokyo"),
    ("KST", "", "Korean Standard Time", "Asia/Seoul"),
    ("AWST", "", "Australian Western Standard Time", "Australia/Perth"),
    ("ACST", "", "Australian Central Standard Time", "Australia/Adelaide"),
    ("ACDT", "", "Australian Central Daylight Time", "Australia/Adelaide"),
    ("AEST", "", "Australian Eastern Standard Time", "Australia/Sydney"),
    ("AEDT", "", "Australian Eastern Daylight Time", "Australia/Sydney"),
    ("NZST", "", "New Zealand Standard Time", "Pacific/Auckland"),
    ("NZDT", "", "New Zealand Daylight Time", "Pacific/Auckland"),
)

# Zones that the tz database abbreviates by a number, though people do not: zone, offset in minutes,
# short and long name.
_BY_ZONE: Final = (
    ("America/Argentina/Buenos_Aires", -180, "ART", "Argentina Standard Time"),
    ("America/Asuncion", -240, "PYT", "Paraguay Standard Time"),
    ("America/Bogota", -300, "COT", "Colombia Standard Time"),
    ("America/Caracas", -240, "VET", "Venezuela Time"),
    ("America/Guayaquil", -300, "ECT", "Ecuador Time"),
    ("America/La_Paz", -240, "BOT", "Bolivia Time"),
    ("America/Lima", -300, "PET", "Peru Standard Time"),
    ("America/Manaus", -240, "AMT", "Amazon Standard Time"),
    ("America/Montevideo", -180, "UYT", "Uruguay Standard Time"),
    ("America/Santiago", -240, "CLT", "Chile Standard Time"),
    ("America/Santiago", -180, "CLST", "Chile Summer Time"),
    ("America/Sao_Paulo", -180, "BRT", "Brasilia Standard Time"),
    ("America/Sao_Paulo", -120, "BRST", "Brasilia Summer Time"),
    ("Asia/Bangkok", 420, "ICT", "Indochina Time"),
    ("Asia/Dhaka", 360, "BDT", "Bangladesh Standard Time"),
    ("Asia/Dubai", 240, "GST", "Gulf Standard Time"),
    ("Asia/Ho_Chi_Minh", 420, "ICT", "Indochina Time"),
    ("Asia/Kabul", 270, "AFT", "Afghanistan Time"),
    ("Asia/Kathmandu", 345, "NPT", "Nepal Time"),
    ("Asia/Kuala_Lumpur", 480, "MYT", "Malaysia Time"),
    ("Asia/Riyadh", 180, "AST", "Arabian Standard Time"),
    ("Asia/Singapore", 480, "SGT", "Singapore Standard Time"),
    ("Asia/Tashkent", 300, "UZT", "Uzbekistan Standard Time"),
    ("Asia/Tehran", 210, "IRST", "Iran Standard Time"),
    ("Asia/Yangon", 390, "MMT", "Myanmar Time"),
    ("Europe/Istanbul", 180, "TRT", "Turkey Time"),
    ("Pacific/Fiji", 720, "FJT", "Fiji Standard Time"),
)

# Names of a zone the year round. They are read, never written.
_GENERIC: Final = (
    ("ET", "Eastern Time", "America/New_York"),
    ("CT", "Central Time", "America/Chicago"),
    ("MT", "Mountain Time", "America/Denver"),
    ("PT", "Pacific Time", "America/Los_Angeles"),
    ("AKT", "Alaska Time", "America/Anchorage"),
    ("AT", "Atlantic Time", "America/Halifax"),
    ("NT", "Newfoundland Time", "America/St_Johns"),
    ("BT", "British Time", "Europe/London"),
    ("WET", "Western European Time", "Europe/Lisbon"),
    ("CET", "Central European Time", "Europe/Paris"),
    ("EET", "Eastern European Time", "Europe/Bucharest"),
    ("AET", "Eastern Australia Time", "Australia/Sydney"),
)

_LONG: Final = {(row[0], row[1]): row[2] for row in _BY_ABBREVIATION}
_NUMBERED: Final = {(row[0], row[1] * 60): (row[2], row[3]) for row in _BY_ZONE}


def zone_name(zone: Zone, epoch_s: int, *, full: bool) -> str:
    """Return what a zone is called at an instant (seconds): `CST` or `Central Standard Time`.

    Where it has no name, its offset: `+01:00`.
    """
    offset_s = zone.offset_at(epoch_s)
    abbreviation = zone.abbreviation_at(epoch_s)
    if not abbreviation:
        names = _NUMBERED.get((zone.name, offset_s))
        return offset_text(offset_s) if names is None else names[full]
    if not full:
        return abbreviation
    area = zone.name.partition("/")[0]
    for where in (zone.name, area, ""):
        name = _LONG.get((abbreviation, where))
        if name is not None:
            return name
    return offset_text(offset_s)


def _zones_by_name(*names: tuple[str, str]) -> dict[str, str]:
    zones: dict[str, str] = {}
    for name, zone in names:
        zones.setdefault(name, zone)
    return zones


SHORT_NAMES: Final = _zones_by_name(
    *((short, zone) for short, _, _, zone in _BY_ABBREVIATION),
    *((short, zone) for zone, _, short, _ in _BY_ZONE),
    *((short, zone) for short, _, zone in _GENERIC),
)
"""The zone that a short name means."""

LONG_NAMES: Final = _zones_by_name(
    *((long, zone) for _, _, long, zone in _BY_ABBREVIATION),
    *((long, zone) for zone, _, _, long in _BY_ZONE),
    *((long, zone) for _, long, zone in _GENERIC),
)
"""The zone that a long name means."""
