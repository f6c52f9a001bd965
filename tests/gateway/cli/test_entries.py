"""Entries with details: beside each other while there is room, below where there is not."""

from __future__ import annotations

import pytest

from gateway.cli.entries import Entry, draw_entries
from gateway.cli.lines import render

URL = "https://sqs.us-east-1.amazonaws.com/000000000000/alarms"
SENTENCE = "there is no queue of this name: create it, or add it to the settings"


def entry(*head: str, details: list[tuple[str, ...]]) -> Entry:
    return [(cell, "") for cell in head], [[(cell, "") for cell in row] for row in details]


ENTRIES = [
    entry("1", "sqs", details=[("", SENTENCE), ("queueUrl", URL), ("useBase64", "false")]),
    entry("2", "cloudwatchLogs", details=[("logGroupName", "")]),
]


def drawn(entries: list[Entry], width: int) -> list[str]:
    lines = render(draw_entries(entries, width), width=width, height=None, colour=False)
    return [line.rstrip() for line in lines]


def test_they_stand_beside_each_other() -> None:
    assert drawn(ENTRIES, 200) == [
        f"  1  sqs                           {SENTENCE}",
        f"                     queueUrl      {URL}",
        "                     useBase64     false",
        "  2  cloudwatchLogs  logGroupName",
    ]


def test_a_sentence_is_broken_at_words_in_the_room_that_there_is() -> None:
    assert drawn(ENTRIES, 90)[:3] == [
        f"  1  sqs                           {SENTENCE.removesuffix(' the settings')}",
        "                                   the settings",
        f"                     queueUrl      {URL}",
    ]


def test_where_a_word_does_not_fit_beside_they_stand_below() -> None:
    assert drawn(ENTRIES, 80) == [
        "  1  sqs",
        "                  there is no queue of this name: create it, or add it to the",
        "                  settings",
        f"    queueUrl      {URL}",
        "    useBase64     false",
        "  2  cloudwatchLogs",
        "    logGroupName",
    ]


@pytest.mark.parametrize("width", [60, 70, 80, 100, 1_000_000])
def test_nothing_is_lost(width: int) -> None:
    words = "".join("".join(drawn(ENTRIES, width)).split())
    for cell in ("1sqs", URL, "useBase64false", "2cloudwatchLogs", "logGroupName"):
        assert cell in words
    assert "".join(SENTENCE.split()) in words


def test_entries_without_details_are_rows() -> None:
    bare = [entry("1", "sqs", details=[]), entry("on error", "s3", details=[])]
    assert drawn(bare, 60) == ["  1         sqs", "  on error  s3"]
    assert drawn([], 60) == []
