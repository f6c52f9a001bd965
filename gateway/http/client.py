"""The HTTP client: one POST at a time to whatever a rule names, within limits.

Owns connections, look-ups of names, time limits and how a request can fail. It follows no redirect,
keeps no cookies, uses no proxy of the environment and unpacks nothing. Knows nothing of who is
called, and why; whether to try again is for its callers to say.

Source: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Final, Literal, TypeAlias, final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import Disposition, GatewayError
from gateway.http.url import HttpUrl

__all__ = ["Answer", "FailureReason", "HttpClient", "HttpFailed", "header_problem"]

FailureReason: TypeAlias = Literal[
    "invalid-url",
    "invalid-header",
    "dns",
    "refused",
    "unreachable",
    "tls",
    "timeout",
    "closed",
    "malformed",
    "stopped",
]

_STALE_TRIES: Final = 3
"""How often a request that met a connection the peer had just given up is sent in all."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")
_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HINTS: Final[dict[FailureReason, str]] = {
    "dns": "check the host's name, and that this machine has a name server",
    "refused": "check that the server runs and listens on this port",
    "unreachable": "check the network and the address",
    "tls": "check the server's certificate: its name, its dates, and that this machine trusts who "
    "signed it (SSL_CERT_FILE names a file of further ones)",
    "malformed": "check that the port speaks HTTP/1.1, and not TLS or something else",
}


class HttpFailed(GatewayError):  # noqa: N818 - named after what happened
    """A request got no whole answer.

    Attributes:
        reason: Why, in one word.
    """

    code = "http-failed"
    disposition = Disposition.RETRY

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message, hint=_HINTS.get(reason, ""))
        self.reason = reason


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The HTTP status.
        body: The body, or its beginning; not decompressed.
        complete: Whether the body ended within the limit.
    """

    status: int
    body: bytes
    complete: bool


def header_problem(name: str, value: str) -> str:
    """Return why a header field cannot be sent, in one sentence; empty if it can."""
    if _HEADER_NAME.fullmatch(name) is None:
        return f"{name[:80]!r} is no name of an HTTP header"
    if name.lower() in _OURS:
        return f"the header {name!r} belongs to the connection and cannot be set"
    if _HEADER_VALUE.fullmatch(value) is None:
        return f"the value of the header {name[:80]!r} has a line break or a control character"
    return ""


@final
class HttpClient:
    """Sends requests; opens nothing until the first one.

    Args:
        user_agent: What it calls itself, unless a request says otherwise.
        tls: Whom to trust; None trusts the system's certificate authorities.
        max_connections: Open connections in all; further requests wait for one.
        max_connections_per_host: The same for one host and port.
        max_lookups: Names looked up at once.
    """

    def __init__(
        self,
        *,
        user_agent: str = "weir",
        tls: ssl.SSLContext | None = None,
        max_connections: int = 256,
        max_connections_per_host: int = 16,
        max_lookups: int = 8,
    ) -> None:
        self._user_agent = user_agent
        self._tls = tls
        self._max_connections = max_connections
        self._max_connections_per_host = max_connections_per_host
        self._max_lookups = max_lookups
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def post(
        self,
        url: HttpUrl | str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        timeout_s: float,
        max_answer_bytes: int,
    ) -> Answer:
        """Send one request and read its answer.

        Where a connection that was kept from before turns out to be closed, the request is sent
        again: the server may then see it twice.

        Args:
            url: Where to.
            headers: Header fields in the order to send them; a name may come twice.
            body: The body, as it is.
            timeout_s: How long all of it may take, the look-up of the name included.
            max_answer_bytes: How much of the answer's body is read; the connection is closed if
                there is more.

        Raises:
            HttpFailed: There is no whole answer; `reason` says why.
        """
        if isinstance(url, str):
            try:
                url = HttpUrl.parse(url)
            except ValueError as error:
                raise HttpFailed("invalid-url", f"the address cannot be used: {error}") from None
        fields = self._fields(headers)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._post(url, fields, body, max_answer_bytes)
        except TimeoutError:
            raise HttpFailed(
                "timeout", f"{url.shown} gave no whole answer within {timeout_s:.3g} s"
            ) from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            if self._closed:
                raise _stopped() from None
            reason, words = _why(error)
            raise HttpFailed(reason, f"{url.shown} {words}") from error

    async def close(self) -> None:
        """Close every connection; requests under way fail, and so do later ones."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _fields(self, headers: Sequence[tuple[str, str]]) -> CIMultiDict[str]:
        fields: CIMultiDict[str] = CIMultiDict()
        spellings: dict[str, str] = {}
        for name, value in headers:
            problem = header_problem(name, value)
            if problem:
                raise HttpFailed("invalid-header", problem)
            # Of fields with one name in two spellings the library would send only the last one.
            fields.add(spellings.setdefault(name.lower(), name), value)
        fields.setdefault("User-Agent", self._user_agent)
        fields.setdefault("Accept", "*/*")
        fields.setdefault("Accept-Encoding", "identity")
        return fields

    async def _post(
        self, url: HttpUrl, fields: CIMultiDict[str], body: bytes, max_answer_bytes: int
    ) -> Answer:
        tries_left = _STALE_TRIES
        while True:
            tries_left -= 1
            use = _Use()
            try:
                response = await self._opened().post(
                    URL(str(url), encoded=True),
                    headers=fields,
                    data=body,
                    allow_redirects=False,
                    trace_request_ctx=use,
                )
                break
            except aiohttp.ClientConnectorError:
                raise
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # The peer may close an idle connection at the moment it is used: no fault of
                # either side. On a new connection the same thing is the peer's answer.
                if not use.kept or not tries_left or self._closed:
                    raise
        try:
            return await _read(response, max_answer_bytes)
        finally:
            response.close()  # what was read whole has gone back to the pool before

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise _stopped()
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_note_kept)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._max_connections,
                    limit_per_host=self._max_connections_per_host,
                    resolver=_Resolver(self._max_lookups),
                    ssl=True if self._tls is None else self._tls,
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Content-Type", "User-Agent"),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[trace],
            )
        return self._session


