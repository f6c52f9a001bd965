"""MQTT 3.1.1, section 3.3.1.3: RETAIN."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    Heard,
    OnBench,
    away,
    connected,
    heard,
    listening,
    publish,
    returned,
    say,
    subscribed,
)
from tests.rig.mqtt_bench import Bench


async def retained(bench: Bench, topic_filter: str = "a/#", qos: int = 2) -> list[Heard]:
    """What a new subscription gets at once."""
    late = await connected(bench, "late")
    messages = await subscribed(late, (topic_filter, qos))
    late.lost()
    return messages


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_1_5_a_retained_message_is_stored_with_its_qos(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        await say(client, "a/b", b"kept", qos, retain=True)
        client.lost()
        for _ in range(2):
            (message,) = await retained(bench)
            assert (message.topic, message.payload, message.qos) == ("a/b", b"kept", qos)
            if qos:
                await bench.restart()  # it is on disk

    on_bench(talk)


def test_MQTT_3_3_1_6_a_new_subscription_gets_the_last_message_of_each_topic(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        for number in range(3):
            for topic in ("a", "a/b", "a/b/c", "x"):
                await say(client, topic, f"{topic} {number}".encode(), 1, retain=True)
        payloads = [message.payload for message in await retained(bench)]
        assert sorted(payloads) == [b"a 2", b"a/b 2", b"a/b/c 2"]
        assert [message.payload for message in await retained(bench, "+")] != []
        assert [message.payload for message in await retained(bench, "x")] == [b"x 2"]
        assert await retained(bench, "b/#") == []

    on_bench(talk)


def test_MQTT_3_3_1_7_a_retained_message_at_qos_0_takes_the_place_of_the_earlier_one(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        await say(client, "a", b"old", 1, retain=True)
        await say(client, "a", b"new", 0, retain=True)
        (message,) = await retained(bench, "a")
        assert (message.payload, message.qos) == (b"new", 0)

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_1_8_what_a_new_subscription_brings_has_retain_1(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        await say(await connected(bench), "a", b"x", qos, retain=True)
        for granted in (0, 1, 2):
            (message,) = await retained(bench, "a", granted)
            assert message.retain
            assert message.qos == min(qos, granted)

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_1_9_what_an_established_subscription_gets_has_retain_0(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 2))
        client = await connected(bench)
        await say(client, "a", b"1", qos, 1, retain=True)
        await say(client, "a", b"2", qos, 2)
        messages = heard(await listener.packets())
        assert [(m.payload, m.retain) for m in messages] == [(b"1", False), (b"2", False)]

    on_bench(talk)


def test_MQTT_3_3_1_9_a_retained_message_that_waited_in_a_session_has_retain_0(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        await say(await connected(bench, "other"), "a", b"x", 1, retain=True)
        _, missed = await returned(bench)
        assert [(m.payload, m.retain) for m in heard(missed)] == [(b"x", False)]

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_1_10_an_empty_payload_is_delivered_and_removes_what_was_retained(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a/b", 0))
        client = await connected(bench)
        await say(client, "a/b", b"x", 1, retain=True)
        await say(client, "a/c", b"stays", 1, retain=True)
        await say(client, "a/b", b"", qos, retain=True)
        assert await listener.packets() == [publish("a/b", b"x"), publish("a/b", b"")]
        assert [message.payload for message in await retained(bench)] == [b"stays"]
        await bench.restart()
        assert [message.payload for message in await retained(bench)] == [b"stays"]

    on_bench(talk)


def test_MQTT_3_3_1_11_an_empty_message_is_not_retained(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        for qos in (0, 1, 2):
            await say(client, f"a/{qos}", b"", qos, retain=True)
        assert await retained(bench) == []

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_3_1_12_without_retain_nothing_is_stored_or_replaced(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        await say(client, "a/b", b"kept", 1, retain=True)
        await say(client, "a/b", b"passing", qos)
        await say(client, "a/b", b"", qos)
        await say(client, "a/c", b"passing", qos)
        messages = await retained(bench)
        assert [(m.topic, m.payload) for m in messages] == [("a/b", b"kept")]

    on_bench(talk)
