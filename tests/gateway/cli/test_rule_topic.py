"""Which topics reach a rule, and the sentence where one does not."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.cli.rule_topic import arrive, why_not
from gateway.mqtt.topics import Dialect, matches


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [("a/b", "a/b"), ("a/+", "a/b"), ("a/#", "a/b/c"), ("#", "a"), ("$aws/x/#", "$aws/x/y")],
)
def test_a_topic_that_matches_from(topic_filter: str, topic: str) -> None:
    arrival = arrive(topic, topic_filter, "r")
    assert (arrival.topic, arrival.reaches, arrival.ingests, arrival.note) == (
        topic,
        True,
        None,
        "",
    )


@pytest.mark.parametrize(
    ("topic_filter", "topic", "why"),
    [
        ("a/b", "a/c", "level 2 is 'c', not 'b'"),
        ("a/#", "a", "'#' stands for one level at least, and the topic has none there"),
        ("a/+", "a/b/c", "the topic has 3 levels, the filter 2"),
        ("a/+", "a", "the topic has 1 level, the filter 2"),
        ("#", "$aws/x", "a wildcard in the first level leaves out topics that begin with $"),
        ("+/x", "$aws/x", "a wildcard in the first level leaves out topics that begin with $"),
    ],
)
def test_a_topic_that_does_not_match_from(topic_filter: str, topic: str, why: str) -> None:
    arrival = arrive(topic, topic_filter, None)
    assert (arrival.reaches, arrival.note) == (False, why)


@pytest.mark.parametrize("name", ["r", None])
@pytest.mark.parametrize("topic_filter", ["x/y", "else/where", None])
def test_basic_ingest_reaches_the_rule_it_names(topic_filter: str | None, name: str | None) -> None:
    arrival = arrive("$aws/rules/r/x/y", topic_filter, name)
    assert (arrival.topic, arrival.ingests, arrival.reaches) == ("x/y", "r", True)
    assert "Basic Ingest" in arrival.note


def test_basic_ingest_reaches_no_other_rule() -> None:
    arrival = arrive("$aws/rules/other/x", "x", "r")
    assert not arrival.reaches
    assert arrival.note == "Basic Ingest runs the rule other alone, and this is another"


@pytest.mark.parametrize("topic", ["$aws/rules/", "$aws/rules/r", "$aws/rules/r/", "$aws/rules//x"])
def test_a_basic_ingest_topic_must_be_whole(topic: str) -> None:
    arrival = arrive(topic, "#", None)
    assert not arrival.reaches
    assert "$aws/rules/<rule name>/<topic>" in arrival.note


def test_without_from_a_topic_is_that_of_basic_ingest() -> None:
    arrival = arrive("x/y", None, "r")
    assert (arrival.topic, arrival.reaches) == ("x/y", True)
    assert arrival.note.endswith("published to $aws/rules/r/x/y")


LEVELS = st.lists(st.sampled_from(["a", "b", "$a", ""]), min_size=1, max_size=4).map("/".join)
FILTERS = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(st.sampled_from(["a", "b", "+", "$a", ""]), min_size=1, max_size=4),
    st.sampled_from([[], ["#"]]),
)


@settings(derandomize=True, deadline=None, database=None)
@given(FILTERS, LEVELS)
def test_there_is_a_reason_for_every_mismatch(topic_filter: str, topic: str) -> None:
    assume(not matches(topic_filter, topic, Dialect.AWS))
    reason = why_not(topic_filter, topic)
    if reason.startswith("the topic has"):
        assert topic.count("/") != topic_filter.count("/")
    else:
        assert reason.startswith(("a wildcard", "level ", "'#' stands"))
