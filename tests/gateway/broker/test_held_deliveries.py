"""QoS 2 messages to clients without a kept session: held back until the commit they hang on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt.encoding import encode_publish
from gateway.mqtt.packets import PUBREL, Publish
from gateway.mqtt.properties import Properties
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import Bench, WireClient, open_bench
from tests.rig.mqtt_disk import MIB, compare, count, fail_batch
from tests.rig.mqtt_keeper import KEPT, away

Run = Callable[[Any], None]

# No batch is committed before the test asks for it.
MINUTE = StoreSettings(commit_interval_ms=60_000, reserve_bytes=8 * MIB)
ONCE = b"once"


def packet(level: int, *, retain: bool = False, dup: bool = False) -> bytes:
    return encode_publish(Publish("t/1", ONCE, 2, retain, dup, 1, Properties()), level)


async def subscriber(bench: Bench, topic_filter: str = "t/#", **connect: Any) -> WireClient:
    client = await bench.client("subscriber", **connect)
    assert await client.subscribe((topic_filter, 2)) == b"\x02"
    return client


async def publisher(bench: Bench, level: int, *, kept: bool = True) -> WireClient:
    properties = KEPT if kept and level == 5 else Properties()
    return await bench.client("publisher", level=level, clean_start=not kept, properties=properties)


def payloads(messages: list[Publish]) -> list[bytes]:
    assert all(message.qos == 2 for message in messages)
    return [message.payload for message in messages]


@pytest.mark.parametrize("topic_filter", ["t/#", "$share/group/t/#"])
@pytest.mark.parametrize("joined_by", ["publisher", "subscriber", "retain"])
def test_a_message_that_joined_a_batch_comes_after_its_commit(
    run: Run, tmp_path: Path, joined_by: str, topic_filter: str
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=MINUTE) as bench:
            client = await subscriber(bench, topic_filter)
            if joined_by == "subscriber":
                await away(bench)
            sender = await publisher(bench, 4, kept=joined_by == "publisher")
            sender.hand_over(packet(4, retain=joined_by == "retain"))
            assert client.written() == sender.written() == b""
            assert payloads(await client.messages()) == [ONCE]
            assert sender.written() == b"\x50\x02\x00\x01"
            assert await client.messages() == []

    run(main())


def test_a_message_that_joins_nothing_comes_at_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=MINUTE) as bench:
            client = await subscriber(bench)
            sender = await publisher(bench, 5, kept=False)
            joined = bench.store.joined
            sender.hand_over(packet(5))
            assert client.written().endswith(ONCE)
            assert sender.written() == b"\x50\x02\x00\x01"
            assert bench.store.joined == joined

    run(main())


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("topic_filter", ["t/#", "$share/group/t/#"])
@pytest.mark.parametrize("joined_by", ["publisher", "subscriber"])
def test_after_a_failed_batch_it_comes_once_when_it_is_sent_again(
    run: Run, tmp_path: Path, joined_by: str, topic_filter: str, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscriber(bench, topic_filter)
            await away(bench)
            kept = joined_by == "publisher"
            sender = await publisher(bench, level, kept=kept)
            sender.hand_over(packet(level))
            await fail_batch(bench)
            assert await client.messages() == []
            if level == 4:  # no word for it but to close
                assert sender.closed
                sender.lost()
                sender = await publisher(bench, level, kept=kept)
            else:
                assert await sender.out() == b"\x50\x03\x00\x01\x97"
            assert await sender.send(packet(level, dup=level == 4)) == b"\x50\x02\x00\x01"
            assert payloads(await client.messages()) == [ONCE]
            assert await sender.send(packet(level, dup=True)) == b"\x50\x02\x00\x01"
            assert await sender.acknowledge(1, PUBREL) == b"\x70\x02\x00\x01"
            assert await client.messages() == []
            assert count(bench, "mqtt_queued") == 1
            await compare(bench)

    run(main())


def test_a_client_that_takes_part_at_qos_1_need_not_wait(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=MINUTE) as bench:
            waits = await subscriber(bench)
            takes = await bench.client("takes")
            await takes.subscribe(("t/#", 1))
            sender = await publisher(bench, 4)
            sender.hand_over(packet(4))
            assert waits.written() == b""
            assert takes.written().endswith(ONCE)
            assert payloads(await waits.messages()) == [ONCE]
            assert await takes.messages() == []

    run(main())


@pytest.mark.parametrize("topic_filter", ["t/#", "$share/group/t/#"])
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_session_that_ended_meanwhile_gets_nothing_and_leaves_nothing(
    run: Run, tmp_path: Path, topic_filter: str, comes_back: bool
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscriber(bench, topic_filter)
            sender = await publisher(bench, 4)
            sender.hand_over(packet(4))
            outgoing = bench.broker.sessions["subscriber"].outgoing
            client.lost()
            assert client.written() == b""
            if comes_back:
                client = await subscriber(bench, topic_filter)
            assert await sender.out() == b"\x50\x02\x00\x01"
            assert await client.messages() == []
            assert bench.count("mqtt.queued_bytes") == 0
            assert (outgoing.queued, len(outgoing.in_flight)) == (0, 0)
            assert bench.count("mqtt.publish.sent") == 0

    run(main())


def test_held_messages_keep_the_order_they_were_published_in(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscriber(bench)
            sender = await publisher(bench, 5)
            for number in range(1, 6):
                message = Publish("t/1", b"%d" % number, 2, False, False, number)
                sender.hand_over(encode_publish(message, 5))
            assert payloads(await client.messages()) == [b"1", b"2", b"3", b"4", b"5"]

    run(main())
