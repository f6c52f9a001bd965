"""Batches that fail, for real: of their messages nothing has happened, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.packets import PUBCOMP, PUBREC, PUBREL
from tests.rig.mqtt_bench import Bench, WireClient, open_bench
from tests.rig.mqtt_disk import MESSAGE_TABLES, compare, count, fail_batch, rows, while_committing
from tests.rig.mqtt_keeper import away, keeper, take

Run = Callable[[Any], None]

# PUBLISH to `t` with packet identifier 1 and the payload "bad", as MQTT 3.1.1 and 5 write it.
BAD_QOS1 = {4: b"\x32\x08\x00\x01t\x00\x01bad", 5: b"\x32\x09\x00\x01t\x00\x01\x00bad"}
BAD_QOS2 = {4: b"\x34\x08\x00\x01t\x00\x01bad", 5: b"\x34\x09\x00\x01t\x00\x01\x00bad"}
KEEPER_CONNECT = b"\x10\x18\x00\x04MQTT\x05\x00\x00\x00\x05\x11\x00\x00\x0e\x10\x00\x06keeper"


async def subscribed(bench: Bench, qos: int = 1, topic_filter: str = "t") -> WireClient:
    """Connect one that wants a topic."""
    client = await keeper(bench)
    assert await client.subscribe((topic_filter, qos)) == bytes([qos])
    return client


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("level", [4, 5])
def test_a_message_of_a_failed_batch_is_refused_and_comes_again(
    run: Run, tmp_path: Path, level: int, connected: bool
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscribed(bench)
            if not connected:
                client.lost()
            publisher = await bench.client("publisher", level=level)
            publisher.hand_over(BAD_QOS1[level])
            await fail_batch(bench)
            answer = await publisher.out()
            if level == 5:
                assert answer == b"\x40\x03\x00\x01\x97"
            else:
                assert (answer, publisher.closed) == (b"", True)
                publisher = await bench.client("publisher", level=4)
            await compare(bench)
            assert not rows(bench).keys() & set(MESSAGE_TABLES)
            assert await publisher.publish("t", b"good", qos=1) == b"\x40\x02\x00\x01"
            if not connected:
                client = await keeper(bench)
            # One that is connected has got it before the commit: at least once.
            assert await take(client) == ([b"bad", b"good"] if connected else [b"good"])
            await compare(bench)
            assert not rows(bench).keys() & set(MESSAGE_TABLES)
            assert bench.count("mqtt.stored_bytes") == 0

    run(main())


def test_what_gathers_behind_a_failed_batch_fails_with_it(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await subscribed(bench)).lost()
            first, second = await bench.client("first"), await bench.client("second")
            first.hand_over(BAD_QOS1[5])
            while_committing(bench, lambda: second.hand_over(BAD_QOS1[5]))
            await fail_batch(bench)
            assert await first.out() == await second.out() == b"\x40\x03\x00\x01\x97"
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == 0

    run(main())


def test_a_message_sent_before_its_batch_failed_is_sent_again_to_whoever_comes_back(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscribed(bench)
            publisher = await bench.client("publisher")
            publisher.hand_over(BAD_QOS1[5])
            await fail_batch(bench)
            (first,) = await client.messages()
            for _ in range(3):  # its payload is nowhere but in memory
                client.lost()
                client = await keeper(bench)
                (again,) = await client.messages()
                assert (again.payload, again.dup) == (b"bad", True)
                assert again.packet_identifier == first.packet_identifier
            await client.acknowledge(first.packet_identifier)
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == 0

    run(main())


def test_a_copy_that_is_removed_while_its_batch_fails_is_counted_once(
    run: Run, tmp_path: Path
) -> None:
    """Acknowledged, dropped and expired copies whose rows are being written just then."""

    async def main() -> None:
        settings = MqttSettings(max_inflight=1, max_stored_messages=2, overflow="drop_oldest")
        async with open_bench(tmp_path, settings) as bench:
            client = await subscribed(bench)
            publisher = await bench.client("publisher")
            publisher.hand_over(BAD_QOS1[5] + BAD_QOS1[5])

            def meanwhile() -> None:
                publisher.hand_over(BAD_QOS1[5])  # one that waits is dropped
                client.hand_over(b"\x40\x02\x00\x01")

            while_committing(bench, meanwhile)
            await fail_batch(bench)
            assert bench.count("mqtt.dropped.qos1") == 1
            await take(client)
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == bench.count("mqtt.stored_bytes") == 0

    run(main())


@pytest.mark.parametrize("away", [True, False])
def test_dropped_while_its_batch_is_written_a_message_does_not_come_back(
    run: Run, tmp_path: Path, away: bool
) -> None:
    """Its row is on disk for a moment, and the client is ready to take it."""

    async def main() -> None:
        settings = MqttSettings(max_stored_messages=1, overflow="drop_oldest")
        async with open_bench(tmp_path, settings) as bench:
            (await subscribed(bench)).lost()
            publisher = await bench.client("publisher")

            def replace() -> None:
                publisher.hand_over(b"\x32\x09\x00\x01t\x00\x02\x00new")

            def publish_and_replace() -> None:
                publisher.hand_over(BAD_QOS1[5])
                while_committing(bench, replace)

            client = bench.raw()
            if not away:
                # The CONNACK's commit comes between the message and its row.
                client.hand_over(KEEPER_CONNECT)
            while_committing(bench, publish_and_replace)
            if away:
                await bench.settle()
                await bench.settle()
                client.hand_over(KEEPER_CONNECT)
            await bench.settle()
            client.level = 5
            connack, *published = await client.packets()
            assert connack[0] == 0x20
            assert [packet[-3:] for packet in published] == [b"new"]
            await client.acknowledge(2)
            assert bench.count("mqtt.dropped.qos1") == 1
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == 0

    run(main())


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("level", [4, 5])
def test_a_qos_2_message_of_a_failed_batch_is_taken_when_it_comes_again(
    run: Run, tmp_path: Path, level: int, stays: bool
) -> None:
    """Its packet identifier must not be remembered, or the message would be lost."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await subscribed(bench, qos=1)).lost()
            publisher = await keeper(bench, "publisher", level=level)
            publisher.hand_over(BAD_QOS2[level])
            if not stays:
                publisher.lost()
            await fail_batch(bench)
            answer = await publisher.out()
            assert answer == (b"\x50\x03\x00\x01\x97" if stays and level == 5 else b"")
            await compare(bench)
            assert count(bench, "mqtt_received") == 0
            publisher = await keeper(bench, "publisher", level=level)
            again = await publisher.publish("t", b"bad", qos=2, identifier=1, dup=True)
            assert again == b"\x50\x02\x00\x01"
            assert await take(await keeper(bench)) == [b"bad"]

    run(main())


