"""Who gets a message: QoS 0 and 1 both ways, wildcards, overlaps, in-process subscribers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.broker.router import MAX_KEPT_TOPIC_BYTES, MAX_ROUTES
from gateway.errors import StoreFull
from gateway.message import Message, Publisher
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import Dialect
from tests.rig.wire_client import open_bench, puback

Run = Callable[[Any], None]


@pytest.mark.parametrize("published", [0, 1])
@pytest.mark.parametrize("granted", [0, 1])
def test_a_message_arrives_at_the_lower_of_both_qos(
    run: Run, tmp_path: Path, published: int, granted: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            assert subscriber.subscribe(("t", granted)) == bytes((granted,))
            answer = publisher.publish("t", b"payload", published, 77)
            assert answer == (puback(77) if published else b"")
            (message,) = subscriber.messages()
            assert (message.topic, message.payload) == ("t", b"payload")
            assert message.qos == min(published, granted)
            assert not message.dup and not message.retain
            assert bench.count("mqtt.publish.received") == 1
            assert bench.count("mqtt.publish.sent") == 1

    run(main())


def test_messages_keep_their_order_and_their_bytes(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            subscriber.subscribe(("#", 1))
            sizes = [0, 1, 100, 127, 128, 20_000, 16_383, 70_000]
            for number, size in enumerate(sizes * 2):
                publisher.publish("a/b", bytes([number]) * size, number % 2, number + 1)
            found = subscriber.messages()
            assert [m.payload for m in found] == [bytes([n]) * s for n, s in enumerate(sizes * 2)]
            assert [m.qos for m in found] == [0, 1] * len(sizes)

    run(main())


def test_retain_and_dup_are_delivered_live_without_their_flags(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            subscriber.subscribe(("t", 1))
            assert publisher.publish("t", b"0", 0, retain=True) == b""
            assert publisher.publish("t", b"1", 1, 5, retain=True, dup=True) == puback(5)
            assert publisher.publish("t", b"2", 1, 6, dup=True) == puback(6)
            found = subscriber.messages()
            assert [(m.payload, m.qos) for m in found] == [(b"0", 0), (b"1", 1), (b"2", 1)]
            assert not any(m.retain or m.dup for m in found)
            assert bench.count("mqtt.retain.not_kept") == 2

    run(main())


def test_overlapping_filters_give_one_copy_at_the_highest_qos(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            assert subscriber.subscribe(("a/#", 0), ("a/+", 1), ("a/b", 0)) == b"\0\1\0"
            publisher.publish("a/b", b"", 1)
            (message,) = subscriber.messages()
            assert message.qos == 1
            subscriber.unsubscribe("a/+")
            publisher.publish("a/b", b"", 1)
            (message,) = subscriber.messages()
            assert message.qos == 0
            subscriber.unsubscribe("a/#", "a/b", "never/subscribed")
            publisher.publish("a/b", b"", 1)
            assert subscriber.messages() == []

    run(main())


def test_subscribing_again_replaces_the_granted_qos(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            for wanted, granted in ((0, 0), (2, 1), (1, 1), (0, 0)):
                assert subscriber.subscribe(("t", wanted)) == bytes((granted,))
                publisher.publish("t", b"", 1)
                (message,) = subscriber.messages()
                assert message.qos == granted

    run(main())


def test_a_changed_subscription_is_seen_by_the_next_message(run: Run, tmp_path: Path) -> None:
    """Routes are cached per topic; every kind of change has to reach them."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            expected = 0
            for topic_filter in ("a/b", "a/+", "#", "+/b", "a/b/#"):
                publisher.publish("a/b")
                assert len(subscriber.messages()) == expected
                subscriber.subscribe((topic_filter, 0))
                publisher.publish("a/b")
                assert len(subscriber.messages()) == 1
                subscriber.unsubscribe(topic_filter)
            publisher.publish("a/b")
            assert subscriber.messages() == []
            subscriber.subscribe(("a/b", 0))
            publisher.publish("a/b")
            subscriber.lost()
            publisher.publish("a/b")
            assert len(subscriber.messages()) == 1

    run(main())