@final
class _Use:
    """What happened to one request on its way out."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = False


async def _note_kept(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.kept = True


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> Answer:
    body = bytearray()
    while piece := await response.content.readany():
        body += piece
        if len(body) > max_bytes:
            return Answer(response.status, bytes(body[:max_bytes]), complete=False)
    return Answer(response.status, bytes(body), complete=True)


def _stopped() -> HttpFailed:
    return HttpFailed("stopped", "the HTTP client is closed: the gateway is stopping")


def _why(error: Exception) -> tuple[FailureReason, str]:
    """Return why a request failed, and the words that follow the address."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"cannot be reached: its name has no address ({_told(error.os_error)})"
        case aiohttp.ClientConnectorCertificateError():
            return "tls", f"shows a certificate that is not trusted ({_told(error)})"
        case aiohttp.ClientSSLError():
            return "tls", f"cannot be spoken to over TLS ({_told(error.os_error)})"
        case aiohttp.ClientConnectorError():
            if isinstance(error.os_error, ConnectionRefusedError):
                return "refused", "refuses connections"
            return "unreachable", f"cannot be reached ({_told(error.os_error)})"
        case aiohttp.ClientResponseError():
            return "malformed", "answered something that is not HTTP"
        case ssl.SSLError():
            return "tls", f"broke off TLS ({_told(error)})"
        case ValueError():
            return "invalid-url", f"cannot be used ({_told(error)})"
    return "closed", "closed the connection before its answer was whole"


def _told(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error  # itself an SSLCertVerificationError, by name only
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return told[:200]


@final
class _Resolver(AbstractResolver):
    """Looks names up on threads of its own.

    A name server that does not answer holds a thread for many seconds. The event loop's own threads
    also sync files, and the process waits for them when it ends; these here are left behind.
    """

    def __init__(self, max_lookups: int) -> None:
        self._slots = asyncio.Semaphore(max_lookups)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        looked_up: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def done(found: list[ResolveResult] | OSError) -> None:
            self._slots.release()
            if looked_up.cancelled():
                return
            if isinstance(found, OSError):
                looked_up.set_exception(found)
            else:
                looked_up.set_result(found)

        def look_up() -> None:
            found = _addresses(host, port, family)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(done, found)

        threading.Thread(target=look_up, name="http-lookup", daemon=True).start()
        return await looked_up

    async def close(self) -> None:
        """Leave the look-ups under way behind."""


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult] | OSError:
    try:
        infos = socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except OSError as error:
        return error
    except UnicodeError as error:  # a label that the resolver's encoding refuses
        return OSError(str(error))
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=found_family,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for found_family, _, protocol, _, address in infos
    ]
