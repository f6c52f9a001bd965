"""MQTT 5, sections 3.1.0 and 3.1.2, up to the keep alive: the first packet and its flags."""

from __future__ import annotations

from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.opening import (
    CLEAN_START,
    PASSWORD,
    USER_NAME,
    connect,
    let_in,
    turned_away,
)
from tests.conformance.mqtt5.wire import (
    MALFORMED,
    PINGREQ,
    PROTOCOL_ERROR,
    OnBench,
    connack,
    packet,
    refused,
    text,
    works,
)
from tests.rig.mqtt_bench import Bench

LASTING = Properties(session_expiry_interval_s=1000)

# Refusals of a protocol this server does not speak: none at all, CONNACK 0x84 of MQTT 5, and
# return code 1 of the versions before it.
UNSUPPORTED = (b"", b"\x20\x03\x00\x84\x00", b"\x20\x02\x00\x01")


def test_MQTT_3_1_0_1_the_first_packet_is_connect(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        for first in (
            packet(0x30, text("t") + b"\0x"),
            packet(0x82, b"\0\1\0" + text("t") + b"\0"),
            packet(0x40, b"\0\1"),
            packet(0xF0, b""),
            packet(0xE0, b""),
            packet(0x20, b"\0\0\0"),
            PINGREQ,
        ):
            client = bench.raw()
            assert await client.send(first + connect(text("late"))) == b""
            assert client.closed
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_3_1_0_2_a_second_connect_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        assert connack(await client.send(connect(text("c")))).reason_code == 0
        assert await refused(client, connect(text("c"))) == PROTOCOL_ERROR

    on_bench(talk)


def test_MQTT_3_1_2_1_another_protocol_name_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for name in ("mqtt", "MQTTX", "MQT", "", "HTTP"):
            client = bench.raw()
            assert await client.send(connect(text("c"), name=name)) in UNSUPPORTED
            assert client.closed

    on_bench(talk)


def test_MQTT_3_1_2_2_another_protocol_version_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for version in (0, 3, 6, 0x85, 255):
            client = bench.raw()
            assert await client.send(connect(text("c"), version=version)) in UNSUPPORTED
            assert client.closed

    on_bench(talk)


def test_MQTT_3_1_2_3_the_reserved_connect_flag_is_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await turned_away(bench, connect(text("c"), flags=CLEAN_START | 1)) == MALFORMED
        await let_in(bench, connect(text("c"), flags=CLEAN_START))

    on_bench(talk)


def test_MQTT_3_1_2_4_clean_start_ends_the_old_session(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        sender = await bench.client("sender")
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 1))
        client.lost()
        await sender.publish("t", b"waits", qos=1, identifier=1)
        client = await bench.client("c", clean_start=True, properties=LASTING)
        assert not client.connack.session_present
        await sender.publish("t", b"comes", qos=1, identifier=2)
        assert await client.messages() == []
        client.lost()
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert client.connack.session_present
        assert await client.messages() == []

    on_bench(talk)


def test_MQTT_3_1_2_5_the_existing_session_goes_on(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        sender = await bench.client("sender")
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 1))
        client.lost()
        await sender.publish("t", b"waited", qos=1, identifier=1)
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert client.connack.session_present
        assert [m.payload for m in await client.messages()] == [b"waited"]
        await sender.publish("t", b"live", qos=1, identifier=2)
        assert [m.payload for m in await client.messages()] == [b"live"]

    on_bench(talk)


def test_MQTT_3_1_2_6_a_session_is_made_where_there_is_none(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert not client.connack.session_present
        assert await works(bench, client)
        client.lost()
        client = await bench.client("c", clean_start=False, properties=LASTING)
        assert client.connack.session_present

    on_bench(talk)


def test_MQTT_3_1_2_16_without_its_flag_there_is_no_user_name(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await let_in(bench, connect(text("c")))
        assert await turned_away(bench, connect(text("c"), text("user"))) == MALFORMED

    on_bench(talk)


def test_MQTT_3_1_2_17_with_its_flag_there_is_a_user_name(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        flags = CLEAN_START | USER_NAME
        assert await turned_away(bench, connect(text("c"), flags=flags)) == MALFORMED
        cut_short = b"\0\x09user"
        assert await turned_away(bench, connect(text("c"), cut_short, flags=flags)) == MALFORMED

    on_bench(talk)


def test_MQTT_3_1_2_18_without_its_flag_there_is_no_password(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        data = connect(text("c"), text("user"), text("word"), flags=CLEAN_START | USER_NAME)
        assert await turned_away(bench, data) == MALFORMED

    on_bench(talk)


def test_MQTT_3_1_2_19_with_its_flag_there_is_a_password(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        flags = CLEAN_START | USER_NAME | PASSWORD
        data = connect(text("c"), text("user"), flags=flags)
        assert await turned_away(bench, data) == MALFORMED
        data = connect(text("c"), flags=CLEAN_START | PASSWORD)
        assert await turned_away(bench, data) == MALFORMED

    on_bench(talk)
