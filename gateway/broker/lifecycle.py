"""Lifecycle events: JSON on `$aws/events/…` when a client connects, subscribes, or goes.

Owns the events' form and each client's version number. Rules and clients subscribe to them as to
anything else. They promise nothing: QoS 0, and one that cannot be published is counted, no more.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, final

from gateway.errors import StoreError
from gateway.message import Message, Publisher
from gateway.metrics import Counter
from gateway.mqtt.errors import InvalidTopic

__all__ = ["MAX_KNOWN_CLIENTS", "VERSION_KEPT_MS", "DisconnectReason", "Lifecycle"]

log = logging.getLogger(__name__)

# Version numbers are kept for so many clients; then the one unheard of for longest starts again.
MAX_KNOWN_CLIENTS: Final = 10_000

# A client that stays away for so long starts again with version 0 (gateway time).
VERSION_KEPT_MS: Final = 3_600_000

_PUBLISHER: Final = Publisher("lifecycle")


class DisconnectReason(Enum):
    """Why a connection ended, in AWS IoT Core's words."""

    AUTH_ERROR = "AUTH_ERROR"
    """It could not authenticate, or was not authorised."""

    CLIENT_INITIATED_DISCONNECT = "CLIENT_INITIATED_DISCONNECT"
    """It sent a DISCONNECT."""

    CLIENT_ERROR = "CLIENT_ERROR"
    """It broke the protocol or a limit."""

    CONNECTION_LOST = "CONNECTION_LOST"
    """The network connection went away."""

    DUPLICATE_CLIENTID = "DUPLICATE_CLIENTID"
    """Another connection took the session over."""

    FORBIDDEN_ACCESS = "FORBIDDEN_ACCESS"
    """It may not connect from where it is."""

    MQTT_KEEP_ALIVE_TIMEOUT = "MQTT_KEEP_ALIVE_TIMEOUT"
    """It was silent for more than one and a half times its keep alive."""

    SERVER_ERROR = "SERVER_ERROR"
    """The gateway failed at something, such as writing to its disk."""

    SERVER_INITIATED_DISCONNECT = "SERVER_INITIATED_DISCONNECT"
    """The gateway stops, or wants the client gone for its own reasons."""

    THROTTLED = "THROTTLED"
    """It went beyond a rate or a quota."""

    WEBSOCKET_TTL_EXPIRATION = "WEBSOCKET_TTL_EXPIRATION"
    """Its WebSocket was open for longer than allowed."""

    CUSTOMAUTH_TTL_EXPIRATION = "CUSTOMAUTH_TTL_EXPIRATION"
    """What a custom authoriser granted it has run out."""

    API_INITIATED_DISCONNECT = "API_INITIATED_DISCONNECT"
    """A person or a program had it disconnected."""

    UNKNOWN = "UNKNOWN"
    """None of the others."""

    NONE = "NONE"
    """No reason is given."""


@final
class _Presence:
    """What is known of one client identifier.

    Attributes:
        version: The version number of its latest connection.
        open_connections: Two for a moment while a new connection takes over.
        away_since_ms: Gateway time of its last disconnect.
    """

    __slots__ = ("away_since_ms", "open_connections", "version")

    def __init__(self) -> None:
        self.version = 0
        self.open_connections = 0
        self.away_since_ms = 0


