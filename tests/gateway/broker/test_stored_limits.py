"""Limits on what waits for one client: which message goes, and that every drop is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBREC, PUBREL
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, WireClient, open_bench
from tests.rig.mqtt_disk import ROOMY, compare, count
from tests.rig.mqtt_keeper import away, keeper

Run = Callable[[Any], None]

# What a PUBLISH is answered with, by its QoS.
ANSWERS = {1: PUBACK, 2: PUBREC}

# What a message of one byte to `t` weighs: topic, payload and bookkeeping.
ONE_BYTES = 130


async def publish(bench: Bench, text: str, qos: int = 1) -> None:
    """Publish a message for each letter, one commit each."""
    client = await bench.client("publisher", level=4)
    for letter in text:
        await client.publish("t", letter.encode(), qos=qos)
        if qos == 2:
            await client.acknowledge(1, PUBREL)


def publish_at_once(client: WireClient, text: str) -> None:
    """Publish a message for each letter, all in the open batch."""
    for letter in text:
        client.hand_over(b"\x32\x06\x00\x01t\x00\x01" + letter.encode())


async def take(client: WireClient) -> str:
    """Take messages and settle each, until no more come; return their letters."""
    text = ""
    while packets := await client.packets():
        for packet in packets:
            if packet[0] >> 4 == 6:
                client.hand_over(bytes([PUBCOMP << 4, 2]) + packet[2:4])
                continue
            properties = 1 if client.level == 5 else 0
            assert len(packet) == 8 + properties
            kind = ANSWERS[packet[0] >> 1 & 3]
            client.hand_over(bytes([kind << 4, 2]) + packet[5:7])
            text += chr(packet[-1])
    return text


def dropped(bench: Bench, client_id: str = "keeper") -> tuple[float, int]:
    return bench.count("mqtt.dropped.qos1"), bench.broker.sessions[client_id].outgoing.dropped


LIMITS = [
    MqttSettings(max_stored_messages=3),
    MqttSettings(max_stored_bytes=3 * ONE_BYTES),
    MqttSettings(max_stored_total_bytes=3 * ONE_BYTES),
]


def with_policy(settings: MqttSettings, overflow: str, **more: Any) -> MqttSettings:
    return replace(settings, overflow=overflow, **more)


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("overflow", "left"), [("drop_new", "abc"), ("drop_oldest", "efg")])
@pytest.mark.parametrize("limits", LIMITS)
def test_a_full_session_of_a_client_that_is_away_gives_up_new_or_old_messages(
    run: Run, tmp_path: Path, limits: MqttSettings, overflow: str, left: str, at_once: bool
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, with_policy(limits, overflow)) as bench:
            await away(bench, topic_filter="t", qos=2)
            if at_once:
                publisher = await bench.client("publisher", level=4)
                publish_at_once(publisher, "abcdefg")
                assert len(await publisher.packets()) == 7
            else:
                await publish(bench, "abcdefg")
            assert dropped(bench) == (4, 4)
            assert bench.count("mqtt.stored_messages") == 3
            assert bench.count("mqtt.stored_bytes") == 3 * ONE_BYTES
            await compare(bench)
            await bench.restart()
            await compare(bench)
            assert await take(await keeper(bench)) == left
            assert bench.count("mqtt.stored_messages") == bench.count("mqtt.stored_bytes") == 0
            await compare(bench)
            assert count(bench, "mqtt_message") == count(bench, "mqtt_extra") == 0

    run(main())


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("overflow", "left"), [("drop_new", "abcd"), ("drop_oldest", "abgh")])
def test_what_is_in_flight_is_never_dropped(
    run: Run, tmp_path: Path, overflow: str, left: str, at_once: bool
) -> None:
    async def main() -> None:
        settings = MqttSettings(max_inflight=2, max_stored_messages=4, overflow=overflow)
        async with open_bench(tmp_path, settings) as bench:
            client = await keeper(bench, level=4)
            await client.subscribe(("t", 1))
            if at_once:
                publish_at_once(await bench.client("publisher", level=4), "abcdefgh")
                await bench.settle()
            else:
                await publish(bench, "abcdefgh")
            assert dropped(bench) == (4, 4)
            await compare(bench)
            assert await take(client) == left
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == 0

    run(main())


def test_a_full_window_leaves_nothing_old_to_drop(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_inflight=2, max_stored_messages=2, overflow="drop_oldest")
        async with open_bench(tmp_path, settings) as bench:
            client = await keeper(bench)
            await client.subscribe(("t", 1))
            await publish(bench, "abcd")
            assert dropped(bench) == (2, 2)
            assert await take(client) == "ab"
            await compare(bench)

    run(main())


@pytest.mark.parametrize("qos", [1, 2])
def test_after_a_restart_what_may_have_been_in_flight_is_not_dropped(
    run: Run, tmp_path: Path, qos: int
) -> None:
    """It comes again with DUP and its packet identifier, so that QoS 2 is completed."""

    async def main() -> None:
        settings = MqttSettings(max_inflight=2, max_stored_messages=4, overflow="drop_oldest")
        async with open_bench(tmp_path, settings) as bench:
            client = await keeper(bench)
            await client.subscribe(("t", qos))
            await publish(bench, "abcd", qos)
            first = await client.messages()
            assert [m.payload for m in first] == [b"a", b"b"]
            if qos == 2:
                await client.acknowledge(first[0].packet_identifier, PUBREC)
            await bench.restart()
            await publish(bench, "efg", qos)
            assert dropped(bench) == (3, 3)
            client = await keeper(bench)
            if qos == 2:
                released, again = await client.packets()
                assert released == b"\x62\x02" + first[0].packet_identifier.to_bytes(2, "big")
                assert (again[0], again[-1:]) == (0x3C, b"b")
                client.hand_over(b"\x70\x02" + released[2:])
                client.hand_over(b"\x50\x02" + again[5:7])
                assert await take(client) == "fg"
            else:
                assert [(m.payload, m.dup) for m in await client.messages()] == [
                    (b"a", True), (b"b", True),
                ]  # fmt: skip
                client.lost()
                assert await take(await keeper(bench)) == "abfg"
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == 0

    run(main())


def test_a_message_larger_than_the_limit_drops_nothing_else(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_stored_bytes=1000, overflow="drop_oldest")
        async with open_bench(tmp_path, settings) as bench:
            await away(bench, topic_filter="t", qos=2)
            await publish(bench, "ab")
            client = await bench.client("publisher")
            assert await client.publish("t", b"x" * 1000, qos=1) == b"\x40\x02\x00\x01"
            assert dropped(bench) == (1, 1)
            assert await take(await keeper(bench)) == "ab"

    run(main())


def test_the_total_holds_over_all_sessions_and_over_a_restart(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_stored_total_bytes=5 * ONE_BYTES)
        async with open_bench(tmp_path, settings) as bench:
            await away(bench, "one", topic_filter="t", qos=2)
            await away(bench, "two", topic_filter="t", qos=2)
            await publish(bench, "ab")
            await bench.restart()
            await publish(bench, "cd")
            assert bench.count("mqtt.stored_bytes") == 5 * ONE_BYTES
            assert bench.count("mqtt.dropped.qos1") == 3
            assert await take(await keeper(bench, "one")) == "abc"
            assert await take(await keeper(bench, "two")) == "ab"
            await compare(bench)
            assert bench.count("mqtt.stored_bytes") == 0

    run(main())


def test_dropping_the_oldest_goes_on_over_more_than_memory_holds(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_stored_messages=1500, overflow="drop_oldest")
        async with open_bench(tmp_path, settings, ROOMY) as bench:
            client = await keeper(bench)
            await client.subscribe(("t", 1))
            client.lost()
            publisher = await bench.client("publisher", level=4)
            for number in range(3200):
                publisher.hand_over(b"\x32\x09\x00\x01t\x00\x01%04d" % number)
                if number % 700 == 699:
                    await publisher.out()
            await publisher.out()
            assert dropped(bench) == (1700, 1700)
            await compare(bench)
            client = await keeper(bench)
            payloads = []
            while messages := await client.messages():
                payloads += [message.payload for message in messages]
                for m in messages:
                    client.hand_over(b"\x40\x02" + m.packet_identifier.to_bytes(2, "big"))
            assert payloads == [b"%04d" % number for number in range(1700, 3200)]
            await compare(bench)

    run(main())


def test_what_an_ended_session_held_is_room_for_others_at_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_stored_total_bytes=3 * ONE_BYTES)
        async with open_bench(tmp_path, settings) as bench:
            await away(bench, "gone", topic_filter="t", qos=2)
            await publish(bench, "abc")
            await bench.client("gone")
            assert bench.count("mqtt.stored_messages") == bench.count("mqtt.stored_bytes") == 0
            await away(bench, topic_filter="t", qos=2)
            await publish(bench, "def")
            assert await take(await keeper(bench)) == "def"
            assert bench.count("mqtt.dropped.qos1") == 0

    run(main())


QUEUE_LIMITS = [
    MqttSettings(max_inflight=1, max_queued_bytes=3 * 150),
    MqttSettings(max_inflight=1, max_queued_total_bytes=3 * 150),
]


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(("overflow", "left"), [("drop_new", "abcd"), ("drop_oldest", "aefg")])
@pytest.mark.parametrize("limits", QUEUE_LIMITS)
def test_the_queue_of_a_clean_session_gives_up_new_or_old_messages(
    run: Run,
    tmp_path: Path,
    limits: MqttSettings,
    overflow: str,
    left: str,
    level: int,
    qos: int,
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, with_policy(limits, overflow)) as bench:
            client = await bench.client("clean", level=level)
            await client.subscribe(("t", qos))
            await publish(bench, "abcdefg", qos)
            assert dropped(bench, "clean") == (3, 3)
            assert 0 < bench.count("mqtt.queued_bytes") <= 3 * 150
            assert await take(client) == left
            assert bench.count("mqtt.queued_bytes") == 0
            await publish(bench, "xyz", qos)
            client.lost()
            assert bench.count("mqtt.queued_bytes") == 0
            assert count(bench, "mqtt_queued") == 0

    run(main())


def test_messages_at_qos_0_are_not_kept_for_clients_that_are_away(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench, topic_filter="t", qos=2)
            await publish(bench, "ab", qos=0)
            assert bench.count("mqtt.not_queued.qos0") == 2
            assert dropped(bench) == (0, 0)
            assert await take(await keeper(bench)) == ""

    run(main())


def test_messages_at_qos_0_to_a_client_that_does_not_read_are_dropped_and_counted(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await keeper(bench)
            await client.subscribe(("t", 0))
            client.connection.outlet.writable = False
            await publish(bench, "ab", qos=0)
            assert bench.count("mqtt.dropped.qos0") == 2
            assert dropped(bench) == (0, 2)

    run(main())


def test_what_has_expired_is_not_sent_and_leaves_the_disk(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench, topic_filter="t", qos=2)
            publisher = await bench.client("publisher")
            for seconds, payload in ((10, b"a"), (30, b"b")):
                properties = Properties(message_expiry_interval_s=seconds)
                await publisher.publish("t", payload, qos=1, properties=properties)
            await bench.restart()
            bench.time.advance(10)
            client = await keeper(bench)
            (message,) = await client.messages()
            assert message.payload == b"b"
            assert message.properties.message_expiry_interval_s == 20
            assert bench.count("mqtt.expired") == 1
            await compare(bench)
            assert count(bench, "mqtt_message") == bench.count("mqtt.stored_messages") == 1

    run(main())


def test_a_message_too_large_for_its_client_goes_away_and_the_rest_arrives(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench, topic_filter="t", qos=2)
            publisher = await bench.client("publisher")
            for payload in (b"a", b"x" * 100, b"b"):
                await publisher.publish("t", payload, qos=1)
            small = Properties(session_expiry_interval_s=3600, maximum_packet_size_bytes=50)
            client = await bench.client("keeper", clean_start=False, properties=small)
            assert [m.payload for m in await client.messages()] == [b"a", b"b"]
            assert bench.count("mqtt.dropped.too_large") == 1
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == 2

    run(main())


def test_nothing_is_dropped_in_vain_for_a_total_that_others_fill(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_stored_total_bytes=1000, overflow="drop_oldest")
        async with open_bench(tmp_path, settings) as bench:
            await away(bench, topic_filter="t", qos=2)
            await publish(bench, "a")
            await away(bench, "other", topic_filter="large")
            client = await bench.client("publisher")
            await client.publish("large", b"x" * 600, qos=1)
            assert bench.count("mqtt.stored_bytes") == ONE_BYTES + 733
            assert await client.publish("t", b"x" * 150, qos=1) == b"\x40\x02\x00\x01"
            assert dropped(bench) == (1, 1)
            assert await take(await keeper(bench)) == "a"

    run(main())


def test_no_queue_is_emptied_in_vain_for_a_total_that_others_fill(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        limits = MqttSettings(max_inflight=1, max_queued_total_bytes=1000, overflow="drop_oldest")
        async with open_bench(tmp_path, limits) as bench:
            clean, other = await bench.client("clean"), await bench.client("other")
            await clean.subscribe(("t", 1))
            await other.subscribe(("large", 1))
            client = await bench.client("publisher")
            for payload in (b"x" * 600, b"x" * 600):
                await client.publish("large", payload, qos=1)
            for payload in (b"a", b"b", b"x" * 150):
                await client.publish("t", payload, qos=1)
            assert dropped(bench, "clean") == (1, 1)
            assert await take(clean) == "ab"
            other.lost()
            assert bench.count("mqtt.queued_bytes") == 0

    run(main())
