from __future__ import annotations

import pytest

import rules
from rules.topic_filter import filter_problem, filter_warning


@pytest.mark.parametrize(
    "topic_filter",
    ["a", "a/b", "/", "a//b", "+", "#", "a/+/b", "a/#", "+/+/#", "$aws/things/+/shadow/update",
     "$aws/events/presence/connected/+", "ä/ö", "a b/c"],
)  # fmt: skip
def test_filters(topic_filter: str) -> None:
    assert filter_problem(topic_filter) is None
    assert rules.compile(f"SELECT * FROM '{topic_filter}'").topic_filter == topic_filter


@pytest.mark.parametrize(
    ("topic_filter", "column", "says"),
    [
        ("", 16, "is empty"),
        ("a/#/b", 18, "'#' must be the last level"),
        ("a/b#", 19, "'#' must be the last level"),
        ("#a", 16, "'#' must be the last level"),
        ("a/b+/c", 19, "'\\+' must stand alone"),
        ("a/++", 18, "'\\+' must stand alone"),
        ("a\0b", 17, "U\\+0000"),
        ("$aws/rules/r/a", 16, "Basic Ingest"),
        ("$share/g/a", 16, "shared subscription"),
        ("a" * 70_000, 16, "longer than 65535 bytes"),
    ],
)
def test_no_filters(topic_filter: str, column: int, says: str) -> None:
    with pytest.raises(rules.SqlError, match=says) as caught:
        rules.compile(f"SELECT * FROM '{topic_filter}'")
    assert caught.value.column == column


def test_limits_that_only_aws_has_are_warnings() -> None:
    assert filter_warning("a/b/c/d/e/f/g/h") == ""
    assert "7 slashes" in filter_warning("a/b/c/d/e/f/g/h/i")
    assert "256 bytes" in filter_warning("ä" * 200)
    assert "7 slashes" in rules.compile("SELECT * FROM '1/2/3/4/5/6/7/8/9'").warnings[0]
