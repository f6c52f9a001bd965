"""The router: from a topic to everyone who wants its messages.

Owns the topic tree and the routes found through it, cached per topic. Knows sessions and in-process
subscribers; knows nothing of connections or of what a subscriber does with a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from gateway.broker.session import Session
from gateway.broker.topic_tree import Subscription, TopicTree
from gateway.errors import StoreError
from gateway.message import Message
from gateway.metrics import Metrics
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.packets import Publish, encode_publish, encode_remaining_length
from gateway.mqtt.topics import Dialect, check_topic_filter, check_topic_name, decode_topic_name

__all__ = ["LocalSubscriber", "Route", "Router"]

# Routes kept; beyond this the cache starts anew (devices that make up topics must not fill memory).
MAX_ROUTES = 10_000

# Routes of longer topic names are found anew each time: 10,000 of 64 KB would be 1.3 GB.
MAX_KEPT_TOPIC_BYTES = 1024

Deliver = Callable[[Message], None]


@final
class LocalSubscriber:
    """An in-process subscriber: a rule, a live view, a device that takes commands.

    Attributes:
        deliver: Called with each message, on the event loop, before clients get it. It may raise
            StoreError, which refuses the publish; its other failures are its own to handle.
    """

    __slots__ = ("deliver", "topic_filter")

    def __init__(self, topic_filter: str, deliver: Deliver) -> None:
        self.topic_filter = topic_filter
        self.deliver = deliver


@final
class Route:
    """Where the messages of one topic go.

    Attributes:
        local: In-process subscribers.
        sessions: Every client session, each once; what a QoS 0 message goes to.
        qos0: Those of them that were granted QoS 0.
        qos1: Those that were granted QoS 1.
    """

    __slots__ = ("local", "qos0", "qos1", "sessions", "topic")

    def __init__(
        self, topic: str, local: tuple[Deliver, ...], qos0: list[Session], qos1: list[Session]
    ) -> None:
        self.topic = topic
        self.local = local
        self.qos0 = qos0
        self.qos1 = qos1
        self.sessions = qos1 + qos0


@final
class Router:
    """Finds who gets a message.

    Args:
        metrics: Where refusals are counted.
        max_topic_levels: Deeper topic names are refused.

    Attributes:
        routes: The cache: encoded topic name to route. Connections look here first.
    """

    def __init__(self, metrics: Metrics, max_topic_levels: int) -> None:
        self.routes: dict[bytes, Route] = {}
        self.max_topic_levels = max_topic_levels
        self._tree: TopicTree[Session | LocalSubscriber] = TopicTree()
        self._refused = metrics.counter(
            "mqtt.publish.refused", "messages not taken because the store had no room"
        )

    def subscribe(self, session: Session, topic_filter: str, qos: int, dialect: Dialect) -> None:
        """Let a session have the messages of this filter, at `qos` at most."""
        self._tree.add(Subscription(topic_filter, session, qos, dialect))
        self._forget(topic_filter)

    def unsubscribe(self, session: Session, topic_filter: str) -> None:
        """Take a session's subscription back."""
        if self._tree.remove(topic_filter, session):
            self._forget(topic_filter)

    def subscribe_local(
        self, topic_filter: str, deliver: Deliver, dialect: Dialect = Dialect.STANDARD
    ) -> LocalSubscriber:
        """Let an in-process subscriber have the messages of this filter.

        Raises:
            InvalidTopic: The filter is not allowed.
        """
        check_topic_filter(topic_filter)
        subscriber = LocalSubscriber(topic_filter, deliver)
        self._tree.add(Subscription(topic_filter, subscriber, 1, dialect))
        self._forget(topic_filter)
        return subscriber

    def unsubscribe_local(self, subscriber: LocalSubscriber) -> None:
        """Take an in-process subscription back."""
        if self._tree.remove(subscriber.topic_filter, subscriber):
            self._forget(subscriber.topic_filter)

    def find(self, topic_bytes: bytes) -> Route:
        """Return the route of this encoded topic name, and keep it unless the name is very long.

        Raises:
            InvalidTopic: Nothing may be published to this name.
        """
        topic = decode_topic_name(topic_bytes)
        self.check_levels(topic)
        local = []
        granted: dict[Session, int] = {}
        for subscription in self._tree.match(topic):
            subscriber = subscription.subscriber
            if isinstance(subscriber, Session):
                # Overlapping filters give one copy, at the highest QoS [MQTT-3.3.5-1].
                granted[subscriber] = max(granted.get(subscriber, 0), subscription.qos)
            else:
                local.append(subscriber.deliver)
        route = Route(
            topic,
            tuple(local),
            [session for session, qos in granted.items() if qos == 0],
            [session for session, qos in granted.items() if qos > 0],
        )
        if len(topic_bytes) <= MAX_KEPT_TOPIC_BYTES:
            if len(self.routes) >= MAX_ROUTES:
                self.routes.clear()
            self.routes[topic_bytes] = route
        return route

    def check_levels(self, topic: str) -> None:
        """Refuse a topic name with too many levels.

        Raises:
            InvalidTopic: It has more than `max_topic_levels`.
        """
        if topic.count("/") >= self.max_topic_levels:
            raise InvalidTopic(
                "topic-levels", f"a topic name has more than {self.max_topic_levels} levels"
            )

    def publish(self, message: Message) -> None:
        """Route a message that comes from inside: a republish, a will, a device, a person.

        Raises:
            InvalidTopic: Nothing may be published to its topic.
            StoreError: Something durable could not be taken. No client got this message; what a
                rule republished before may have gone out already, and will again.
        """
        topic_bytes = message.topic.encode()
        route = self.routes.get(topic_bytes)
        if route is None:
            check_topic_name(message.topic)
            route = self.find(topic_bytes)
        if route.local:
            self.deliver_locally(route, message)
        if not route.sessions:
            return
        payload = message.payload
        if message.qos == 0 or route.qos0:
            packet = encode_publish(Publish(message.topic, payload))
            for session in route.sessions if message.qos == 0 else route.qos0:
                session.deliver_qos0(packet)
        if message.qos and route.qos1:
            topic_field = len(topic_bytes).to_bytes(2, "big") + topic_bytes
            length = encode_remaining_length(len(topic_field) + 2 + len(payload))
            head = b"\x32" + length + topic_field
            for session in route.qos1:
                session.deliver_qos1(head, payload)

    def deliver_locally(self, route: Route, message: Message) -> None:
        """Give a message to the in-process subscribers of its route.

        Raises:
            StoreError: Something durable could not be taken.
        """
        try:
            for deliver in route.local:
                deliver(message)
        except StoreError:
            self._refused.value += 1
            raise

    def _forget(self, topic_filter: str) -> None:
        """Drop the routes that a changed subscription may concern."""
        if "+" in topic_filter or "#" in topic_filter:
            self.routes.clear()
        else:
            self.routes.pop(topic_filter.encode(), None)
