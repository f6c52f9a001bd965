"""`$SYS/broker/…`: the broker's statistics as retained messages, for any MQTT client to read.

Owns the topics' names, their number formats and the moving averages. Names and formats are those
that Mosquitto publishes (mosquitto(8), Broker Status), so that dashboards made for it work here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from gateway.errors import StoreError
from gateway.metrics import Metrics

__all__ = ["BrokerFacts", "SysTopics"]

log = logging.getLogger(__name__)

ROOT: Final = "$SYS/broker/"


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """The broker in numbers, at one moment. Counts of what happened run since the start.

    Attributes:
        connections: CONNECT packets accepted.
        sockets: Network connections opened.
        clients_connected: Clients connected now.
        clients_disconnected: Sessions kept for clients that are away.
        clients_maximum: The most clients that were connected at once.
        clients_expired: Kept sessions that ended because their time was up.
        packets_received: MQTT packets of any type from clients.
        packets_sent: MQTT packets of any type to clients.
        bytes_received: Bytes from clients.
        bytes_sent: Bytes to clients.
        publish_received: PUBLISH packets from clients.
        publish_sent: PUBLISH packets to clients.
        publish_dropped: Messages that did not reach a client because a limit was met.
        stored_messages: Messages held now, retained or for a session.
        stored_bytes: Payload bytes of these.
        retained_messages: Retained messages now.
        subscriptions: Subscriptions of all sessions now, the shared ones among them.
        shared_subscriptions: Those of them that are shared.
    """

    connections: int = 0
    sockets: int = 0
    clients_connected: int = 0
    clients_disconnected: int = 0
    clients_maximum: int = 0
    clients_expired: int = 0
    packets_received: int = 0
    packets_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    publish_received: int = 0
    publish_sent: int = 0
    publish_dropped: int = 0
    stored_messages: int = 0
    stored_bytes: int = 0
    retained_messages: int = 0
    subscriptions: int = 0
    shared_subscriptions: int = 0


# Topics below the root, and the fact that each shows. A fact may have an old name beside its own.
_COUNTS: Final = {
    "clients/connected": "clients_connected",
    "clients/active": "clients_connected",
    "clients/disconnected": "clients_disconnected",
    "clients/inactive": "clients_disconnected",
    "clients/maximum": "clients_maximum",
    "clients/expired": "clients_expired",
    "messages/received": "packets_received",
    "messages/sent": "packets_sent",
    "messages/stored": "stored_messages",
    "store/messages/count": "stored_messages",
    "store/messages/bytes": "stored_bytes",
    "subscriptions/count": "subscriptions",
    "shared_subscriptions/count": "shared_subscriptions",
    "retained messages/count": "retained_messages",
    "publish/messages/received": "publish_received",
    "publish/messages/sent": "publish_sent",
    "publish/messages/dropped": "publish_dropped",
    "bytes/received": "bytes_received",
    "bytes/sent": "bytes_sent",
}

# Topics that show how much of a fact comes in a minute, each averaged over three periods.
_LOADS: Final = {
    "load/connections": "connections",
    "load/sockets": "sockets",
    "load/messages/received": "packets_received",
    "load/messages/sent": "packets_sent",
    "load/publish/received": "publish_received",
    "load/publish/sent": "publish_sent",
    "load/publish/dropped": "publish_dropped",
    "load/bytes/received": "bytes_received",
    "load/bytes/sent": "bytes_sent",
}
_PERIODS_S: Final = {"1min": 60.0, "5min": 300.0, "15min": 900.0}


@final
class SysTopics:
    """Publishes the statistics every few seconds, and of them only what has changed.

    Args:
        metrics: Where publishes that failed are counted.
        publish: Retains a message in memory and routes it: topic, payload.
        facts: Gives the numbers now.
        version: The gateway's version, such as `1.2.0`.
        interval_s: Seconds between two publishes; 0 publishes nothing, ever.
    """

    def __init__(
        self,
        metrics: Metrics,
        publish: Callable[[str, bytes], None],
        facts: Callable[[], BrokerFacts],
        version: str,
        interval_s: float,
    ) -> None:
        self._refused = metrics.counter(
            "mqtt.sys.refused", "statistics on $SYS that could not be published"
        )
        self._publish = publish
        self._facts = facts
        self._version = version
        self._interval_s = interval_s
        self._started_s: float | None = None
        self._last_s = 0.0
        self._next_s = 0.0
        self._earlier = BrokerFacts()
        self._loads = {topic: dict.fromkeys(_PERIODS_S, 0.0) for topic in _LOADS}
        self._published: dict[str, bytes] = {}

    def tick(self, now_s: float) -> None:
        """Publish what has changed, if it is time to; the first call always publishes.

        Args:
            now_s: Monotonic time.
        """
        if self._interval_s <= 0:
            return
        if self._started_s is None:
            self._started_s = self._last_s = self._next_s = now_s
        if now_s < self._next_s:
            return
        # On a fixed beat, so that ticks that come a little late do not add up.
        self._next_s += self._interval_s
        if self._next_s <= now_s:
            self._next_s = now_s + self._interval_s
        facts = self._facts()
        self._average(facts, now_s - self._last_s)
        self._last_s = now_s
        self._earlier = facts
        for topic, value in self._values(facts, now_s - self._started_s).items():
            if self._published.get(topic) != value:
                self._send(topic, value)

    def _average(self, facts: BrokerFacts, passed_s: float) -> None:
        """Let what came in these seconds weigh in; older loads fade exponentially."""
        if passed_s <= 0:
            return
        for topic, name in _LOADS.items():
            arrived: int = getattr(facts, name) - getattr(self._earlier, name)
            per_minute = arrived * 60 / passed_s
            loads = self._loads[topic]
            for period, length_s in _PERIODS_S.items():
                kept = math.exp(-passed_s / length_s)
                loads[period] = per_minute + kept * (loads[period] - per_minute)

    def _values(self, facts: BrokerFacts, up_s: float) -> dict[str, bytes]:
        values = {
            "version": f"weir version {self._version}".encode(),
            "uptime": b"%d seconds" % up_s,
            "clients/total": b"%d" % (facts.clients_connected + facts.clients_disconnected),
        }
        for topic, name in _COUNTS.items():
            values[topic] = b"%d" % getattr(facts, name)
        for topic, loads in self._loads.items():
            for period, load in loads.items():
                values[f"{topic}/{period}"] = b"%.2f" % load
        return values

    def _send(self, topic: str, value: bytes) -> None:
        try:
            self._publish(ROOT + topic, value)
        except StoreError as error:
            # A rule on $SYS found no room; it is tried again with the next publish.
            self._published.pop(topic, None)
            self._refused.value += 1
            log.debug("%s%s could not be published: %s", ROOT, topic, error)
        else:
            self._published[topic] = value
