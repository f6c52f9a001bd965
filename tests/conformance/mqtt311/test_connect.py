"""MQTT 3.1.1, sections 3.1.0 and 3.1.2: CONNECT, its levels, sessions and keep alive."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    CLEAN,
    PINGREQ,
    PINGRESP,
    RESUMED,
    WRONG_LEVEL,
    OnBench,
    alive,
    away,
    closes,
    connect,
    connected,
    heard,
    leave,
    listening,
    puback,
    publish,
    pubrel,
    returned,
    say,
    subscribe,
    subscribed,
    unsubscribe,
)
from tests.rig.mqtt_bench import Bench


@pytest.mark.parametrize(
    "first",
    [
        publish("a", b"x"),
        publish("a", b"x", 1),
        publish("a", b"x", 2),
        puback(1),
        pubrel(1),
        subscribe(1, ("a", 0)),
        unsubscribe(1, "a"),
        PINGREQ,
        b"\xe0\x00",
        b"\x00\x00",
        b"\xf0\x00",
    ],
)
def test_MQTT_3_1_0_1_the_first_packet_has_to_be_a_connect(on_bench: OnBench, first: bytes) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        assert await closes(bench.raw(), first + connect("c")) == b""
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_3_1_0_2_a_second_connect_ends_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        assert await closes(client, connect("c")) == b""
        # Also when both come at once, and with another name.
        assert await closes(bench.raw(), connect("c") + connect("d")) == ACCEPTED

    on_bench(talk)


@pytest.mark.parametrize("name", ["MQTX", "mqtt", "MQT", "MQTTT", "", "HTTP"])
def test_MQTT_3_1_2_1_another_protocol_is_not_taken_for_mqtt(on_bench: OnBench, name: str) -> None:
    async def talk(bench: Bench) -> None:
        present = await connected(bench)
        stranger = bench.raw()
        answer = await closes(stranger, connect("c", name=name))
        assert answer[:4] != ACCEPTED
        assert await alive(present), "it took over the session of its client identifier"

    on_bench(talk)


@pytest.mark.parametrize("level", [0, 3, 6, 0x84, 255])
def test_MQTT_3_1_2_2_an_unknown_level_is_told_so_before_the_close(
    on_bench: OnBench, level: int
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", level=level)) == WRONG_LEVEL

    on_bench(talk)


def test_MQTT_3_1_2_3_the_reserved_connect_flag_closes_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", flags=CLEAN | 0x01)) == b""
        assert await closes(bench.raw(), connect("c", flags=0x01)) == b""

    on_bench(talk)


def test_MQTT_3_1_2_4_a_stored_session_goes_on_where_it_was(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        client, missed = await returned(bench)
        assert missed == []
        other = await connected(bench, "other")
        await say(other, "a", b"x", 1)  # the subscription is there without a new SUBSCRIBE
        (message,) = heard(await client.packets())
        assert (message.topic, message.payload, message.qos) == ("a", b"x", 1)
        client.lost()
        client, missed = await returned(bench)
        assert heard(missed) == [message._replace(dup=True)]

    on_bench(talk)


def test_MQTT_3_1_2_4_a_stored_session_goes_on_after_a_restart(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a/+", 1))
        await bench.restart()
        client, missed = await returned(bench)
        assert missed == []
        await say(await connected(bench, "other"), "a/b", b"x", 1)
        assert [message.payload for message in heard(await client.packets())] == [b"x"]

    on_bench(talk)


def test_MQTT_3_1_2_5_messages_at_qos_1_and_2_wait_for_a_client_that_is_away(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2), ("b", 1))
        other = await connected(bench, "other")
        await say(other, "a", b"1", 1)
        await say(other, "a", b"2", 2)
        await say(other, "b", b"3", 2)
        await say(other, "c", b"not subscribed", 1)
        _, missed = await returned(bench)
        assert [(m.topic, m.payload, m.qos, m.dup) for m in heard(missed)] == [
            ("a", b"1", 1, False),
            ("a", b"2", 2, False),
            ("b", b"3", 1, False),
        ]

    on_bench(talk)


def test_MQTT_3_1_2_5_waiting_messages_survive_a_restart(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        other = await connected(bench, "other")
        await say(other, "a", b"1", 1)
        await say(other, "a", b"2", 2)
        await bench.restart()
        _, missed = await returned(bench)
        assert [(m.payload, m.qos) for m in heard(missed)] == [(b"1", 1), (b"2", 2)]

    on_bench(talk)


def test_MQTT_3_1_2_6_a_clean_session_discards_the_earlier_one(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        other = await connected(bench, "other")
        await say(other, "a", b"1", 1)
        client = await connected(bench)  # clean
        await say(other, "a", b"2", 1)
        assert await client.packets() == []
        await leave(client)
        client = await connected(bench, clean=False)  # and nothing is left of either
        await say(other, "a", b"3", 1)
        assert await client.packets() == []

    on_bench(talk)


def test_MQTT_3_1_2_6_a_clean_session_ends_with_its_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await listening(bench, ("a", 1), client_id="c")
        other = await connected(bench, "other")
        await say(other, "a", b"not acknowledged", 1)
        client.lost()
        await say(other, "a", b"missed", 1)
        client = await connected(bench, clean=False)
        assert await client.packets() == []
        await say(other, "a", b"not subscribed", 1)
        assert await client.packets() == []

    on_bench(talk)


def test_MQTT_3_1_2_7_retained_messages_stay_when_the_session_ends(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        clean = await connected(bench, "clean")
        await say(clean, "a/1", b"1", 1, retain=True)
        clean.lost()
        kept = await connected(bench, "kept", clean=False)
        await say(kept, "a/2", b"2", 1, retain=True)
        await leave(kept)
        await leave(await connected(bench, "kept"))
        listener = await connected(bench, "l")
        messages = await subscribed(listener, ("a/+", 0))
        kept_messages = {(message.topic, message.payload) for message in messages}
        assert kept_messages == {("a/1", b"1"), ("a/2", b"2")}

    on_bench(talk)


def test_MQTT_3_1_2_23_a_client_that_pings_in_time_is_kept(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        assert await client.send(connect("c", keep_alive_s=10)) == ACCEPTED
        for _ in range(6):
            bench.time.advance(10)
            await bench.tick()
            assert await client.send(PINGREQ) == PINGRESP

    on_bench(talk)


@pytest.mark.parametrize("keep_alive_s", [1, 10, 65_535])
def test_MQTT_3_1_2_24_silence_of_one_and_a_half_keep_alives_ends_the_connection(
    on_bench: OnBench, keep_alive_s: int
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("will", 0))
        client = bench.raw()
        with_will = connect("c", "will", b"gone", flags=CLEAN | 0x04, keep_alive_s=keep_alive_s)
        assert await client.send(with_will) == ACCEPTED
        bench.time.advance(keep_alive_s * 1.5 - 0.1)
        await bench.tick()
        assert not client.closed
        bench.time.advance(1.2)  # the next round of the once-a-second sweep
        await bench.tick()
        assert client.closed
        client.lost()
        # As if the network had failed: not as if the client had said goodbye.
        assert await listener.packets() == [publish("will", b"gone")]

    on_bench(talk)


def test_MQTT_3_1_2_24_any_packet_begins_the_time_anew(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        assert await client.send(connect("c", keep_alive_s=10)) == ACCEPTED
        for data in (publish("a"), subscribe(1, ("b", 0)), puback(7), publish("a", b"", 1)):
            bench.time.advance(14)
            await bench.tick()
            assert not client.closed
            await client.send(data)
        bench.time.advance(16.5)
        await bench.tick()
        assert client.closed

    on_bench(talk)


def test_MQTT_3_1_2_24_keep_alive_0_sets_no_limit(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        bench.time.advance(7 * 86_400)
        await bench.tick()
        assert await alive(client)

    on_bench(talk)


def test_MQTT_3_1_2_4_a_session_without_subscriptions_is_stored_too(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await leave(await connected(bench, clean=False))
        await bench.restart()
        client = bench.raw()
        assert await client.send(connect("c", flags=0)) == RESUMED

    on_bench(talk)
