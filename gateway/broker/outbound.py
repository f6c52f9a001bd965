"""A message on its way out, and one client's copy of it.

Owns the two values and how a PUBLISH to a client is encoded; knows nothing of queues or the disk.
"""

from __future__ import annotations

from typing import Final, final

from gateway.mqtt.wire import encode_variable_byte_integer

__all__ = ["Copy", "Outbound", "encode_copy", "packet_identifier", "publish_head"]

# The first byte of a PUBLISH as bytes, by its value; the upper half is the packet type.
_FIRST: Final = tuple(bytes((0x30 | flags,)) for flags in range(16))

_MESSAGE_EXPIRY: Final = b"\x02"
_TOPIC_ALIAS: Final = b"\x23"


@final
class Outbound:
    """One publish, shared by all who get it.

    Attributes:
        topic_bytes: The topic name, encoded.
        payload: The application message.
        qos: As published.
        retain: As published.
        properties: MQTT 5 properties to pass on, as on the wire, without message expiry.
        expires_at_ms: Gateway time after which nobody gets it any more; 0: never.
        client_id: Who published it (no local); None for in-process sources.
        number: Its row on disk, or in the batch being written; 0 while there is none.
        references: How many rows of the batch being written refer to it.
        batch: The batch that writes its row.
    """

    __slots__ = (
        "batch",
        "client_id",
        "expires_at_ms",
        "number",
        "payload",
        "properties",
        "qos",
        "references",
        "retain",
        "topic_bytes",
    )

    def __init__(
        self,
        topic_bytes: bytes,
        payload: bytes,
        qos: int,
        retain: bool = False,
        properties: bytes = b"",
        expires_at_ms: int = 0,
        client_id: str | None = None,
        number: int = 0,
    ) -> None:
        self.topic_bytes = topic_bytes
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.properties = properties
        self.expires_at_ms = expires_at_ms
        self.client_id = client_id
        self.number = number
        self.references = 0
        self.batch = 0

    @property
    def size_bytes(self) -> int:
        """Topic, payload and properties."""
        return len(self.topic_bytes) + len(self.payload) + len(self.properties)


@final
class Copy:
    """One client's copy of a message, until the client has acknowledged it.

    Attributes:
        outbound: The message; None where it is on disk only.
        sequence: Its place among the client's messages; the packet identifier follows from it.
        qos: As delivered.
        retain: As delivered.
        identifiers: Subscription identifiers, as properties on the wire.
        size_bytes: What it counts against the limits.
        released: PUBREC has come (QoS 2): the PUBLISH is never sent again.
        sent: It was sent before, so that the next time has DUP set.
        written: It has a row on disk, or in the batch being written.
        cancelled: It needs no row any more.
        message: The row of its message, kept where `outbound` is not.
    """

    __slots__ = (
        "cancelled",
        "identifiers",
        "message",
        "outbound",
        "qos",
        "released",
        "retain",
        "sent",
        "sequence",
        "size_bytes",
        "written",
    )

    def __init__(
        self,
        outbound: Outbound | None,
        sequence: int,
        qos: int,
        retain: bool,
        identifiers: bytes,
        size_bytes: int,
    ) -> None:
        self.outbound = outbound
        self.sequence = sequence
        self.qos = qos
        self.retain = retain
        self.identifiers = identifiers
        self.size_bytes = size_bytes
        self.released = False
        self.sent = False
        self.written = False
        self.cancelled = False
        self.message = 0


def encode_copy(
    outbound: Outbound,
    level: int,
    qos: int,
    retain: bool,
    dup: bool,
    packet_identifier: bytes,
    identifiers: bytes,
    now_ms: int,
    aliases: dict[bytes, int] | None,
    max_aliases: int,
) -> bytes:
    """Encode the PUBLISH of a message to one client (MQTT 3.1.1 and 5.0, section 3.3).

    Args:
        outbound: The message.
        level: 4 for MQTT 3.1.1, 5 for MQTT 5.
        qos: As delivered.
        retain: As delivered.
        dup: It was sent before.
        packet_identifier: Two bytes, or none at QoS 0.
        identifiers: Subscription identifiers, as properties on the wire.
        now_ms: Gateway time, for what is left of the message expiry interval [MQTT-3.3.2-6].
        aliases: The topic aliases this connection knows; a new one may be added.
        max_aliases: How many it may know.
    """
    topic = outbound.topic_bytes
    if level == 5:
        properties = identifiers + outbound.properties
        if outbound.expires_at_ms:
            left_s = max((outbound.expires_at_ms - now_ms + 999) // 1000, 0)
            properties = _MESSAGE_EXPIRY + left_s.to_bytes(4, "big") + properties
        if aliases is not None:
            alias = aliases.get(topic, 0)
            if alias:
                topic = b""
            elif len(aliases) < max_aliases:
                alias = aliases[topic] = len(aliases) + 1
            if alias:
                properties += _TOPIC_ALIAS + alias.to_bytes(2, "big")
        middle = encode_variable_byte_integer(len(properties)) + properties if properties else b"\0"
    else:
        middle = b""
    payload = outbound.payload
    length = 2 + len(topic) + len(packet_identifier) + len(middle) + len(payload)
    return b"".join(
        (
            _FIRST[dup << 3 | qos << 1 | retain],
            encode_variable_byte_integer(length),
            len(topic).to_bytes(2, "big"),
            topic,
            packet_identifier,
            middle,
            payload,
        )
    )


def packet_identifier(sequence: int) -> bytes:
    """Return the packet identifier of a message, which follows from its place: 1 to 65,535."""
    return (sequence % 65_535 + 1).to_bytes(2, "big")


def publish_head(topic_bytes: bytes, after_bytes: int, qos: int) -> bytes:
    """Encode a PUBLISH up to its packet identifier, which many clients' packets share.

    Args:
        topic_bytes: The topic name, encoded.
        after_bytes: How many bytes follow the topic name, a packet identifier included.
        qos: As delivered.
    """
    topic_field = len(topic_bytes).to_bytes(2, "big") + topic_bytes
    return (
        _FIRST[qos << 1]
        + encode_variable_byte_integer(len(topic_field) + after_bytes)
        + topic_field
    )
