"""The HTTP server: sockets, limits and the one handler behind them; aiohttp does the parsing.

Owns listening, the limits of `HttpLimits`, closing, and what happens when a caller hangs up. Knows
nothing of what requests mean: its handler answers everything, and a hook shapes the refusals that
the server itself must give.

**When a caller hangs up**, the task that runs the handler is cancelled (`CancelledError` at the
await it waits on). Where the answer was already made but could not be written, the response's
`undelivered` is called. So whoever promises something by an answer can take it back either way.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, cast, final

from aiohttp import web
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict

from gateway.http.delivery import WriteGuard, has_hung_up
from gateway.http.message import Headers, Refusal, Request, Response, StreamingResponse
from gateway.http.settings import HttpLimits
from gateway.http.unix_socket import bind_unix_socket, unlink_socket
from gateway.metrics import Counter, Metrics

__all__ = ["Handler", "HttpServer", "RefusalHook"]

_log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response | StreamingResponse]]
"""Answers every request. It is cancelled when the caller hangs up."""

RefusalHook = Callable[[Refusal, Request], Response]
"""Shapes the answer to a request that was turned away; the request has no body."""

_WRITE_BUFFER_BYTES: Final = 32 * 1024
"""Below this a write can't reach the transport's limit (64 KB), so it can't block."""

_LINGER_S: Final = 2.0
"""How long the rest of a refused body is read and thrown away, so that the refusal is read."""

_FORCED_S: Final = 0.5
"""What handlers get to clean up once they were cancelled, at closing."""

_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n"
    b"Retry-After: 1\r\n\r\n"
)


def _plain_refusal(refusal: Refusal, request: Request) -> Response:
    return Response(refusal.status, refusal.value.encode() + b"\n")


