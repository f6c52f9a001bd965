"""MQTT 5, section 4.3.3: QoS 2."""

from __future__ import annotations

import pytest

from gateway.mqtt.packets import PUBCOMP, PUBREC, PUBREL
from gateway.mqtt.properties import EMPTY, Properties
from tests.conformance.mqtt5.wire import (
    OnBench,
    answer_to,
    pubcomp,
    publishes,
    pubrec,
    pubrel,
    send_message,
)
from tests.rig.mqtt_bench import Bench, WireClient

LASTING = Properties(session_expiry_interval_s=1000)
FORBIDDEN_TOPIC = "$SYS/broker/version"


async def receiver(bench: Bench, properties: Properties = EMPTY) -> tuple[WireClient, int]:
    """A lasting client that was sent one message at QoS 2, and the message's identifier."""
    client = await bench.client("c", properties=LASTING)
    await client.subscribe(("t", 2))
    await send_message(await bench.client("sender"), "t", b"x", 2, properties=properties)
    (message,) = await client.messages()
    assert (message.qos, message.dup) == (2, False)
    return client, message.packet_identifier


async def back(bench: Bench, client: WireClient) -> WireClient:
    """The client loses its connection and makes another."""
    client.lost()
    client = await bench.client("c", clean_start=False, properties=LASTING)
    assert client.connack.session_present
    return client


def test_MQTT_4_3_3_1_each_new_qos_2_message_has_an_unused_identifier(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 2))
        in_flight: list[int] = []
        for number in range(30):
            await send_message(sender, "t", b"%d" % number, 1 + number % 2)
            (message,) = await client.messages()
            assert message.packet_identifier != 0
            assert message.packet_identifier not in in_flight
            in_flight.append(message.packet_identifier)
            if message.qos == 2 and number % 5 == 4:  # only a PUBCOMP makes it unused
                identifier = in_flight.pop()
                await client.send(answer_to(PUBREC, identifier))
                await client.send(answer_to(PUBCOMP, identifier))

    on_bench(talk)


def test_MQTT_4_3_3_2_a_qos_2_message_first_goes_out_without_dup(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 2))
        assert pubrec(await sender.publish("t", b"x", qos=2, dup=True)).reason_code == 0
        assert pubcomp(await sender.send(answer_to(PUBREL, 1))).reason_code == 0
        (first,) = await client.packets()
        assert first[0] == 0x34

    on_bench(talk)


