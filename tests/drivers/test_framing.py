"""Framing: every complete line comes out once, whatever the cuts; what is held is bounded."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.framing import JsonLines, LineSplitter

LIMIT = 40
SEEDED = settings(derandomize=True, max_examples=60, deadline=None)

content = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"").rstrip(b"\r"))


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(place, len(data)) for place in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@SEEDED
@given(
    lines=st.lists(st.tuples(content, st.sampled_from([b"\n", b"\r\n"])), max_size=8),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_lines_are_the_same_however_they_arrive(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    splitter = LineSplitter(LIMIT)
    found = []
    for piece in cut(b"".join(line + end for line, end in lines), cuts):
        found += splitter.feed(piece)
        assert splitter.pending_bytes <= LIMIT + 1
    assert found == [line for line, _ in lines if len(line) <= LIMIT]
    assert splitter.overlong == sum(len(line) > LIMIT for line, _ in lines)


def test_an_endless_line_costs_one_line_and_counts_once() -> None:
    splitter = LineSplitter(LIMIT)
    for _ in range(1000):
        assert splitter.feed(b"x" * 100) == []
        assert splitter.pending_bytes <= LIMIT + 1
    assert splitter.overlong == 1
    assert splitter.feed(b"the rest of it\nshort\n") == [b"short"]
    assert splitter.overlong_excerpt.startswith(b"xxx")


def test_reset_forgets_the_unfinished_line() -> None:
    splitter = LineSplitter(LIMIT)
    splitter.feed(b"before the unpl")
    splitter.reset()
    assert splitter.feed(b"after\n") == [b"after"]


def test_a_line_needs_room() -> None:
    with pytest.raises(ValueError, match="max_line_bytes"):
        LineSplitter(0)


@pytest.mark.parametrize(
    "line",
    [b'{"a":1}', b"[]", b"21.5", b"null", b'"text"', '{"ort":"Köln"}'.encode(), b"-1e3"],
)
def test_any_json_value_is_a_line(line: bytes) -> None:
    lines = JsonLines()
    assert lines.feed(b"{}\n  " + line + b" \t\r\n") == [b"{}", line]
    assert lines.rejected == 0


@pytest.mark.parametrize(
    "line",
    [b"hello", b'{"a":1', b'{"a":1}}', b"\xff\xfe{}", b"NaN", b"{} {}", b"\x00", b"{'a':1}", b"01"],
)
def test_what_is_not_json_is_counted_and_shown(line: bytes) -> None:
    lines = JsonLines()
    assert lines.feed(b"{}\n" + line + b"\n[1]\n") == [b"{}", b"[1]"]
    assert lines.rejected == 1
    assert lines.rejected_excerpt == line


def test_blank_lines_are_neither() -> None:
    lines = JsonLines()
    assert lines.feed(b"\n\r\n  \n{}\n") == [b"{}"]
    assert lines.rejected == 0


def test_overlong_lines_are_rejected_lines() -> None:
    lines = JsonLines(LIMIT)
    assert lines.feed(b'"' + b"a" * 100 + b'"\n{}\n') == [b"{}"]
    assert lines.rejected == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@SEEDED
@given(value=json_values, place=st.integers(1, 200))
def test_the_tail_of_a_line_is_never_taken_for_a_reading(value: object, place: int) -> None:
    whole = json.dumps({"v": value}).encode()
    tail = whole[min(place, len(whole)) :]
    assert JsonLines().feed(tail + b"\n") == []


def test_the_tail_of_a_number_is_not_a_smaller_number() -> None:
    lines = JsonLines()
    assert lines.feed(b"1.5\n21.5\n") == [b"21.5"]
    assert lines.rejected == 1
    lines.reset()
    assert lines.feed(b"1.5\n22.5\n") == [b"22.5"]
