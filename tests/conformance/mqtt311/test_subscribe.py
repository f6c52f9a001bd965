"""MQTT 3.1.1, sections 3.8 and 3.9: SUBSCRIBE and SUBACK."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    NOT_UTF_8,
    OnBench,
    closes,
    connected,
    heard,
    listening,
    puback,
    publish,
    say,
    split,
    suback,
    subscribe,
    subscribed,
    unsuback,
    unsubscribe,
)
from tests.rig.mqtt_bench import Bench


def test_MQTT_3_8_1_1_subscribe_with_other_flags_closes_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for flags in set(range(16)) - {2}:
            wrong = bytes((0x80 | flags,)) + subscribe(1, ("a", 0))[1:]
            assert await closes(await connected(bench), wrong) == b""

    on_bench(talk)


@pytest.mark.parametrize("wrong", NOT_UTF_8)
def test_MQTT_3_8_3_1_filters_to_subscribe_are_utf_8(on_bench: OnBench, wrong: bytes) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        assert await client.send(subscribe(1, ("é/水", 1))) == suback(1, 1)
        assert await closes(client, subscribe(2, ("a", 0), (wrong, 0))) == b""

    on_bench(talk)


def test_MQTT_3_8_3_2_wildcards_are_supported_so_filters_with_them_are_granted(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        filters = ("#", "+", "a/#", "+/b", "a/+/c", "/+", "+/#")
        answer = await client.send(subscribe(1, *((one, 1) for one in filters)))
        assert answer == suback(1, *([1] * len(filters)))
        await say(await connected(bench, "other"), "a/b", b"x")
        assert await client.packets() == [publish("a/b", b"x")]

    on_bench(talk)


def test_MQTT_3_8_3_3_subscribe_has_at_least_one_filter(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(await connected(bench), subscribe(1)) == b""

    on_bench(talk)


@pytest.mark.parametrize("qos", [3, 4, 0x05, 0x08, 0x10, 0x40, 0x80, 0xFF])
def test_MQTT_3_8_3_4_reserved_bits_and_qos_3_close_the_connection(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(await connected(bench), subscribe(1, ("a", qos))) == b""
        both = subscribe(1, ("a", 1), ("b", qos))
        assert await closes(await connected(bench), both) == b""

    on_bench(talk)


def test_MQTT_3_8_4_1_subscribe_is_answered_with_suback(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        for qos in (0, 1, 2):
            answer = await client.send(subscribe(1, (f"a/{qos}", qos)))
            assert answer == b"\x90\x03\x00\x01" + bytes((qos,))

    on_bench(talk)


def test_MQTT_3_8_4_2_suback_has_the_identifier_of_its_subscribe(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        data = b"".join(subscribe(identifier, ("a", 0)) for identifier in (3, 0xFFFF, 1))
        assert await client.send(data) == suback(3, 0) + suback(0xFFFF, 0) + suback(1, 0)

    on_bench(talk)


def test_MQTT_3_8_4_3_the_same_filter_again_replaces_the_subscription(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        other = await connected(bench, "other")
        await say(other, "a/kept", b"kept", 1, retain=True)
        client = await connected(bench)
        for qos in (0, 2, 1):
            (message,) = await subscribed(client, ("a/+", qos))
            assert (message.payload, message.qos) == (b"kept", min(qos, 1))
            await say(other, "a/b", b"new", 2)
            (message,) = heard(await client.packets())  # one copy, at the new QoS
            assert (message.payload, message.qos) == (b"new", qos)
        assert await client.send(unsubscribe(2, "a/+")) == unsuback(2)
        await say(other, "a/b", b"none", 2)
        assert await client.packets() == []

    on_bench(talk)


def test_MQTT_3_8_4_3_the_flow_goes_on_while_a_subscription_is_replaced(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await listening(bench, ("a", 1))
        other = await connected(bench, "other")
        for number in range(6):
            await say(other, "a", b"%d" % number, 1)
        waiting, seen = heard(await client.packets()), []
        for number in range(6):
            if number == 3:
                assert await client.send(subscribe(1, ("a", 1))) == suback(1, 1)
            message = waiting.pop(0)
            seen.append(message.payload)
            waiting += heard(split(await client.send(puback(message.identifier))))
        assert seen == [b"%d" % number for number in range(6)]
        assert waiting == []

    on_bench(talk, max_inflight=2)


def test_MQTT_3_8_4_4_several_filters_act_like_several_packets(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        other = await connected(bench, "other")
        await say(other, "a", b"kept", 1, retain=True)
        client = await connected(bench)
        messages = await subscribed(client, ("a", 0), ("b/#", 1), ("a", 1), ("c", 2))
        # Once for each time that the filter stands there, as separate packets would have it.
        assert [(m.payload, m.qos) for m in messages] == [(b"kept", 0), (b"kept", 1)]
        for topic in ("a", "b/x", "c"):
            await say(other, topic, topic.encode(), 2)
        messages = heard(await client.packets())
        assert [(m.payload, m.qos) for m in messages] == [(b"a", 1), (b"b/x", 1), (b"c", 2)]

    on_bench(talk)


def test_MQTT_3_8_4_5_suback_has_a_code_for_each_filter_granted_or_failed(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        wanted = (("a", 2), ("b", 1), ("c", 0), ("d", 0))
        assert await client.send(subscribe(1, *wanted)) == suback(1, 2, 1, 0x80, 0x80)
        other = await connected(bench, "other")
        for topic in ("a", "b", "c", "d"):
            await say(other, topic, topic.encode())
        assert await client.packets() == [publish("a", b"a"), publish("b", b"b")]

    on_bench(talk, max_subscriptions=2)


@pytest.mark.parametrize("granted", [0, 1, 2])
def test_MQTT_3_8_4_6_a_message_goes_out_at_the_lower_qos(on_bench: OnBench, granted: int) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", granted))
        client = await connected(bench)
        for published in (0, 1, 2):
            await say(client, "a", b"x", published)
            (message,) = heard(await listener.packets())
            assert message.qos == min(granted, published)

    on_bench(talk)


def test_MQTT_3_8_4_6_a_lower_qos_than_wanted_can_be_granted(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await connected(bench, "l")
        assert await listener.send(subscribe(1, ("a", 2))) == suback(1, 1)
        await say(await connected(bench), "a", b"x", 1)
        (message,) = heard(await listener.packets())
        assert message.qos == 1

    on_bench(talk, max_qos=1)


def test_MQTT_3_9_3_1_the_codes_stand_in_the_order_of_the_filters(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        for order in ((0, 1, 2), (2, 0, 1), (1, 1, 0, 2, 0)):
            wanted = ((f"{place}", qos) for place, qos in enumerate(order))
            assert await client.send(subscribe(1, *wanted)) == suback(1, *order)

    on_bench(talk)


def test_MQTT_3_9_3_2_suback_has_no_other_codes_than_the_four(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        wanted = (("a", 0), ("b", 1), ("c", 2), ("a/b/c/d", 0), ("d", 0), ("e", 0), ("a", 2))
        (answer,) = split(await client.send(subscribe(1, *wanted)))
        assert set(answer[4:]) == {0, 1, 2, 0x80}  # too many, or too deep: just a failure

    on_bench(talk, max_subscriptions=4, max_topic_levels=3)
