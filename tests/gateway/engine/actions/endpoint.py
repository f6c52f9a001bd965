"""A web server that rules post to: what it answers is the test's, what it got is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

__all__ = ["HANG", "Answer", "Endpoint", "Got", "endpoint", "until"]


class Got:
    """One request that arrived."""

    def __init__(self, target: str, headers: dict[str, str], body: bytes) -> None:
        self.target, self.headers, self.body = target, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = tuple[int, bytes] | None
"""Status and body; None closes the connection without a word."""

HANG: Answer = (0, b"")
"""Never answers; the connection stays open."""


class Endpoint:
    """The server's end.

    Attributes:
        url: Its address, without a path.
        got: What arrived so far.
        ended: Set when the server is at its end.
        most_at_once: How many requests were being answered at one time, at most.
    """

    def __init__(self, answer: Callable[[Got], Awaitable[Answer]]) -> None:
        self._answer = answer
        self.url = ""
        self.got: list[Got] = []
        self.ended = asyncio.Event()
        self.at_once = self.most_at_once = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value
                    for name, value in (line.split(": ", 1) for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                got = Got(head[0].split()[1], headers, body)
                self.got.append(got)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    answer = await self._answer(got)
                finally:
                    self.at_once -= 1
                if answer is HANG:
                    await self.ended.wait()
                if answer is None or answer is HANG:
                    return
                status, content = answer
                writer.write(
                    f"HTTP/1.1 {status} Any\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()


@asynccontextmanager
async def endpoint(
    answer: Callable[[Got], Awaitable[Answer]] | int = 200, port: int = 0
) -> AsyncIterator[Endpoint]:
    """Serve; a number is the status of every answer."""

    async def always(got: Got) -> Answer:
        assert isinstance(answer, int)
        return answer, b""

    served = Endpoint(always if isinstance(answer, int) else answer)
    server = await asyncio.start_server(served.connected, "127.0.0.1", port)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        served.ended.set()
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other tasks bring about."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)
