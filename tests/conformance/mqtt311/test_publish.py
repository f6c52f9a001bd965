"""MQTT 3.1.1, section 3.3 without RETAIN, and 3.6: DUP, QoS, topic names, who gets a message."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    NOT_UTF_8,
    OnBench,
    alive,
    away,
    closes,
    connect,
    connected,
    heard,
    listening,
    packet,
    puback,
    pubcomp,
    publish,
    pubrec,
    pubrel,
    returned,
    say,
    text,
)
from tests.rig.mqtt_bench import Bench


def test_MQTT_3_3_1_1_dup_is_set_when_a_publish_goes_out_again(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        await say(other, "a", b"1", 1)
        await say(other, "a", b"2", 2)
        first = heard(await client.packets())
        assert [message.dup for message in first] == [False, False]
        client.lost()
        client, again = await returned(bench)
        assert heard(again) == [message._replace(dup=True) for message in first]
        client.lost()
        await bench.restart()
        _, again = await returned(bench)
        assert heard(again) == [message._replace(dup=True) for message in first]

    on_bench(talk)


def test_MQTT_3_3_1_2_dup_is_0_on_every_message_at_qos_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        await client.send(publish("a", b"1", 0))
        await client.send(publish("a", b"2", 1, 1, dup=True))
        await client.send(publish("a", b"3", 2, 2, dup=True) + pubrel(2))
        assert await listener.packets() == [
            publish("a", b"1"),
            publish("a", b"2"),
            publish("a", b"3"),
        ]
        assert await closes(client, publish("a", b"4", 0, dup=True)) == b""
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_3_3_1_3_dup_of_the_publisher_is_not_passed_on(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 2))
        client = await connected(bench)
        assert await client.send(publish("a", b"1", 1, 1, dup=True)) == puback(1)
        assert await client.send(publish("a", b"2", 2, 2, dup=True)) == pubrec(2)
        assert await client.send(pubrel(2)) == pubcomp(2)
        messages = heard(await listener.packets())
        assert [(m.payload, m.qos, m.dup) for m in messages] == [
            (b"1", 1, False),
            (b"2", 2, False),
        ]

    on_bench(talk)


@pytest.mark.parametrize("flags", [6, 7, 14, 15])
def test_MQTT_3_3_1_4_a_publish_with_both_qos_bits_closes_the_connection(
    on_bench: OnBench, flags: int
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 2))
        wrong = packet(0x30 | flags, text("a"), b"\0\x01x")
        assert await closes(await connected(bench), wrong) == b""
        assert await listener.packets() == []

    on_bench(talk)


@pytest.mark.parametrize(
    "wrong",
    [packet(0x30), packet(0x30, b"\0"), packet(0x30, b"\0\x02a")]
    + [publish(name) for name in NOT_UTF_8],
)
def test_MQTT_3_3_2_1_the_topic_name_comes_first_and_is_utf_8(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        client = await connected(bench)
        assert await client.send(packet(0x30, b"\0\x05caf\xc3\xa9", b"x")) == b""
        assert await listener.packets() == [publish("café", b"x")]
        assert await closes(client, wrong) == b""
        assert await listener.packets() == []

    on_bench(talk)


@pytest.mark.parametrize("topic", ["#", "+", "a/#", "a/+/b", "a+", "#a", "a#b"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_2_2_a_topic_name_with_a_wildcard_closes_the_connection(
    on_bench: OnBench, qos: int, topic: str
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 2))
        assert await closes(await connected(bench), publish(topic, b"x", qos)) == b""
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_3_3_2_3_only_topic_names_that_match_the_filter_are_sent(on_bench: OnBench) -> None:
    wanted = {
        "sport/+/score": {"sport/a/score", "sport//score"},
        "sport/#": {"sport", "sport/", "sport/a", "sport/a/score", "sport//score"},
        "+": {"sport", "other"},
        "+/+": {"sport/", "sport/a", "/a"},
        "/+": {"/a"},
        "other": {"other"},
    }
    topics = ["sport", "sport/", "sport/a", "sport/a/score", "sport//score", "other", "/a"]

    async def talk(bench: Bench) -> None:
        listeners = {
            topic_filter: await listening(bench, (topic_filter, 0), client_id=topic_filter)
            for topic_filter in wanted
        }
        client = await connected(bench)
        for topic in topics:
            await say(client, topic, b"x")
        for topic_filter, listener in listeners.items():
            got = [message.topic for message in heard(await listener.packets())]
            assert sorted(got) == sorted(wanted[topic_filter]), topic_filter

    on_bench(talk)


def test_MQTT_3_3_4_1_a_publish_is_answered_by_its_qos(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        assert await client.send(publish("a", b"x", 0)) == b""
        assert await client.send(publish("a", b"x", 1, 7)) == puback(7)
        assert await client.send(publish("a", b"x", 2, 8)) == pubrec(8)

    on_bench(talk)


@pytest.mark.parametrize(
    ("granted", "highest"), [((0, 1, 2), 2), ((2, 1, 0), 2), ((0, 1), 1), ((1, 0), 1), ((0, 0), 0)]
)
def test_MQTT_3_3_5_1_overlapping_subscriptions_deliver_at_their_highest_qos(
    on_bench: OnBench, granted: tuple[int, ...], highest: int
) -> None:
    async def talk(bench: Bench) -> None:
        filters = ["a/b", "a/+", "#"][: len(granted)]
        listener = await listening(bench, *zip(filters, granted, strict=True))
        client = await connected(bench)
        for qos in (0, 1, 2):
            await say(client, "a/b", b"%d" % qos, qos)
        messages = heard(await listener.packets())
        assert [(m.payload, m.qos) for m in messages] == [
            (b"%d" % qos, min(qos, highest)) for qos in (0, 1, 2)
        ]

    on_bench(talk)


@pytest.mark.parametrize("topic", ["$SYS/broker/version", "$aws/events/presence/connected/c"])
@pytest.mark.parametrize("profile", ["standard", "aws-iot"])
@pytest.mark.parametrize("qos", [0, 1])
def test_MQTT_3_3_5_2_a_publish_that_is_not_allowed_is_acknowledged_or_ends_the_connection(
    on_bench: OnBench, profile: str, topic: str, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, (topic, 1))
        await listener.packets()
        client = bench.raw(profile=profile)
        assert await client.send(connect("c", keep_alive_s=60)) == ACCEPTED
        answer = await client.send(publish(topic, b"forged", qos, 5))
        if client.closed:
            assert answer == b""
        else:
            assert answer == (puback(5) if qos else b"")
            assert await alive(client)
        assert b"forged" not in [message.payload for message in heard(await listener.packets())]

    on_bench(talk)


def test_MQTT_3_6_1_1_pubrel_with_other_flags_closes_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for flags in set(range(16)) - {2}:
            client = await connected(bench)
            assert await client.send(publish("a", b"", 2, 1)) == pubrec(1)
            assert await closes(client, bytes((0x60 | flags,)) + pubrel(1)[1:]) == b""

    on_bench(talk)
