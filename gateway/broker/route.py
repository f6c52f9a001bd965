"""A route: everyone who gets the messages of one topic, arranged by how they get them.

Owns the arrangement, which is made once per topic and kept; knows nothing of the topic tree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, final

from gateway.broker.basic_ingest import ingests
from gateway.broker.outbound import Outbound
from gateway.broker.outgoing import Outgoing
from gateway.broker.stored_outgoing import StoredOutgoing
from gateway.broker.topic_tree import SubscriptionOptions
from gateway.message import Message
from gateway.mqtt.wire import encode_variable_byte_integer

if TYPE_CHECKING:
    from gateway.broker.session import Session
    from gateway.broker.shared import Group

__all__ = [
    "NOBODY",
    "VOLATILE",
    "Deliver",
    "Held",
    "Route",
    "Target",
    "identifier_property",
]

Deliver = Callable[[Message], None]

# Deliveries that wait for a commit, and for whom.
Held = list[tuple[Outgoing, Callable[[], None]]]

# The broker's own numbers: of no use after a restart, and not worth a write.
VOLATILE: Final = b"$SYS/"

# Most topics have few subscribers, many have none: their routes share this.
NOBODY: Final = ()


@final
class Target:
    """One session that gets the messages of a topic, and how.

    Attributes:
        outgoing: Where they go.
        qos: The highest QoS granted by any of its filters [MQTT-3.3.4-2].
        retain_as_published: One of its filters keeps the RETAIN flag.
        identifiers: The subscription identifiers of its filters, as properties on the wire.
        own: How the session gets what it published itself; None: not at all (no local).
    """

    __slots__ = ("identifiers", "outgoing", "own", "qos", "retain_as_published")

    def __init__(self, outgoing: Outgoing, filters: list[SubscriptionOptions]) -> None:
        self.outgoing = outgoing
        self.qos = max(options.qos for options in filters)
        self.retain_as_published = any(options.retain_as_published for options in filters)
        self.identifiers = b"".join(identifier_property(options.identifier) for options in filters)
        others = [options for options in filters if not options.no_local]
        self.own: Target | None = self
        if len(others) < len(filters):
            self.own = Target(outgoing, others) if others else None

    @property
    def is_plain(self) -> bool:
        """Whether the client gets the same bytes as others at its level."""
        return (
            self.outgoing.is_plain
            and self.own is self
            and not self.identifiers
            and not self.retain_as_published
        )

    def deliver(self, outbound: Outbound, held: Held | None) -> None:
        """Deliver a message as this session gets it.

        Args:
            outbound: The message.
            held: Where deliveries at QoS 2 wait for the commit; None if they need not.
        """
        target: Target | None = self
        if outbound.client_id == self.outgoing.client_id:
            target = self.own
        if target is None:
            return
        outgoing = self.outgoing
        qos = min(outbound.qos, target.qos)
        retain = outbound.retain and target.retain_as_published
        if held is None or qos < 2 or isinstance(outgoing, StoredOutgoing):
            outgoing.deliver(outbound, qos, retain, target.identifiers)
        else:
            # If its batch fails, the message comes again, and a client that has it would have it
            # twice. A persistent session holds its copies back itself.
            deliver = partial(outgoing.deliver, outbound, qos, retain, target.identifiers)
            held.append((outgoing, deliver))


@final
class Route:
    """Where the messages of one topic go.

    A client is *plain* if it gets the same bytes as others at its protocol level: no persistent
    session, no options that change the packet.

    Attributes:
        topic: The topic name.
        topic_bytes: The same, encoded.
        refused: Clients may not publish to it.
        local: In-process subscribers.
        plain4, plain5: At protocol level 4 and 5: all plain clients, for QoS 0 messages.
        qos0_4, qos0_5: The plain ones that were granted QoS 0.
        qos1_4, qos1_5: Those that were granted more.
        targets: The clients that are not plain.
        everyone: All clients, for messages that are not the same for all: QoS 2, message expiry.
        groups: Shared subscriptions.
        stored: A session that is kept on disk may be among them.
        volatile: What is retained of it stays in memory: the broker's own numbers.
        ingests: It is a topic of Basic Ingest: rules get its messages, and nobody else, now or
            later.
        simple4, simple5: There are in-process subscribers and plain clients of this level only, so
            that what comes from such a client goes out as it came.
    """

    __slots__ = (
        "everyone",
        "groups",
        "ingests",
        "local",
        "plain4",
        "plain5",
        "qos0_4",
        "qos0_5",
        "qos1_4",
        "qos1_5",
        "refused",
        "simple4",
        "simple5",
        "stored",
        "targets",
        "topic",
        "topic_bytes",
        "volatile",
    )

    def __init__(
        self,
        topic: str,
        topic_bytes: bytes,
        local: tuple[Deliver, ...] = (),
        sessions: Collection[tuple[Session, list[SubscriptionOptions]]] = (),
        groups: tuple[Group, ...] = (),
        refused: bool = False,
    ) -> None:
        self.topic = topic
        self.topic_bytes = topic_bytes
        self.refused = refused
        self.volatile = topic_bytes.startswith(VOLATILE)
        self.ingests = ingests(topic)
        self.local = local
        self.groups = groups
        self.targets: Sequence[Target] = NOBODY
        self.everyone: Sequence[Target] = NOBODY
        self.qos0_4: Sequence[Outgoing] = NOBODY
        self.qos1_4: Sequence[Outgoing] = NOBODY
        self.qos0_5: Sequence[Outgoing] = NOBODY
        self.qos1_5: Sequence[Outgoing] = NOBODY
        self.plain4: Sequence[Outgoing] = NOBODY
        self.plain5: Sequence[Outgoing] = NOBODY
        self.stored = bool(groups)
        if sessions:
            self._arrange([Target(session.outgoing, filters) for session, filters in sessions])
        # Basic Ingest that reaches no rule is counted, which is not for the short way.
        others = bool(self.targets or self.groups or refused or (self.ingests and not local))
        self.simple4 = not (others or self.plain5)
        self.simple5 = not (others or self.plain4)

    def _arrange(self, everyone: list[Target]) -> None:
        plain: dict[tuple[int, bool], list[Outgoing]] = {}
        targets = []
        for target in everyone:
            outgoing = target.outgoing
            self.stored = self.stored or isinstance(outgoing, StoredOutgoing)
            if target.is_plain:
                plain.setdefault((outgoing.level, target.qos > 0), []).append(outgoing)
            else:
                targets.append(target)
        self.everyone, self.targets = everyone, targets
        self.qos0_4, self.qos1_4 = plain.get((4, False), []), plain.get((4, True), [])
        self.qos0_5, self.qos1_5 = plain.get((5, False), []), plain.get((5, True), [])
        self.plain4 = [*self.qos1_4, *self.qos0_4]
        self.plain5 = [*self.qos1_5, *self.qos0_5]


def identifier_property(identifier: int) -> bytes:
    """Encode a subscription identifier as a property; nothing for 0."""
    return b"\x0b" + encode_variable_byte_integer(identifier) if identifier else b""
