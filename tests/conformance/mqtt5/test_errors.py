"""MQTT 5, section 4.13: malformed packets, protocol errors and other failures."""

from __future__ import annotations

from gateway.mqtt.encoding import encode_connect
from gateway.mqtt.packets import Connect, Will
from gateway.mqtt.properties import EMPTY, Properties
from tests.conformance.mqtt5.wire import (
    MALFORMED,
    PROTOCOL_ERROR,
    OnBench,
    connack,
    disconnect,
    packet,
    refused,
    text,
    works,
)
from tests.rig.mqtt_bench import Bench

QUOTA, ALIAS_INVALID, TOPIC_NAME_INVALID = 0x97, 0x94, 0x90
# What a connected client may not send, and the reason code that the standard gives it.
ERRORS = {
    "packet type 0": (b"\0\0", {MALFORMED, PROTOCOL_ERROR}),
    "a remaining length of five bytes": (b"\x30\xff\xff\xff\xff\x01", {MALFORMED}),
    "a PUBLISH cut short": (b"\x30\x01\x00", {MALFORMED}),
    "a PUBLISH of QoS 3": (packet(0x36, text("t") + b"\0\1\0"), {MALFORMED}),
    "packet identifier 0": (packet(0x32, text("t") + b"\0\0\0"), {PROTOCOL_ERROR}),
    "a topic that is no UTF-8": (packet(0x30, text(b"\xff") + b"\0"), {MALFORMED}),
    "a property that does not belong": (
        packet(0x30, text("t") + b"\3\x21\0\1"),
        {MALFORMED, PROTOCOL_ERROR},
    ),
    "a property twice": (packet(0x30, text("t") + b"\4\1\0\1\0"), {PROTOCOL_ERROR}),
    "an unknown property": (packet(0x30, text("t") + b"\2\x7f\0"), {MALFORMED, PROTOCOL_ERROR}),
    "a topic alias of 0": (packet(0x30, text("t") + b"\3\x23\0\0"), {ALIAS_INVALID}),
    "a subscription identifier of 0": (
        packet(0x82, b"\0\1\2\x0b\0" + text("t") + b"\0"),
        {PROTOCOL_ERROR},
    ),
    "retain handling 3": (
        packet(0x82, b"\0\1\0" + text("t") + b"\x30"),
        {MALFORMED, PROTOCOL_ERROR},
    ),
    "a subscription of QoS 3": (
        packet(0x82, b"\0\1\0" + text("t") + b"\3"),
        {MALFORMED, PROTOCOL_ERROR},
    ),
    "a PINGREQ with a body": (b"\xc0\1\0", {MALFORMED}),
    "a second CONNECT": (encode_connect(Connect("MQTT", 5, client_id="c")), {PROTOCOL_ERROR}),
    "a CONNACK": (b"\x20\3\0\0\0", {MALFORMED, PROTOCOL_ERROR}),
}


def test_MQTT_4_13_1_1_a_malformed_packet_or_protocol_error_closes_the_connection(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        other = await bench.client("other")
        for name, (wrong, reasons) in ERRORS.items():
            client = await bench.client(name)
            assert await works(bench, client)
            assert await refused(client, wrong) in reasons
        assert await works(bench, other)

    on_bench(talk)


def test_MQTT_4_13_2_1_a_reason_code_of_failure_closes_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        # A CONNACK of failure.
        stranger = bench.raw()
        bad = encode_connect(
            Connect("MQTT", 5, client_id="c", properties=Properties(authentication_method="m"))
        )
        assert connack(await stranger.send(bad)).reason_code >= 0x80
        assert stranger.closed
        # A DISCONNECT of failure from the server, which touches no other session.
        old = await bench.client("c")
        await bench.client("c")
        (last,) = await old.packets()
        assert disconnect(last).reason_code >= 0x80
        assert old.closed
        # And one from a client, whose will is wanted then.
        watcher = await bench.client("watcher")
        await watcher.subscribe(("will", 0))
        client = await bench.client("d", will=Will("will", b"failed", 0, False, EMPTY))
        assert await client.send(b"\xe0\1\x83") == b""
        assert client.closed
        client.lost()
        assert [message.payload for message in await watcher.messages()] == [b"failed"]

    on_bench(talk)
