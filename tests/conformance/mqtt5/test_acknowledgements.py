"""MQTT 5, sections 3.4 to 3.7: PUBACK, PUBREC, PUBREL and PUBCOMP."""

from __future__ import annotations

from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBREC, PUBREL
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    EITHER,
    MALFORMED,
    OnBench,
    answer_to,
    puback,
    pubcomp,
    pubrec,
    pubrel,
    refused,
    send_message,
)
from tests.rig.mqtt_bench import Bench, WireClient

PUBLISH_ANSWERS = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
RELEASE_ANSWERS = {0x00, 0x92}
FORBIDDEN_TOPIC = "$SYS/broker/version"
SMALL = 60
LARGE = Properties(user_properties=(("key", "v" * 100),))


async def small_client(bench: Bench) -> WireClient:
    """A client that takes packets of at most SMALL bytes, and wants to be told of problems."""
    return await bench.client(
        "small",
        properties=Properties(maximum_packet_size_bytes=SMALL, request_problem_information=1),
    )


async def receiver(bench: Bench, qos: int) -> WireClient:
    """A client that has been sent one message at this QoS, under an identifier it may answer."""
    client = await bench.client("receiver")
    await client.subscribe(("t", qos))
    await send_message(await bench.client("sender"), "t", b"x", qos)
    return client


async def identifier_of(client: WireClient) -> int:
    (message,) = await client.messages()
    return message.packet_identifier


def test_MQTT_3_4_2_1_puback_has_a_reason_code_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        unheard = puback(await client.publish("t", b"", qos=1, identifier=1)).reason_code
        refusal = puback(await client.publish(FORBIDDEN_TOPIC, b"", qos=1, identifier=2))
        assert {unheard, refusal.reason_code} <= PUBLISH_ANSWERS
        assert unheard < 0x80 <= refusal.reason_code
        other = await receiver(bench, 1)
        identifier = await identifier_of(other)
        assert await refused(other, answer_to(PUBACK, identifier, 0x92)) in EITHER

    on_bench(talk)


def test_MQTT_3_4_2_2_puback_leaves_out_a_reason_string_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        answer = await client.publish(FORBIDDEN_TOPIC, b"", qos=1, identifier=9)
        assert puback(answer).packet_identifier == 9
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_4_2_3_puback_leaves_out_user_properties_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        answer = await client.publish("t", b"", qos=1, identifier=9, properties=LARGE)
        assert puback(answer).packet_identifier == 9
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_5_2_1_pubrec_has_a_reason_code_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        unheard = pubrec(await client.publish("t", b"", qos=2, identifier=1)).reason_code
        refusal = pubrec(await client.publish(FORBIDDEN_TOPIC, b"", qos=2, identifier=2))
        assert {unheard, refusal.reason_code} <= PUBLISH_ANSWERS
        assert unheard < 0x80 <= refusal.reason_code
        other = await receiver(bench, 2)
        identifier = await identifier_of(other)
        assert await refused(other, answer_to(PUBREC, identifier, 0x92)) in EITHER

    on_bench(talk)


def test_MQTT_3_5_2_2_pubrec_leaves_out_a_reason_string_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        answer = await client.publish(FORBIDDEN_TOPIC, b"", qos=2, identifier=9)
        assert pubrec(answer).packet_identifier == 9
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_5_2_3_pubrec_leaves_out_user_properties_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        answer = await client.publish("t", b"", qos=2, identifier=9, properties=LARGE)
        assert pubrec(answer).packet_identifier == 9
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_6_1_1_pubrel_with_other_flags_is_malformed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for flags in set(range(16)) - {2}:
            client = await bench.client(f"c{flags}")
            await client.publish("t", b"", qos=2, identifier=1)
            assert await refused(client, bytes((0x60 | flags, 2, 0, 1))) == MALFORMED

    on_bench(talk)


def test_MQTT_3_6_2_1_pubrel_has_a_reason_code_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await receiver(bench, 2)
        identifier = await identifier_of(client)
        first = pubrel(await client.send(answer_to(PUBREC, identifier))).reason_code
        again = pubrel(await client.send(answer_to(PUBREC, identifier))).reason_code
        unknown = pubrel(await client.send(answer_to(PUBREC, identifier + 1))).reason_code
        assert (first, again, unknown) == (0, 0, 0x92)
        assert {first, again, unknown} <= RELEASE_ANSWERS
        assert await refused(client, answer_to(PUBREL, 1, 0x91)) in EITHER

    on_bench(talk)


def test_MQTT_3_6_2_2_pubrel_leaves_out_a_reason_string_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        answer = await client.send(answer_to(PUBREC, 77))  # nothing was sent under it
        assert pubrel(answer).packet_identifier == 77
        assert pubrel(answer).reason_code == 0x92
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_6_2_3_pubrel_leaves_out_user_properties_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        await client.subscribe(("t", 2))
        await send_message(await bench.client("sender"), "t", b"x", 2)
        identifier = await identifier_of(client)
        long = bytes((0x26, 0, 1)) + b"k" + bytes((0, 100)) + b"v" * 100
        received = identifier.to_bytes(2, "big") + b"\0" + bytes((len(long),)) + long
        answer = await client.send(bytes((PUBREC << 4, len(received))) + received)
        assert pubrel(answer).packet_identifier == identifier
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_7_2_1_pubcomp_has_a_reason_code_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await receiver(bench, 2)
        identifier = await identifier_of(client)
        await client.publish("u", b"", qos=2, identifier=5)
        known = pubcomp(await client.send(answer_to(PUBREL, 5))).reason_code
        unknown = pubcomp(await client.send(answer_to(PUBREL, 6))).reason_code
        assert (known, unknown) == (0, 0x92)
        await client.send(answer_to(PUBREC, identifier))
        assert await refused(client, answer_to(PUBCOMP, identifier, 0x91)) in EITHER

    on_bench(talk)


def test_MQTT_3_7_2_2_pubcomp_leaves_out_a_reason_string_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        answer = await client.send(answer_to(PUBREL, 77))  # nothing was received under it
        assert pubcomp(answer).packet_identifier == 77
        assert pubcomp(answer).reason_code == 0x92
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_7_2_3_pubcomp_leaves_out_user_properties_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await small_client(bench)
        await client.publish("t", b"", qos=2, identifier=3)
        long = bytes((0x26, 0, 1)) + b"k" + bytes((0, 100)) + b"v" * 100
        released = b"\0\3\0" + bytes((len(long),)) + long
        answer = await client.send(bytes((PUBREL << 4 | 2, len(released))) + released)
        assert pubcomp(answer).packet_identifier == 3
        assert len(answer) <= SMALL

    on_bench(talk)