def test_a_pubrel_whose_batch_fails_is_answered_when_it_comes_again(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await keeper(bench, "publisher", level=4)
            await publisher.publish("t", b"x", qos=2)
            publisher.hand_over(b"\x62\x02\x00\x01")
            await fail_batch(bench)
            assert (await publisher.out(), publisher.closed) == (b"", True)
            publisher = await keeper(bench, "publisher", level=4)
            assert await publisher.acknowledge(1, PUBREL) == b"\x70\x02\x00\x01"
            await compare(bench)
            assert count(bench, "mqtt_received") == 0

    run(main())


def test_a_pubrec_whose_batch_fails_is_taken_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscribed(bench, qos=2)
            publisher = await bench.client("publisher")
            await publisher.publish("t", b"x", qos=2)
            (message,) = await client.messages()
            client.hand_over(b"\x50\x02\x00\x01")
            await fail_batch(bench)
            assert client.closed
            await bench.tick()
            await bench.restart()
            client = await keeper(bench)
            assert await client.packets() == [b"\x62\x02\x00\x01"]
            assert await client.acknowledge(message.packet_identifier, PUBREC) == (
                b"\x62\x02\x00\x01"
            )
            await client.acknowledge(message.packet_identifier, PUBCOMP)
            await compare(bench)
            assert not rows(bench).keys() & set(MESSAGE_TABLES)

    run(main())


def test_removals_of_a_failed_batch_are_repeated(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscribed(bench)
            publisher = await bench.client("publisher")
            for number in range(3):
                await publisher.publish("t", b"%d" % number, qos=1)
            for message in await client.messages():
                client.hand_over(b"\x40\x02" + message.packet_identifier.to_bytes(2, "big"))
            bench.broker._journal.tidy()
            await fail_batch(bench)
            await compare(bench)
            assert not rows(bench).keys() & set(MESSAGE_TABLES)

    run(main())


def test_a_qos_2_message_that_was_taken_before_is_not_refused_with_a_failed_batch(
    run: Run, tmp_path: Path
) -> None:
    """It comes again behind one that is lost; its answer is the same as the first time."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench, topic_filter="t")
            publisher = await keeper(bench, "publisher")
            await publisher.publish("t", b"once", qos=2, identifier=2)
            publisher = await keeper(bench, "publisher")
            publisher.hand_over(BAD_QOS1[5] + b"\x3c\x0a\x00\x01t\x00\x02\x00once")
            await fail_batch(bench)
            assert await publisher.out() == b"\x40\x03\x00\x01\x97\x50\x02\x00\x02"
            await compare(bench)
            assert await publisher.acknowledge(2, PUBREL) == b"\x70\x02\x00\x02"
            assert await take(await keeper(bench)) == [b"once"]
            await compare(bench)
            assert count(bench, "mqtt_received") == 0

    run(main())
