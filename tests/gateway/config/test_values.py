"""Single values: sizes and durations with units, and what is refused with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.values import FieldType, Unusable, convert, field_type, show_setting

FOLDER = Path("/etc/weir")


def as_(base: type, value: object, unit: str = "") -> object:
    return convert(value, FieldType(base, False, False), unit, FOLDER)


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        (0, 0),
        (4096, 4096),
        ("2GB", 2_000_000_000),
        ("512MB", 512_000_000),
        ("4MiB", 4 * 1024 * 1024),
        ("1.5KiB", 1536),
        ("64 kB", 64_000),
        ("10B", 10),
    ],
)
def test_sizes(value: object, size_bytes: int) -> None:
    assert as_(int, value, "bytes") == size_bytes


@pytest.mark.parametrize(
    ("value", "unit", "amount"),
    [
        (30, "seconds", 30.0),
        (0.25, "seconds", 0.25),
        ("250ms", "seconds", 0.25),
        ("30s", "seconds", 30.0),
        ("5min", "seconds", 300.0),
        ("1.5h", "seconds", 5400.0),
        ("4d", "seconds", 345_600.0),
        ("2s", "milliseconds", 2000.0),
    ],
)
def test_durations(value: object, unit: str, amount: float) -> None:
    assert as_(float, value, unit) == amount


def test_a_duration_in_whole_seconds_is_an_int() -> None:
    assert repr(as_(int, "4d", "seconds")) == "345600"


def test_paths_start_at_the_settings_file() -> None:
    assert as_(Path, "rules.d") == FOLDER / "rules.d"
    assert as_(Path, "/srv/rules.d") == Path("/srv/rules.d")


def test_arrays() -> None:
    kind = field_type(tuple[int, ...])
    assert convert([1, 2], kind, "", FOLDER) == (1, 2)
    with pytest.raises(Unusable, match=r"write an array, such as \[1\]"):
        convert(1, kind, "", FOLDER)


@pytest.mark.parametrize(
    ("base", "value", "unit", "sentence"),
    [
        (bool, 1, "", "is 1; write true or false, without quotes"),
        (bool, "true", "", 'is "true"; write true or false, without quotes'),
        (int, True, "", "is true; write a whole number"),
        (int, "7", "", 'is "7"; write a whole number'),
        (int, 1.5, "", "is 1.5, which is no whole number"),
        (int, 2.0, "", "is 2.0; write a whole number, without a point"),
        (int, 2**63, "", "is larger than any number"),
        (int, -1, "bytes", "is -1, which is negative; use 0 or more"),
        (int, "lots", "bytes", 'is "lots"; write a number of bytes, or a size such as'),
        (int, "2gb", "bytes", 'is "2gb"; write a number of bytes, or a size such as'),
        (int, "-2GB", "bytes", 'is "-2GB"; write a number of bytes, or a size such as'),
        (int, "0.3B", "bytes", 'is "0.3B", which is no whole number of bytes'),
        (int, "250ms", "seconds", 'is "250ms", which is no whole number of seconds'),
        (float, "5m", "seconds", 'is "5m"; write a number of seconds, or a duration such as'),
        (float, float("nan"), "seconds", "is nan; write a number of seconds"),
        (float, float("inf"), "", "is inf; write a number"),
        (str, 5, "", 'is 5; write text in quotes, such as "5"'),
        (str, {}, "", "is a table; write text in quotes"),
        (Path, "", "", 'is ""; write a path in quotes'),
        (Path, "~/weir", "", "only a shell knows ~"),
        (Path, "a\0b", "", "holds a NUL character; remove it"),
    ],
)
def test_what_is_refused_says_what_to_write(
    base: type, value: object, unit: str, sentence: str
) -> None:
    with pytest.raises(Unusable) as caught:
        as_(base, value, unit)
    assert sentence in str(caught.value)


def test_field_types_from_annotations() -> None:
    assert field_type(int | None) == FieldType(int, False, True)
    assert field_type(tuple[str, ...]) == FieldType(str, True, False)
    with pytest.raises(TypeError):
        field_type(dict[str, str])


def test_a_value_is_shown_as_it_could_be_written() -> None:
    for value, unit in [(4 * 1024 * 1024, "bytes"), (1_000_000, "bytes"), (0, "bytes"), (3, "")]:
        shown = show_setting(value, unit)
        read: object = shown.strip('"') if shown.startswith('"') else int(shown)
        assert as_(int, read, unit) == value
    assert show_setting(4 * 1024 * 1024, "bytes") == '"4MiB"'
