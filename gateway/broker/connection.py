"""One client's connection as a state machine: bytes in, packets handled, bytes out.

Owns the order of packets on one connection (CONNECT first, then the rest) and the fast way of an
everyday PUBLISH. No sockets and no clock: the listener feeds it bytes and the time, and writes
what gathers in its outlet. A peer that breaks the protocol raises MqttError out of `receive`, and
nothing of the offending packet has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from gateway.broker.access import ANONYMOUS, Access
from gateway.broker.acknowledgements import PUBACK_HEAD, Acknowledgements, Waiting
from gateway.broker.incoming import Incoming
from gateway.broker.lifecycle import DisconnectReason
from gateway.broker.outbound import publish_head
from gateway.broker.outlet import Outlet
from gateway.broker.packets_in import handle_packet, refused_packets
from gateway.broker.profile import Profile
from gateway.broker.route import Route
from gateway.broker.session import Session
from gateway.errors import StoreError
from gateway.message import Message, Publisher
from gateway.mqtt.encoding import encode_disconnect
from gateway.mqtt.errors import MalformedPacket, MqttError, ProtocolViolation
from gateway.mqtt.packets import CONNECT, PUBLISH, Disconnect, next_packet
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.wire import encode_variable_byte_integer

if TYPE_CHECKING:
    from gateway.broker.broker import Broker

__all__ = ["Connection"]

# A connection that holds less of an unfinished packet is never closed for what the others hold.
FAIR_SHARE_BYTES: Final = 64 * 1024

# A peer that does not take the last bytes keeps its closing connection no longer than this.
CLOSE_LIMIT_S: Final = 10.0

NO_ROUTES: Final[dict[bytes, Route]] = {}


@final
class Connection:
    """The broker's end of one client connection.

    Args:
        broker: Where sessions, routes and limits are.
        profile: The rules of its listener.
        source_ip: The peer's address.
        wake: Has the outlet written at the end of this turn.
        close: Has the connection closed, what is in the outlet written first.
        now_s: Monotonic time.

    Attributes:
        outlet: Bytes to write.
        session: The client's session; None before CONNECT.
        source_ip: The peer's address.
        last_seen_s: Monotonic time of the last bytes from the client; until its CONNECT is whole,
            of the opening.
        idle_limit_s: Silence longer than this ends the connection; 0 for no limit.
        closed: Nothing more is taken.
        paused: Nothing is read just now, so silence says nothing about the client.
        level: The protocol level; 0 before CONNECT.
        ending: Why it ended, for the lifecycle event.
        graceful: The client said goodbye, so that its will is not published.
    """

    __slots__ = (
        "_close",
        "_held_bytes",
        "_missing",
        "_partial",
        "_routes",
        "access",
        "acknowledgements",
        "broker",
        "closed",
        "ending",
        "graceful",
        "identity",
        "idle_limit_s",
        "incoming",
        "last_seen_s",
        "level",
        "outlet",
        "paused",
        "profile",
        "publisher",
        "session",
        "session_identifier",
        "source_ip",
    )

    def __init__(
        self,
        broker: Broker,
        profile: Profile,
        source_ip: str | None,
        wake: Callable[[], None],
        close: Callable[[], None],
        now_s: float,
    ) -> None:
        self.broker = broker
        self.profile = profile
        self.access = Access(profile)
        self.identity = ANONYMOUS
        self.source_ip = source_ip
        self._close = close
        self.outlet = Outlet(wake)
        self.session: Session | None = None
        self.session_identifier = ""
        self.level = 0
        self.last_seen_s = now_s
        self.idle_limit_s = broker.settings.connect_timeout_s
        self.closed = False
        self.paused = False
        self.ending = DisconnectReason.CONNECTION_LOST
        self.graceful = False
        self.acknowledgements = Acknowledgements(
            broker.store, self.outlet, broker.counters.answers, self._batch_failed
        )
        self.publisher = Publisher("unknown")
        self.incoming: Incoming | None = None
        self._routes = NO_ROUTES
        self._partial = bytearray()
        self._missing = 0
        self._held_bytes = 0

    # --- bytes in --------------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float) -> None:
        """Handle what the client sent.

        Raises:
            MqttError: The client broke the protocol; the connection has to be closed (`fail`).
        """
        self.broker.counters.bytes_received.value += len(data)
        if self.session is not None:
            self.last_seen_s = now_s
        if self._partial:
            # A packet in many small pieces is gathered without looking at it each time.
            self._partial += data
            if len(self._partial) < self._missing:
                self._hold()
                return
            data = bytes(self._partial)
            self._partial.clear()
        self._missing = 0
        at = 0
        if self.session is None:
            at = self._expect_connect(data)
        if self.session is not None:
            # From here on only: a CONNECT that comes byte by byte does not put its time off.
            self.last_seen_s = now_s
            at = self._handle_packets(data, at)
            if at < len(data) and not self.closed:
                self._partial += data[at:]
        self._hold()

    def _hold(self) -> None:
        """Account for the packet that has arrived in part, with those of all connections."""
        held_bytes = len(self._partial)
        if held_bytes == self._held_bytes:
            return
        broker = self.broker
        broker.held_bytes += held_bytes - self._held_bytes
        self._held_bytes = held_bytes
        if held_bytes > FAIR_SHARE_BYTES and broker.held_bytes > broker.settings.max_held_bytes:
            raise ProtocolViolation(
                "held-bytes",
                f"{held_bytes} bytes of an unfinished packet, while all connections together hold "
                f"more than {broker.settings.max_held_bytes}",
                ReasonCode.QUOTA_EXCEEDED,
            )

    def _expect_connect(self, data: bytes) -> int:
        """Take the CONNECT that must come first; return where the next packet begins."""
        if data and data[0] != CONNECT << 4:
            raise ProtocolViolation("connect-first", "the first packet is not a CONNECT")
        bounds = next_packet(data, 0)
        if bounds is None:
            self._partial += data
            return 0
        body, end = bounds
        if end > self.broker.settings.max_packet_bytes:
            raise MalformedPacket(
                "packet-too-large", f"a CONNECT of {end} bytes", ReasonCode.PACKET_TOO_LARGE
            )
        if end > len(data):
            self._partial += data
            self._missing = end
            return 0
        self.broker.connect(self, data[body:end])
        if self.session is not None:
            self._routes = self.broker.router.allowed(self.profile)
        return end

    def _handle_packets(self, data: bytes, at: int) -> int:
        """Handle every whole packet from `at` on; return where the first incomplete one begins."""
        size = len(data)
        limit = self.broker.settings.max_packet_bytes
        large = self.profile.max_payload_bytes
        routes = self._routes
        received = self.broker.counters.received
        is_5 = self.level == 5
        last_everyday = 0x33 if self.profile.max_qos else 0x31
        while size - at > 1 and not self.closed:
            first = data[at]
            length = data[at + 1]
            everyday = 0x30 <= first <= last_everyday  # PUBLISH at QoS 0 or 1 without DUP
            if length < 0x80:
                body = at + 2
                end = body + length
            else:
                bounds = next_packet(data, at)
                if bounds is None:
                    return at
                body, end = bounds
                if end - at > limit:
                    raise MalformedPacket(
                        "packet-too-large",
                        f"a packet of {end - at} bytes; the limit is {limit}",
                        ReasonCode.PACKET_TOO_LARGE,
                    )
                if not data[body - 1] and end <= size and first >> 4 == PUBLISH:
                    # More digits than needed: allowed, but strict subscribers would close over it.
                    head = data[at : at + 1] + encode_variable_byte_integer(end - body)
                    self._handle_packets(head + data[body:end], 0)
                    at = end
                    continue
                everyday = everyday and end - at <= large
            if end > size:
                self._missing = end - at
                return at
            if everyday:
                topic_at = body + 2
                topic_end = topic_at + (data[body] << 8 | data[body + 1]) if topic_at <= end else 0
                if not topic_at <= topic_end <= end:
                    raise MalformedPacket("truncated", "a PUBLISH ends within its topic name")
                if is_5:  # a topic alias or properties: not for here
                    properties_at = topic_end + (first & 2)
                    everyday = topic_at < topic_end and properties_at < end
                    everyday = everyday and not data[properties_at]
            if everyday:
                topic_bytes = data[topic_at:topic_end]
                route = routes.get(topic_bytes)
                if route is None:
                    route = self.broker.router.find_for(self.profile, topic_bytes)
                if first & 1 or not (route.simple5 if is_5 else route.simple4):
                    self._take(route, first, data, topic_end, end)
                elif first == 0x32:
                    received.value += 1
                    self._publish_qos1(route, data, at, topic_end, end)
                else:
                    received.value += 1
                    packet = data[at:end]
                    if route.local:
                        payload = data[topic_end + is_5 : end]
                        message = Message(route.topic, payload, 0, False, self.publisher)
                        self.broker.router.deliver_locally(route, message, may_lose=True)
                    for outgoing in route.plain5 if is_5 else route.plain4:
                        outgoing.deliver_qos0(packet)
            elif first == 0x40 and length == 2 and self.session is not None:
                self.session.outgoing.acknowledge(data[body:end])
            elif first >> 4 == PUBLISH:
                self._publish(first, data[body:end])
            else:
                handle_packet(self, first, data[body:end])
            at = end
        return at

    # --- PUBLISH ---------------------------------------------------------------------------------

    def _publish(self, first: int, body: bytes) -> None:
        assert self.incoming is not None  # noqa: S101 - receive() comes here after CONNECT only
        error = self.incoming.publish(first, body)
        if error is not None:
            self.store_refused(error)

    def _take(self, route: Route, first: int, data: bytes, topic_end: int, end: int) -> None:
        """Take an everyday PUBLISH that is retained, or goes to more than plain clients."""
        assert self.incoming is not None  # noqa: S101 - receive() comes here after CONNECT only
        payload_at, identifier = topic_end, 0
        if first & 2:
            payload_at += 2
            if payload_at > end:
                raise MalformedPacket("truncated", "a PUBLISH ends within its packet identifier")
            identifier = data[topic_end] << 8 | data[topic_end + 1]
            if not identifier:
                raise ProtocolViolation("packet-identifier", "a PUBLISH has packet identifier 0")
        payload = data[payload_at + (self.level == 5) : end]
        error = self.incoming.take(route, first >> 1 & 1, bool(first & 1), identifier, payload)
        if error is not None:
            self.store_refused(error)

    def _publish_qos1(self, route: Route, data: bytes, at: int, topic_end: int, end: int) -> None:
        """Route a plain QoS 1 PUBLISH that stands at `data[at:end]`, then see to its PUBACK."""
        tail_at = topic_end + 2
        identifier = data[topic_end:tail_at]
        if tail_at > end:
            raise MalformedPacket("truncated", "a PUBLISH ends within its packet identifier")
        if identifier == b"\0\0":
            raise ProtocolViolation("packet-identifier", "a PUBLISH has packet identifier 0")
        tail = data[tail_at:end]
        acknowledgements = self.acknowledgements
        qos0, qos1 = route.qos0_4, route.qos1_4
        if self.level == 5:
            qos0, qos1 = route.qos0_5, route.qos1_5
            session = self.session
            assert session is not None and self.incoming is not None  # noqa: S101 - after CONNECT
            if acknowledgements.publishes or session.received:  # few have either
                self.incoming.count_unanswered()
        store = self.broker.store
        joined = store.joined
        if route.local:
            payload = tail[1:] if self.level == 5 else tail
            message = Message(route.topic, payload, 1, False, self.publisher)
            try:
                self.broker.router.deliver_locally(route, message)
            except StoreError as error:
                self._refuse_qos1(identifier, error)
                return
        if qos1:
            head = b"\x32" + data[at + 1 : topic_end]
            for outgoing in qos1:
                outgoing.deliver_qos1(head, tail)
        if qos0:
            packet = publish_head(route.topic_bytes, len(tail), 0) + tail
            for outgoing in qos0:
                outgoing.deliver_qos0(packet)
        if store.joined != joined:
            acknowledgements.after_commit(PUBACK_HEAD + identifier, 1)
        elif acknowledgements.waiting:
            acknowledgements.in_turn(PUBACK_HEAD + identifier, 1)
        else:
            self.broker.counters.answers.value += 1
            self.outlet.send(PUBACK_HEAD + identifier)

    def _refuse_qos1(self, identifier: bytes, error: StoreError) -> None:
        assert self.incoming is not None  # noqa: S101 - set with the session
        number = int.from_bytes(identifier, "big")
        if self.incoming.store_refused(1, number, error) is not None:
            self.store_refused(error)

    # --- the end ---------------------------------------------------------------------------------

    def fail(self, error: MqttError) -> None:
        """Close the connection of a client that broke the protocol, and say why (MQTT 5)."""
        self.broker.reports.protocol_error(self, error)
        self.disconnect(error.reason_code, DisconnectReason.CLIENT_ERROR)

    def disconnect(self, reason_code: ReasonCode, ending: DisconnectReason) -> None:
        """Close the connection, with a DISCONNECT before it where MQTT 5 allows one."""
        if self.closed:
            self.end(ending)
            return
        if self.session is None:
            self.broker.refuse_connect(self, reason_code)
        elif self.level == 5 and not self.acknowledgements.opening:
            self.outlet.send(encode_disconnect(Disconnect(reason_code), 5))
            self.broker.note(self.session, "out", "DISCONNECT", reason_code)
        self.end(ending)

    def store_refused(self, error: StoreError) -> None:
        """Close without a PUBACK: the client keeps the message and sends it again (3.1.1)."""
        self.broker.reports.refused(error)
        self.disconnect(ReasonCode.QUOTA_EXCEEDED, DisconnectReason.SERVER_ERROR)

    def _batch_failed(self, error: StoreError, lost: list[Waiting]) -> None:
        """Nothing of these answers' batches has happened: say so, or close (DESIGN: refusal)."""
        self.broker.reports.refused(error)
        answers = refused_packets(self, lost)
        if answers is None:
            self.disconnect(ReasonCode.QUOTA_EXCEEDED, DisconnectReason.SERVER_ERROR)
        else:
            self.outlet.send(answers)

    def end(self, ending: DisconnectReason | None = None) -> None:
        """Take nothing more and have the connection closed; a second call does not wait."""
        if ending is not None and not self.closed:
            self.ending = ending
        self.closed = True
        self.acknowledgements.abandon()  # nothing follows a DISCONNECT [MQTT-3.14.4-1]
        self.broker.release(self)
        self.idle_limit_s = CLOSE_LIMIT_S
        self._close()

    def lost(self) -> None:
        """The connection is closed: free what it held; the will is published if there is one."""
        self.closed = True
        self._partial.clear()
        self._hold()
        self.acknowledgements.abandon()
        self.broker.disconnected(self)
