"""The limits of retained messages: none that is out of date stays, and clearing always works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.encoding import encode_publish
from gateway.mqtt.packets import Publish
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, open_bench
from tests.rig.mqtt_disk import compare, count, fail_batch, rows
from tests.rig.mqtt_keeper import away, keeper, take
from tests.rig.stores import fill_store, notes

Run = Callable[[Any], None]
ACCEPTED = b"\x40\x02\x00\x01"


async def retained(bench: Bench, topic_filter: str = "#") -> list[tuple[str, bytes]]:
    """Return what a new subscriber gets."""
    client = await bench.client("late")
    await client.subscribe((topic_filter, 1))
    messages = await client.messages()
    await client.disconnect()
    return sorted((message.topic, message.payload) for message in messages)


@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_that_does_not_fit_takes_the_old_one_with_it(
    run: Run, tmp_path: Path, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_retained_bytes=3000)) as bench:
            client = await bench.client("publisher")
            await client.publish("t", b"old", qos=1, retain=True)
            there = await bench.client("there")
            await there.subscribe(("t", 1))
            assert [m.payload for m in await there.messages()] == [b"old"]
            answer = await client.publish("t", b"n" * 3000, qos=qos, retain=True)
            assert answer == (ACCEPTED if qos else b"")
            assert [m.payload for m in await there.messages()] == [b"n" * 3000]
            assert bench.count("mqtt.retain.not_kept") == 1
            assert bench.count("mqtt.retained") == bench.count("mqtt.retained_bytes") == 0
            assert await retained(bench) == []
            await compare(bench)
            assert rows(bench) == {}
            await bench.restart()
            assert await retained(bench) == []

    run(main())


def test_the_freed_room_is_there_for_the_next_one(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_retained_bytes=3000)) as bench:
            client = await bench.client("publisher")
            for payload in (b"old", b"n" * 3000, b"new"):
                await client.publish("t", payload, qos=1, retain=True)
            assert await retained(bench) == [("t", b"new")]
            await compare(bench)

    run(main())


def test_if_its_batch_fails_the_old_one_stays(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_retained_bytes=3000)) as bench:
            client = await bench.client("publisher")
            await client.publish("t", b"old", qos=1, retain=True)
            client.hand_over(encode_publish(Publish("t", b"n" * 3000, 1, True, False, 1), 5))
            await fail_batch(bench)
            assert await client.out() == b"\x40\x03\x00\x01\x97"
            assert await retained(bench) == [("t", b"old")]
            await compare(bench)
            await bench.restart()
            assert await retained(bench) == [("t", b"old")]

    run(main())


def test_the_brokers_own_numbers_count_in_no_limit(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_retained_messages=1, max_retained_bytes=1100)
        async with open_bench(tmp_path, settings) as bench:
            for number in range(5):
                bench.broker.publish_statistic(f"$SYS/broker/{number}", b"1" * 1000)
            assert bench.count("mqtt.retained") == bench.count("mqtt.retained_bytes") == 0
            client = await bench.client("publisher")
            await client.publish("t", b"x", qos=1, retain=True)
            assert bench.count("mqtt.retained") == 1
            assert bench.count("mqtt.retain.not_kept") == 0
            for number in range(5, 10):
                bench.broker.publish_statistic(f"$SYS/broker/{number}", b"1" * 1000)
            await client.publish("u", b"x", qos=1, retain=True)
            assert bench.count("mqtt.retain.not_kept") == 1
            assert len(await retained(bench, "$SYS/#")) == 10
            assert await retained(bench) == [("t", b"x")]
            assert count(bench, "mqtt_retained") == 1

    run(main())


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("qos", [0, 1])
def test_an_empty_message_clears_in_a_full_store_too(
    run: Run, tmp_path: Path, qos: int, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await bench.client("publisher", level=level)
            for topic in "tu":
                await client.publish(topic, b"old", qos=1, retain=True)
            await notes(bench.store)
            await fill_store(bench.store)
            answer = await client.publish("t", b"", qos=qos, retain=True)
            assert answer == (ACCEPTED if qos else b"")
            assert not client.closed
            assert await retained(bench) == [("u", b"old")]
            assert count(bench, "mqtt_retained") == count(bench, "mqtt_message") == 1
            assert bench.count("mqtt.retained") == 1
            answer = await client.publish("u", b"new", qos=1, retain=True)  # it really is full
            assert client.closed if level == 4 else answer == b"\x40\x03\x00\x01\x97"
            assert await retained(bench) == [("u", b"old")]
            await compare(bench)

    run(main())


def test_clearing_at_qos_0_needs_no_room_for_those_who_are_away(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await bench.client("publisher")
            await client.publish("t/1", b"old", qos=1, retain=True)
            await away(bench)
            await notes(bench.store)
            await fill_store(bench.store)
            refused = await client.publish("t/1", b"", qos=1, retain=True)
            assert refused == b"\x40\x03\x00\x01\x97"  # the one who is away would miss it
            assert await retained(bench) == [("t/1", b"old")]
            await client.publish("t/1", b"", retain=True, properties=Properties())
            assert await retained(bench) == []
            assert count(bench, "mqtt_retained") == 0
            assert await take(await keeper(bench)) == [b"old"]

    run(main())
