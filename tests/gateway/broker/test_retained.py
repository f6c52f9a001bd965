"""Retained messages: who gets them, what is kept of them, and how much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.broker import MqttSettings
from gateway.broker.outbound import Outbound
from gateway.broker.retained import LEVEL_BYTES, OVERHEAD_BYTES, Budget, RetainedMessages
from gateway.metrics import Metrics
from gateway.mqtt.encoding import encode_connect, encode_subscribe
from gateway.mqtt.packets import Connect, Publish, Subscribe, SubscriptionRequest, Will
from gateway.mqtt.properties import Properties
from gateway.mqtt.topics import Dialect, matches
from tests.rig.mqtt_bench import Bench, WireClient, open_bench
from tests.rig.mqtt_disk import ROOMY, compare, count, rows
from tests.rig.mqtt_keeper import KEPT

Run = Callable[[Any], None]
Wanted = SubscriptionRequest | tuple[str, int]


async def retain(bench: Bench, *topics: str, payload: bytes = b"x", qos: int = 1) -> None:
    """Leave a retained message on each topic."""
    client = await bench.client("publisher", level=4)
    for topic in topics:
        await client.publish(topic, payload, qos=qos, retain=True)


async def found(
    client: WireClient, *wanted: SubscriptionRequest | tuple[str, int]
) -> list[Publish]:
    await client.subscribe(*wanted)
    messages = await client.messages()
    assert all(message.retain for message in messages)
    return messages


@pytest.mark.parametrize("level", [4, 5])
def test_the_last_message_of_a_topic_is_there_for_those_who_come_later(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for payload in (b"first", b"last"):
                await retain(bench, "t/1", "t/2", payload=payload)
            await retain(bench, "t/2", payload=b"")
            for _ in range(2):
                client = await bench.client("late", level=level)
                (message,) = await found(client, ("t/#", 1))
                assert (message.topic, message.payload, message.qos) == ("t/1", b"last", 1)
                await compare(bench)
                await bench.restart()
            assert rows(bench) == {"mqtt_retained": 1, "mqtt_message": 1}

    run(main())


def test_to_those_who_are_there_already_it_comes_without_the_flag(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await bench.client("there")
            as_published = SubscriptionRequest("u", 1, retain_as_published=True)
            await client.subscribe(("t", 1), as_published)
            await retain(bench, "t", "u")
            assert [m.retain for m in await client.messages()] == [False, True]

    run(main())


def test_retain_handling_says_when_they_are_sent(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await retain(bench, "t", qos=0)
            for handling, first, second in ((0, 1, 1), (1, 1, 0), (2, 0, 0)):
                client = await bench.client("c")
                request = SubscriptionRequest("t", 1, retain_handling=handling)
                assert len(await found(client, request)) == first
                assert len(await found(client, request)) == second

    run(main())


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("level", [4, 5])
def test_subscribing_in_the_same_breath_as_connecting_gets_them_too(
    run: Run, tmp_path: Path, level: int, kept: bool
) -> None:
    """The CONNACK waits for the commit of session or will; nothing may be lost meanwhile."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await retain(bench, "t/0", qos=0)
            await retain(bench, "t/1", qos=1)
            connect = Connect(
                "MQTT", level, client_id="c", clean_start=not kept,
                will=Will("w", b"", 0, False, Properties()),
                properties=KEPT if kept and level == 5 else Properties(),
            )  # fmt: skip
            subscribe = Subscribe(1, (SubscriptionRequest("t/+", 1),), Properties())
            client = bench.raw()
            client.hand_over(encode_connect(connect) + encode_subscribe(subscribe, level))
            kinds = [packet[0] >> 4 for packet in await client.packets()]
            assert kinds == [2, 9, 3, 3]

    run(main())


