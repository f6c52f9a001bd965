"""Topic names and filters: what is allowed, and what matches what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import (
    MAX_TOPIC_BYTES,
    Dialect,
    check_topic_filter,
    check_topic_name,
    decode_topic_name,
    matches,
    split_shared,
)
from tests.gateway.mqtt.strategies import FEW


@pytest.mark.parametrize(
    ("topic_filter", "topic", "standard", "aws"),
    [
        ("a", "a", True, True),
        ("a", "A", False, False),
        ("a", "a/", False, False),
        ("/a", "a", False, False),
        ("a/b", "a/b", True, True),
        ("+", "a", True, True),
        ("+", "/a", False, False),
        ("+/+", "/a", True, True),
        ("/+", "/a", True, True),
        ("+", "a/b", False, False),
        ("a/+", "a", False, False),
        ("a/+", "a/", True, True),
        ("a/+/c", "a/b/c", True, True),
        ("a/+/c", "a//c", True, True),
        ("a/+/c", "a/b/d", False, False),
        ("#", "a", True, True),
        ("#", "a/b/c", True, True),
        ("#", "/", True, True),
        ("a/#", "a", True, False),
        ("a/#", "a/", True, True),
        ("a/#", "a/b", True, True),
        ("a/#", "a/b/c", True, True),
        ("a/#", "ab", False, False),
        ("a/+/#", "a/b", True, False),
        ("a/+/#", "a/b/c", True, True),
        ("a/+/#", "a", False, False),
        ("#", "$SYS/x", False, False),
        ("+/x", "$SYS/x", False, False),
        ("$SYS/#", "$SYS/x", True, True),
        ("$SYS/+", "$SYS/x", True, True),
        ("a/#", "a/$x", True, True),
        ("+/$x", "a/$x", True, True),
        ("ü/+", "ü/ß", True, True),
    ],
)
def test_what_matches_what(topic_filter: str, topic: str, standard: bool, aws: bool) -> None:
    check_topic_filter(topic_filter)
    check_topic_name(topic)
    assert matches(topic_filter, topic) is standard
    assert matches(topic_filter, topic, Dialect.STANDARD) is standard
    assert matches(topic_filter, topic, Dialect.AWS) is aws


@pytest.mark.parametrize(
    ("topic", "cause"),
    [
        ("", "topic-empty"),
        ("a/+", "topic-wildcard"),
        ("#", "topic-wildcard"),
        ("a#b", "topic-wildcard"),
        ("a\0b", "topic-null"),
        ("x" * (MAX_TOPIC_BYTES + 1), "topic-too-long"),
        ("ü" * (MAX_TOPIC_BYTES // 2 + 1), "topic-too-long"),
    ],
)
def test_names_that_may_not_be_published_to(topic: str, cause: str) -> None:
    with pytest.raises(InvalidTopic) as refusal:
        check_topic_name(topic)
    assert refusal.value.cause == cause
    assert refusal.value.reason_code == (0x81 if cause == "topic-null" else 0x90)
    assert len(str(refusal.value)) < 400
    assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize(
    ("topic_filter", "cause"),
    [
        ("", "filter-empty"),
        ("a/#/b", "filter-wildcard"),
        ("#/", "filter-wildcard"),
        ("a#", "filter-wildcard"),
        ("#a", "filter-wildcard"),
        ("a+", "filter-wildcard"),
        ("a/+b/c", "filter-wildcard"),
        ("++", "filter-wildcard"),
        ("##", "filter-wildcard"),
        ("a\0", "topic-null"),
        ("x" * (MAX_TOPIC_BYTES + 1), "topic-too-long"),
        ("$share/", "filter-shared"),
        ("$share/g", "filter-shared"),
        ("$share/g/", "filter-shared"),
        ("$share//a", "filter-shared"),
        ("$share/+/a", "filter-shared"),
        ("$share/#", "filter-shared"),
        ("$share/g#/a", "filter-shared"),
        ("$share/g/a#", "filter-wildcard"),
        ("$share/g/#/a", "filter-wildcard"),
        ("$share/+", "filter-shared"),
    ],
)
def test_filters_that_may_not_be_subscribed_to(topic_filter: str, cause: str) -> None:
    with pytest.raises(InvalidTopic) as refusal:
        check_topic_filter(topic_filter)
    assert refusal.value.cause == cause
    assert refusal.value.reason_code == (0x81 if cause == "topic-null" else 0x8F)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("topic_filter", "shared"),
    [
        ("$share/g/a", ("g", "a")),
        ("$share/g/a/+/#", ("g", "a/+/#")),
        ("$share/g/#", ("g", "#")),
        ("$share/g//a", ("g", "/a")),
        ("$share/g//", ("g", "/")),
        ("$share/ü/$SYS/#", ("ü", "$SYS/#")),
        ("$share", None),
        ("$shared/g/a", None),
        ("$Share/g/a", None),
        ("a/$share/g/a", None),
        ("a", None),
    ],
)
def test_a_shared_subscription_is_taken_apart(
    topic_filter: str, shared: tuple[str, str] | None
) -> None:
    check_topic_filter(topic_filter)
    assert split_shared(topic_filter) == shared


@pytest.mark.parametrize("text", ["/", "//", " ", "a b", "$x", "x" * MAX_TOPIC_BYTES, "\ufeffa"])
def test_odd_names_that_are_allowed(text: str) -> None:
    check_topic_name(text)
    check_topic_filter(text)
    assert decode_topic_name(text.encode()) == text
    assert matches(text, text)


def test_names_that_are_no_utf_8_are_refused() -> None:
    for data in (b"\xff", b"a\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        with pytest.raises(InvalidTopic) as refusal:
            decode_topic_name(data)
        assert (refusal.value.cause, refusal.value.reason_code) == ("topic-encoding", 0x81)


@FEW
@given(st.text(max_size=12), st.text(max_size=12))
def test_a_name_is_a_filter_that_matches_itself_alone(first: str, second: str) -> None:
    for text in (first, second):
        try:
            check_topic_name(text)
        except InvalidTopic:
            return
        if not text.startswith("$share/"):
            check_topic_filter(text)
    assert matches(first, second) == (first == second)
