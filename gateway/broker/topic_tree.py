"""The topic tree: subscriptions by topic filter, found by topic name.

Owns the tree; knows nothing of who subscribes. Clients' sessions and in-process subscribers stand
in the same tree, each subscription with its own dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar, final

from gateway.mqtt.topics import Dialect

__all__ = ["Subscription", "SubscriptionOptions", "TopicTree"]

Subscriber = TypeVar("Subscriber")


@dataclass(frozen=True, slots=True)
class SubscriptionOptions:
    """What a subscriber wants of the messages of one topic filter (MQTT 5.0, 3.8.3.1).

    Attributes:
        qos: The QoS granted.
        no_local: Not what the subscriber publishes itself.
        retain_as_published: Keep the RETAIN flag.
        retain_handling: Retained messages with the subscription: 0 always, 1 if it is new, 2 never.
        identifier: The subscription identifier; 0: none.
        dialect: What its wildcards mean.
    """

    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    identifier: int = 0
    dialect: Dialect = Dialect.STANDARD


@final
class Subscription(Generic[Subscriber]):
    """One subscriber's wish for the messages of one topic filter."""

    __slots__ = ("options", "subscriber", "topic_filter")

    def __init__(
        self, topic_filter: str, subscriber: Subscriber, options: SubscriptionOptions
    ) -> None:
        self.topic_filter = topic_filter
        self.subscriber = subscriber
        self.options = options


@final
class _Node(Generic[Subscriber]):
    __slots__ = ("children", "subscriptions")

    def __init__(self) -> None:
        self.children: dict[str, _Node[Subscriber]] = {}
        # By subscriber: a second subscription to the same filter replaces the first.
        self.subscriptions: dict[Subscriber, Subscription[Subscriber]] = {}


@final
class TopicTree(Generic[Subscriber]):
    """Subscriptions arranged by the levels of their filters. Subscribers are hashable objects."""

    def __init__(self) -> None:
        self._root: _Node[Subscriber] = _Node()

    def add(self, subscription: Subscription[Subscriber]) -> None:
        """Add a subscription; one with the same filter and subscriber is replaced."""
        node = self._root
        for level in subscription.topic_filter.split("/"):
            child = node.children.get(level)
            if child is None:
                child = node.children[level] = _Node()
            node = child
        node.subscriptions[subscription.subscriber] = subscription

    def remove(self, topic_filter: str, subscriber: Subscriber) -> bool:
        """Remove a subscription; return whether there was one."""
        path = [self._root]
        levels = topic_filter.split("/")
        for level in levels:
            child = path[-1].children.get(level)
            if child is None:
                return False
            path.append(child)
        if path[-1].subscriptions.pop(subscriber, None) is None:
            return False
        for level in reversed(levels):  # empty branches would be a leak
            node = path.pop()
            if node.children or node.subscriptions:
                break
            del path[-1].children[level]
        return True

    def match(self, topic: str) -> Iterator[Subscription[Subscriber]]:
        """Yield every subscription whose filter matches this topic name, in no set order."""
        levels = topic.split("/")
        last = len(levels)
        # A list of places still to visit, not recursion: a topic may have thousands of levels.
        places = [(self._root, 0)]
        while places:
            node, at = places.pop()
            # Wildcards of the first level don't see names that begin with $ [MQTT-4.7.2-1].
            wildcards = at > 0 or not topic.startswith("$")
            rest = node.children.get("#") if wildcards else None
            if rest is not None:
                for subscription in rest.subscriptions.values():
                    if at < last or subscription.options.dialect is Dialect.STANDARD:
                        yield subscription
            if at == last:
                yield from node.subscriptions.values()
                continue
            child = node.children.get(levels[at])
            if child is not None:
                places.append((child, at + 1))
            child = node.children.get("+") if wildcards else None
            if child is not None:
                places.append((child, at + 1))
