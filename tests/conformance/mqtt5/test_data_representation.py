"""MQTT 5, chapters 1 and 2: text, integers, packet identifiers and the property length."""

from __future__ import annotations

from gateway.mqtt.packets import PUBREC, PUBREL
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.opening import connect, property_text, turned_away
from tests.conformance.mqtt5.wire import (
    EITHER,
    MALFORMED,
    PINGREQ,
    PINGRESP,
    OnBench,
    answer_to,
    packet,
    puback,
    pubcomp,
    pubrec,
    pubrel,
    refused,
    suback,
    text,
    unsuback,
)
from tests.rig.mqtt_bench import Bench

USER_PROPERTY = 0x26


def test_MQTT_1_5_4_1_text_that_is_not_utf8_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        for wrong in (b"\xc3\x28", b"\xff", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xc0\xaf", b"\xe2"):
            client = await bench.client("c")
            assert await refused(client, packet(0x30, text(b"t" + wrong) + b"\0x")) == MALFORMED
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_1_5_4_2_text_with_the_null_character_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        client = await bench.client("c")
        assert await refused(client, packet(0x30, text("t\0t") + b"\0x")) == MALFORMED
        assert await turned_away(bench, connect(text("c\0d"))) == MALFORMED
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_1_5_4_3_the_character_feff_is_kept(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("\ufefft", 0), ("t", 0))
        client = await bench.client("c")
        kept = Properties(user_properties=(("\ufeffk", "v\ufeff"),))
        await client.publish("\ufefft", b"1", properties=kept)
        (message,) = await watcher.messages()
        assert message.topic == "\ufefft"
        assert message.properties.user_properties == (("\ufeffk", "v\ufeff"),)
        await client.publish("t", b"2")
        assert [m.topic for m in await watcher.messages()] == ["t"]

    on_bench(talk)


def test_MQTT_1_5_5_1_lengths_take_as_few_bytes_as_they_can(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 0))
        client = await bench.client("c")
        overhead = 2 + len("t") + 1  # the topic and an empty property length
        for remaining, encoded in (
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (16_383, b"\xff\x7f"),
            (16_384, b"\x80\x80\x01"),
        ):
            await client.publish("t", bytes(remaining - overhead))
            (data,) = await watcher.packets()
            assert data[1 : 1 + len(encoded)] == encoded
            assert len(data) == 1 + len(encoded) + remaining
        value = "v" * 200
        await client.publish("t", b"", properties=Properties(user_properties=(("k", value),)))
        (data,) = await watcher.packets()
        length = len(property_text(USER_PROPERTY, "k", value))
        assert data[3 + len(text("t")) :][:2] == bytes((length & 0x7F | 0x80, length >> 7))

    on_bench(talk)


def test_MQTT_1_5_7_1_both_texts_of_a_pair_follow_the_rules(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for pair in ((b"\xff", b"v"), (b"k", b"\xff"), (b"k\0", b"v"), (b"k", b"v\0")):
            wrong = property_text(USER_PROPERTY, *pair)
            client = await bench.client("c")
            data = packet(0x30, text("t") + bytes((len(wrong),)) + wrong)
            assert await refused(client, data) == MALFORMED

    on_bench(talk)


def test_MQTT_2_1_3_1_reserved_flags_are_as_listed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        subscription = b"\0\1\0" + text("t")
        for wrong in (
            packet(0x41, b"\0\1"),
            packet(0x52, b"\0\1"),
            packet(0x60, b"\0\1"),
            packet(0x74, b"\0\1"),
            packet(0x80, subscription + b"\0"),
            packet(0x8A, subscription + b"\0"),
            packet(0xA3, subscription),
            packet(0xC1, b""),
            packet(0xE8, b""),
            packet(0xF1, b""),
        ):
            assert await refused(await bench.client("c"), wrong) == MALFORMED
        raw = bench.raw()
        await raw.send(b"\x11" + connect(text("c"))[1:])
        assert raw.closed
        client = bench.raw()
        first_bytes = [
            (await client.send(data))[0]
            for data in (
                connect(text("c")),
                PINGREQ,
                packet(0x82, subscription + b"\0"),
                packet(0xA2, subscription),
                packet(0x34, text("t") + b"\0\2\0"),
                packet(0x62, b"\0\2"),
            )
        ]
        assert first_bytes == [0x20, 0xD0, 0x90, 0xB0, 0x50, 0x70]

    on_bench(talk)


def test_MQTT_2_2_1_2_a_publish_at_qos_0_has_no_packet_identifier(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 2))
        client = await bench.client("c")
        assert await client.send(b"\x30\x06" + text("t") + b"\0" + b"hi") == b""
        assert await watcher.packets() == [b"\x30\x06" + text("t") + b"\0" + b"hi"]

    on_bench(talk)


def test_MQTT_2_2_1_3_a_client_does_not_use_packet_identifier_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for wrong in (
            packet(0x82, b"\0\0\0" + text("t") + b"\0"),
            packet(0xA2, b"\0\0\0" + text("t")),
            packet(0x32, text("t") + b"\0\0\0"),
            packet(0x34, text("t") + b"\0\0\0"),
        ):
            assert await refused(await bench.client("c"), wrong) in EITHER

    on_bench(talk)


def test_MQTT_2_2_1_4_the_server_uses_identifiers_that_are_free(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 2))
        client = await bench.client("c")
        unacknowledged: set[int] = set()
        for number in range(20):
            await client.publish("t", b"x", qos=1, identifier=number + 1)
            (message,) = await watcher.messages()
            assert message.packet_identifier != 0
            assert message.packet_identifier not in unacknowledged
            if number % 3 == 0:
                await watcher.acknowledge(message.packet_identifier)
            else:
                unacknowledged.add(message.packet_identifier)

    on_bench(talk)


def test_MQTT_2_2_1_5_acknowledgements_repeat_the_identifier(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 2))
        client = await bench.client("c")
        answer = await client.publish("t", b"1", qos=1, identifier=0x1234)
        assert puback(answer).packet_identifier == 0x1234
        answer = await client.publish("t", b"2", qos=2, identifier=0xFFFF)
        assert pubrec(answer).packet_identifier == 0xFFFF
        answer = await client.send(answer_to(PUBREL, 0xFFFF))
        assert pubcomp(answer).packet_identifier == 0xFFFF
        identifier = (await watcher.messages())[-1].packet_identifier
        answer = await watcher.send(answer_to(PUBREC, identifier))
        assert pubrel(answer).packet_identifier == identifier

    on_bench(talk)


def test_MQTT_2_2_1_6_suback_and_unsuback_repeat_the_identifier(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        for identifier in (1, 0x1234, 0xFFFF):
            head = identifier.to_bytes(2, "big") + b"\0" + text("t")
            answer = await client.send(packet(0x82, head + b"\0"))
            assert suback(answer).packet_identifier == identifier
            answer = await client.send(packet(0xA2, head))
            assert unsuback(answer).packet_identifier == identifier

    on_bench(talk)


def test_MQTT_2_2_2_1_no_properties_is_a_property_length_of_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        answer = await client.send(packet(0x82, b"\0\1\0" + text("t") + b"\0"))
        assert answer == b"\x90\x04\0\1\0\0"
        assert await client.publish("t", b"x") == b"\x30\x05" + text("t") + b"\0x"
        answer = await client.send(packet(0xA2, b"\0\2\0" + text("t")))
        assert answer == b"\xb0\x04\0\2\0\0"
        assert await client.send(PINGREQ) == PINGRESP
        assert await refused(client, packet(0x30, text("t"))) == MALFORMED

    on_bench(talk)
