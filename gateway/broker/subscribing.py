"""SUBSCRIBE and UNSUBSCRIBE: which subscriptions a session is granted.

Owns the limits on what one client may hold and what goes with a new subscription (the retained
messages); the tree that it goes into is the router's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, final

from gateway.broker.access import Access, Identity
from gateway.broker.outbound import Outbound
from gateway.broker.profile import Profile
from gateway.broker.retained import Budget
from gateway.broker.route import identifier_property
from gateway.broker.router import ROW_BYTES, Router
from gateway.broker.session import Session
from gateway.broker.session_records import SessionRecords
from gateway.broker.topic_tree import SubscriptionOptions
from gateway.errors import StoreError
from gateway.metrics import Metrics
from gateway.mqtt.errors import InvalidTopic, ProtocolViolation
from gateway.mqtt.packets import Subscribe, SubscriptionRequest, Unsubscribe
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.topics import split_shared
from gateway.store import Store

__all__ = ["Subscribing"]

SUBACK_FAILURE: Final = 0x80

# Retained messages that one client may be owed at once, over all its subscriptions.
MAX_OWED: Final = 200_000

# Branches of the tree of retained topics that one SUBSCRIBE may look at: some tenths of a second.
MAX_LOOKED_AT: Final = 500_000

# Filters of one client in characters: a thousand of the longest would be 65 MB.
MAX_FILTER_CHARACTERS: Final = 256 * 1024


@final
class _Asked:
    """What the filters of one SUBSCRIBE share.

    Attributes:
        then: What is to be done once the SUBACK has left.
        budget: How much work it may still cause.
    """

    __slots__ = ("access", "budget", "identifier", "identity", "profile", "then")

    def __init__(
        self, profile: Profile, access: Access, identity: Identity, identifier: int
    ) -> None:
        self.profile = profile
        self.access = access
        self.identity = identity
        self.identifier = identifier
        self.then: list[Callable[[], None]] = []
        self.budget = Budget(MAX_LOOKED_AT)


@final
class Subscribing:
    """Grants subscriptions and takes them back.

    Args:
        router: Where they go.
        records: Where they are on disk.
        store: What retained messages for persistent sessions join.
        metrics: Where refusals are counted.
    """

    def __init__(
        self, router: Router, records: SessionRecords, store: Store, metrics: Metrics
    ) -> None:
        self._metrics = metrics
        self._refused = metrics.counter(
            "mqtt.subscribe.refused", "topic filters of a SUBSCRIBE that were refused"
        )
        self._router = router
        self._records = records
        self._store = store

    def subscribe(
        self,
        session: Session,
        packet: Subscribe,
        profile: Profile,
        access: Access,
        identity: Identity,
    ) -> tuple[bytes, list[Callable[[], None]]]:
        """Grant what may be granted.

        Returns:
            The SUBACK's codes, one per filter, in order; and what is to be done once the SUBACK has
            left: sending retained messages. (They may come first, but simple clients do not
            expect them to.)

        Raises:
            ProtocolViolation: The packet may not be answered at all.
        """
        identifiers = packet.properties.subscription_identifiers
        if identifiers and not profile.subscription_identifiers:
            raise ProtocolViolation(
                "subscription-identifier",
                "a SUBSCRIBE with a subscription identifier, which this listener does not take",
                ReasonCode.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
            )
        too_many = len(packet.subscriptions) > profile.max_filters
        for request in packet.subscriptions:  # all of them before the first is granted
            if request.no_local and split_shared(request.topic_filter) is not None:
                raise ProtocolViolation(  # [MQTT-3.8.3-4]
                    "shared-no-local", "a shared subscription with No Local"
                )
        codes = bytearray()
        asked = _Asked(profile, access, identity, identifiers[0] if identifiers else 0)
        for request in packet.subscriptions:
            code: int = ReasonCode.QUOTA_EXCEEDED
            if not too_many:
                code = self._grant(session, request, asked)
            if code >= SUBACK_FAILURE:
                self._count_refusal(code)
            if code >= SUBACK_FAILURE and session.level < 5:
                code = SUBACK_FAILURE
            codes.append(code)
        return bytes(codes), asked.then

    def unsubscribe(self, session: Session, packet: Unsubscribe, profile: Profile) -> bytes:
        """Take subscriptions back; return the UNSUBACK's codes (MQTT 5), one per filter."""
        codes = bytearray()
        for topic_filter in packet.topic_filters:
            if self._router.unsubscribe(session, topic_filter):
                self._records.subscription(session, topic_filter, added=False)
                codes.append(ReasonCode.SUCCESS)
            else:
                # AWS IoT Core does not tell the two apart.
                codes.append(0 if profile.is_aws else ReasonCode.NO_SUBSCRIPTION_EXISTED)
        return bytes(codes)

    def _count_refusal(self, code: int) -> None:
        self._refused.value += 1
        name = ReasonCode(code).name.lower()
        self._metrics.counter(f"mqtt.subscribe.refused.{name}").value += 1

    def _grant(self, session: Session, request: SubscriptionRequest, asked: _Asked) -> int:
        profile, identifier = asked.profile, asked.identifier
        topic_filter = request.topic_filter
        try:
            profile.check_topic_filter(topic_filter)
        except InvalidTopic as error:
            return error.reason_code
        if not asked.access.may_subscribe(asked.identity, topic_filter):
            return ReasonCode.NOT_AUTHORIZED
        is_new = topic_filter not in session.subscriptions
        if is_new and not _has_room(session, topic_filter, profile):
            return ReasonCode.QUOTA_EXCEEDED
        options = SubscriptionOptions(
            min(request.qos, profile.max_qos),  # a server may grant less [MQTT-3.8.4-8]
            request.no_local,
            request.retain_as_published,
            request.retain_handling,
            identifier,
            profile.dialect,
        )
        outgoing = session.outgoing
        topics: list[bytes] = []
        if split_shared(topic_filter) is None and (
            request.retain_handling == 0 or (request.retain_handling == 1 and is_new)
        ):
            found = self._router.retained.find(
                topic_filter, profile.dialect, exact_only=profile.is_aws, budget=asked.budget
            )
            if found is None or outgoing.replays.owed + len(found) > MAX_OWED:
                return ReasonCode.QUOTA_EXCEEDED
            topics = found
        try:
            self._records.subscription(session, topic_filter, added=True)
            messages = self._stored_copies(session, topics, options) if topics else None
        except StoreError:
            return ReasonCode.QUOTA_EXCEEDED
        self._router.subscribe(session, topic_filter, options)
        identifiers = identifier_property(identifier)
        if messages is not None:
            outgoing.hold()
            for outbound, qos in messages:
                outgoing.deliver(outbound, qos, True, identifiers)
            asked.then.append(outgoing.go_on)
            kept = {outbound.topic_bytes for outbound, _ in messages}
            topics = [topic_bytes for topic_bytes in topics if topic_bytes not in kept]
        if topics:
            outgoing.replays.promise(len(topics))
            qos = options.qos if messages is None else 0
            in_turn = self._router.retained.replay(topics, qos, identifiers)
            asked.then.append(partial(outgoing.replay, in_turn, len(topics)))
        return options.qos

    def _stored_copies(
        self, session: Session, topics: list[bytes], options: SubscriptionOptions
    ) -> list[tuple[Outbound, int]] | None:
        """Return the retained messages of which a persistent session gets copies on disk.

        The others it gets as it takes them; None: all of them.

        Raises:
            StoreError: There is no room for them.
        """
        if not session.persistent or not options.qos:
            return None
        found = []
        size_bytes = 0
        for outbound, qos, _ in self._router.retained.replay(topics, options.qos, b""):
            if qos:
                found.append((outbound, qos))
                size_bytes += ROW_BYTES + (0 if outbound.number else outbound.size_bytes)
        if size_bytes:
            self._store.join(size_bytes)
        return found


def _has_room(session: Session, topic_filter: str, profile: Profile) -> bool:
    held = session.subscriptions
    return (
        len(held) < profile.max_subscriptions
        and sum(map(len, held)) + len(topic_filter) <= MAX_FILTER_CHARACTERS
    )
