"""MQTT 5, section 3.3.2: the topic name and the properties of PUBLISH."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.mqtt.packets import SubscriptionRequest
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.opening import property_text
from tests.conformance.mqtt5.wire import (
    EITHER,
    MALFORMED,
    PROTOCOL_ERROR,
    OnBench,
    packet,
    refused,
    text,
)
from tests.rig.mqtt_bench import Bench

LASTING_S = 1000
TOPIC_NAME_INVALID = 0x90
TOPIC_ALIAS_INVALID = 0x94
CONTENT_TYPE = 0x03
RESPONSE_TOPIC = 0x08
NOT_TEXT = (b"a\xff", b"a\xed\xa0\x80", b"a\0")


async def reach_everyone(bench: Bench, **sent: Any) -> None:
    """Publish with properties; a live, a returning and a late subscriber get them as they were."""
    lasting = Properties(session_expiry_interval_s=LASTING_S)
    live = await bench.client("live")
    away = await bench.client("away", properties=lasting)
    for client in (live, away):
        await client.subscribe(SubscriptionRequest("t", 1, retain_handling=2))
    away.lost()
    sender = await bench.client("sender")
    properties = Properties(**sent)
    await sender.publish("t", b"x", qos=1, identifier=1, retain=True, properties=properties)
    away = await bench.client("away", clean_start=False, properties=lasting)
    late = await bench.client("late")
    await late.subscribe(("t", 1))
    for client in (live, away, late):
        assert [message.properties for message in await client.messages()] == [properties]


def with_property(data: bytes) -> bytes:
    return packet(0x30, text("t") + bytes((len(data),)) + data + b"x")


def with_alias(alias: int, topic: str = "t") -> bytes:
    return packet(0x30, text(topic) + b"\3\x23" + alias.to_bytes(2, "big") + b"x")


async def goes_nowhere(bench: Bench, send: Callable[[], Awaitable[None]]) -> None:
    """Check that no subscriber sees anything of it."""
    watcher = await bench.client("watcher")
    await watcher.subscribe(("#", 0))
    await send()
    assert await watcher.messages() == []


def test_MQTT_3_3_2_1_the_topic_name_comes_first_and_is_text(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            for wrong in NOT_TEXT:
                client = await bench.client("c")
                assert await refused(client, packet(0x30, text(wrong) + b"\0x")) == MALFORMED
            for cut_short in (b"", b"\0", b"\0\4ab"):
                client = await bench.client("c")
                assert await refused(client, packet(0x30, cut_short)) == MALFORMED

        await goes_nowhere(bench, send)

    on_bench(talk)


def test_MQTT_3_3_2_2_a_topic_name_has_no_wildcards(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            for wrong in ("a/+", "#", "a/#/b", "a+"):
                client = await bench.client("c")
                data = packet(0x30, text(wrong) + b"\0x")
                assert await refused(client, data) in EITHER | {TOPIC_NAME_INVALID}

        await goes_nowhere(bench, send)

    on_bench(talk)


def test_MQTT_3_3_2_3_a_delivered_topic_matches_the_filter(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("a/+/c", 0), ("d/#", 0))
        sender = await bench.client("sender")
        for topic in ("a/b/c", "a/b", "a/b/c/d", "a//c", "d", "d/e/f", "dd", "A/b/c", "/a/b/c"):
            await sender.publish(topic, b"x")
        heard = [message.topic for message in await watcher.messages()]
        assert heard == ["a/b/c", "a//c", "d", "d/e/f"]

    on_bench(talk)


def test_MQTT_3_3_2_4_the_payload_format_indicator_stays(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for indicator in (0, 1, None):
            await reach_everyone(bench, payload_format_indicator=indicator)

    on_bench(talk)


def test_MQTT_3_3_2_5_an_expired_copy_is_deleted(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        lasting = Properties(session_expiry_interval_s=LASTING_S)
        client = await bench.client("c", properties=lasting)
        await client.subscribe(("t", 2))
        client.lost()
        sender = await bench.client("sender")
        for number, expiry_s in enumerate((5, 50, None)):
            await sender.publish(
                "t",
                str(expiry_s).encode(),
                qos=1 + number % 2,
                identifier=number + 1,
                properties=Properties(message_expiry_interval_s=expiry_s),
            )
        bench.time.advance(10)
        await bench.tick()
        client = await bench.client("c", clean_start=False, properties=lasting)
        assert [message.payload for message in await client.messages()] == [b"50", b"None"]

    on_bench(talk)


def test_MQTT_3_3_2_6_the_expiry_sent_on_is_what_is_left(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        lasting = Properties(session_expiry_interval_s=LASTING_S)
        live = await bench.client("live")
        away = await bench.client("away", properties=lasting)
        for client in (live, away):
            await client.subscribe(("t", 1))
        away.lost()
        sender = await bench.client("sender")
        expiry = Properties(message_expiry_interval_s=100)
        await sender.publish("t", b"x", qos=1, identifier=1, retain=True, properties=expiry)
        assert [m.properties.message_expiry_interval_s for m in await live.messages()] == [100]
        bench.time.advance(30)
        await bench.tick()
        away = await bench.client("away", clean_start=False, properties=lasting)
        late = await bench.client("late")
        await late.subscribe(("t", 1))
        for client in (away, late):
            assert [m.properties.message_expiry_interval_s for m in await client.messages()] == [70]

    on_bench(talk)


def test_MQTT_3_3_2_7_an_alias_ends_with_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            client = await bench.client("c", clean_start=False, properties=lasting)
            assert client.connack.session_present
            assert await refused(client, with_alias(1, "")) in EITHER | {TOPIC_ALIAS_INVALID}

        lasting = Properties(session_expiry_interval_s=LASTING_S, topic_alias_maximum=5)
        client = await bench.client("c", properties=lasting)
        assert await client.send(with_alias(1)) == b""
        assert await client.send(with_alias(1, "")) == b""
        await client.subscribe(("u", 0))
        sender = await bench.client("sender")
        for _ in range(3):
            await sender.publish("u", b"x")
        await client.messages()
        client.lost()
        await goes_nowhere(bench, send)
        # The other way: the first message on a new connection names its topic.
        client = await bench.client("c", clean_start=False, properties=lasting)
        await sender.publish("u", b"x")
        assert [message.topic for message in await client.messages()] == ["u"]

    on_bench(talk)


def test_MQTT_3_3_2_8_alias_0_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            client = await bench.client("c")
            assert await refused(client, with_alias(0)) == TOPIC_ALIAS_INVALID

        await goes_nowhere(bench, send)

    on_bench(talk)


def test_MQTT_3_3_2_9_an_alias_above_the_servers_maximum_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            for alias in (4, 65_535):
                client = await bench.client("c")
                assert client.connack.properties.topic_alias_maximum == 3
                assert await refused(client, with_alias(alias)) == TOPIC_ALIAS_INVALID

        await goes_nowhere(bench, send)

    on_bench(talk, topic_alias_maximum=3)


async def topics_by_alias(bench: Bench, maximum: int, topics: list[str]) -> set[int]:
    """Publish on these topics to a client that takes aliases; return the aliases it was sent.

    The client resolves what it gets as the standard says; the topics must come out as published.
    """
    watcher = await bench.client("watcher", properties=Properties(topic_alias_maximum=maximum))
    await watcher.subscribe(("#", 0))
    sender = await bench.client("sender")
    for topic in topics:
        await sender.publish(topic, topic.encode())
    meaning: dict[int, str] = {}
    for message in await watcher.messages():
        alias = message.properties.topic_alias
        if alias is not None and message.topic:
            meaning[alias] = message.topic
        topic = message.topic or meaning[alias or 0]
        assert topic.encode() == message.payload
    return set(meaning)


def test_MQTT_3_3_2_10_a_client_can_rely_on_every_alias_it_allowed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        used = await topics_by_alias(bench, 3, list("abcabcabcdedede"))
        assert used == {1, 2, 3}

    on_bench(talk)


def test_MQTT_3_3_2_11_the_server_keeps_to_the_clients_maximum(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await topics_by_alias(bench, 1, list("aabbccaabbcc")) == {1}

    on_bench(talk)


def test_MQTT_3_3_2_12_the_server_takes_every_alias_it_allowed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        client = await bench.client("c")
        aliases = range(1, (client.connack.properties.topic_alias_maximum or 0) + 1)
        assert len(aliases) == 10
        for alias in aliases:
            assert await client.send(with_alias(alias, f"t/{alias}")) == b""
        for alias in reversed(aliases):
            assert await client.send(with_alias(alias, "")) == b""
        assert await client.send(with_alias(1, "changed") + with_alias(1, "")) == b""
        expected = [f"t/{alias}" for alias in (*aliases, *reversed(aliases))]
        heard = [message.topic for message in await watcher.messages()]
        assert heard == [*expected, "changed", "changed"]

    on_bench(talk, topic_alias_maximum=10)


def test_MQTT_3_3_2_13_a_response_topic_is_text(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            for wrong in NOT_TEXT:
                client = await bench.client("c")
                data = with_property(property_text(RESPONSE_TOPIC, wrong))
                assert await refused(client, data) == MALFORMED

        await goes_nowhere(bench, send)

    on_bench(talk)


def test_MQTT_3_3_2_14_a_response_topic_has_no_wildcards(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            for wrong in ("a/+", "a/#", "#"):
                client = await bench.client("c")
                data = with_property(property_text(RESPONSE_TOPIC, wrong))
                assert await refused(client, data) == PROTOCOL_ERROR

        await goes_nowhere(bench, send)

    on_bench(talk)


def test_MQTT_3_3_2_15_the_response_topic_stays(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await reach_everyone(bench, response_topic="answers/ü")

    on_bench(talk)


def test_MQTT_3_3_2_16_the_correlation_data_stays(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for data in (b"", b"\0\xff\0", bytes(range(256))):
            await reach_everyone(bench, correlation_data=data)

    on_bench(talk)


def test_MQTT_3_3_2_17_user_properties_stay(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await reach_everyone(bench, user_properties=(("key", "value"), ("", ""), ("ü", "\ufeff")))

    on_bench(talk)


def test_MQTT_3_3_2_18_user_properties_keep_their_order(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        pairs = (("b", "2"), ("a", "1"), ("b", "1"), ("a", "1"), ("c", "0"))
        await reach_everyone(bench, user_properties=pairs)

    on_bench(talk)


def test_MQTT_3_3_2_19_a_content_type_is_text(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        async def send() -> None:
            for wrong in NOT_TEXT:
                client = await bench.client("c")
                data = with_property(property_text(CONTENT_TYPE, wrong))
                assert await refused(client, data) == MALFORMED

        await goes_nowhere(bench, send)

    on_bench(talk)


def test_MQTT_3_3_2_20_the_content_type_stays(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for content_type in ("text/plain; charset=utf-8", ""):
            await reach_everyone(bench, content_type=content_type)

    on_bench(talk)
