"""MQTT 5, sections 3.10 and 3.11: UNSUBSCRIBE and UNSUBACK."""

from __future__ import annotations

import pytest

from gateway.mqtt.packets import PUBCOMP, PUBREC, UNSUBACK
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    MALFORMED,
    NO_UTF_8,
    PROTOCOL_ERROR,
    OnBench,
    answer_to,
    kinds,
    packet,
    pubrel,
    refused,
    send_message,
    text,
    unsuback,
)
from tests.rig.mqtt_bench import Bench

UNSUBSCRIBE_ANSWERS = {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91}
GONE, NONE_THERE = 0x00, 0x11
SMALL = 60


def unsubscribe(identifier: int, *filters: str | bytes) -> bytes:
    """An UNSUBSCRIBE, whether or not it is allowed."""
    return packet(0xA2, identifier.to_bytes(2, "big") + b"\0" + b"".join(map(text, filters)))


def test_MQTT_3_10_1_1_unsubscribe_with_other_flags_is_malformed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for flags in set(range(16)) - {2}:
            wrong = bytes((0xA0 | flags,)) + unsubscribe(1, "a")[1:]
            assert await refused(await bench.client(f"c{flags}"), wrong) == MALFORMED

    on_bench(talk)


def test_MQTT_3_10_3_1_filters_to_unsubscribe_are_utf_8(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for number, wrong in enumerate(NO_UTF_8):
            client = await bench.client(f"c{number}")
            await client.subscribe(("é/水", 0))
            answer = unsuback(await client.send(unsubscribe(1, "é/水")))
            assert answer.reason_codes == bytes((GONE,))
            assert await refused(client, unsubscribe(2, wrong)) == MALFORMED

    on_bench(talk)


def test_MQTT_3_10_3_2_unsubscribe_has_at_least_one_filter(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await refused(await bench.client("c"), unsubscribe(1)) == PROTOCOL_ERROR

    on_bench(talk)


def test_MQTT_3_10_4_1_only_the_same_filter_to_the_letter_is_deleted(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await client.subscribe(("a/b", 0))
        others = ("a/+", "a/#", "#", "A/b", "a/b/", "/a/b", "a", "$share/g/a/b")
        answer = unsuback(await client.send(unsubscribe(1, *others)))
        assert answer.reason_codes == bytes((NONE_THERE,)) * len(others)
        sender = await bench.client("sender")
        await sender.publish("a/b", b"still")
        assert [message.payload for message in await client.messages()] == [b"still"]
        assert unsuback(await client.send(unsubscribe(2, "a/b"))).reason_codes == bytes((GONE,))
        await sender.publish("a/b", b"no more")
        assert await client.messages() == []

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_10_4_2_no_message_is_added_after_unsubscribe(on_bench: OnBench, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        lasting = Properties(session_expiry_interval_s=1000)
        client = await bench.client("c", properties=lasting)
        await client.subscribe(("a/#", qos), ("b", qos))
        assert unsuback(await client.send(unsubscribe(1, "a/#"))).reason_codes == bytes((GONE,))
        sender = await bench.client("sender")
        await send_message(sender, "a/b", b"gone", qos)
        await send_message(sender, "b", b"still", qos)
        assert [message.payload for message in await client.messages()] == [b"still"]

    on_bench(talk)


def test_MQTT_3_10_4_3_what_was_begun_at_qos_1_and_2_is_completed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        lasting = Properties(session_expiry_interval_s=1000)
        client = await bench.client("c", properties=lasting)
        await client.subscribe(("a", 1), ("b", 2))
        sender = await bench.client("sender")
        await send_message(sender, "a", b"one", 1)
        await send_message(sender, "b", b"two", 2)
        begun = {message.payload: message.packet_identifier for message in await client.messages()}
        await client.send(unsubscribe(1, "a", "b"))
        client.lost()
        client = await bench.client("c", clean_start=False, properties=lasting)
        again = {message.payload: message.packet_identifier for message in await client.messages()}
        assert again == begun and set(begun) == {b"one", b"two"}
        answer = await client.send(answer_to(PUBREC, begun[b"two"]))
        assert pubrel(answer).packet_identifier == begun[b"two"]
        assert pubrel(answer).reason_code == 0
        assert await client.send(answer_to(PUBCOMP, begun[b"two"])) == b""
        assert not client.closed

    on_bench(talk)


def test_MQTT_3_10_4_4_each_unsubscribe_gets_an_unsuback(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        answer = await client.send(unsubscribe(1, "a") + unsubscribe(2, "b"))
        assert kinds(answer) == [UNSUBACK, UNSUBACK]

    on_bench(talk)


def test_MQTT_3_10_4_5_the_unsuback_has_the_identifier_even_if_nothing_was_deleted(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        for identifier in (1, 0x1234, 0xFFFF):
            answer = unsuback(await client.send(unsubscribe(identifier, "never/subscribed")))
            assert answer.packet_identifier == identifier
            assert answer.reason_codes == bytes((NONE_THERE,))

    on_bench(talk)


def test_MQTT_3_10_4_6_many_filters_are_handled_in_turn_and_answered_once(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await client.subscribe(("a", 0), ("b", 0))
        answer = unsuback(await client.send(unsubscribe(1, "a", "b", "a")))
        assert answer.reason_codes == bytes((GONE, GONE, NONE_THERE))
        sender = await bench.client("sender")
        await sender.publish("a", b"")
        await sender.publish("b", b"")
        assert await client.messages() == []

    on_bench(talk)


def test_MQTT_3_11_2_1_unsuback_leaves_out_a_reason_string_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        properties = Properties(maximum_packet_size_bytes=SMALL, request_problem_information=1)
        client = await bench.client("c", properties=properties)
        answer = await client.send(unsubscribe(1, *(f"none/{number}" for number in range(10))))
        assert len(answer) <= SMALL
        assert unsuback(answer).reason_codes == bytes((NONE_THERE,)) * 10

    on_bench(talk)


def test_MQTT_3_11_2_2_unsuback_leaves_out_user_properties_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(maximum_packet_size_bytes=SMALL))
        long = b"\x26" + text("key") + text("v" * 90)
        answer = await client.send(packet(0xA2, b"\0\1" + bytes((len(long),)) + long + text("a")))
        assert len(answer) <= SMALL
        assert unsuback(answer).reason_codes == bytes((NONE_THERE,))

    on_bench(talk)


def test_MQTT_3_11_3_1_the_reason_codes_are_in_the_order_of_the_filters(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await client.subscribe(("a", 0), ("b", 0))
        answer = unsuback(await client.send(unsubscribe(1, "x", "b", "y", "a")))
        assert answer.reason_codes == bytes((NONE_THERE, GONE, NONE_THERE, GONE))

    on_bench(talk)


def test_MQTT_3_11_3_2_each_filter_gets_a_reason_code_of_unsuback(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await client.subscribe(("a", 0), ("$share/g/a", 1))
        filters = ("a", "a", "$share/g/a", "$SYS/#")
        codes = unsuback(await client.send(unsubscribe(1, *filters))).reason_codes
        assert len(codes) == len(filters)
        assert set(codes) <= UNSUBSCRIBE_ANSWERS

    on_bench(talk)
