"""CONNECT: who is let in, and who takes over from whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.encoding import encode_connect, encode_disconnect
from gateway.mqtt.packets import CONNACK, Connect, Disconnect, Will
from gateway.mqtt.properties import Properties
from gateway.mqtt.reason_codes import ReasonCode
from tests.rig.mqtt_bench import (
    ACCEPTED,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    open_bench,
)
from tests.rig.stores import fill_store, notes

Run = Callable[[Any], None]
BOTH = pytest.mark.parametrize("level", [4, 5])
HOUR = Properties(session_expiry_interval_s=3600)


def connect(**fields: Any) -> bytes:
    return encode_connect(Connect(**{"protocol_name": "MQTT", "protocol_level": 4, **fields}))


def farewell(level: int, reason_code: ReasonCode) -> bytes:
    """What the broker says before it closes: something at level 5 only."""
    return encode_disconnect(Disconnect(reason_code), 5) if level == 5 else b""


def will(topic: str, payload: bytes = b"", qos: int = 0) -> Will:
    return Will(topic, payload, qos, False)


@pytest.mark.parametrize(
    ("packet", "settings", "answer", "reason"),
    [
        (
            connect(protocol_name="MQIsdp", protocol_level=3, client_id="old"),
            {},
            "20020001",
            "unsupported_protocol_version",
        ),
        (
            connect(protocol_level=3, client_id="old"),
            {},
            "20020001",
            "unsupported_protocol_version",
        ),
        (
            connect(protocol_level=6, client_id="odd"),
            {},
            "20020001",
            "unsupported_protocol_version",
        ),
        (connect(clean_start=False), {}, "20020002", "client_identifier_not_valid"),
        (
            connect(protocol_level=5, client_id="c", will=will("w", qos=2)),
            {"max_qos": 1},
            "2003009b00",
            "qos_not_supported",
        ),
        (
            connect(client_id="c", will=will("w", qos=2)),
            {"max_qos": 1},
            "",
            "qos_not_supported",
        ),
        (connect(client_id="c"), {"max_sessions": 0}, "20020003", None),
        (connect(protocol_level=5, client_id="c"), {"max_sessions": 0}, "2003009700", None),
    ],
)
def test_what_is_not_admitted_gets_its_return_code_and_is_closed(
    run: Run,
    tmp_path: Path,
    packet: bytes,
    settings: dict[str, int],
    answer: str,
    reason: str | None,
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(**settings)) as bench:  # type: ignore[arg-type]
            client = bench.raw()
            assert await client.send(packet + PINGREQ) == bytes.fromhex(answer)
            assert client.closed
            assert client.closes == 1
            assert bench.count("mqtt.connect.refused") == 1
            assert bench.count(f"mqtt.connect.refused.{reason or 'quota_exceeded'}") == 1
            assert bench.count("mqtt.protocol_errors") == 0
            client.lost()
            assert bench.broker.has_room and bench.broker.connection_count == 0
            assert len(bench.broker.sessions) == 0

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
            client = bench.raw()
            assert await client.send(data) in (b"", ACCEPTED)
            assert client.closed
            assert client.error is not None and client.error.cause == cause
            assert bench.count(f"mqtt.protocol_errors.{cause}") == 1
            assert bench.count("mqtt.protocol_errors") == 1

    run(main())


@BOTH
def test_clients_without_an_identifier_get_one_each(run: Run, tmp_path: Path, level: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            clients = [await bench.client("", level=level) for _ in range(2)]
            assert bench.broker.connection_count == 2
            names = set(bench.broker.sessions)
            assert len(names) == 2 and all(name.startswith("auto-") for name in names)
            assert not any(client.closed for client in clients)
            if level == 5:
                told = {c.connack.properties.assigned_client_identifier for c in clients}
                assert told == names

    run(main())


@pytest.mark.parametrize("clean_start", [True, False])
def test_packets_right_behind_the_connect_are_answered_behind_the_connack(
    run: Run, tmp_path: Path, clean_start: bool
) -> None:
    """A session that is kept on disk has its CONNACK after a commit; all else waits for it."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = bench.raw()
            data = connect(client_id="c", clean_start=clean_start) + PINGREQ * 2
            client.hand_over(data)
            expected = ACCEPTED + PINGRESP * 2
            assert client.written() == (expected if clean_start else b"")
            assert await client.out() == (b"" if clean_start else expected)

    run(main())


def test_nothing_is_said_before_the_connack_not_even_a_farewell(run: Run, tmp_path: Path) -> None:
    packet = connect(protocol_level=5, client_id="c", clean_start=False, properties=HOUR)

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            broken = bench.raw()
            broken.hand_over(packet + b"\xff\x00")
            assert broken.closed
            assert await broken.out() == b""
            broken.lost()
            overtaken, heir = bench.raw(), bench.raw()
            overtaken.hand_over(packet)
            heir.hand_over(packet)
            assert overtaken.closed
            assert await overtaken.out() == b""
            assert [data[0] >> 4 for data in await heir.packets()] == [CONNACK]

    run(main())


