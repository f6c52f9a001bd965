"""Persistent sessions: what they keep on disk, and that it is there after a restart, in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.packets import PUBCOMP, PUBREC, PUBREL, SubscriptionRequest
from gateway.mqtt.properties import Properties
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import open_bench
from tests.rig.mqtt_disk import (
    MESSAGE_TABLES,
    MIB,
    ROOMY,
    compare,
    count,
    cut_power,
    rows,
)
from tests.rig.mqtt_keeper import away, keeper, publish, take

Run = Callable[[Any], None]
MINUTE = StoreSettings(commit_interval_ms=60_000, reserve_bytes=8 * MIB)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("level", [4, 5])
def test_messages_for_a_client_that_is_away_survive_a_restart_in_order(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            await publish(bench, *numbered(5))
            await bench.restart()
            await publish(bench, b"5")
            await bench.restart()
            client = await keeper(bench, level=level)
            assert client.connack.session_present
            messages = await client.messages()
            assert [message.payload for message in messages] == numbered(6)
            assert not any(message.dup for message in messages)

    run(main())


def test_a_session_keeps_its_subscriptions_and_their_options(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await keeper(bench)
            await client.subscribe(
                SubscriptionRequest("own", 1, no_local=True),
                SubscriptionRequest("flag", 1, retain_as_published=True),
                properties=Properties(subscription_identifiers=(300,)),
            )
            await bench.restart()
            client = await keeper(bench)
            assert await client.publish("own", b"mine", qos=1) == b"\x40\x02\x00\x01"
            await publish(bench, b"theirs", topic="own")
            other = await bench.client("other")
            await other.publish("flag", b"kept", qos=1, retain=True)
            theirs, kept = await client.messages()
            assert (theirs.payload, kept.payload) == (b"theirs", b"kept")
            assert kept.retain
            assert theirs.properties.subscription_identifiers == (300,)

    run(main())


def test_what_is_sent_again_has_dup_and_the_same_packet_identifier(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            client = await keeper(bench)
            await publish(bench, *numbered(3))
            first = await client.messages()
            assert [m.dup for m in first] == [False] * 3
            client.lost()
            client = await keeper(bench)
            again = await client.messages()
            assert [m.dup for m in again] == [True] * 3
            await bench.restart()
            third = await (await keeper(bench)).messages()
            assert [m.dup for m in third] == [True] * 3
            for messages in (again, third):
                assert [(m.packet_identifier, m.payload) for m in messages] == [
                    (m.packet_identifier, m.payload) for m in first
                ]

    run(main())


def test_acknowledged_out_of_order_only_the_rest_comes_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            client = await keeper(bench)
            await publish(bench, *numbered(6))
            sent = await client.messages()
            for at in (4, 0, 2):
                await client.acknowledge(sent[at].packet_identifier)
            client.lost()
            client = await keeper(bench)
            rest = await client.messages()
            assert [m.payload for m in rest] == [b"1", b"3", b"5"]
            await client.acknowledge(rest[1].packet_identifier)
            await bench.restart()
            client = await keeper(bench)
            last = await client.messages()
            assert [(m.payload, m.dup) for m in last] == [(b"1", True), (b"5", True)]
            assert last[0].packet_identifier == sent[1].packet_identifier
            await compare(bench)

    run(main())


def test_a_message_sent_for_the_first_time_has_no_dup_however_many_came_before(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            client = await keeper(bench)
            await publish(bench, *numbered(5))
            assert await take(client) == numbered(5)
            client.lost()
            await bench.restart()
            await publish(bench, b"new")
            (message,) = await (await keeper(bench)).messages()
            assert (message.payload, message.dup) == (b"new", False)
            assert message.packet_identifier == 6  # goes on where it was

    run(main())


def test_a_qos_2_message_is_sent_after_its_commit_and_completed_over_restarts(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench, qos=2)
            client = await keeper(bench)
            await publish(bench, b"once", qos=2)
            (message,) = await client.messages()
            identifier = message.packet_identifier
            released = b"\x62\x02" + identifier.to_bytes(2, "big")
            await bench.restart()
            client = await keeper(bench)
            (again,) = await client.messages()
            assert (again.qos, again.dup, again.packet_identifier) == (2, True, identifier)
            assert await client.acknowledge(identifier, PUBREC) == released
            await bench.restart()
            client = await keeper(bench)
            assert await client.packets() == [released]  # never PUBLISH again
            assert await client.acknowledge(identifier, PUBREC) == released
            assert await client.acknowledge(identifier, PUBCOMP) == b""
            await bench.restart()
            client = await keeper(bench)
            assert await client.packets() == []
            await compare(bench)
            assert not rows(bench).keys() & set(MESSAGE_TABLES)

    run(main())


def test_a_qos_2_identifier_taken_before_a_restart_is_known_after_it(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench, "reader", qos=2)
            client = await keeper(bench, level=4)
            assert await client.publish("t/1", b"once", qos=2, identifier=9) == b"\x50\x02\x00\x09"
            await cut_power(bench, tmp_path / "after")
            client = await keeper(bench, level=4)
            again = await client.publish("t/1", b"once", qos=2, identifier=9, dup=True)
            assert again == b"\x50\x02\x00\x09"
            assert await client.acknowledge(9, PUBREL) == b"\x70\x02\x00\x09"
            await bench.restart()
            assert count(bench, "mqtt_received") == 0
            reader = await keeper(bench, "reader")
            assert [m.payload for m in await reader.messages()] == [b"once"]

    run(main())


def test_more_than_the_window_and_memory_hold_arrives_whole_and_in_order(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        settings = MqttSettings(max_inflight=20)
        async with open_bench(tmp_path, settings, ROOMY) as bench:
            await away(bench)
            publisher = await bench.client("publisher", level=4)
            for number in range(2500):
                publisher.hand_over(b"\x32\x0b\x00\x03t/1\x00\x01%04d" % number)
            await publisher.out()
            assert bench.count("mqtt.stored_messages") == 2500
            await bench.restart()
            client = await keeper(bench)
            first = await client.messages()
            assert len(first) == 20
            client.lost()
            client = await keeper(bench)
            assert await take(client) == [b"%04d" % number for number in range(2500)]
            await compare(bench)
            assert not rows(bench).keys() & set(MESSAGE_TABLES)

    run(main())


def test_large_messages_are_read_a_few_at_a_time(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=ROOMY) as bench:
            await away(bench)
            payloads = [bytes([number]) * 200_000 for number in range(20)]
            await publish(bench, *payloads)
            narrow = Properties(receive_maximum=1, session_expiry_interval_s=60)
            client = await bench.client("keeper", clean_start=False, properties=narrow)
            outgoing = bench.broker.sessions["keeper"].outgoing
            assert sum(copy.size_bytes for copy in outgoing._ahead) <= 1.3 * MIB
            assert await take(client) == payloads

    run(main())


def test_a_slow_reader_gets_everything_once_it_reads_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=50)) as bench:
            client = await keeper(bench)
            await client.subscribe(("t/#", 1))
            outlet = client.connection.outlet
            await publish(bench, *numbered(3))
            outlet.writable = False
            await publish(bench, b"3", b"4")
            await publish(bench, b"5", qos=2)
            assert [m.payload for m in await client.messages()] == numbered(3)
            outlet.writable = True
            client.connection.session.outgoing.drain()
            assert [m.payload for m in await client.messages()] == [b"3", b"4", b"5"]

    run(main())


def test_a_payload_is_stored_once_however_many_wait_for_it(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for name in "abc":
                await away(bench, name)
            publisher = await bench.client("publisher")
            await publisher.publish("t/1", b"shared", qos=1, retain=True)
            assert rows(bench) == {
                "mqtt_message": 1, "mqtt_extra": 1, "mqtt_queued": 3, "mqtt_retained": 1,
                "mqtt_session": 3, "mqtt_subscription": 3,
            }  # fmt: skip
            late = await keeper(bench, "late")
            await late.subscribe(("t/#", 1))
            assert count(bench, "mqtt_message") == 1
            assert count(bench, "mqtt_queued") == 4
            await compare(bench)
            for name in "abc":
                assert await take(await keeper(bench, name)) == [b"shared"]
            await publisher.publish("t/1", b"", qos=1, retain=True)
            await compare(bench)
            assert count(bench, "mqtt_message") == 2  # the late one has acknowledged neither
            await bench.restart()
            assert await take(await keeper(bench, "late")) == [b"shared", b""]
            for name in "abc":
                assert await take(await keeper(bench, name)) == [b""]
            await compare(bench)
            assert not rows(bench).keys() & {*MESSAGE_TABLES, "mqtt_retained"}

    run(main())


def test_a_copy_acknowledged_before_the_commit_is_never_written(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=MINUTE) as bench:
            client = await keeper(bench)
            await client.subscribe(("t/#", 1))
            publisher = await bench.client("publisher", level=4)
            written = bench.count("store.rows")
            for _ in range(3):
                publisher.hand_over(b"\x32\x08\x00\x03t/1\x00\x01x")
            client._take()
            assert client._gathered.count(b"t/1") == 3, "delivered before the commit"
            for identifier in (1, 2, 3):
                client.hand_over(b"\x40\x02\x00" + bytes([identifier]))
            assert await publisher.out() == b"\x40\x02\x00\x01" * 3
            assert bench.count("store.rows") == written
            await compare(bench)
            assert not rows(bench).keys() & set(MESSAGE_TABLES)

    run(main())


def test_a_qos_2_message_to_a_persistent_session_waits_for_its_commit(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=MINUTE) as bench:
            client = await keeper(bench)
            await client.subscribe(("t/#", 2))
            publisher = await bench.client("publisher", level=4)
            publisher.hand_over(b"\x34\x08\x00\x03t/1\x00\x01x\x32\x08\x00\x03t/1\x00\x02y")
            client._take()
            assert client._gathered == b""
            assert [m.payload for m in await client.messages()] == [b"x", b"y"]

    run(main())


def test_a_power_cut_loses_nothing_that_was_acknowledged(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=MINUTE) as bench:
            await away(bench)
            await publish(bench, *numbered(4))
            client = await keeper(bench)
            for identifier in (1, 2):
                client.hand_over(b"\x40\x02\x00" + bytes([identifier]))
            publisher = await bench.client("publisher", level=4)
            publisher.hand_over(b"\x32\x0b\x00\x03t/1\x00\x01lost")
            await cut_power(bench, tmp_path / "after")
            messages = await (await keeper(bench)).messages()
            assert [m.payload for m in messages][-2:] == [b"2", b"3"]
            assert all(m.dup for m in messages)

    run(main())
