"""MQTT clients as text: a table of all, and one of them in full.

Owns the drawing; pure: the gateway's documents in, lines out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.cli.lines import Line, columns, counted, size, span
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.broker.inspection import (
        ClientDetails,
        ClientSummary,
        PacketDetails,
        SubscriptionDetails,
    )

__all__ = ["draw_client", "draw_clients"]

NEVER_EXPIRES_S: Final = 0xFFFF_FFFF

# A longer identifier would push everything else out of the table; `--json` has it whole.
MAX_SHOWN: Final = 64

# Reason codes from here on are failures (MQTT 5.0, section 2.4), and so is 3.1.1's in a SUBACK.
FIRST_FAILURE: Final = 0x80

_HEADINGS: Final = (
    "Client",
    "State",
    "for",
    "MQTT",
    "From",
    "Filters",
    "In flight",
    "Queued",
    "Dropped",
)


def draw_clients(clients: Sequence[ClientSummary], now_ms: int) -> list[Line]:
    """Return all clients as a table.

    Args:
        clients: What the gateway answered.
        now_ms: Milliseconds since 1970.
    """
    if not clients:
        return [[("no clients", "dim")]]
    connected = sum(client["connected"] for client in clients)
    head = f"{counted(len(clients), 'client')}, {connected} connected"
    rows: list[Line] = [[(heading, "dim") for heading in _HEADINGS]]
    rows += [_row(client, now_ms) for client in clients]
    return [[(head, "bold")], [], *columns(rows)]


def draw_client(client: ClientDetails, now_ms: int) -> list[Line]:
    """Return one client in full.

    Args:
        client: What the gateway answered.
        now_ms: Milliseconds since 1970.
    """
    state, state_style = _state(client)
    for_so_long = _age(client["since_wall_ms"], now_ms)
    head: Line = [(harmless(client["client_id"]), "bold"), ("  ", ""), (state, state_style)]
    if for_so_long:
        head.append((f"  for {for_so_long}", ""))
    facts = [
        ("protocol", f"MQTT {client['protocol']}, profile {harmless(client['profile'])}"),
        ("address", harmless(client["source_ip"] or "-")),
        ("since", _time(client["since_wall_ms"])),
        ("session", _session(client)),
        ("keep alive", f"{client['keep_alive_s']} s" if client["keep_alive_s"] else "off"),
        ("will", "set" if client["will"] else "none"),
        ("in flight", _in_flight(client)),
        ("queued", _queued(client)),
    ]
    rows: list[Line] = [[(name, "dim"), (value, "")] for name, value in facts]
    dropped = client["dropped"]
    rows.append([("dropped", "dim"), (str(dropped), "bad" if dropped else "")])
    lines = [head, *columns(rows), [], [("Subscriptions", "bold")]]
    lines += columns([_subscription(found) for found in client["subscriptions"]]) or _none()
    lines += [[], [("Last packets", "bold")]]
    lines += columns([_packet(packet) for packet in client["last_packets"]]) or _none()
    return lines


def _row(client: ClientSummary, now_ms: int) -> Line:
    state, state_style = _state(client)
    dropped = client["dropped"]
    return [
        (_shortened(harmless(client["client_id"])), ""),
        (state, state_style),
        (_age(client["since_wall_ms"], now_ms) or "-", ""),
        (client["protocol"], "dim"),
        (harmless(client["source_ip"] or "-"), "dim"),
        (str(client["subscription_count"]), ""),
        (str(client["in_flight"]), ""),
        (_queued(client), "bold" if client["queued"] else ""),
        (str(dropped), "bad" if dropped else ""),
    ]


def _state(client: ClientSummary) -> tuple[str, str]:
    return ("connected", "good") if client["connected"] else ("away", "dim")


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _age(since_ms: int | None, now_ms: int) -> str:
    # The clock may have been set back since.
    return "" if since_ms is None else span(max(now_ms - since_ms, 0) / 1000)


def _time(wall_ms: int | None) -> str:
    if wall_ms is None:
        return "-"
    at = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _session(client: ClientDetails) -> str:
    if not client["persistent"]:
        return "ends with the connection"
    if client["session_expiry_s"] == NEVER_EXPIRES_S:
        return "on disk, kept for ever"
    return f"on disk, kept for {span(client['session_expiry_s'])} once the client is away"


def _queued(client: ClientSummary) -> str:
    queued = client["queued"]
    return f"{queued} ({size(client['queued_bytes'])})" if queued else "0"


def _in_flight(client: ClientDetails) -> str:
    received = client["received_qos2"]
    return f"{client['in_flight']} to the client, {received} from it (QoS 2)"


def _subscription(subscription: SubscriptionDetails) -> Line:
    options = []
    if subscription["no_local"]:
        options.append("no local")
    if subscription["retain_as_published"]:
        options.append("retain as published")
    if subscription["retain_handling"]:
        options.append(f"retain handling {subscription['retain_handling']}")
    if subscription["identifier"] is not None:
        options.append(f"identifier {subscription['identifier']}")
    line: Line = [(harmless(subscription["topic_filter"]), ""), (f"QoS {subscription['qos']}", "")]
    if options:
        line.append((", ".join(options), "dim"))
    return line


def _packet(packet: PacketDetails) -> Line:
    code = packet["reason_code"]
    return [
        (_time(packet["wall_ms"]), "dim"),
        ("from the client" if packet["direction"] == "in" else "to the client", ""),
        (harmless(packet["packet"]), ""),
        (f"0x{code:02X}", "dim"),
        (harmless(packet["reason"]), "bad" if _is_failure(packet) else ""),
    ]


def _is_failure(packet: PacketDetails) -> bool:
    # 3.1.1 refuses a CONNECT with a number from 1 on, which no CONNACK of version 5 has.
    least = 1 if packet["packet"] == "CONNACK" else FIRST_FAILURE
    return packet["reason_code"] >= least


def _none() -> list[Line]:
    return [[("  none", "dim")]]
