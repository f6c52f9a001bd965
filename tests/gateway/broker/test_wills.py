"""Wills: published when a client vanishes, after their delay, and once, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt.packets import Will
from gateway.mqtt.properties import Properties
from gateway.mqtt.reason_codes import ReasonCode
from tests.rig.mqtt_bench import Bench, WireClient, open_bench
from tests.rig.mqtt_disk import compare, count, cut_power, rows

Run = Callable[[Any], None]


def will(delay_s: int | None = None, *, qos: int = 1, retain: bool = False) -> Will:
    return Will("will", b"bye", qos, retain, Properties(will_delay_interval_s=delay_s))


async def mortal(
    bench: Bench, delay_s: int | None = None, expiry_s: int = 0, **connect: Any
) -> WireClient:
    """Connect a client with a will."""
    connect = {"will": will(delay_s), "clean_start": not expiry_s, **connect}
    return await bench.client(
        "mortal", properties=Properties(session_expiry_interval_s=expiry_s or None), **connect
    )


async def reader(bench: Bench) -> WireClient:
    """Connect one who reads wills, and keeps them over restarts."""
    client = await bench.client("reader", level=4, clean_start=False)
    if not client.connack.session_present:
        await client.subscribe(("will", 1))
    return client


async def wills(client: WireClient) -> int:
    """Take, and acknowledge, the wills that have come."""
    messages = await client.messages()
    for message in messages:
        assert (message.topic, message.payload) == ("will", b"bye")
        await client.acknowledge(message.packet_identifier)
    return len(messages)


@pytest.mark.parametrize("level", [4, 5])
def test_a_will_is_published_when_the_connection_is_lost(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            client = await mortal(bench, level=level)
            assert count(bench, "mqtt_will") == 1
            client.lost()
            assert await wills(survivor) == 1
            await compare(bench)
            assert count(bench, "mqtt_will") == 0

    run(main())


@pytest.mark.parametrize("level", [4, 5])
def test_a_will_is_gone_after_a_goodbye(run: Run, tmp_path: Path, level: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            client = await mortal(bench, level=level)
            await client.disconnect()
            assert await wills(survivor) == 0
            await compare(bench)
            assert count(bench, "mqtt_will") == 0

    run(main())


def test_a_goodbye_may_ask_for_the_will(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            client = await mortal(bench)
            await client.disconnect(ReasonCode.DISCONNECT_WITH_WILL_MESSAGE)
            assert await wills(survivor) == 1

    run(main())


def test_a_delayed_will_waits_and_is_withdrawn_if_the_client_comes_back(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            (await mortal(bench, 30, 3600)).lost()
            bench.time.advance(29)
            await bench.tick()
            assert await wills(survivor) == 0
            client = await mortal(bench, 30, 3600)
            bench.time.advance(60)
            await bench.tick()
            assert await wills(survivor) == 0
            client.lost()
            bench.time.advance(30)
            await bench.tick()
            assert await wills(survivor) == 1
            bench.time.advance(60)
            await bench.tick()
            assert await wills(survivor) == 0
            await compare(bench)

    run(main())


def test_a_will_that_was_due_is_published_even_if_its_client_is_back_before_the_sweep(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            (await mortal(bench, 30, 3600)).lost()
            bench.time.advance(30)
            await mortal(bench, 30, 3600)
            assert await wills(survivor) == 1
            await compare(bench)
            assert count(bench, "mqtt_will") == 1  # of the new connection

    run(main())


def test_the_end_of_the_session_ends_the_delay(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            (await mortal(bench, 3600, 10)).lost()
            bench.time.advance(9)
            await bench.tick()
            assert await wills(survivor) == 0
            bench.time.advance(1)
            await bench.tick()
            assert await wills(survivor) == 1
            (await mortal(bench, 3600, 0)).lost()  # no session, no delay
            assert await wills(survivor) == 1
            (await mortal(bench, 3600, 1000)).lost()
            await mortal(bench, 3600, 1000, clean_start=True)
            assert await wills(survivor) == 1
            await compare(bench)

    run(main())


@pytest.mark.parametrize(("delay_s", "published"), [(None, 1), (30, 0)])
def test_taking_over_publishes_a_will_without_delay_and_withdraws_a_delayed_one(
    run: Run, tmp_path: Path, delay_s: int | None, published: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            first = await mortal(bench, delay_s, 3600)
            await mortal(bench, delay_s, 3600)
            assert first.closed
            assert await wills(survivor) == published
            first.lost()
            bench.time.advance(60)
            await bench.tick()
            assert await wills(survivor) == 0
            await compare(bench)

    run(main())


def test_a_clean_start_takes_over_the_session_and_publishes_the_will(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await reader(bench)
            await mortal(bench, 30, 3600)
            await mortal(bench, 30, 3600, clean_start=True)
            assert await wills(survivor) == 1
            await compare(bench)

    run(main())


@pytest.mark.parametrize("cut", [True, False])
def test_a_client_that_was_connected_when_the_gateway_stopped_has_vanished(
    run: Run, tmp_path: Path, cut: bool
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await reader(bench)
            await mortal(bench)
            if cut:
                await cut_power(bench, tmp_path / "after")
            else:
                await bench.restart()
            heard: list[bytes] = []
            # Rules are there only after the broker.
            bench.broker.router.subscribe_local("will", lambda m: heard.append(m.payload))
            await bench.tick()
            assert heard == [b"bye"]
            assert await wills(await reader(bench)) == 1
            await bench.restart()
            await bench.tick()
            assert await wills(await reader(bench)) == 0
            await compare(bench)
            assert count(bench, "mqtt_will") == 0

    run(main())


def test_a_client_back_at_once_after_a_restart_has_vanished_all_the_same(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await reader(bench)
            await mortal(bench)
            await bench.restart()
            await mortal(bench)
            assert await wills(await reader(bench)) == 1

    run(main())


def test_the_delay_of_a_connected_client_begins_with_the_restart(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await reader(bench)
            await mortal(bench, 30, 3600)
            bench.time.advance(100)
            await bench.restart()
            survivor = await reader(bench)
            bench.time.advance(29)
            await bench.tick()
            assert await wills(survivor) == 0
            bench.time.advance(1)
            await bench.tick()
            assert await wills(survivor) == 1

    run(main())


def test_a_restart_ends_the_session_of_a_client_without_expiry_and_its_delay(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await reader(bench)
            await mortal(bench, 3600, 0)
            await bench.restart()
            await bench.tick()
            assert await wills(await reader(bench)) == 1

    run(main())


def test_a_delay_that_has_begun_goes_on_over_restarts(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await reader(bench)
            (await mortal(bench, 30, 3600)).lost()
            await bench.settle()
            bench.time.advance(20)
            await bench.restart()
            bench.time.step_wall(3_600_000)  # the clock on the wall has no say
            survivor = await reader(bench)
            bench.time.advance(9)
            await bench.tick()
            assert await wills(survivor) == 0
            bench.time.advance(1)
            await bench.tick()
            assert await wills(survivor) == 1

    run(main())


def test_a_will_passes_on_its_properties_and_its_expiry_begins_when_it_is_published(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            survivor = await bench.client("reader")
            await survivor.subscribe(("will", 1))
            properties = Properties(
                will_delay_interval_s=10, message_expiry_interval_s=5, content_type="text/plain",
                user_properties=(("a", "b"), ("a", "c")),
            )  # fmt: skip
            client = await mortal(bench, 0, 60, will=Will("will", b"bye", 1, False, properties))
            client.lost()
            bench.time.advance(10)
            await bench.tick()
            (message,) = await survivor.messages()
            assert message.properties == Properties(
                message_expiry_interval_s=5, content_type="text/plain",
                user_properties=(("a", "b"), ("a", "c")),
            )  # fmt: skip

    run(main())


def test_a_will_may_be_retained(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            (await mortal(bench, will=will(retain=True))).lost()
            await compare(bench)
            await bench.restart()
            late = await bench.client("late")
            await late.subscribe(("will", 1))
            (message,) = await late.messages()
            assert (message.payload, message.retain) == (b"bye", True)
            assert rows(bench) == {"mqtt_retained": 1, "mqtt_message": 1}

    run(main())
