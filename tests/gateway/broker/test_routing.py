"""Who gets a message: every QoS both ways, wildcards, overlaps, in-process subscribers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.broker.profile import standard
from gateway.broker.router import MAX_KEPT_TOPIC_BYTES, MAX_ROUTES
from gateway.errors import StoreFull
from gateway.message import Message, Publisher
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.topics import Dialect
from tests.rig.mqtt_bench import open_bench, puback

Run = Callable[[Any], None]


@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_a_message_arrives_at_the_lower_of_both_qos(
    run: Run, tmp_path: Path, published: int, granted: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            subscribers = [await bench.client(f"s{level}", level=level) for level in (4, 5)]
            for subscriber in subscribers:
                assert await subscriber.subscribe(("t", granted)) == bytes((granted,))
            for level in (4, 5):
                publisher = await bench.client(f"p{level}", level=level)
                answer = await publisher.publish("t", b"payload", qos=published, identifier=77)
                assert answer == (b"", puback(77), b"\x50\x02\0\x4d")[published]
                for subscriber in subscribers:
                    (message,) = await subscriber.messages()
                    assert (message.topic, message.payload) == ("t", b"payload")
                    assert message.qos == min(published, granted)
                    assert not message.dup and not message.retain
            assert bench.count("mqtt.publish.received") == 2
            assert bench.count("mqtt.publish.sent") == 4

    run(main())


def test_messages_keep_their_order_and_their_bytes(run: Run, tmp_path: Path) -> None:
    sizes = [0, 1, 100, 127, 128, 20_000, 16_383, 70_000]
    expected = [(bytes([n]) * size, n % 3) for n, size in enumerate(sizes * 3)]

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            subscribers = [await bench.client(f"s{level}", level=level) for level in (4, 5)]
            for subscriber in subscribers:
                await subscriber.subscribe(("#", 2))
            for level in (4, 5):
                publisher = await bench.client(f"p{level}", level=level)
                for number, (payload, qos) in enumerate(expected, 1):
                    await publisher.publish("a/b", payload, qos=qos, identifier=number)
                for subscriber in subscribers:
                    found = await subscriber.messages()
                    assert [(m.payload, m.qos) for m in found] == expected

    run(main())


def test_a_live_message_is_delivered_without_retain_and_dup(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("p")
            subscribers = [await bench.client(f"s{level}", level=level) for level in (4, 5)]
            for subscriber in subscribers:
                await subscriber.subscribe(("t", 1))
            assert await publisher.publish("t", b"0", retain=True) == b""
            answer = await publisher.publish("t", b"1", qos=1, identifier=5, retain=True, dup=True)
            assert answer == puback(5)
            assert await publisher.publish("t", b"2", qos=1, identifier=6, dup=True) == puback(6)
            for subscriber in subscribers:
                found = await subscriber.messages()
                assert [(m.payload, m.qos) for m in found] == [(b"0", 0), (b"1", 1), (b"2", 1)]
                assert not any(m.retain or m.dup for m in found)
            assert bench.count("mqtt.retained") == 1

    run(main())


def test_overlapping_filters_give_one_copy_at_the_highest_qos(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = await bench.client("p"), await bench.client("s")
            assert await subscriber.subscribe(("a/#", 0), ("a/+", 1), ("a/b", 0)) == b"\0\1\0"
            await publisher.publish("a/b", b"", qos=1)
            (message,) = await subscriber.messages()
            assert message.qos == 1
            await subscriber.unsubscribe("a/+")
            await publisher.publish("a/b", b"", qos=1)
            (message,) = await subscriber.messages()
            assert message.qos == 0
            await subscriber.unsubscribe("a/#", "a/b", "never/subscribed")
            await publisher.publish("a/b", b"", qos=1)
            assert await subscriber.messages() == []

    run(main())


def test_subscribing_again_replaces_the_granted_qos(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = await bench.client("p"), await bench.client("s")
            for granted in (0, 2, 1, 0):
                assert await subscriber.subscribe(("t", granted)) == bytes((granted,))
                await publisher.publish("t", b"", qos=1)
                (message,) = await subscriber.messages()
                assert message.qos == min(granted, 1)

    run(main())


def test_a_changed_subscription_is_seen_by_the_next_message(run: Run, tmp_path: Path) -> None:
    """Routes are cached per topic; every kind of change has to reach them."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = await bench.client("p"), await bench.client("s")
            expected = 0
            for topic_filter in ("a/b", "a/+", "#", "+/b", "a/b/#"):
                await publisher.publish("a/b")
                assert len(await subscriber.messages()) == expected
                await subscriber.subscribe((topic_filter, 0))
                await publisher.publish("a/b")
                assert len(await subscriber.messages()) == 1
                await subscriber.unsubscribe(topic_filter)
            await publisher.publish("a/b")
            assert await subscriber.messages() == []
            await subscriber.subscribe(("a/b", 0))
            await publisher.publish("a/b")
            subscriber.lost()
            await publisher.publish("a/b")
            assert len(await subscriber.messages()) == 1

    run(main())


