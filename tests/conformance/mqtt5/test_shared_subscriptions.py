"""MQTT 5, section 4.8.2: shared subscriptions."""

from __future__ import annotations

import pytest

from gateway.mqtt.packets import DISCONNECT, PUBACK, PUBCOMP, PUBREC
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    OnBench,
    answer_to,
    disconnect,
    packet,
    pubrel,
    send_message,
    suback,
    text,
)
from tests.rig.mqtt_bench import Bench, WireClient

LASTING = Properties(session_expiry_interval_s=1000)
TOPIC_FILTER_INVALID = 0x8F


async def group_of_two(bench: Bench, qos: int) -> tuple[WireClient, int, WireClient]:
    """A message at this QoS sent to the first of a group, its identifier, and a second member."""
    first = await bench.client("first", properties=LASTING)
    await first.subscribe(("$share/g/t", qos))
    await send_message(await bench.client("sender"), "t", b"x", qos)
    (message,) = await first.messages()
    second = await bench.client("second", properties=LASTING)
    await second.subscribe(("$share/g/t", qos))
    return first, message.packet_identifier, second


async def refusal(client: WireClient, topic_filter: str) -> int:
    """The reason code that refuses a filter: in the SUBACK, or in the DISCONNECT."""
    answer = await client.send(packet(0x82, b"\0\1\0" + text(topic_filter) + b"\0"))
    if answer[0] == DISCONNECT << 4:
        assert client.closed
        return disconnect(answer).reason_code
    (code,) = suback(answer).reason_codes
    return code


def test_MQTT_4_8_2_1_a_shared_filter_has_a_share_name(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert await client.subscribe(("$share/g/t", 0)) == b"\0"
        await (await bench.client("sender")).publish("t", b"shared")
        assert [message.payload for message in await client.messages()] == [b"shared"]
        for wrong in ("$share//t", "$share/", "$share//#"):
            assert await refusal(await bench.client(wrong), wrong) == TOPIC_FILTER_INVALID

    on_bench(talk)


def test_MQTT_4_8_2_2_a_share_name_has_no_wildcards_and_a_filter_follows(
    on_bench: OnBench,
) -> None:
    wrong_ones = ["$share/g", "$share/g/", "$share/#", "$share/+/t", "$share/g+/t", "$share/#g/t"]

    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert await client.subscribe(("$share/any name!/a/+", 0)) == b"\0"
        await (await bench.client("sender")).publish("a/b", b"shared")
        assert [message.payload for message in await client.messages()] == [b"shared"]
        for wrong in wrong_ones:
            assert await refusal(await bench.client(wrong), wrong) == TOPIC_FILTER_INVALID

    on_bench(talk)


def test_MQTT_4_8_2_3_each_member_gets_its_messages_at_its_granted_qos(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        members = [await bench.client(f"c{qos}") for qos in (0, 1, 2)]
        for qos, member in enumerate(members):
            assert await member.subscribe(("$share/g/t", qos)) == bytes((qos,))
        sender = await bench.client("sender")
        for number in range(30):
            await send_message(sender, "t", b"%d" % number, 2)
        heard: list[int] = []
        for qos, member in enumerate(members):
            messages = await member.messages()
            assert {message.qos for message in messages} == {qos}
            heard += [int(message.payload) for message in messages]
        assert sorted(heard) == list(range(30))

    on_bench(talk)


@pytest.mark.parametrize("received", [False, True])
def test_MQTT_4_8_2_4_a_qos_2_delivery_cut_off_is_completed_to_the_same_member(
    on_bench: OnBench, received: bool
) -> None:
    async def talk(bench: Bench) -> None:
        first, identifier, second = await group_of_two(bench, 2)
        if received:
            await first.send(answer_to(PUBREC, identifier))
        first.lost()
        bench.time.advance(500)
        await bench.tick()
        assert await second.packets() == []
        first = await bench.client("first", clean_start=False, properties=LASTING)
        if received:
            (again,) = await first.packets()
        else:
            (message,) = await first.messages()
            assert (message.packet_identifier, message.payload) == (identifier, b"x")
            again = await first.send(answer_to(PUBREC, identifier))
        assert pubrel(again).packet_identifier == identifier
        assert await first.send(answer_to(PUBCOMP, identifier)) == b""
        assert await second.packets() == []

    on_bench(talk)


def test_MQTT_4_8_2_5_a_qos_2_delivery_goes_to_no_other_when_its_session_ends(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        first, _, second = await group_of_two(bench, 2)
        first.lost()
        bench.time.advance(2000)
        await bench.tick()
        assert await second.packets() == []
        first = await bench.client("first", clean_start=False)
        assert not first.connack.session_present
        assert await first.packets() == []
        # The group itself goes on.
        await send_message(await bench.client("sender"), "t", b"next", 2)
        assert [message.payload for message in await second.messages()] == [b"next"]

    on_bench(talk)


@pytest.mark.parametrize(("kind", "qos"), [(PUBACK, 1), (PUBREC, 2)])
def test_MQTT_4_8_2_6_a_message_that_a_member_refuses_goes_to_no_other(
    on_bench: OnBench, kind: int, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        first, identifier, second = await group_of_two(bench, qos)
        assert await first.send(answer_to(kind, identifier, 0x80)) == b""
        assert not first.closed
        assert await second.packets() == []
        first.lost()
        await bench.tick()
        assert await second.packets() == []
        first = await bench.client("first", clean_start=False, properties=LASTING)
        assert await first.packets() == []

    on_bench(talk)
