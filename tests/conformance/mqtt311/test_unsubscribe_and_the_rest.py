"""MQTT 3.1.1, sections 3.10 to 3.14: UNSUBSCRIBE, PINGREQ and DISCONNECT."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    CLEAN,
    DISCONNECT,
    NOT_UTF_8,
    PINGREQ,
    WILL,
    WILL_QOS_1,
    WILL_QOS_2,
    WILL_RETAIN,
    OnBench,
    away,
    closes,
    connect,
    connected,
    heard,
    leave,
    listening,
    packet,
    puback,
    pubcomp,
    publish,
    pubrec,
    pubrel,
    returned,
    say,
    suback,
    subscribe,
    text,
    two,
    unsuback,
    unsubscribe,
)
from tests.rig.mqtt_bench import Bench


def test_MQTT_3_10_1_1_unsubscribe_with_other_flags_closes_the_connection(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        for flags in set(range(16)) - {2}:
            wrong = bytes((0xA0 | flags,)) + unsubscribe(1, "a")[1:]
            assert await closes(await connected(bench), wrong) == b""

    on_bench(talk)


@pytest.mark.parametrize("wrong", [*NOT_UTF_8, b"a\0"])
def test_MQTT_3_10_3_1_filters_to_unsubscribe_are_utf_8(on_bench: OnBench, wrong: bytes) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        assert await client.send(unsubscribe(1, "é/水", "b")) == unsuback(1)
        assert await closes(client, unsubscribe(2, "a", wrong)) == b""

    on_bench(talk)


@pytest.mark.parametrize("cut", [b"\0", b"\0\x02a", b"\0\x01a\0"])
def test_MQTT_3_10_3_1_filters_to_unsubscribe_stand_close_together(
    on_bench: OnBench, cut: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        wrong = packet(0xA2, two(1), text("a"), cut)
        assert await closes(await connected(bench), wrong) == b""

    on_bench(talk)


def test_MQTT_3_10_3_2_unsubscribe_has_at_least_one_filter(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(await connected(bench), unsubscribe(1)) == b""

    on_bench(talk)


def test_MQTT_3_10_4_1_only_the_same_filter_is_removed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await listening(bench, ("a/+", 0), ("A/b", 0), client_id="c")
        other = await connected(bench, "other")
        assert await client.send(unsubscribe(1, "a/b", "#", "A/+", "a/+/", "a/#")) == unsuback(1)
        await say(other, "a/b", b"1")
        await say(other, "A/b", b"2")
        assert await client.packets() == [publish("a/b", b"1"), publish("A/b", b"2")]
        assert await client.send(unsubscribe(2, "a/+")) == unsuback(2)
        await say(other, "a/b", b"3")
        await say(other, "A/b", b"4")
        assert await client.packets() == [publish("A/b", b"4")]

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_10_4_2_nothing_new_is_added_after_unsubscribe(on_bench: OnBench, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", qos))
        client, _ = await returned(bench)
        assert await client.send(unsubscribe(1, "a")) == unsuback(1)
        other = await connected(bench, "other")
        await say(other, "a", b"1", qos)
        assert await client.packets() == []
        client.lost()
        await say(other, "a", b"2", qos)
        await bench.restart()
        _, missed = await returned(bench)
        assert missed == []

    on_bench(talk)


def test_MQTT_3_10_4_3_a_delivery_that_has_begun_is_completed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        await say(other, "a", b"1", 1)
        await say(other, "a", b"2", 2)
        await say(other, "a", b"3", 2)
        one, two_, three = heard(await client.packets())
        assert await client.send(pubrec(three.identifier)) == pubrel(three.identifier)
        assert await client.send(unsubscribe(1, "a")) == unsuback(1)
        assert await client.send(pubcomp(three.identifier)) == b""
        client.lost()
        client, again = await returned(bench)
        assert heard(again) == [one._replace(dup=True), two_._replace(dup=True)]
        assert await client.send(puback(one.identifier)) == b""
        assert await client.send(pubrec(two_.identifier)) == pubrel(two_.identifier)
        assert await client.send(pubcomp(two_.identifier)) == b""
        client.lost()
        _, again = await returned(bench)
        assert again == []

    on_bench(talk)


def test_MQTT_3_10_4_4_unsuback_has_the_identifier_of_its_unsubscribe(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await listening(bench, ("a", 0), ("b", 0))
        data = unsubscribe(0x1234, "a") + unsubscribe(2, "b")
        assert await client.send(data) == b"\xb0\x02\x12\x34\xb0\x02\x00\x02"

    on_bench(talk)


def test_MQTT_3_10_4_5_unsuback_comes_where_nothing_was_removed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        for _ in range(2):
            assert await client.send(unsubscribe(7, "never", "there")) == unsuback(7)

    on_bench(talk)


def test_MQTT_3_10_4_6_several_filters_have_one_answer(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await listening(bench, ("a", 0), ("b", 0), ("c", 0))
        assert await client.send(unsubscribe(1, "a", "never", "c")) == unsuback(1)
        other = await connected(bench, "other")
        for topic in ("a", "b", "c"):
            await say(other, topic, b"x")
        assert await client.packets() == [publish("b", b"x")]

    on_bench(talk)


def test_MQTT_3_12_4_1_each_pingreq_is_answered(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        assert await client.send(PINGREQ) == b"\xd0\x00"
        assert await client.send(PINGREQ * 3) == b"\xd0\x00" * 3

    on_bench(talk)


@pytest.mark.parametrize("flags", range(1, 16))
def test_MQTT_3_14_1_1_disconnect_with_reserved_bits_is_no_goodbye(
    on_bench: OnBench, flags: int
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 0))
        client = bench.raw()
        assert await client.send(connect("c", "w", b"gone", flags=CLEAN | WILL)) == ACCEPTED
        assert await closes(client, bytes((0xE0 | flags, 0))) == b""
        assert await listener.packets() == [publish("w", b"gone")]

    on_bench(talk)


def test_MQTT_3_14_4_1_the_connection_ends_after_disconnect_if_the_client_leaves_it_open(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(await connected(bench), DISCONNECT) == b""
        assert await closes(await connected(bench, clean=False), DISCONNECT) == b""

    on_bench(talk)


def test_MQTT_3_14_4_2_nothing_behind_a_disconnect_is_processed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        behind = publish("a", b"x") + publish("a", b"x", 1) + PINGREQ
        assert await client.send(publish("a", b"before") + DISCONNECT + behind) == b""
        assert await client.send(behind) == b""
        client.lost()
        assert await listener.packets() == [publish("a", b"before")]

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, WILL_QOS_1, WILL_QOS_2])
def test_MQTT_3_14_4_3_disconnect_discards_the_will(on_bench: OnBench, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 2))
        client = bench.raw()
        flags = CLEAN | WILL | WILL_RETAIN | qos
        assert await client.send(connect("c", "w", b"gone", flags=flags)) == ACCEPTED
        await leave(client)
        bench.time.advance(3600)
        await bench.tick()
        assert await listener.packets() == []
        assert await (await connected(bench, "late")).send(subscribe(1, ("w", 0))) == suback(1, 0)

    on_bench(talk)