def test_wildcards_do_not_see_topics_that_begin_with_a_dollar(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = bench.client("p")
            wild, named = bench.client("wild"), bench.client("named")
            wild.subscribe(("#", 1), ("+/x", 1))
            named.subscribe(("$aws/#", 1))
            publisher.publish("$aws/x", b"", 1)
            assert wild.messages() == []
            assert len(named.messages()) == 1

    run(main())


def test_a_client_may_hear_itself(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = bench.client("c")
            client.subscribe(("t", 0))
            assert client.publish("t", b"echo") == b"\x30\x07\0\x01techo"

    run(main())


def test_no_more_subscriptions_than_the_limit(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_subscriptions=3)) as bench:
            client = bench.client("c")
            assert client.subscribe(*((f"t{n}", 1) for n in range(5))) == b"\1\1\1\x80\x80"
            assert client.subscribe(("t1", 0), ("t9", 0)) == b"\0\x80"
            client.unsubscribe("t0")
            assert client.subscribe(("t9", 0)) == b"\0"
            publisher = bench.client("p")
            for n in range(5):
                publisher.publish(f"t{n}")
            assert [m.topic for m in client.messages()] == ["t1", "t2"]

    run(main())


def test_no_deeper_topics_than_the_limit(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_topic_levels=3)) as bench:
            client = bench.client("c")
            assert client.subscribe(("a/b/c", 1), ("a/b/c/d", 1), ("#", 1)) == b"\1\x80\1"
            assert client.publish("a/b/c", b"", 1) != b""
            assert not client.closed
            client.publish("a/b/c/d", b"", 1)
            assert client.closed
            assert bench.count("mqtt.protocol_errors.topic-levels") == 1
            with pytest.raises(InvalidTopic, match="3 levels"):
                bench.broker.router.publish(inside("a/b/c/d"))

    run(main())


# --- in-process subscribers ---------------------------------------------------------------------


def inside(topic: str, payload: bytes = b"", qos: int = 0) -> Message:
    return Message(topic, payload, qos, False, Publisher("device:test"))


@pytest.mark.parametrize("qos", [0, 1])
def test_in_process_subscribers_get_the_whole_message(run: Run, tmp_path: Path, qos: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            found: list[Message] = []
            subscriber = bench.broker.router.subscribe_local("a/#", found.append)
            client = bench.client("sensor")
            client.publish("a/b", b"21.5", qos, 9, retain=True)
            (message,) = found
            assert (message.topic, message.payload, message.qos) == ("a/b", b"21.5", qos)
            assert message.retain and message.depth == 0 and message.subject is None
            assert message.publisher.client_id == message.publisher.name == "sensor"
            assert message.publisher.source_ip == "192.0.2.1"
            assert message.publisher.principal is None
            client.publish("a/c", b"", qos, 9)
            assert found[1].publisher is message.publisher  # one per connection
            bench.broker.router.unsubscribe_local(subscriber)
            bench.broker.router.unsubscribe_local(subscriber)
            client.publish("a/b", b"", qos, 9)
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


@pytest.mark.parametrize("qos", [0, 1])
def test_what_comes_from_inside_reaches_clients_and_subscribers(
    run: Run, tmp_path: Path, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            found: list[Message] = []
            bench.broker.router.subscribe_local("#", found.append)
            low, high = bench.client("low"), bench.client("high")
            low.subscribe(("t/+", 0))
            high.subscribe(("t/+", 1))
            message = inside("t/ü", b"x" * 200, qos)
            bench.broker.router.publish(message)
            assert found == [message]
            (to_low,), (to_high,) = low.messages(), high.messages()
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
            client = bench.client("c")
            client.subscribe(("t", 1))
            with pytest.raises(StoreFull):
                bench.broker.router.publish(inside("t", b"", 1))
            assert client.messages() == []
            assert bench.count("mqtt.publish.refused") == 1

    run(main())


# --- the cache of routes ------------------------------------------------------------------------


def test_topics_that_are_made_up_do_not_fill_memory(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            routes = bench.broker.router.routes
            client, subscriber = bench.client("c"), bench.client("s")
            subscriber.subscribe(("long/#", 0))
            for number in range(MAX_ROUTES + 10):
                bench.broker.router.find(b"made/up/%d" % number)
            assert len(routes) <= MAX_ROUTES
            before = len(routes)
            long = "long/" + "x" * MAX_KEPT_TOPIC_BYTES
            for _ in range(2):
                client.publish(long, b"", 1)
            assert [m.topic for m in subscriber.messages()] == [long, long]
            assert len(routes) == before

    run(main())


def test_the_filters_of_one_client_have_a_limit_in_characters(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = bench.client("c")
            long = [f"{n}" + "x" * 60_000 for n in range(5)]
            assert client.subscribe(*((topic, 0) for topic in long)) == b"\0\0\0\0\x80"
            assert client.subscribe(("short", 1), (long[0], 1)) == b"\1\1"
            client.unsubscribe(long[0])
            assert client.subscribe((long[4], 0)) == b"\0"
            bench.client("other").publish("short", b"1", 0)
            assert [message.payload for message in client.messages()] == [b"1"]

    run(main())
