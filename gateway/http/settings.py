"""The limits of an HTTP listener.

Owns the defaults and their reasons; knows nothing of who listens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

__all__ = ["HttpLimits"]


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
