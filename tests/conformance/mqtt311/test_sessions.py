"""MQTT 3.1.1, sections 4.1, 4.4 and 4.5: what a session keeps and sends again."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    OnBench,
    away,
    connected,
    heard,
    listening,
    puback,
    pubcomp,
    publish,
    pubrec,
    pubrel,
    returned,
    say,
    split,
)
from tests.rig.mqtt_bench import Bench

A_YEAR_S = 365 * 86_400


def test_MQTT_4_1_0_1_a_session_keeps_subscriptions_messages_and_open_exchanges(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        await say(other, "a", b"sent", 1)
        await say(other, "a", b"received", 2)
        sent, received = heard(await client.packets())
        assert await client.send(pubrec(received.identifier)) == pubrel(received.identifier)
        assert await client.send(publish("b", b"half", 2, 99)) == pubrec(99)
        client.lost()
        await say(other, "a", b"waiting", 1)
        await bench.restart()

        listener = await listening(bench, ("b", 0))
        client, again = await returned(bench)
        assert heard([again[0]]) == [sent._replace(dup=True)]
        assert again[1] == pubrel(received.identifier)
        assert [message.payload for message in heard(again[2:])] == [b"waiting"]
        assert await client.send(publish("b", b"half", 2, 99, dup=True)) == pubrec(99)
        assert await client.send(pubrel(99)) == pubcomp(99)
        # Delivered once: before the restart to nobody, or now, never twice.
        assert len(await listener.packets()) <= 1

    on_bench(talk)


def test_MQTT_4_1_0_2_a_session_lasts_as_long_as_its_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        clean = await listening(bench, ("a", 1), client_id="clean")
        await away(bench, ("a", 1), client_id="kept")
        kept, _ = await returned(bench, "kept")
        for _ in range(3):
            bench.time.advance(A_YEAR_S)
            await bench.tick()
        await say(await connected(bench, "other"), "a", b"x", 1)
        for client in (clean, kept):
            assert [message.payload for message in heard(await client.packets())] == [b"x"]

    on_bench(talk, max_session_expiry_s=3600)


def test_MQTT_4_4_0_1_what_is_not_acknowledged_is_sent_again_with_its_identifier(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        for payload, qos in ((b"1", 1), (b"2", 2), (b"3", 2), (b"4", 1), (b"5", 2)):
            await say(other, "a", payload, qos)
        one, two_, three, four, five = heard(await client.packets())
        await client.send(puback(four.identifier))
        await client.send(pubrec(three.identifier))
        await client.send(pubrec(five.identifier))
        await client.send(pubcomp(five.identifier))
        for restart in (False, True):
            client.lost()
            if restart:
                await bench.restart()
            client, again = await returned(bench)
            publishes = [packet_ for packet_ in again if packet_[0] >> 4 == 3]
            assert heard(publishes) == [one._replace(dup=True), two_._replace(dup=True)]
            rest = [packet_ for packet_ in again if packet_ not in publishes]
            assert rest == [pubrel(three.identifier)]
        for data in (
            puback(one.identifier),
            pubrec(two_.identifier),
            pubcomp(two_.identifier),
            pubcomp(three.identifier),
        ):
            await client.send(data)
        client.lost()
        _, again = await returned(bench)
        assert again == []

    on_bench(talk)


def test_MQTT_4_4_0_1_nothing_is_sent_again_while_the_connection_lasts(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        client, _ = await returned(bench)
        await say(await connected(bench, "other"), "a", b"x", 1)
        assert len(await client.packets()) == 1
        for _ in range(100):
            bench.time.advance(60)
            await bench.tick()
        assert await client.packets() == []

    on_bench(talk)


@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT_4_5_0_1_a_message_is_added_to_every_session_with_a_match(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        filters = {"one": "a/b", "two": "a/+", "three": "#", "no match": "b/#"}
        for client_id, topic_filter in filters.items():
            await away(bench, (topic_filter, qos), client_id=client_id)
        here = await listening(bench, ("a/#", qos))
        await say(await connected(bench, "other"), "a/b", b"x", qos)
        assert [message.payload for message in heard(await here.packets())] == [b"x"]
        await bench.restart()
        for client_id in filters:
            _, missed = await returned(bench, client_id)
            expected = [] if client_id == "no match" else [("a/b", b"x", qos)]
            assert [(m.topic, m.payload, m.qos) for m in heard(missed)] == expected

    on_bench(talk)


def test_MQTT_4_5_0_2_what_a_client_leaves_unacknowledged_stays_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        for number in range(3):
            await say(other, "a", b"%d" % number, 1)
        first, second = heard(await client.packets())  # the window of two is full
        assert await client.packets() == []
        (third,) = heard(split(await client.send(puback(second.identifier))))
        client.lost()
        _, again = await returned(bench)
        assert heard(again) == [first._replace(dup=True), third._replace(dup=True)]

    on_bench(talk, max_inflight=2)
