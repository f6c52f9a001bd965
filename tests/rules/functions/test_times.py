"""The functions of time: their arguments, versions, warnings, and AWS's own samples."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rules

Result = Callable[..., str]

PAYLOAD = """{"ms": 1700000000123, "text": "2023-11-14 22:13", "day": "18 December 2015",
    "joda": "yyyy/MM/dd", "java": "dd MMMM yyyy", "zone": "Asia/Tokyo", "s": "1700000000123",
    "d": 1700000000123.9, "e": 1.7E12, "t": true, "nul": null, "arr": [1], "obj": {"a": 1}}"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The samples of the developer guide.
        ("""parse_time("yyyy.MM.dd G 'at' HH:mm:ss z", 100000000, 'America/Belize')""",
         '"1970.01.01 AD at 21:46:40 CST"'),
        ("""parse_time("yyyy.MM.dd G 'at' HH:mm:ss z", timestamp())""",
         '"2023.11.14 AD at 22:13:20 UTC"'),
        ("parse_time('yyyy', timestamp(), 'UTC')", '"2023"'),
        ("time_to_epoch('2020-04-03 09:45:18 UTC+01:00', 'yyyy-MM-dd HH:mm:ss VV')",
         "1585903518000"),
        ("time_to_epoch('18 December 2015', 'dd MMMM yyyy')", "1450396800000"),
        ("time_to_epoch('2007-12-03 10:15:30.592 America/Los_Angeles', "
         "'yyyy-MM-dd HH:mm:ss.SSS z')", "1196705730592"),

        # parse_time: the time.
        ("parse_time(joda, ms)", '"2023/11/14"'), ("parse_time(joda, s)", '"2023/11/14"'),
        ("parse_time('SSS', d)", '"123"'), ("parse_time('SSS', -0.5)", '"999"'),
        ("parse_time('y', e)", '"2023"'), ("parse_time('y', '1.7E12')", '"2023"'),
        ("parse_time('y', 0)", '"1970"'), ("parse_time('y', -1)", '"1969"'),
        ("parse_time('y', 'soon')", "U"), ("parse_time('y', t)", "U"),
        ("parse_time('y', nul)", "U"), ("parse_time('y', nope)", "U"),
        ("parse_time('y', arr)", "U"), ("parse_time('y', obj)", "U"),
        ("parse_time('y', 9223372036854775807)", '"292278994"'),
        ("parse_time('y', 9223372036854775808)", "U"),
        ("parse_time('y', -9223372036854775809)", "U"),
        ("parse_time('y', 9999999999999999999999999999999999)", "U"),
        ("parse_time('y', 1E900)", "U"), ("parse_time('y', '-1E900')", "U"),
        # The pattern.
        ("parse_time(s, ms)", '"1700000000123"'), ("parse_time('no such', ms)", "U"),
        ("parse_time('', ms)", "U"), ("parse_time(java, ms)", '"14 November 2023"'),
        ("parse_time(zone, ms)", "U"), ("parse_time(ms, ms)", "U"), ("parse_time(t, ms)", "U"),
        ("parse_time(nul, ms)", "U"), ("parse_time(nope, ms)", "U"), ("parse_time(arr, ms)", "U"),
        ("parse_time(obj, ms)", "U"), ("parse_time(4, ms)", "U"),
        # The zone.
        ("parse_time('HH ZZZ', ms, zone)", '"07 Asia/Tokyo"'),
        ("parse_time('HH', ms, '+01:00')", '"23"'), ("parse_time('HH', ms, 'Mars')", "U"),
        ("parse_time('HH', ms, s)", "U"), ("parse_time('HH', ms, '')", "U"),
        ("parse_time('HH', ms, 1)", "U"), ("parse_time('HH', ms, t)", "U"),
        ("parse_time('HH', ms, nul)", "U"), ("parse_time('HH', ms, nope)", "U"),
        ("parse_time('HH', ms, arr)", "U"), ("parse_time('HH', ms, obj)", "U"),
        # The number of arguments.
        ("parse_time()", "U"), ("parse_time('y')", "U"), ("parse_time('y', 0, 'UTC', 0)", "U"),
        ("PARSE_TIME('y', 0)", '"1970"'),

        # time_to_epoch.
        ("time_to_epoch(text, 'yyyy-MM-dd HH:mm')", "1699999980000"),
        ("time_to_epoch(day, java)", "1450396800000"), ("time_to_epoch(day, joda)", "U"),
        ("time_to_epoch(s, 'yyyy')", "U"), ("time_to_epoch('', 'yyyy')", "U"),
        ("time_to_epoch(day, '')", "U"), ("time_to_epoch(day, 'no such')", "U"),
        ("time_to_epoch(20231114, 'yyyyMMdd')", "U"),
        ("time_to_epoch('20231114', 'yyyyMMdd')", "1699920000000"),
        ("time_to_epoch(ms, java)", "U"), ("time_to_epoch(t, java)", "U"),
        ("time_to_epoch(nul, java)", "U"), ("time_to_epoch(nope, java)", "U"),
        ("time_to_epoch(arr, java)", "U"), ("time_to_epoch(obj, java)", "U"),
        ("time_to_epoch(day, ms)", "U"), ("time_to_epoch(day, t)", "U"),
        ("time_to_epoch(day, nul)", "U"), ("time_to_epoch(day, nope)", "U"),
        ("time_to_epoch(day, arr)", "U"), ("time_to_epoch(day, obj)", "U"),
        ("time_to_epoch()", "U"), ("time_to_epoch(day)", "U"),
        ("time_to_epoch(day, java, 'UTC')", "U"),
        ("time_to_epoch(parse_time('yyyy-MM-dd HH:mm:ss.SSS', ms), 'yyyy-MM-dd HH:mm:ss.SSS')",
         "1700000000123"),
        ("time_to_epoch(day, java) + 1", "1450396800001"),

        ("timestamp()", "1700000000123"), ("timestamp(1)", "U"), ("TimeStamp()", "1700000000123"),
    ],
)  # fmt: skip
def test_functions_of_time(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("parse_time('no such', ms)", "'n' is not a letter"),
        ("parse_time('', ms)", "empty"),
        ("parse_time(4, ms)", "not a String"),
        ("parse_time('y', ms, 'Mars')", "no such time zone"),
        ("parse_time('y', ms, 4)", "no such time zone"),
        ("time_to_epoch(text, 'yyyy{')", "reserved"),
        ("time_to_epoch(text, NULL)", "not a String"),
        # How text in a pattern is written.
        ("""parse_time("yyyy-MM-ddTHH:mm", ms)""", """"yyyy-MM-dd'T'HH:mm\""""),
        ("""time_to_epoch(text, "yyyy-MM-ddTHH:mm")""", """"yyyy-MM-dd'T'HH:mm\""""),
        # Months and minutes.
        ("parse_time('HH:MM', ms)", "M is the month"),
        ("time_to_epoch(text, 'yyyy-MM-dd HH:MM')", "M is the month; minutes are m"),
        ("time_to_epoch(text, 'hh:M a')", "M is the month"),
        ("parse_time('yyyyMMddHHMM', ms)", "M is the month"),
        ("parse_time('yyyy-mm-dd', ms)", "m is the minute; months are M"),
        ("time_to_epoch(text, 'dd.mm.yyyy')", "m is the minute"),
        # The nearest zone.
        ("parse_time('y', ms, 'Europe/Berln')", "no such time zone; did you mean Europe/Berlin?"),
        ("parse_time('y', ms, 'europe/berlin')", "did you mean Europe/Berlin?"),
        ("parse_time('y', ms, 'New York')", "did you mean America/New_York?"),
        ("parse_time('y', ms, 'tokyo')", "did you mean Asia/Tokyo?"),
        ("parse_time('y', ms, 'utc')", "did you mean UTC?"),
        ("parse_time('y', ms, 'CEST')", "like Europe/Berlin, UTC and +01:00"),
        ("parse_time('y', ms, 'UTC+1')", "like Europe/Berlin, UTC and +01:00"),
        (f"parse_time('y', ms, '{'Europe/Berlin' * 4}')", "like Europe/Berlin, UTC and +01:00"),
        ("parse_time('y', ms, NULL)", "its name is a String"),
    ],
)
def test_constants_that_can_never_work_are_warned_of(call: str, words: str) -> None:
    statement = rules.compile(f"SELECT {call} AS r FROM 't'", "2016-03-23")
    assert len(statement.warnings) == 1
    assert words in statement.warnings[0]
    assert "line 1, column " in statement.warnings[0]


