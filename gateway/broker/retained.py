"""Retained messages: the last one of each topic, for those who subscribe later.

Owns them in memory, by topic and in a tree for wildcards, and their limits; what is on disk follows
through the journal, in the transaction of the publish that brought them. `$SYS` topics stay in
memory only. Source: MQTT 3.1.1 and 5.0, section 3.3.1.3.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, final

from gateway.broker.journal import Journal
from gateway.broker.outbound import Outbound
from gateway.broker.replays import Replay
from gateway.broker.route import VOLATILE
from gateway.broker.settings import MqttSettings
from gateway.metrics import Metrics
from gateway.mqtt.topics import Dialect
from gateway.store import Store

__all__ = ["Budget", "RetainedMessages"]

log = logging.getLogger(__name__)

# What a retained message costs in memory beside its bytes, and each level of its topic.
OVERHEAD_BYTES: Final = 768
LEVEL_BYTES: Final = 256

_ROWS: Final = (
    "SELECT r.topic, r.wall_ms, m.message, m.payload, m.qos, m.properties, m.expires_at_ms"
    " FROM mqtt_retained AS r JOIN mqtt_message AS m ON m.message = r.message"
)


@final
class _Node:
    __slots__ = ("children", "topic_bytes")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.topic_bytes: bytes | None = None


@final
class Budget:
    """How much work one SUBSCRIBE may cause: the loop does nothing else meanwhile.

    Attributes:
        left: Branches of the topic tree that may still be looked at.
    """

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


@final
class RetainedMessages:
    """The retained messages of all topics.

    Args:
        settings: Their limits.
        store: Where they are read from.
        journal: Where changes go.
        metrics: Where refusals are counted.
        now_ms: Gateway time.
        wall_ms: Wall time.
    """

    def __init__(
        self,
        settings: MqttSettings,
        store: Store,
        journal: Journal,
        metrics: Metrics,
        now_ms: Callable[[], int],
        wall_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._store = store
        self._journal = journal
        self._now_ms = now_ms
        self._wall_ms = wall_ms
        self._messages: dict[bytes, tuple[Outbound, int]] = {}
        self._root = _Node()
        self._count = 0
        self._size_bytes = 0
        # Those that will expire, and when the first of them does.
        self._expiring: dict[bytes, int] = {}
        self._next_expiry_ms = 0
        self._refusing = False
        self._refused = metrics.counter(
            "mqtt.retain.not_kept", "messages with RETAIN not kept because the limit is reached"
        )
        metrics.gauge("mqtt.retained", lambda: self._count)
        metrics.gauge("mqtt.retained_bytes", lambda: self._size_bytes)
        journal.reverted = self._revert
        for row in store.reader.execute(_ROWS):
            self._restore(row)

    @property
    def size_bytes(self) -> int:
        """What they weigh in memory."""
        return self._size_bytes

    def __len__(self) -> int:
        return self._count

    def get(self, topic_bytes: bytes) -> tuple[Outbound, int] | None:
        """Return the retained message of a topic and the wall time of its publish."""
        return self._messages.get(topic_bytes)

    def keep(self, outbound: Outbound) -> None:
        """Keep a message that was published with RETAIN; an empty one removes what was kept.

        The publish has joined the open batch already.
        """
        topic_bytes = outbound.topic_bytes
        earlier = self._messages.get(topic_bytes)
        if not outbound.payload:
            self._forget(topic_bytes)
            return
        volatile = topic_bytes.startswith(VOLATILE)
        if not volatile and not self._has_room(outbound, earlier):
            self._forget(topic_bytes)  # rather none than one that is not true any more
            self._refuse()
            return
        self._refusing = False
        wall_ms = self._wall_ms()
        self._put(outbound, wall_ms)
        self._record(topic_bytes, outbound, wall_ms, earlier)

    def find(
        self, topic_filter: str, dialect: Dialect, *, exact_only: bool, budget: Budget
    ) -> list[bytes] | None:
        """Return the topics of the retained messages that match a filter.

        None if the budget is used up before all have been found.

        Args:
            topic_filter: A valid filter, not that of a shared subscription.
            dialect: What its wildcards mean.
            exact_only: Filters with wildcards match none (AWS IoT Core).
            budget: How many branches may still be looked at.
        """
        if "+" not in topic_filter and "#" not in topic_filter:
            topic_bytes = topic_filter.encode()
            return [topic_bytes] if topic_bytes in self._messages else []
        if exact_only:
            return []
        found: list[bytes] = []
        wanted = topic_filter.split("/")
        places = [(self._root, 0)]
        while places:
            if len(places) > budget.left:
                return None
            budget.left -= 1
            node, at = places.pop()
            if at == len(wanted):
                if node.topic_bytes is not None:
                    found.append(node.topic_bytes)
                continue
            level = wanted[at]
            if level == "#":
                below = [node] if dialect is Dialect.STANDARD else _children(node, at)
                if not at:
                    below = _children(node, at)  # wildcards do not see $ topics [MQTT-4.7.2-1]
                while below:
                    if len(below) > budget.left:
                        return None
                    budget.left -= 1
                    one = below.pop()
                    if one.topic_bytes is not None:
                        found.append(one.topic_bytes)
                    below.extend(one.children.values())
            elif level == "+":
                places.extend((child, at + 1) for child in _children(node, at))
            else:
                child = node.children.get(level)
                if child is not None:
                    places.append((child, at + 1))
        return found

    def replay(self, topics: list[bytes], qos: int, identifiers: bytes) -> Replay:
        """Yield what is retained for these topics by the time it can be sent.

        Args:
            topics: As `find` returned them.
            qos: The QoS granted.
            identifiers: Subscription identifiers, as properties on the wire.
        """
        for topic_bytes in topics:
            kept = self._messages.get(topic_bytes)
            if kept is None:
                continue
            outbound = kept[0]
            if outbound.expires_at_ms and outbound.expires_at_ms <= self._now_ms():
                self._expire(topic_bytes)
                continue
            yield outbound, min(outbound.qos, qos), identifiers

    def sweep(self) -> None:
        """Remove what has expired; called about once a second."""
        now_ms = self._now_ms()
        if not self._expiring or now_ms < self._next_expiry_ms:
            return
        for topic_bytes, expires_at_ms in list(self._expiring.items()):
            if expires_at_ms <= now_ms:
                self._expire(topic_bytes)
        self._next_expiry_ms = min(self._expiring.values(), default=0)

    # --- inside ----------------------------------------------------------------------------------

    def _expire(self, topic_bytes: bytes) -> None:
        self._store.join()
        self._forget(topic_bytes)

    def _forget(self, topic_bytes: bytes) -> None:
        """Remove what is retained of a topic, if anything, here and on disk."""
        kept = self._messages.get(topic_bytes)
        if kept is not None:
            self._take(topic_bytes, kept[0])
            self._record(topic_bytes, None, 0, kept)

    def _record(
        self,
        topic_bytes: bytes,
        outbound: Outbound | None,
        wall_ms: int,
        earlier: tuple[Outbound, int] | None,
    ) -> None:
        if not topic_bytes.startswith(VOLATILE):
            replaced = 0 if earlier is None else earlier[0].number
            self._journal.retain(topic_bytes, outbound, wall_ms, replaced)

    def _put(self, outbound: Outbound, wall_ms: int) -> None:
        topic_bytes = outbound.topic_bytes
        earlier = self._messages.get(topic_bytes)
        if earlier is not None:
            self._weigh(earlier[0], -1)
        else:
            node = self._root
            for level in topic_bytes.decode().split("/"):
                child = node.children.get(level)
                if child is None:
                    child = node.children[level] = _Node()
                node = child
            node.topic_bytes = topic_bytes
        self._messages[topic_bytes] = (outbound, wall_ms)
        expires_at_ms = outbound.expires_at_ms
        if expires_at_ms:
            if not self._expiring or expires_at_ms < self._next_expiry_ms:
                self._next_expiry_ms = expires_at_ms
            self._expiring[topic_bytes] = expires_at_ms
        else:
            self._expiring.pop(topic_bytes, None)
        self._weigh(outbound, 1)

    def _take(self, topic_bytes: bytes, outbound: Outbound) -> None:
        del self._messages[topic_bytes]
        self._expiring.pop(topic_bytes, None)
        self._weigh(outbound, -1)
        levels = topic_bytes.decode().split("/")
        path = [self._root]
        for level in levels:
            path.append(path[-1].children[level])
        path[-1].topic_bytes = None
        for level in reversed(levels):  # empty branches would be a leak
            node = path.pop()
            if node.children or node.topic_bytes is not None:
                break
            del path[-1].children[level]

    def _weigh(self, outbound: Outbound, change: int) -> None:
        """Count a message that comes or goes; the broker's own numbers count nowhere."""
        if not outbound.topic_bytes.startswith(VOLATILE):
            self._count += change
            self._size_bytes += change * _weight(outbound)

    def _has_room(self, outbound: Outbound, earlier: tuple[Outbound, int] | None) -> bool:
        size_bytes, count = _weight(outbound), 1
        if earlier is not None:
            size_bytes -= _weight(earlier[0])
            count = 0
        return (
            self._size_bytes + size_bytes <= self._settings.max_retained_bytes
            and self._count + count <= self._settings.max_retained_messages
        )

    def _refuse(self) -> None:
        self._refused.value += 1
        if not self._refusing:
            self._refusing = True
            log.warning(
                "retained messages are not kept: there are %d with %d bytes already "
                "(mqtt.max_retained_messages, mqtt.max_retained_bytes)",
                self._count,
                self._size_bytes,
            )

    def _restore(self, row: tuple[bytes, int, int, bytes, int, bytes | None, int | None]) -> None:
        topic_bytes, wall_ms, number, payload, qos, properties, expires_at_ms = row
        outbound = Outbound(
            topic_bytes, payload, qos, True, properties or b"", expires_at_ms or 0, None, number
        )
        self._put(outbound, wall_ms)

    def _revert(self, topics: Iterable[bytes]) -> None:
        """A batch failed: what is on disk holds again."""
        for topic_bytes in topics:
            kept = self._messages.get(topic_bytes)
            if kept is not None:
                self._take(topic_bytes, kept[0])
            row = self._store.reader.execute(f"{_ROWS} WHERE r.topic = ?", (topic_bytes,))
            for found in row:
                self._restore(found)


def _weight(outbound: Outbound) -> int:
    levels = outbound.topic_bytes.count(b"/") + 1
    return outbound.size_bytes + OVERHEAD_BYTES + levels * LEVEL_BYTES


def _children(node: _Node, at: int) -> list[_Node]:
    """Return the nodes below; from the root, not those that begin with $."""
    if at:
        return list(node.children.values())
    return [child for level, child in node.children.items() if not level.startswith("$")]
