"""The HTTP server, spoken to over raw sockets: good, slow, half-sent, oversized and garbage."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from gateway.http.message import Headers, Refusal, Request, Response, StreamingResponse
from gateway.http.server import HttpServer
from gateway.http.settings import HttpLimits
from gateway.metrics import Metrics


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(main: Any) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main)

    return run


async def echo(request: Request) -> Response:
    return Response(200, request.body, [("X-Was", f"{request.method} {request.path}")])


class Running:
    """A server, its port and its counters."""

    def __init__(self, server: HttpServer, port: int, metrics: Metrics) -> None:
        self.server, self.port, self._metrics = server, port, metrics

    async def connect(self) -> Connection:
        return Connection(*await asyncio.open_connection("127.0.0.1", self.port))

    def count(self, name: str) -> float:
        return self._metrics.snapshot()[f"http.test.{name}"]


class Connection:
    """A caller's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        return int(head[0].split()[1]), fields, body

    async def closed(self) -> bytes:
        """Wait until the server closes; return what came before."""
        try:
            async with asyncio.timeout(5):
                return await self.reader.read()
        except ConnectionResetError:
            return b""

    def hang_up(self) -> None:
        self.writer.transport.abort()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.hang_up()
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    handler: Callable[[Request], Awaitable[Response | StreamingResponse]] = echo,
    *,
    refuse: Callable[[Refusal, Request], Response] | None = None,
    close_timeout_s: float = 1,
    **limits: Any,
) -> AsyncIterator[Running]:
    metrics = Metrics()
    more = {} if refuse is None else {"refuse": refuse}
    server = HttpServer(handler, HttpLimits(**limits), metrics=metrics, name="test", **more)
    port = await server.listen_tcp("127.0.0.1", 0)
    try:
        yield Running(server, port, metrics)
    finally:
        await server.close(close_timeout_s)


def post(body: bytes = b"", *fields: str, path: str = "/") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def test_a_request_arrives_as_it_was_sent(run) -> None:
    seen: list[Request] = []

    async def keep(request: Request) -> Response:
        seen.append(request)
        assert not request.disconnected
        return Response(201, b"made", [("X-One", "1")])

    async def main() -> None:
        async with serving(keep) as running, await running.connect() as caller:
            path = "/a%20b//../c+d?x=%2F&&y=1+2?"
            caller.send(post(b"\x00\xff", "x-two: 1", "X-Two: 2", path=path))
            status, fields, body = await caller.answer()
            assert (status, fields["x-one"], body) == (201, "1", b"made")

    run(main())
    request = seen[0]
    assert (request.method, request.path) == ("POST", "/a%20b//../c+d")
    assert request.query_string == "x=%2F&&y=1+2?"
    assert request.body == b"\x00\xff"
    assert request.peer == "127.0.0.1"
    assert request.headers.get("X-TWO") == "1"
    assert request.headers.get_all("x-two") == ["1", "2"]
    assert request.headers.get("absent") is None
    assert ("X-Two", "2") in request.headers.items()
    assert "host" in request.headers.names_folded()


def test_headers_made_by_hand_behave_alike() -> None:
    headers = Headers([("A", "1"), ("a", "2")])
    assert (headers.get("a"), headers.get_all("A"), headers.get("b")) == ("1", ["1", "2"], None)
    assert headers.names_folded() == {"a"}


def test_requests_on_one_connection_are_answered_in_order(run) -> None:
    async def main() -> None:
        async with serving() as running, await running.connect() as caller:
            caller.send(b"".join(post(b"%d" % number) for number in range(50)))
            for number in range(50):
                assert (await caller.answer())[2] == b"%d" % number

    run(main())


def test_a_request_in_single_bytes_is_one_request(run) -> None:
    async def main() -> None:
        async with serving() as running, await running.connect() as caller:
            for byte in post(b"body"):
                caller.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await caller.answer())[2] == b"body"

    run(main())


def test_a_chunked_body_is_one_body(run) -> None:
    async def main() -> None:
        async with serving() as running, await running.connect() as caller:
            caller.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            caller.send(b"3\r\nabc\r\n")
            await asyncio.sleep(0)
            caller.send(b"2\r\nde\r\n0\r\n\r\n")
            assert (await caller.answer())[2] == b"abcde"

    run(main())


