"""Message move tasks: from a dead-letter queue back, at a pace, over restarts, until cancelled."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.services.sqs import Queue
from gateway.services.sqs.errors import InvalidParameterValue, ResourceNotFound
from gateway.services.sqs.moving.mover import Mover
from tests.gateway.services.sqs.bench import Bench, bodies
from tests.gateway.services.sqs.fifo.test_fifo_sending import message
from tests.gateway.services.sqs.test_dead_letters import pair, policy


async def with_dead_letters(bench: Bench, count: int) -> tuple[Queue, Queue]:
    """A queue and its dead-letter queue, with so many messages in the latter."""
    queue, dead = await pair(bench, most=1)
    for number in range(count):
        queue.send(b"%d" % number)
    await bench.settle()
    while await queue.receive(most=10, visibility_timeout_s=1):
        pass
    bench.time.pass_ms(1000)
    while dead.depths().visible < count:
        await queue.receive(most=10)
    return queue, dead


def test_messages_go_back_to_where_they_came_from_as_new_ones(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await with_dead_letters(bench, 120)
            (seen,) = await dead.receive(visibility_timeout_s=0)
            bench.time.pass_ms(5000)
            task = await bench.service.mover.start("dead", None, None)
            assert (task.status, task.to_move) == ("RUNNING", 120)
            await bench.service.mover.idle()
            (task,) = bench.service.mover.list_tasks("dead", 10)
            assert (task.status, task.moved, task.failure) == ("COMPLETED", 120, None)
            assert (queue.depths().visible, dead.depths().visible) == (120, 0)
            got = await queue.receive(most=10)
            assert {(m.receive_count, m.moved_from) for m in got} == {(1, None)}
            assert {m.sent_wall_ms for m in got} == {bench.time.wall_ms}
            assert queue.message_id_of(got[0]) != dead.message_id_of(seen)

    asyncio.run(scenario())


def test_messages_go_to_a_queue_that_is_named(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await with_dead_letters(bench, 3)
            dead.send(b"sent there directly")
            other = await bench.queue("other")
            await bench.service.mover.start("dead", "other", None)
            await bench.service.mover.idle()
            assert sorted(bodies(await other.receive(most=10))) == [
                b"0",
                b"1",
                b"2",
                b"sent there directly",
            ]
            assert queue.depths().visible == 0

    asyncio.run(scenario())


def test_what_has_no_source_cannot_go_back(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            _, dead = await pair(bench)
            dead.send(b"sent there directly")
            await bench.settle()
            await bench.service.mover.start("dead", None, None)
            await bench.service.mover.idle()
            (task,) = bench.service.mover.list_tasks("dead", 1)
            assert (task.status, task.failure) == ("FAILED", "CouldNotDetermineMessageSource")
            assert dead.depths().visible == 1

    asyncio.run(scenario())


def test_messages_of_several_sources_go_each_to_its_own(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            dead = await bench.queue("dead")
            sources = [await bench.queue(n, RedrivePolicy=policy("dead", 1)) for n in ("a", "b")]
            for number in range(20):
                sources[number % 2].send(b"%d" % number)
            await bench.settle()
            for _ in range(2):
                for source in sources:
                    await source.receive(most=10, visibility_timeout_s=1)
                bench.time.pass_ms(1000)
            assert dead.depths().visible == 20
            await bench.service.mover.start("dead", None, None)
            await bench.service.mover.idle()
            got = [sorted(map(int, bodies(await s.receive(most=10)))) for s in sources]
            assert got == [list(range(0, 20, 2)), list(range(1, 20, 2))]

    asyncio.run(scenario())


def test_a_pace_is_kept(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            _, dead = await with_dead_letters(bench, 25)
            slept: list[float] = []

            async def sleep(seconds: float) -> None:
                slept.append(seconds)

            service = bench.service
            mover = Mover(bench.store, service._clock, service.queue, lambda name: True, sleep)
            await mover.start("dead", None, 10)
            await mover.idle()
            assert slept == [1.0, 1.0, 0.5]
            assert dead.depths().visible == 0

    asyncio.run(scenario())


def test_it_goes_on_after_a_restart(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            await with_dead_letters(bench, 200)
            reached = asyncio.Event()

            async def stuck(seconds: float) -> None:
                reached.set()
                await asyncio.Event().wait()

            service = bench.service
            service.mover._sleep = stuck
            await service.mover.start("dead", None, 40)
            await reached.wait()
            await bench.reopen()
            await bench.service.mover.idle()
            (task,) = bench.service.mover.list_tasks("dead", 1)
            assert (task.status, task.moved, task.to_move) == ("COMPLETED", 200, 200)
            assert bench.service.find("q").depths().visible == 200

    asyncio.run(scenario())


def test_a_task_can_be_cancelled(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await with_dead_letters(bench, 100)
            go_on = asyncio.Event()

            async def until_told(seconds: float) -> None:
                await go_on.wait()

            mover = bench.service.mover
            mover._sleep = until_told
            task = await mover.start("dead", None, 10)
            while not queue.depths().visible:
                await bench.settle()
            assert await mover.cancel(task.uid) == 10
            (listed,) = mover.list_tasks("dead", 1)
            assert listed.status == "CANCELLING"
            go_on.set()
            await mover.idle()
            (listed,) = mover.list_tasks("dead", 1)
            assert (listed.status, listed.moved) == ("CANCELLED", 10)
            assert (queue.depths().visible, dead.depths().visible) == (10, 90)
            with pytest.raises(InvalidParameterValue, match="active"):
                await mover.cancel(task.uid)
            with pytest.raises(ResourceNotFound):
                await mover.cancel("no such task")

    asyncio.run(scenario())


def test_messages_in_flight_stay(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await with_dead_letters(bench, 10)
            held = await dead.receive(most=4)
            await bench.service.mover.start("dead", None, None)
            await bench.service.mover.idle()
            assert (queue.depths().visible, dead.depths().in_flight) == (6, 4)
            await dead.delete_all([dead.receipt_handle(m) for m in held])
            assert dead.depths().in_flight == 0

    asyncio.run(scenario())


def test_what_cannot_be_started(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            await with_dead_letters(bench, 1)
            await bench.queue("f.fifo", FifoQueue="true")
            mover = bench.service.mover
            for source, destination, rate, error in (
                ("none", None, None, ResourceNotFound),
                ("dead", "none", None, ResourceNotFound),
                ("q", None, None, InvalidParameterValue),
                ("dead", "dead", None, InvalidParameterValue),
                ("dead", "f.fifo", None, InvalidParameterValue),
                ("dead", None, 0, InvalidParameterValue),
                ("dead", None, 501, InvalidParameterValue),
            ):
                with pytest.raises(error):
                    await mover.start(source, destination, rate)
            first = asyncio.create_task(mover.start("dead", None, None))
            await asyncio.sleep(0)
            with pytest.raises(InvalidParameterValue, match="already a task running"):
                await mover.start("dead", None, None)
            await first
            await mover.idle()

    asyncio.run(scenario())


def test_only_the_latest_tasks_are_kept(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            await pair(bench)
            for _ in range(12):
                await bench.service.mover.start("dead", None, None)
                await bench.service.mover.idle()
            tasks = bench.service.mover.list_tasks("dead", 10)
            assert [task.task for task in tasks] == list(range(12, 2, -1))
            assert bench.rows("sqs_move_task") == 10

    asyncio.run(scenario())


def test_a_fifo_queue_gets_its_messages_back_in_order(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            dead = await bench.queue("dead.fifo", FifoQueue="true")
            queue = await bench.queue(
                "q.fifo", FifoQueue="true", RedrivePolicy=policy("dead.fifo", 1)
            )
            await queue.send_all([message(str(n), "g", str(n)) for n in range(10)])
            await queue.receive(most=10, visibility_timeout_s=1)
            bench.time.pass_ms(1000)
            assert await queue.receive(most=10) == []
            assert dead.depths().visible == 10
            await bench.service.mover.start("dead.fifo", None, None)
            await bench.service.mover.idle()
            assert bodies(await queue.receive(most=10)) == [b"%d" % n for n in range(10)]

    asyncio.run(scenario())


def test_a_task_runs_though_who_asked_for_it_has_hung_up(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, _ = await with_dead_letters(bench, 3)
            asking = asyncio.create_task(bench.service.mover.start("dead", None, None))
            await asyncio.sleep(0)
            asking.cancel()
            await bench.settle()
            await bench.service.mover.idle()
            (task,) = bench.service.mover.list_tasks("dead", 10)
            assert (task.status, task.moved) == ("COMPLETED", 3)
            assert queue.depths().visible == 3

    asyncio.run(scenario())


def test_a_task_is_cancelled_though_who_asked_for_it_has_hung_up(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            _, dead = await with_dead_letters(bench, 20)
            go_on = asyncio.Event()

            async def until_told(seconds: float) -> None:
                await go_on.wait()

            mover = bench.service.mover
            mover._sleep = until_told
            task = await mover.start("dead", None, 10)
            while dead.depths().visible == 20:
                await bench.settle()
            asking = asyncio.create_task(mover.cancel(task.uid))
            await asyncio.sleep(0)
            asking.cancel()
            await bench.settle()
            go_on.set()
            await mover.idle()
            (listed,) = mover.list_tasks("dead", 1)
            assert (listed.status, listed.moved) == ("CANCELLED", 10)

    asyncio.run(scenario())


def test_its_end_is_written_down_even_if_a_batch_fails(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            await with_dead_letters(bench, 3)
            writer = bench.store._writer
            writer.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON sqs_message WHEN new.body = x'626164'"
                " BEGIN SELECT RAISE(ABORT, 'a test says so'); END"
            )
            mover = bench.service.mover
            end, tried = mover._end, []

            async def end_beside_a_bad_row(*given: object) -> None:
                tried.append(given)
                if len(tried) == 1:
                    bench.service.find("q").send(b"bad")
                await end(*given)

            async def at_once(seconds: float) -> None:
                await asyncio.sleep(0)

            mover._end, mover._sleep = end_beside_a_bad_row, at_once
            await mover.start("dead", None, None)
            await mover.idle()
            (task,) = mover.list_tasks("dead", 1)
            assert (task.status, task.moved, len(tried)) == ("COMPLETED", 3, 2)

    asyncio.run(scenario())


def test_large_messages_are_moved_a_few_at_a_time(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            dead = await bench.queue("dead")
            other = await bench.queue("other")
            await bench.queue("q", RedrivePolicy=policy("dead", 1))
            for _ in range(10):
                dead.send(b"x" * 400_000)
            await bench.settle()
            moved: list[int] = []
            bench.store.after_commit.append(lambda: moved.append(other.depths().visible))
            await bench.service.mover.start("dead", "other", None)
            await bench.service.mover.idle()
            assert moved[-1] == 10
            steps = [after - before for before, after in itertools.pairwise([0, *moved])]
            assert max(steps) == 3

    asyncio.run(scenario())