def test_MQTT_4_3_3_3_a_qos_2_message_is_unacknowledged_until_its_pubrec(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client, identifier = await receiver(bench)
        for _ in range(2):
            client = await back(bench, client)
            (message,) = await client.messages()
            assert (message.packet_identifier, message.qos, message.dup) == (identifier, 2, True)
        assert pubrel(await client.send(answer_to(PUBREC, identifier))).reason_code == 0
        client = await back(bench, client)
        assert [packet[0] for packet in await client.packets()] == [0x62]

    on_bench(talk)


@pytest.mark.parametrize("code", [None, 0x00, 0x10])
def test_MQTT_4_3_3_4_a_pubrec_is_answered_with_a_pubrel(
    on_bench: OnBench, code: int | None
) -> None:
    async def talk(bench: Bench) -> None:
        client, identifier = await receiver(bench)
        answer = pubrel(await client.send(answer_to(PUBREC, identifier, code)))
        assert (answer.packet_identifier, answer.reason_code) == (identifier, 0)

    on_bench(talk)


def test_MQTT_4_3_3_5_a_pubrel_is_unacknowledged_until_its_pubcomp(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, identifier = await receiver(bench)
        await client.send(answer_to(PUBREC, identifier))
        for _ in range(2):
            client = await back(bench, client)
            (again,) = await client.packets()
            assert pubrel(again).packet_identifier == identifier
        assert await client.send(answer_to(PUBCOMP, identifier)) == b""
        client = await back(bench, client)
        assert await client.packets() == []

    on_bench(talk)


def test_MQTT_4_3_3_6_the_publish_is_not_sent_again_after_its_pubrel(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, identifier = await receiver(bench)
        await client.send(answer_to(PUBREC, identifier))
        sender = await bench.client("sender")
        for number in range(3):
            await send_message(sender, "t", b"%d" % number, 2)
        client = await back(bench, client)
        first, *others = await client.packets()
        assert pubrel(first).packet_identifier == identifier
        payloads = [message.payload for message in publishes(b"".join(others))]
        assert payloads == [b"0", b"1", b"2"]

    on_bench(talk)


@pytest.mark.parametrize("released", [False, True])
def test_MQTT_4_3_3_7_what_was_sent_does_not_expire(on_bench: OnBench, released: bool) -> None:
    async def talk(bench: Bench) -> None:
        client, identifier = await receiver(bench, Properties(message_expiry_interval_s=5))
        if released:
            await client.send(answer_to(PUBREC, identifier))
        client.lost()
        bench.time.advance(60)
        await bench.tick()
        client = await back(bench, client)
        (again,) = await client.packets()
        if not released:
            (message,) = publishes(again)
            assert (message.packet_identifier, message.payload) == (identifier, b"x")
            again = await client.send(answer_to(PUBREC, identifier))
        assert pubrel(again).packet_identifier == identifier
        assert pubrel(again).reason_code == 0

    on_bench(talk)


def test_MQTT_4_3_3_8_a_pubrec_says_that_the_message_is_owned(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 2))
        client.lost()
        sender = await bench.client("sender", properties=LASTING)
        answer = pubrec(await sender.publish("t", b"x", qos=2, identifier=4321))
        assert (answer.packet_identifier, answer.reason_code) == (4321, 0)
        await bench.restart()
        sender = await bench.client("sender", clean_start=False, properties=LASTING)
        assert pubcomp(await sender.send(answer_to(PUBREL, 4321))).reason_code == 0
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert [message.payload for message in await client.messages()] == [b"x"]

    on_bench(talk)


def test_MQTT_4_3_3_9_after_a_refusing_pubrec_an_identifier_brings_a_new_message(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 2))
        for _ in range(2):
            answer = pubrec(await sender.publish(FORBIDDEN_TOPIC, b"", qos=2, identifier=7))
            assert answer.reason_code >= 0x80
        await send_message(sender, "t", b"new", 2, identifier=7)
        assert [message.payload for message in await client.messages()] == [b"new"]

    on_bench(talk)


def test_MQTT_4_3_3_10_until_its_pubrel_a_message_is_answered_again_but_not_delivered_again(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 2))
        sender = await bench.client("sender", properties=LASTING)
        for attempt in range(4):
            if attempt == 2:
                sender.lost()
                sender = await bench.client("sender", clean_start=False, properties=LASTING)
            answer = await sender.publish("t", b"x", qos=2, identifier=7, dup=attempt > 0)
            assert pubrec(answer).packet_identifier == 7
            assert pubrec(answer).reason_code < 0x80
        assert pubcomp(await sender.send(answer_to(PUBREL, 7))).reason_code == 0
        assert [message.payload for message in await client.messages()] == [b"x"]

    on_bench(talk)


def test_MQTT_4_3_3_11_a_pubrel_is_answered_with_a_pubcomp(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        sender = await bench.client("sender")
        for identifier in (1, 0x1234, 0xFFFF):
            await sender.publish("t", b"x", qos=2, identifier=identifier)
            answer = pubcomp(await sender.send(answer_to(PUBREL, identifier)))
            assert (answer.packet_identifier, answer.reason_code) == (identifier, 0)

    on_bench(talk)


def test_MQTT_4_3_3_12_after_its_pubcomp_an_identifier_brings_a_new_message(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 2))
        for _ in range(3):
            assert pubrec(await sender.publish("t", b"x", qos=2, identifier=7, dup=True))
            assert pubcomp(await sender.send(answer_to(PUBREL, 7))).reason_code == 0
        assert [message.payload for message in await client.messages()] == [b"x"] * 3

    on_bench(talk)


def test_MQTT_4_3_3_13_the_exchange_goes_on_after_the_message_expired(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 2))
        client.lost()
        sender = await bench.client("sender")
        short = Properties(message_expiry_interval_s=5)
        assert (
            pubrec(
                await sender.publish("t", b"x", qos=2, identifier=7, properties=short)
            ).reason_code
            == 0
        )
        bench.time.advance(60)
        await bench.tick()
        again = await sender.publish("t", b"x", qos=2, identifier=7, dup=True, properties=short)
        assert pubrec(again).reason_code < 0x80
        answer = pubcomp(await sender.send(answer_to(PUBREL, 7)))
        assert (answer.packet_identifier, answer.reason_code) == (7, 0)
        # It did expire.
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert client.connack.session_present
        assert await client.messages() == []

    on_bench(talk)