def test_a_compressed_body_is_left_as_it_was_signed(run) -> None:
    async def main() -> None:
        async with serving() as running, await running.connect() as caller:
            packed = gzip.compress(b"x" * 1000)
            caller.send(post(packed, "Content-Encoding: gzip"))
            assert (await caller.answer())[2] == packed

    run(main())


def test_a_body_over_the_limit_is_refused_unread_and_in_the_hooks_words(run) -> None:
    refusals: list[tuple[Refusal, Request]] = []
    handled: list[Request] = []

    async def handler(request: Request) -> Response:
        handled.append(request)
        return Response(200)

    def refuse(refusal: Refusal, request: Request) -> Response:
        refusals.append((refusal, request))
        return Response(refusal.status, b"too much")

    async def main() -> None:
        async with serving(handler, refuse=refuse, max_body_bytes=100) as running:
            async with await running.connect() as caller:
                caller.send(post(b"x" * 100))
                assert (await caller.answer())[0] == 200
                caller.send(post(b"x" * 101, path="/big"))
                status, fields, body = await caller.answer()
                assert (status, fields["connection"], body) == (413, "close", b"too much")
                assert await caller.closed() == b""
            async with await running.connect() as caller:  # one that doesn't say how much
                caller.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                caller.send(b"64\r\n" + b"x" * 100 + b"\r\n1\r\ny\r\n0\r\n\r\n")
                assert (await caller.answer())[0] == 413
            async with await running.connect() as caller:  # one that says more than it sends
                caller.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
                assert (await caller.answer())[0] == 413
            assert running.count("refused") == 3

    run(main())
    assert [refusal for refusal, _ in refusals] == [Refusal.BODY_TOO_LARGE] * 3
    assert refusals[0][1].path == "/big"
    assert len(handled) == 1


def test_a_caller_that_asks_first_is_told_to_go_on_or_not_to(run) -> None:
    async def main() -> None:
        async with serving(max_body_bytes=10) as running:
            async with await running.connect() as caller:
                head, body = post(b"body", "Expect: 100-continue").split(b"\r\n\r\n")
                caller.send(head + b"\r\n\r\n")
                assert (
                    await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                )
                caller.send(body)
                assert (await caller.answer())[2] == b"body"
            async with await running.connect() as caller:
                caller.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n")
                caller.send(b"Expect: 100-continue\r\n\r\n")
                assert (await caller.answer())[0] == 413

    run(main())


def test_all_bodies_together_are_bounded(run) -> None:
    async def main() -> None:
        async with serving(max_body_bytes=100, max_held_bytes=150) as running:
            async with await running.connect() as slow, await running.connect() as second:
                slow.send(post(b"x" * 100)[:-1])
                await until(lambda: running.server._held_bytes == 100)
                second.send(post(b"y" * 100))
                assert (await second.answer())[0] == 503
                slow.send(b"x")
                assert (await slow.answer())[2] == b"x" * 100
            async with await running.connect() as third:
                third.send(post(b"z" * 100))
                assert (await third.answer())[0] == 200
            assert running.server._held_bytes == 0

    run(main())