def test_a_session_that_cannot_be_kept_is_refused_and_others_are_not(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await notes(bench.store)
            await fill_store(bench.store)
            for level, answer in ((4, "20020003"), (5, "2003009700")):
                client = bench.raw()
                packet = connect(
                    protocol_level=level,
                    client_id="keeps",
                    clean_start=False,
                    properties=HOUR if level == 5 else Properties(),
                )
                assert await client.send(packet) == bytes.fromhex(answer)
                assert client.closed
                client.lost()
            assert bench.count("mqtt.connect.refused.quota_exceeded") == 2
            assert len(bench.broker.sessions) == 0
            await bench.client("passing")
            assert list(bench.broker.sessions) == ["passing"]

    run(main())


@BOTH
def test_no_more_sessions_than_the_limit_those_of_absent_clients_counted(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_sessions=2)) as bench:
            kept = await bench.client("kept", clean_start=False, properties=HOUR)
            await kept.disconnect()
            await bench.client("here")
            refused = bench.raw()
            await refused.send(connect(protocol_level=level, client_id="one too many"))
            assert refused.closed
            assert bench.count("mqtt.connect.refused.quota_exceeded") == 1
            again = await bench.client("kept", clean_start=False, properties=HOUR)
            assert again.connack.session_present
            assert bench.count("mqtt.sessions") == 2

    run(main())


# --- take-over ----------------------------------------------------------------------------------


@BOTH
def test_a_second_client_of_the_same_name_takes_over(run: Run, tmp_path: Path, level: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = await bench.client("watcher", level=4)
            await watcher.subscribe(("gone", 1))
            first = await bench.client("twin", level=level, will=will("gone", b"first", 1))
            await first.subscribe(("t", 1))
            second = await bench.client("twin", level=level)
            assert first.closed and first.closes == 1
            assert first.written() == farewell(level, ReasonCode.SESSION_TAKEN_OVER)
            assert await first.send(PINGREQ) == b""
            assert bench.broker.connection_count == 2
            assert bench.count("mqtt.taken_over") == 1
            assert [message.payload for message in await watcher.messages()] == [b"first"]
            await watcher.publish("t", b"for nobody", qos=1)
            assert await first.out() == b""  # its subscriptions went with it
            await watcher.out()
            first.lost()
            assert await watcher.messages() == []
            assert bench.broker.connection_count == 2
            assert await second.send(PINGREQ) == PINGRESP
            await second.subscribe(("t", 0))
            await watcher.publish("t", b"for the second")
            assert [message.payload for message in await second.messages()] == [b"for the second"]
            assert await second.send(DISCONNECT) == b""
            second.lost()
            assert bench.broker.connection_count == 1

    run(main())


def test_a_kept_session_goes_over_to_the_new_connection(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            keeps: dict[str, Any] = {"clean_start": False, "properties": HOUR}
            publisher = await bench.client("p")
            first = await bench.client("twin", **keeps)
            await first.subscribe(("t", 1))
            await publisher.publish("t", b"unacknowledged", qos=1)
            (message,) = await first.messages()
            second = await bench.client("twin", **keeps)
            assert second.connack.session_present
            (again,) = await second.messages()
            assert (again.payload, again.dup) == (b"unacknowledged", True)
            assert again.packet_identifier == message.packet_identifier
            first.lost()
            await publisher.publish("t", b"for the second", qos=1)
            assert [m.payload for m in await second.messages()] == [b"for the second"]

    run(main())


def test_what_was_taken_over_counts_until_it_is_gone(run: Run, tmp_path: Path) -> None:
    """A peer that reads nothing keeps its socket open; it must not be forgotten meanwhile."""

    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_connections=3)) as bench:
            first, second, third = [await bench.client("twin", level=4) for _ in range(3)]
            assert bench.broker.connection_count == 1
            assert not bench.broker.has_room
            bench.time.advance(9.0)
            await bench.tick()
            assert (first.closes, second.closes) == (1, 1)
            bench.time.advance(2.0)
            await bench.tick()
            assert (first.closes, second.closes) == (2, 2)  # the listener then waits no longer
            assert bench.count("mqtt.timed_out") == 0
            first.lost()
            second.lost()
            assert bench.broker.has_room
            assert await third.send(PINGREQ) == PINGRESP

    run(main())


def test_a_client_that_goes_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for level in (4, 5, 4):
                client = await bench.client("c", level=level)
                await client.subscribe(("a/+/b", 1), ("#", 0), ("x", 1), ("$share/g/x", 1))
                await client.publish("x", b"to itself", qos=1)
                await client.disconnect()
                assert bench.broker.connection_count == 0
                assert len(bench.broker.sessions) == 0
                route = bench.broker.router.find(b"x")
                assert not route.everyone and not route.groups
            assert bench.broker.router._tree._root.children == {}
            assert bench.count("mqtt.subscriptions") == 0

    run(main())
