"""The broker's topic tree finds exactly what `matches` says."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.broker.topic_tree import Subscription, SubscriptionOptions, TopicTree
from gateway.mqtt.topics import Dialect, matches
from tests.gateway.mqtt.strategies import FEW

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


@settings(FEW, max_examples=150)
@given(subscriptions, st.lists(st.tuples(filters, st.integers(0, 3)), max_size=8), topics)
def test_the_tree_finds_exactly_what_matches(
    added: list[tuple[str, int, Dialect]], removed: list[tuple[str, int]], topic: str
) -> None:
    tree: TopicTree[int] = TopicTree()
    held: dict[tuple[str, int], Dialect] = {}
    for topic_filter, subscriber, dialect in added:
        tree.add(Subscription(topic_filter, subscriber, SubscriptionOptions(1, dialect=dialect)))
        held[topic_filter, subscriber] = dialect
    for key in [*removed, *list(held)[::3]]:
        assert tree.remove(*key) is (held.pop(key, None) is not None)
    found = [(s.topic_filter, s.subscriber) for s in tree.match(topic)]
    assert len(found) == len(set(found))
    assert set(found) == {key for key, dialect in held.items() if matches(key[0], topic, dialect)}


@settings(FEW, max_examples=150)
@given(subscriptions)
def test_a_tree_that_is_emptied_keeps_nothing(added: list[tuple[str, int, Dialect]]) -> None:
    tree: TopicTree[int] = TopicTree()
    for topic_filter, subscriber, dialect in added:
        tree.add(Subscription(topic_filter, subscriber, SubscriptionOptions(1, dialect=dialect)))
    for topic_filter, subscriber, _ in added:
        tree.remove(topic_filter, subscriber)
    assert tree._root.children == {}  # an empty branch per topic ever used would be a leak


def test_a_second_subscription_to_a_filter_replaces_the_first() -> None:
    tree: TopicTree[str] = TopicTree()
    tree.add(Subscription("a", "client", SubscriptionOptions(0)))
    tree.add(Subscription("a", "client", SubscriptionOptions(1)))
    assert [subscription.options.qos for subscription in tree.match("a")] == [1]


def test_thousands_of_levels_are_no_recursion() -> None:
    tree: TopicTree[str] = TopicTree()
    deep = "/".join("a" * 30_000)
    tree.add(Subscription(deep, "deep", SubscriptionOptions()))
    tree.add(Subscription("#", "all", SubscriptionOptions()))
    assert {subscription.subscriber for subscription in tree.match(deep)} == {"deep", "all"}
    assert tree.remove(deep, "deep")
    assert [found.subscriber for found in tree.match(deep + "/b")] == ["all"]
