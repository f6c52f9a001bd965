"""A client's session: what it subscribed to, and the messages on their way to it.

Owns outgoing messages: packet identifiers in flight, the queue behind them and its limit. Knows
nothing of sockets; an open connection lends it a list of bytes to append to. (Sessions end with
their connection so far: every client connects with clean session.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import final

from gateway.broker.settings import MqttSettings
from gateway.metrics import Counter, Metrics

__all__ = ["Outlet", "Session", "SessionCounters"]

# What a queued message costs beside its bytes: three small objects and a place in the queue.
QUEUED_OVERHEAD_BYTES = 128


@final
class Outlet:
    """Where the bytes for one open connection gather during a turn of the loop.

    Args:
        wake: Has `out` joined and written at the end of this turn; called when it was empty.

    Attributes:
        out: Bytes to write, in order.
        writable: False while the socket's buffer is above its limit.
    """

    __slots__ = ("out", "wake", "writable")

    def __init__(self, wake: Callable[[], None]) -> None:
        self.out: list[bytes] = []
        self.writable = True
        self.wake = wake

    def send(self, packet: bytes) -> None:
        """Append one packet."""
        if not self.out:
            self.wake()
        self.out.append(packet)


@final
class SessionCounters:
    """Counters that all sessions share.

    Attributes:
        queued_bytes: What waits in the queues of all sessions together.
    """

    __slots__ = ("delivered", "dropped_qos0", "dropped_qos1", "queued_bytes")

    def __init__(self, metrics: Metrics) -> None:
        self.queued_bytes = 0
        metrics.gauge("mqtt.queued_bytes", lambda: self.queued_bytes)
        self.delivered: Counter = metrics.counter(
            "mqtt.publish.sent", "messages written to clients"
        )
        self.dropped_qos0: Counter = metrics.counter(
            "mqtt.dropped.qos0", "QoS 0 messages dropped because a client was too slow"
        )
        self.dropped_qos1: Counter = metrics.counter(
            "mqtt.dropped.qos1", "QoS 1 messages dropped because a client's queue was full"
        )


@final
class Session:
    """What the broker knows of one client identifier.

    Attributes:
        client_id: The MQTT client identifier.
        subscriptions: Topic filters and the QoS granted to each.
        outlet: The open connection, or None.
        in_flight: Packet identifiers (two bytes, as on the wire) not yet acknowledged.
    """

    __slots__ = (
        "_counters",
        "_free",
        "_queue",
        "_queued_bytes",
        "_settings",
        "client_id",
        "dropped",
        "in_flight",
        "outlet",
        "subscriptions",
    )

    def __init__(self, client_id: str, settings: MqttSettings, counters: SessionCounters) -> None:
        self.client_id = client_id
        self.subscriptions: dict[str, int] = {}
        self.outlet: Outlet | None = None
        self.in_flight: set[bytes] = set()
        self.dropped = 0
        self._settings = settings
        self._counters = counters
        # Identifiers go round; made when first needed, since most clients never get QoS 1.
        self._free: deque[bytes] | None = None
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._queued_bytes = 0

    @property
    def queued(self) -> int:
        """How many messages wait for an identifier or for the socket."""
        return len(self._queue)

    def deliver_qos0(self, packet: bytes) -> None:
        """Send a whole PUBLISH packet, or drop it while the client cannot keep up."""
        outlet = self.outlet
        if outlet is None or not outlet.writable:
            self._counters.dropped_qos0.value += 1
            self.dropped += 1
            return
        out = outlet.out
        if not out:
            outlet.wake()
        out.append(packet)
        self._counters.delivered.value += 1

    def deliver_qos1(self, head: bytes, payload: bytes) -> None:
        """Send a message with a packet identifier of this session, now or when one is free.

        Args:
            head: The PUBLISH packet up to where its packet identifier belongs.
            payload: What follows the identifier.
        """
        free = self._free
        if free is None:
            free = self._free = deque(
                number.to_bytes(2, "big") for number in range(1, self._settings.max_inflight + 1)
            )
        outlet = self.outlet
        if not free or self._queue or outlet is None or not outlet.writable:
            self._enqueue(head, payload)
            return
        identifier = free.popleft()
        self.in_flight.add(identifier)
        out = outlet.out
        if not out:
            outlet.wake()
        out += (head, identifier, payload)
        self._counters.delivered.value += 1

    def acknowledge(self, identifier: bytes) -> None:
        """Take a PUBACK; one for an identifier that is not in flight changes nothing."""
        if identifier in self.in_flight:
            self.in_flight.remove(identifier)
            if self._free is not None:
                self._free.append(identifier)
            if self._queue:
                self.drain()

    def drain(self) -> None:
        """Send what has waited, as far as identifiers and the socket allow."""
        outlet, free, queue = self.outlet, self._free, self._queue
        if outlet is None or free is None:
            return
        while queue and free and outlet.writable:
            head, payload = self._dequeue()
            identifier = free.popleft()
            self.in_flight.add(identifier)
            if not outlet.out:
                outlet.wake()
            outlet.out += (head, identifier, payload)
            self._counters.delivered.value += 1

    def abandon(self) -> None:
        """Forget what waits: the session is over."""
        while self._queue:
            self._dequeue()

    def _enqueue(self, head: bytes, payload: bytes) -> None:
        size = len(head) + len(payload) + QUEUED_OVERHEAD_BYTES
        if self._settings.overflow == "drop_oldest" and size <= self._settings.max_queued_bytes:
            while self._queue and not self._has_room(size):
                self._dequeue()
                self._drop()
        if not self._has_room(size):
            self._drop()
            return
        self._queue.append((head, payload))
        self._queued_bytes += size
        self._counters.queued_bytes += size

    def _has_room(self, size: int) -> bool:
        settings = self._settings
        return (
            self._queued_bytes + size <= settings.max_queued_bytes
            and self._counters.queued_bytes + size <= settings.max_queued_total_bytes
        )

    def _dequeue(self) -> tuple[bytes, bytes]:
        head, payload = self._queue.popleft()
        size = len(head) + len(payload) + QUEUED_OVERHEAD_BYTES
        self._queued_bytes -= size
        self._counters.queued_bytes -= size
        return head, payload

    def _drop(self) -> None:
        self._counters.dropped_qos1.value += 1
        self.dropped += 1