@pytest.mark.parametrize("part", [b"", b"P", b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x"])
def test_a_head_that_does_not_come_closes_the_connection(run, part: bytes) -> None:
    async def main() -> None:
        async with serving(idle_timeout_s=0.05) as running, await running.connect() as caller:
            caller.send(part)
            assert await caller.closed() == b""

    run(main())


def test_a_connection_that_falls_silent_after_an_answer_is_closed(run) -> None:
    async def main() -> None:
        async with serving(idle_timeout_s=0.05) as running, await running.connect() as caller:
            caller.send(post(b"x"))
            assert (await caller.answer())[0] == 200
            assert await caller.closed() == b""

    run(main())


@pytest.mark.parametrize(
    "part",
    [
        post(b"body")[:-1],
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
    ],
)
def test_a_body_that_does_not_come_is_refused(run, part: bytes) -> None:
    async def main() -> None:
        async with serving(body_timeout_s=0.05) as running, await running.connect() as caller:
            caller.send(part)
            assert (await caller.answer())[0] == 408
            caller.writer.write_eof()
            await caller.closed()

    run(main())


@pytest.mark.parametrize("chunk", [b"xyz\r\n", b"-1\r\nab\r\n", b"3\r\nabcdef\r\n", b"\x00"])
def test_a_broken_chunk_is_refused(run, chunk: bytes) -> None:
    async def main() -> None:
        async with serving() as running, await running.connect() as caller:
            caller.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            caller.send(chunk)
            said = await caller.closed()
            assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
            assert running.count("requests") == 0

    run(main())


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),  # a TLS hello
        b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id" + b"\r\n\r\n",  # an MQTT CONNECT
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"X: 1\r\n" * 10_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nX: \x00\r\n\r\n",
    ],
)
def test_garbage_closes_its_own_connection_only(
    run, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serving() as running, await running.connect() as good:
            async with await running.connect() as bad:
                bad.send(garbage)
                said = await bad.closed()
            assert said == b"" or said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
            assert running.count("malformed") >= 1
            good.send(post(b"still here"))
            assert (await good.answer())[2] == b"still here"

    run(main())
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


def test_mutated_requests_never_hurt_the_others(run) -> None:
    chance = random.Random(20)

    def mutated() -> bytes:
        data = bytearray(post(b"body", "X-Amz-Target: AmazonSQS.SendMessage", "Expect: x"))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)

    async def main() -> None:
        async with serving(idle_timeout_s=0.05, body_timeout_s=0.05) as running:
            for _ in range(150):
                async with await running.connect() as caller:
                    caller.send(mutated())
                    caller.writer.write_eof()
                    await caller.closed()
            async with await running.connect() as good:
                good.send(post(b"still here"))
                assert (await good.answer())[2] == b"still here"
            assert running.count("failed") == 0
            await until(lambda: running.server._held_bytes == 0)

    run(main())


def test_connections_over_the_limit_are_turned_away(run) -> None:
    async def main() -> None:
        async with serving(max_connections=2) as running:
            async with await running.connect() as one, await running.connect() as two:
                for caller in (one, two):
                    caller.send(post(b"x"))
                    assert (await caller.answer())[0] == 200
                async with await running.connect() as third:
                    assert (await third.closed()).startswith(b"HTTP/1.1 503 ")
                one.send(post(b"x"))
                assert (await one.answer())[0] == 200
            assert running.count("turned_away") == 1
            await until(lambda: running.count("connections") == 0)
            async with await running.connect() as later:
                later.send(post(b"x"))
                assert (await later.answer())[0] == 200

    run(main())


