"""The HTTP client against real servers: good, hanging, huge, dripping, broken and untrusted."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.http import client as client_module
from gateway.http.client import Answer, HttpClient, HttpFailed, header_problem
from gateway.http.url import HttpUrl

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Talk = Callable[[Reader, Writer], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A server's end: its address, and the heads and bodies it read."""

    def __init__(self) -> None:
        self.url = ""
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.gone = asyncio.Event()

    async def read(self, reader: Reader) -> bool:
        """Read one request; False at the end of the connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(int(fields.get(b"content-length", 0))))
        return True


@asynccontextmanager
async def peer(talk: Talk | bytes = OK, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """Serve; bytes are the answer to every request on a connection that is kept."""
    served = Peer()

    async def connected(reader: Reader, writer: Writer) -> None:
        served.connections += 1
        try:
            if isinstance(talk, bytes):
                while await served.read(reader):
                    writer.write(talk)
                    await writer.drain()
            elif await served.read(reader):
                await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            served.gone.set()
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield served
    finally:
        server.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def client(**options: object) -> AsyncIterator[HttpClient]:
    made = HttpClient(**options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


async def post(
    made: HttpClient,
    url: str,
    body: bytes = b"{}",
    headers: list[tuple[str, str]] | None = None,
    timeout_s: float = 5,
    max_answer_bytes: int = 1000,
) -> Answer:
    return await made.post(
        url, headers or [], body, timeout_s=timeout_s, max_answer_bytes=max_answer_bytes
    )


async def failure(made: HttpClient, url: str, **options: object) -> HttpFailed:
    with pytest.raises(HttpFailed) as failed:
        await post(made, url, **options)  # type: ignore[arg-type]
    return failed.value


async def hang(reader: Reader, writer: Writer) -> None:
    await reader.read()


def test_a_request_is_sent_as_it_was_given(run_on_both_loops) -> None:
    async def main() -> None:
        async with peer() as server, client() as made:
            answer = await post(
                made,
                f"{server.url}/a%2Fb/%41?x=%20+y&z=ü",
                b"body",
                [("X-Device", "pümp 1"), ("X-Twice", "1"), ("x-twice", "2")],
            )
            assert answer == Answer(200, b"ok", True)
            lines = server.heads[0].split(b"\r\n")
            assert lines[0] == b"POST /a%2Fb/%41?x=%20+y&z=%C3%BC HTTP/1.1"
            assert {"X-Device: pümp 1".encode(), b"X-Twice: 1", b"X-Twice: 2"} <= set(lines)
            assert b"User-Agent: weir" in lines and b"Accept-Encoding: identity" in lines
            assert not any(line.lower().startswith(b"content-type") for line in lines)
            assert server.bodies == [b"body"]

    run_on_both_loops(main())


def test_a_connection_is_kept_for_the_next_request(run_on_both_loops) -> None:
    async def main() -> None:
        async with peer() as server, client() as made:
            for _ in range(3):
                await post(made, server.url)
            assert (server.connections, len(server.bodies)) == (1, 3)

    run_on_both_loops(main())


def test_connections_to_one_host_have_a_bound(run) -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def slow(reader: Reader, writer: Writer) -> None:
            await release.wait()
            writer.write(OK)
            await writer.drain()

        async with peer(slow) as server, client(max_connections_per_host=2) as made:
            posts = [asyncio.create_task(post(made, server.url)) for _ in range(6)]
            async with asyncio.timeout(5):
                while len(server.heads) < 2:
                    await asyncio.sleep(0.001)
            assert server.connections == 2
            release.set()
            assert [answer.status for answer in await asyncio.gather(*posts)] == [200] * 6

    run(main())


def test_a_server_that_never_answers_costs_the_time_limit_and_its_connection(
    run_on_both_loops,
) -> None:
    async def main() -> None:
        async with peer(hang) as server, client() as made:
            error = await failure(made, f"{server.url}/hook?secret=1", timeout_s=0.05)
            assert error.reason == "timeout"
            assert "/hook gave no whole answer within 0.05 s" in str(error)
            assert "secret" not in str(error)
            await asyncio.wait_for(server.gone.wait(), 5)

    run_on_both_loops(main())


def test_an_answer_that_drips_is_cut_off_by_the_time_limit(run_on_both_loops) -> None:
    async def drip(reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.005)

    async def main() -> None:
        async with peer(drip) as server, client() as made:
            assert (await failure(made, server.url, timeout_s=0.1)).reason == "timeout"
            await asyncio.wait_for(server.gone.wait(), 5)

    run_on_both_loops(main())


@pytest.mark.parametrize("length", [b"Content-Length: 900000000", b"Transfer-Encoding: chunked"])
def test_of_a_huge_answer_the_beginning_is_read_and_the_connection_closed(
    run_on_both_loops, length: bytes
) -> None:
    sent = 0

    async def flood(reader: Reader, writer: Writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 500 No\r\n" + length + b"\r\n\r\n")
        piece = b"x" * 65536
        while sent < 900_000_000 and not writer.is_closing():
            writer.write(b"10000\r\n" + piece + b"\r\n" if b"chunked" in length else piece)
            sent += len(piece)
            await writer.drain()

    async def main() -> None:
        async with peer(flood) as server, client() as made:
            answer = await post(made, server.url, max_answer_bytes=16384)
            assert answer == Answer(500, b"x" * 16384, False)
            await asyncio.wait_for(server.gone.wait(), 5)
            assert sent < 50_000_000

    run_on_both_loops(main())


def test_an_answer_of_just_the_limit_is_whole(run) -> None:
    async def main() -> None:
        body = b"x" * 100
        async with peer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + body) as server:
            async with client() as made:
                assert (await post(made, server.url, max_answer_bytes=100)).complete
                assert not (await post(made, server.url, max_answer_bytes=99)).complete

    run(main())


def test_a_compressed_answer_is_not_unpacked(run) -> None:
    packed = gzip.compress(b"\0" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)

    async def main() -> None:
        async with peer(head + packed) as server, client() as made:
            answer = await post(made, server.url, max_answer_bytes=100_000)
            assert answer.body == packed

    run(main())


def test_a_redirect_is_an_answer_and_nobody_is_sent_elsewhere(run) -> None:
    async def main() -> None:
        async with peer() as elsewhere, client() as made:
            there = f"HTTP/1.1 307 There\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
            async with peer(there.encode()) as server:
                assert (await post(made, server.url)).status == 307
            assert elsewhere.connections == 0

    run(main())


def test_cookies_are_not_kept(run) -> None:
    async def main() -> None:
        cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1; Path=/\r\nContent-Length: 0\r\n\r\n"
        async with peer(cookie) as server, client() as made:
            await post(made, server.url)
            await post(made, server.url)
            assert b"cookie" not in server.heads[1].lower()

    run(main())


def test_the_environment_s_proxy_is_not_used(run, monkeypatch) -> None:
    async def main() -> None:
        async with peer() as proxy, peer() as server, client() as made:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            await post(made, server.url)
            assert (proxy.connections, server.connections) == (0, 1)

    run(main())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed closed"),
        (b"HTTP/1.1 20", "closed"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n\r\n", "malformed"),
        (b"\x00\xff\x16\x03\x01garbage\r\n\r\n" * 50, "malformed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "malformed"),
    ],
)
def test_half_answers_and_garbage_have_a_reason(run_on_both_loops, answer, reason) -> None:
    async def say(reader: Reader, writer: Writer) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with peer(say) as server, client() as made:
            assert (await failure(made, server.url)).reason in reason.split()
            assert server.connections == 1

    run_on_both_loops(main())


def test_a_request_on_a_connection_that_the_server_gave_up_is_sent_again(
    run_on_both_loops,
) -> None:
    """The server closes the kept connection when the second request arrives on it."""

    async def main() -> None:
        asked = 0

        async def once(reader: Reader, writer: Writer) -> None:
            nonlocal asked
            asked += 1
            writer.write(OK)
            await writer.drain()
            await reader.read(1)

        async with peer(once) as server, client() as made:
            assert (await post(made, server.url)).status == 200
            assert (await post(made, server.url)).status == 200
            assert (server.connections, asked) == (2, 2)

    run_on_both_loops(main())


def test_a_port_where_nobody_listens_refuses(run_on_both_loops) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            async with client() as made:
                error = await failure(made, f"http://127.0.0.1:{taken.getsockname()[1]}/")
                assert (error.reason, bool(error.hint)) == ("refused", True)

    run_on_both_loops(main())


def test_a_name_without_an_address_is_a_matter_of_dns(run_on_both_loops) -> None:
    async def main() -> None:
        async with client() as made:
            error = await failure(made, "http://no-such-host.invalid/", timeout_s=30)
            assert error.reason == "dns"

    run_on_both_loops(main())


def test_names_that_nobody_answers_for_hold_no_thread_of_the_loop(run, monkeypatch) -> None:
    """The look-ups hang; files are still synced on the loop's threads, and close() returns."""
    release = threading.Event()
    asked = threading.Semaphore(0)

    def silent(host: str, *_: object, **__: object) -> list[object]:
        asked.release()
        release.wait(30)
        return []

    async def main() -> None:
        monkeypatch.setattr(client_module.socket, "getaddrinfo", silent)
        made = HttpClient(max_lookups=2)
        waiting = [
            asyncio.create_task(failure(made, f"http://host-{number}.test/", timeout_s=0.2))
            for number in range(12)
        ]
        await asyncio.to_thread(asked.acquire)
        await asyncio.to_thread(asked.acquire)
        assert [error.reason for error in await asyncio.gather(*waiting)] == ["timeout"] * 12
        assert not asked.acquire(blocking=False), "more look-ups than allowed"
        await made.close()
        release.set()

    run(main())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/", "scheme"),
        ("host/path", "begins with https://"),
        ("http:///path", "cannot be read"),
        ("http://user:pw@host/", "user name"),
        ("http://host:0/", "port"),
        ("http://host:99999/", "port"),
        ("http://host:port/", "cannot be read"),
        ("http://127.1/", "IPv4"),
        ("http://2130706433/", "IPv4"),
        ("http://0x7f.0x1/", "IPv4"),
        ("http://[::1%25lo]/", "IPv6"),
        ("http://[::1/", "cannot be read"),
        ("http://ho st/", "host name"),
        ("http://-host/", "host name"),
        ("http://bücher.example/", "xn--"),
        ("http://host/a\r\nX: y", "control character"),
        ("http://host\\@evil/", "backslash"),
        ("http://host/\ud800", "control character"),
        ("http://host/a/../b", "step"),
        ("http://host/a/%2e%2E/b", "step"),
        ("http://host/a%2f..%2fb", "step"),
        ("http://host/a/%252e%252e/b", "step"),
        ("http://host/a/..;x=1/b", "step"),
        ("http://host/a/%5c..%5cb", "step"),
        ("http://host/%25252525252e", "encoded several times"),
        ("http://host/" + "a" * 2000, "at most 2000"),
        ("", "begins with https://"),
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_refused(run, url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        HttpUrl.parse(url)

    async def main() -> None:
        async with client() as made:
            assert (await failure(made, url)).reason == "invalid-url"

    run(main())


@pytest.mark.parametrize(
    ("text", "normal", "origin"),
    [
        ("HTTP://Host.Example", "http://host.example/", "http://host.example:80"),
        ("https://host:443/a?b", "https://host/a?b", "https://host:443"),
        ("https://host:8443?b", "https://host:8443/?b", "https://host:8443"),
        ("http://[0:0::1]:81/", "http://[::1]:81/", "http://[::1]:81"),
        ("http://host/a b/ü%zz", "http://host/a%20b/%C3%BC%25zz", "http://host:80"),
        ("http://host/a..b/...", "http://host/a..b/...", "http://host:80"),
        ("http://host/a?q=../..", "http://host/a?q=../..", "http://host:80"),
    ],
)
def test_an_address_has_one_normal_form(text: str, normal: str, origin: str) -> None:
    parsed = HttpUrl.parse(text)
    assert (str(parsed), parsed.origin) == (normal, origin)
    assert HttpUrl.parse(normal) == parsed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "1\r\nX-B: 2"),
        ("X-A", "1\n"),
        ("X-A", "\0"),
        ("X-A", "\ud800"),
        ("X-A\r\nX-B", "1"),
        ("X A", "1"),
        ("", "1"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("Host", "elsewhere"),
        ("Connection", "close"),
    ],
)
def test_headers_that_would_break_the_request_are_refused(run, name: str, value: str) -> None:
    assert header_problem(name, value)

    async def main() -> None:
        async with peer() as server, client() as made:
            error = await failure(made, server.url, headers=[(name, value)])
            assert (error.reason, server.connections) == ("invalid-header", 0)

    run(main())


