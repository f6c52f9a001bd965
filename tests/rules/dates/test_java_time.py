"""Every letter of java.time's patterns, each count that differs, and how fields become a time.

The expected times are those of the JDK, but for what docs/reference says is ours.
"""

from __future__ import annotations

import time

import pytest

from rules.dates import PatternError, compile_reader

DAY = 1_172_620_800_000  # 2007-02-28 00:00 UTC, a Wednesday
HOUR = 3_600_000
TEN = DAY + 10 * HOUR
JULY = 1_183_457_700_000  # 2007-07-03 10:15 UTC


def read(text: str, pattern: str) -> int | None:
    return compile_reader(pattern).read(text)


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        # Years.
        ("2007-2-28", "y-M-d", DAY), ("07-02-28", "yy-MM-dd", DAY), ("007-02-28", "yyy-MM-dd",
         -61941283200000), ("99-02-28", "yy-MM-dd", 4075920000000),
        ("2007-02-28", "yy-MM-dd", None),
        ("12007-02-28", "yyyy-MM-dd", None), ("+12007-02-28", "yyyy-MM-dd", 316742140800000),
        ("+2007-02-28", "yyyy-MM-dd", None), ("207-02-28", "yyyy-MM-dd", None),
        ("-2007-02-28", "yyyy-MM-dd", None), ("-2007-02-28", "uuuu-MM-dd", -125496950400000),
        ("0000-02-28", "yyyy-MM-dd", None), ("0000-02-28", "uuuu-MM-dd", -62162208000000),
        ("-0000-02-28", "uuuu-MM-dd", None), ("+7-02-28", "u-MM-dd", None),
        ("07-02-28", "uu-MM-dd", DAY), ("999999999-12-31", "u-MM-dd", None),
        ("1000000000-12-31", "u-MM-dd", None), ("99999999999999999999-01-01", "u-MM-dd", None),
        ("9999999999999999999-01-01", "u-MM-dd", None),
        # Eras.
        ("0044-03-15 BC", "yyyy-MM-dd G", -63517824000000),
        ("2007-02-28 AD", "yyyy-MM-dd GGG", DAY),
        ("0044-03-15 Before Christ", "yyyy-MM-dd GGGG", -63517824000000),
        ("2007-02-28 Anno Domini", "yyyy-MM-dd GGGG", DAY),
        ("2007-02-28 A", "yyyy-MM-dd GGGGG", DAY),
        ("0044-03-15 B", "yyyy-MM-dd GGGGG", -63517824000000), ("2007-02-28 AD", "u-MM-dd G", DAY),
        ("2007-02-28 BC", "u-MM-dd G", None), ("2007-02-28 ad", "yyyy-MM-dd G", None),
        ("2007 2007-02-28", "u y-MM-dd", DAY), ("2007 2008-02-28", "u y-MM-dd", None),
        ("-43 44-03-15", "u y-MM-dd", -63517824000000),
        # Months and days.
        ("2007-Feb-28", "yyyy-MMM-dd", DAY), ("2007-February-28", "yyyy-MMMM-dd", DAY),
        ("2007-F-28", "yyyy-MMMMM-dd", DAY), ("2007-Feb-28", "yyyy-LLL-dd", DAY),
        ("2007-February-28", "yyyy-LLLL-dd", DAY), ("2007-2-28", "yyyy-L-dd", DAY),
        ("2007-02-28", "yyyy-LL-dd", DAY), ("2007-feb-28", "yyyy-MMM-dd", None),
        ("2007-February-28", "yyyy-MMM-dd", None), ("2007-2-28", "yyyy-MM-dd", None),
        ("2007-13-01", "yyyy-MM-dd", None), ("2007-00-01", "yyyy-MM-dd", None),
        ("2007-02-31", "yyyy-MM-dd", DAY), ("2007-02-29", "yyyy-MM-dd", DAY),
        ("2007-02-32", "yyyy-MM-dd", None), ("2007-02-00", "yyyy-MM-dd", None),
        ("2007-04-31", "yyyy-MM-dd", 1177891200000), ("2008-02-31", "yyyy-MM-dd", 1204243200000),
        ("2007-02--8", "yyyy-MM-d", None), ("2007 59", "yyyy D", DAY),
        ("2007-059", "yyyy-DDD", DAY),
        ("2007-59", "yyyy-DD", DAY), ("2007-365", "yyyy-DDD", 1199059200000),
        ("2007-366", "yyyy-DDD", None), ("2008-366", "yyyy-DDD", 1230681600000),
        ("2007-000", "yyyy-DDD", None), ("2007-02-28 059", "yyyy-MM-dd DDD", DAY),
        ("2007-02-28 060", "yyyy-MM-dd DDD", None), ("54159", "g", DAY),
        ("2007-02-28 54159", "yyyy-MM-dd g", DAY), ("2007-02-28 54160", "yyyy-MM-dd g", None),
        ("9" * 18, "g", None),
        # Quarters.
        ("2007-02-28 1", "yyyy-MM-dd Q", DAY), ("2007-02-28 01", "yyyy-MM-dd qq", DAY),
        ("2007-02-28 Q1", "yyyy-MM-dd QQQ", DAY),
        ("2007-02-28 1st quarter", "yyyy-MM-dd qqqq", DAY),
        ("2007-02-28 1", "yyyy-MM-dd QQQQQ", DAY), ("2007-02-28 2", "yyyy-MM-dd Q", None),
        # Weekdays and weeks.
        ("2007-02-28 Wed", "yyyy-MM-dd E", DAY), ("2007-02-28 Wednesday", "yyyy-MM-dd EEEE", DAY),
        ("2007-02-28 W", "yyyy-MM-dd EEEEE", DAY), ("2007-02-28 Wed", "yyyy-MM-dd eee", DAY),
        ("2007-02-28 Wednesday", "yyyy-MM-dd cccc", DAY), ("2007-02-28 4", "yyyy-MM-dd e", DAY),
        ("2007-02-28 04", "yyyy-MM-dd ee", DAY), ("2007-02-28 4", "yyyy-MM-dd c", DAY),
        ("2007-02-28 Tue", "yyyy-MM-dd E", None), ("2007-02-28 3", "yyyy-MM-dd e", None),
        ("2007-02-28 9", "yyyy-MM-dd e", None), ("2007-02-28 wed", "yyyy-MM-dd E", None),
        ("2007-W09-4", "YYYY-'W'ww-e", DAY), ("2007-9 Wed", "YYYY-w E", DAY),
        ("07-09 Wed", "YY-ww E", DAY), ("2007-09", "YYYY-ww", None),
        ("2007-09 Wed", "yyyy-ww E", None),
        ("2007-54 Wed", "YYYY-ww E", None), ("2007-00 Wed", "YYYY-ww E", None),
        ("2007-53 Wed", "YYYY-ww E", 1198627200000),  # the year's last week is the 52nd
        ("2007 02 5 Wed", "yyyy MM W E", DAY), ("2007 02 7 Wed", "yyyy MM W E", None),
        ("2007-02-28 5 9", "yyyy-MM-dd W w", DAY), ("2007-02-28 4", "yyyy-MM-dd W", None),
        ("2007-02-28 7", "yyyy-MM-dd F", DAY), ("2007-02-28 3", "yyyy-MM-dd F", None),
        # No date.
        ("2007-02", "yyyy-MM", None), ("10:30", "HH:mm", None), ("2007", "yyyy", None),
        ("", "", None),
        ("Z", "X", None), ("x", "'x'", None), ("02-28", "MM-dd", None),
        # A date twice.
        ("2007-02-28 2007-02-28", "yyyy-MM-dd uuuu-MM-dd", DAY),
        ("2007-02-28 2007-02-27", "yyyy-MM-dd uuuu-MM-dd", None),
    ],
)  # fmt: skip
def test_dates(text: str, pattern: str, expected: int | None) -> None:
    assert read(text, pattern) == expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("10", "HH", TEN), ("10:30", "H:m", TEN + HOUR // 2), ("1030", "HHmm", TEN + HOUR // 2),
        ("10:00:05", "HH:mm:ss", TEN + 5000), ("10:00:5", "HH:mm:s", TEN + 5000),
        ("10:00:00.5", "HH:mm:ss.S", TEN + 500), ("10:00:00.123", "HH:mm:ss.SSS", TEN + 123),
        ("10:00:00.123999999", "HH:mm:ss.SSSSSSSSS", TEN + 123),
        ("10:00:00.12", "HH:mm:ss.SSS", None), ("10:00:00.1234", "HH:mm:ss.SSS", None),
        ("10:00:00 123456789", "HH:mm:ss n", TEN + 123), ("0:00:00 1000000000", "H:mm:ss n", None),
        ("100000123", "HHmmssSSS", TEN + 123),
        ("24:00", "HH:mm", DAY + 24 * HOUR), ("24:00:00.000", "HH:mm:ss.SSS", DAY + 24 * HOUR),
        ("24:01", "HH:mm", None), ("25:00", "HH:mm", None), ("10:60", "HH:mm", None),
        ("10:00:60", "HH:mm:ss", None), ("-1:00", "H:mm", None), ("+1:00", "H:mm", None),
        ("24", "kk", DAY), ("0", "k", DAY), ("10", "k", TEN), ("25", "k", None),
        ("10 AM", "h a", TEN), ("10 PM", "hh a", TEN + 12 * HOUR), ("12 AM", "h a", DAY),
        ("12 PM", "h a", DAY + 12 * HOUR), ("0 AM", "h a", DAY), ("13 AM", "h a", None),
        ("10 am", "h a", None), ("11 PM", "K a", DAY + 23 * HOUR), ("0 PM", "KK a", None),
        ("0 PM", "K a", DAY + 12 * HOUR), ("12 PM", "K a", None),
        ("10:30 AM", "hh:mm a", TEN + HOUR // 2), ("10 AM", "H a", TEN), ("10 PM", "H a", None),
        ("22 10", "H h", TEN + 12 * HOUR), ("22 11", "H h", None),
        ("22 10 PM", "H h a", TEN + 12 * HOUR),
        ("10 10", "H k", TEN), ("10 11", "H k", None),
        # Parts of a time that make none.
        ("10", "hh", None), ("PM", "a", None), (":30", ":mm", None), ("10::30", "HH::ss", None),
        ("10:30.5", "HH:mm.S", None), ("5", "n", None),
        # Counts from midnight.
        ("86399999", "A", DAY + 24 * HOUR - 1), ("86400000", "A", None),
        ("00036000000", "AAAAAAAAAAA",
         TEN), ("86399999999999", "N", DAY + 24 * HOUR - 1), ("86400000000000", "N", None),
        ("10:00 36000000", "HH:mm A", TEN), ("11:00 36000000", "HH:mm A", None),
        ("36000000 36000000000000", "A N", TEN), ("36000000 36001000000000", "A N", None),
        ("36000001 1000002", "A n", TEN + 1), ("36000001 2", "A n", None),
    ],
)  # fmt: skip
def test_times(text: str, pattern: str, expected: int | None) -> None:
    assert read(f"2007-02-28 {text}", f"yyyy-MM-dd {pattern}") == expected


