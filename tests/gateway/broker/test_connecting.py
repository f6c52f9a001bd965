"""CONNECT, take-over, keep-alive and the end of a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.errors import StoreError
from gateway.mqtt.packets import Connect, Will, encode_connect
from tests.rig.stores import notes
from tests.rig.wire_client import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    Bench,
    WireClient,
    open_bench,
)

Run = Callable[[Any], None]


def connect(**fields: Any) -> bytes:
    return encode_connect(Connect(**{"protocol_name": "MQTT", "protocol_level": 4, **fields}))


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (connect(protocol_name="MQIsdp", protocol_level=3, client_id="old"), "20020001"),
        (connect(protocol_level=3, client_id="old"), "20020001"),
        (connect(protocol_level=6, client_id="odd"), "20020001"),
        (connect(protocol_level=5, client_id="new"), "2003008400"),  # MQTT 5's own CONNACK
        (connect(clean_session=False), "20020002"),
        (connect(clean_session=False, client_id="keeps"), "20020003"),
        (connect(client_id="c", will=Will("w", b"", 2, False)), "20020003"),
    ],
)
def test_what_is_not_admitted_gets_its_return_code_and_is_closed(
    run: Run, tmp_path: Path, packet: bytes, answer: str
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = WireClient(bench)
            assert client.send(packet + PINGREQ) == bytes.fromhex(answer)
            assert client.closed
            assert client.closes == 1
            assert bench.count("mqtt.connect.refused") == 1
            assert bench.count("mqtt.protocol_errors") == 0
            client.lost()
            assert bench.broker.has_room and bench.broker.connection_count == 0

    run(main())


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (PINGREQ, "connect-first"),
        (b"GET / HTTP/1.1\r\n", "connect-first"),
        (b"\x11\x00", "connect-first"),  # CONNECT with a flag that must be 0
        (b"\x10\xff\xff\xff\xff", "remaining-length"),
        (b"\x10\xff\xff\xff\x7f", "packet-too-large"),
        (b"\x10\x00", "truncated"),
        (connect()[:-1] + b"\x05", "truncated"),
        (connect(client_id="c") + connect(client_id="c"), "second-connect"),
    ],
)
def test_a_client_that_does_not_begin_with_one_connect_is_closed(
    run: Run, tmp_path: Path, data: bytes, cause: str
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = WireClient(bench)
            assert client.send(data) in (b"", ACCEPTED)
            assert client.closed
            assert client.error is not None and client.error.cause == cause
            assert bench.count(f"mqtt.protocol_errors.{cause}") == 1
            assert bench.count("mqtt.protocol_errors") == 1

    run(main())


def test_clients_without_an_identifier_get_one_each(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            first, second = bench.client(""), bench.client("")
            assert bench.broker.connection_count == 2
            names = {session.client_id for session in bench.broker.sessions()}
            assert len(names) == 2 and all(name.startswith("auto-") for name in names)
            assert not first.closed and not second.closed

    run(main())


def test_packets_right_behind_the_connect_are_handled(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = WireClient(bench)
            assert client.send(connect(client_id="c") + PINGREQ * 2) == ACCEPTED + PINGRESP * 2

    run(main())


def test_a_second_client_of_the_same_name_takes_over(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = bench.client("watcher")
            watcher.subscribe(("gone", 1))
            first = bench.client("twin", will=Will("gone", b"first", 1, False))
            first.subscribe(("t", 1))
            second = bench.client("twin")
            assert first.closed and first.closes == 1
            assert first.send(PINGREQ) == b""
            assert bench.broker.connection_count == 2
            watcher.publish("t", b"for nobody", 1)
            assert first.out() == b""  # its subscriptions went with it
            watcher.out()
            first.lost()
            assert [message.payload for message in watcher.messages()] == [b"first"]
            assert bench.broker.connection_count == 2
            assert second.send(PINGREQ) == PINGRESP
            second.subscribe(("t", 0))
            watcher.publish("t", b"for the second")
            assert [message.payload for message in second.messages()] == [b"for the second"]
            assert second.send(DISCONNECT) == b""
            second.lost()
            assert bench.broker.connection_count == 1

    run(main())


def test_what_was_taken_over_counts_until_it_is_gone(run: Run, tmp_path: Path) -> None:
    """A peer that reads nothing keeps its socket open; it must not be forgotten meanwhile."""

    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_connections=3)) as bench:
            first, second = bench.client("twin"), bench.client("twin")
            third = bench.client("twin")
            assert bench.broker.connection_count == 1
            assert not bench.broker.has_room
            bench.broker.sweep(9.0)
            assert (first.closes, second.closes) == (1, 1)
            bench.broker.sweep(11.0)
            assert (first.closes, second.closes) == (2, 2)  # the listener then waits no longer
            assert bench.count("mqtt.timed_out") == 0
            first.lost()
            second.lost()
            assert bench.broker.has_room
            assert third.send(PINGREQ) == PINGRESP

    run(main())


def test_a_client_that_goes_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for _ in range(3):
                client = bench.client("c")
                client.subscribe(("a/+/b", 1), ("#", 0), ("x", 1))
                client.publish("x", b"to itself", 1)
                client.send(DISCONNECT)
                client.lost()
                assert bench.broker.connection_count == 0
                assert list(bench.broker.sessions()) == []
                assert bench.broker.router.find(b"x").sessions == []
            assert bench.broker.router._tree._root.children == {}

    run(main())


# --- wills --------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("how", ["lost", "protocol error", "silence"])
def test_a_will_is_published_when_its_client_vanishes(
    run: Run, tmp_path: Path, how: str, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = bench.client("watcher", keep_alive_s=0)
            watcher.subscribe(("wills/+", 1))
            client = bench.client("c", keep_alive_s=10, will=Will("wills/c", b"gone", qos, False))
            if how == "protocol error":
                client.send(b"\x00\x00")
            elif how == "silence":
                bench.broker.sweep(15.5)
            assert client.closed is (how != "lost")
            assert watcher.messages() == []
            client.lost()
            (message,) = watcher.messages()
            assert (message.topic, message.payload, message.qos) == ("wills/c", b"gone", qos)
            client.lost()
            assert watcher.messages() == []

    run(main())


def test_a_client_that_says_goodbye_leaves_no_will(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = bench.client("watcher")
            watcher.subscribe(("#", 1))
            client = bench.client("c", will=Will("wills/c", b"gone", 1, False))
            assert client.send(DISCONNECT + PINGREQ) == b""
            assert client.closed
            client.lost()
            assert watcher.messages() == []

    run(main())


def test_a_refused_connect_leaves_no_will(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = bench.client("watcher")
            watcher.subscribe(("#", 1))
            client = WireClient(bench)
            client.send(connect(clean_session=False, client_id="c", will=Will("w", b"", 0, False)))
            client.lost()
            assert watcher.messages() == []

    run(main())


def test_a_will_that_could_never_be_published_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_topic_levels=3)) as bench:
            client = WireClient(bench)
            will = Will("a/b/c/d", b"", 0, False)
            assert client.send(encode_connect(Connect("MQTT", 4, client_id="c", will=will))) == b""
            assert client.closed and client.error is not None
            assert client.error.cause == "topic-levels"
            assert bench.broker.connection_count == 0

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
            bench.client("c", will=Will("kept", b"gone", 0, False)).lost()
            with suppress(StoreError):
                await bench.store.execute(refuse)
            assert bench.count("mqtt.lost_wills") == 1
            bench.client("d", will=Will("kept", b"gone", 0, False)).lost()
            await bench.store.flush()
            assert bench.count("mqtt.lost_wills") == 1

    run(main())
    assert "the will of client 'c' was lost" in caplog.text


# --- silence ------------------------------------------------------------------------------------


def test_a_connect_that_comes_byte_by_byte_does_not_put_its_time_off(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(connect_timeout_s=10.0)) as bench:
            slow = WireClient(bench)
            packet = encode_connect(Connect("MQTT", 4, client_id="slow"))
            for second, byte in enumerate(packet[:12]):
                slow.now_s = float(second)
                slow.send(bytes((byte,)))
                bench.broker.sweep(slow.now_s)
                assert slow.closed == (second > 10)

    run(main())


def open_and_silent(bench: Bench, keep_alive_s: int) -> WireClient:
    return bench.client(f"keep-alive-{keep_alive_s}", keep_alive_s=keep_alive_s)


def test_one_and_a_half_keep_alives_of_silence_end_a_connection(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client, patient = open_and_silent(bench, 10), open_and_silent(bench, 0)
            bench.broker.sweep(15.0)
            assert not client.closed
            client.now_s = 15.0
            assert client.send(PINGREQ) == PINGRESP
            bench.broker.sweep(30.0)
            assert not client.closed
            bench.broker.sweep(30.1)
            assert client.closed and client.closes == 1
            bench.broker.sweep(1e9)
            assert not patient.closed
            assert bench.count("mqtt.timed_out") == 1

    run(main())


def test_half_a_packet_counts_as_a_sign_of_life(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = open_and_silent(bench, 10)
            client.now_s = 14.0
            assert client.send(PINGREQ[:1]) == b""
            bench.broker.sweep(28.0)
            assert not client.closed

    run(main())


def test_who_never_connects_is_closed(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(connect_timeout_s=5)) as bench:
            silent = WireClient(bench)
            bench.broker.sweep(5.0)
            assert not silent.closed
            bench.broker.sweep(5.1)
            assert silent.closed
            assert bench.count("mqtt.timed_out") == 1

    run(main())


def test_who_is_not_read_is_not_called_silent(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = open_and_silent(bench, 10)
            client.connection.paused = True
            bench.broker.sweep(1000.0)
            assert not client.closed
            client.connection.paused = False
            bench.broker.sweep(1000.0)
            assert client.closed

    run(main())


def test_a_closing_connection_that_does_not_go_is_closed_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = open_and_silent(bench, 0)
            client.send(DISCONNECT)
            assert client.closes == 1
            bench.broker.sweep(9.0)
            assert client.closes == 1
            bench.broker.sweep(11.0)
            assert client.closes == 2  # the listener then waits no longer
            assert bench.count("mqtt.timed_out") == 0  # it was not the client's silence

    run(main())


def test_closing_the_broker_closes_every_connection(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            clients = [bench.client("a"), bench.client("b"), WireClient(bench)]
            bench.broker.close()
            assert all(client.closed for client in clients)

    run(main())
