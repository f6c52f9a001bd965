"""Requests and responses as values: what a handler gets and what it gives.

Owns the shapes that cross the seam; knows nothing of sockets or of the library behind them. They
are made once per request, so they are plain classes with slots.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from enum import Enum
from typing import Final, final

from multidict import CIMultiDict, CIMultiDictProxy

__all__ = ["Headers", "Refusal", "Request", "Response", "StreamingResponse"]


@final
class Headers:
    """The header fields of a request; names compare without regard to case.

    Args:
        fields: The fields in the order they were sent.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: CIMultiDict[str] | CIMultiDictProxy[str] = CIMultiDict(fields)

    @classmethod
    def parsed(cls, fields: CIMultiDictProxy[str]) -> Headers:
        """Return the fields that the server's parser made, without a copy."""
        headers = cls.__new__(cls)
        headers._fields = fields
        return headers

    def get(self, name: str) -> str | None:
        """Return the first value under this name, or None."""
        return self._fields.get(name)

    def get_all(self, name: str) -> list[str]:
        """Return every value under this name, in the order they were sent."""
        return self._fields.getall(name, [])

    def items(self) -> list[tuple[str, str]]:
        """Return all fields in the order they were sent, spelled as they were sent."""
        return list(self._fields.items())

    def names_folded(self) -> set[str]:
        """Return the names of all fields, in lower case."""
        return {name.lower() for name in self._fields}


def _connected() -> bool:
    return False


@final
class Request:
    """One request, its body read whole.

    Attributes:
        method: The method as it was sent, such as `POST`.
        path: The path as it was sent, percent-encoding and all.
        query_string: What stood behind `?`, as it was sent; empty where there was none.
        headers: The header fields.
        body: The body, not decompressed: signatures cover the bytes that were sent.
        peer: The caller's address, or None on a unix socket.
    """

    __slots__ = ("_is_gone", "body", "headers", "method", "path", "peer", "query_string")

    def __init__(
        self,
        method: str,
        path: str,
        query_string: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
        peer: str | None = None,
        is_gone: Callable[[], bool] = _connected,
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.headers = headers if headers is not None else Headers()
        self.body = body
        self.peer = peer
        self._is_gone = is_gone

    @property
    def disconnected(self) -> bool:
        """Whether the caller has hung up; a handler that waits is cancelled as well."""
        return self._is_gone()


@final
class Response:
    """One answer, whole.

    Attributes:
        status: The HTTP status.
        body: The body; Content-Length is set from it.
        headers: Header fields beside Content-Length, Date and Connection.
        undelivered: Called once, if the caller had hung up before the answer was written, so that
            what the answer promised can be undone. A caller that hangs up later can't be noticed.
    """

    __slots__ = ("body", "headers", "status", "undelivered")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        undelivered: Callable[[], None] | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.undelivered = undelivered


@final
class StreamingResponse:
    """One answer whose body comes piece by piece, for as long as there is something to say.

    Attributes:
        status: The HTTP status.
        chunks: The pieces; each is sent at once, and a slow reader holds the next one back. The
            iterator is closed when the caller hangs up and when the server closes.
        headers: Header fields beside Transfer-Encoding, Date and Connection.
    """

    __slots__ = ("chunks", "headers", "status")

    def __init__(
        self,
        status: int,
        chunks: AsyncIterator[bytes],
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.status = status
        self.chunks = chunks
        self.headers = headers


class Refusal(Enum):
    """Why the server itself turned a request away; its body was not read."""

    BODY_TOO_LARGE = "the body is larger than the limit"
    BODY_TOO_SLOW = "the body did not arrive in time"
    BODY_MALFORMED = "the body's transfer coding is broken"
    OVERLOADED = "too many bytes of other requests are being held"

    @property
    def status(self) -> int:
        """The HTTP status that says so."""
        return _REFUSAL_STATUS[self]


_REFUSAL_STATUS: Final = {
    Refusal.BODY_TOO_LARGE: 413,
    Refusal.BODY_TOO_SLOW: 408,
    Refusal.BODY_MALFORMED: 400,
    Refusal.OVERLOADED: 503,
}
