"""Topic names and filters: what is allowed, what matches, and the tree that must agree with it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.broker.topic_tree import Subscription, TopicTree
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import (
    MAX_TOPIC_BYTES,
    Dialect,
    check_topic_filter,
    check_topic_name,
    decode_topic_name,
    matches,
)

FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)


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
    ],
)
def test_filters_that_may_not_be_subscribed_to(topic_filter: str, cause: str) -> None:
    with pytest.raises(InvalidTopic) as refusal:
        check_topic_filter(topic_filter)
    assert refusal.value.cause == cause
    assert len(str(refusal.value)) < 400


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
        assert refusal.value.cause == "topic-encoding"


@FEW
@given(st.text(max_size=12), st.text(max_size=12))
def test_a_name_is_a_filter_that_matches_itself_alone(first: str, second: str) -> None:
    for text in (first, second):
        try:
            check_topic_name(text)
        except InvalidTopic:
            return
        check_topic_filter(text)
    assert matches(first, second) == (first == second)


# Few different levels, so that much matches.
some_levels = st.sampled_from(["", "a", "b", "$x"])
topics = st.lists(some_levels, min_size=1, max_size=5).map("/".join).filter(bool)
filters = (
    st.builds(
        lambda middle, last: "/".join([*middle, last]),
        st.lists(st.one_of(some_levels, st.just("+")), max_size=4),
        st.one_of(some_levels, st.sampled_from(["+", "#"])),
    )
).filter(bool)
subscriptions = st.lists(
    st.tuples(filters, st.integers(0, 3), st.sampled_from(Dialect)), max_size=12
)


@FEW
@given(subscriptions, st.lists(st.tuples(filters, st.integers(0, 3)), max_size=8), topics)
def test_the_tree_finds_exactly_what_matches(
    added: list[tuple[str, int, Dialect]], removed: list[tuple[str, int]], topic: str
) -> None:
    tree: TopicTree[int] = TopicTree()
    held: dict[tuple[str, int], Dialect] = {}
    for topic_filter, subscriber, dialect in added:
        tree.add(Subscription(topic_filter, subscriber, 1, dialect))
        held[topic_filter, subscriber] = dialect
    for key in [*removed, *list(held)[::3]]:
        assert tree.remove(*key) is (held.pop(key, None) is not None)
    found = [(s.topic_filter, s.subscriber) for s in tree.match(topic)]
    assert len(found) == len(set(found))
    assert set(found) == {key for key, dialect in held.items() if matches(key[0], topic, dialect)}


@FEW
@given(subscriptions)
def test_a_tree_that_is_emptied_keeps_nothing(added: list[tuple[str, int, Dialect]]) -> None:
    tree: TopicTree[int] = TopicTree()
    for topic_filter, subscriber, dialect in added:
        tree.add(Subscription(topic_filter, subscriber, 1, dialect))
    for topic_filter, subscriber, _ in added:
        tree.remove(topic_filter, subscriber)
    assert tree._root.children == {}  # an empty branch per topic ever used would be a leak


def test_a_second_subscription_to_a_filter_replaces_the_first() -> None:
    tree: TopicTree[str] = TopicTree()
    tree.add(Subscription("a", "client", 0, Dialect.STANDARD))
    tree.add(Subscription("a", "client", 1, Dialect.STANDARD))
    assert [subscription.qos for subscription in tree.match("a")] == [1]


def test_thousands_of_levels_are_no_recursion() -> None:
    tree: TopicTree[str] = TopicTree()
    deep = "/".join("a" * 30_000)
    tree.add(Subscription(deep, "deep", 0, Dialect.STANDARD))
    tree.add(Subscription("#", "all", 0, Dialect.STANDARD))
    assert {subscription.subscriber for subscription in tree.match(deep)} == {"deep", "all"}
    assert tree.remove(deep, "deep")
    assert [found.subscriber for found in tree.match(deep + "/b")] == ["all"]
