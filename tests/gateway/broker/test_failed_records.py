"""Batches that fail with sessions, retained messages and wills: disk and memory agree again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gateway.mqtt.packets import Publish, Will
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, WireClient, open_bench
from tests.rig.mqtt_disk import MESSAGE_TABLES, compare, count, fail_batch, rows, while_committing
from tests.rig.mqtt_keeper import keeper, take

Run = Callable[[Any], None]

# PUBLISH to `t` with packet identifier 1 and the payload "bad", as MQTT 3.1.1 and 5 write it.
BAD_QOS1 = {4: b"\x32\x08\x00\x01t\x00\x01bad", 5: b"\x32\x09\x00\x01t\x00\x01\x00bad"}
BAD_RETAINED = b"\x33\x09\x00\x01t\x00\x01\x00bad"


async def subscribed(bench: Bench, qos: int = 1, topic_filter: str = "t") -> WireClient:
    """Connect one that wants a topic."""
    client = await keeper(bench)
    assert await client.subscribe((topic_filter, qos)) == bytes([qos])
    return client


def payloads(messages: list[Publish]) -> list[bytes]:
    return [message.payload for message in messages]


def test_a_retained_message_of_a_failed_batch_never_was(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("publisher")
            publisher.hand_over(BAD_RETAINED)
            await fail_batch(bench)
            await compare(bench)
            assert bench.count("mqtt.retained") == bench.count("mqtt.retained_bytes") == 0
            await publisher.out()
            await publisher.publish("t", b"good", qos=1, retain=True)
            publisher.hand_over(BAD_RETAINED)
            await fail_batch(bench)
            await compare(bench)
            reader = await subscribed(bench)
            assert payloads(await reader.messages()) == [b"good"]
            removal = b"\x33\x06\x00\x01t\x00\x01\x00"
            publisher.hand_over(removal)
            await fail_batch(bench)
            await compare(bench)
            assert bench.count("mqtt.retained") == 1
            await bench.restart()
            assert count(bench, "mqtt_retained") == bench.count("mqtt.retained") == 1

    run(main())


def test_retained_messages_outlive_failed_batches_with_copies_of_them(
    run: Run, tmp_path: Path
) -> None:
    """Copies of a retained message refer to its row; they go, the row stays."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("publisher")
            await publisher.publish("t", b"kept", qos=1, retain=True)
            await bench.restart()
            for acknowledge in (True, False):
                client = await keeper(bench, "late")
                client.hand_over(b"\x82\x07\x00\x01\x00\x00\x01t\x01")
                if acknowledge:
                    acknowledgement = partial(client.hand_over, b"\x40\x02\x00\x01")
                    while_committing(bench, acknowledgement)
                await fail_batch(bench)
                assert client.closed
                await compare(bench)
                client = await bench.client("late", clean_start=True)
                await compare(bench)
                await bench.restart()
                assert bench.count("mqtt.retained") == 1

    run(main())


