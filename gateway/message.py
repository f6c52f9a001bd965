"""The message: what travels from a publisher to sessions, rules and services.

Owns the value and nothing else. It is made once per publish, so it is a plain class with slots.
"""

from __future__ import annotations

from typing import Any, final

__all__ = ["Message", "Publisher"]


@final
class Publisher:
    """Who published: one object per connection or in-process source, shared by its messages.

    Attributes:
        client_id: The MQTT client identifier; for in-process sources None.
        principal: The authenticated identity (a certificate id), or None while anonymous.
        source_ip: The peer's address, or None for in-process sources.
        name: What to call it in logs and traces: the client identifier, or `device:NAME`.
    """

    __slots__ = ("client_id", "name", "principal", "source_ip")

    def __init__(
        self,
        name: str,
        *,
        client_id: str | None = None,
        principal: str | None = None,
        source_ip: str | None = None,
    ) -> None:
        self.name = name
        self.client_id = client_id
        self.principal = principal
        self.source_ip = source_ip


@final
class Message:
    """One publish.

    Attributes:
        topic: The topic name, without wildcards.
        payload: The application message, any bytes.
        qos: 0, 1 or 2, as published.
        retain: The RETAIN flag as published.
        publisher: Who published it.
        depth: How many republish actions led here; 0 for what came from outside.
        properties: MQTT 5 properties to pass on, as on the wire, without length and without
            message expiry.
        expires_at_ms: Gateway time after which nobody gets it any more; 0: never.
        traced: What the rules engine keeps of it (a `Traced` of its ring), made once per
            message however many rules match; None until then.
    """

    __slots__ = (
        "depth",
        "expires_at_ms",
        "payload",
        "properties",
        "publisher",
        "qos",
        "retain",
        "topic",
        "traced",
    )

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,
        publisher: Publisher,
        depth: int = 0,
        properties: bytes = b"",
        expires_at_ms: int = 0,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.publisher = publisher
        self.depth = depth
        self.properties = properties
        self.expires_at_ms = expires_at_ms
        self.traced: Any = None
