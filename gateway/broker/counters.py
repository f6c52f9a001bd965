"""What connections count, by name.

Owns the names and their sentences; who counts is elsewhere.
"""

from __future__ import annotations

from typing import final

from gateway.metrics import Counter, Metrics

__all__ = ["BrokerCounters"]


@final
class BrokerCounters:
    """Counters that all connections share."""

    __slots__ = (
        "answers",
        "bytes_received",
        "bytes_sent",
        "connects",
        "expired_sessions",
        "lost_events",
        "lost_wills",
        "malformed",
        "not_authorized",
        "not_reading",
        "packets",
        "received",
        "refused_connects",
        "sockets",
        "taken_over",
        "timed_out",
    )

    def __init__(self, metrics: Metrics) -> None:
        def counter(name: str, what: str) -> Counter:
            return metrics.counter(f"mqtt.{name}", what)

        self.received = counter("publish.received", "PUBLISH packets taken from clients")
        self.packets = counter(
            "packets.received", "packets of clients other than PUBLISH and the PUBACKs that follow"
        )
        self.answers = counter("answers", "packets written to clients other than PUBLISH")
        self.bytes_received = counter("bytes.received", "bytes from clients")
        self.bytes_sent = counter("bytes.sent", "bytes to clients")
        self.sockets = counter("sockets", "network connections opened")
        self.connects = counter("connect.accepted", "CONNECT packets accepted")
        self.refused_connects = counter("connect.refused", "CONNECT packets refused")
        self.not_authorized = counter(
            "publish.not_authorized", "PUBLISH packets to topics that clients may not publish to"
        )
        self.malformed = counter(
            "protocol_errors", "connections closed because the client broke the protocol"
        )
        self.not_reading = counter(
            "not_reading", "connections closed because the client read none of its answers"
        )
        self.lost_wills = counter(
            "lost_wills", "wills that could not be published, or not be written"
        )
        self.lost_events = counter("lost_events", "lifecycle events that could not be published")
        self.timed_out = counter(
            "timed_out", "connections closed because the client was silent for too long"
        )
        self.taken_over = counter(
            "taken_over", "connections closed because their client connected again"
        )
        self.expired_sessions = counter(
            "sessions.expired", "sessions that ended because their client was away for too long"
        )
