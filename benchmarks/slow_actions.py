"""Slow actions through the outbox: how many a second, what each costs, and who waits meanwhile.

A burst of messages at QoS 1 lands in the outbox; measured is the time until the last action is at
an end. While they run, a client of another rule times its round trips, and before that it times
them without any. The receivers are as light as can be: the gateway is what is measured.
"""

from __future__ import annotations

import multiprocessing
import os
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.generator import RING, TIMEOUT_S, Publisher, Ring
from benchmarks.processes import cpu_ns
from benchmarks.rules import ROLE, document, republish
from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.session_client import SessionClient

Figures = dict[str, dict[str, object]]
Row = tuple[str, str, str, str, str]

COUNTS = {"http": 4000, "lambda": 4000, "s3": 1500}
PROBES = 400
PROBES_BETWEEN = 20  # looks at whether the actions are at an end
PROBE_PAUSE_S = 0.002
PAYLOAD_BYTES = 256
SETTINGS = """
[[rules.destinations]]
url = "http://127.0.0.1:{port}/"
[[lambda.functions]]
name = "count"
file = "{folder}/count.py"
[[s3.buckets]]
name = "readings"
dir = "{folder}/bucket"
"""
FUNCTION = "def lambda_handler(event, context):\n    return event\n"


class HttpSink:
    """A process that answers every POST with 200 and counts them."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._server.getsockname()[1])
        context = multiprocessing.get_context("fork")
        self.count = context.Value("q", 0)
        self._process = context.Process(target=self._serve, daemon=True)

    def __enter__(self) -> HttpSink:
        self._process.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.join()
        self._server.close()

    def _serve(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._server, selectors.EVENT_READ)
        unread: dict[socket.socket, bytes] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._server:
                    sock, _ = self._server.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(sock, selectors.EVENT_READ)
                    unread[sock] = b""
                else:
                    sock = key.fileobj  # type: ignore[assignment]
                    data = sock.recv(1 << 16)
                    if not data:
                        selector.unregister(sock)
                        sock.close()
                        continue
                    unread[sock] = self._answer(sock, unread[sock] + data)

    def _answer(self, sock: socket.socket, data: bytes) -> bytes:
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end].lower()
            at = head.index(b"content-length:") + 15
            size = end + 4 + int(head[at:].split(b"\r\n", 1)[0])
            if len(data) < size:
                break
            data = data[size:]
            self.count.value += 1
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return data


def slow_actions(rounds: int, folder: Path) -> Figures:
    """Measure `http`, `lambda` and `s3`, each alone, in turns."""
    home = folder / "slow"
    home.mkdir()
    (home / "count.py").write_text(FUNCTION)
    with HttpSink() as sink:
        weir = GatewayProcess(
            home, rules=_rules(sink.port), extra=SETTINGS.format(port=sink.port, folder=home)
        )
        weir.start()
        try:
            found: dict[str, list[dict[str, float]]] = {kind: [] for kind in COUNTS}
            sent = dict.fromkeys(COUNTS, 0)
            for _ in range(rounds):
                for kind, count in COUNTS.items():
                    found[kind].append(_round(weir, kind, count, home))
                    sent[kind] += count
            if sink.count.value != sent["http"]:
                raise RuntimeError(f"{sent['http']} posts were due, {sink.count.value} came")
            objects = sum(len(files) for _, _, files in os.walk(home / "bucket" / "n"))
            if objects != sent["s3"]:
                raise RuntimeError(f"{sent['s3']} objects were due, {objects} are there")
        finally:
            weir.stop()
    return {
        f"slow_{kind}": {name: statistics.median(each[name] for each in rounds_) for name in first}
        for kind, rounds_ in found.items()
        for first in (rounds_[0],)
    }


def rows(figures: Figures) -> list[Row]:
    """Return the rows of the table: what, ours, beside it, ratio, floor."""
    drawn: list[Row] = []
    for kind in COUNTS:
        f = figures[f"slow_{kind}"]
        bare = f"the files alone {f['bare_per_s']:,.0f}" if "bare_per_s" in f else ""
        ratio = f"{f['bare_ratio']:.2f}" if bare else ""
        drawn += [
            (f"`{kind}` through the outbox, per second", f"{f['per_s']:,.0f}", bare, ratio, ""),
            ("the same, CPU per message", f"{f['cpu_us']:.0f} µs", "", "", ""),
            ("another rule's round trip meanwhile, p99", f"{f['p99_ms']:.1f} ms",
             f"with nothing else {f['idle_p99_ms']:.1f} ms", "", ""),
        ]  # fmt: skip
    return drawn


def _rules(http_port: int) -> list[dict[str, object]]:
    actions: dict[str, dict[str, object]] = {
        "http": {"http": {"url": f"http://127.0.0.1:{http_port}/in"}},
        "lambda": {"lambda": {"functionArn": "count"}},
        "s3": {"s3": {"roleArn": ROLE, "bucketName": "readings", "key": "n/${newuuid()}"}},
    }
    slow = [
        document(f"of_{kind}", f"SELECT * FROM 'slow/{kind}'", actions[kind]) for kind in COUNTS
    ]
    return [*slow, document("beside", "SELECT * FROM 'probe/in'", republish("probe/out"))]


def _round(weir: GatewayProcess, kind: str, count: int, home: Path) -> dict[str, float]:
    """Let one kind of action run `count` times."""
    port, pid = weir.mqtt_port, weir.pid
    done = weir.status()["metrics"]["rules.outbox.done"]
    floor = {"bare_per_s": _bare_files(home / "bare", count // 4)} if kind == "s3" else {}
    with SessionClient(port, "probe", clean=True) as probe:
        probe.subscribe("probe/out", 0)
        idle = _round_trips(probe, lambda made: made < PROBES)
        ring = Ring(f"slow/{kind}", _payloads(), 1)
        before, began = cpu_ns(pid), time.perf_counter()
        _publish(port, ring, count)
        trips = _round_trips(probe, lambda _: not _ended(weir, done + count))
        seconds = time.perf_counter() - began
        cpu_us = (cpu_ns(pid) - before) / 1000 / count
        probe.disconnect()
    metrics = weir.status()["metrics"]
    if metrics["rules.outbox.failed"] or metrics["rules.outbox.refused"]:
        raise RuntimeError(f"{kind} actions failed")
    wait_until(
        lambda: weir.status()["metrics"]["rules.outbox.waiting"] == 0, what="an empty outbox"
    )
    figures = {
        "per_s": count / seconds,
        "cpu_us": cpu_us,
        "p99_ms": _p99_ms(trips),
        "idle_p99_ms": _p99_ms(idle),
        **floor,
    }
    if floor:
        figures["bare_ratio"] = figures["per_s"] / figures["bare_per_s"]
    return figures


def _ended(weir: GatewayProcess, due: int) -> bool:
    return bool(weir.status()["metrics"]["rules.outbox.done"] >= due)


def _payloads() -> list[bytes]:
    payloads = []
    for n in range(RING):
        head = b'{"n":"#%03d","celsius":31.25,"note":"' % n
        payloads.append(head + b"x" * (PAYLOAD_BYTES - len(head) - 2) + b'"}')
    return payloads


def _publish(port: int, ring: Ring, count: int) -> None:
    """Publish so many messages at QoS 1; all are acknowledged."""
    source = Publisher(port, "burst", ring, 100)
    with selectors.DefaultSelector() as selector:
        selector.register(source.sock, selectors.EVENT_READ)
        while source.acked < count:
            source.send(count - source.sent)
            if selector.select(0.01 if source.blocked else TIMEOUT_S):
                source.read_acks()
    source.sock.close()


def _round_trips(probe: SessionClient, more: Callable[[int], bool]) -> list[float]:
    """Send one message after the other through the rule beside; return the seconds of each."""
    packet = probe.publish_packet("probe/in", b"{}", 0, 0)
    expected = len(probe.publish_packet("probe/out", b"{}", 0, 0))
    found: list[float] = []
    while len(found) % PROBES_BETWEEN or more(len(found)):
        began = time.perf_counter()
        probe.sock.sendall(packet)
        unread = expected
        while unread:
            unread -= len(probe.sock.recv(unread))
        found.append(time.perf_counter() - began)
        time.sleep(PROBE_PAUSE_S)
    return found


def _p99_ms(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98] * 1000 if len(seconds) > 1 else 0.0


def _bare_files(folder: Path, count: int) -> float:
    """Return how many files a second one thread can make as durable as an object of a bucket."""
    folder.mkdir(exist_ok=True)
    body = _payloads()[0]
    handle = os.open(folder, os.O_RDONLY)
    began = time.perf_counter()
    for n in range(count):
        path = folder / f".{n}.new"
        with path.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        path.rename(folder / str(n))
        os.fsync(handle)
    seconds = time.perf_counter() - began
    os.close(handle)
    return count / seconds
