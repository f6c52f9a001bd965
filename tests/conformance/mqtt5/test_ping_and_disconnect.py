"""MQTT 5, sections 3.12 to 3.14: PINGREQ, PINGRESP and DISCONNECT."""

from __future__ import annotations

from gateway.mqtt.encoding import encode_connect
from gateway.mqtt.packets import CONNACK, DISCONNECT, Connect, Will
from gateway.mqtt.properties import EMPTY, Properties
from tests.conformance.mqtt5.wire import (
    EITHER,
    MALFORMED,
    PINGREQ,
    PINGRESP,
    OnBench,
    disconnect,
    kinds,
    packet,
    refused,
    split,
    text,
)
from tests.rig.mqtt_bench import Bench

SERVER_REASONS = {
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95,
    0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
}  # fmt: skip
SMALL = 60
WILL = Will("will", b"last words", 0, False, EMPTY)
SECOND_CONNECT = encode_connect(Connect("MQTT", 5, client_id="c"))
# What a broker must not bear of a connected client.
OFFENCES = {
    "a second CONNECT": SECOND_CONNECT,
    "a CONNACK": b"\x20\x03\0\0\0",
    "the reserved type 0": b"\0\0",
    "QoS 3": packet(0x36, text("t") + b"\0\1\0"),
    "a topic alias of 0": packet(0x30, text("t") + b"\3\x23\0\0"),
    "a topic alias too large": packet(0x30, text("t") + b"\3\x23\xff\xff"),
    "a wildcard in a topic name": packet(0x30, text("a/#") + b"\0"),
    "a SUBSCRIBE of nothing": packet(0x82, b"\0\1\0"),
    "a SUBACK": packet(0x90, b"\0\1\0\0"),
    "an AUTH": b"\xf0\0",
}
# What is no way to begin.
BAD_OPENINGS = (
    packet(0x30, text("t") + b"\0"),
    PINGREQ,
    packet(0x82, b"\0\1\0" + text("a") + b"\0"),
    b"\xe0\0",
    b"\xf0\0",
    packet(0x10, text("MQTT") + b"\5\1\0\0\0" + text("c")),  # the reserved connect flag
    packet(0x10, text("MQTT") + b"\x2a\2\0\0\0" + text("c")),  # no such version
    packet(0x10, text("MQTT") + b"\5\2\0\0\3\x21\0\0" + text("c")),  # receive maximum 0
    packet(0x10, text("HTTP") + b"\5\2\0\0\0" + text("c")),
)


def test_MQTT_3_12_4_1_each_pingreq_gets_a_pingresp(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert await client.send(PINGREQ) == PINGRESP
        assert await client.send(PINGREQ * 3) == PINGRESP * 3

    on_bench(talk)


def test_MQTT_3_14_0_1_no_disconnect_goes_before_a_connack_of_success(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for first in BAD_OPENINGS:
            stranger = bench.raw()
            answer = await stranger.send(first)
            assert stranger.closed
            assert kinds(answer) in ([], [CONNACK])

    on_bench(talk)


def test_MQTT_3_14_1_1_disconnect_with_flags_is_answered_as_malformed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for flags in range(1, 16):
            client = await bench.client(f"c{flags}")
            assert await refused(client, bytes((0xE0 | flags, 0))) == MALFORMED

    on_bench(talk)


def test_MQTT_3_14_2_1_disconnect_has_a_reason_code_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for name, offence in OFFENCES.items():
            assert await refused(await bench.client(name), offence) in SERVER_REASONS
        assert await refused(await bench.client("c"), b"\xe0\1\x01") in EITHER

    on_bench(talk)


def test_MQTT_3_14_2_2_the_server_sends_no_session_expiry_in_disconnect(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        for name, offence in OFFENCES.items():
            client = await bench.client(name, properties=Properties(session_expiry_interval_s=100))
            answer = disconnect(await client.send(offence))
            assert answer.properties.session_expiry_interval_s is None

    on_bench(talk)


def test_MQTT_3_14_2_3_disconnect_leaves_out_a_reason_string_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        properties = Properties(maximum_packet_size_bytes=SMALL, request_problem_information=1)
        for name, offence in OFFENCES.items():
            answer = await (await bench.client(name, properties=properties)).send(offence)
            assert disconnect(answer).reason_code >= 0x80
            assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_14_2_4_disconnect_leaves_out_user_properties_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(maximum_packet_size_bytes=SMALL))
        long = b"\x26" + text("key") + text("v" * 90)
        bad = packet(0xE0, b"\1" + bytes((len(long),)) + long)  # 1 is no reason code
        answer = await client.send(bad)
        assert disconnect(answer).reason_code in EITHER
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_14_4_1_nothing_follows_a_disconnect(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, other = await bench.client("c"), await bench.client("other")
        lasting = await bench.client("l", properties=Properties(session_expiry_interval_s=100))
        await lasting.subscribe(("t", 1))
        await client.subscribe(("t", 1))
        # From the server: neither answers, to what came before or after, nor messages.
        stored = packet(0x32, text("t") + b"\0\1\0x")  # its PUBACK waits for the disk
        answer = await client.send(PINGREQ + stored + SECOND_CONNECT + PINGREQ)
        assert split(answer)[0] == PINGRESP
        assert kinds(answer)[-1] == DISCONNECT
        await other.publish("t", b"y", qos=1)
        assert await client.packets() == []
        # From a client: what it sends all the same has no effect.
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 0))
        assert await other.send(b"\xe0\0" + packet(0x30, text("t") + b"\0late")) == b""
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_3_14_4_2_who_sends_disconnect_closes_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert not client.closed
        assert await refused(client, SECOND_CONNECT) == 0x82
        taken_over = await bench.client("d")
        await bench.client("d")
        (last,) = await taken_over.packets()
        assert disconnect(last).reason_code == 0x8E
        assert taken_over.closed

    on_bench(talk)


def test_MQTT_3_14_4_3_a_normal_disconnect_discards_the_will(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("will", 0))
        for goodbye in (b"\xe0\0", b"\xe0\1\0", b"\xe0\2\0\0"):
            client = await bench.client("c", will=WILL)
            await client.send(goodbye)
            client.lost()
            await bench.tick()
            assert await watcher.messages() == []
        client = await bench.client("c", will=WILL)
        await client.send(b"\xe0\1\x04")  # a disconnect that asks for the will
        client.lost()
        assert [message.payload for message in await watcher.messages()] == [b"last words"]

    on_bench(talk)
