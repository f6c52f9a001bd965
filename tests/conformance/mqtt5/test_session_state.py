"""MQTT 5, sections 4.1, 4.4 and 4.5: what a session keeps, and what is sent again."""

from __future__ import annotations

import pytest

from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBREC
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    OnBench,
    answer_to,
    publishes,
    pubrel,
    send_message,
)
from tests.rig.mqtt_bench import Bench, WireClient

LASTING = Properties(session_expiry_interval_s=1000)
DAY_S = 86_400


async def away(bench: Bench, expiry_s: int | None) -> None:
    """A client subscribes to `t` and leaves."""
    client = await bench.client("c", properties=Properties(session_expiry_interval_s=expiry_s))
    await client.subscribe(("t", 1))
    client.lost()


async def begun(bench: Bench) -> tuple[WireClient, list[int]]:
    """A client with an unanswered QoS 1 message, an unanswered QoS 2 one and a released one."""
    client = await bench.client("c", properties=LASTING)
    await client.subscribe(("t", 2))
    sender = await bench.client("sender")
    for payload, qos in ((b"one", 1), (b"two", 2), (b"released", 2)):
        await send_message(sender, "t", payload, qos)
    identifiers = [message.packet_identifier for message in await client.messages()]
    assert pubrel(await client.send(answer_to(PUBREC, identifiers[2]))).reason_code == 0
    return client, identifiers


@pytest.mark.parametrize("expiry_s", [None, 0, 1])
def test_MQTT_4_1_0_1_session_state_stays_while_the_connection_is_open(
    on_bench: OnBench, expiry_s: int | None
) -> None:
    async def talk(bench: Bench) -> None:
        expiry = Properties(session_expiry_interval_s=expiry_s)
        client = await bench.client("c", keep_alive_s=0, properties=expiry)
        await client.subscribe(("t", 2))
        sender = await bench.client("sender")
        await send_message(sender, "t", b"before", 2)
        (message,) = await client.messages()
        bench.time.advance(30 * DAY_S)
        await bench.tick()
        answer = pubrel(await client.send(answer_to(PUBREC, message.packet_identifier)))
        assert answer.reason_code == 0
        await send_message(sender, "t", b"after", 2)
        assert [message.payload for message in await client.messages()] == [b"after"]

    on_bench(talk)


@pytest.mark.parametrize(
    ("expiry_s", "away_s", "kept"),
    [(None, 0, False), (0, 0, False), (100, 99, True), (100, 101, False), (10, DAY_S, False)],
)
def test_MQTT_4_1_0_2_session_state_goes_when_its_expiry_interval_has_passed(
    on_bench: OnBench, expiry_s: int | None, away_s: int, kept: bool
) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, expiry_s)
        await send_message(await bench.client("sender"), "t", b"x", 1)
        bench.time.advance(away_s)
        await bench.tick()
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert client.connack.session_present is kept
        heard = [message.payload for message in await client.messages()]
        assert heard == ([b"x"] if kept else [])

    on_bench(talk)


def test_MQTT_4_4_0_1_unanswered_packets_are_sent_again_on_reconnect_and_only_then(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client, (one, two, released) = await begun(bench)
        for _ in range(10):
            bench.time.advance(3600)
            await bench.tick()
        assert await client.packets() == []
        client.lost()
        client = await bench.client("c", clean_start=False, properties=LASTING)
        again = await client.packets()
        messages = publishes(b"".join(packet for packet in again if packet[0] >> 4 == 3))
        assert [(message.packet_identifier, message.dup) for message in messages] == [
            (one, True),
            (two, True),
        ]
        (release,) = [packet for packet in again if packet[0] >> 4 != 3]
        assert pubrel(release).packet_identifier == released

    on_bench(talk)


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x97, 0x99])
def test_MQTT_4_4_0_2_a_message_answered_with_a_failure_is_not_sent_again(
    on_bench: OnBench, code: int
) -> None:
    async def talk(bench: Bench) -> None:
        client, (one, two, released) = await begun(bench)
        assert await client.send(answer_to(PUBACK, one, code)) == b""
        assert await client.send(answer_to(PUBREC, two, code)) == b""
        assert not client.closed
        client.lost()
        client = await bench.client("c", clean_start=False, properties=LASTING)
        (release,) = await client.packets()
        assert pubrel(release).packet_identifier == released
        assert await client.send(answer_to(PUBCOMP, released)) == b""

    on_bench(talk)


@pytest.mark.parametrize("qos", [1, 2])
def test_MQTT_4_5_0_1_a_message_joins_the_session_of_every_client_that_matches(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        names = ("exact", "plus", "hash", "other")
        for name, topic_filter in zip(names, ("a/b", "a/+", "#", "a/c"), strict=True):
            client = await bench.client(name, properties=LASTING)
            await client.subscribe((topic_filter, qos))
            client.lost()
        await send_message(await bench.client("sender"), "a/b", b"x", qos)
        heard = {}
        for name in names:
            client = await bench.client(name, clean_start=False, properties=LASTING)
            heard[name] = [message.payload for message in await client.messages()]
        assert heard == {"exact": [b"x"], "plus": [b"x"], "hash": [b"x"], "other": []}

    on_bench(talk)


def test_MQTT_4_5_0_2_a_client_that_answers_nothing_gets_no_more_than_its_window(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(receive_maximum=1))
        await client.subscribe(("t", 1))
        sender = await bench.client("sender")
        for number in range(3):
            await send_message(sender, "t", b"%d" % number, 1)
        (first,) = await client.messages()
        assert first.payload == b"0"
        (second,) = publishes(await client.send(answer_to(PUBACK, first.packet_identifier)))
        assert second.payload == b"1"

    on_bench(talk)
