"""MQTT 5, section 4.7: topic names and topic filters."""

from __future__ import annotations

import pytest

from gateway.mqtt.encoding import encode_publish, encode_subscribe
from gateway.mqtt.errors import MqttError
from gateway.mqtt.packets import DISCONNECT, Publish, Subscribe, SubscriptionRequest
from tests.conformance.mqtt5.wire import (
    EITHER,
    MALFORMED,
    OnBench,
    disconnect,
    packet,
    refused,
    suback,
    text,
)
from tests.rig.mqtt_bench import Bench, WireClient

TOPIC_FILTER_INVALID, TOPIC_NAME_INVALID = 0x8F, 0x90
# Topics that a normalising reader could take for the same.
LOOKALIKES = (
    ("a", "A"),
    ("a//b", "a/b"),
    ("/a", "a"),
    ("a/", "a"),
    ("a/./b", "a/b"),
    (" a", "a"),
    ("\u00e9", "e\u0301"),
    ("\ufb01", "fi"),
    ("\ufeffa", "a"),
    ("%61", "a"),
)


def subscribe(topic_filter: str | bytes) -> bytes:
    return packet(0x82, b"\0\1\0" + text(topic_filter) + b"\0")


def publish(topic: str | bytes) -> bytes:
    return packet(0x30, text(topic) + b"\0payload")


async def subscribing_is_refused(client: WireClient, topic_filter: str) -> int:
    """The reason code that refuses a filter: in the SUBACK, or in the DISCONNECT."""
    answer = await client.send(subscribe(topic_filter))
    if answer[0] == DISCONNECT << 4:
        assert client.closed
        return disconnect(answer).reason_code
    (code,) = suback(answer).reason_codes
    return code


async def matches(bench: Bench, topic_filter: str, topic: str) -> bool:
    client, sender = await bench.client("matching"), await bench.client("sender")
    assert await client.subscribe((topic_filter, 0)) == b"\0"
    await sender.publish(topic, b"x")
    heard = [message.topic for message in await client.messages()]
    assert heard in ([], [topic])
    return heard == [topic]


def test_MQTT_4_7_0_1_a_topic_name_has_no_wildcards(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0), ("+", 0), ("+/+", 0), ("+/+/+", 0))
        for topic in ("#", "+", "a/#", "a/+/b", "a#", "+a"):
            client = await bench.client(topic)
            assert await refused(client, publish(topic)) == TOPIC_NAME_INVALID
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_4_7_1_1_a_multi_level_wildcard_stands_alone_at_the_end(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for right, topic in (("#", "a"), ("a/#", "a"), ("a/#", "a/b/c"), ("/#", "/a")):
            assert await matches(bench, right, topic)
        assert not await matches(bench, "a/#", "ab")
        for wrong in ("a#", "a/#/b", "#/a", "##", "a/#b", "a/b#", "#+"):
            client = await bench.client(wrong)
            assert await subscribing_is_refused(client, wrong) == TOPIC_FILTER_INVALID

    on_bench(talk)


def test_MQTT_4_7_1_2_a_single_level_wildcard_stands_for_a_whole_level(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for right, topic in (("+", "a"), ("a/+/c", "a/b/c"), ("+/+", "/a"), ("+/b/#", "a/b/c")):
            assert await matches(bench, right, topic)
        for other, topic in (("+", "/a"), ("a/+", "a"), ("a/+", "a/b/c")):
            assert not await matches(bench, other, topic)
        for wrong in ("a+", "+a", "a/b+/c", "++", "+#", "a/+b"):
            client = await bench.client(wrong)
            assert await subscribing_is_refused(client, wrong) == TOPIC_FILTER_INVALID

    on_bench(talk)


def test_MQTT_4_7_2_1_a_leading_wildcard_does_not_match_a_dollar_topic(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for topic_filter in ("#", "+/x", "+/#", "+/+"):
            assert not await matches(bench, topic_filter, "$own/x")
            assert await matches(bench, topic_filter, "own/x")
        assert await matches(bench, "$own/+", "$own/x")

    on_bench(talk)


def test_MQTT_4_7_3_1_topic_names_and_filters_are_not_empty(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await matches(bench, "/", "/")
        client = await bench.client("c")
        assert await subscribing_is_refused(client, "") in EITHER | {TOPIC_FILTER_INVALID}
        # An empty topic name stands for an alias, and there is none.
        assert await refused(await bench.client("d"), publish("")) in EITHER | {TOPIC_NAME_INVALID}

    on_bench(talk)


def test_MQTT_4_7_3_2_topic_names_and_filters_have_no_null_character(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for number, topic in enumerate(("\0", "a\0", "a/\0/b", "\0a")):
            assert await refused(await bench.client(f"p{number}"), publish(topic)) == MALFORMED
            assert await refused(await bench.client(f"s{number}"), subscribe(topic)) == MALFORMED

    on_bench(talk)


def test_MQTT_4_7_3_3_topic_names_and_filters_have_at_most_65535_bytes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        longest = "é" * 32_767 + "a"
        assert len(longest.encode()) == 65_535
        assert await matches(bench, longest, longest)
        longer = longest + "a"
        with pytest.raises((MqttError, ValueError)):
            encode_publish(Publish(longer, b""), 5)
        with pytest.raises((MqttError, ValueError)):
            encode_subscribe(Subscribe(1, (SubscriptionRequest(longer, 0),)), 5)

    on_bench(talk)


def test_MQTT_4_7_3_4_topics_are_compared_as_they_are(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for one, other in LOOKALIKES:
            assert await matches(bench, one, one)
            assert not await matches(bench, one, other)
            assert not await matches(bench, other, one)

    on_bench(talk)
