"""What all that is sent to clients goes through: the outlet of a connection, and shared limits.

Owns two small meeting points; knows nothing of packets, sessions or sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from gateway.broker.settings import MqttSettings
from gateway.metrics import Counter, Metrics

__all__ = ["OutgoingContext", "Outlet"]

# Messages are handed over in helpings of this many bytes, each written before the next.
HELPING_BYTES: Final = 256 * 1024


@final
class Outlet:
    """Where the bytes for one open connection gather during a turn of the loop.

    Args:
        wake: Has `out` joined and written at the end of this turn; called when it was empty.

    Attributes:
        out: Bytes to write, in order.
        writable: False while the socket's buffer is above its limit.
        helping_bytes: What `help` has appended since the last write.
        more: More is ready to be sent once this is written: have the session drained then.
    """

    __slots__ = ("helping_bytes", "more", "out", "wake", "writable")

    def __init__(self, wake: Callable[[], None]) -> None:
        self.out: list[bytes] = []
        self.writable = True
        self.more = False
        self.helping_bytes = 0
        self.wake = wake

    def send(self, packet: bytes) -> None:
        """Append one packet."""
        if not self.out:
            self.wake()
        self.out.append(packet)

    def help(self, packet: bytes) -> None:
        """Append one message of those that may be many; after a helping, no more until written."""
        self.send(packet)
        self.helping_bytes += len(packet)
        if self.helping_bytes > HELPING_BYTES:
            self.more = True

    def take(self) -> bytes:
        """Take what has gathered, to be written."""
        data = b"".join(self.out)
        self.out.clear()
        self.helping_bytes = 0
        return data


@final
class OutgoingContext:
    """What all clients' outgoing messages share: limits, counters and the clock.

    Attributes:
        queued_bytes: What waits in memory for all clients together.
        stored_bytes: What waits on disk for all sessions together.
        now_ms: Gateway time.
    """

    def __init__(self, settings: MqttSettings, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self.settings = settings
        self.now_ms = now_ms
        self.queued_bytes = 0
        self.stored_bytes = 0
        self.stored_messages = 0
        metrics.gauge("mqtt.queued_bytes", lambda: self.queued_bytes)
        metrics.gauge("mqtt.stored_bytes", lambda: self.stored_bytes)
        metrics.gauge("mqtt.stored_messages", lambda: self.stored_messages)
        self.delivered: Counter = metrics.counter(
            "mqtt.publish.sent", "messages written to clients"
        )
        self.acknowledged: Counter = metrics.counter(
            "mqtt.acknowledged", "PUBACK packets taken from clients"
        )
        self.dropped_qos0: Counter = metrics.counter(
            "mqtt.dropped.qos0", "QoS 0 messages dropped because a client was too slow"
        )
        self.dropped_qos1: Counter = metrics.counter(
            "mqtt.dropped.qos1", "QoS 1 and 2 messages dropped because a client's queue was full"
        )
        self.away_qos0: Counter = metrics.counter(
            "mqtt.not_queued.qos0", "QoS 0 messages not kept for clients that were away"
        )
        self.expired: Counter = metrics.counter(
            "mqtt.expired", "messages whose expiry interval passed before they could be sent"
        )
        self.too_large: Counter = metrics.counter(
            "mqtt.dropped.too_large", "messages larger than the maximum packet size of a client"
        )

    @property
    def dropped(self) -> int:
        """All that was dropped because clients could not keep up."""
        return self.dropped_qos0.value + self.dropped_qos1.value
