"""Live views: what a slow reader loses, and what a gateway nobody watches pays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import Router
from gateway.control.tail import MAX_LATEST_TOPICS, Latest, Tail
from gateway.message import Message, Publisher
from gateway.mqtt.errors import InvalidTopic
from tests.rig.mqtt_bench import open_bench

DEVICE = Publisher("device")


def publish(router: Router, topic: str, payload: bytes) -> None:
    router.publish(Message(topic, payload, 0, False, DEVICE))


async def read(tail: Tail, count: int) -> list[dict[str, Any]]:
    """Return the first lines, at least so many."""
    found: list[dict[str, Any]] = []
    lines = tail.lines()
    async for chunk in lines:
        found += [json.loads(line) for line in chunk.splitlines()]
        if len(found) >= count:
            break
    await lines.aclose()  # type: ignore[attr-defined]
    return found


WithRouter = Callable[[Callable[[Router], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def with_router(tmp_path: Path) -> WithRouter:
    """Run a coroutine with the router of a broker."""

    def run(main: Callable[[Router], Coroutine[Any, Any, None]]) -> None:
        async def within() -> None:
            async with open_bench(tmp_path) as bench:
                await main(bench.broker.router)

        asyncio.run(within())

    return run


def test_a_slow_reader_loses_the_oldest_and_learns_how_many(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        tail = Tail(router, "#", max_bytes=10 * (200 + 1 + 100))
        for number in range(25):
            publish(router, "a", b"%100d" % number)
        following, dropped, *messages = await read(tail, 12)
        assert following == {"following": "#"}
        assert dropped == {"dropped": 15}
        assert [int(message["payload"]) for message in messages] == list(range(15, 25))

    with_router(main)


def test_a_message_larger_than_the_buffer_is_dropped_and_counted(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        tail = Tail(router, "#", max_bytes=1000)
        publish(router, "a", bytes(2000))
        publish(router, "a", b"small")
        _, dropped, message = await read(tail, 3)
        assert (dropped, message["payload"]) == ({"dropped": 1}, "small")

    with_router(main)


def test_more_than_a_chunk_arrives_whole_and_in_order(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        tail = Tail(router, "#")
        for number in range(1000):
            publish(router, "a", b"%d" % number)
        _, *messages = await read(tail, 1001)
        assert [int(message["payload"]) for message in messages] == list(range(1000))

    with_router(main)


def test_a_closed_tail_costs_nothing(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        await read(Tail(router, "#"), 1)
        assert router.find(b"a").local == ()

    with_router(main)


def test_a_filter_that_is_none_is_refused(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        with pytest.raises(InvalidTopic):
            Tail(router, "a/#/b")

    with_router(main)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_latest_of_each_topic_with_its_age_and_count(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        clock = Clock()
        latest = Latest(router, clock)
        assert latest.look() == []
        publish(router, "a", b"1")
        publish(router, "b", b"\xff")
        clock.now_s = 2.0
        publish(router, "a", b"2")
        publish(router, "c", b"y" * 600)
        clock.now_s = 3.5
        found = {str(entry["topic"]): entry for entry in latest.look()}
        assert list(found) == ["b", "a", "c"]  # heard last at the end
        assert (found["a"]["payload"], found["a"]["count"], found["a"]["age_s"]) == ("2", 2, 1.5)
        assert (found["b"]["payload"], found["b"]["encoding"]) == ("/w==", "base64")
        assert (found["c"]["size_bytes"], found["c"]["payload"]) == (600, "y" * 512)

    with_router(main)


def test_a_cut_inside_a_character_still_is_text(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        latest = Latest(router, Clock())
        latest.look()
        publish(router, "a", b"x" + "ü".encode() * 600)
        (entry,) = latest.look()
        assert (entry["encoding"], entry["payload"]) == ("utf-8", "x" + "ü" * 255)

    with_router(main)


def test_topics_are_bounded_and_those_heard_last_stay(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        latest = Latest(router, Clock())
        latest.look()
        for number in range(MAX_LATEST_TOPICS + 5):
            publish(router, f"t/{number}", b"1")
        topics = [entry["topic"] for entry in latest.look()]
        assert topics == [f"t/{number}" for number in range(5, MAX_LATEST_TOPICS + 5)]

    with_router(main)


def test_nobody_looking_ends_it_and_a_new_look_begins_anew(with_router: WithRouter) -> None:
    async def main(router: Router) -> None:
        clock = Clock()
        latest = Latest(router, clock, idle_s=10)
        latest.look()
        publish(router, "a", b"1")
        clock.now_s = 10.5
        publish(router, "a", b"2")
        await asyncio.sleep(0)
        assert router.find(b"a").local == ()
        assert latest.look() == []
        publish(router, "a", b"3")
        (entry,) = latest.look()
        assert entry["count"] == 1

    with_router(main)
