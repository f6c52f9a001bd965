"""Every letter of the patterns of Joda-Time, each count that differs, quotes and bad patterns."""

from __future__ import annotations

import pytest

from rules.dates import PatternError, compile_writer, find_zone

MOMENT = 1_700_000_000_123  # Tuesday 2023-11-14 22:13:20.123 UTC
BC = -62_198_755_200_000  # in the year -1, 2 BC
FAR_BC = -99_198_755_200_000  # in the year -1174


def write(pattern: str, epoch_ms: int = MOMENT, zone: str = "UTC") -> str | None:
    found = find_zone(zone)
    assert found is not None
    return compile_writer(pattern).write(epoch_ms, found)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("G", "AD"), ("GGGG", "AD"),
        ("C", "20"), ("CCC", "020"), ("Y", "2023"), ("YY", "23"), ("YYYY", "2023"),
        ("YYYYYY", "002023"), ("y", "2023"), ("yy", "23"), ("yyy", "2023"), ("yyyyy", "02023"),
        ("x", "2023"), ("xx", "23"), ("xxxx", "2023"), ("w", "46"), ("www", "046"), ("e", "2"),
        ("ee", "02"), ("E", "Tue"), ("EE", "Tue"), ("EEE", "Tue"), ("EEEE", "Tuesday"),
        ("EEEEE", "Tuesday"), ("D", "318"), ("DDDD", "0318"), ("M", "11"), ("MMM", "Nov"),
        ("MMMM", "November"), ("MMMMMM", "November"), ("d", "14"), ("ddd", "014"), ("a", "PM"),
        ("aaaa", "PM"), ("K", "10"), ("h", "10"), ("hhh", "010"), ("H", "22"), ("k", "22"),
        ("m", "13"), ("mmm", "013"), ("s", "20"), ("sss", "020"),
        ("S", "1"), ("SS", "12"), ("SSS", "123"), ("SSSS", "1230"), ("SSSSSSSSS", "123000000"),
        ("S" * 20, "123" + "0" * 12),
        ("z", "UTC"), ("zzz", "UTC"), ("zzzz", "Coordinated Universal Time"),
        ("Z", "+0000"), ("ZZ", "+00:00"), ("ZZZ", "UTC"), ("ZZZZZ", "UTC"),
        ("'at' H", "at 22"), ("''", "'"), ("''''", "''"), ("H'o''clock'", "22o'clock"),
        ("H''m", "22'13"), ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2023-11-14T22:13:20.123Z"),
        ("H:{}[]#é!", "22:{}[]#é!"), ("'unclosed yyyy", "unclosed yyyy"), ("H'", "22"),
        ("yyyyMMddHHmmss", "20231114221320"),
    ],
)  # fmt: skip
def test_letters(pattern: str, text: str) -> None:
    assert write(pattern) == text


@pytest.mark.parametrize(
    ("pattern", "epoch_ms", "text"),
    [
        ("K k h H a", 0, "0 24 12 0 AM"), ("K k h H a", 43_200_000, "0 12 12 12 PM"),
        ("S SS SSS SSSSS", 1, "0 00 001 00100"), ("S" * 20, 0, "0" * 20),
        ("HH:mm:ss.SSS", -1, "23:59:59.999"),
        ("d M D w e", -1, "31 12 365 1 3"), ("xxxx-'W'ww-e", 1_609_459_200_000, "2020-W53-5"),
        ("M MM", 0, "1 01"),
        ("y yy yyyy Y YY YYYY G C x xx", BC, "-1 01 -0001 2 01 0002 BC 0 -2 02"),
        ("y yy Y C x G", FAR_BC, "-1174 74 1175 11 -1174 BC"),
        ("y Y G", -62_135_596_800_001, "0 1 BC"), ("y Y G", -62_135_596_800_000, "1 1 AD"),
        ("yyyy-MM-dd", 253_402_300_800_000, "10000-01-01"),
        ("y-MM-dd HH:mm:ss.SSS", 2**63 - 1, "292278994-08-17 07:12:55.807"),
        ("y-MM-dd HH:mm:ss.SSS", -(2**63), "-292275055-05-16 16:47:04.192"),
        ("y", 2**63, None), ("y", -(2**63) - 1, None), ("y", 10**34 - 1, None),
    ],
)  # fmt: skip
def test_times(pattern: str, epoch_ms: int, text: str | None) -> None:
    assert write(pattern, epoch_ms) == text


@pytest.mark.parametrize(
    ("zone", "epoch_ms", "text"),
    [
        ("Asia/Tokyo", MOMENT, "15 07:13 JST +0900 +09:00 Asia/Tokyo Japan Standard Time"),
        ("America/Los_Angeles", MOMENT,
         "14 14:13 PST -0800 -08:00 America/Los_Angeles Pacific Standard Time"),
        ("America/Los_Angeles", 1_720_000_000_000,
         "3 02:46 PDT -0700 -07:00 America/Los_Angeles Pacific Daylight Time"),
        ("Asia/Kathmandu", MOMENT, "15 03:58 NPT +0545 +05:45 Asia/Kathmandu Nepal Time"),
        ("+05:30", MOMENT, "15 03:43 +05:30 +0530 +05:30 +05:30 +05:30"),
        ("-00:30", MOMENT, "14 21:43 -00:30 -0030 -00:30 -00:30 -00:30"),
        ("UTC+01:00", MOMENT, "14 23:13 +01:00 +0100 +01:00 +01:00 +01:00"),
        ("America/New_York", -3_000_000_000_000,
         "7 13:43 -04:56:02 -0456 -04:56 America/New_York -04:56:02"),
    ],
)  # fmt: skip
def test_zones(zone: str, epoch_ms: int, text: str) -> None:
    assert write("d HH:mm z Z ZZ ZZZ zzzz", epoch_ms, zone) == text


@pytest.mark.parametrize(
    "pattern", ["", "'", "b", "yyyy L", "u", "Q", "V", "X", "n", "HH:mm c", "j" * 5, "y" * 1001]
)
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_writer(pattern)


def test_a_pattern_may_have_a_thousand_characters() -> None:
    assert write("d" * 1000) == "14".zfill(1000)
