"""The broker's settings, each default named once, with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.address import Address

__all__ = ["ListenerSettings", "MqttSettings"]


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
            "doc": "QoS 1 messages sent to a client and not yet acknowledged by it.",
        },
    )
    max_queued_bytes: int = field(
        default=8 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "QoS 1 messages that wait for one slow client, with 128 bytes of bookkeeping "
            "each; then `overflow` decides.",
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
            "messages to it are dropped (and counted), QoS 1 messages queue.",
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
        if not 128 <= self.max_packet_bytes <= 268_435_460:
            found.append("mqtt.max_packet_bytes must be between 128 and 268435460")
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
