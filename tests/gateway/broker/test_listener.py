"""The TCP side, over real sockets: pausing, slow readers, limits, garbage, broken connections."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import Listener, ListenerSettings, MqttFront, MqttSettings
from gateway.message import Message
from gateway.mqtt.packets import (
    Connect,
    Publish,
    Subscribe,
    Will,
    encode_connect,
    encode_publish,
    encode_subscribe,
)
from gateway.store import StoreSettings
from tests.rig.stores import KIB, notes, stored_notes
from tests.rig.tcp_client import PATIENCE_S, listening, until
from tests.rig.wire_client import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    puback,
    split,
)

Run = Callable[[Any], None]


def test_clients_talk_to_each_other(run_on_both_loops: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            publisher, subscriber = await running.client("p"), await running.client("s")
            await subscriber.subscribe("t/+", 1)
            packet = encode_publish(Publish("t/x", b"payload", 1, packet_identifier=1))
            await publisher.send(packet)
            assert await publisher.read(4) == puback(1)
            assert await subscriber.read(len(packet)) == packet
            await subscriber.send(puback(1) + PINGREQ + DISCONNECT)
            assert await subscriber.read_to_end() == PINGRESP
            await until(lambda: running.bench.broker.connection_count == 1)
            assert running.listener.address == f"127.0.0.1:{running.listener.port}"

    run_on_both_loops(main())


def data_segments_received(sock: socket.socket) -> int:
    """Return tcpi_data_segs_in of Linux's struct tcp_info."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("=I", info, 152)[0])


