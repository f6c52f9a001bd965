"""MQTT 5, sections 3.1.2.5 to 3.1.2.7 and 3.1.3.2: wills, at once and delayed."""

from __future__ import annotations

from typing import Any

from gateway.mqtt.packets import Will
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.opening import (
    CLEAN_START,
    WILL,
    WILL_FIELDS,
    WILL_QOS_1,
    WILL_QOS_2,
    WILL_RETAIN,
    connect,
    turned_away,
)
from tests.conformance.mqtt5.wire import EITHER, MALFORMED, OnBench, text
from tests.rig.mqtt_bench import Bench, WireClient

DAY_S = 86_400


async def watching(bench: Bench) -> WireClient:
    """A client that hears every will."""
    watcher = await bench.client("watcher")
    await watcher.subscribe(("will/#", 2))
    return watcher


def will(topic: str = "will/c", *, qos: int = 0, retain: bool = False, **properties: Any) -> Will:
    return Will(topic, b"gone", qos, retain, Properties(**properties))


async def with_will(
    bench: Bench, message: Will | None, *, clean_start: bool = True, expiry_s: int = 0
) -> WireClient:
    properties = Properties(session_expiry_interval_s=expiry_s)
    return await bench.client("c", clean_start=clean_start, will=message, properties=properties)


async def pass_time(bench: Bench, seconds: float) -> None:
    bench.time.advance(seconds)
    await bench.tick()


def test_MQTT_3_1_2_7_the_will_is_kept_as_long_as_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)
        client = await with_will(bench, will())
        await pass_time(bench, DAY_S)
        assert await watcher.messages() == []
        client.lost()
        assert [m.payload for m in await watcher.messages()] == [b"gone"]

    on_bench(talk)


def test_MQTT_3_1_2_8_the_will_follows_its_delay_or_the_session(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)

        async def heard() -> int:
            return len(await watcher.messages())

        # After the delay.
        (await with_will(bench, will(will_delay_interval_s=10), expiry_s=100)).lost()
        await pass_time(bench, 8)
        assert await heard() == 0
        await pass_time(bench, 3)
        assert await heard() == 1
        # At the end of the session, which comes first.
        (await with_will(bench, will(will_delay_interval_s=100), expiry_s=10)).lost()
        await pass_time(bench, 8)
        assert await heard() == 0
        await pass_time(bench, 3)
        assert await heard() == 1
        # A session that ends with its connection has no delay.
        (await with_will(bench, will(will_delay_interval_s=100))).lost()
        assert await heard() == 1
        # Nor has one that another client of this name throws away.
        (await with_will(bench, will(will_delay_interval_s=100), expiry_s=1000)).lost()
        client = await with_will(bench, None)
        assert await heard() == 1
        await client.disconnect()
        # Reason code 4 asks for the will, 0 calls it off.
        await (await with_will(bench, will())).disconnect(4)
        assert await heard() == 1
        await (await with_will(bench, will())).disconnect(0)
        await pass_time(bench, DAY_S)
        assert await heard() == 0

    on_bench(talk)


def test_MQTT_3_1_2_9_the_will_flag_brings_qos_retain_and_fields(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)
        message = will(qos=1, retain=True, content_type="text/plain", payload_format_indicator=1)
        (await with_will(bench, message)).lost()
        (heard,) = await watcher.messages()
        assert (heard.topic, heard.payload, heard.qos) == ("will/c", b"gone", 1)
        assert heard.properties.content_type == "text/plain"
        assert heard.properties.payload_format_indicator == 1
        flags = CLEAN_START | WILL
        for fields in (b"", b"\0", b"\0" + text("will"), text("will") + text("gone")):
            assert await turned_away(bench, connect(text("c"), fields, flags=flags)) in EITHER

    on_bench(talk)


def test_MQTT_3_1_2_10_a_will_is_published_once(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)
        (await with_will(bench, will(), expiry_s=1000)).lost()
        assert len(await watcher.messages()) == 1
        await pass_time(bench, 100)
        client = await with_will(bench, None, clean_start=False, expiry_s=1000)
        assert client.connack.session_present
        client.lost()
        await pass_time(bench, 2000)
        assert await watcher.messages() == []
        called_off = await with_will(bench, will(will_delay_interval_s=5), expiry_s=1000)
        await called_off.disconnect()
        await pass_time(bench, 100)
        (await with_will(bench, None, clean_start=False, expiry_s=1000)).lost()
        await pass_time(bench, 2000)
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_3_1_2_11_without_a_will_the_will_qos_is_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for qos in (WILL_QOS_1, WILL_QOS_2, WILL_QOS_1 | WILL_QOS_2):
            assert await turned_away(bench, connect(text("c"), flags=CLEAN_START | qos)) in EITHER

    on_bench(talk)


def test_MQTT_3_1_2_12_a_will_qos_is_0_1_or_2(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)
        for qos in (0, 1, 2):
            (await with_will(bench, will(qos=qos))).lost()
            assert [m.qos for m in await watcher.messages()] == [qos]
        flags = CLEAN_START | WILL | WILL_QOS_1 | WILL_QOS_2
        data = connect(text("c"), WILL_FIELDS, flags=flags)
        assert await turned_away(bench, data) == MALFORMED

    on_bench(talk)


def test_MQTT_3_1_2_13_without_a_will_there_is_no_will_retain(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        data = connect(text("c"), flags=CLEAN_START | WILL_RETAIN)
        assert await turned_away(bench, data) in EITHER

    on_bench(talk)


def test_MQTT_3_1_2_14_will_retain_0_leaves_nothing_retained(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)
        (await with_will(bench, will(retain=False))).lost()
        assert [m.retain for m in await watcher.messages()] == [False]
        late = await bench.client("late")
        await late.subscribe(("will/c", 0))
        assert await late.messages() == []

    on_bench(talk)


def test_MQTT_3_1_2_15_will_retain_1_leaves_the_will_retained(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        (await with_will(bench, will(retain=True))).lost()
        late = await bench.client("late")
        await late.subscribe(("will/c", 0))
        assert [(m.payload, m.retain) for m in await late.messages()] == [(b"gone", True)]

    on_bench(talk)


def test_MQTT_3_1_3_9_coming_back_within_the_delay_stops_the_will(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)
        (await with_will(bench, will(will_delay_interval_s=10), expiry_s=1000)).lost()
        await pass_time(bench, 8)
        client = await with_will(bench, None, clean_start=False, expiry_s=1000)
        assert client.connack.session_present
        await pass_time(bench, 100)
        client.lost()
        await pass_time(bench, 2000)
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_3_1_3_10_user_properties_of_a_will_keep_their_order(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await watching(bench)
        pairs = (("b", "1"), ("a", "2"), ("b", "3"), ("a", "2"))
        (await with_will(bench, will(user_properties=pairs))).lost()
        (message,) = await watcher.messages()
        assert message.properties.user_properties == pairs

    on_bench(talk)


def test_MQTT_3_1_3_11_a_will_topic_is_well_formed_text(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for wrong in (b"will\xff", b"will\xed\xa0\x80", b"will\0"):
            data = connect(text("c"), b"\0" + text(wrong) + text("gone"), flags=CLEAN_START | WILL)
            assert await turned_away(bench, data) == MALFORMED

    on_bench(talk)
