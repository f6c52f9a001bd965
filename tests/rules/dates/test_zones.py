"""Zones: the forms of names, gaps and overlaps, far years, and names nobody may open files with."""

from __future__ import annotations

import pytest

from rules.dates.civil import days_of_date
from rules.dates.zone_names import LONG_NAMES, SHORT_NAMES, zone_name
from rules.dates.zones import UTC, find_zone, offset_text, region, region_names


@pytest.mark.parametrize(
    ("name", "found", "offset_s"),
    [
        ("UTC", "UTC", 0), ("GMT", "GMT", 0), ("Etc/UTC", "Etc/UTC", 0), ("EST", "EST", -18000),
        ("Asia/Tokyo", "Asia/Tokyo", 32400), ("Etc/GMT+5", "Etc/GMT+5", -18000),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires", -10800),
        ("+01:00", "+01:00", 3600), ("+0100", "+01:00", 3600), ("+01", "+01:00", 3600),
        ("-05:30", "-05:30", -19800), ("-00:30", "-00:30", -1800), ("+01:02:03", "+01:02:03", 3723),
        ("+00:00", "UTC", 0), ("-00:00", "UTC", 0), ("-23:59", "-23:59", -86340),
        ("UTC+01:00", "+01:00", 3600), ("GMT-8:00", None, 0), ("GMT-08:00", "-08:00", -28800),
        ("UT+01", "+01:00", 3600),
    ],
)  # fmt: skip
def test_names_of_zones(name: str, found: str | None, offset_s: int) -> None:
    zone = find_zone(name)
    assert (zone and zone.name) == found
    if zone is not None:
        assert zone.offset_at(0) in (offset_s, offset_s + 3600 if "/" in name else offset_s)


@pytest.mark.parametrize(
    "name",
    [
        "", " UTC", "utc", "Z", "europe/berlin", "Europe", "Europe/", "Europe/Nowhere", "+1:00",
        "+24:00", "+01:60", "1", "+", "+01:00 ", "../UTC", "/etc/passwd", "Europe/../UTC",
        "zone.tab",
        "posixrules", "localtime", "Factory", "right/UTC", "posix/UTC", "PST", "\0", "UTC\0", "ü",
        "x" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_zone(name: str) -> None:
    assert find_zone(name) is None
    assert region(name) is None


def test_every_name_is_a_zone() -> None:
    assert len(region_names()) > 500
    for name in region_names():
        zone = region(name)
        assert zone is not None
        assert abs(zone.offset_at(1_700_000_000)) <= 14 * 3600


def test_every_named_zone_exists() -> None:
    for name, key in (SHORT_NAMES | LONG_NAMES).items():
        assert name
        assert key in region_names()


def local_s(*date: int, hour: int = 0, minute: int = 0) -> int:
    year, month, day = date
    return days_of_date(year, month, day) * 86_400 + hour * 3600 + minute * 60


@pytest.mark.parametrize(
    ("zone", "local", "offset_s"),
    [
        ("Europe/Berlin", local_s(2021, 3, 28, hour=1, minute=59), 3600),
        ("Europe/Berlin", local_s(2021, 3, 28, hour=2, minute=30), 3600),  # skipped
        ("Europe/Berlin", local_s(2021, 3, 28, hour=3), 7200),
        ("Europe/Berlin", local_s(2021, 10, 31, hour=1, minute=59), 7200),
        ("Europe/Berlin", local_s(2021, 10, 31, hour=2, minute=30), 7200),  # twice
        ("Europe/Berlin", local_s(2021, 10, 31, hour=3), 3600),
        ("Australia/Lord_Howe", local_s(2021, 10, 3, hour=2, minute=15), 37800),  # skipped, 30 min
        ("Asia/Kathmandu", local_s(2024, 6, 1), 20700),
    ],
)
def test_offsets_of_local_times(zone: str, local: int, offset_s: int) -> None:
    found = find_zone(zone)
    assert found is not None
    assert found.offset_of_local(local) == offset_s


@pytest.mark.parametrize("year", [2200, 9999, 10_000, 12_024, 292_278_000])
def test_summer_time_goes_on_in_every_later_year(year: int) -> None:
    berlin = find_zone("Europe/Berlin")
    assert berlin is not None
    assert berlin.offset_at(local_s(year, 1, 15)) == 3600
    assert berlin.offset_at(local_s(year, 7, 15)) == 7200
    assert berlin.offset_of_local(local_s(year, 7, 15)) == 7200


@pytest.mark.parametrize("year", [1500, 1, 0, -1, -292_275_000])
def test_early_years_have_local_mean_time(year: int) -> None:
    york = find_zone("America/New_York")
    assert york is not None
    assert york.offset_at(local_s(year, 7, 15)) == -17762
    assert zone_name(york, local_s(year, 7, 15), full=False) == "-04:56:02"


JANUARY = local_s(2024, 1, 15)
JULY = local_s(2024, 7, 15)


@pytest.mark.parametrize(
    ("zone", "epoch_s", "short", "full"),
    [
        ("UTC", 0, "UTC", "Coordinated Universal Time"),
        ("Etc/UTC", 0, "UTC", "Coordinated Universal Time"),
        ("GMT", 0, "GMT", "Greenwich Mean Time"),
        ("America/Belize", 0, "CST", "Central Standard Time"),
        ("America/Los_Angeles", JANUARY, "PST", "Pacific Standard Time"),
        ("America/Los_Angeles", JULY, "PDT", "Pacific Daylight Time"),
        ("US/Pacific", JULY, "PDT", "Pacific Daylight Time"),
        ("Asia/Manila", JULY, "PST", "Philippine Standard Time"),
        ("Asia/Shanghai", JULY, "CST", "China Standard Time"),
        ("Asia/Taipei", JULY, "CST", "Taipei Standard Time"),
        ("America/Havana", JANUARY, "CST", "Cuba Standard Time"),
        ("Asia/Kolkata", JULY, "IST", "India Standard Time"),
        ("Asia/Jerusalem", JANUARY, "IST", "Israel Standard Time"),
        ("Europe/Dublin", JULY, "IST", "Irish Standard Time"),
        ("Europe/London", JULY, "BST", "British Summer Time"),
        ("Europe/Berlin", JANUARY, "CET", "Central European Standard Time"),
        ("Europe/Berlin", JULY, "CEST", "Central European Summer Time"),
        ("Asia/Singapore", JULY, "SGT", "Singapore Standard Time"),
        ("America/Sao_Paulo", JANUARY, "BRT", "Brasilia Standard Time"),
        ("America/Sao_Paulo", local_s(2018, 1, 15), "BRST", "Brasilia Summer Time"),
        ("Etc/GMT+5", 0, "-05:00", "-05:00"),
        ("+05:30", 0, "+05:30", "+05:30"),
        ("Asia/Urumqi", JULY, "+06:00", "+06:00"),
    ],
)
def test_names_for_people(zone: str, epoch_s: int, short: str, full: str) -> None:
    found = find_zone(zone)
    assert found is not None
    assert zone_name(found, epoch_s, full=False) == short
    assert zone_name(found, epoch_s, full=True) == full


@pytest.mark.parametrize(
    ("offset_s", "text"),
    [(0, "+00:00"), (3600, "+01:00"), (-1800, "-00:30"), (-17762, "-04:56:02"), (64800, "+18:00")],
)
def test_offsets_as_text(offset_s: int, text: str) -> None:
    assert offset_text(offset_s) == text


def test_utc_needs_no_rules() -> None:
    assert UTC.rules is None
    assert UTC.offset_of_local(10**30) == 0
