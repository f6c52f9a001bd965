"""A client's session: what the broker knows of one client identifier.

Owns the facts; messages on their way to the client are `outgoing`'s, what is on disk the journal's.
Source: MQTT 3.1.1, section 3.1.2.4; MQTT 5.0, section 4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from gateway.broker.outgoing import Outgoing
from gateway.broker.topic_tree import SubscriptionOptions

if TYPE_CHECKING:
    from gateway.broker.connection import Connection

__all__ = ["NEVER_EXPIRES_S", "Session"]

NEVER_EXPIRES_S: Final = 0xFFFF_FFFF

# The last packets with a reason that are remembered for people.
MAX_REASONS: Final = 16


@final
class Session:
    """What the broker knows of one client identifier.

    Args:
        client_id: The MQTT client identifier.
        outgoing: The messages on their way to it.
        number: The session's number on disk; 0: it ends with its connection.

    Attributes:
        client_id: The MQTT client identifier.
        outgoing: The messages on their way to it.
        number: The session's number on disk; 0 where it has none.
        connection: The open connection; None while the client is away.
        subscriptions: Topic filters, and how each was granted.
        received: Packet identifiers of QoS 2 messages between PUBREC and PUBREL.
        level: The protocol level of the last connection.
        profile: The name of its listener's profile.
        expiry_s: How long the session is kept once the client is away.
        keep_alive_s: Of the last connection; 0: none.
        source_ip: Where the last connection came from.
        away_since_ms: Gateway time of the end of the last connection; None while connected.
        seen_wall_ms: Wall time of the last connect or disconnect, for people.
        last_reasons: The last packets with a reason code, for people: wall time, "in" or "out",
            packet, code.
        ended: It is over.
    """

    __slots__ = (
        "away_since_ms",
        "client_id",
        "connection",
        "ended",
        "expiry_s",
        "keep_alive_s",
        "last_reasons",
        "level",
        "number",
        "outgoing",
        "profile",
        "received",
        "seen_wall_ms",
        "source_ip",
        "subscriptions",
    )

    def __init__(self, client_id: str, outgoing: Outgoing, number: int) -> None:
        self.client_id = client_id
        self.outgoing = outgoing
        self.number = number
        self.connection: Connection | None = None
        self.subscriptions: dict[str, SubscriptionOptions] = {}
        self.received: set[int] = set()
        self.level = 4
        self.profile = "standard"
        self.expiry_s = 0
        self.keep_alive_s = 0
        self.source_ip: str | None = None
        self.away_since_ms: int | None = None
        self.seen_wall_ms = 0
        self.last_reasons: list[tuple[int, str, str, int]] = []
        self.ended = False

    def note(self, wall_ms: int, direction: str, packet: str, reason_code: int) -> None:
        """Remember a packet's reason code; the oldest goes."""
        if len(self.last_reasons) >= MAX_REASONS:
            del self.last_reasons[0]
        self.last_reasons.append((wall_ms, direction, packet, reason_code))

    @property
    def connected(self) -> bool:
        """Whether the client is connected."""
        return self.connection is not None

    @property
    def persistent(self) -> bool:
        """Whether it is kept on disk."""
        return self.number > 0

    def has_expired(self, now_ms: int) -> bool:
        """Tell whether its client has been away for longer than it is kept."""
        return (
            self.away_since_ms is not None
            and self.expiry_s != NEVER_EXPIRES_S
            and now_ms - self.away_since_ms >= self.expiry_s * 1000
        )
