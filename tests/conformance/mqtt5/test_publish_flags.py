"""MQTT 5, section 3.3.1: DUP, QoS and RETAIN."""

from __future__ import annotations

from gateway.mqtt.packets import Publish, SubscriptionRequest
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import EITHER, MALFORMED, OnBench, packet, refused, text
from tests.rig.mqtt_bench import Bench, WireClient

LASTING = Properties(session_expiry_interval_s=1000)


def payloads(messages: list[Publish]) -> list[bytes]:
    return [message.payload for message in messages]


async def keep(bench: Bench, topic: str, payload: bytes) -> None:
    """Leave a retained message."""
    client = await bench.client("keeper")
    await client.publish(topic, payload, retain=True)
    await client.disconnect()


async def kept(bench: Bench, topic_filter: str) -> list[bytes]:
    """What a newcomer is sent for a subscription, in the order of the payloads."""
    client = await bench.client("newcomer")
    await client.subscribe((topic_filter, 2))
    messages = await client.messages()
    assert all(message.retain for message in messages)
    await client.disconnect()
    return sorted(payloads(messages))


def test_MQTT_3_3_1_1_dup_is_1_when_sending_again(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        sender = await bench.client("sender")
        for qos in (1, 2):
            client = await bench.client("c", properties=LASTING)
            await client.subscribe(("t", qos))
            await sender.publish("t", b"x", qos=qos, identifier=qos)
            (first,) = await client.messages()
            client.lost()
            client = await bench.client("c", clean_start=False, properties=LASTING)
            (second,) = await client.messages()
            assert (first.dup, second.dup) == (False, True)
            assert (second.qos, second.payload) == (qos, b"x")
            assert second.packet_identifier == first.packet_identifier
            client.lost()

    on_bench(talk)


def test_MQTT_3_3_1_2_dup_is_0_at_qos_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 0))
        sender = await bench.client("sender")
        await sender.publish("t", b"x", qos=1, identifier=1, dup=True)
        assert [(m.qos, m.dup) for m in await watcher.messages()] == [(0, False)]
        assert await refused(sender, packet(0x38, text("t") + b"\0x")) in EITHER
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_3_3_1_3_dup_is_not_passed_on(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 2))
        sender = await bench.client("sender")
        await sender.publish("t", b"1", qos=1, identifier=1, dup=True)
        await sender.publish("t", b"2", qos=2, identifier=2, dup=True)
        assert [(m.qos, m.dup) for m in await watcher.messages()] == [(1, False), (2, False)]

    on_bench(talk)


def test_MQTT_3_3_1_4_qos_3_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        client = await bench.client("c")
        assert await refused(client, packet(0x36, text("t") + b"\0\1\0x")) == MALFORMED
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_3_3_1_5_a_retained_message_replaces_the_last(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await keep(bench, "t", b"old")
        await keep(bench, "u", b"other")
        await keep(bench, "t", b"new")
        assert await kept(bench, "#") == [b"new", b"other"]

    on_bench(talk)


def test_MQTT_3_3_1_6_an_empty_one_is_delivered_and_removes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await keep(bench, "t", b"old")
        await keep(bench, "u", b"other")
        watcher = await bench.client("watcher")
        await watcher.subscribe(SubscriptionRequest("t", retain_handling=2))
        await keep(bench, "t", b"")
        assert [(m.topic, m.payload) for m in await watcher.messages()] == [("t", b"")]
        assert await kept(bench, "#") == [b"other"]

    on_bench(talk)


def test_MQTT_3_3_1_7_an_empty_message_is_not_kept(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await keep(bench, "t", b"")
        assert await kept(bench, "#") == []

    on_bench(talk)


def test_MQTT_3_3_1_8_retain_0_leaves_the_retained_message_alone(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await keep(bench, "t", b"kept")
        client = await bench.client("c")
        for topic, payload in (("t", b"live"), ("t", b""), ("u", b"live")):
            await client.publish(topic, payload)
            await client.publish(topic, payload, qos=1, identifier=1)
        assert await kept(bench, "#") == [b"kept"]

    on_bench(talk)


async def subscribe_twice(bench: Bench, retain_handling: int) -> list[list[bytes]]:
    """What each of two SUBSCRIBEs to the same filter is sent of what is retained."""
    await keep(bench, "a/1", b"one")
    await keep(bench, "a/2", b"two")
    await keep(bench, "b", b"other")
    client = await bench.client("c")
    sent = []
    for _ in range(2):
        await client.subscribe(SubscriptionRequest("a/+", retain_handling=retain_handling))
        sent.append(sorted(payloads(await client.messages())))
    return sent


def test_MQTT_3_3_1_9_retain_handling_0_sends_every_time(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await subscribe_twice(bench, 0) == [[b"one", b"two"], [b"one", b"two"]]

    on_bench(talk)


def test_MQTT_3_3_1_10_retain_handling_1_sends_when_new(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await subscribe_twice(bench, 1) == [[b"one", b"two"], []]

    on_bench(talk)


def test_MQTT_3_3_1_11_retain_handling_2_sends_never(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await subscribe_twice(bench, 2) == [[], []]

    on_bench(talk)


async def forwarded(bench: Bench, watcher: WireClient) -> list[bool]:
    """The RETAIN flags of two live messages, the first sent with RETAIN 1."""
    sender = await bench.client("sender")
    await sender.publish("t", b"kept", retain=True)
    await sender.publish("t", b"live", retain=False)
    return [message.retain for message in await watcher.messages()]


def test_MQTT_3_3_1_12_retain_as_published_0_clears_the_flag(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(SubscriptionRequest("t", retain_as_published=False))
        assert await forwarded(bench, watcher) == [False, False]

    on_bench(talk)


def test_MQTT_3_3_1_13_retain_as_published_1_passes_the_flag_on(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(SubscriptionRequest("t", retain_as_published=True))
        assert await forwarded(bench, watcher) == [True, False]

    on_bench(talk)
