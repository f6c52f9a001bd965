"""The end of persistent sessions: by time, by a clean start, for good and without a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt.encoding import encode_connect, encode_subscribe
from gateway.mqtt.packets import Connect, Subscribe, SubscriptionRequest, Will
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import open_bench
from tests.rig.mqtt_disk import (
    MESSAGE_TABLES,
    ROOMY,
    SESSION_TABLES,
    compare,
    count,
    cut_power,
    rows,
)
from tests.rig.mqtt_keeper import KEPT, away, keeper, publish

Run = Callable[[Any], None]


def test_a_session_ends_when_its_client_was_away_for_too_long_restarts_included(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            await publish(bench, b"0", b"1", b"2")
            bench.time.advance(1800)
            await bench.tick()
            await bench.restart()
            bench.time.step_wall(10 * 365 * 86_400_000)  # no clock on the wall ends a session
            bench.time.advance(1799)
            await bench.tick()
            assert "keeper" in bench.broker.sessions
            bench.time.advance(1)
            for _ in range(3):
                await bench.tick()
            assert bench.count("mqtt.sessions.expired") == 1
            assert bench.count("mqtt.stored_messages") == bench.count("mqtt.stored_bytes") == 0
            assert rows(bench) == {}
            client = await keeper(bench)
            assert not client.connack.session_present

    run(main())


def test_the_time_away_begins_at_the_restart_for_a_client_that_was_connected(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keeper(bench)
            bench.time.advance(7200)
            await bench.tick()
            await bench.restart()
            bench.time.advance(3599)
            await bench.tick()
            assert (await keeper(bench)).connack.session_present

    run(main())


def test_the_time_away_goes_on_over_restarts_without_its_client(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keeper(bench)
            for number in range(4):  # away since the first of them
                await bench.restart()
                bench.time.step_wall(-86_400_000)
                if number % 2:
                    await bench.tick()
                    await cut_power(bench, tmp_path / f"after{number}")
                bench.time.advance(900 - (number == 3))
            await bench.tick()
            assert "keeper" in bench.broker.sessions
            bench.time.advance(1)
            await bench.restart()
            await bench.tick()
            assert bench.count("mqtt.sessions.expired") == 1
            await compare(bench)
            assert rows(bench) == {}

    run(main())


def test_the_time_away_of_one_that_came_back_begins_anew(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keeper(bench)
            for _ in range(3):
                await bench.restart()
                bench.time.advance(3000)
                assert (await keeper(bench)).connack.session_present
            await bench.restart()
            bench.time.advance(3599)
            await bench.tick()
            assert "keeper" in bench.broker.sessions

    run(main())


def test_an_ended_session_leaves_no_row_however_much_it_had(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=ROOMY) as bench:
            await away(bench, "stays")
            client = await keeper(bench, "goes")
            await client.subscribe(("t/#", 2), ("x", 1))
            await client.publish("elsewhere", b"", qos=2, identifier=3)
            client.lost()
            publisher = await bench.client("publisher", level=4)
            for number in range(2200):
                publisher.hand_over(b"\x32\x0b\x00\x03t/1\x00\x01%04d" % number)
            await publisher.out()
            assert count(bench, "mqtt_message") == count(bench, "mqtt_extra") == 2200
            bench.time.advance(1800)
            (await keeper(bench, "stays")).lost()
            bench.time.advance(1800)
            for _ in range(4):
                await bench.tick()
            assert count(bench, "mqtt_queued") == 2200
            await compare(bench)
            await bench.restart()
            assert set(bench.broker.sessions) == {"stays"}
            bench.time.advance(3600)
            for _ in range(4):
                await bench.tick()
            assert rows(bench) == {}

    run(main())


def test_removal_goes_on_after_a_restart(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=ROOMY) as bench:
            await away(bench)
            publisher = await bench.client("publisher", level=4)
            for number in range(1500):
                publisher.hand_over(b"\x32\x0b\x00\x03t/1\x00\x01%04d" % number)
            await publisher.out()
            client = await bench.client("keeper", clean_start=True)
            assert count(bench, "mqtt_queued") == 1500
            await cut_power(bench, tmp_path / "after")
            assert "keeper" not in bench.broker.sessions
            for _ in range(3):
                await bench.tick()
            assert rows(bench) == {}
            assert not client.connack.session_present

    run(main())


@pytest.mark.parametrize("restarted", [False, True])
def test_many_ended_sessions_are_soon_gone_and_then_nothing_is_committed(
    run: Run, tmp_path: Path, restarted: bool
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=ROOMY) as bench:
            for number in range(300):
                client = bench.raw()
                connect = Connect("MQTT", 5, False, client_id=f"k{number}", properties=KEPT)
                wanted = Subscribe(1, (SubscriptionRequest("t/#", 1),), Properties())
                client.hand_over(encode_connect(connect) + encode_subscribe(wanted, 5))
                client.lost()
            await publish(bench, b"0", b"1", b"2")
            assert rows(bench) == {
                "mqtt_session": 300, "mqtt_subscription": 300, "mqtt_queued": 900,
                "mqtt_message": 3, "mqtt_extra": 3,
            }  # fmt: skip
            bench.time.advance(3600)
            bench.broker.sweep(bench.time.monotonic_s)
            if restarted:
                await bench.restart()
            for _ in range(3):
                await bench.tick()
            assert rows(bench) == {}
            assert bench.count("mqtt.stored_messages") == bench.count("mqtt.stored_bytes") == 0
            joined, commits = bench.store.joined, bench.store.commits.value
            for _ in range(5):
                bench.time.advance(1)
                await bench.tick()
            # A tick of the bench waits for two batches that hold nothing else.
            assert bench.store.joined == joined + 10
            assert bench.store.commits.value == commits + 10

    run(main())


def test_a_stop_in_the_middle_of_removing_loses_nothing(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            await keeper(bench, "goes")
            await bench.client("goes", clean_start=True)
            publisher = await bench.client("publisher", level=4)
            bench.broker.sweep(bench.time.monotonic_s)
            publisher.hand_over(b"\x32\x08\x00\x03t/1\x00\x01x")
            bench.broker.close()
            await bench.restart()
            assert bench.count("mqtt.stored_messages") == 1
            assert set(bench.broker.sessions) == {"keeper"}
            await compare(bench)
            assert [m.payload for m in await (await keeper(bench)).messages()] == [b"x"]

    run(main())


def test_a_clean_start_removes_all_of_the_old_session(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await keeper(bench)
            await client.subscribe(("t/#", 2))
            await client.publish("t/1", b"mine", qos=2, identifier=4)
            await publish(bench, b"theirs")
            await client.messages()
            again = await bench.client("keeper", clean_start=True, properties=KEPT)
            assert client.closed
            assert not again.connack.session_present
            assert await again.messages() == []
            await publish(bench, b"nobody's")
            assert await again.messages() == []
            await compare(bench)
            assert rows(bench) == {"mqtt_session": 1}

    run(main())


def test_a_session_of_no_expiry_is_never_on_disk(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for level in (4, 5):
                client = await bench.client("clean", level=level)
                await client.subscribe(("t/#", 2))
                await client.publish("t/1", b"x", qos=2)
                assert rows(bench) == {}

    run(main())


def test_a_later_session_of_the_same_name_does_not_get_the_messages_of_an_earlier_one(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            await publish(bench, b"old")
            await bench.client("keeper", clean_start=True, properties=KEPT)
            await bench.restart()
            client = await keeper(bench)
            assert client.connack.session_present
            assert await client.messages() == []
            assert rows(bench).keys() <= set(SESSION_TABLES) | set(MESSAGE_TABLES)
            await compare(bench)

    run(main())


def test_a_session_taken_up_without_expiry_ends_with_its_connection(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await away(bench)
            await publish(bench, b"x")
            client = await bench.client("keeper", clean_start=False)
            assert client.connack.session_present
            assert [m.payload for m in await client.messages()] == [b"x"]
            await bench.restart()
            await bench.tick()
            await compare(bench)
            assert rows(bench) == {}

    run(main())


def test_a_disconnect_may_change_how_long_the_session_is_kept(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await keeper(bench)
            await client.disconnect(properties=Properties(session_expiry_interval_s=10))
            await bench.restart()
            bench.time.advance(10)
            await bench.tick()
            assert not bench.broker.sessions
            client = await keeper(bench)
            await client.disconnect(properties=Properties(session_expiry_interval_s=0))
            assert not bench.broker.sessions
            await compare(bench)

    run(main())


def test_a_will_and_its_session_are_of_one_batch(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keeper(bench, will=Will("t/will", b"gone", 1, False, Properties()))
            assert rows(bench) == {"mqtt_session": 1, "mqtt_will": 1}
            await compare(bench)

    run(main())
