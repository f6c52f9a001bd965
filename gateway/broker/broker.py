"""The broker: who is connected, which sessions there are, and what has gone wrong.

Owns sessions by client identifier, take-over, expiry and silence limits. Knows nothing of sockets;
the listener makes connections and feeds them.
"""

from __future__ import annotations

import logging
import secrets
from functools import partial
from typing import Final, final

from gateway.broker.connecting import (
    Agreement,
    agree,
    encode_acceptance,
    encode_refusal,
    refusal,
    stored_will,
)
from gateway.broker.connection import Connection
from gateway.broker.counters import BrokerCounters
from gateway.broker.incoming import Incoming
from gateway.broker.journal import Journal
from gateway.broker.lifecycle import DisconnectReason, Lifecycle
from gateway.broker.outlet import OutgoingContext
from gateway.broker.reports import Reports, who
from gateway.broker.retained import RetainedMessages
from gateway.broker.router import Router
from gateway.broker.session import Session
from gateway.broker.session_records import SessionRecords, StoredWill
from gateway.broker.sessions import Sessions
from gateway.broker.settings import MqttSettings
from gateway.broker.subscribing import Subscribing
from gateway.broker.wills import Wills
from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.message import Message, Publisher
from gateway.metrics import Metrics
from gateway.mqtt.decoding import decode_connect, protocol_level
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.packets import Connect
from gateway.mqtt.reason_codes import ReasonCode
from gateway.store import Store

__all__ = ["Broker"]

log = logging.getLogger(__name__)

_STATISTICS: Final = Publisher("statistics")


