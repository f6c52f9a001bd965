"""Shared subscriptions: each message goes to one member, and whom when some are away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.packets import PUBREL, SubscriptionRequest
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, WireClient, open_bench
from tests.rig.mqtt_disk import compare
from tests.rig.mqtt_keeper import KEPT

Run = Callable[[Any], None]
JOBS = "$share/workers/job/#"


async def worker(bench: Bench, name: str, qos: int = 1, *, kept: bool = False) -> WireClient:
    """Connect a member of the group."""
    properties = KEPT if kept else Properties()
    client = await bench.client(name, clean_start=not kept, properties=properties)
    if not client.connack.session_present:
        assert await client.subscribe((JOBS, qos)) == bytes([qos])
    return client


async def publish(bench: Bench, numbers: range, qos: int = 1) -> None:
    client = await bench.client("boss", level=4)
    for number in numbers:
        await client.publish("job/1", b"%d" % number, qos=qos)
        if qos == 2:
            await client.acknowledge(1, PUBREL)


async def taken(client: WireClient) -> list[int]:
    """Take what has come, in order, and acknowledge it."""
    messages = await client.messages()
    for message in messages:
        if message.qos == 1:
            await client.acknowledge(message.packet_identifier)
    return [int(message.payload) for message in messages]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_goes_to_one_member_and_all_have_their_share(
    run: Run, tmp_path: Path, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            workers = [await worker(bench, name, qos) for name in "abc"]
            other = await bench.client("other")
            await other.subscribe(("$share/others/job/1", qos), ("job/+", qos))
            await publish(bench, range(30), qos)
            shares = [await taken(client) for client in workers]
            assert [len(share) for share in shares] == [10, 10, 10]
            assert sorted(chain(*shares)) == list(range(30))
            assert all(share == sorted(share) for share in shares)
            # The other group, and a subscription that is not shared, get all of them.
            assert Counter(await taken(other)) == dict.fromkeys(range(30), 2)

    run(main())


def test_members_that_are_away_get_nothing_while_another_is_there(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await worker(bench, "away", kept=True)).lost()
            there = await worker(bench, "there")
            await publish(bench, range(5))
            assert await taken(there) == [0, 1, 2, 3, 4]
            assert await taken(await worker(bench, "away", kept=True)) == []

    run(main())


def test_while_all_are_away_messages_wait_for_those_that_are_kept(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for name in "ab":
                (await worker(bench, name, kept=True)).lost()
            (await worker(bench, "clean")).lost()
            await publish(bench, range(6))
            await bench.restart()
            await publish(bench, range(6, 8))
            shares = [await taken(await worker(bench, name, kept=True)) for name in "ab"]
            assert [len(share) for share in shares] == [4, 4]
            assert sorted(chain(*shares)) == list(range(8))
            assert all(share == sorted(share) for share in shares)
            await compare(bench)
            assert bench.count("mqtt.stored_messages") == 0

    run(main())


def test_a_message_never_waits_for_a_member_that_would_not_keep_it(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await worker(bench, "a", 0, kept=True)).lost()
            (await worker(bench, "b", 1, kept=True)).lost()
            await publish(bench, range(4))
            assert await taken(await worker(bench, "b", kept=True)) == [0, 1, 2, 3]

    run(main())


def test_a_member_that_cannot_take_more_is_passed_over(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=2)) as bench:
            slow, fast = await worker(bench, "slow"), await worker(bench, "fast")
            slow.connection.outlet.writable = False
            await publish(bench, range(2))
            assert await taken(fast) == [0, 1]
            slow.connection.outlet.writable = True
            await publish(bench, range(2, 4))
            assert sorted(await taken(fast) + await taken(slow)) == [2, 3]

    run(main())


@pytest.mark.parametrize("by", ["unsubscribe", "disconnect", "lost"])
def test_a_member_that_leaves_gets_no_more(run: Run, tmp_path: Path, by: str) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            leaves, stays = await worker(bench, "leaves"), await worker(bench, "stays")
            if by == "unsubscribe":
                assert await leaves.unsubscribe(JOBS) == b"\x00"
            elif by == "disconnect":
                await leaves.disconnect()
            else:
                leaves.lost()
            await publish(bench, range(4))
            assert await taken(stays) == [0, 1, 2, 3]
            if by == "unsubscribe":
                assert await taken(leaves) == []
            await stays.unsubscribe(JOBS)
            await publish(bench, range(2))
            assert bench.broker.router.shared_subscription_count == 0
            assert not bench.broker.router._groups

    run(main())


def test_what_a_kept_member_had_in_flight_stays_with_it(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            first = await worker(bench, "first", kept=True)
            await publish(bench, range(2))
            assert [m.payload for m in await first.messages()] == [b"0", b"1"]
            first.lost()
            second = await worker(bench, "second")
            assert await taken(second) == []
            first = await worker(bench, "first", kept=True)
            assert [(m.payload, m.dup) for m in await first.messages()] == [
                (b"0", True), (b"1", True),
            ]  # fmt: skip

    run(main())


def test_retained_messages_are_not_sent_to_a_new_member(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            boss = await bench.client("boss")
            await boss.publish("job/1", b"0", qos=1, retain=True)
            member = await worker(bench, "a")
            assert await taken(member) == []
            await boss.publish("job/1", b"1", qos=1, retain=True)
            (message,) = await member.messages()
            assert (message.payload, message.retain) == (b"1", False)

    run(main())


def test_each_member_has_its_own_options(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            one, two = await bench.client("one"), await bench.client("two")
            await one.subscribe((JOBS, 0), properties=Properties(subscription_identifiers=(1,)))
            await two.subscribe(
                SubscriptionRequest(JOBS, 1, retain_as_published=True),
                properties=Properties(subscription_identifiers=(2,)),
            )
            boss = await bench.client("boss")
            for _ in range(2):
                await boss.publish("job/1", b"0", qos=1, retain=True)
            (first,), (second,) = await one.messages(), await two.messages()
            assert (first.qos, first.retain) == (0, False)
            assert (second.qos, second.retain) == (1, True)
            assert first.properties.subscription_identifiers == (1,)
            assert second.properties.subscription_identifiers == (2,)

    run(main())


def test_groups_are_there_after_a_restart(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await worker(bench, "a", kept=True)
            await worker(bench, "b", kept=True)
            await bench.restart()
            workers = [await worker(bench, name, kept=True) for name in "ab"]
            await publish(bench, range(4))
            assert [len(await taken(client)) for client in workers] == [2, 2]
            assert bench.broker.router.shared_subscription_count == 2

    run(main())
