"""Basic Ingest: messages on `$aws/rules/RULE/…` reach in-process subscribers, and no client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.broker.basic_ingest import counted
from gateway.errors import StoreFull
from gateway.message import Message, Publisher
from gateway.mqtt.encoding import encode_acknowledgement
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.packets import PUBACK, PUBREC, Acknowledgement, Will
from gateway.mqtt.properties import Properties
from gateway.mqtt.topics import Dialect
from tests.rig.aws_listener import AWS, keeping, taken
from tests.rig.mqtt_bench import Bench, WireClient, open_bench

Run = Callable[[Any], None]

TOPIC = "$aws/rules/hot/bench/a"
UNKNOWN = "mqtt.basic_ingest.unknown_rule"
FILTERS = ("#", "$aws/+/hot/#", "$aws/rules/#", "$aws/rules/+/+/+", TOPIC, f"$share/g/{TOPIC}")

EVERYONE = pytest.mark.parametrize("level", [4, 5])
PROFILES = pytest.mark.parametrize("profile", ["standard", AWS])


def listen(bench: Bench, topic_filter: str = "$aws/rules/hot/#") -> list[Message]:
    """Subscribe as the engine does for a rule; return what it gets."""
    heard: list[Message] = []
    bench.broker.router.subscribe_local(topic_filter, heard.append, Dialect.AWS)
    return heard


async def listeners(bench: Bench) -> list[WireClient]:
    """Connect clients that subscribe to all there is: plain ones, and one with a session."""
    clients = [await bench.client(f"plain{level}", level=level) for level in (4, 5)]
    clients.append(await bench.client("kept", level=4, **keeping(4)))
    for client in clients:
        await client.subscribe(*((topic_filter, 2) for topic_filter in FILTERS))
    return clients


@EVERYONE
@PROFILES
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_rule_gets_it_and_no_client(
    run: Run, tmp_path: Path, level: int, profile: str, qos: int
) -> None:
    if qos == 2 and profile == AWS:
        qos = 1  # AWS IoT Core has no QoS 2

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            clients = await listeners(bench)
            heard, other = listen(bench), listen(bench, "$aws/rules/other/#")
            device = await bench.client("device", level=level, profile=profile)
            answer = await device.publish(TOPIC, b"1", qos=qos)
            assert answer[:1] == (b"", b"\x40", b"\x50")[qos]
            assert [(m.topic, m.payload, m.qos) for m in heard] == [(TOPIC, b"1", qos)]
            assert (heard[0].publisher.client_id, heard[0].retain) == ("device", False)
            assert other == []
            for client in clients:
                assert await client.messages() == []
            assert bench.count(UNKNOWN) == 0
            assert bench.count("mqtt.publish.received") == 1

    run(main())


def test_the_same_clients_get_what_is_no_basic_ingest(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            device = await bench.client("device")
            for topic in ("aws/rules/hot/x", "$aws/rulesets/hot/x", "$aws/rules", "bench/a"):
                client = await bench.client(f"c-{topic}")
                await client.subscribe((topic, 0))
                await device.publish(topic, b"1", qos=1)
                assert [m.topic for m in await client.messages()] == [topic]

    run(main())


@EVERYONE
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    "topic",
    ["$aws/rules/nobody/a", "$aws/rules/hot", "$aws/rules/hot/", "$aws/rules/", "$aws/rules//a"],
)
def test_a_rule_that_is_not_there_is_counted_and_the_message_taken(
    run: Run, tmp_path: Path, level: int, qos: int, topic: str
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            heard = listen(bench)
            device = await bench.client("device", level=level)
            for count in (1, 2, 3):
                answer = await device.publish(topic, b"1", qos=qos)
                if not qos:
                    assert answer == b""
                else:
                    assert answer[:1] == b"\x40"
                assert bench.count(UNKNOWN) == count
            assert not device.closed
            assert heard == []

    run(main())


def test_a_rule_that_comes_and_goes(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            device = await bench.client("device")
            await device.publish(TOPIC, b"1")
            heard: list[Message] = []
            rule = bench.broker.router.subscribe_local("$aws/rules/hot/#", heard.append)
            await device.publish(TOPIC, b"2")
            bench.broker.router.unsubscribe_local(rule)
            await device.publish(TOPIC, b"3")
            assert [m.payload for m in heard] == [b"2"]
            assert bench.count(UNKNOWN) == 2

    run(main())


@EVERYONE
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_nothing_is_retained(run: Run, tmp_path: Path, level: int, qos: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            heard = listen(bench)
            device = await bench.client("device", level=level)
            await device.publish(TOPIC, b"1", qos=qos, retain=True)
            assert [m.payload for m in heard] == [b"1"]
            assert bench.count("mqtt.retained") == 0
            late = await bench.client("late")
            await late.subscribe((TOPIC, 1), ("$aws/rules/#", 1))
            assert await late.messages() == []

    run(main())


@PROFILES
def test_a_will_goes_the_same_way(run: Run, tmp_path: Path, profile: str) -> None:
    topic = "$aws/rules/hot/" + "/" * 7  # 8 levels, without the prefix

    async def main() -> None:
        settings = MqttSettings(max_topic_levels=8)
        async with open_bench(tmp_path, settings) as bench:
            clients = await listeners(bench)
            heard = listen(bench)
            will = Will(topic, b"gone", 1, profile != AWS)
            device = await bench.client("device", profile=profile, will=will)
            device.lost()
            await bench.settle()
            assert [(m.topic, m.payload) for m in heard] == [(topic, b"gone")]
            assert bench.count("mqtt.retained") == 0
            for client in clients:
                assert await client.messages() == []

    run(main())


def test_what_is_published_inside_goes_the_same_way(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            clients = await listeners(bench)
            heard = listen(bench)
            message = Message(TOPIC, b"1", 1, True, Publisher("rule:r"), 3)
            bench.broker.router.publish(message)
            assert heard == [message]
            bench.broker.router.publish(Message("$aws/rules/no/a", b"1", 1, True, Publisher("d")))
            assert bench.count(UNKNOWN) == 1
            assert bench.count("mqtt.retained") == 0
            for client in clients:
                assert await client.messages() == []

    run(main())


def test_mqtt_5_properties_come_along(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            heard = listen(bench)
            device = await bench.client("device")
            properties = Properties(content_type="x", message_expiry_interval_s=60, topic_alias=1)
            await device.publish(TOPIC, b"1", qos=1, properties=properties)
            await device.publish("", b"2", qos=1, properties=Properties(topic_alias=1))
            assert [(m.topic, m.payload) for m in heard] == [(TOPIC, b"1"), (TOPIC, b"2")]
            assert heard[0].properties == b"\x03\x00\x01x"
            assert heard[0].expires_at_ms > 0

    run(main())


@EVERYONE
@PROFILES
def test_the_prefix_is_not_counted(run: Run, tmp_path: Path, level: int, profile: str) -> None:
    name = "r" * 128
    deepest = f"$aws/rules/{name}/" + "/" * 7

    async def main() -> None:
        settings = MqttSettings(max_topic_levels=8)
        async with open_bench(tmp_path, settings) as bench:
            heard = listen(bench, f"$aws/rules/{name}/#")
            device = await bench.client("device", level=level, profile=profile)
            assert await device.publish(deepest, b"1", qos=1) == taken(level)
            assert [m.topic for m in heard] == [deepest]
            bench.broker.router.publish(heard[0])
            assert len(heard) == 2
            await device.publish(deepest + "/", b"1", qos=1)
            assert device.closed
            assert len(heard) == 2
            with pytest.raises(InvalidTopic, match="more than 8 levels"):
                bench.broker.router.publish(
                    Message(deepest + "/", b"", 0, False, Publisher("inside"))
                )

    run(main())


@pytest.mark.parametrize(
    ("topic", "rest"),
    [
        ("a/b", "a/b"),
        ("$aws/things/t/shadow/get", "$aws/things/t/shadow/get"),
        ("$aws/rules/r/a/b", "a/b"),
        ("$aws/rules/r/$aws/rules/r/a", "$aws/rules/r/a"),
        ("$aws/rules/r/", ""),
        ("$aws/rules/r", ""),
        ("$aws/rules/", ""),
        ("$aws/rules", "$aws/rules"),
        ("x/$aws/rules/r/a", "x/$aws/rules/r/a"),
    ],
)
def test_what_is_counted_of_a_topic(topic: str, rest: str) -> None:
    assert counted(topic) == rest


@EVERYONE
@pytest.mark.parametrize("qos", [1, 2])
def test_the_answer_waits_for_what_the_rule_has_stored(
    run: Run, tmp_path: Path, level: int, qos: int
) -> None:
    kind = PUBACK if qos == 1 else PUBREC

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            router = bench.broker.router
            router.subscribe_local("$aws/rules/hot/#", lambda message: bench.store.join(100))
            device = await bench.client("device", level=level)
            answer = encode_acknowledgement(kind, Acknowledgement(1), level)
            commits = bench.store.commits.value
            assert await device.publish(TOPIC, b"1", qos=qos) == answer
            assert bench.store.commits.value > commits

    run(main())


@EVERYONE
def test_a_message_that_the_rule_cannot_keep_is_refused(
    run: Run, tmp_path: Path, level: int
) -> None:
    def refuse(message: Message) -> None:
        raise StoreFull("no room")

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            bench.broker.router.subscribe_local("$aws/rules/hot/#", refuse)
            device = await bench.client("device", level=level)
            answer = await device.publish(TOPIC, b"1", qos=1)
            if level == 4:
                assert (answer, device.closed) == (b"", True)
            else:
                assert answer == encode_acknowledgement(PUBACK, Acknowledgement(1, 0x97), 5)
            assert bench.count("mqtt.publish.refused") == 1

    run(main())
