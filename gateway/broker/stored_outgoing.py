"""Messages on their way to the client of a persistent session: on disk until acknowledged.

Owns which of them are in memory: those in flight, without their payloads once these are on disk,
and a short run ahead of what was sent last. All others are on disk only, so that a session may keep
far more than memory holds. At QoS 0 and 1 a connected client gets a message before its commit; at
QoS 2 after it, since its packet identifier must mean the same message after a power cut.

The life of a copy: *gathered* in the open batch, *written* with it, *sent*, acknowledged. One that
is acknowledged while still gathered is never written.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final, final

from gateway.broker.memory_queue import QUEUED_OVERHEAD_BYTES
from gateway.broker.outbound import Copy, Outbound, packet_identifier
from gateway.broker.outgoing import Outgoing
from gateway.broker.outlet import OutgoingContext, Outlet

if TYPE_CHECKING:
    from gateway.broker.journal import Journal

__all__ = ["StoredOutgoing"]

log = logging.getLogger(__name__)

# Type, flags and remaining length of a PUBREL; the packet identifier follows (3.6).
PUBREL_HEAD: Final = b"\x62\x02"

# How far the run in memory goes ahead of what was sent last.
MAX_AHEAD: Final = 1000
MAX_AHEAD_BYTES: Final = 1024 * 1024


@final
class StoredOutgoing(Outgoing):
    """Messages on their way to the client of one persistent session.

    Args:
        client_id: The MQTT client identifier.
        context: Shared limits and counters.
        journal: Where copies are written and read.
        number: The session's number on disk.

    Attributes:
        number: The session's number on disk.
        stored: How many messages the client has not acknowledged.
        stored_bytes: What they weigh.
        committed_end: Copies below this sequence are on disk, or gone.
        sent_before: Copies below this sequence may have been sent by an earlier process.
    """

    __slots__ = (
        "_again",
        "_ahead",
        "_ahead_bytes",
        "_ahead_end",
        "_end",
        "_gathered",
        "_held",
        "_journal",
        "committed_end",
        "number",
        "sent_before",
        "stored",
        "stored_bytes",
    )

    def __init__(
        self, client_id: str, context: OutgoingContext, journal: Journal, number: int
    ) -> None:
        super().__init__(client_id, context)
        self._journal = journal
        self.number = number
        self.stored = 0
        self.stored_bytes = 0
        self.committed_end = 0
        self.sent_before = 0
        self._held = False
        self._end = 0  # the sequence of the next copy
        self._ahead: deque[Copy] = deque()  # to be sent next
        self._ahead_end = 0  # the sequence after these
        self._ahead_bytes = 0
        # To be sent again, before all others; the first one last, so that it can be popped.
        self._again: list[Copy] = []
        self._gathered: list[Copy] = []  # neither ahead nor on disk yet

    def restore(self, stored: int, stored_bytes: int, end: int, sent_before: int) -> None:
        """Continue with what an earlier process left on disk."""
        self.stored, self.stored_bytes = stored, stored_bytes
        self._context.stored_messages += stored
        self._context.stored_bytes += stored_bytes
        self.committed_end = self._end = end
        self.sent_before = sent_before

    @property
    def sent_end(self) -> int:
        """Copies below this sequence may have been sent."""
        return max(self._next, self.sent_before)

    @property
    def queued(self) -> int:
        """How many messages wait to be sent."""
        return self.stored - len(self.in_flight)

    @property
    def queued_bytes(self) -> int:
        """What all that is not acknowledged weighs."""
        return self.stored_bytes

    @property
    def is_plain(self) -> bool:
        """Never: what goes to a persistent session may have to be kept."""
        return False

    # --- the connection --------------------------------------------------------------------------

    def attach(self, outlet: Outlet) -> None:
        """Begin to send through this connection, what was in flight first [MQTT-4.4.0-1]."""
        self.outlet = outlet
        self.drain()

    def detach(self) -> None:
        """The connection is gone; what waited is on disk, or will be."""
        self.outlet = None
        self._held = False
        self.replays.clear()
        unacknowledged = [copy for copy in self.in_flight.values() if copy is not None]
        self.in_flight.clear()
        unacknowledged += self._again
        self._again = sorted(unacknowledged, key=_sequence, reverse=True)
        if self._ahead:
            first = self._ahead[0].sequence
            self._gathered[:0] = [c for c in self._ahead if c.sequence >= self.committed_end]
            self._ahead.clear()
            self._hold(-self._ahead_bytes)
            self._ahead_end = first

    def hold(self) -> None:
        """Send no QoS 1 and 2 messages until `go_on`: something else must leave before them."""
        self._held = True

    def go_on(self) -> None:
        """Send again."""
        self._held = False
        self.drain()

    def abandon(self) -> None:
        """Forget what waits: the session is over. The journal removes it from the disk."""
        self._context.stored_messages -= self.stored
        self._context.stored_bytes -= self.stored_bytes
        self.stored = self.stored_bytes = 0
        self._hold(-self._ahead_bytes)
        for copies in (self._again, self._ahead, self._gathered):
            for copy in copies:
                copy.cancelled = True
            copies.clear()
        for in_flight in self.in_flight.values():
            if in_flight is not None:
                in_flight.cancelled = True
        self.in_flight.clear()

    # --- delivering ------------------------------------------------------------------------------

    def deliver(self, outbound: Outbound, qos: int, retain: bool, identifiers: bytes) -> None:
        """Deliver a message: kept on disk at QoS 1 and 2 until the client acknowledges it."""
        if not qos:
            self._send_qos0(outbound, retain, identifiers)
            return
        size_bytes = outbound.size_bytes + len(identifiers) + QUEUED_OVERHEAD_BYTES
        if not self._make_room(size_bytes):
            return
        copy = Copy(outbound, self._end, qos, retain, identifiers, size_bytes)
        self._end += 1
        self._count(copy, 1)
        self._journal.add(self, copy)
        if self.outlet is None or not self._goes_ahead(copy):
            self._gathered.append(copy)
        else:
            self.drain()

    def drain(self) -> None:
        """Send what has waited, as far as identifiers, the socket and commits allow."""
        try:
            self._drain()
        except Exception:
            # What cannot be read concerns this client, not the publisher that has come across it.
            log.exception("the messages of %r cannot be read; it gets them when it comes back",
                          self.client_id[:100])  # fmt: skip
            self._held = True

    def _drain(self) -> None:
        while self.outlet is not None and not self._held:
            again = bool(self._again)
            if not again and not self._ahead:
                if self._look_ahead():
                    continue
                break
            copy = self._again[-1] if again else self._ahead[0]
            if copy.qos == 2 and copy.sequence >= self.committed_end:
                break
            sent_end, self._next = self._next, copy.sequence
            if not self._can_send():
                self._next = sent_end
                break
            if again:
                self._again.pop()
            else:
                self._ahead.popleft()
                self._hold(-copy.size_bytes)
            self._send(copy)
            self._next = max(sent_end, copy.sequence + 1)
        if self.replays:
            self._drain_replays()

    def committed(self, end: int) -> None:
        """Take note that copies below this sequence are on disk; more may be sent now."""
        self.committed_end = end
        if self._gathered:
            self._gathered = [copy for copy in self._gathered if copy.sequence >= end]
        self.drain()

    def lost(self, copies: list[Copy]) -> None:
        """Take back copies whose batch failed: their publisher sends them again.

        One that the client has got already stays in flight, without a row on disk.
        """
        for copy in copies:
            copy.written = False
            if not copy.cancelled:
                copy.cancelled = True
                if not copy.sent:
                    self._count(copy, -1)
        self._gathered.clear()
        kept = [copy for copy in self._ahead if not copy.cancelled]
        self._ahead = deque(kept)
        self._hold(sum(copy.size_bytes for copy in kept) - self._ahead_bytes)
        self.committed_end = self._end

    # --- what the client answers -----------------------------------------------------------------

    def acknowledge(self, identifier: bytes) -> None:
        """Take a PUBACK; one for an identifier that is not in flight changes nothing."""
        super().acknowledge(identifier)
        if self._ahead or self._again or self._ahead_end < self.committed_end:
            self.drain()

    def _settled(self, copy: Copy) -> None:
        self._count(copy, -1)
        self._journal.remove(self, copy)

    def _released(self, copy: Copy) -> None:
        self._journal.mark_released(self, copy)

    # --- inside ----------------------------------------------------------------------------------

    def _send(self, copy: Copy) -> None:
        identifier = packet_identifier(copy.sequence)
        if copy.released:  # from then on only PUBREL, never PUBLISH [MQTT-4.3.3-6]
            self.in_flight[identifier] = copy
            self._write_pubrel(identifier)
            return
        outbound = copy.outbound or self._journal.fetch(copy)
        packet = self._packet(outbound, copy.qos, copy.retain, copy.identifiers, copy.sent, True)
        if packet is None:
            self._settled(copy)
            return
        copy.sent = True
        on_disk = copy.written and copy.sequence < self.committed_end
        copy.outbound = None if on_disk else outbound
        self.in_flight[identifier] = copy
        self._write(packet)

    def _write_pubrel(self, identifier: bytes) -> None:
        assert self.outlet is not None  # noqa: S101 - drain() has looked
        self.outlet.send(PUBREL_HEAD + identifier)

    def _goes_ahead(self, copy: Copy) -> bool:
        """Keep a new copy in memory if it follows what is there, and that is not too much."""
        if (
            copy.sequence != self._ahead_end
            or len(self._ahead) >= MAX_AHEAD
            or self._ahead_bytes >= MAX_AHEAD_BYTES
            or self._context.queued_bytes >= self._context.settings.max_queued_total_bytes
        ):
            return False
        self._ahead.append(copy)
        self._hold(copy.size_bytes)
        self._ahead_end = self._end
        return True

    def _look_ahead(self) -> bool:
        """Read the next copies from the disk; return whether there may be something to send."""
        if self._ahead_end >= self.committed_end:
            # What is gathered joins once it is committed; what has gone meanwhile leaves a gap.
            if self.committed_end == self._end:
                self._ahead_end = self._end
            return False
        room_bytes = self._context.settings.max_queued_total_bytes - self._context.queued_bytes
        max_bytes = max(min(MAX_AHEAD_BYTES, room_bytes), 1)  # one message at least
        self._load(max_bytes)
        return True

    def _load(self, max_bytes: int) -> None:
        copies, self._ahead_end = self._journal.load(
            self.number, self._ahead_end, self.committed_end, MAX_AHEAD, max_bytes
        )
        for copy in copies:
            copy.sent = copy.sequence < self.sent_before
        self._ahead.extend(copies)
        self._hold(sum(copy.size_bytes for copy in copies))

    def _hold(self, change_bytes: int) -> None:
        """Account for the run in memory, with what waits there for all clients."""
        self._ahead_bytes += change_bytes
        self._context.queued_bytes += change_bytes

    def _count(self, copy: Copy, change: int) -> None:
        self.stored += change
        self.stored_bytes += change * copy.size_bytes
        self._context.stored_messages += change
        self._context.stored_bytes += change * copy.size_bytes

    def _has_room(self, size_bytes: int) -> bool:
        settings = self._context.settings
        return (
            self.stored < settings.max_stored_messages
            and self.stored_bytes + size_bytes <= settings.max_stored_bytes
            and self._context.stored_bytes + size_bytes <= settings.max_stored_total_bytes
        )

    def _make_room(self, size_bytes: int) -> bool:
        settings = self._context.settings
        others_bytes = self._context.stored_bytes - self.stored_bytes
        if (
            settings.overflow == "drop_oldest"
            and size_bytes <= settings.max_stored_bytes
            and others_bytes + size_bytes <= settings.max_stored_total_bytes  # or all is in vain
        ):
            while not self._has_room(size_bytes) and self._drop_oldest():
                self._drop()
        if self._has_room(size_bytes):
            return True
        self._drop()
        return False

    def _drop_oldest(self) -> bool:
        """Give up the oldest copy that was not sent; return whether there was one."""
        max_inflight = self._context.settings.max_inflight
        while self._ahead or self._ahead_end < self.committed_end:
            if not self._ahead:
                self._load(0)
                continue
            copy = self._ahead.popleft()
            self._hold(-copy.size_bytes)
            if copy.sent and len(self._again) + len(self.in_flight) < max_inflight:
                self._again.insert(0, copy)  # an earlier process may have had it in flight
                continue
            self._settled(copy)
            return True
        if not self._gathered:
            return False
        copy = self._gathered.pop(0)
        self._ahead_end = copy.sequence + 1  # its row may be on disk for a while yet
        self._settled(copy)
        return True


def _sequence(copy: Copy) -> int:
    return copy.sequence