def test_wildcards_do_not_see_topics_that_begin_with_a_dollar(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("p")
            wild, named = await bench.client("wild"), await bench.client("named")
            await wild.subscribe(("#", 1), ("+/things/x", 1))
            await named.subscribe(("$aws/things/#", 1))
            await publisher.publish("$aws/things/x", b"", qos=1)
            assert await wild.messages() == []
            assert len(await named.messages()) == 1

    run(main())


def test_a_client_may_hear_itself(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await bench.client("c", level=4)
            await client.subscribe(("t", 0))
            assert await client.publish("t", b"echo") == b"\x30\x07\0\x01techo"

    run(main())


@pytest.mark.parametrize(("level", "refused"), [(4, 0x80), (5, ReasonCode.QUOTA_EXCEEDED)])
def test_no_more_subscriptions_than_the_limit(
    run: Run, tmp_path: Path, level: int, refused: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_subscriptions=3)) as bench:
            client = await bench.client("c", level=level)
            codes = await client.subscribe(*((f"t{n}", 1) for n in range(5)))
            assert list(codes) == [1, 1, 1, refused, refused]
            assert list(await client.subscribe(("t1", 0), ("t9", 0))) == [0, refused]
            await client.unsubscribe("t0")
            assert await client.subscribe(("t9", 0)) == b"\0"
            publisher = await bench.client("p")
            for n in range(5):
                await publisher.publish(f"t{n}")
            assert [m.topic for m in await client.messages()] == ["t1", "t2"]

    run(main())


@pytest.mark.parametrize(("level", "refused"), [(4, 0x80), (5, ReasonCode.TOPIC_FILTER_INVALID)])
def test_no_deeper_topics_than_the_limit(
    run: Run, tmp_path: Path, level: int, refused: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_topic_levels=3)) as bench:
            client = await bench.client("c", level=level)
            codes = await client.subscribe(("a/b/c", 1), ("a/b/c/d", 1), ("#", 1))
            assert list(codes) == [1, refused, 1]
            assert await client.publish("a/b/c", b"", qos=1) != b""
            assert not client.closed
            await client.publish("a/b/c/d", b"", qos=1)
            assert client.closed
            assert bench.count("mqtt.protocol_errors.topic-levels") == 1
            with pytest.raises(InvalidTopic, match="3 levels"):
                bench.broker.router.publish(inside("a/b/c/d"))

    run(main())


# --- in-process subscribers ---------------------------------------------------------------------