@final
class Broker:
    """Sessions and connections of the gateway's MQTT side.

    Args:
        settings: The limits.
        store: What acknowledgements wait for; sessions and retained messages are read from it.
        clock: Gateway time for what outlives the process, wall time for people.
        metrics: Where everything is counted.

    Attributes:
        router: Where messages go.
        sessions: Of all clients, those that are away among them.
        records: What sessions have on disk.
        subscribing: Grants subscriptions.
        wills: Those that are still to come, by client identifier.
        reports: Counts and logs what goes wrong.
        lifecycle: Tells who connects and subscribes.
        counters: Shared by all connections.
        context: Shared by all that is sent to clients.
        held_bytes: Bytes of packets that have arrived only in part, over all connections.
    """

    def __init__(
        self, settings: MqttSettings, store: Store, clock: Clock, metrics: Metrics
    ) -> None:
        self.settings = settings
        self.store = store
        self.now_ms = clock.gateway_ms
        self.wall_ms = clock.wall_ms
        self.counters = BrokerCounters(metrics)
        self.context = OutgoingContext(settings, metrics, clock.gateway_ms)
        self.reports = Reports(self.counters, self.context, metrics)
        self._journal = Journal(store)
        self.records = SessionRecords(store)
        retained = RetainedMessages(
            settings, store, self._journal, metrics, clock.gateway_ms, clock.wall_ms
        )
        self.router = Router(store, retained, metrics, settings.max_topic_levels)
        self.subscribing = Subscribing(self.router, self.records, store, metrics)
        self.lifecycle = Lifecycle(
            self.router.publish, clock.wall_ms, clock.gateway_ms, self.counters.lost_events
        )
        self.wills = Wills(
            self.records, self._publish_will, clock.gateway_ms, settings.max_will_total_bytes
        )
        self.sessions = Sessions(
            self.context, self.router, self._journal, self.records, self.wills, clock.gateway_ms
        )
        self.held_bytes = 0
        self.connection_count = 0
        self.max_connection_count = 0
        self._unnamed: set[Connection] = set()
        metrics.gauge("mqtt.connections", lambda: self.connection_count)
        metrics.gauge("mqtt.sessions", lambda: len(self.sessions))
        metrics.gauge("mqtt.held_bytes", lambda: self.held_bytes)
        self.sessions.load()
        self.wills.load(self._session_expiry_s)

    # --- connections -----------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether another connection may be opened."""
        return self.connection_count + len(self._unnamed) < self.settings.max_connections

    def opened(self, connection: Connection) -> None:
        """Note a connection whose CONNECT is still to come."""
        self.counters.sockets.value += 1
        self._unnamed.add(connection)

    def connect(self, connection: Connection, body: bytes) -> None:
        """Take a CONNECT: give the connection its session, or refuse it.

        Raises:
            MqttError: The packet is malformed or not allowed.
        """
        connection.level = protocol_level(body) or 0
        packet = decode_connect(body)
        connection.level = packet.protocol_level
        reason_code = refusal(packet, connection.profile)
        identity = connection.access.authenticate(packet)
        if reason_code is None and isinstance(identity, ReasonCode):
            reason_code = identity
        if reason_code is None and packet.will is not None:
            connection.profile.check_topic_name(packet.will.topic)
            self.router.check_levels(packet.will.topic)
            connection.profile.check_payload(len(packet.will.payload))
            if not connection.profile.may_publish(packet.will.topic, packet.will.retain):
                reason_code = ReasonCode.NOT_AUTHORIZED
        if reason_code is not None or isinstance(identity, ReasonCode):
            self._refuse(connection, packet, reason_code or ReasonCode.NOT_AUTHORIZED)
            return
        connection.identity = identity
        agreement = agree(packet, connection.profile)
        will = stored_will(
            packet, agreement, connection.profile, identity.principal, connection.source_ip
        )
        if will is not None and not self.wills.has_room(will):
            self._refuse(connection, packet, ReasonCode.QUOTA_EXCEEDED)
            return
        joined = self.store.joined
        try:
            session, present = self._session_for(connection, packet, agreement, will)
        except StoreError as error:
            self.reports.refused(error)
            self._refuse(connection, packet, ReasonCode.QUOTA_EXCEEDED)
            return
        if session is None:
            log.warning("refused client %r: max_sessions are kept", agreement.client_id[:100])
            self._refuse(connection, packet, ReasonCode.QUOTA_EXCEEDED)
            return
        self._begin(connection, session, packet, agreement, joined, present=present)

    def refuse_connect(self, connection: Connection, reason_code: ReasonCode) -> None:
        """Answer a CONNECT that could not be decoded, where MQTT 5 has an answer."""
        if connection.level == 5:
            connection.outlet.send(encode_refusal(reason_code, 5))

    def disconnected(self, connection: Connection) -> None:
        """A connection is closed."""
        self.release(connection)
        self._unnamed.discard(connection)

    def sweep(self, now_s: float) -> None:
        """What is done about once a second: silence, expiry, wills due, reports of drops."""
        for connection in [*self.sessions.connections(), *self._unnamed]:
            self._check_silence(connection, now_s)
        self.counters.expired_sessions.value += self.sessions.expire(self.now_ms())
        self.wills.sweep()
        self.router.retained.sweep()
        self._journal.tidy()
        self.records.tidy()
        self.reports.sweep(accepting=self.store.accepting)

    def close(self) -> None:
        """Close every connection."""
        for connection in [*self.sessions.connections(), *self._unnamed]:
            connection.disconnect(
                ReasonCode.SERVER_SHUTTING_DOWN, DisconnectReason.SERVER_INITIATED_DISCONNECT
            )

    def publish_statistic(self, topic: str, payload: bytes) -> None:
        """Publish one number of the broker, retained in memory only (`$SYS`).

        Raises:
            StoreError: A rule could not store what it makes of it.
        """
        self.router.publish(Message(topic, payload, 0, True, _STATISTICS))

    # --- what connections report -----------------------------------------------------------------

    def note(self, session: Session, direction: str, packet: str, reason_code: int) -> None:
        """Remember a packet's reason code for people: `weir client show`."""
        session.note(self.wall_ms(), direction, packet, reason_code)

    # --- connecting and going --------------------------------------------------------------------

    def _session_for(
        self,
        connection: Connection,
        packet: Connect,
        agreement: Agreement,
        will: StoredWill | None,
    ) -> tuple[Session | None, bool]:
        """Return the client's session, old or new, and whether it is an old one.

        Raises:
            StoreError: It is a new one, and there is no room to keep it.
        """
        client_id = agreement.client_id
        sessions = self.sessions
        session = sessions.get(client_id)
        if agreement.expiry_s and (session is None or packet.clean_start):
            self.store.join(len(client_id) + 1)  # refused before anything has changed
        if session is not None and session.connection is not None:
            self._take_over(session.connection)
            session = sessions.get(client_id)  # it may have ended with its connection
        if session is not None and (packet.clean_start or session.has_expired(self.now_ms())):
            sessions.end(session)
            session = None
        present = session is not None
        if session is None:
            if sessions.full:
                return None, False
            session = sessions.begin(client_id, persistent=agreement.expiry_s > 0)
        self.wills.client_back(client_id)
        if will is not None:
            self.wills.leave(will)
        return session, present

    def _begin(
        self,
        connection: Connection,
        session: Session,
        packet: Connect,
        agreement: Agreement,
        joined: int,
        *,
        present: bool,
    ) -> None:
        """Join connection and session; send the CONNACK, after the commit it hangs on."""
        self.counters.connects.value += 1
        self.counters.packets.value += 1
        self._unnamed.discard(connection)
        self.connection_count += 1
        self.max_connection_count = max(self.max_connection_count, self.connection_count)
        session.connection = connection
        session.level = packet.protocol_level
        session.profile = connection.profile.name
        session.expiry_s = agreement.expiry_s
        session.keep_alive_s = agreement.keep_alive_s
        session.source_ip = connection.source_ip
        session.away_since_ms = None
        session.seen_wall_ms = self.wall_ms()
        session.outgoing.negotiate(
            packet.protocol_level,
            agreement.receive_maximum,
            agreement.max_packet_bytes,
            agreement.max_aliases,
        )
        self.records.changed(session)
        client_id = session.client_id
        connection.session = session
        connection.session_identifier = secrets.token_hex(16)
        connection.publisher = Publisher(
            client_id,
            client_id=client_id,
            principal=connection.identity.principal,
            source_ip=connection.source_ip,
        )
        connection.incoming = Incoming(
            self, session, connection.profile, connection.publisher, connection.acknowledgements
        )
        # One and a half times the keep alive [MQTT-3.1.2-22].
        connection.idle_limit_s = agreement.keep_alive_s * 1.5
        connack = encode_acceptance(
            packet, agreement, connection.profile, self.settings, session_present=present
        )
        self.note(session, "out", "CONNACK", ReasonCode.SUCCESS)
        acknowledgements = connection.acknowledgements
        acknowledgements.opening = True
        acknowledgements.answer(connack, joined)
        acknowledgements.then(partial(self._opened, connection, session))
        self.lifecycle.connected(connection.publisher, connection.session_identifier)

    def _opened(self, connection: Connection, session: Session) -> None:
        """The CONNACK is on its way: messages may follow."""
        connection.acknowledgements.opening = False
        if session.connection is connection and not connection.closed:
            session.outgoing.attach(connection.outlet)

    def _take_over(self, earlier: Connection) -> None:
        """The client connected again: close its earlier connection [MQTT-3.1.4-3]."""
        log.info("%s connected again; its earlier connection is closed", who(earlier))
        self.counters.taken_over.value += 1
        earlier.disconnect(ReasonCode.SESSION_TAKEN_OVER, DisconnectReason.DUPLICATE_CLIENTID)

    def release(self, connection: Connection) -> None:
        """Part a connection that ends from its session, which ends with it or is kept."""
        session = connection.session
        if session is None or session.connection is not connection:
            return
        self._unnamed.add(connection)  # until it is lost: a peer that reads nothing stays open
        session.connection = None
        self.connection_count -= 1
        session.outgoing.detach()
        session.seen_wall_ms = self.wall_ms()
        session.away_since_ms = self.now_ms()
        client_id = session.client_id
        if connection.graceful:
            self.wills.discard(client_id)
        else:
            self.wills.client_lost(client_id, session.expiry_s)
        if not session.expiry_s or not session.persistent:
            self.sessions.end(session)
        else:
            self.records.changed(session)
        self.lifecycle.disconnected(
            connection.publisher, connection.session_identifier, connection.ending
        )

    # --- inside ----------------------------------------------------------------------------------

    def _refuse(self, connection: Connection, packet: Connect, reason_code: ReasonCode) -> None:
        self.reports.refused_connect(connection, packet, reason_code)
        answer = encode_refusal(reason_code, packet.protocol_level)
        if answer:
            connection.outlet.send(answer)
        connection.end(DisconnectReason.AUTH_ERROR)

    def _check_silence(self, connection: Connection, now_s: float) -> None:
        limit = connection.idle_limit_s
        if limit and not connection.paused and now_s - connection.last_seen_s > limit:
            if connection.closed:
                connection.end()
            else:
                self.counters.timed_out.value += 1
                connection.disconnect(
                    ReasonCode.KEEP_ALIVE_TIMEOUT, DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT
                )

    def _session_expiry_s(self, client_id: str) -> int:
        session = self.sessions.get(client_id)
        return 0 if session is None else session.expiry_s

    def _publish_will(self, message: Message) -> None:
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