def test_retained_messages_outlive_copies_that_gather_behind_a_failed_batch(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("publisher")
            await publisher.publish("t", b"kept", qos=1, retain=True)
            await bench.restart()
            client = await keeper(bench)
            publisher = await bench.client("publisher")
            other = await keeper(bench, "other")
            other.hand_over(b"\x82\x07\x00\x01\x00\x00\x01x\x01")
            while_committing(bench, lambda: client.hand_over(b"\x82\x07\x00\x01\x00\x00\x01t\x01"))
            await fail_batch(bench)
            await compare(bench)
            await publisher.publish("t", b"", qos=1, retain=True)
            await bench.client("keeper", clean_start=True)
            await compare(bench)
            assert count(bench, "mqtt_message") == 0

    run(main())


def test_subscriptions_and_sessions_of_a_failed_batch_are_written_with_the_next(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await keeper(bench)
            client.hand_over(b"\x82\x07\x00\x01\x00\x00\x01t\x01")
            await fail_batch(bench)
            assert (await client.out(), client.closed) == (b"\xe0\x01\x97", True)
            await compare(bench)
            client = await keeper(bench)
            assert await client.unsubscribe("t") == b"\x00"
            new = bench.raw()
            new.hand_over(
                b"\x10\x16\x00\x04MQTT\x05\x00\x00\x00\x05\x11\x00\x00\x0e\x10\x00\x04new1"
            )
            await fail_batch(bench)
            assert (await new.out(), new.closed) == (b"", True)
            await compare(bench)
            assert count(bench, "mqtt_session") == 2
            await bench.restart()
            assert set(bench.broker.sessions) == {"keeper", "new1"}

    run(main())


def test_what_changed_behind_a_failed_batch_is_written_within_a_second(
    run: Run, tmp_path: Path
) -> None:
    """A client says goodbye while a batch that has nothing to do with it fails."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await subscribed(bench)).lost()
            client = await keeper(bench, "other")
            publisher = await bench.client("publisher")
            await bench.settle()
            publisher.hand_over(BAD_QOS1[5])
            while_committing(bench, lambda: client.hand_over(b"\xe0\x00"))
            await fail_batch(bench)
            await bench.tick()
            row = bench.store.reader.execute(
                "SELECT away_since_ms FROM mqtt_session WHERE client_id = 'other'"
            )
            assert row.fetchone() != (None,)

    run(main())


def test_an_end_of_a_session_in_a_failed_batch_is_repeated(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await subscribed(bench)).lost()
            publisher = await bench.client("publisher")
            await publisher.publish("t", b"x", qos=1)
            bench.time.advance(3600)
            bench.broker.sweep(bench.time.monotonic_s)
            await fail_batch(bench)
            await compare(bench)
            await bench.tick()
            assert rows(bench) == {}

    run(main())


def test_a_will_that_a_failed_batch_took_with_it_is_counted(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await subscribed(bench)).lost()
            client = await bench.client("mortal", will=Will("t", b"bye", 1, True, Properties()))
            client.lost()
            await fail_batch(bench)
            assert bench.count("mqtt.lost_wills") == 1
            await compare(bench)
            assert not rows(bench).keys() & {*MESSAGE_TABLES, "mqtt_will", "mqtt_retained"}

    run(main())


def test_after_a_failed_batch_of_everything_disk_and_memory_agree(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await subscribed(bench, qos=2, topic_filter="#")
            publisher = await keeper(bench, "publisher")
            await publisher.publish("t", b"before", qos=1, retain=True)
            for _ in range(2):
                mortal = await bench.client("mortal", will=Will("w", b"bye", 1, True, Properties()))
                publisher.hand_over(BAD_QOS1[5] + BAD_RETAINED)
                publisher.hand_over(b"\x34\x09\x00\x01t\x00\x02\x00bad\x62\x02\x00\x02")
                client.hand_over(b"\x40\x02\x00\x01\x82\x07\x00\x09\x00\x00\x01x\x01")
                client.hand_over(b"\xa2\x06\x00\x09\x00\x00\x01x")
                mortal.lost()
                (await_me := bench.raw()).hand_over(
                    b"\x10\x16\x00\x04MQTT\x05\x00\x00\x00\x05\x11\x00\x00\x0e\x10\x00\x04new1"
                )
                await fail_batch(bench)
                assert await_me.closed
                await compare(bench)
                client, publisher = await keeper(bench), await keeper(bench, "publisher")
            await bench.restart()
            await compare(bench)
            assert count(bench, "mqtt_retained") == 1
            publisher = await keeper(bench, "publisher")
            await publisher.publish("t", b"", qos=1, retain=True)
            assert (await take(await keeper(bench)))[-1] == b""
            await compare(bench)
            assert not rows(bench).keys() & {*MESSAGE_TABLES, "mqtt_retained"}

    run(main())
