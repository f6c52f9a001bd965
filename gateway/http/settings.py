"""The limits of an HTTP listener, and how a listener's address is written.

Owns the defaults and their reasons; knows nothing of who listens.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import final

__all__ = ["Address", "HttpLimits"]


@final
@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one caller, and all callers together, may take of the server."""

    max_body_bytes: int = field(
        default=4 * 1024 * 1024,
        metadata={"doc": "largest request body; a larger one is refused", "unit": "bytes"},
    )
    max_held_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata={
            "doc": "all request bodies held at once; more are refused until some are answered",
            "unit": "bytes",
        },
    )
    max_connections: int = field(
        default=512,
        metadata={"doc": "open connections; further ones are answered 503", "unit": "connections"},
    )
    max_header_bytes: int = field(
        default=16 * 1024,
        metadata={"doc": "longest request line and longest single header field", "unit": "bytes"},
    )
    idle_timeout_s: float = field(
        default=60.0,
        metadata={
            "doc": "a connection without a complete request head for this long is closed; "
            "bounds slow and half-sent heads too",
            "unit": "seconds",
        },
    )
    body_timeout_s: float = field(
        default=30.0,
        metadata={
            "doc": "how long a body may take to arrive after its head, and how long a caller may "
            "take nothing of its answer",
            "unit": "seconds",
        },
    )


@final
@dataclass(frozen=True, slots=True)
class Address:
    """A host and port to listen on.

    Attributes:
        host: A literal address or a name; an IPv6 address without its brackets.
        port: 0 to 65535; 0 lets the system choose.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `host:port` or `[IPv6]:port`.

        Raises:
            ValueError: The text is neither; the message says what is wrong with it.
        """
        host, colon, port_text = text.rpartition(":")
        if not colon or not host:
            raise ValueError(f"{text!r} is not host:port, such as 127.0.0.1:4566")
        if host.startswith("[") != host.endswith("]"):
            raise ValueError(f"{text!r} has an unpaired bracket; write an IPv6 address as [::1]:80")
        if host.startswith("["):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: write an IPv6 address in brackets, such as [::1]:4566")
        if not (port_text.isascii() and port_text.isdigit() and int(port_text) <= 65535):
            raise ValueError(f"{text!r}: the port is not a number from 0 to 65535")
        return cls(host, int(port_text))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect; a name other than `localhost` may be anything."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
