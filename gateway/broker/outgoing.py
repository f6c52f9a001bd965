"""Messages on their way to one client, kept in memory: for sessions that end with their connection.

Owns packet identifiers in flight, what is sent when, and the handshakes of QoS 1 and 2 on the
sending side. Knows nothing of sockets; an open connection lends it an outlet. What a
persistent session adds to this is in `stored_outgoing`.
"""

from __future__ import annotations

from gateway.broker.memory_queue import QUEUED_OVERHEAD_BYTES, MemoryQueue
from gateway.broker.outbound import Copy, Outbound, encode_copy, packet_identifier
from gateway.broker.outlet import OutgoingContext, Outlet
from gateway.broker.replays import Replay, Replays
from gateway.mqtt.errors import ProtocolViolation

__all__ = ["Outgoing"]


class Outgoing:
    """Messages on their way to one client.

    Attributes:
        client_id: The MQTT client identifier.
        level: The protocol level of the client's connection: 4 or 5.
        outlet: The open connection's, once its CONNACK is on its way; None while away.
        window: How many QoS 1 and 2 messages may be in flight.
        in_flight: By packet identifier (two bytes, as on the wire): a copy, or None for a plain
            QoS 1 message.
        dropped: Messages this client did not get because it could not keep up.
        over: The session has ended with its connection; nothing more is to be delivered.
        replays: Retained messages that new subscriptions are still to get.
    """

    __slots__ = (
        "_aliases",
        "_context",
        "_max_aliases",
        "_max_packet_bytes",
        "_next",
        "_queue",
        "client_id",
        "dropped",
        "in_flight",
        "level",
        "outlet",
        "over",
        "replays",
        "window",
    )

    def __init__(self, client_id: str, context: OutgoingContext) -> None:
        self.client_id = client_id
        self.level = 4
        self.outlet: Outlet | None = None
        self.window = context.settings.max_inflight
        self.in_flight: dict[bytes, Copy | None] = {}
        self.dropped = 0
        self._context = context
        self._next = 0  # the sequence of the next message
        self._max_packet_bytes = 0
        self._max_aliases = 0
        self._aliases: dict[bytes, int] | None = None
        self._queue = MemoryQueue(context)
        self.over = False
        self.replays = Replays()

    # --- the connection --------------------------------------------------------------------------

    def negotiate(
        self, level: int, receive_maximum: int, max_packet_bytes: int, max_aliases: int
    ) -> None:
        """Take what the client's CONNECT says about what it can take.

        Args:
            level: 4 or 5.
            receive_maximum: QoS 1 and 2 messages it takes at once.
            max_packet_bytes: The largest packet it takes; 0 for any.
            max_aliases: Topic aliases it takes.
        """
        self.level = level
        self.window = min(self._context.settings.max_inflight, receive_maximum)
        self._max_packet_bytes = max_packet_bytes
        self._max_aliases = max_aliases
        self._aliases = {} if max_aliases else None

    def attach(self, outlet: Outlet) -> None:
        """Begin to send through this connection, what came before the CONNACK left first."""
        self.outlet = outlet
        self.drain()

    def detach(self) -> None:
        """The connection is gone, and all that waited with it."""
        self.outlet = None
        self.over = True
        self.replays.clear()
        self.abandon()

    def hold(self) -> None:
        """Send no QoS 1 and 2 messages until `go_on`: something else must leave before them."""

    def go_on(self) -> None:
        """Send again."""

    @property
    def is_plain(self) -> bool:
        """Whether every message goes to this client in the same bytes as to others."""
        return not self._max_packet_bytes and not self._max_aliases

    @property
    def queued(self) -> int:
        """How many messages wait for an identifier or for the socket."""
        return len(self._queue)

    @property
    def queued_bytes(self) -> int:
        """What these messages weigh."""
        return self._queue.size_bytes

    # --- the fast way: the same bytes for many clients -------------------------------------------

    def deliver_qos0(self, packet: bytes) -> None:
        """Send a whole PUBLISH packet, or drop it while the client cannot keep up."""
        outlet = self.outlet
        if outlet is None or not outlet.writable:
            self._drop_qos0()
            return
        out = outlet.out
        if not out:
            outlet.wake()
        out.append(packet)
        self._context.delivered.value += 1

    def deliver_qos1(self, head: bytes, tail: bytes) -> None:
        """Send a message with a packet identifier of this client, now or when one is free.

        Args:
            head: The PUBLISH packet up to where its packet identifier belongs.
            tail: What follows the identifier.
        """
        outlet = self.outlet
        in_flight = self.in_flight
        # packet_identifier(), without the call: this is done for every message.
        identifier = (self._next % 65_535 + 1).to_bytes(2, "big")
        if (
            outlet is None
            or self._queue
            or not outlet.writable
            or len(in_flight) >= self.window
            or identifier in in_flight
        ):
            self._wait((head, tail), len(head) + len(tail) + QUEUED_OVERHEAD_BYTES)
            return
        self._next += 1
        in_flight[identifier] = None
        out = outlet.out
        if not out:
            outlet.wake()
        out += (head, identifier, tail)
        self._context.delivered.value += 1

    # --- the general way -------------------------------------------------------------------------

    def deliver(self, outbound: Outbound, qos: int, retain: bool, identifiers: bytes) -> None:
        """Deliver a message at this QoS, now or when the client can take it.

        Args:
            outbound: The message.
            qos: At most the one it was published with.
            retain: The RETAIN flag to send.
            identifiers: Subscription identifiers, as properties on the wire.
        """
        if not qos:
            self._send_qos0(outbound, retain, identifiers)
            return
        size_bytes = outbound.size_bytes + len(identifiers) + QUEUED_OVERHEAD_BYTES
        copy = Copy(outbound, 0, qos, retain, identifiers, size_bytes)
        if self._queue or not self._can_send():
            self._wait(copy, size_bytes)
        else:
            self._send_new(copy)

    def replay(self, messages: Replay, count: int) -> None:
        """Send these retained messages, which have been promised, as the client takes them."""
        self.replays.add(messages, count)
        self.drain()

    def drain(self) -> None:
        """Send what has waited, as far as identifiers and the socket allow."""
        while self._queue and self._can_send():
            waited = self._queue.take()
            if isinstance(waited, Copy):
                self._send_new(waited)
            else:
                head, tail = waited
                identifier = self._take_identifier()
                self.in_flight[identifier] = None
                self._write(head + identifier + tail)
        if self.replays:
            self._drain_replays()

    # --- what the client answers -----------------------------------------------------------------

    def acknowledge(self, identifier: bytes) -> None:
        """Take a PUBACK; one for an identifier that is not in flight changes nothing.

        Raises:
            ProtocolViolation: The message was sent at QoS 2, or nothing has such an identifier.
        """
        self._context.acknowledged.value += 1
        copy = self.in_flight.get(identifier)
        if copy is not None and copy.qos == 2:
            raise ProtocolViolation("wrong-acknowledgement", "a PUBACK for a QoS 2 message")
        if self.in_flight.pop(identifier, 0) == 0:
            if identifier == b"\0\0":
                raise ProtocolViolation("packet-identifier", "a PUBACK has packet identifier 0")
            return
        if copy is not None:
            self._settled(copy)
        if self._queue or self.replays:
            self.drain()

    def received(self, identifier: bytes, refused: bool) -> bool:
        """Take a PUBREC; return whether its PUBREL is due (False: it needs no answer).

        Args:
            identifier: The packet identifier.
            refused: Its reason code is 0x80 or more: the client will not have the message.

        Raises:
            KeyError: No QoS 2 message has this identifier.
            ProtocolViolation: The message was sent at QoS 1.
        """
        copy = self.in_flight[identifier]
        if copy is None or copy.qos != 2:
            raise ProtocolViolation("wrong-acknowledgement", "a PUBREC for a QoS 1 message")
        if refused:
            del self.in_flight[identifier]
            self._settled(copy)
            self.drain()
            return False
        if not copy.released:
            copy.released = True
            self._released(copy)
        return True

    def completed(self, identifier: bytes) -> None:
        """Take a PUBCOMP; one for an identifier that is not in flight changes nothing.

        Raises:
            ProtocolViolation: There was no PUBREC before it, or the message was sent at QoS 1.
        """
        if identifier not in self.in_flight:
            return
        copy = self.in_flight[identifier]
        if copy is None or not copy.released:
            raise ProtocolViolation("wrong-acknowledgement", "a PUBCOMP before its PUBREL")
        del self.in_flight[identifier]
        self._settled(copy)
        self.drain()

    # --- for those who keep more than this -------------------------------------------------------

    def _settled(self, copy: Copy) -> None:
        """The client has taken its copy."""

    def _released(self, copy: Copy) -> None:
        """PUBREC has come for this copy."""

    # --- sending ---------------------------------------------------------------------------------

    def _can_send(self) -> bool:
        """Whether the next QoS 1 or 2 message can leave at once."""
        outlet = self.outlet
        return (
            outlet is not None
            and outlet.writable
            and not outlet.more
            and len(self.in_flight) < self.window
            and packet_identifier(self._next) not in self.in_flight
        )

    def _take_identifier(self) -> bytes:
        identifier = packet_identifier(self._next)
        self._next += 1
        return identifier

    def _send_new(self, copy: Copy) -> None:
        """Send a copy for the first time, with the next packet identifier."""
        outbound = copy.outbound
        assert outbound is not None  # noqa: S101 - what waits in memory has its message
        packet = self._packet(outbound, copy.qos, copy.retain, copy.identifiers, copy.sent, True)
        if packet is not None:
            identifier = self._take_identifier()
            self.in_flight[identifier] = copy
            copy.outbound = None  # never sent again: the session ends with the connection
            self._write(packet)

    def _send_qos0(self, outbound: Outbound, retain: bool, identifiers: bytes) -> None:
        outlet = self.outlet
        if outlet is None or not outlet.writable:
            self._drop_qos0()
            return
        packet = self._packet(outbound, 0, retain, identifiers, False, False)
        if packet is not None:
            self._write(packet)

    def _packet(
        self,
        outbound: Outbound,
        qos: int,
        retain: bool,
        identifiers: bytes,
        dup: bool,
        identified: bool,
    ) -> bytes | None:
        """Encode a PUBLISH; None where the client must not get it [MQTT-3.3.2-5, 3.1.2-25]."""
        now_ms = 0
        if outbound.expires_at_ms:
            now_ms = self._context.now_ms()
            if outbound.expires_at_ms <= now_ms and not (dup and qos == 2):  # [MQTT-4.3.3-7]
                self._context.expired.value += 1
                return None
        identifier = packet_identifier(self._next) if identified else b""
        aliases = self._aliases
        known = 0 if aliases is None else len(aliases)
        packet = encode_copy(
            outbound, self.level, qos, retain, dup, identifier, identifiers, now_ms,
            aliases, self._max_aliases,
        )  # fmt: skip
        limit = self._max_packet_bytes
        if limit and len(packet) > limit and aliases is not None:
            # An alias takes three bytes, more than it spares the first time or of a short name.
            if len(aliases) > known:
                del aliases[outbound.topic_bytes]
            packet = encode_copy(
                outbound, self.level, qos, retain, dup, identifier, identifiers, now_ms, None, 0
            )
        if limit and len(packet) > limit:
            self._context.too_large.value += 1
            self.dropped += 1
            return None
        return packet

    def _write(self, packet: bytes) -> None:
        outlet = self.outlet
        assert outlet is not None  # noqa: S101 - callers have looked
        outlet.help(packet)
        self._context.delivered.value += 1

    def _drain_replays(self) -> None:
        while self.replays and not self._queue and self._can_send():
            message = self.replays.take()
            if message is not None:
                outbound, qos, identifiers = message
                self.deliver(outbound, qos, True, identifiers)

    # --- drops -----------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Forget what waits: the session is over."""
        self._queue.clear()

    def _wait(self, waiting: tuple[bytes, bytes] | Copy, size_bytes: int) -> None:
        """Put a message behind those that wait; what there is no room for is dropped."""
        for _ in range(self._queue.add(waiting, size_bytes)):
            self._drop()

    def _drop(self) -> None:
        self._context.dropped_qos1.value += 1
        self.dropped += 1

    def _drop_qos0(self) -> None:
        if self.outlet is None:
            self._context.away_qos0.value += 1
            return
        self._context.dropped_qos0.value += 1
        self.dropped += 1
