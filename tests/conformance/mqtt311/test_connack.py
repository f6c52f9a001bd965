"""MQTT 3.1.1, sections 3.1.4 and 3.2: what a CONNECT sets off, and CONNACK."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    CLEAN,
    PASSWORD,
    PINGREQ,
    RESUMED,
    WILL,
    WILL_QOS_1,
    WILL_QOS_2,
    WILL_RETAIN,
    OnBench,
    alive,
    away,
    closes,
    connect,
    connected,
    leave,
    listening,
    packet,
    publish,
    say,
    split,
    subscribe,
    text,
)
from tests.rig.mqtt_bench import Bench

MALFORMED = {
    "nothing in it": packet(0x10),
    "protocol name cut": packet(0x10, b"\0\x04MQ"),
    "no flags": packet(0x10, text("MQTT"), b"\x04"),
    "keep alive cut": packet(0x10, text("MQTT"), b"\x04\x02\0"),
    "bytes too many": packet(0x10, text("MQTT"), b"\x04\x02\0\0", text("c"), b"\0"),
    "reserved flag": connect("c", flags=CLEAN | 1),
    "will without its fields": connect("c", flags=CLEAN | WILL),
    "will QoS 3": connect("c", "w", "m", flags=CLEAN | WILL | WILL_QOS_1 | WILL_QOS_2),
    "will retain without will": connect("c", flags=CLEAN | WILL_RETAIN),
    "password without user name": connect("c", "secret", flags=CLEAN | PASSWORD),
    "client identifier with U+0000": connect("a\0b"),
    "empty will topic": connect("c", "", "m", flags=CLEAN | WILL),
    "wildcard in the will topic": connect("c", "w/#", "m", flags=CLEAN | WILL),
    "remaining length of five bytes": b"\x10\x80\x80\x80\x80\x01" + connect("c")[2:],
}


@pytest.mark.parametrize("wrong", MALFORMED.values(), ids=MALFORMED)
def test_MQTT_3_1_4_1_a_connect_that_breaks_its_rules_gets_no_connack(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), wrong) == b""

    on_bench(talk)


def test_MQTT_3_1_4_2_the_older_connection_of_a_client_is_closed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for clean in (True, False):
            older = await connected(bench, f"clean {clean}", clean=clean)
            newer = bench.raw()
            flags = CLEAN if clean else 0
            answer = await newer.send(connect(f"clean {clean}", flags=flags))
            assert answer == (ACCEPTED if clean else RESUMED)
            assert older.closed
            older.lost()
            assert await alive(newer)

    on_bench(talk)


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [(0, 0, RESUMED), (0, CLEAN, ACCEPTED), (CLEAN, 0, ACCEPTED), (CLEAN, CLEAN, ACCEPTED)],
)
def test_MQTT_3_1_4_3_clean_session_decides_what_a_connect_finds(
    on_bench: OnBench, before: int, after: int, answer: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        assert await client.send(connect("c", flags=before)) == ACCEPTED
        await client.send(subscribe(1, ("a", 1)))
        await leave(client)
        client = bench.raw()
        assert await client.send(connect("c", flags=after)) == answer
        await say(await connected(bench, "other"), "a", b"x")
        assert await client.packets() == ([publish("a", b"x")] if answer == RESUMED else [])

    on_bench(talk)


def test_MQTT_3_1_4_4_a_valid_connect_gets_return_code_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for number, flags in enumerate((CLEAN, 0)):
            client = bench.raw()
            answer = await client.send(connect(f"c{number}", flags=flags, keep_alive_s=60))
            assert answer == b"\x20\x02\x00\x00"
            assert not client.closed

    on_bench(talk)


@pytest.mark.parametrize(
    "rejected",
    [
        connect("c", level=6),
        connect("c", name="MQTX"),
        connect("", flags=0),
        connect("c", flags=CLEAN | 1),
    ],
)
def test_MQTT_3_1_4_5_nothing_behind_a_rejected_connect_is_processed(
    on_bench: OnBench, rejected: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        behind = publish("a", b"x") + publish("a", b"x", 1) + PINGREQ
        client = bench.raw()
        answer = await client.send(rejected + behind)
        assert client.closed
        assert [one[0] for one in split(answer)] in ([], [0x20])
        assert await client.send(connect("c") + behind) == b""
        client.lost()
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_3_2_0_1_connack_is_the_first_packet_of_the_server(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        other = await connected(bench, "other")
        for number in range(5):
            await say(other, "a", b"%d" % number, 1)
        client = bench.raw()
        # All at once; what waits and what is answered comes behind.
        at_once = connect("c", flags=0) + publish("a", b"5", 1) + PINGREQ
        packets = split(await client.send(at_once)) + await client.packets()
        assert packets[0] == RESUMED
        assert {one[0] >> 4 for one in packets[1:]} == {3, 4, 13}

    on_bench(talk)


def test_MQTT_3_2_2_1_a_clean_session_is_never_present(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        assert await client.send(connect("c")) == ACCEPTED
        await leave(client)
        await away(bench, ("a", 1))
        client = bench.raw()
        assert await client.send(connect("c")) == ACCEPTED

    on_bench(talk)


def test_MQTT_3_2_2_2_a_stored_session_is_present(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        (await connected(bench, clean=False)).lost()
        client = bench.raw()
        assert await client.send(connect("c", flags=0)) == RESUMED
        client.lost()
        await bench.restart()
        assert await bench.raw().send(connect("c", flags=0)) == RESUMED

    on_bench(talk)


def test_MQTT_3_2_2_3_a_new_session_is_not_present(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await bench.raw().send(connect("c", flags=0)) == ACCEPTED
        (await connected(bench, "d")).lost()
        assert await bench.raw().send(connect("d", flags=0)) == ACCEPTED

    on_bench(talk)


def test_MQTT_3_2_2_4_a_refusal_has_session_present_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        for refused in (connect("c", level=3, flags=0), connect("", flags=0)):
            answer = await bench.raw().send(refused)
            assert answer[:3] == b"\x20\x02\x00"
            assert answer[3] != 0

    on_bench(talk)


@pytest.mark.parametrize("refused", [connect("c", level=3), connect("", flags=0)])
def test_MQTT_3_2_2_5_the_connection_ends_after_a_refusal(
    on_bench: OnBench, refused: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        answer = await client.send(refused)
        assert len(split(answer)) == 1
        assert client.closed
        assert await client.send(PINGREQ) == b""

    on_bench(talk)


@pytest.mark.parametrize(
    "wrong",
    [connect(b"\xff"), connect("c", flags=CLEAN | 1), b"\x10\xff\xff\xff\xff", b"GET / HTTP/1.1"],
)
def test_MQTT_3_2_2_6_without_a_fitting_return_code_the_connection_just_ends(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), wrong) == b""

    on_bench(talk)