def test_what_a_turn_gathers_leaves_in_one_piece(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            client = await running.client()
            before = data_segments_received(client.sock)
            await client.send(PINGREQ * 1000)
            assert await client.read(2000) == PINGRESP * 1000
            assert 1 <= data_segments_received(client.sock) - before < 20

    run(main())


def test_no_more_connections_than_the_limit(run_on_both_loops: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path, MqttSettings(max_connections=2)) as running:
            first = await running.client("a")
            silent = await running.open()  # counts before its CONNECT, too
            await until(lambda: not running.bench.broker.has_room)
            refused = await running.open()
            assert await refused.read_to_end() == b""
            await first.send(PINGREQ)
            assert await first.read(2) == PINGRESP
            silent.sock.close()
            await until(lambda: running.bench.broker.has_room)
            await running.client("b")

    run_on_both_loops(main())


def test_refusals_reach_the_client_before_the_connection_closes(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            client = await running.open()
            await client.send(encode_connect(Connect("MQTT", 5, client_id="new")))
            assert await client.read_to_end() == bytes.fromhex("2003008400")

    run_on_both_loops(main())


def test_a_broken_connection_publishes_its_will(run_on_both_loops: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            watcher = await running.client("watcher")
            await watcher.subscribe("gone", 0)
            client = await running.client("c", will=Will("gone", b"c", 0, False))
            client.reset()
            will = encode_publish(Publish("gone", b"c"))
            assert await watcher.read(len(will)) == will

    run_on_both_loops(main())


def test_publishers_wait_while_commits_lag(run_on_both_loops: Run, tmp_path: Path) -> None:
    """Much more than the admission limit, at once: all of it is taken, and never much at a time."""
    settings = StoreSettings(admission_bytes=64 * KIB)

    async def main() -> None:
        async with listening(tmp_path, None, settings) as running:
            bench = running.bench
            insert = await notes(bench.store)
            most = 0.0
            paused = 0

            def keep(message: Message) -> None:
                nonlocal most, paused
                number = int(message.payload[:6])
                bench.store.add(insert, (number, message.payload), len(message.payload))
                most = max(most, bench.count("store.gathered_bytes"))
                paused += sum(c.paused for c in bench.broker._connections.values())

            bench.broker.router.subscribe_local("durable", keep)
            publishers = [await running.client(f"p{n}") for n in range(2)]
            streams = [
                b"".join(
                    encode_publish(
                        Publish(
                            "durable",
                            b"%06d" % (which * 1000 + n) + b"x" * 4000,
                            1,
                            packet_identifier=n + 1,
                        )
                    )
                    for n in range(500)
                )
                for which in range(2)
            ]
            sending = [
                asyncio.ensure_future(p.send(stream))
                for p, stream in zip(publishers, streams, strict=True)
            ]
            for publisher in publishers:
                assert await publisher.read(2000) == b"".join(puback(n + 1) for n in range(500))
            await asyncio.gather(*sending)
            assert stored_notes(tmp_path) == [*range(500), *range(1000, 1500)]
            assert paused > 0
            # What a socket had delivered already when the limit was reached, for each of the two.
            assert most < 2 * 64 * KIB + 3 * 256 * KIB
            assert not any(c.paused for c in bench.broker._connections.values())

    run_on_both_loops(main())


def test_a_connection_that_ends_while_it_is_paused_is_forgotten(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            bench = running.bench
            insert = await notes(bench.store)

            def keep(message: Message) -> None:
                bench.store.add(insert, (int(message.payload), b""), 100 * KIB)

            bench.broker.router.subscribe_local("durable", keep)
            for number in range(5):
                client = await running.client("c")
                await client.send(
                    encode_publish(Publish("durable", b"%d" % number, 1, packet_identifier=1))
                )
                if number % 2:
                    client.reset()
                else:
                    bench.broker.close()
                    await client.read_to_end()
                await bench.store.flush()
                await until(lambda: not bench.broker.connection_count)
            other = await running.client("other")
            await other.send(PINGREQ)
            assert await other.read(2) == PINGRESP

    run_on_both_loops(main())


def test_a_client_that_does_not_read_costs_a_bounded_amount(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    settings = MqttSettings(outgoing_buffer_bytes=64 * KIB, max_queued_bytes=64 * KIB)

    async def main() -> None:
        async with listening(tmp_path, settings) as running:
            bench = running.bench
            slow = await (await running.open(4096)).connected("slow")
            quick = await running.client("quick")
            await slow.subscribe("t", 1)
            await quick.subscribe("t", 0)
            publisher = await running.client("p")
            payload = b"x" * 8192
            packet = encode_publish(Publish("t", payload))
            sent = 0
            while bench.count("mqtt.dropped.qos0") < 20:
                await publisher.send(packet * 10)
                sent += 10
                for _ in range(10):
                    assert await quick.read(len(packet)) == packet
                assert sent < 10_000
            qos1 = b"".join(
                encode_publish(Publish("t", payload, 1, packet_identifier=n)) for n in range(1, 300)
            )
            await publisher.send(qos1)
            assert await publisher.read(4 * 299) == b"".join(puback(n) for n in range(1, 300))
            (session,) = [s for s in bench.broker.sessions() if s.client_id == "slow"]
            assert session.queued * 8192 < 64 * KIB
            assert bench.count("mqtt.dropped.qos1") == 299 - session.queued
            for _ in range(299):
                await quick.read(len(packet))

            # It begins to read: what waited arrives, and new messages do as well.
            queued = session.queued
            assert queued > 0
            marker = encode_publish(Publish("t", b"the end"))

            async def read_to_the_marker() -> bytes:
                data = b""
                while marker not in data[-100_000:]:
                    data += await slow.loop.sock_recv(slow.sock, 65536)
                return data

            reading = asyncio.ensure_future(asyncio.wait_for(read_to_the_marker(), PATIENCE_S))
            outlet = session.outlet
            assert outlet is not None
            await until(lambda: session.queued == 0 and outlet.writable)
            await publisher.send(marker)
            got = split(await reading)
            assert got[-1] == marker
            assert [packet[0] for packet in got[-queued - 1 : -1]] == [0x32] * queued
            assert got[: -queued - 1] == [packet] * (sent - int(bench.count("mqtt.dropped.qos0")))

    run_on_both_loops(main())


def test_a_client_that_only_sends_and_never_reads_is_closed(
    run_on_both_loops: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.broker.listener.MAX_UNREAD_ANSWER_BYTES", 64 * KIB)

    async def main() -> None:
        async with listening(tmp_path, MqttSettings(outgoing_buffer_bytes=4096)) as running:
            bench = running.bench
            greedy = await (await running.open(4096)).connected("greedy")
            other = await running.client("other")
            sent = 0
            try:
                while not bench.count("mqtt.not_reading"):
                    await greedy.send(PINGREQ * 20_000)
                    sent += 40_000
                    assert sent < 64 * 1024 * KIB
            except ConnectionError:
                pass
            await until(lambda: bench.broker.connection_count == 1)
            assert bench.count("mqtt.not_reading") == 1
            await other.send(PINGREQ)
            assert await other.read(2) == PINGRESP

    run_on_both_loops(main())


def test_an_internal_error_closes_the_connection_it_came_through(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(message: Message) -> None:
        raise LookupError("a subscriber's own mistake")

    async def main() -> None:
        async with listening(tmp_path) as running:
            running.bench.broker.router.subscribe_local("t", broken)
            client, other = await running.client("c"), await running.client("other")
            await client.send(encode_publish(Publish("t", b"", 1, packet_identifier=1)))
            assert await client.read_to_end() == b""
            await other.send(PINGREQ)
            assert await other.read(2) == PINGRESP

    run(main())
    assert "closing a connection after an internal error" in caplog.text


def garbage(rng: random.Random) -> bytes:
    """Random bytes, or valid packets with a few bytes changed."""
    connect = encode_connect(Connect("MQTT", 4, client_id="c", will=Will("w", b"", 0, False)))
    valid = bytearray(
        connect
        + encode_subscribe(Subscribe(1, (("a/#", 1),)))
        + encode_publish(Publish("a/b", b"x" * 50, 1, packet_identifier=1))
        + PINGREQ
        + encode_publish(Publish("a/b", b"y" * 300))
    )
    kind = rng.randrange(3)
    if kind == 0:
        return rng.randbytes(rng.randint(1, 300))
    if kind == 1:
        return connect + rng.randbytes(rng.randint(1, 300))
    for _ in range(rng.randint(1, 4)):
        valid[rng.randrange(len(valid))] = rng.randrange(256)
    return bytes(valid)


def test_garbage_closes_its_own_connection_and_nothing_escapes(
    run_on_both_loops: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def main() -> None:
        rng = random.Random(20_261_101)
        async with listening(tmp_path) as running:
            publisher, subscriber = await running.client("p"), await running.client("s")
            await subscriber.subscribe("steady", 0)
            packet = encode_publish(Publish("steady", b"as ever"))
            for number in range(120):
                client = await running.open()
                data = garbage(rng)
                cut = rng.randrange(len(data) + 1)
                try:
                    await client.send(data[:cut])
                    await asyncio.sleep(0)
                    await client.send(data[cut:])
                except ConnectionError:
                    pass
                if number % 2:
                    client.sock.close()
                else:
                    client.reset()
                await publisher.send(packet)
                assert await subscriber.read(len(packet)) == packet
            await until(lambda: running.bench.broker.connection_count == 2)
            await until(lambda: not running.bench.broker._unnamed)
            assert running.bench.count("mqtt.protocol_errors") > 20

    run_on_both_loops(main())
    assert [r for r in caplog.records if r.levelno >= logging.ERROR or r.exc_info] == []


@pytest.mark.parametrize(
    ("bind", "anonymous", "problem"),
    [
        ("127.0.0.1:1883", True, ""),
        ("[::1]:1883", True, ""),
        ("127.0.0.1:1883", False, "lets nobody in"),
        ("0.0.0.0:1883", True, "loopback"),
        ("192.168.1.5:1883", True, "loopback"),
        ("nonsense", True, "nonsense"),
    ],
)
def test_a_plain_anonymous_listener_is_for_this_machine_only(
    bind: str, anonymous: bool, problem: str
) -> None:
    problems = ListenerSettings(bind=bind, anonymous=anonymous).problems()
    assert problem in " ".join(problems)
    assert bool(problems) is bool(problem)


def test_an_address_that_is_taken_is_an_error(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            taken = ListenerSettings(bind=running.listener.address, anonymous=True)
            with pytest.raises(OSError, match="in use"):
                await Listener(MqttFront(running.bench.broker), taken).start()

    run(main())
