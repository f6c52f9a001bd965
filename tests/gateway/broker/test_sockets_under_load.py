"""The TCP side when somebody is slower than somebody else: publishers pause, readers wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.message import Message
from gateway.mqtt.encoding import (
    encode_publish,
)
from gateway.mqtt.packets import (
    Publish,
)
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import (
    PINGREQ,
    PINGRESP,
    puback,
    split,
)
from tests.rig.stores import KIB, notes, stored_notes
from tests.rig.tcp_client import PATIENCE_S, listening, until

Run = Callable[[Any], None]


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
                paused += sum(c.paused for c in bench.broker.sessions.connections())

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
            assert not any(c.paused for c in bench.broker.sessions.connections())

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
            slow = await (await running.open(receive_buffer_bytes=4096)).connected("slow")
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
            outgoing = bench.broker.sessions["slow"].outgoing
            assert outgoing.queued * 8192 < 64 * KIB
            assert bench.count("mqtt.dropped.qos1") == 299 - outgoing.queued
            for _ in range(299):
                await quick.read(len(packet))

            # It begins to read: what waited arrives, and new messages do as well.
            queued = outgoing.queued
            assert queued > 0
            marker = encode_publish(Publish("t", b"the end"))

            async def read_to_the_marker() -> bytes:
                data = b""
                while marker not in data[-100_000:]:
                    data += await slow.loop.sock_recv(slow.sock, 65536)
                return data

            reading = asyncio.ensure_future(asyncio.wait_for(read_to_the_marker(), PATIENCE_S))
            outlet = outgoing.outlet
            assert outlet is not None
            await until(lambda: outgoing.queued == 0 and outlet.writable)
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
            greedy = await (await running.open(receive_buffer_bytes=4096)).connected("greedy")
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


def test_retained_messages_in_many_helpings_all_arrive(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    """More than is handed over in one go: the next helping follows once the last is written."""

    async def main() -> None:
        async with listening(tmp_path, None, StoreSettings()) as running:
            publisher, subscriber = await running.client("p"), await running.client("s")
            retained = [
                encode_publish(Publish(f"r/{n:03}", b"x" * 8192, retain=True)) for n in range(200)
            ]
            await publisher.send(b"".join(retained) + PINGREQ)
            assert await publisher.read(2) == PINGRESP
            await subscriber.subscribe("r/#", 0)
            got = split(await subscriber.read(sum(map(len, retained))))
            assert sorted(got) == retained

    run_on_both_loops(main())
