"""MQTT 3.1.1, chapters 1 and 2: strings, flags of the fixed header, packet identifiers."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    CLEAN,
    DISCONNECT,
    NOT_UTF_8,
    PINGREQ,
    WILL,
    OnBench,
    away,
    closes,
    connect,
    connected,
    heard,
    listening,
    packet,
    puback,
    pubcomp,
    publish,
    pubrec,
    pubrel,
    returned,
    say,
    split,
    suback,
    subscribe,
    text,
    two,
    unsuback,
    unsubscribe,
)
from tests.rig.mqtt_bench import Bench


@pytest.mark.parametrize("wrong", NOT_UTF_8)
def test_MQTT_1_5_3_1_a_string_that_is_not_utf_8_closes_the_connection(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        for number, packet_with_it in enumerate(
            [publish(wrong, b"x"), subscribe(1, (wrong, 0)), unsubscribe(1, wrong)]
        ):
            assert await closes(await connected(bench, f"c{number}"), packet_with_it) == b""
        assert await closes(bench.raw(), connect(wrong)) == b""
        assert await listener.packets() == []

    on_bench(talk)


@pytest.mark.parametrize("wrong", ["\0", "a\0", "a/\0/b"])
def test_MQTT_1_5_3_2_a_null_character_closes_the_connection(on_bench: OnBench, wrong: str) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        for number, packet_with_it in enumerate(
            [publish(wrong, b"x"), subscribe(1, (wrong, 0)), unsubscribe(1, wrong)]
        ):
            assert await closes(await connected(bench, f"c{number}"), packet_with_it) == b""
        assert await closes(bench.raw(), connect(wrong)) == b""
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_1_5_3_3_the_bytes_of_a_byte_order_mark_stay_in_a_topic(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        plain = await listening(bench, ("a", 0), client_id="plain")
        marked = await listening(bench, ("\ufeffa", 0), client_id="marked")
        wild = await listening(bench, ("#", 0), client_id="wild")
        await say(await connected(bench), "\ufeffa", b"x")
        assert await plain.packets() == []
        assert await marked.packets() == [packet(0x30, b"\0\x04\xef\xbb\xbfa", b"x")]
        assert await wild.packets() == [packet(0x30, b"\0\x04\xef\xbb\xbfa", b"x")]

    on_bench(talk)


def test_MQTT_2_2_2_1_reserved_flags_go_out_as_the_table_lists_them(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        seen = split(await client.send(connect("c")))
        for data in (
            subscribe(1, ("a", 2)),
            publish("b", b"", 1, 2),
            publish("b", b"", 2, 3),
            pubrel(3),
            unsubscribe(4, "b"),
            PINGREQ,
        ):
            seen += split(await client.send(data))
        await say(await connected(bench, "other"), "a", b"x", 2)
        (message,) = heard(await client.packets())
        seen += split(await client.send(pubrec(message.identifier)))
        assert {one[0] >> 4: one[0] & 0x0F for one in seen} == {
            2: 0,  # CONNACK
            4: 0,  # PUBACK
            5: 0,  # PUBREC
            6: 2,  # PUBREL
            7: 0,  # PUBCOMP
            9: 0,  # SUBACK
            11: 0,  # UNSUBACK
            13: 0,  # PINGRESP
        }

    on_bench(talk)


@pytest.mark.parametrize(
    "right",
    [
        puback(1),
        pubrec(1),
        pubrel(1),
        pubcomp(1),
        subscribe(1, ("a", 0)),
        unsubscribe(1, "a"),
        PINGREQ,
        DISCONNECT,
    ],
    ids=["PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ", "DISCO"],
)
def test_MQTT_2_2_2_2_a_packet_with_other_flags_closes_the_connection(
    on_bench: OnBench, right: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        for flags in set(range(16)) - {right[0] & 0x0F}:
            wrong = bytes((right[0] & 0xF0 | flags,)) + right[1:]
            assert await closes(await connected(bench), wrong) == b""

    on_bench(talk)


@pytest.mark.parametrize("flags", range(1, 16))
def test_MQTT_2_2_2_2_a_connect_with_flags_closes_the_connection(
    on_bench: OnBench, flags: int
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), bytes((0x10 | flags,)) + connect("c")[1:]) == b""

    on_bench(talk)


@pytest.mark.parametrize(
    "without",
    [
        subscribe(0, ("a", 0)),
        unsubscribe(0, "a"),
        publish("a", b"x", 1, 0),
        publish("a", b"x", 2, 0),
        packet(0x82),
        packet(0xA2),
        packet(0x32, text("a")),
        packet(0x34, text("a"), b"\x01"),
    ],
)
def test_MQTT_2_3_1_1_a_packet_identifier_is_there_and_not_zero(
    on_bench: OnBench, without: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 2))
        assert await closes(await connected(bench), without) == b""
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_2_3_1_2_an_identifier_in_use_makes_no_second_message(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        assert await client.send(publish("a", b"first", 2, 5)) == pubrec(5)
        assert await client.send(publish("a", b"second", 2, 5)) == pubrec(5)
        assert await client.send(pubrel(5)) == pubcomp(5)
        assert len(heard(await listener.packets())) == 1

    on_bench(talk)


def test_MQTT_2_3_1_3_an_identifier_sent_again_is_the_same_packet_until_its_end(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        assert await client.send(publish("a", b"1", 2, 5)) == pubrec(5)
        assert await client.send(publish("a", b"1", 2, 5, dup=True)) == pubrec(5)
        assert await client.send(pubrel(5)) == pubcomp(5)
        assert await client.send(publish("a", b"2", 2, 5)) == pubrec(5)
        assert await client.send(pubrel(5)) == pubcomp(5)
        assert [message.payload for message in heard(await listener.packets())] == [b"1", b"2"]

    on_bench(talk)


def test_MQTT_2_3_1_4_the_server_gives_unused_identifiers_and_keeps_them(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        for number in range(6):
            await say(other, "a", b"%d" % number, 1 + number % 2)
        first = heard(await client.packets())
        identifiers = [message.identifier for message in first]
        assert len(set(identifiers)) == 6 and 0 not in identifiers
        assert await client.send(puback(identifiers[0])) == b""  # free again
        client.lost()
        client, again = await returned(bench)
        assert [(m.payload, m.identifier) for m in heard(again)] == [
            (m.payload, m.identifier) for m in first[1:]
        ]
        await say(other, "a", b"new", 1)
        (new,) = heard(await client.packets())
        assert new.identifier not in {0, *identifiers[1:]}

    on_bench(talk)


def test_MQTT_2_3_1_5_a_publish_at_qos_0_has_no_identifier(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        for qos in (0, 1, 2):
            await say(client, "a", b"xy", qos, 0x4142)
        assert await listener.packets() == [b"\x30\x05\0\x01axy"] * 3
        # What stands where an identifier would be is payload.
        await client.send(packet(0x30, text("a"), b"\0\0"))
        assert await listener.packets() == [b"\x30\x05\0\x01a\0\0"]

    on_bench(talk)


def test_MQTT_2_3_1_6_acknowledgements_carry_the_identifier_of_the_publish(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        for identifier in (1, 0x1234, 0xFFFF):
            answer = await client.send(publish("a", b"", 1, identifier))
            assert answer == b"\x40\x02" + two(identifier)
            answer = await client.send(publish("a", b"", 2, identifier))
            assert answer == b"\x50\x02" + two(identifier)
        listener = await listening(bench, ("a", 2))
        await say(client, "a", b"x", 2, 77)
        (message,) = heard(await listener.packets())
        answer = await listener.send(pubrec(message.identifier))
        assert answer == b"\x62\x02" + two(message.identifier)

    on_bench(talk)


def test_MQTT_2_3_1_7_suback_and_unsuback_carry_the_identifier_of_their_packet(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench)
        for identifier in (1, 0x1234, 0xFFFF):
            assert await client.send(subscribe(identifier, ("a", 1))) == suback(identifier, 1)
            assert await client.send(unsubscribe(identifier, "a")) == unsuback(identifier)

    on_bench(talk)


def test_MQTT_1_5_3_1_strings_may_be_any_other_utf_8(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        fields = ("gerät-é", "水/\U0001f30a", b"\xff\x00")  # a will message is no string
        assert await client.send(connect(*fields, flags=CLEAN | WILL)) == ACCEPTED
        listener = await listening(bench, ("水/+", 0))
        client.lost()
        assert await listener.packets() == [publish("水/\U0001f30a", b"\xff\x00")]

    on_bench(talk)
