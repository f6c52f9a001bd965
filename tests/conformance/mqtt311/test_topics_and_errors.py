"""MQTT 3.1.1, sections 4.7 and 4.8: topic names and filters, errors."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    CLEAN,
    PINGRESP,
    WILL,
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
    publish,
    returned,
    say,
    suback,
    subscribe,
    two,
    unsuback,
    unsubscribe,
)
from tests.rig.mqtt_bench import Bench


@pytest.mark.parametrize("topic", ["+", "#", "a/+", "a/#", "a/b+", "+a", "a#/b"])
def test_MQTT_4_7_1_1_a_topic_name_has_no_wildcards(on_bench: OnBench, topic: str) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        assert await closes(await connected(bench), publish(topic)) == b""
        will = connect("c", topic, b"x", flags=CLEAN | WILL)
        assert await closes(bench.raw(), will) == b""
        assert await listener.packets() == []

    on_bench(talk)


async def refused_or_closed(bench: Bench, topic_filter: str) -> None:
    """A filter against the rules closes the connection, or is at least not granted."""
    client = await connected(bench)
    answer = await client.send(subscribe(1, (topic_filter, 0)))
    if client.closed:
        assert answer == b""
        client.lost()
    else:
        assert answer == suback(1, 0x80)


@pytest.mark.parametrize("topic_filter", ["a#", "a/b#", "#/a", "a/#/b", "##", "a/##", "#a", "#/"])
def test_MQTT_4_7_1_2_a_multi_level_wildcard_stands_alone_and_last(
    on_bench: OnBench, topic_filter: str
) -> None:
    async def talk(bench: Bench) -> None:
        await refused_or_closed(bench, topic_filter)

    on_bench(talk)


@pytest.mark.parametrize("topic_filter", ["a+", "+a", "a/b+", "a/+b/c", "++", "a/+#", "#+"])
def test_MQTT_4_7_1_3_a_single_level_wildcard_fills_its_level(
    on_bench: OnBench, topic_filter: str
) -> None:
    async def talk(bench: Bench) -> None:
        await refused_or_closed(bench, topic_filter)

    on_bench(talk)


@pytest.mark.parametrize(
    ("topic_filter", "matches", "others"),
    [
        ("+/a", ["x/a", "/a"], ["a", "x/y/a", "x/a/"]),
        ("a/+", ["a/x", "a/"], ["a", "a/x/y"]),
        ("a/+/b", ["a/x/b", "a//b"], ["a/b", "a/x/y/b"]),
        ("+/+/+", ["a/b/c", "//"], ["a/b", "a/b/c/d"]),
    ],
)
def test_MQTT_4_7_1_3_a_single_level_wildcard_matches_one_level_anywhere(
    on_bench: OnBench, topic_filter: str, matches: list[str], others: list[str]
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, (topic_filter, 0))
        client = await connected(bench)
        for topic in matches + others:
            await say(client, topic)
        assert [message.topic for message in heard(await listener.packets())] == matches

    on_bench(talk)


def test_MQTT_4_7_2_1_a_leading_wildcard_leaves_out_topics_that_begin_with_a_dollar(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        wild = await listening(bench, ("#", 0), ("+/a", 0), ("+", 0), client_id="wild")
        named = await listening(bench, ("$x/#", 0), ("$x/+", 0), client_id="named")
        client = await connected(bench)
        for topic in ("$x/a", "$x", "x/$a"):
            await say(client, topic)
        await say(client, "$x/kept", b"x", retain=True)
        assert [message.topic for message in heard(await wild.packets())] == ["x/$a"]
        assert [message.topic for message in heard(await named.packets())] == [
            "$x/a",
            "$x",
            "$x/kept",
        ]
        late = await connected(bench, "late")  # the same for what is retained
        assert await late.send(subscribe(1, ("#", 0), ("+/kept", 0))) == suback(1, 0, 0)

    on_bench(talk)


def test_MQTT_4_7_3_1_topic_names_and_filters_have_a_character(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        assert await closes(await connected(bench), publish("", b"x")) == b""
        will = connect("c", "", b"x", flags=CLEAN | WILL)
        assert await closes(bench.raw(), will) == b""
        await refused_or_closed(bench, "")
        await say(await connected(bench), "/", b"x")
        assert await listener.packets() == [publish("/", b"x")]

    on_bench(talk)


@pytest.mark.parametrize("name", ["\0", "a\0b", "a/\0"])
def test_MQTT_4_7_3_2_topic_names_and_filters_have_no_null_character(
    on_bench: OnBench, name: str
) -> None:
    async def talk(bench: Bench) -> None:
        will = connect("c", name, b"x", flags=CLEAN | WILL)
        assert await closes(bench.raw(), will) == b""
        for data in (publish(name), subscribe(1, (name, 0)), unsubscribe(1, name)):
            assert await closes(await connected(bench), data) == b""

    on_bench(talk)


def test_MQTT_4_7_3_3_topic_names_and_filters_have_up_to_65535_bytes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        longest = "é" * 32_767 + "e"
        assert len(longest.encode()) == 65_535
        listener = await listening(bench, (longest, 1))
        await say(await connected(bench), longest, b"x", 1)
        (message,) = heard(await listener.packets())
        assert (message.topic, message.payload) == (longest, b"x")
        assert await listener.send(unsubscribe(1, longest)) == unsuback(1)
        # A longer one cannot be told apart from a shorter one with bytes too many.
        wrong = packet(0x82, two(1), b"\xff\xff", b"a" * 65_536, b"\0")
        assert await closes(await connected(bench), wrong) == b""

    on_bench(talk)


def test_MQTT_4_7_3_4_matching_compares_characters_as_they_are(on_bench: OnBench) -> None:
    # Letter case, composed and decomposed, empty levels, spaces, unassigned characters.
    names = ["a/b", "A/b", "a//b", "a/b/", "/a/b", "a /b", "a/./b", "é", "e\u0301", "\U000e0fff"]

    async def talk(bench: Bench) -> None:
        listeners = [
            await listening(bench, (name, 0), client_id=f"l{number}")
            for number, name in enumerate(names)
        ]
        client = await connected(bench)
        for name in names:
            await say(client, name)
        for name, listener in zip(names, listeners, strict=True):
            assert await listener.packets() == [publish(name)]

    on_bench(talk)


VIOLATIONS = {
    "second CONNECT": connect("c"),
    "CONNACK": ACCEPTED,
    "SUBACK": suback(1, 0),
    "UNSUBACK": unsuback(1),
    "PINGRESP": PINGRESP,
    "type 0": b"\x00\x00",
    "type 15": b"\xf0\x00",
    "SUBSCRIBE without filters": subscribe(1),
    "UNSUBSCRIBE without filters": unsubscribe(1),
    "SUBSCRIBE cut": packet(0x82, b"\0\x01\0\x05a"),
    "PUBLISH with a wildcard": publish("a/#"),
    "PUBACK too long": packet(0x40, b"\0\x01\0"),
    "PUBACK too short": packet(0x40, b"\0"),
    "PUBREL too short": packet(0x62, b"\0"),
    "PINGREQ with a body": packet(0xC0, b"\0"),
    "DISCONNECT with a body": packet(0xE0, b"\0"),
    "a remaining length of five bytes": b"\x30\x80\x80\x80\x80\x01",
}


@pytest.mark.parametrize("wrong", VIOLATIONS.values(), ids=VIOLATIONS)
def test_MQTT_4_8_0_1_a_protocol_violation_ends_its_connection_and_no_other(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        assert await closes(await connected(bench), wrong + publish("a", b"behind")) == b""
        assert await listener.packets() == []
        assert await alive(listener)

    on_bench(talk)


def test_MQTT_4_8_0_2_a_full_store_ends_the_connection_of_the_publisher(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        here = await listening(bench, ("b", 0))
        client = await connected(bench, "publisher")
        acknowledged = 0
        while await client.send(publish("a", b"%d " % acknowledged * 5000, 1, 7)) == puback(7):
            acknowledged += 1
        assert acknowledged > 3
        assert client.closed  # and no PUBACK: the message is still the client's
        client.lost()
        assert await alive(here)
        _, missed = await returned(bench)
        numbers = [int(message.payload.split()[0]) for message in heard(missed)]
        assert numbers == list(range(acknowledged))

    on_bench(talk)
