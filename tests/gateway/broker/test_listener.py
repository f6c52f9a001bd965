"""The TCP side, over real sockets: limits, refusals, garbage, broken connections."""

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
from gateway.mqtt.encoding import (
    encode_connect,
    encode_disconnect,
    encode_publish,
    encode_subscribe,
)
from gateway.mqtt.packets import (
    Connect,
    Disconnect,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Will,
)
from gateway.mqtt.reason_codes import ReasonCode
from tests.rig.mqtt_bench import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    puback,
    split,
)
from tests.rig.tcp_client import listening, until

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
        async with listening(tmp_path, MqttSettings(max_sessions=0)) as running:
            for level, answer in ((4, "20020003"), (5, "2003009700")):
                client = await running.open()
                await client.send(encode_connect(Connect("MQTT", level, client_id="new")))
                assert await client.read_to_end() == bytes.fromhex(answer)

    run_on_both_loops(main())


def test_a_reason_reaches_an_mqtt_5_client_before_the_connection_closes(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            client = await running.open()
            await client.send(encode_connect(Connect("MQTT", 5, client_id="new")) + b"\xff\x00")
            _, farewell = split(await client.read_to_end())
            assert farewell == encode_disconnect(Disconnect(ReasonCode.MALFORMED_PACKET), 5)

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
        + encode_subscribe(Subscribe(1, (SubscriptionRequest("a/#", 1),)))
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


def test_a_listener_with_the_profile_of_aws_follows_its_rules(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            bench = running.bench
            settings = ListenerSettings("127.0.0.1:0", anonymous=True, profile="aws-iot")
            beside = Listener(MqttFront(bench.broker), settings)
            await beside.start()
            standard, strict = await running.client("standard"), await running.open(beside)
            await strict.connected("strict")
            for client, granted in ((standard, 2), (strict, 1)):
                await client.send(encode_subscribe(Subscribe(1, (SubscriptionRequest("a", 2),))))
                assert await client.read(5) == b"\x90\x03\0\1" + bytes((granted,))
            beside.stop()

    run(main())


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
