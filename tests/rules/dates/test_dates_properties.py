"""Properties: what one language writes the other reads; nothing raises, whatever the text."""

from __future__ import annotations

import datetime
import zoneinfo

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.dates import PatternError, compile_reader, compile_writer, find_zone
from rules.dates.zones import region_names

FEW = settings(max_examples=200, derandomize=True, deadline=None, database=None)

ZONES = ("UTC", "+05:30", "-11:00", "Europe/Berlin", "America/New_York", "Asia/Kathmandu",
         "Australia/Lord_Howe")  # fmt: skip

# A pattern of Joda-Time, one of java.time that reads the same text, and what it leaves out, in ms.
PAIRS = (
    ("yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "uuuu-MM-dd'T'HH:mm:ss.SSSxxx", 1),
    ("yyyyMMddHHmmssSSSZ", "uuuuMMddHHmmssSSSZ", 1),
    ("EEEE, d MMMM Y G h:mm:ss a ZZ", "EEEE, d MMMM y G h:mm:ss a xxx", 1000),
    ("EEE dd MMM yyyy KK:mm a Z", "E dd MMM uuuu KK:mm a xx", 60_000),
    ("yyyy-DDD kk:mm:ss Z", "uuuu-DDD kk:mm:ss Z", 1000),
)


@FEW
@given(
    st.integers(-40_000_000_000_000, 250_000_000_000_000),
    st.sampled_from(PAIRS),
    st.sampled_from(ZONES),
)
def test_what_is_written_is_read(epoch_ms: int, pair: tuple[str, str, int], name: str) -> None:
    zone = find_zone(name)
    assert zone is not None
    written, read, unit = pair
    if zone.offset_at(epoch_ms // 1000) % 60:
        return  # local mean time has seconds that no offset of the patterns shows
    text = compile_writer(written).write(epoch_ms, zone)
    assert text is not None
    assert compile_reader(read).read(text) == epoch_ms // unit * unit


@FEW
@given(st.integers(0, 4_000_000_000_000), st.sampled_from(ZONES))
def test_a_zone_s_name_is_read_back(epoch_ms: int, name: str) -> None:
    zone = find_zone(name)
    assert zone is not None
    text = compile_writer("yyyy-MM-dd HH:mm:ss.SSS ZZZ").write(epoch_ms, zone)
    assert text is not None
    again = compile_reader("yyyy-MM-dd HH:mm:ss.SSS VV").read(text)
    assert again is not None
    # An hour that clocks show twice is read as the first.
    assert epoch_ms - again in (0, 1_800_000, 3_600_000)


@FEW
@given(
    st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(9000, 1, 1)),  # noqa: DTZ001
    st.sampled_from(sorted(region_names())),
)
def test_fields_agree_with_datetime(moment: datetime.datetime, name: str) -> None:
    aware = moment.replace(microsecond=0, tzinfo=datetime.UTC)
    local = aware.astimezone(zoneinfo.ZoneInfo(name))
    zone = find_zone(name)
    assert zone is not None
    epoch_ms = int(aware.timestamp()) * 1000
    text = compile_writer("y-M-d H:m:s D e x-w").write(epoch_ms, zone)
    year, week, weekday = local.isocalendar()
    assert text == (
        f"{local.year}-{local.month}-{local.day} {local.hour}:{local.minute}:{local.second} "
        f"{local.timetuple().tm_yday} {weekday} {year}-{week}"
    )


LETTERS = st.sampled_from("GyuMLDdQqEecYwWFahHkKmsSAnNVvzOXxZpgCxb[]'{ -:.T")
PATTERNS = st.lists(st.tuples(LETTERS, st.integers(1, 6)), max_size=10).map(
    lambda each: "".join(letter * count for letter, count in each)
)
PIECES = st.sampled_from(
    ("2007", "02", "28", "-", ":", " ", "T", "Z", "+01:00", "GMT", "UTC", "AM", "Feb", "Wednesday",
     "AD", "Europe/Berlin", "PST", "99999999999999999999", "1", "\0", "é")
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20)


@FEW
@given(PATTERNS | st.text(max_size=20), TEXTS)
def test_any_pattern_reads_or_is_refused(pattern: str, text: str) -> None:
    try:
        reader = compile_reader(pattern)
    except PatternError:
        return
    epoch_ms = reader.read(text)
    assert epoch_ms is None or -(2**63) <= epoch_ms < 2**63


@FEW
@given(PATTERNS | st.text(max_size=20), st.integers(-(10**34), 10**34) | st.integers())
def test_any_pattern_writes_or_is_refused(pattern: str, epoch_ms: int) -> None:
    try:
        writer = compile_writer(pattern)
    except PatternError:
        return
    for name in ZONES:
        zone = find_zone(name)
        assert zone is not None
        written = writer.write(epoch_ms, zone)
        assert (written is None) is not (-(2**63) <= epoch_ms < 2**63)


@FEW
@given(st.text(max_size=30))
def test_any_text_is_a_zone_or_none(name: str) -> None:
    zone = find_zone(name)
    assert zone is None or zone.name in region_names() or zone.rules is None
