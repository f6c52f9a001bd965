"""The settings of the AWS endpoint: `[aws]` in the settings file.

Owns the defaults and their reasons. Knows nothing of files or of the other sections.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from gateway.address import Address
from gateway.http.settings import HttpLimits

__all__ = ["AwsSettings"]

_LIMITS = HttpLimits()


@final
@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Where the AWS endpoint listens, whom it believes, and what a caller may take."""

    bind: str = field(
        default="127.0.0.1:4566",
        metadata={
            "doc": "address and port of the AWS endpoint; loopback only while there is no TLS",
            "unit": "host:port",
        },
    )
    auth: str = field(
        default="sigv4",
        metadata={
            "doc": 'how callers are known: "sigv4" checks signatures made with a local access key; '
            '"none" believes everybody on this machine',
            "unit": "",
        },
    )
    max_body_bytes: int = field(
        # SQS takes 1 MiB of text; SDKs write a two-byte character in six bytes, so up to 3 MiB
        default=4 * 1024 * 1024,
        metadata={"doc": "largest request body", "unit": "bytes"},
    )
    max_held_bytes: int = field(
        default=_LIMITS.max_held_bytes,
        metadata={"doc": "all request bodies held at once", "unit": "bytes"},
    )
    max_connections: int = field(
        default=_LIMITS.max_connections,
        metadata={"doc": "open connections", "unit": "connections"},
    )
    idle_timeout_s: float = field(
        default=_LIMITS.idle_timeout_s,
        metadata={"doc": "silence after which a connection is closed", "unit": "seconds"},
    )
    body_timeout_s: float = field(
        default=_LIMITS.body_timeout_s,
        metadata={"doc": "how long a request's body may take to arrive", "unit": "seconds"},
    )

    def problems(self) -> list[str]:
        """Return what is wrong with these settings, a sentence each; empty if nothing is."""
        found: list[str] = []
        try:
            address = Address.parse(self.bind)
        except ValueError as error:
            found.append(f"aws.bind: {error}")
        else:
            if not address.is_loopback:
                found.append(
                    f"aws.bind is {address}: plain HTTP, which others could read and, with "
                    'auth = "none", use; TLS is not there yet, so bind to 127.0.0.1 or [::1]'
                )
        if self.auth not in ("sigv4", "none"):
            found.append(f'aws.auth is {self.auth!r}; it can be "sigv4" or "none"')
        for name in ("max_body_bytes", "max_connections", "idle_timeout_s", "body_timeout_s"):
            if getattr(self, name) <= 0:
                found.append(f"aws.{name} is {getattr(self, name)}; it must be more than 0")
        if self.max_held_bytes < self.max_body_bytes:
            found.append("aws.max_held_bytes is less than aws.max_body_bytes; one body must fit")
        return found

    @property
    def address(self) -> Address:
        """Where to listen.

        Raises:
            ValueError: `bind` is no address; `problems` says so first.
        """
        return Address.parse(self.bind)

    @property
    def max_waiting(self) -> int:
        """How many receives may wait at once: a quarter of the connections stays for others."""
        return max(self.max_connections * 3 // 4, 1)

    @property
    def limits(self) -> HttpLimits:
        """What the HTTP server is to hold callers to."""
        return HttpLimits(
            max_body_bytes=self.max_body_bytes,
            max_held_bytes=self.max_held_bytes,
            max_connections=self.max_connections,
            idle_timeout_s=self.idle_timeout_s,
            body_timeout_s=self.body_timeout_s,
        )
