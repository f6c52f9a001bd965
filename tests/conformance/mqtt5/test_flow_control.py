"""MQTT 5, section 4.9: the send quota."""

from __future__ import annotations

import pytest

from gateway.mqtt.encoding import encode_publish
from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBLISH, PUBREC, UNSUBACK, Publish
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    PINGREQ,
    PINGRESP,
    OnBench,
    answer_to,
    kinds,
    packet,
    puback,
    publishes,
    pubrel,
    send_message,
    text,
)
from tests.rig.mqtt_bench import Bench


@pytest.mark.parametrize("wanted", [1, 3, 100, 65_535])
def test_MQTT_4_9_0_1_the_send_quota_begins_above_zero_and_within_receive_maximum(
    on_bench: OnBench, wanted: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(receive_maximum=wanted))
        await client.subscribe(("t", 1))
        sender = await bench.client("sender")
        for number in range(10):
            await send_message(sender, "t", b"%d" % number, 1)
        assert len(await client.messages()) == min(wanted, 10)

    on_bench(talk)


def test_MQTT_4_9_0_2_at_a_send_quota_of_zero_no_message_of_qos_1_or_2_goes_out(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(receive_maximum=2))
        await client.subscribe(("t", 2))
        sender = await bench.client("sender")
        for number in range(6):
            await send_message(sender, "t", b"%d" % number, 1 + number % 2)
        first, second = await client.messages()
        assert (first.qos, second.qos) == (1, 2)
        # A PUBREC of success frees nothing; PUBACK, PUBCOMP and a PUBREC of failure free one each.
        received = await client.send(answer_to(PUBREC, second.packet_identifier))
        assert pubrel(received).reason_code == 0
        completed = await client.send(answer_to(PUBCOMP, second.packet_identifier))
        (third,) = publishes(completed)
        (fourth,) = publishes(await client.send(answer_to(PUBACK, first.packet_identifier)))
        assert (third.payload, fourth.payload) == (b"2", b"3")
        failed = await client.send(answer_to(PUBREC, fourth.packet_identifier, 0x80))
        assert [message.payload for message in publishes(failed)] == [b"4"]

    on_bench(talk)


def test_MQTT_4_9_0_3_at_a_send_quota_of_zero_all_else_goes_on(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(receive_maximum=1))
        await client.subscribe(("t", 1), ("plain", 0))
        sender = await bench.client("sender")
        await send_message(sender, "t", b"one", 1)
        await send_message(sender, "t", b"two", 1)
        assert [message.payload for message in await client.messages()] == [b"one"]
        assert await client.send(PINGREQ) == PINGRESP
        assert puback(await client.publish("else", b"", qos=1)).reason_code < 0x80
        assert await client.subscribe(("new", 1)) == b"\1"
        unsubscribe = packet(0xA2, b"\0\5\0" + text("new"))
        assert kinds(await client.send(unsubscribe)) == [UNSUBACK]
        await sender.send(encode_publish(Publish("plain", b"qos 0"), 5))
        (plain,) = await client.packets()
        assert plain[0] >> 4 == PUBLISH
        assert publishes(plain)[0].payload == b"qos 0"

    on_bench(talk)
