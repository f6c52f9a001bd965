"""The broker's clients as plain documents, for the control socket and whoever asks it.

Owns the documents' shape; changes nothing. Keys may be added; none changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, TypedDict

from gateway.broker.session import Session
from gateway.broker.wills import Wills
from gateway.mqtt.reason_codes import ConnectReturnCode, ReasonCode

__all__ = [
    "ClientDetails",
    "ClientSummary",
    "PacketDetails",
    "SubscriptionDetails",
    "client_details",
    "client_list",
]


class ClientSummary(TypedDict):
    """One client in a line.

    `protocol` is `3.1.1` or `5`; `since_wall_ms` is when it connected, or when it went away, or
    null where that is not known. `queued` counts messages that wait to be sent, `in_flight` those
    sent and not yet acknowledged; of a persistent session, `queued_bytes` is what both weigh.
    """

    client_id: str
    connected: bool
    persistent: bool
    protocol: str
    source_ip: str | None
    since_wall_ms: int | None
    subscription_count: int
    in_flight: int
    queued: int
    queued_bytes: int
    dropped: int


class SubscriptionDetails(TypedDict):
    """One subscription; `identifier` is null where the client gave none."""

    topic_filter: str
    qos: int
    no_local: bool
    retain_as_published: bool
    retain_handling: int
    identifier: int | None


class PacketDetails(TypedDict):
    """One packet that had a reason code.

    `direction` is `in` (from the client) or `out`; `reason` is the code in words.
    """

    wall_ms: int
    direction: str
    packet: str
    reason_code: int
    reason: str


class ClientDetails(ClientSummary):
    """All that is known of one client.

    `session_expiry_s` is 4294967295 for a session that never ends; `received_qos2` counts QoS 2
    messages from the client whose handshake is not complete; `last_packets` is bounded, oldest
    first.
    """

    profile: str
    session_expiry_s: int
    keep_alive_s: int
    will: bool
    received_qos2: int
    subscriptions: list[SubscriptionDetails]
    last_packets: list[PacketDetails]


# Values that mean something of their own in one packet (MQTT 5.0, section 2.4).
_OWN_NAMES: Final = {
    ("SUBACK", 0): "granted QoS 0",
    ("SUBACK", 1): "granted QoS 1",
    ("SUBACK", 2): "granted QoS 2",
    ("DISCONNECT", 0): "normal disconnection",
}


class Inspected(Protocol):
    """What is read of the broker: its sessions, and who has a will that is still to come."""

    @property
    def sessions(self) -> Mapping[str, Session]: ...

    @property
    def wills(self) -> Wills | set[str]: ...


def client_list(broker: Inspected) -> list[ClientSummary]:
    """Return every client that is connected or has a session, by client identifier."""
    sessions = sorted(broker.sessions.values(), key=lambda session: session.client_id)
    return [_summary(session) for session in sessions]


def client_details(broker: Inspected, client_id: str) -> ClientDetails | None:
    """Return all that is known of one client; None where it has no session."""
    session = broker.sessions.get(client_id)
    if session is None:
        return None
    return {
        **_summary(session),
        "profile": session.profile,
        "session_expiry_s": session.expiry_s,
        "keep_alive_s": session.keep_alive_s,
        "will": client_id in broker.wills,
        "received_qos2": len(session.received),
        "subscriptions": [
            {
                "topic_filter": topic_filter,
                "qos": options.qos,
                "no_local": options.no_local,
                "retain_as_published": options.retain_as_published,
                "retain_handling": options.retain_handling,
                "identifier": options.identifier or None,
            }
            for topic_filter, options in sorted(session.subscriptions.items())
        ],
        "last_packets": [
            {
                "wall_ms": wall_ms,
                "direction": direction,
                "packet": packet,
                "reason_code": reason_code,
                "reason": _reason(packet, reason_code, session.level),
            }
            for wall_ms, direction, packet, reason_code in session.last_reasons
        ],
    }


def _summary(session: Session) -> ClientSummary:
    outgoing = session.outgoing
    return {
        "client_id": session.client_id,
        "connected": session.connected,
        "persistent": session.persistent,
        "protocol": "5" if session.level == 5 else "3.1.1",
        "source_ip": session.source_ip,
        "since_wall_ms": session.seen_wall_ms or None,
        "subscription_count": len(session.subscriptions),
        "in_flight": len(outgoing.in_flight),
        "queued": outgoing.queued,
        "queued_bytes": outgoing.queued_bytes,
        "dropped": outgoing.dropped,
    }


def _reason(packet: str, reason_code: int, level: int) -> str:
    """Say a reason code in the standard's words; 3.1.1 has its own for a CONNACK."""
    own = _OWN_NAMES.get((packet, reason_code))
    if own is not None:
        return own
    names = ConnectReturnCode if packet == "CONNACK" and level == 4 else ReasonCode
    try:
        name = names(reason_code).name
    except ValueError:
        return "unknown"
    return name.lower().replace("_", " ")
