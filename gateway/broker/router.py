"""The router: from a topic to everyone who wants its messages.

Owns the topic tree and the routes found through it, cached per topic. Knows sessions and in-process
subscribers; knows nothing of connections or of what a subscriber does with a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, final

from gateway.broker.basic_ingest import counted, ingests
from gateway.broker.outbound import Outbound, publish_head
from gateway.broker.outgoing import Outgoing
from gateway.broker.profile import Profile
from gateway.broker.retained import RetainedMessages
from gateway.broker.route import NOBODY, Deliver, Held, Route, Target
from gateway.broker.session import Session
from gateway.broker.shared import Group
from gateway.broker.topic_tree import Subscription, SubscriptionOptions, TopicTree
from gateway.errors import StoreError
from gateway.message import Message
from gateway.metrics import Metrics
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import (
    Dialect,
    check_topic_filter,
    check_topic_name,
    decode_topic_name,
    split_shared,
)
from gateway.mqtt.wire import encode_variable_byte_integer
from gateway.store import Store

__all__ = ["LocalSubscriber", "Route", "Router"]

# Routes kept; beyond this the cache starts anew (devices that make up topics must not fill memory).
MAX_ROUTES: Final = 10_000

# Routes of longer topic names are found anew each time: 10,000 of 64 KB would be 1.3 GB.
MAX_KEPT_TOPIC_BYTES: Final = 1024

# What a message weighs on disk beside its topic and payload, for the admission limit.
ROW_BYTES: Final = 128


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
class Router:
    """Finds who gets a message.

    Args:
        store: What durable deliveries join.
        retained: Where retained messages are kept.
        metrics: Where refusals are counted.
        max_topic_levels: Deeper topic names are refused.

    Attributes:
        routes: The cache: encoded topic name to route.
    """

    def __init__(
        self, store: Store, retained: RetainedMessages, metrics: Metrics, max_topic_levels: int
    ) -> None:
        self.routes: dict[bytes, Route] = {}
        self.retained = retained
        self.max_topic_levels = max_topic_levels
        self.subscription_count = 0
        self.shared_subscription_count = 0
        self._store = store
        # For each profile, the routes that its clients may use: connections look here first.
        self._allowed: dict[str, dict[bytes, Route]] = {}
        self._tree: TopicTree[Session | LocalSubscriber | Group] = TopicTree()
        self._groups: dict[tuple[str, Dialect], Group] = {}
        self._refused = metrics.counter(
            "mqtt.publish.refused", "messages not taken because the store had no room"
        )
        self._unknown_rule = metrics.counter(
            "mqtt.basic_ingest.unknown_rule", "Basic Ingest messages that reached no rule"
        )
        metrics.gauge("mqtt.subscriptions", lambda: self.subscription_count)

    # --- subscriptions ---------------------------------------------------------------------------

    def subscribe(self, session: Session, topic_filter: str, options: SubscriptionOptions) -> None:
        """Let a session have the messages of this filter, or change how it gets them.

        A filter `$share/NAME/…` makes it a member of that group.
        """
        if topic_filter not in session.subscriptions:
            self.subscription_count += 1
        session.subscriptions[topic_filter] = options
        shared = split_shared(topic_filter)
        if shared is None:
            self._tree.add(Subscription(topic_filter, session, options))
            self._forget(topic_filter)
            return
        group = self._groups.get((topic_filter, options.dialect))
        if group is None:
            group = self._groups[topic_filter, options.dialect] = Group(shared[1])
            self._tree.add(Subscription(shared[1], group, options))
            self._forget(shared[1])
        if session not in group.members:
            self.shared_subscription_count += 1
        group.members[session] = Target(session.outgoing, [options])

    def unsubscribe(self, session: Session, topic_filter: str) -> bool:
        """Take a session's subscription back; return whether there was one."""
        options = session.subscriptions.pop(topic_filter, None)
        if options is None:
            return False
        self.subscription_count -= 1
        shared = split_shared(topic_filter)
        if shared is None:
            self._tree.remove(topic_filter, session)
            self._forget(topic_filter)
            return True
        group = self._groups[topic_filter, options.dialect]
        del group.members[session]
        self.shared_subscription_count -= 1
        if not group.members:
            del self._groups[topic_filter, options.dialect]
            self._tree.remove(shared[1], group)
            self._forget(shared[1])
        return True

    def subscribe_local(
        self, topic_filter: str, deliver: Deliver, dialect: Dialect = Dialect.STANDARD
    ) -> LocalSubscriber:
        """Let an in-process subscriber have the messages of this filter.

        Raises:
            InvalidTopic: The filter is not allowed.
        """
        check_topic_filter(topic_filter)
        subscriber = LocalSubscriber(topic_filter, deliver)
        options = SubscriptionOptions(qos=2, dialect=dialect)
        self._tree.add(Subscription(topic_filter, subscriber, options))
        self._forget(topic_filter)
        return subscriber

    def unsubscribe_local(self, subscriber: LocalSubscriber) -> None:
        """Take an in-process subscription back."""
        if self._tree.remove(subscriber.topic_filter, subscriber):
            self._forget(subscriber.topic_filter)

    # --- routes ----------------------------------------------------------------------------------

    def allowed(self, profile: Profile) -> dict[bytes, Route]:
        """Return the cache of the routes that clients of this profile may use."""
        return self._allowed.setdefault(profile.name, {})

    def find_for(self, profile: Profile, topic_bytes: bytes, topic: str = "") -> Route:
        """Return the route for what a client publishes, and keep it unless the name is very long.

        Args:
            profile: The rules of its listener.
            topic_bytes: The topic name, encoded.
            topic: The same, where it has been decoded and checked already.

        Raises:
            InvalidTopic: Nothing may be published to this name.
        """
        topic = topic or decode_topic_name(topic_bytes)
        profile.check_topic_name(topic)
        if profile.may_publish(topic, False):
            route = self.routes.get(topic_bytes) or self.find(topic_bytes, topic)
        else:
            route = Route(topic, topic_bytes, refused=True)
        return self._keep(self.allowed(profile), route)

    def find(self, topic_bytes: bytes, topic: str = "") -> Route:
        """Return the route of this encoded topic name, and keep it unless the name is very long.

        Args:
            topic_bytes: The topic name, encoded.
            topic: The same, where it has been decoded and checked already.

        Raises:
            InvalidTopic: Nothing may be published to this name.
        """
        topic = topic or decode_topic_name(topic_bytes)
        self.check_levels(topic)
        if ingests(topic):
            return self._keep(self.routes, self._ingesting(topic, topic_bytes))
        local = []
        groups = []
        sessions: dict[Session, list[SubscriptionOptions]] = {}
        for subscription in self._tree.match(topic):
            subscriber = subscription.subscriber
            if isinstance(subscriber, Session):
                sessions.setdefault(subscriber, []).append(subscription.options)
            elif isinstance(subscriber, Group):
                groups.append(subscriber)
            else:
                local.append(subscriber.deliver)
        route = Route(topic, topic_bytes, tuple(local), sessions.items(), tuple(groups))
        return self._keep(self.routes, route)

    def check_levels(self, topic: str) -> None:
        """Refuse a topic name with too many levels; the prefix of Basic Ingest does not count.

        Raises:
            InvalidTopic: It has more than `max_topic_levels`.
        """
        if counted(topic).count("/") >= self.max_topic_levels:
            raise InvalidTopic(
                "topic-levels", f"a topic name has more than {self.max_topic_levels} levels"
            )

    # --- messages --------------------------------------------------------------------------------

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
            route = self.find(topic_bytes, message.topic)
        self.deliver(route, message)

    def deliver(
        self, route: Route, message: Message, *, durable: bool = False, may_lose: bool = False
    ) -> None:
        """Give a message to everyone on its route, and keep it if it is to be retained.

        Args:
            route: Of its topic.
            message: The message.
            durable: Something of this publish has joined the open batch already.
            may_lose: What cannot be kept is counted, and clients get the message all the same: a
                client's QoS 0.

        Raises:
            StoreError: Something durable could not be taken. No client got this message.
        """
        qos, retain = message.qos, message.retain
        if route.ingests:
            retain = False
            if not route.local:
                self._unknown_rule.value += 1
        keep = retain
        joined = self._store.joined
        if (retain and not route.volatile) or (qos and route.stored):
            size_bytes = len(message.payload) + len(route.topic_bytes) + ROW_BYTES
            if not message.payload and not (qos and route.stored):
                size_bytes = 0  # removes what is retained: it makes room
            try:
                self._store.join(size_bytes)
            except StoreError:
                self._refused.value += 1
                if not may_lose:
                    raise
                keep = False
        if route.local:
            self.deliver_locally(route, message, may_lose=may_lose)
        outbound = None
        if retain or route.targets or route.groups or qos == 2 or message.expires_at_ms:
            outbound = Outbound(
                route.topic_bytes,
                message.payload,
                qos,
                retain,
                message.properties,
                message.expires_at_ms,
                message.publisher.client_id,
            )
            if keep:
                self.retained.keep(outbound)
            held: Held | None = None
            if qos == 2 and (durable or self._store.joined != joined):
                held = []
            for group in route.groups:
                group.deliver(outbound, held)
            if qos == 2 or message.expires_at_ms:
                for target in route.everyone:
                    target.deliver(outbound, held)
                if held:
                    self._store.on_commit(partial(_deliver_held, held))
                return
            for target in route.targets:
                target.deliver(outbound, None)
        if route.plain4:
            _deliver_plain(
                route.topic_bytes, message.payload, route.qos1_4 if qos else NOBODY,
                route.qos0_4 if qos else route.plain4,
            )  # fmt: skip
        if route.plain5:
            properties = message.properties
            tail = encode_variable_byte_integer(len(properties)) + properties + message.payload
            _deliver_plain(
                route.topic_bytes, tail, route.qos1_5 if qos else NOBODY,
                route.qos0_5 if qos else route.plain5,
            )  # fmt: skip

    def deliver_locally(self, route: Route, message: Message, *, may_lose: bool = False) -> None:
        """Give a message to the in-process subscribers of its route.

        Args:
            route: Of its topic.
            message: The message.
            may_lose: What cannot be kept is counted, no more.

        Raises:
            StoreError: Something durable could not be taken.
        """
        try:
            for deliver in route.local:
                deliver(message)
        except StoreError:
            self._refused.value += 1
            if not may_lose:
                raise

    # --- inside ----------------------------------------------------------------------------------

    def _ingesting(self, topic: str, topic_bytes: bytes) -> Route:
        """Return the route of a Basic Ingest topic: clients do not get what is published to it."""
        subscribers: list[Deliver] = []
        if counted(topic):
            for subscription in self._tree.match(topic):
                if isinstance(subscription.subscriber, LocalSubscriber):
                    subscribers.append(subscription.subscriber.deliver)
        return Route(topic, topic_bytes, tuple(subscribers))

    @staticmethod
    def _keep(routes: dict[bytes, Route], route: Route) -> Route:
        if len(route.topic_bytes) <= MAX_KEPT_TOPIC_BYTES:
            if len(routes) >= MAX_ROUTES:
                routes.clear()
            routes[route.topic_bytes] = route
        return route

    def _forget(self, topic_filter: str) -> None:
        """Drop the routes that a changed subscription may concern."""
        for routes in (self.routes, *self._allowed.values()):
            if "+" in topic_filter or "#" in topic_filter:
                routes.clear()
            else:
                routes.pop(topic_filter.encode(), None)


def _deliver_held(held: Held, error: StoreError | None) -> None:
    """Deliver QoS 2 messages whose batch is on disk; if it failed, they will be sent again."""
    if error is None:
        for outgoing, deliver in held:
            if not outgoing.over:
                deliver()


def _deliver_plain(
    topic_bytes: bytes, tail: bytes, qos1: Sequence[Outgoing], qos0: Sequence[Outgoing]
) -> None:
    """Deliver to the plain clients of one protocol level: the same bytes to all of them."""
    if qos1:
        head = publish_head(topic_bytes, 2 + len(tail), 1)
        for outgoing in qos1:
            outgoing.deliver_qos1(head, tail)
    if qos0:
        packet = publish_head(topic_bytes, len(tail), 0) + tail
        for outgoing in qos0:
            outgoing.deliver_qos0(packet)
