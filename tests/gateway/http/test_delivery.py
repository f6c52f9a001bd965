"""Callers that are gone before the event loop has heard of it: their answers are taken back."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest

from gateway.http import server
from gateway.http.message import Request, Response
from gateway.http.server import HttpServer
from gateway.http.settings import HttpLimits
from gateway.metrics import Metrics

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def close(caller: socket.socket) -> None:
    caller.close()


def reset(caller: socket.socket) -> None:
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()


def stay(caller: socket.socket) -> None:
    pass


async def _taken_back_after(hang_up: Callable[[socket.socket], None]) -> tuple[bool, bytes]:
    """Hang up within the handler, where the loop cannot know; return what became of the answer."""
    taken_back: list[bool] = []
    answered = asyncio.Event()
    caller = socket.socket()

    async def handle(request: Request) -> Response:
        hang_up(caller)
        asyncio.get_running_loop().call_soon(answered.set)
        return Response(200, b"promise", undelivered=lambda: taken_back.append(True))

    http = HttpServer(handle, HttpLimits(), metrics=Metrics(), name="test")
    port = await http.listen_tcp("127.0.0.1", 0)
    try:
        caller.connect(("127.0.0.1", port))
        caller.sendall(REQUEST)
        async with asyncio.timeout(5):
            await answered.wait()
    finally:
        await http.close(1)
    with caller:
        got = caller.recv(65536) if caller.fileno() >= 0 else b""
    assert len(taken_back) < 2
    return bool(taken_back), got


@pytest.mark.parametrize("hang_up", [close, reset])
def test_who_has_gone_unseen_gets_no_answer(run_on_both_loops, hang_up) -> None:
    async def main() -> None:
        assert await _taken_back_after(hang_up) == (True, b"")

    run_on_both_loops(main())


def test_who_goes_after_the_last_look_is_noticed_by_the_write(
    run_on_both_loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "has_hung_up", lambda transport: False)

    async def main() -> None:
        assert await _taken_back_after(reset) == (True, b"")

    run_on_both_loops(main())


def test_who_stays_gets_the_answer_and_nothing_is_taken_back(run_on_both_loops) -> None:
    async def main() -> None:
        taken_back, got = await _taken_back_after(stay)
        assert not taken_back
        assert got.endswith(b"\r\n\r\npromise")

    run_on_both_loops(main())