@final
class Lifecycle:
    """Publishes the events.

    A client identifier with `#` or `+` has none: its topics would be filters.

    Args:
        publish: Routes a message to whoever subscribed.
        wall_ms: Milliseconds since 1970, for the events' timestamp.
        gateway_ms: Gateway time, for the age of version numbers.
        lost: Counts events that could not be published.
    """

    def __init__(
        self,
        publish: Callable[[Message], None],
        wall_ms: Callable[[], int],
        gateway_ms: Callable[[], int],
        lost: Counter,
    ) -> None:
        self._publish = publish
        self._wall_ms = wall_ms
        self._gateway_ms = gateway_ms
        self._lost = lost
        self._known: OrderedDict[str, _Presence] = OrderedDict()
        # By session identifier, for as long as the connection is open: a disconnect has the
        # version of its own connect, also when the next connection came first.
        self._versions: dict[str, int] = {}

    @property
    def known_clients(self) -> int:
        """How many client identifiers have a version number."""
        return len(self._known)

    def connected(self, publisher: Publisher, session_identifier: str) -> None:
        """Tell that a client connected.

        Args:
            publisher: The connection's.
            session_identifier: Unique to this connection.
        """
        client_id = _client_id(publisher)
        if client_id is None:
            return
        presence = self._known.get(client_id)
        if presence is None:
            presence = self._known[client_id] = _Presence()
            if len(self._known) > MAX_KNOWN_CLIENTS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(client_id)
            away_ms = self._gateway_ms() - presence.away_since_ms
            if not presence.open_connections and away_ms >= VERSION_KEPT_MS:
                presence.version = 0
            else:
                presence.version += 1
        presence.open_connections += 1
        self._versions[session_identifier] = presence.version
        event = self._event("connected", client_id, publisher, session_identifier)
        if publisher.source_ip is not None:
            event["ipAddress"] = publisher.source_ip
        event["versionNumber"] = presence.version
        self._send(f"$aws/events/presence/connected/{client_id}", event)

    def disconnected(
        self, publisher: Publisher, session_identifier: str, reason: DisconnectReason
    ) -> None:
        """Tell that a connection of a client ended.

        Args:
            publisher: The connection's.
            session_identifier: The one given to `connected`; unknown ones have no event, so that
                a connection never ends twice.
            reason: Why it ended.
        """
        client_id = _client_id(publisher)
        version = self._versions.pop(session_identifier, None)
        if client_id is None or version is None:
            return
        presence = self._known.get(client_id)
        if presence is not None:
            self._known.move_to_end(client_id)
            # A client that was forgotten while connected begins with none open.
            presence.open_connections = max(presence.open_connections - 1, 0)
            presence.away_since_ms = self._gateway_ms()
        event = self._event("disconnected", client_id, publisher, session_identifier)
        by_client = reason is DisconnectReason.CLIENT_INITIATED_DISCONNECT
        event["clientInitiatedDisconnect"] = by_client
        event["disconnectReason"] = reason.value
        event["versionNumber"] = version
        self._send(f"$aws/events/presence/disconnected/{client_id}", event)

    def subscribed(
        self, publisher: Publisher, session_identifier: str, topics: Sequence[str]
    ) -> None:
        """Tell which topic filters a client subscribed to; none gives no event."""
        self._subscriptions("subscribed", publisher, session_identifier, topics)

    def unsubscribed(
        self, publisher: Publisher, session_identifier: str, topics: Sequence[str]
    ) -> None:
        """Tell which topic filters a client unsubscribed from; none gives no event."""
        self._subscriptions("unsubscribed", publisher, session_identifier, topics)

    def _subscriptions(
        self, kind: str, publisher: Publisher, session_identifier: str, topics: Sequence[str]
    ) -> None:
        client_id = _client_id(publisher)
        if client_id is None or not topics:
            return
        event = self._event(kind, client_id, publisher, session_identifier)
        event["topics"] = list(topics)
        self._send(f"$aws/events/subscriptions/{kind}/{client_id}", event)

    def _event(
        self, kind: str, client_id: str, publisher: Publisher, session_identifier: str
    ) -> dict[str, object]:
        return {
            "clientId": client_id,
            "timestamp": self._wall_ms(),
            "eventType": kind,
            "sessionIdentifier": session_identifier,
            "principalIdentifier": publisher.principal or "anonymous",
        }

    def _send(self, topic: str, event: dict[str, object]) -> None:
        payload = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            self._publish(Message(topic, payload, 0, False, _PUBLISHER))
        except (StoreError, InvalidTopic) as error:
            # A rule that stores it found no room, or the identifier makes too deep a topic.
            self._lost.value += 1
            log.debug("the event on %.200s was lost: %s", topic, error)


def _client_id(publisher: Publisher) -> str | None:
    client_id = publisher.client_id
    if client_id is None or "#" in client_id or "+" in client_id:
        return None
    return client_id