def test_what_is_posted_after_the_end_says_so(run) -> None:
    async def main() -> None:
        async with peer() as server, client() as made:
            await post(made, server.url)
            await made.close()
            assert (await failure(made, server.url)).reason == "stopped"
            await made.close()

    run(main())


# --- TLS ------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS with a certificate that signed itself, and that certificate."""
    key, made = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={name}"]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made, key)
    return server, made


def test_a_trusted_certificate_is_accepted_and_an_unknown_one_is_not(
    run_on_both_loops, tmp_path: Path
) -> None:
    server_side, made = certificate(tmp_path, "IP:127.0.0.1")

    async def main() -> None:
        async with peer(tls=server_side) as server:
            async with client(tls=ssl.create_default_context(cafile=str(made))) as trusting:
                assert (await post(trusting, server.url)).status == 200
            async with client() as careful:
                error = await failure(careful, server.url)
                assert error.reason == "tls"
                assert "not trusted" in str(error) and "SSL_CERT_FILE" in error.hint
            assert len(server.bodies) == 1, "a request went to a server that is not trusted"

    run_on_both_loops(main())


def test_a_certificate_for_another_name_is_not_accepted(run, tmp_path: Path) -> None:
    server_side, made = certificate(tmp_path, "DNS:elsewhere.example")

    async def main() -> None:
        trust = ssl.create_default_context(cafile=str(made))
        async with peer(tls=server_side) as server, client(tls=trust) as trusting:
            assert (await failure(trusting, server.url)).reason == "tls"
            assert server.bodies == []

    run(main())


def test_tls_to_a_plain_port_and_plain_to_a_tls_port_fail(run, tmp_path: Path) -> None:
    server_side, _ = certificate(tmp_path, "IP:127.0.0.1")

    async def main() -> None:
        async with peer() as plain, peer(tls=server_side) as tls, client() as made:
            error = await failure(made, plain.url.replace("http", "https"), timeout_s=0.3)
            assert error.reason in ("tls", "timeout")
            error = await failure(made, tls.url.replace("https", "http"), timeout_s=1)
            assert error.reason in ("closed", "malformed")

    run(main())
