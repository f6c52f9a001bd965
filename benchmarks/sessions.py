"""Retained messages and the messages of an absent session: Weir on disk, Mosquitto in memory.

Both brokers take turns, in one run. What is measured is the processor time of the broker per
message; the clients check that every message comes whole, once, and in order where there is one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.processes import Mosquitto, cpu_ns
from tests.rig.gateway_process import GatewayProcess
from tests.rig.session_client import PUBACK, SessionClient, answer

COUNT = 10_000
PAYLOAD_BYTES = 256
WINDOW, SMALL_WINDOW = 100, 20
READ_BYTES = 1 << 18
# After the last answer, until whatever it set going is done. Weir deletes what was acknowledged
# with the next commit, or within a second.
SETTLE_S = 1.25
MEASURES = (
    "retained_store",
    "retained_store_small",
    "retained_new",
    "offline_queue",
    "offline_queue_small",
    "offline_drain",
)

Figures = dict[str, dict[str, object]]


def sessions(rounds: int, folder: Path, rules: list[dict[str, object]]) -> Figures:
    """Measure both brokers in turn; return each measure's CPU per message and its ratio."""
    weir, mosquitto = GatewayProcess(folder / "sessions", rules=rules), Mosquitto(folder)
    weir.start()
    found: dict[str, dict[str, list[tuple[float, float]]]] = {
        measure: {"weir": [], "mosquitto": []} for measure in MEASURES
    }
    try:
        peers = {"weir": (weir.mqtt_port, weir.pid), "mosquitto": (mosquitto.port, mosquitto.pid)}
        for _ in range(rounds):
            for name, (port, pid) in peers.items():
                for measure, figure in _round(port, pid).items():
                    found[measure][name].append(figure)
    finally:
        weir.stop()
        mosquitto.stop()
    return {measure: _summary(**by_name) for measure, by_name in found.items()}


def _summary(
    weir: list[tuple[float, float]], mosquitto: list[tuple[float, float]]
) -> dict[str, object]:
    ratios = [ours / theirs for (ours, _), (theirs, _) in zip(weir, mosquitto, strict=True)]
    return {
        "weir_cpu_us": statistics.median(cpu for cpu, _ in weir),
        "mosquitto_cpu_us": statistics.median(cpu for cpu, _ in mosquitto),
        "ratio": statistics.median(ratios),
        "weir_per_s": statistics.median(rate for _, rate in weir),
        "mosquitto_per_s": statistics.median(rate for _, rate in mosquitto),
    }


def _round(port: int, pid: int) -> dict[str, tuple[float, float]]:
    """Measure everything once, and leave the broker as it was."""
    topics = [f"bench/retained/{number:06}" for number in range(COUNT)]
    figures: dict[str, tuple[float, float]] = {}
    for name, window in (("retained_store_small", SMALL_WINDOW), ("retained_store", WINDOW)):
        store = partial(_publish, port, topics, window, retain=True)
        figures[name] = _cost(pid, store)
        if window == WINDOW:
            figures["retained_new"] = _cost(pid, partial(_take_retained, port, topics))
        _clear(port, topics)
    away = "bench/away"
    for name, window in (("offline_queue_small", SMALL_WINDOW), ("offline_queue", WINDOW)):
        SessionClient(port, "bench-away", clean=True).cut()
        with SessionClient(port, "bench-away") as client:
            client.subscribe(away, 1)
            client.disconnect()
        figures[name] = _cost(pid, partial(_publish, port, [away] * COUNT, window))
    figures["offline_drain"] = _cost(pid, partial(_take_queued, port, away))
    SessionClient(port, "bench-away", clean=True).cut()
    return figures


def _cost(pid: int, work: Callable[[], float]) -> tuple[float, float]:
    """Return the broker's microseconds per message, and messages per second, of some work."""
    before = cpu_ns(pid)
    seconds = work()
    time.sleep(SETTLE_S)
    return (cpu_ns(pid) - before) / 1000 / COUNT, COUNT / seconds


def _payload(number: int) -> bytes:
    return (b"#%06d" % number).ljust(PAYLOAD_BYTES, b".")


def _publish(port: int, topics: Sequence[str], window: int, *, retain: bool = False) -> float:
    """Publish one QoS 1 message to each topic, one write each; return the seconds."""
    with SessionClient(port, "bench-load", clean=True) as client:
        packets = [
            client.publish_packet(topic, _payload(number), 1, number + 1, retain=retain)
            for number, topic in enumerate(topics)
        ]
        due = b"".join(answer(PUBACK, number + 1) for number in range(len(topics)))
        sent = 0
        acknowledged = bytearray()
        began = time.perf_counter()
        while len(acknowledged) < len(due):
            end = len(acknowledged) // 4 + window
            for packet in packets[sent:end]:
                client.sock.sendall(packet)
            sent = min(max(sent, end), len(packets))
            acknowledged += _receive(client)
        seconds = time.perf_counter() - began
        if acknowledged != due:
            raise RuntimeError("a PUBACK is missing, twice, or out of order")
        client.disconnect()
    return seconds


def _take_retained(port: int, topics: Sequence[str]) -> float:
    """Subscribe to everything; each retained message must come once, in any order."""
    with SessionClient(port, "bench-new", clean=True) as client:
        began = time.perf_counter()
        client.subscribe("#", 1)
        numbers = _drain(client, topics[0])
        seconds = time.perf_counter() - began
        if sorted(numbers) != list(range(COUNT)):
            raise RuntimeError("a retained message is missing or came twice")
        client.disconnect()
    return seconds


def _take_queued(port: int, topic: str) -> float:
    """Come back to the session; what waited must come in order."""
    began = time.perf_counter()
    with SessionClient(port, "bench-away") as client:
        if not client.session_present:
            raise RuntimeError("the session is gone")
        numbers = _drain(client, topic)
        seconds = time.perf_counter() - began
        if numbers != list(range(COUNT)):
            raise RuntimeError("a queued message is missing, twice, or out of order")
        client.disconnect()
    return seconds


def _drain(client: SessionClient, topic: str) -> list[int]:
    """Receive COUNT messages of one size and acknowledge them, without parsing each."""
    size = len(client.publish_packet(topic, _payload(0), 1, 1))
    number_at = size - PAYLOAD_BYTES + 1
    identifier_at = size - PAYLOAD_BYTES - 2
    numbers: list[int] = []
    data = client.unread()
    while len(numbers) < COUNT:
        whole = len(data) // size
        chunk, data = data[: whole * size], data[whole * size :]
        if whole:
            acks = bytearray(b"\x40\x02\x00\x00" * whole)
            acks[2::4] = chunk[identifier_at::size]
            acks[3::4] = chunk[identifier_at + 1 :: size]
            client.sock.sendall(acks)
            numbers += [int(chunk[at : at + 6]) for at in range(number_at, len(chunk), size)]
        else:
            data += _receive(client)
    if data:
        raise RuntimeError("more came than was due")
    return numbers


def _clear(port: int, topics: Sequence[str]) -> None:
    """Remove the retained messages."""
    with SessionClient(port, "bench-load", clean=True) as client:
        packets = [client.publish_packet(topic, b"", 0, 0, retain=True) for topic in topics]
        client.sock.sendall(b"".join(packets))
        client.disconnect()


def _receive(client: SessionClient) -> bytes:
    data = client.sock.recv(READ_BYTES)
    if not data:
        raise EOFError("the broker closed the connection")
    return data