def test_those_at_qos_0_are_not_stored_for_a_persistent_session(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await retain(bench, "t/0", qos=0)
            await retain(bench, "t/1", qos=1)
            client = await bench.client("keeper", clean_start=False, properties=KEPT)
            messages = await found(client, ("t/+", 1))
            assert sorted((m.topic, m.qos) for m in messages) == [("t/0", 0), ("t/1", 1)]
            assert count(bench, "mqtt_queued") == 1
            assert count(bench, "mqtt_message") == 2
            await bench.restart()
            client = await bench.client("keeper", clean_start=False, properties=KEPT)
            (again,) = await client.messages()
            assert (again.topic, again.retain, again.dup) == ("t/1", True, True)
            await compare(bench)

    run(main())


def test_a_retained_message_expires_and_leaves_the_disk(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("publisher")
            properties = Properties(message_expiry_interval_s=10)
            await publisher.publish("t", b"x", qos=1, retain=True, properties=properties)
            bench.time.advance(4)
            await bench.restart()
            (message,) = await found(await bench.client("c"), ("t", 1))
            assert message.properties.message_expiry_interval_s == 6
            bench.time.advance(6)
            assert await found(await bench.client("c"), ("t", 1)) == []
            await compare(bench)
            assert bench.count("mqtt.retained") == bench.count("mqtt.retained_bytes") == 0
            assert rows(bench) == {}

    run(main())


def test_what_has_expired_goes_though_nobody_asks_for_it(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("publisher")
            for topic, expiry_s in (("soon", 10), ("later", 20), ("never", None), ("again", 10)):
                properties = Properties(message_expiry_interval_s=expiry_s)
                await publisher.publish(topic, b"x", qos=1, retain=True, properties=properties)
            await publisher.publish("again", b"y", qos=1, retain=True)
            await publisher.disconnect()
            bench.time.advance(9)
            await bench.tick()
            assert bench.count("mqtt.retained") == 4
            bench.time.advance(1)
            await bench.tick()
            assert rows(bench)["mqtt_retained"] == bench.count("mqtt.retained") == 3
            await bench.restart()
            bench.time.advance(10)
            await bench.tick()
            assert rows(bench) == {"mqtt_retained": 2, "mqtt_message": 2}
            await compare(bench)

    run(main())


def test_further_topics_than_the_limit_are_delivered_and_not_kept(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_retained_messages=2)) as bench:
            reader = await bench.client("reader")
            await reader.subscribe(("#", 0))
            await retain(bench, "a", "b", "c", "b")
            assert len(await reader.messages()) == 4
            assert bench.count("mqtt.retain.not_kept") == 1
            await retain(bench, "a", payload=b"")
            await retain(bench, "c")
            assert bench.count("mqtt.retained") == count(bench, "mqtt_retained") == 2
            await compare(bench)
            await bench.restart()
            await retain(bench, "d")
            assert bench.count("mqtt.retain.not_kept") == 1

    run(main())


def test_their_bytes_have_a_limit_and_what_is_replaced_makes_room(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        limit = 2 * (OVERHEAD_BYTES + LEVEL_BYTES + 1 + 100)
        async with open_bench(tmp_path, MqttSettings(max_retained_bytes=limit)) as bench:
            await retain(bench, "a", "b", payload=b"x" * 100)
            assert bench.count("mqtt.retained_bytes") == limit
            await retain(bench, "a", payload=b"x" * 101)
            assert bench.count("mqtt.retain.not_kept") == 1
            # Rather none than one that is not true any more.
            assert await found(await bench.client("c"), ("a", 0)) == []
            await retain(bench, "a", payload=b"x")
            await retain(bench, "b", payload=b"x" * 199)
            assert bench.count("mqtt.retained_bytes") == limit
            await retain(bench, "a", "b", payload=b"")
            assert bench.count("mqtt.retained_bytes") == 0
            await compare(bench)

    run(main())


def test_the_brokers_own_numbers_are_never_on_disk(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            commits = bench.count("store.commits")
            bench.broker.publish_statistic("$SYS/broker/uptime", b"1 seconds")
            assert not bench.store._open
            assert bench.count("store.commits") == commits
            client = await bench.client("keeper", clean_start=False, properties=KEPT)
            (message,) = await found(client, ("$SYS/#", 2))
            assert (message.payload, message.qos) == (b"1 seconds", 0)
            assert await found(client, ("#", 2)) == []  # wildcards do not see them
            await compare(bench)
            await bench.restart()
            assert bench.count("mqtt.retained") == 0

    run(main())


def test_ten_thousand_arrive_whole_at_qos_0_in_helpings(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=ROOMY) as bench:
            publisher = await bench.client("publisher", level=4)
            for number in range(10_000):
                publisher.hand_over(b"\x31\x6b\x00\x05%05d" % number + b"x" * 100)
            await publisher.out()
            client = await bench.client("reader", level=4)
            helpings = []
            client.hand_over(b"\x82\x06\x00\x01\x00\x01#\x00")
            outlet = client.connection.outlet
            while outlet.out:
                helpings.append(sum(map(len, outlet.out)))
                client._gathered += outlet.take()
                outlet.more = False
                client.connection.session.outgoing.drain()
            assert max(helpings) < 300_000
            assert await client.out()
            client.hand_over(b"\xa2\x05\x00\x02\x00\x01#\x82\x06\x00\x01\x00\x01#\x00")
            packets = await client.packets()
            topics = {packet[4:9] for packet in packets if packet[0] == 0x31}
            assert topics == {b"%05d" % number for number in range(10_000)}
            assert bench.count("mqtt.dropped.qos0") == 0

    run(main())


def test_a_reader_that_pauses_gets_the_rest_of_them_later(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await retain(bench, *(f"t/{number}" for number in range(20)), qos=0)
            client = await bench.client("reader", level=4)
            client.connection.outlet.writable = False
            await client.subscribe(("t/#", 0))
            assert await client.messages() == []
            client.connection.outlet.writable = True
            client.connection.session.outgoing.drain()
            assert len(await client.messages()) == 20
            assert bench.count("mqtt.dropped.qos0") == 0

    run(main())


LEVELS = st.sampled_from(["", "a", "b", "$a", "c"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.builds(
    lambda levels, last: "/".join([*levels, *last]),
    st.lists(LEVELS | st.just("+"), max_size=3),
    st.sampled_from([["#"], ["+"], ["a"], [""], ["b"]]),
).filter(bool)


class NoJournal:
    """Takes note of nothing: these messages are in memory only."""

    reverted = None

    def retain(self, *args: object) -> None:
        pass


class NoStore:
    """Has no rows."""

    class reader:  # noqa: N801 - stands for a connection
        @staticmethod
        def execute(sql: str) -> list[Any]:
            return []


def in_memory() -> RetainedMessages:
    return RetainedMessages(
        MqttSettings(), NoStore(), NoJournal(), Metrics(), lambda: 0, lambda: 0  # type: ignore[arg-type]
    )  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(TOPICS, max_size=12),
    st.lists(TOPICS, max_size=4),
    FILTERS,
    st.sampled_from(Dialect),
)
def test_a_filter_finds_the_retained_messages_of_all_topics_that_it_matches(
    kept: list[str], gone: list[str], topic_filter: str, dialect: Dialect
) -> None:
    retained = in_memory()
    for topic in [*kept, *gone]:
        retained.keep(Outbound(topic.encode(), b"x", 0, True))
    for topic in gone:
        retained.keep(Outbound(topic.encode(), b"", 0, True))
    there = set(kept) - set(gone)
    found = retained.find(topic_filter, dialect, exact_only=False, budget=Budget(1000))
    assert found is not None
    assert len(found) == len(set(found))
    assert {topic.decode() for topic in found} == {
        topic for topic in there if matches(topic_filter, topic, dialect)
    }
    for topic in there:
        retained.keep(Outbound(topic.encode(), b"", 0, True))
    assert len(retained) == retained.size_bytes == 0
    assert not retained._root.children  # nothing of the tree is left either
