"""The age of a queue's oldest message: true whatever became of it, and never by counting rows."""

from __future__ import annotations

import asyncio
import random

import pytest

from gateway.services.sqs import NewMessage, Queue
from gateway.services.sqs.age import oldest_sent_ms
from gateway.services.sqs.redrive_policy import RedrivePolicy
from tests.gateway.services.sqs.bench import Bench


def message(body: str = "x", **more: object) -> NewMessage:
    return NewMessage(body.encode(), **more)  # type: ignore[arg-type]


async def dead_letters(bench: Bench, *, fifo: bool = False) -> tuple[Queue, Queue]:
    end = ".fifo" if fifo else ""
    more = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
    dead = await bench.queue(f"dead{end}", **more)
    policy = RedrivePolicy(bench.service.arn(f"dead{end}"), 1).text()
    return await bench.queue(f"q{end}", RedrivePolicy=policy, **more), dead


async def give_up(queue: Queue) -> None:
    while await queue.receive(most=10, visibility_timeout_s=0, wait_time_s=0):
        pass


def test_fresh_delayed_and_in_flight_messages_count(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await bench.queue()
            assert queue.oldest_age_s() is None
            await queue.send_all([message(delay_s=900)])
            bench.time.advance(5)
            await queue.send_all([message()])
            bench.time.advance(2.5)
            assert queue.oldest_age_s() == 7.5  # the delayed one
            (taken,) = await queue.receive(most=10)
            assert queue.oldest_age_s() == 7.5
            await queue.delete_all([queue.receipt_handle(taken)])
            bench.time.advance(900)
            (taken,) = await queue.receive(most=10)
            assert queue.oldest_age_s() == 907.5  # in flight by now
            await queue.delete_all([queue.receipt_handle(taken)])
            assert queue.oldest_age_s() is None

    asyncio.run(scenario())


def test_other_queues_do_not_count(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            for name in ("a", "b", "c"):
                queue = await bench.queue(name)
                if name != "b":
                    await queue.send_all([message(), message(delay_s=9)])
            bench.time.advance(3)
            ages = {name: bench.service.find(name).oldest_age_s() for name in bench.service.names()}
            assert ages == {"a": 3.0, "b": None, "c": 3.0}

    asyncio.run(scenario())


def test_a_dead_letter_is_as_old_as_when_it_was_sent_first(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await dead_letters(bench)
            await queue.send_all([message("old")])
            bench.time.advance(10)
            await queue.send_all([message("new", delay_s=100)])
            bench.time.advance(100)
            await dead.send_all([message("straight"), message("later", delay_s=1)])
            bench.time.advance(1)
            await give_up(queue)
            assert queue.oldest_age_s() is None
            assert dead.oldest_age_s() == 111.0
            await bench.reopen()
            assert bench.service.find("dead").oldest_age_s() == 111.0

    asyncio.run(scenario())


def test_in_fifo_queues_the_time_begins_anew(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await dead_letters(bench, fifo=True)
            await queue.send_all([message("a", group_id="g")])
            bench.time.advance(10)
            assert queue.oldest_age_s() == 10.0
            await give_up(queue)
            bench.time.advance(1)
            assert (queue.oldest_age_s(), dead.oldest_age_s()) == (None, 1.0)

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_counting_all_rows_says(bench: Bench, seed: int) -> None:
    async def scenario() -> None:
        draw = random.Random(seed)
        print(f"seed {seed}")
        async with bench:
            queue, dead = await dead_letters(bench)
            for _ in range(60):
                bench.time.advance(draw.choice([0, 0.5, 3]))
                target = draw.choice([queue, queue, dead])
                match draw.randrange(4):
                    case 0 | 1:
                        await target.send_all([message(delay_s=draw.choice([None, 0, 5]))])
                    case 2:
                        received = await target.receive(
                            most=draw.randrange(1, 4), visibility_timeout_s=draw.choice([0, 4])
                        )
                        if draw.random() < 0.5:
                            await target.delete_all(
                                [target.receipt_handle(each) for each in received]
                            )
                    case _:
                        await give_up(queue)
                for each in (queue, dead):
                    (counted,) = bench.store.reader.execute(
                        "SELECT min(sent_gateway_ms) FROM sqs_message WHERE id >> 40 = ?",
                        (each.record.number,),
                    ).fetchone()
                    found = oldest_sent_ms(bench.store.reader, each.record.number, has_moved=True)
                    assert found == counted

    asyncio.run(scenario())


def test_no_row_is_walked_over(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await dead_letters(bench)
            await queue.send_all([message() for _ in range(20)])
            await give_up(queue)
            seen: list[str] = []
            bench.store.reader.set_trace_callback(seen.append)
            dead.oldest_age_s()
            bench.store.reader.set_trace_callback(None)
            assert len(seen) == 3
            for statement in seen:
                plan = bench.store.reader.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                assert [("SEARCH" in row[3], "TEMP" in row[3]) for row in plan] == [(True, False)]

    asyncio.run(scenario())