@final
class HttpServer:
    """Serves one handler on any number of sockets.

    Args:
        handler: Answers every request.
        limits: What callers may take.
        metrics: Where the counters `http.NAME.…` live.
        name: What to call this server in counters and logs, such as `aws`.
        refuse: Shapes the server's own refusals; plain text where it is not given.
    """

    def __init__(
        self,
        handler: Handler,
        limits: HttpLimits,
        *,
        metrics: Metrics,
        name: str,
        refuse: RefusalHook = _plain_refusal,
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._refuse = refuse
        self._name = name
        self._requests = metrics.counter(f"http.{name}.requests", "requests read whole")
        self._refused = metrics.counter(f"http.{name}.refused", "requests over a limit")
        self._turned_away = metrics.counter(
            f"http.{name}.turned_away", "connections over the limit"
        )
        self._failed = metrics.counter(f"http.{name}.failed", "handlers that raised")
        self._abandoned = metrics.counter(f"http.{name}.abandoned", "callers that hung up first")
        malformed = metrics.counter(f"http.{name}.malformed", "bytes that were not HTTP")
        self._server = web.Server(
            self._serve,
            handler_cancellation=True,
            keepalive_timeout=limits.idle_timeout_s,
            max_line_size=limits.max_header_bytes,
            max_field_size=limits.max_header_bytes,
            lingering_time=_LINGER_S,
            auto_decompress=False,  # signatures cover the bytes sent, and no bomb goes off here
            access_log=None,
            logger=_WireLogger(malformed),
        )
        self._sockets: list[asyncio.Server] = []
        self._unix_paths: list[Path] = []
        self._busy: dict[web.RequestHandler, asyncio.Task[object]] = {}
        self._held_bytes = 0
        self._streams: set[asyncio.Task[object]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        metrics.gauge(f"http.{name}.connections", lambda: len(self._server.connections))

    async def listen_tcp(self, host: str, port: int) -> int:
        """Accept connections on a TCP address; return the port, chosen by the system for 0.

        Raises:
            OSError: The address is taken or isn't this machine's.
        """
        loop = asyncio.get_running_loop()
        # One socket: of the addresses a name may have, the first; port 0 must be one port.
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        server = await loop.create_server(
            self._accept, str(found[0][4][0]), port, family=found[0][0], backlog=256
        )
        self._sockets.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def listen_unix(self, path: Path, *, mode: int = 0o600, group: str | None = None) -> None:
        """Accept connections on a unix socket; whoever may not open it never could.

        Args:
            path: Where the socket goes; a socket that a dead process left there is replaced.
            mode: The permissions of the socket.
            group: The name of the group that owns it; None leaves the process's own.

        Raises:
            SettingsError: The path can't be a socket, or the group can't be given it.
        """
        sock = bind_unix_socket(path, mode=mode, group=group)
        loop = asyncio.get_running_loop()
        self._sockets.append(await loop.create_unix_server(self._accept, sock=sock, backlog=64))
        self._unix_paths.append(path)

    async def close(self, timeout_s: float) -> None:
        """Stop accepting, end streams, let other requests finish, then cancel what is left.

        Args:
            timeout_s: How long requests may take to finish.
        """
        self._closing = True
        for server in self._sockets:
            server.close()
        for path in self._unix_paths:
            unlink_socket(path)
        for task in self._streams:
            task.cancel()
        for connection in self._server.connections:
            if connection in self._busy:
                connection.close()  # after its answer
            else:
                connection.force_close()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        for task in self._busy.values():
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FORCED_S):
                await self._idle.wait()
        await self._server.shutdown(0)

    def _accept(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self._limits.max_connections:
            self._turned_away.value += 1
            return _TurnAway()
        return self._server()

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        connection = raw.protocol
        self._busy[connection] = cast("asyncio.Task[object]", asyncio.current_task())
        self._idle.clear()
        held = 0
        try:
            path, _, query_string = raw.raw_path.partition("?")

            def is_gone() -> bool:
                transport = raw.transport
                return transport is None or transport.is_closing()

            request = Request(
                raw.method,
                path,
                query_string,
                Headers.parsed(raw.headers),
                b"",
                raw.remote or None,
                is_gone,
            )
            held = self._announced_bytes(raw)
            refusal = self._admit(held)
            if refusal is None:
                self._held_bytes += held
                refusal = await self._read_body(raw, request)
            else:
                held = 0
            if refusal is not None:
                self._refused.value += 1
                response = self._refuse(refusal, request)
                return await self._write(raw, response, close=True)
            self._requests.value += 1
            answer = await self._answer(request)
            if isinstance(answer, StreamingResponse):
                return await self._stream(raw, answer)
            return await self._write(raw, answer)
        except asyncio.CancelledError:
            self._abandoned.value += 1
            raise
        except ConnectionError:
            self._abandoned.value += 1
            raise
        finally:
            self._held_bytes -= held
            del self._busy[connection]
            if not self._busy:
                self._idle.set()

    async def _answer(self, request: Request) -> Response | StreamingResponse:
        try:
            return await self._handler(request)
        except Exception:
            self._failed.value += 1
            _log.exception("%s: the handler of %s failed", self._name, request.path)
            return Response(500, b"the gateway failed; its log says why\n")

    def _announced_bytes(self, raw: web.BaseRequest) -> int:
        """Return how much a body may take: what its head says, or the limit if it doesn't say."""
        length = raw.content_length
        if length is not None:
            return length
        return self._limits.max_body_bytes if raw.body_exists else 0

    def _admit(self, announced_bytes: int) -> Refusal | None:
        if announced_bytes > self._limits.max_body_bytes:
            return Refusal.BODY_TOO_LARGE
        if self._held_bytes + announced_bytes > self._limits.max_held_bytes:
            return Refusal.OVERLOADED
        return None

    async def _read_body(self, raw: web.BaseRequest, request: Request) -> Refusal | None:
        content = raw.content
        if content.is_eof():  # nearly always: it came with its head
            request.body = content.read_nowait()
            # one sent in chunks did not say beforehand how much it would be
            too_large = len(request.body) > self._limits.max_body_bytes
            return Refusal.BODY_TOO_LARGE if too_large else None
        if raw.headers.get("Expect", "").lower() == "100-continue" and raw.transport is not None:
            raw.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                while chunk := await content.readany():
                    body += chunk
                    if len(body) > self._limits.max_body_bytes:
                        return Refusal.BODY_TOO_LARGE
        except TimeoutError:
            return Refusal.BODY_TOO_SLOW
        except (web.RequestPayloadError, HttpProcessingError):
            return Refusal.BODY_MALFORMED
        request.body = bytes(body)
        return None

    async def _write(
        self, raw: web.BaseRequest, response: Response, *, close: bool = False
    ) -> web.StreamResponse:
        headers = CIMultiDict(response.headers)
        headers["Server"] = "Weir"
        out = web.Response(status=response.status, body=response.body, headers=headers)
        if close or self._closing:
            out.force_close()
        transport = raw.transport
        guard: WriteGuard | None = None
        must_arrive = response.undelivered is not None
        try:
            if transport is None or transport.is_closing():
                raise ConnectionResetError("the caller hung up before the answer was written")
            if must_arrive:
                if has_hung_up(transport):
                    transport.abort()  # or aiohttp answers 500 in our place
                    raise ConnectionResetError("the caller hung up just now")
                # uvloop puts writes off to the end of its turn, when nobody asks what became of
                # them; over this limit it writes at once.
                transport.set_write_buffer_limits(0)
            if (
                must_arrive
                or transport.get_write_buffer_size() + len(response.body) > _WRITE_BUFFER_BYTES
            ):
                guard = WriteGuard(transport, self._limits.body_timeout_s)
            await out.prepare(raw)
            await out.write_eof()
            if must_arrive and transport.is_closing():
                raise ConnectionResetError("the caller hung up before the answer was written")
        except (ConnectionError, asyncio.CancelledError):
            if response.undelivered is not None:
                response.undelivered()
            raise
        finally:
            if guard is not None:
                guard.cancel()
            if must_arrive and transport is not None and not transport.is_closing():
                transport.set_write_buffer_limits()
        return out

    async def _stream(
        self, raw: web.BaseRequest, response: StreamingResponse
    ) -> web.StreamResponse:
        headers = CIMultiDict(response.headers)
        headers["Server"] = "Weir"
        out = web.StreamResponse(status=response.status, headers=headers)
        out.force_close()  # a stream ends when its connection does, or when the server closes
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._streams.add(task)
        if self._closing:
            task.cancel()
        try:
            await out.prepare(raw)
            async for chunk in response.chunks:
                await out.write(chunk)
            await out.write_eof()
        except asyncio.CancelledError:
            if not self._closing or raw.transport is None:
                raise
            task.uncancel()
            await out.write_eof()
        finally:
            self._streams.discard(task)
            if isinstance(response.chunks, AsyncGenerator):
                await response.chunks.aclose()
        return out


@final
class _TurnAway(asyncio.Protocol):
    """Answers a connection over the limit, and closes it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        writable = cast(asyncio.Transport, transport)
        writable.write(_FULL)
        writable.close()


@final
class _WireLogger(logging.Logger):
    """Counts what aiohttp would log with a traceback for every piece of garbage sent to a port."""

    def __init__(self, malformed: Counter) -> None:
        super().__init__("gateway.http.wire")
        self._malformed = malformed

    def exception(self, msg: object, *args: object, **kwargs: object) -> None:
        """Count one malformed request; the handler's own exceptions never come this far."""
        self._malformed.value += 1
        _log.debug("not HTTP: %s", kwargs.get("exc_info"))

    def debug(self, msg: object, *args: object, **kwargs: object) -> None:
        """Count bytes that do not even begin like HTTP; they are usual on an open port."""
        if kwargs.get("exc_info") is not None:
            self._malformed.value += 1
