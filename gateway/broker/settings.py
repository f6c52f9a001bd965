"""The broker's settings, each default named once, with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.address import Address

__all__ = ["ListenerSettings", "MqttSettings"]


# The least that makes sense of the plain limits.
_LOWEST: Final = {
    "max_connections": 1,
    "max_held_bytes": 0,
    "max_queued_bytes": 0,
    "max_queued_total_bytes": 0,
    "max_retained_bytes": 0,
    "max_retained_messages": 0,
    "max_sessions": 1,
    "max_stored_bytes": 0,
    "max_stored_messages": 0,
    "max_stored_total_bytes": 0,
    "max_subscriptions": 0,
    "max_topic_levels": 1,
    "max_will_total_bytes": 0,
    "outgoing_buffer_bytes": 1,
}


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The `[mqtt]` section: limits that hold for every listener."""

    max_packet_bytes: int = field(
        default=1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "Largest packet taken from a client; a larger one closes its connection.",
        },
    )
    max_held_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "Packets that have arrived only in part, over all connections. Beyond this, a "
            "connection that holds more than 64 KiB of one is closed.",
        },
    )
    max_connections: int = field(
        default=1000,
        metadata={"unit": "connections", "doc": "Open connections over all listeners."},
    )
    connect_timeout_s: float = field(
        default=10.0,
        metadata={"unit": "seconds", "doc": "Time for a client to send its CONNECT."},
    )
    max_subscriptions: int = field(
        default=1000,
        metadata={
            "unit": "topic filters",
            "doc": "Subscriptions one client may hold; further ones are refused in the SUBACK.",
        },
    )
    max_topic_levels: int = field(
        default=128,
        metadata={
            "unit": "levels",
            "doc": "Levels of a topic name or filter; deeper ones are refused.",
        },
    )
    max_inflight: int = field(
        default=100,
        metadata={
            "unit": "messages",
            "doc": "QoS 1 and 2 messages sent to a client and not yet acknowledged by it.",
        },
    )
    receive_maximum: int = field(
        default=100,
        metadata={
            "unit": "messages",
            "doc": "QoS 1 and 2 messages an MQTT 5 client may send before they are acknowledged.",
        },
    )
    max_qos: int = field(
        default=2,
        metadata={
            "unit": "0, 1 or 2",
            "doc": "The highest QoS that clients may publish with and are granted.",
        },
    )
    topic_alias_maximum: int = field(
        default=10,
        metadata={"unit": "aliases", "doc": "Topic aliases of one connection, each way (MQTT 5)."},
    )
    max_keep_alive_s: int = field(
        default=0,
        metadata={
            "unit": "seconds",
            "doc": "Longest keep alive; a client that asks for more, or for none, gets this one "
            "(MQTT 5 clients are told). 0: the client's own, whatever it is.",
        },
    )
    max_sessions: int = field(
        default=10_000,
        metadata={
            "unit": "sessions",
            "doc": "Sessions, those of connected clients and those kept for clients that are away.",
        },
    )
    max_session_expiry_s: int = field(
        default=365 * 86_400,
        metadata={
            "unit": "seconds",
            "doc": "How long a session is kept for a client that is away, at most: what MQTT 3.1.1 "
            "clients without clean session get, and MQTT 5 clients that ask for more.",
        },
    )
    max_stored_messages: int = field(
        default=100_000,
        metadata={
            "unit": "messages",
            "doc": "QoS 1 and 2 messages kept on disk for one persistent session; then `overflow` "
            "decides.",
        },
    )
    max_stored_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "The same in bytes, with 128 bytes of bookkeeping each.",
        },
    )
    max_stored_total_bytes: int = field(
        default=1024 * 1024 * 1024,
        metadata={"unit": "bytes", "doc": "The same over all persistent sessions together."},
    )
    max_retained_messages: int = field(
        default=100_000,
        metadata={
            "unit": "messages",
            "doc": "Retained messages. Beyond this, one for a further topic is delivered and not "
            "kept, and counted.",
        },
    )
    max_retained_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "The same in bytes, with 768 bytes of bookkeeping each and 256 for each level "
            "of the topic: they are in memory too.",
        },
    )
    max_will_total_bytes: int = field(
        default=16 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "Wills of all clients together, connected and away, with 512 bytes of "
            "bookkeeping each; beyond this, a client that brings one is refused.",
        },
    )
    sys_interval_s: float = field(
        default=10.0,
        metadata={"unit": "seconds", "doc": "How often `$SYS` topics are published; 0: never."},
    )
    max_queued_bytes: int = field(
        default=8 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "QoS 1 and 2 messages that wait in memory for one slow client whose session is "
            "not persistent, with 128 bytes of bookkeeping each; then `overflow` decides.",
        },
    )
    max_queued_total_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "The same over all clients together; then `overflow` decides for the client "
            "whose message comes.",
        },
    )
    overflow: str = field(
        default="drop_new",
        metadata={
            "unit": "drop_new or drop_oldest",
            "doc": "Which message a full queue of a client gives up. Every drop is counted.",
        },
    )
    outgoing_buffer_bytes: int = field(
        default=1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "Bytes written to a client and not yet taken by its socket. Beyond this, QoS 0 "
            "messages to it are dropped (and counted), QoS 1 and 2 messages queue.",
        },
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        if self.overflow not in ("drop_new", "drop_oldest"):
            found.append(
                f'mqtt.overflow is "{self.overflow}"; it must be "drop_new" or "drop_oldest"'
            )
        if not 1 <= self.max_inflight <= 65_535:
            found.append("mqtt.max_inflight must be between 1 and 65535")
        if not 1 <= self.receive_maximum <= 65_535:
            found.append("mqtt.receive_maximum must be between 1 and 65535")
        if not 0 <= self.max_qos <= 2:
            found.append("mqtt.max_qos must be 0, 1 or 2")
        if not 0 <= self.topic_alias_maximum <= 65_535:
            found.append("mqtt.topic_alias_maximum must be between 0 and 65535")
        if not 0 <= self.max_keep_alive_s <= 65_535:
            found.append("mqtt.max_keep_alive_s must be between 0 and 65535")
        if not 0 <= self.max_session_expiry_s <= 0xFFFF_FFFF:
            found.append("mqtt.max_session_expiry_s must be between 0 and 4294967295")
        found += [
            f"mqtt.{name} must be {lowest} or more"
            for name, lowest in _LOWEST.items()
            if getattr(self, name) < lowest
        ]
        if self.sys_interval_s < 0:
            found.append("mqtt.sys_interval_s must be 0 or more")
        if not 256 <= self.max_packet_bytes <= 268_435_460:
            found.append("mqtt.max_packet_bytes must be between 256 and 268435460")
        if self.connect_timeout_s <= 0:
            found.append("mqtt.connect_timeout_s must be more than 0")
        return found


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """One `[[mqtt.listeners]]` entry."""

    bind: str = field(
        default="127.0.0.1:1883",
        metadata={"unit": "address:port", "doc": "Where to listen; port 0 takes a free one."},
    )
    anonymous: bool = field(
        default=False,
        metadata={
            "unit": "true or false",
            "doc": "Let clients in without a certificate or password. Loopback addresses only.",
        },
    )
    profile: str = field(
        default="standard",
        metadata={
            "unit": "standard or aws-iot",
            "doc": "Follow the MQTT standard, or AWS IoT Core where it differs: its limits, its "
            "wildcards, QoS 0 and 1 only.",
        },
    )

    @property
    def address(self) -> Address:
        """Where to listen.

        Raises:
            ValueError: `bind` is no address; `problems` says so first.
        """
        return Address.parse(self.bind)

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        try:
            address = self.address
        except ValueError as error:
            return [f"mqtt.listeners: {error}"]
        if self.profile not in ("standard", "aws-iot"):
            return [
                f'mqtt.listeners: the profile of {self.bind} is "{self.profile}"; it must be '
                '"standard" or "aws-iot"'
            ]
        if not self.anonymous:
            return [
                f"mqtt.listeners: {self.bind} lets nobody in: certificates and passwords are not "
                "there yet; set anonymous = true on a loopback address"
            ]
        if not address.is_loopback:
            return [
                f"mqtt.listeners: {self.bind} is plain and anonymous, so it may only listen on "
                "loopback; use 127.0.0.1 or [::1]"
            ]
        return []
