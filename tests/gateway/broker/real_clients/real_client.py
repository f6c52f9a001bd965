"""What every client that others wrote can do, whichever language and library it comes from.

A test speaks to a `RealClient`; one adapter per library turns that into the library's own words.
Properties are a dictionary with the standard's names in lower case, joined by underscores; user
properties are a list of pairs, correlation data are bytes.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from typing import Any, Protocol

PATIENCE_S = 15.0

Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WillMessage:
    """What the broker is to publish when the client goes without saying so."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connected:
    """A CONNACK; a library that does not show a part of it has None there."""

    session_present: bool | None
    reason_code: int
    properties: Properties


@dataclass(frozen=True, slots=True)
class Arrival:
    """A PUBLISH as the library gave it to its user."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: Properties = field(default_factory=dict, compare=False)


class RealClient(Protocol):
    """A client that somebody else wrote.

    `arrivals` holds what has come in, in the library's order; `closed` gets the reason code of the
    server's DISCONNECT when the connection ends, None where there was none.
    """

    level: int
    max_qos: int
    arrivals: queue.Queue[Arrival]
    closed: queue.Queue[int | None]

    def connect(
        self,
        port: int,
        client_id: str,
        *,
        clean_start: bool = True,
        will: WillMessage | None = None,
        properties: Properties | None = None,
    ) -> Connected:
        """Connect and wait for the CONNACK."""

    def subscribe(
        self, topic_filter: str, qos: int = 0, properties: Properties | None = None
    ) -> int:
        """Subscribe; return the SUBACK's only reason code."""

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe and wait for the UNSUBACK."""

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        *,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        """Publish and wait until the library reports it done."""

    def disconnect(self, properties: Properties | None = None) -> None:
        """Send DISCONNECT and close."""

    def die(self) -> None:
        """Close the connection with no DISCONNECT, as when the power goes."""


def take(client: RealClient, count: int = 1) -> list[Arrival]:
    """Return the next messages that have come in, waiting for them."""
    return [client.arrivals.get(timeout=PATIENCE_S) for _ in range(count)]


def take_until(client: RealClient, topic: str) -> list[Arrival]:
    """Return what comes in before the first message on this topic."""
    found = []
    while (arrival := client.arrivals.get(timeout=PATIENCE_S)).topic != topic:
        found.append(arrival)
    return found


def payloads(arrivals: list[Arrival], qos: int | None = None) -> list[bytes]:
    """Return the payloads, of one quality of service or of all."""
    return [arrival.payload for arrival in arrivals if qos in (None, arrival.qos)]


def persistent(client: RealClient) -> Properties | None:
    """Return the CONNECT properties that make a session outlive its connection."""
    return {"session_expiry_interval": 3600} if client.level == 5 else None
