"""MQTT 5, sections 4.3.1 and 4.3.2: QoS 0 and QoS 1."""

from __future__ import annotations

from gateway.mqtt.packets import PUBACK
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    OnBench,
    answer_to,
    body,
    packet,
    puback,
    send_message,
    text,
)
from tests.rig.mqtt_bench import Bench

LASTING = Properties(session_expiry_interval_s=1000)


def test_MQTT_4_3_1_1_qos_0_goes_out_with_qos_0_and_no_dup(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 0))
        await sender.publish("t", b"plain")
        await sender.publish("t", b"lowered", qos=1, dup=True)
        plain, lowered = await client.packets()
        assert plain == packet(0x30, text("t") + b"\0plain")
        assert lowered == packet(0x30, text("t") + b"\0lowered")

    on_bench(talk)


def test_MQTT_4_3_2_1_each_new_qos_1_message_has_an_unused_identifier(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 1))
        in_flight: list[int] = []
        for number in range(30):
            await send_message(sender, "t", b"%d" % number, 1)
            (message,) = await client.messages()
            assert message.packet_identifier != 0
            assert message.packet_identifier not in in_flight
            in_flight.append(message.packet_identifier)
            if number % 3 == 2:  # answered out of order; the first of all is never answered
                await client.send(answer_to(PUBACK, in_flight.pop(1)))

    on_bench(talk)


def test_MQTT_4_3_2_2_a_qos_1_message_first_goes_out_without_dup(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 1))
        assert puback(await sender.publish("t", b"x", qos=1, dup=True)).reason_code == 0
        (first,) = await client.packets()
        assert first[0] == 0x32
        assert int.from_bytes(body(first)[3:5], "big") != 0

    on_bench(talk)


def test_MQTT_4_3_2_3_a_qos_1_message_is_unacknowledged_until_its_puback(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 1))
        sender = await bench.client("sender")
        await send_message(sender, "t", b"answered", 1, 1)
        await send_message(sender, "t", b"not answered", 1, 2)
        answered, _ = await client.messages()
        await client.send(answer_to(PUBACK, answered.packet_identifier))
        for _ in range(2):
            client.lost()
            client = await bench.client("c", clean_start=False, properties=LASTING)
            (message,) = await client.messages()
            assert (message.payload, message.dup) == (b"not answered", True)
        await client.send(answer_to(PUBACK, message.packet_identifier))
        client.lost()
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert await client.messages() == []

    on_bench(talk)


def test_MQTT_4_3_2_4_a_puback_says_that_the_message_is_owned(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 1))
        client.lost()
        sender = await bench.client("sender")
        answer = puback(await sender.publish("t", b"x", qos=1, identifier=4321))
        assert (answer.packet_identifier, answer.reason_code) == (4321, 0)
        await bench.restart()
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert [message.payload for message in await client.messages()] == [b"x"]

    on_bench(talk)


def test_MQTT_4_3_2_5_after_its_puback_an_identifier_brings_a_new_message(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("t", 1))
        for payload, dup in ((b"1", False), (b"2", True), (b"2", True), (b"3", False)):
            answer = puback(await sender.publish("t", payload, qos=1, identifier=7, dup=dup))
            assert (answer.packet_identifier, answer.reason_code) == (7, 0)
        heard = [(message.payload, message.dup) for message in await client.messages()]
        assert heard == [(b"1", False), (b"2", False), (b"2", False), (b"3", False)]

    on_bench(talk)
