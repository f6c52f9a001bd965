"""How a connection ends, by silence or otherwise, and what of its client's will."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.errors import StoreError
from gateway.mqtt.decoding import decode_connack
from gateway.mqtt.encoding import encode_connect, encode_disconnect
from gateway.mqtt.packets import CONNACK, Connect, Disconnect, Will
from gateway.mqtt.reason_codes import ReasonCode
from tests.rig.mqtt_bench import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    Bench,
    WireClient,
    body,
    open_bench,
    split,
)
from tests.rig.stores import notes

Run = Callable[[Any], None]
BOTH = pytest.mark.parametrize("level", [4, 5])


def connect(**fields: Any) -> bytes:
    return encode_connect(Connect(**{"protocol_name": "MQTT", "protocol_level": 4, **fields}))


def farewell(level: int, reason_code: ReasonCode) -> bytes:
    """What the broker says before it closes: something at level 5 only."""
    return encode_disconnect(Disconnect(reason_code), 5) if level == 5 else b""


def will(topic: str, payload: bytes = b"", qos: int = 0) -> Will:
    return Will(topic, payload, qos, False)


# --- wills --------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("how", ["lost", "protocol error", "silence"])
def test_a_will_is_published_when_its_client_vanishes(
    run: Run, tmp_path: Path, how: str, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = await bench.client("watcher", keep_alive_s=0)
            await watcher.subscribe(("wills/+", 2))
            client = await bench.client("c", keep_alive_s=10, will=will("wills/c", b"gone", qos))
            assert await watcher.messages() == []
            if how == "protocol error":
                client.hand_over(b"\x00\x00")
            elif how == "silence":
                bench.time.advance(15.5)
                await bench.tick()
            assert client.closed is (how != "lost")
            client.lost()
            (message,) = await watcher.messages()
            assert (message.topic, message.payload, message.qos) == ("wills/c", b"gone", qos)
            client.lost()
            assert await watcher.messages() == []

    run(main())


def test_a_refused_connect_leaves_no_will(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = await bench.client("watcher")
            await watcher.subscribe(("#", 1))
            client = bench.raw()
            await client.send(connect(clean_start=False, will=will("w")))
            assert client.closed
            client.lost()
            assert await watcher.messages() == []

    run(main())


@BOTH
def test_a_will_that_could_never_be_published_is_refused_at_once(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_topic_levels=3)) as bench:
            client = bench.raw()
            packet = connect(protocol_level=level, client_id="c", will=will("a/b/c/d"))
            answer = await client.send(packet)
            assert client.closed and client.error is not None
            assert client.error.cause == "topic-levels"
            assert bench.broker.connection_count == 0
            if level == 5:
                (packet,) = split(answer)
                assert packet[0] >> 4 == CONNACK
                connack = decode_connack(body(packet), 5)
                assert connack.reason_code == ReasonCode.TOPIC_NAME_INVALID
            else:
                assert answer == b""

    run(main())


def test_a_will_in_a_batch_that_fails_is_reported(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("refused")
        error.sqlite_errorcode = sqlite3.SQLITE_NOMEM
        raise error

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await notes(bench.store)
            bench.broker.router.subscribe_local(
                "kept", lambda message: bench.store.add(insert, (1, message.payload), 1)
            )
            (await bench.client("c", will=will("kept", b"gone"))).lost()
            with suppress(StoreError):
                await bench.store.execute(refuse)
            assert bench.count("mqtt.lost_wills") == 1
            (await bench.client("d", will=will("kept", b"gone"))).lost()
            await bench.settle()
            assert bench.count("mqtt.lost_wills") == 1

    run(main())
    assert "the will of client 'c' was lost" in caplog.text


# --- silence ------------------------------------------------------------------------------------


def test_a_connect_that_comes_byte_by_byte_does_not_put_its_time_off(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(connect_timeout_s=10.0)) as bench:
            slow = bench.raw()
            for second, byte in enumerate(connect(client_id="slow")[:12]):
                slow.hand_over(bytes((byte,)))
                await bench.tick()
                assert slow.closed == (second > 10)
                bench.time.advance(1.0)

    run(main())


async def silent(bench: Bench, keep_alive_s: int, level: int = 4) -> WireClient:
    return await bench.client(f"keep-alive-{keep_alive_s}", level=level, keep_alive_s=keep_alive_s)


@BOTH
def test_one_and_a_half_keep_alives_of_silence_end_a_connection(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client, patient = await silent(bench, 10, level), await silent(bench, 0, level)
            bench.time.advance(15.0)
            await bench.tick()
            assert not client.closed
            assert await client.send(PINGREQ) == PINGRESP
            bench.time.advance(15.0)
            await bench.tick()
            assert not client.closed
            bench.time.advance(0.1)
            await bench.tick()
            assert client.closed and client.closes == 1
            assert client.written() == farewell(level, ReasonCode.KEEP_ALIVE_TIMEOUT)
            bench.time.advance(1e6)
            await bench.tick()
            assert not patient.closed
            assert bench.count("mqtt.timed_out") == 1

    run(main())


def test_half_a_packet_counts_as_a_sign_of_life(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await silent(bench, 10)
            bench.time.advance(14.0)
            assert await client.send(PINGREQ[:1]) == b""
            bench.time.advance(14.0)
            await bench.tick()
            assert not client.closed

    run(main())


def test_who_never_connects_is_closed(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(connect_timeout_s=5)) as bench:
            nobody = bench.raw()
            bench.time.advance(5.0)
            await bench.tick()
            assert not nobody.closed
            bench.time.advance(0.1)
            await bench.tick()
            assert nobody.closed
            assert bench.count("mqtt.timed_out") == 1

    run(main())


def test_who_is_not_read_is_not_called_silent(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await silent(bench, 10)
            client.connection.paused = True
            bench.time.advance(1000.0)
            await bench.tick()
            assert not client.closed
            client.connection.paused = False
            await bench.tick()
            assert client.closed

    run(main())


def test_a_closing_connection_that_does_not_go_is_closed_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await silent(bench, 0)
            await client.send(DISCONNECT)
            assert client.closes == 1
            bench.time.advance(9.0)
            await bench.tick()
            assert client.closes == 1
            bench.time.advance(2.0)
            await bench.tick()
            assert client.closes == 2  # the listener then waits no longer
            assert bench.count("mqtt.timed_out") == 0  # it was not the client's silence

    run(main())


def test_closing_the_broker_closes_every_connection(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            old, new = await bench.client("a", level=4), await bench.client("b", level=5)
            nameless = bench.raw()
            bench.broker.close()
            assert all(client.closed for client in (old, new, nameless))
            assert new.written() == farewell(5, ReasonCode.SERVER_SHUTTING_DOWN)
            assert old.written() == nameless.written() == b""

    run(main())