def inside(topic: str, payload: bytes = b"", qos: int = 0) -> Message:
    return Message(topic, payload, qos, False, Publisher("device:test"))


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_in_process_subscribers_get_the_whole_message(
    run: Run, tmp_path: Path, qos: int, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            found: list[Message] = []
            subscriber = bench.broker.router.subscribe_local("a/#", found.append)
            client = await bench.client("sensor", level=level)
            await client.publish("a/b", b"21.5", qos=qos, identifier=9, retain=True)
            (message,) = found
            assert (message.topic, message.payload, message.qos) == ("a/b", b"21.5", qos)
            assert message.retain and message.depth == 0 and message.traced is None
            assert message.publisher.client_id == message.publisher.name == "sensor"
            assert message.publisher.source_ip == "192.0.2.1"
            assert message.publisher.principal is None
            await client.publish("a/c", b"", qos=qos, identifier=10)
            assert found[1].publisher is message.publisher  # one per connection
            bench.broker.router.unsubscribe_local(subscriber)
            bench.broker.router.unsubscribe_local(subscriber)
            await client.publish("a/b", b"", qos=qos, identifier=11)
            assert len(found) == 2

    run(main())


def test_each_subscription_has_its_own_dialect(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            router = bench.broker.router
            found: list[str] = []
            router.subscribe_local("a/#", lambda m: found.append("mqtt"))
            router.subscribe_local("a/#", lambda m: found.append("aws"), Dialect.AWS)
            router.publish(inside("a"))
            assert found == ["mqtt"]
            router.publish(inside("a/b"))
            assert sorted(found) == ["aws", "mqtt", "mqtt"]

    run(main())


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_comes_from_inside_reaches_clients_and_subscribers(
    run: Run, tmp_path: Path, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            found: list[Message] = []
            bench.broker.router.subscribe_local("#", found.append)
            low, high = await bench.client("low"), await bench.client("high")
            await low.subscribe(("t/+", 0))
            await high.subscribe(("t/+", 2))
            message = inside("t/ü", b"x" * 200, qos)
            bench.broker.router.publish(message)
            assert found == [message]
            (to_low,), (to_high,) = await low.messages(), await high.messages()
            assert (to_low.topic, to_low.payload, to_low.qos) == ("t/ü", b"x" * 200, 0)
            assert (to_high.topic, to_high.payload, to_high.qos) == ("t/ü", b"x" * 200, qos)
            assert bench.count("mqtt.publish.received") == 0

    run(main())


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0"])
def test_nothing_from_inside_goes_to_a_topic_that_is_none(
    run: Run, tmp_path: Path, topic: str
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            found: list[Message] = []
            bench.broker.router.subscribe_local("#", found.append)
            with pytest.raises(InvalidTopic):
                bench.broker.router.publish(inside(topic))
            assert found == []

    run(main())


def test_a_filter_that_is_none_is_refused_from_inside(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            with pytest.raises(InvalidTopic):
                bench.broker.router.subscribe_local("a/#/b", lambda message: None)

    run(main())


def test_a_refusal_inside_is_counted_and_reaches_the_source(run: Run, tmp_path: Path) -> None:
    def refuse(message: Message) -> None:
        raise StoreFull("nothing new is taken")

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            bench.broker.router.subscribe_local("t", refuse)
            client = await bench.client("c")
            await client.subscribe(("t", 1))
            with pytest.raises(StoreFull):
                bench.broker.router.publish(inside("t", b"", 1))
            assert await client.messages() == []
            assert bench.count("mqtt.publish.refused") == 1

    run(main())


# --- the cache of routes ------------------------------------------------------------------------


def test_topics_that_are_made_up_do_not_fill_memory(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            router, profile = bench.broker.router, standard(bench.settings)
            client, subscriber = await bench.client("c"), await bench.client("s")
            await subscriber.subscribe(("long/#", 0))
            for number in range(MAX_ROUTES + 10):
                router.find_for(profile, b"made/up/%d" % number)
            caches = (router.routes, router.allowed(profile))
            before = [len(routes) for routes in caches]
            assert all(10 <= size <= MAX_ROUTES for size in before)
            long = "long/" + "x" * MAX_KEPT_TOPIC_BYTES
            for identifier in (1, 2):
                await client.publish(long, b"", qos=1, identifier=identifier)
            assert [m.topic for m in await subscriber.messages()] == [long, long]
            assert [len(routes) for routes in caches] == before

    run(main())


def test_the_filters_of_one_client_have_a_limit_in_characters(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await bench.client("c")
            long = [f"{n}" + "x" * 60_000 for n in range(5)]
            codes = await client.subscribe(*((topic, 0) for topic in long))
            assert codes == b"\0\0\0\0\x97"
            assert await client.subscribe(("short", 1), (long[0], 1)) == b"\1\1"
            await client.unsubscribe(long[0])
            assert await client.subscribe((long[4], 0)) == b"\0"
            await (await bench.client("other")).publish("short", b"1")
            assert [message.payload for message in await client.messages()] == [b"1"]

    run(main())
