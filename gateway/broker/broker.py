"""The broker: who is connected, under which client identifier, and what has gone wrong.

Owns sessions by client identifier, take-over, silence limits and the counters of the MQTT side.
Knows nothing of sockets; the listener makes connections and feeds them.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from functools import partial
from typing import final

from gateway.broker.connection import Connection
from gateway.broker.router import Router
from gateway.broker.session import Session, SessionCounters
from gateway.broker.settings import MqttSettings
from gateway.errors import StoreError
from gateway.message import Message
from gateway.metrics import Counter, Metrics
from gateway.mqtt.errors import InvalidTopic, MqttError
from gateway.mqtt.packets import Connect, ConnectReturnCode, Publish, encode_publish
from gateway.store import Store

__all__ = ["Broker", "BrokerCounters"]

log = logging.getLogger(__name__)


@final
class BrokerCounters:
    """What connections count."""

    __slots__ = (
        "lost_wills",
        "malformed",
        "not_reading",
        "received",
        "refused_connects",
        "retain_not_kept",
        "timed_out",
    )

    def __init__(self, metrics: Metrics) -> None:
        self.received: Counter = metrics.counter(
            "mqtt.publish.received", "PUBLISH packets taken from clients"
        )
        self.retain_not_kept: Counter = metrics.counter(
            "mqtt.retain.not_kept", "messages with RETAIN, delivered live but not kept"
        )
        self.malformed: Counter = metrics.counter(
            "mqtt.protocol_errors", "connections closed because the client broke the protocol"
        )
        self.refused_connects: Counter = metrics.counter(
            "mqtt.connect.refused", "CONNECT packets refused"
        )
        self.not_reading: Counter = metrics.counter(
            "mqtt.not_reading", "connections closed because the client read none of its answers"
        )
        self.lost_wills: Counter = metrics.counter(
            "mqtt.lost_wills", "wills that could not be published, or not be written"
        )
        self.timed_out: Counter = metrics.counter(
            "mqtt.timed_out", "connections closed because the client was silent for too long"
        )


class Broker:
    """Sessions and connections of the gateway's MQTT side.

    Args:
        settings: The limits.
        store: What acknowledgements wait for.
        metrics: Where everything is counted.

    Attributes:
        router: Where messages go.
        counters: Shared by all connections.
        held_bytes: Bytes of packets that have arrived only in part, over all connections.
    """

    def __init__(self, settings: MqttSettings, store: Store, metrics: Metrics) -> None:
        self.settings = settings
        self.store = store
        self.router = Router(metrics, settings.max_topic_levels)
        self.counters = BrokerCounters(metrics)
        self._metrics = metrics
        self._session_counters = SessionCounters(metrics)
        self.held_bytes = 0
        self._connections: dict[str, Connection] = {}
        self._unnamed: set[Connection] = set()
        self._dropped_at_last_sweep = 0
        self._dropping = False
        self._refusing = False
        self._refused_since_sweep = False
        metrics.gauge("mqtt.connections", lambda: self.connection_count)
        metrics.gauge("mqtt.held_bytes", lambda: self.held_bytes)

    # --- connections -----------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether another connection may be opened."""
        return len(self._connections) + len(self._unnamed) < self.settings.max_connections

    def opened(self, connection: Connection) -> None:
        """Note a connection whose CONNECT is still to come."""
        self._unnamed.add(connection)

    def connect(self, connection: Connection, packet: Connect) -> int:
        """Give a connection its session, or say why not (a CONNECT return code, 3.2.2.3).

        Raises:
            InvalidTopic: Its will's topic has too many levels.
        """
        code = self._admit(connection, packet)
        if code != ConnectReturnCode.ACCEPTED:
            self.counters.refused_connects.value += 1
            return code
        client_id = packet.client_id or f"auto-{secrets.token_hex(10)}"
        earlier = self._connections.get(client_id)
        if earlier is not None:  # take-over [MQTT-3.1.4-2]
            log.info("client %r connected again; its earlier connection is closed", client_id)
            earlier.end()
            self._release(earlier)
            self._unnamed.add(earlier)  # until it is lost: a peer that reads nothing stays open
        self._unnamed.discard(connection)
        session = Session(client_id, self.settings, self._session_counters)
        session.outlet = connection.outlet
        connection.session = session
        self._connections[client_id] = connection
        return ConnectReturnCode.ACCEPTED

    def disconnect(self, connection: Connection) -> None:
        """Forget a connection that is closed, and its session with it."""
        self._unnamed.discard(connection)
        self._release(connection)

    @property
    def connection_count(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def sessions(self) -> Iterable[Session]:
        """Return the sessions of all connected clients."""
        return [c.session for c in self._connections.values() if c.session is not None]

    def sweep(self, now_s: float) -> None:
        """Close what has been silent for too long, and report drops once per burst."""
        for connection in [*self._connections.values(), *self._unnamed]:
            limit = connection.idle_limit_s
            if limit and not connection.paused and now_s - connection.last_seen_s > limit:
                if not connection.closed:
                    self.counters.timed_out.value += 1
                connection.end()
        dropped = self._session_counters.dropped_qos0.value
        dropped += self._session_counters.dropped_qos1.value
        dropping = dropped > self._dropped_at_last_sweep
        if dropping and not self._dropping:
            log.warning(
                "messages to slow clients are being dropped (%d so far); see `weir status`", dropped
            )
        if self.store.accepting and not self._refused_since_sweep:
            self._refusing = False
        self._refused_since_sweep = False
        self._dropping = dropping
        self._dropped_at_last_sweep = dropped

    def close(self) -> None:
        """Close every connection."""
        for connection in [*self._connections.values(), *self._unnamed]:
            connection.end()

    # --- what connections report -----------------------------------------------------------------

    def protocol_error(self, connection: Connection, error: MqttError) -> None:
        """Count and report a client that broke the protocol; its connection is closed."""
        self.counters.malformed.value += 1
        self._metrics.counter(f"mqtt.protocol_errors.{error.cause}").value += 1
        log.info("closing %s: %s", _who(connection), error)

    def not_reading(self, connection: Connection) -> None:
        """Count and report a client that sends and never reads; its connection is closed."""
        self.counters.not_reading.value += 1
        log.info("closing %s: it reads nothing", _who(connection))

    def refused(self, connection: Connection, error: StoreError) -> None:
        """Report once per burst that publishers are refused because the store takes nothing."""
        self._refused_since_sweep = True
        if not self._refusing:
            self._refusing = True
            log.warning("publishers are refused: %s. %s", error, error.hint)

    def room_again(self) -> None:
        """The store takes new messages again: the next refusal begins a new burst."""
        self._refusing = False

    def publish_will(self, message: Message) -> None:
        """Publish the will of a client that vanished; count and report one that is lost."""
        joined = self.store.joined
        try:
            self.router.publish(message)
        except (StoreError, InvalidTopic) as error:
            self._lose_will(message, error)
            return
        if self.store.joined != joined:
            self.store.on_commit(partial(self._will_settled, message))

    def _will_settled(self, message: Message, error: StoreError | None) -> None:
        if error is not None:
            self._lose_will(message, error)

    def _lose_will(self, message: Message, error: Exception) -> None:
        self.counters.lost_wills.value += 1
        log.warning("the will of client %r was lost: %s", message.publisher.name[:100], error)

    @staticmethod
    def as_qos0(topic: str, payload: bytes) -> bytes:
        """Encode a message for subscribers that were granted QoS 0."""
        return encode_publish(Publish(topic, payload))

    # --- inside ----------------------------------------------------------------------------------

    def _admit(self, connection: Connection, packet: Connect) -> int:
        if packet.protocol_name != "MQTT" or packet.protocol_level != 4:
            log.warning(
                "refused %s, which speaks %r level %d: this gateway speaks MQTT 3.1.1 so far",
                _who(connection),
                packet.protocol_name[:20],
                packet.protocol_level,
            )
            return ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION
        if not packet.client_id and not packet.clean_session:
            return ConnectReturnCode.IDENTIFIER_REJECTED  # [MQTT-3.1.3-8]
        if not packet.clean_session:
            log.warning(
                "refused client %r (%s): it asks for a persistent session, which is not there "
                "yet; connect with clean session",
                packet.client_id[:100],
                connection.source_ip,
            )
            return ConnectReturnCode.SERVER_UNAVAILABLE
        if packet.will is not None and packet.will.qos > 1:
            log.warning(
                "refused client %r (%s): its will has QoS 2, which is not there yet",
                packet.client_id[:100],
                connection.source_ip,
            )
            return ConnectReturnCode.SERVER_UNAVAILABLE
        if packet.will is not None:
            self.router.check_levels(packet.will.topic)
        return ConnectReturnCode.ACCEPTED

    def _release(self, connection: Connection) -> None:
        session = connection.session
        if session is None or session.outlet is None:
            return
        session.outlet = None
        session.abandon()
        for topic_filter in session.subscriptions:
            self.router.unsubscribe(session, topic_filter)
        if self._connections.get(session.client_id) is connection:
            del self._connections[session.client_id]


def _who(connection: Connection) -> str:
    """Name a connection for the log."""
    session = connection.session
    name = "a new connection" if session is None else f"client {session.client_id[:100]!r}"
    return f"{name} ({connection.source_ip})"