def test_constants_that_work_are_not_warned_of() -> None:
    for call in (
        "parse_time('y', ms, 'UTC')",
        "time_to_epoch(s, 'yyyy-MM-dd')",
        "parse_time('HH:mm dd.MM.yyyy', ms)",
        "parse_time('HHmmss', ms)",
        "parse_time('HH MMM', ms)",
        """parse_time("'y-m-d HH:MM' mm", ms)""",
        "parse_time(java, ms, zone)",
    ):
        assert rules.compile(f"SELECT {call} AS a FROM 't'", "2016-03-23").warnings == ()


def test_a_message_may_bring_the_pattern_and_the_zone(result: Result) -> None:
    long = '{"p": "' + "y" * 1001 + '", "z": "' + "A" * 100_000 + '"}'
    assert result("parse_time(p, 0)", long) == "U"
    assert result("parse_time('y', 0, z)", long) == "U"
    assert result("time_to_epoch('2020', p)", long) == "U"
    assert result("time_to_epoch(z, 'VV')", long) == "U"


def test_constants_are_folded() -> None:
    template = rules.compile_template("${parse_time('yyyy', 0)}", "2016-03-23")
    assert template.constant == "1970"
    template = rules.compile_template("${parse_time('yyyy', timestamp())}", "2016-03-23")
    assert template.constant is None


@pytest.mark.parametrize("call", ["parse_time('y', 0)", "time_to_epoch('2020', 'y')"])
def test_the_first_version_has_only_timestamp(result: Result, call: str) -> None:
    with pytest.raises(rules.SqlError, match="not part of version 2015-10-08"):
        rules.compile(f"SELECT {call} AS r FROM 't'", "2015-10-08")
    assert result("timestamp()", version="2015-10-08") == "1700000000123"
