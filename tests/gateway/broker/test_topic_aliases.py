"""Topic aliases of MQTT 5, from clients and to them, and the largest packet a client takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.packets import Publish
from gateway.mqtt.properties import Properties
from gateway.mqtt.reason_codes import ReasonCode
from tests.rig.mqtt_bench import WireClient, open_bench

Run = Callable[[Any], None]
LONG = "a/rather/long/topic/name"


async def send(client: WireClient, topic: str, alias: int, qos: int = 1) -> bytes:
    return await client.publish(topic, b"x", qos=qos, properties=Properties(topic_alias=alias))


def named(messages: list[Publish]) -> list[tuple[str, int | None]]:
    return [(message.topic, message.properties.topic_alias) for message in messages]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_alias_from_a_client_stands_for_its_topic(run: Run, tmp_path: Path, qos: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            reader = await bench.client("reader")
            await reader.subscribe(("#", 0))
            client = await bench.client("client")
            assert client.connack.properties.topic_alias_maximum == 10
            for topic, alias in ((LONG, 1), ("b", 10), ("", 1), ("c", 1), ("", 1), ("", 10)):
                client.hand_over(b"\x62\x02\x00\x01")
                await send(client, topic, alias, qos)
            topics = [topic for topic, _ in named(await reader.messages())]
            assert topics == [LONG, "b", LONG, "c", "c", "b"]
            assert not client.closed

    run(main())


@pytest.mark.parametrize(
    ("topic", "alias", "reason_code"),
    [
        ("t", 11, ReasonCode.TOPIC_ALIAS_INVALID),
        ("t", 0, ReasonCode.TOPIC_ALIAS_INVALID),
        ("", 2, ReasonCode.PROTOCOL_ERROR),
    ],
)
def test_an_alias_that_may_not_be_or_stands_for_nothing_ends_the_connection(
    run: Run, tmp_path: Path, topic: str, alias: int, reason_code: ReasonCode
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            reader = await bench.client("reader")
            await reader.subscribe(("#", 0))
            client = await bench.client("client")
            await send(client, "t", 1)
            await reader.messages()
            assert await send(client, topic, alias) == b"\xe0\x01" + bytes([reason_code])
            assert client.closed
            assert await reader.messages() == []

    run(main())


def test_aliases_end_with_their_connection(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            kept = Properties(session_expiry_interval_s=60)
            client = await bench.client("client", clean_start=False, properties=kept)
            await send(client, "t", 1)
            client = await bench.client("client", clean_start=False, properties=kept)
            await send(client, "", 1)
            assert client.closed

    run(main())


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("qos", [0, 1])
def test_a_client_that_takes_aliases_is_told_each_once_as_many_as_it_takes(
    run: Run, tmp_path: Path, qos: int, kept: bool
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            properties = Properties(
                topic_alias_maximum=2, session_expiry_interval_s=60 if kept else None
            )
            reader = await bench.client("reader", clean_start=False, properties=properties)
            await reader.subscribe(("#", qos))
            client = await bench.client("client")
            for topic in "aabbccab":
                await client.publish(topic, b"x", qos=qos)
            assert named(await reader.messages()) == [
                ("a", 1), ("", 1), ("b", 2), ("", 2), ("c", None), ("c", None), ("", 1), ("", 2),
            ]  # fmt: skip
            if kept:
                # A new connection knows none, and may take fewer.
                again = Properties(topic_alias_maximum=1, session_expiry_interval_s=60)
                reader = await bench.client("reader", clean_start=False, properties=again)
                expected = [
                    ("a", 1), ("", 1), ("b", None), ("b", None), ("c", None), ("c", None),
                    ("", 1), ("b", None),
                ]  # fmt: skip
                assert named(await reader.messages()) == (expected if qos else [])

    run(main())


def test_clients_that_take_none_get_topic_names(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(topic_alias_maximum=1)) as bench:
            plain, older = await bench.client("plain"), await bench.client("older", level=4)
            some = await bench.client("some", properties=Properties(topic_alias_maximum=65_535))
            for client in (plain, older, some):
                await client.subscribe(("#", 0))
            client = await bench.client("client")
            for topic in "aab":
                await client.publish(topic, b"x")
            for reader in (plain, older):
                assert named(await reader.messages()) == [("a", None), ("a", None), ("b", None)]
            assert named(await some.messages()) == [("a", 1), ("", 1), ("b", None)]

    run(main())


@pytest.mark.parametrize("aliases", [None, 10])
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("topic", ["t", "ab", LONG])
def test_a_message_that_fits_is_sent_and_one_byte_more_is_not(
    run: Run, tmp_path: Path, topic: str, qos: int, aliases: int | None
) -> None:
    """An alias never makes a packet larger than its client takes."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            limit = 2 + 2 + len(topic) + 2 * qos + 1 + 40
            properties = Properties(maximum_packet_size_bytes=limit, topic_alias_maximum=aliases)
            reader = await bench.client("reader", properties=properties)
            await reader.subscribe(("#", qos))
            other = await bench.client("other", level=4)
            await other.subscribe(("#", 0))
            client = await bench.client("client")
            for size in (40, 41, 1, 40, 41):
                await client.publish(topic, b"x" * size, qos=qos)
            packets = await reader.packets()
            assert all(len(packet) <= limit for packet in packets)
            sizes = [len(packet) - len(packet.rstrip(b"x")) for packet in packets]
            # A name known by an alias leaves more room, where it is longer than the alias.
            last = [41] if aliases and topic == LONG else []
            assert sizes == [40, 1, 40, *last]
            assert bench.count("mqtt.dropped.too_large") == 2 - len(last)
            assert len(await other.messages()) == 5

    run(main())


def test_an_alias_is_not_used_for_a_topic_whose_first_message_was_not_sent(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            properties = Properties(maximum_packet_size_bytes=60, topic_alias_maximum=5)
            reader = await bench.client("reader", properties=properties)
            await reader.subscribe(("#", 1))
            client = await bench.client("client")
            await client.publish(LONG, b"x" * 60, qos=1)
            await client.publish(LONG, b"y", qos=1)
            await client.publish(LONG, b"z", qos=1)
            assert named(await reader.messages()) == [(LONG, 1), ("", 1)]

    run(main())