@pytest.mark.parametrize(
    ("text", "pattern", "hours"),
    [
        ("Z", "X", 0), ("+01", "X", 1), ("+0130", "X", 1.5), ("-0130", "X", -1.5),
        ("+01:30", "X", None), ("+0130", "XX", 1.5), ("+01", "XX", None), ("+01:30", "XXX", 1.5),
        ("+0130", "XXX", None), ("+013036", "XXXX", 1.51), ("+0130", "XXXX", 1.5),
        ("+01:30:36", "XXXXX", 1.51), ("+01:30", "XXXXX", 1.5), ("+1:30", "XXXXX", None),
        ("z", "X", None), ("", "X", None), ("01", "X", None), ("+0160", "XX", None),
        ("Z", "x", None), ("+00", "x", 0), ("+01", "x", 1), ("+0130", "x", 1.5),
        ("+0030", "x", None),
        ("+0130", "xx", 1.5), ("+01:30", "xxx", 1.5), ("+013036", "xxxx", 1.51),
        ("+01:30:36", "xxxxx", 1.51),
        ("+0130", "Z", 1.5), ("+0130", "ZZ", 1.5), ("-0130", "ZZZ", -1.5), ("+01:30", "Z", None),
        ("Z", "Z", None), ("GMT+01:30", "ZZZZ", 1.5), ("Z", "ZZZZZ", 0), ("+01:30", "ZZZZZ", 1.5),
        ("GMT", "O", 0), ("GMT+1", "O", 1), ("GMT-10", "O", -10), ("GMT+1:30", "O", 1.5),
        ("GMT+1:30:36", "O", 1.51), ("UTC", "O", None), ("GMT+01:30", "OOOO", 1.5),
        ("GMT+01:30:36", "OOOO", 1.51), ("GMT", "OOOO", 0), ("GMT+01", "OOOO", None),
        ("GMT+x", "O", None), ("+18:00", "XXX", 18), ("-18:00", "XXX", -18),
        ("+18:01", "XXX", None),
        ("GMT+19", "O", None), ("+01:00 +02:00", "XXX XXX", None), ("Z GMT+1", "X O", None),
        # Ids.
        ("UTC", "VV", 0), ("UTC+01:30", "VV", 1.5), ("UT-01:30", "VV", -1.5),
        ("GMT+01:30", "VV", 1.5),
        ("Z", "VV", 0), ("+01:30", "VV", 1.5), ("-01:30:36", "VV", -1.51), ("+01", "VV", None),
        ("UTC+1", "VV", None), ("UTC0", "VV", None), ("GMT0", "VV", 0), ("utc", "VV", None),
        ("Europe/Berlin", "VV", 2), ("America/New_York", "VV", -4), ("Etc/GMT+5", "VV", -5),
        ("America/Indiana/Knox", "VV", -5), ("EST5EDT", "VV", -4), ("Europe/Nowhere", "VV", None),
        ("EST", "VV", None), ("PST", "VV", None), ("UTC-18:30", "VV", None), ("", "VV", None),
        # Names: each stands for a zone and its summer time.
        ("PST", "z", -7), ("PDT", "zz", -7), ("PT", "zzz", -7), ("EST", "z", -4), ("CST", "z", -5),
        ("UTC", "z", 0), ("Z", "z", 0), ("GMT", "z", 0), ("CET", "z", 2), ("BST", "z", 1),
        ("IST", "z", 5.5), ("JST", "z", 9), ("SGT", "z", 8), ("+01:30", "z", 1.5),
        ("GMT+01:30", "z", 1.5), ("America/Los_Angeles", "z", -7), ("NO", "z", None),
        ("Pacific Standard Time", "z", None), ("Pacific Standard Time", "zzzz", -7),
        ("Central European Summer Time", "zzzz", 2), ("PST", "zzzz", None),
        ("Europe/Berlin", "zzzz", 2), ("PT", "v", -7), ("Pacific Time", "vvvv", -7),
        # An offset counts before a zone.
        ("+01:00[Europe/Berlin]", "XXX'['VV']'", 1), ("+05:00[Europe/Berlin]", "XXX'['VV']'", 5),
    ],
)  # fmt: skip
def test_zones(text: str, pattern: str, hours: float | None) -> None:
    expected = None if hours is None else JULY - round(hours * HOUR)
    assert read(f"2007-07-03 10:15 {text}", f"yyyy-MM-dd HH:mm {pattern}") == expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        # Clocks skip 2:30, which means 3:30; they show 2:30 twice, the first counts.
        ("2021-03-28 02:30 Europe/Berlin", "yyyy-MM-dd HH:mm VV", 1616895000000),
        ("2021-03-28 03:30 Europe/Berlin", "yyyy-MM-dd HH:mm VV", 1616895000000),
        ("2021-10-31 02:30 Europe/Berlin", "yyyy-MM-dd HH:mm VV", 1635640200000),
        ("2021-10-31 02:30 +01:00", "yyyy-MM-dd HH:mm XXX", 1635643800000),
        # A day begins in its own zone.
        ("2007-02-28 Asia/Tokyo", "yyyy-MM-dd VV", DAY - 9 * HOUR),
        ("2007-02-28 -01:00", "yyyy-MM-dd XXX", DAY + HOUR),
        ("2007-02-28 24:00 +01:00", "yyyy-MM-dd HH:mm XXX", DAY + 23 * HOUR),
        # 64 bits.
        ("292278994-08-17 07:12:55.807", "u-MM-dd HH:mm:ss.SSS", 2**63 - 1),
        ("292278994-08-17 07:12:55.808", "u-MM-dd HH:mm:ss.SSS", None),
        ("-292275055-05-16 16:47:04.192", "u-MM-dd HH:mm:ss.SSS", -(2**63)),
        ("-292275055-05-16 16:47:04.191", "u-MM-dd HH:mm:ss.SSS", None),
        # Digits without anything between.
        ("20070228", "yyyyMMdd", DAY), ("20070228100000", "yyyyMMddHHmmss", TEN),
        ("+120070228", "yyyyMMdd", 316742140800000), ("070228", "yyMMdd", DAY),
        ("2007228", "yyyyMMdd", None), ("2007059", "uuuuDDD", DAY), ("20070228", "yMMdd", DAY),
        # Optional sections.
        ("2007-02-28", "yyyy-MM-dd[ HH]", DAY), ("2007-02-28 10", "yyyy-MM-dd[ HH]", TEN),
        ("2007-02-28 10", "yyyy-MM-dd[ HH[:mm[:ss]]]", TEN),
        ("2007-02-28 ", "yyyy-MM-dd[ HH]", None), ("2007-02-28 1x", "yyyy-MM-dd[ HH]", None),
        ("2007-02-28", "[yyyy/MM/dd][yyyy-MM-dd]", DAY), ("2007-02-28", "yyyy-MM-dd[[[ HH", DAY),
        ("2007-02-28", "yyyy-MM-dd[]", DAY), ("2007-02-28", "[yyyy-MM-dd VV]yyyy-MM-dd", DAY),
        ("2007-02-28x", "yyyy-MM-dd[VV]'x'", DAY),
        # Blanks before.
        ("2007-  2-28", "yyyy-pppM-dd", DAY), ("2007-2-28", "yyyy-pppM-dd", None),
        ("2007-02-28 Feb", "yyyy-MM-dd ppppMMM", None),
        ("2007-02-28  Feb", "yyyy-MM-dd ppppMMM", DAY),
        ("2007-0228", "yyyy-ppMMdd", DAY), ("2007-02-  28", "yyyy-MM-ppppd", DAY),
        ("2007-02-  2", "yyyy-MM-ppppd", None), ("2007-02-   ", "yyyy-MM-pppd", None),
        # Literals.
        ("2007-02-28T", "yyyy-MM-dd'T'", DAY), ("2007-02-28'", "yyyy-MM-dd''", DAY),
        ("at o'2007-02-28", "'at o'''yyyy-MM-dd", DAY), ("2007.02.28é", "yyyy.MM.ddé", DAY),
        ("2007-02-28t", "yyyy-MM-dd'T'", None), ("2007-02-28 ", "yyyy-MM-dd", None),
        (" 2007-02-28", "yyyy-MM-dd", None), ("2007-02-28", "yyyy-MM-dd ", None),
        ("٢٠٠٧-02-28", "yyyy-MM-dd", None), ("²007-02-28", "yyyy-MM-dd", None),
    ],
)  # fmt: skip
def test_whole_texts(text: str, pattern: str, expected: int | None) -> None:
    assert read(text, pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "'open", "yyyy]", "{", "}", "#", "j", "B", "b", "C", "x" * 6, "X" * 6, "Z" * 6, "z" * 5,
        "V",
        "VVV", "OO", "OOO", "OOOOO", "vv", "vvv", "ddd", "HHH", "hhh", "KKK", "kkk", "mmm", "sss",
        "DDDD", "FF", "MMMMMM", "LLLLLL", "QQQQQQ", "qqqqqq", "EEEEEE", "eeeeee", "cc", "cccccc",
        "GGGGGG", "aa", "WW", "www", "S" * 10, "A" * 20, "n" * 20, "N" * 20, "u" * 20, "y" * 20,
        "Y" * 20, "g" * 20, "p", "pp'x'", "ppp", "pé", "[" * 17 + "y", "y" + " " * 1000,
    ],
)  # fmt: skip
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_reader(pattern)


@pytest.mark.parametrize(
    "pattern", ["yyyy" + "MMdd" * 200, "[yyyy]" * 160, "[z]" * 333, "[VV]" * 250, "[" * 16 + "zzzz"]
)
def test_no_text_takes_long(pattern: str) -> None:
    reader = compile_reader(pattern)
    for text in ("9" * 131_072, "America/" * 16_384, "+" * 131_072, "A" * 131_072):
        reader.read(text)
        start = time.process_time()
        assert reader.read(text) is None
        assert time.process_time() - start < 0.05
