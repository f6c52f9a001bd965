"""One client's connection as a state machine: bytes in, packets handled, bytes out.

Owns the order of packets on one connection (CONNECT first, then the rest) and the fast way of a
PUBLISH. No sockets and no clock: the listener feeds it bytes and the time, and writes what gathers
in its outlet. A peer that breaks the protocol raises MqttError out of `receive`, and nothing of
the offending packet has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, final

from gateway.broker.acknowledgements import PUBACK_HEAD, Acknowledgements
from gateway.broker.router import Route
from gateway.broker.session import Outlet, Session
from gateway.broker.subscribing import subscribe, unsubscribe
from gateway.errors import StoreError
from gateway.message import Message, Publisher
from gateway.mqtt.errors import MalformedPacket, ProtocolViolation
from gateway.mqtt.packets import (
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP_PACKET,
    PUBACK,
    PUBLISH,
    PUBREL,
    SUBSCRIBE,
    UNSUBSCRIBE,
    ConnectReturnCode,
    Will,
    decode_connect,
    decode_packet_identifier,
    decode_subscribe,
    decode_unsubscribe,
    encode_connack,
    encode_remaining_length,
    encode_suback,
    encode_unsuback,
    next_packet,
)

if TYPE_CHECKING:
    from gateway.broker.broker import Broker

__all__ = ["Connection"]

# A connection that holds less of an unfinished packet is never closed for what the others hold.
FAIR_SHARE_BYTES = 64 * 1024

# A peer that does not take the last bytes keeps its closing connection no longer than this.
CLOSE_LIMIT_S = 10.0


@final
class Connection:
    """The broker's end of one client connection.

    Args:
        broker: Where sessions, routes and limits are.
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
    """

    __slots__ = (
        "_acknowledgements",
        "_broker",
        "_close",
        "_held_bytes",
        "_missing",
        "_partial",
        "_publisher",
        "_will",
        "closed",
        "idle_limit_s",
        "last_seen_s",
        "outlet",
        "paused",
        "session",
        "source_ip",
    )

    def __init__(
        self,
        broker: Broker,
        source_ip: str | None,
        wake: Callable[[], None],
        close: Callable[[], None],
        now_s: float,
    ) -> None:
        self._broker = broker
        self.source_ip = source_ip
        self._close = close
        self.outlet = Outlet(wake)
        self.session: Session | None = None
        self.last_seen_s = now_s
        self.idle_limit_s = broker.settings.connect_timeout_s
        self.closed = False
        self.paused = False
        self._acknowledgements = Acknowledgements(broker.store, self.outlet, self._store_refused)
        self._publisher = Publisher("unknown")
        self._will: Will | None = None
        self._partial = bytearray()
        self._missing = 0
        self._held_bytes = 0

    # --- bytes in --------------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float) -> None:
        """Handle what the client sent.

        Raises:
            MqttError: The client broke the protocol; the connection has to be closed.
        """
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
        broker = self._broker
        broker.held_bytes += held_bytes - self._held_bytes
        self._held_bytes = held_bytes
        if held_bytes > FAIR_SHARE_BYTES and broker.held_bytes > broker.settings.max_held_bytes:
            raise ProtocolViolation(
                "held-bytes",
                f"{held_bytes} bytes of an unfinished packet, while all connections together hold "
                f"more than {broker.settings.max_held_bytes}",
            )

    def _handle_packets(self, data: bytes, at: int) -> int:
        """Handle every whole packet from `at` on; return where the first incomplete one begins."""
        size = len(data)
        limit = self._broker.settings.max_packet_bytes
        router = self._broker.router
        routes = router.routes
        received = self._broker.counters.received
        while size - at > 1 and not self.closed:
            first = data[at]
            length = data[at + 1]
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
                        "packet-too-large", f"a packet of {end - at} bytes; the limit is {limit}"
                    )
                if not data[body - 1] and end <= size and first >> 4 == PUBLISH:
                    # More digits than needed: allowed, but strict subscribers would close over it.
                    head = data[at : at + 1] + encode_remaining_length(end - body)
                    self._handle_packets(head + data[body:end], 0)
                    at = end
                    continue
            if end > size:
                self._missing = end - at
                return at
            if first == 0x30 or first == 0x32:  # PUBLISH at QoS 0 or 1, neither DUP nor RETAIN
                received.value += 1
                topic_at = body + 2
                topic_end = topic_at + (data[body] << 8 | data[body + 1]) if topic_at <= end else 0
                if not topic_at <= topic_end <= end:
                    raise MalformedPacket("truncated", "a PUBLISH ends within its topic name")
                topic_bytes = data[topic_at:topic_end]
                route = routes.get(topic_bytes)
                if route is None:
                    route = router.find(topic_bytes)
                if first == 0x32:
                    self._publish_qos1(route, data, at, topic_end, end)
                elif route.local:
                    self._publish_qos0(route, data[at:end], data[topic_end:end], False)
                else:
                    packet = data[at:end]
                    for session in route.sessions:
                        session.deliver_qos0(packet)
            elif first == 0x40 and length == 2 and self.session is not None:
                self.session.acknowledge(data[body:end])
            else:
                self._handle(first, data, at, body, end)
            at = end
        return at

    # --- PUBLISH ---------------------------------------------------------------------------------

    def _publish_qos0(self, route: Route, packet: bytes, payload: bytes, retain: bool) -> None:
        message = Message(route.topic, payload, 0, retain, self._publisher)
        # A refusal is counted by the router; QoS 0 promises nothing, and clients still get it.
        with suppress(StoreError):
            self._broker.router.deliver_locally(route, message)
        for session in route.sessions:
            session.deliver_qos0(packet)

    def _publish_qos1(
        self, route: Route, data: bytes, at: int, topic_end: int, end: int, retain: bool = False
    ) -> None:
        """Route a QoS 1 PUBLISH that stands at `data[at:end]`, then see to its PUBACK."""
        payload_at = topic_end + 2
        identifier = data[topic_end:payload_at]
        if payload_at > end:
            raise MalformedPacket("truncated", "a PUBLISH ends within its packet identifier")
        if identifier == b"\0\0":
            raise ProtocolViolation("packet-identifier", "a PUBLISH has packet identifier 0")
        payload = data[payload_at:end]
        store = self._broker.store
        joined = store.joined
        if route.local:
            message = Message(route.topic, payload, 1, retain, self._publisher)
            try:
                self._broker.router.deliver_locally(route, message)
            except StoreError as error:
                self._store_refused(error)
                return
        if route.qos1:
            head = b"\x32" + data[at + 1 : topic_end]
            for session in route.qos1:
                session.deliver_qos1(head, payload)
        if route.qos0:
            packet = self._broker.as_qos0(route.topic, payload)
            for session in route.qos0:
                session.deliver_qos0(packet)
        if store.joined != joined:
            self._acknowledgements.after_commit(identifier)
        elif self._acknowledgements.waiting:
            self._acknowledgements.in_turn(identifier)
        else:
            self.outlet.send(PUBACK_HEAD + identifier)

    def _publish_unusual(self, first: int, data: bytes, at: int, body: int, end: int) -> None:
        """Route a PUBLISH with DUP or RETAIN set; refuse what is not allowed or not there yet."""
        qos = first >> 1 & 3
        if qos == 3:
            raise MalformedPacket("publish-qos", "a PUBLISH has QoS 3")
        if qos == 2:
            raise ProtocolViolation(
                "qos2-unsupported", "a PUBLISH at QoS 2: this gateway takes QoS 0 and 1 so far"
            )
        if first & 0x08 and not qos:
            raise ProtocolViolation("publish-dup", "a PUBLISH at QoS 0 has DUP set")
        topic_at = body + 2
        if topic_at > end:
            raise MalformedPacket("truncated", "a PUBLISH ends before its topic name")
        topic_end = topic_at + (data[body] << 8 | data[body + 1])
        if topic_end > end:
            raise MalformedPacket("truncated", "a PUBLISH ends within its topic name")
        topic_bytes = data[topic_at:topic_end]
        router = self._broker.router
        route = router.routes.get(topic_bytes) or router.find(topic_bytes)
        retain = bool(first & 0x01)
        self._broker.counters.received.value += 1
        if retain:
            # Delivered live; kept for later subscribers once there are retained messages.
            self._broker.counters.retain_not_kept.value += 1
        if qos:
            self._publish_qos1(route, data, at, topic_end, end, retain)
        else:
            packet = b"\x30" + data[at + 1 : end]
            self._publish_qos0(route, packet, data[topic_end:end], retain)

    # --- the other packets -----------------------------------------------------------------------

    def _expect_connect(self, data: bytes) -> int:
        """Take the CONNECT that must come first; return where the next packet begins."""
        if data and data[0] != CONNECT << 4:
            raise ProtocolViolation("connect-first", "the first packet is not a CONNECT")
        bounds = next_packet(data, 0)
        if bounds is None:
            self._partial += data
            return 0
        body, end = bounds
        if end > self._broker.settings.max_packet_bytes:
            raise MalformedPacket("packet-too-large", f"a CONNECT of {end} bytes")
        if end > len(data):
            self._partial += data
            self._missing = end
            return 0
        connect = decode_connect(data[body:end])
        return_code = self._broker.connect(self, connect)
        if return_code != ConnectReturnCode.ACCEPTED or self.session is None:
            refusal = encode_connack(return_code)
            if connect.protocol_level == 5:  # its CONNACK has a property length
                refusal = b"\x20\x03\x00\x84\x00"
            self.outlet.send(refusal)
            self.end()
            return end
        self._will = connect.will
        # One and a half times the keep alive [MQTT-3.1.2-24].
        self.idle_limit_s = connect.keep_alive_s * 1.5
        client_id = self.session.client_id
        self._publisher = Publisher(client_id, client_id=client_id, source_ip=self.source_ip)
        self.outlet.send(encode_connack(ConnectReturnCode.ACCEPTED))
        return end

    def _handle(self, first: int, data: bytes, at: int, body: int, end: int) -> None:
        """Handle a packet that is not the everyday PUBLISH or PUBACK."""
        kind = first >> 4
        if kind == PUBLISH:
            self._publish_unusual(first, data, at, body, end)
            return
        if first & 0x0F != (2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0):
            raise MalformedPacket("fixed-header-flags", f"packet type {kind} with flags {first:#x}")
        broker, session = self._broker, self.session
        assert session is not None  # noqa: S101 - receive() comes here after CONNECT only
        if kind == SUBSCRIBE:
            wanted = decode_subscribe(data[body:end])
            codes = subscribe(session, wanted, broker.router, broker.settings)
            self.outlet.send(encode_suback(wanted.packet_identifier, codes))
        elif kind == UNSUBSCRIBE:
            unwanted = decode_unsubscribe(data[body:end])
            unsubscribe(session, unwanted, broker.router)
            self.outlet.send(encode_unsuback(unwanted.packet_identifier))
        elif kind == PINGREQ:
            _expect_empty(body, end, "PINGREQ")
            self.outlet.send(PINGRESP_PACKET)
        elif kind == PUBACK:
            decode_packet_identifier(data[body:end], "PUBACK")
            session.acknowledge(data[body:end])
        elif kind == DISCONNECT:
            _expect_empty(body, end, "DISCONNECT")
            self._will = None  # [MQTT-3.14.4-3]
            self.end()
        elif kind == CONNECT:
            raise ProtocolViolation("second-connect", "a second CONNECT [MQTT-3.1.0-2]")
        else:
            raise ProtocolViolation("unexpected-packet", f"packet type {kind} from a client")

    # --- the end ---------------------------------------------------------------------------------

    def _store_refused(self, error: StoreError) -> None:
        """Close without a PUBACK: the client keeps the message and sends it again (3.1.1)."""
        self._broker.refused(self, error)
        self.end()

    def end(self) -> None:
        """Take nothing more and have the connection closed; a second call does not wait."""
        self.closed = True
        self.idle_limit_s = CLOSE_LIMIT_S
        self._close()

    def lost(self) -> None:
        """The connection is closed: free what it held, and publish the will if there is one."""
        self.closed = True
        self._partial.clear()
        self._hold()
        self._acknowledgements.abandon()
        will, self._will = self._will, None
        self._broker.disconnect(self)
        if will is not None:
            message = Message(will.topic, will.payload, will.qos, will.retain, self._publisher)
            self._broker.publish_will(message)


def _expect_empty(body: int, end: int, what: str) -> None:
    if body != end:
        raise MalformedPacket("trailing-bytes", f"a {what} has {end - body} bytes too many")