def test_a_handler_is_cancelled_when_its_caller_hangs_up(run) -> None:
    events: list[str] = []

    async def wait(request: Request) -> Response:
        events.append("began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append(f"cancelled, disconnected {request.disconnected}")
            raise
        return Response(200)

    async def main() -> None:
        async with serving(wait) as running, await running.connect() as caller:
            caller.send(post())
            await until(lambda: events == ["began"])
            caller.hang_up()
            await until(lambda: len(events) == 2)
            await until(lambda: running.count("abandoned") == 1)

    run(main())
    assert events[1] == "cancelled, disconnected True"


def test_an_answer_that_nobody_is_there_to_read_is_taken_back_once(run) -> None:
    taken_back: list[str] = []
    go = asyncio.Event()

    async def stubborn(request: Request) -> Response:
        while True:
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue
            return Response(200, b"promise", undelivered=lambda: taken_back.append("x"))

    async def main() -> None:
        async with serving(stubborn) as running:
            async with await running.connect() as caller:
                caller.send(post())
                await until(lambda: running.count("requests") == 1)
            await asyncio.sleep(0.01)
            go.set()
            await until(lambda: taken_back == ["x"])
            async with await running.connect() as caller:
                caller.send(post())
                assert (await caller.answer())[2] == b"promise"
        assert taken_back == ["x"]

    run(main())


def test_a_caller_that_never_reads_is_cut_off(run) -> None:
    taken_back: list[str] = []

    async def big(request: Request) -> Response:
        return Response(200, bytes(32 << 20), undelivered=lambda: taken_back.append("x"))

    async def main() -> None:
        async with serving(big, body_timeout_s=0.1) as running, await running.connect() as caller:
            caller.writer.transport.pause_reading()
            caller.send(post())
            await until(lambda: running.count("abandoned") == 1)
        assert taken_back == ["x"]

    run(main())


def test_a_caller_that_reads_slowly_gets_its_whole_answer(run) -> None:
    async def big(request: Request) -> Response:
        return Response(200, bytes(32 << 20))

    async def main() -> None:
        async with serving(big, body_timeout_s=0.1) as running:
            caller = await running.connect()
            caller.send(post())
            await caller.reader.readuntil(b"\r\n\r\n")
            read_bytes = 0
            while read_bytes < 32 << 20:  # for longer than the timeout, piece by piece
                read_bytes += len(await caller.reader.read(1 << 18))
                await asyncio.sleep(0.002)
            assert running.count("abandoned") == 0
            caller.hang_up()

    run(main())


def test_an_exception_of_the_handler_is_answered_and_logged(
    run, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request) -> Response:
        raise ZeroDivisionError("inner detail")

    async def main() -> None:
        async with serving(broken) as running, await running.connect() as caller:
            for _ in range(2):
                caller.send(post())
                status, _, body = await caller.answer()
                assert status == 500
                assert b"inner detail" not in body
            assert running.count("failed") == 2

    run(main())
    assert "inner detail" in caplog.text


def test_a_stream_sends_each_piece_at_once_and_ends_with_its_caller(run) -> None:
    closed: list[str] = []

    async def pieces(go: asyncio.Queue[bytes]) -> AsyncGenerator[bytes]:
        try:
            while True:
                yield await go.get()
        finally:
            closed.append("x")

    async def main() -> None:
        go: asyncio.Queue[bytes] = asyncio.Queue()

        async def tail(request: Request) -> StreamingResponse:
            return StreamingResponse(200, pieces(go), [("Content-Type", "application/jsonl")])

        async with serving(tail) as running, await running.connect() as caller:
            caller.send(post())
            go.put_nowait(b"one\n")
            head = await caller.reader.readuntil(b"\r\n\r\n")
            assert b"chunked" in head
            assert await caller.reader.readexactly(9) == b"4\r\none\n\r\n"
            go.put_nowait(b"two\n")
            assert await caller.reader.readexactly(9) == b"4\r\ntwo\n\r\n"
            caller.hang_up()
            await until(lambda: closed == ["x"])

    run(main())


def test_closing_ends_streams_cleanly_at_once(run) -> None:
    closed: list[str] = []

    async def silence() -> AsyncGenerator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            closed.append("x")

    async def tail(request: Request) -> StreamingResponse:
        return StreamingResponse(200, silence())

    async def main() -> None:
        async with serving(tail, close_timeout_s=30) as running:
            caller = await running.connect()
            caller.send(post())
            await caller.reader.readuntil(b"first\r\n")
        assert await caller.closed() == b"0\r\n\r\n"
        caller.hang_up()

    run(main())
    assert closed == ["x"]


def test_closing_lets_requests_finish_and_takes_no_new_ones(run) -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def wait(request: Request) -> Response:
            await go.wait()
            return Response(200, b"done")

        async with (
            serving(wait) as running,
            await running.connect() as busy,
            await running.connect() as idle,
        ):
            busy.send(post())
            await until(lambda: running.count("requests") == 1)
            closing = asyncio.create_task(running.server.close(30))
            assert await idle.closed() == b""
            with pytest.raises(ConnectionRefusedError):
                await running.connect()
            assert not closing.done()
            go.set()
            status, fields, body = await busy.answer()
            assert (status, fields["connection"], body) == (200, "close", b"done")
            await closing

    run(main())


def test_closing_cancels_what_does_not_finish_in_time(run) -> None:
    cancelled: list[str] = []

    async def wait(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append("x")
        return Response(200)

    async def main() -> None:
        async with serving(wait, close_timeout_s=0.05) as running:
            caller = await running.connect()
            caller.send(post())
            await until(lambda: running.count("requests") == 1)
        await until(lambda: cancelled == ["x"])
        caller.hang_up()

    run(main())


def test_a_port_that_is_taken_is_an_error(run) -> None:
    async def main() -> None:
        async with serving() as running:
            second = HttpServer(echo, HttpLimits(), metrics=Metrics(), name="second")
            with pytest.raises(OSError, match=r"in use"):
                await second.listen_tcp("127.0.0.1", running.port)

    run(main())
