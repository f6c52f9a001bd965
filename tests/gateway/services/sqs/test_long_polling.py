"""Long polling: who waits is woken for what comes, in order, and swallows nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.services.sqs import NewMessage
from gateway.services.sqs.errors import QueueDoesNotExist, RequestThrottled
from gateway.services.sqs.polling import Waiters, WaitLimit
from tests.gateway.services.sqs.bench import Bench, bodies


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_waiter_is_woken_by_the_commit_that_brings_a_message(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await turns()
            queue.send(b"a")
            async with asyncio.timeout(5):
                assert bodies(await receiving) == [b"a"]

    run(main())


def test_the_wait_ends_by_itself(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            async with asyncio.timeout(5):
                assert await queue.receive(wait_time_s=0.01) == []
            assert bench.metrics.snapshot()["sqs.waiting_receives"] == 0

    run(main())


def test_the_queue_says_how_long_to_wait(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(ReceiveMessageWaitTimeSeconds="20")
            receiving = asyncio.create_task(queue.receive())
            await turns()
            assert bench.metrics.snapshot()["sqs.waiting_receives"] == 1
            assert await queue.receive(wait_time_s=0) == []
            queue.send(b"a")
            async with asyncio.timeout(5):
                assert bodies(await receiving) == [b"a"]

    run(main())


def test_waiters_are_served_in_the_order_they_came(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            waiting = []
            for _ in range(5):
                waiting.append(asyncio.create_task(queue.receive(wait_time_s=20)))
                await turns()
            for n in range(5):
                queue.send(b"%d" % n)
                async with asyncio.timeout(5):
                    assert bodies(await waiting[n]) == [b"%d" % n]
                assert not any(task.done() for task in waiting[n + 1 :])

    run(main())


def test_a_waiter_gets_what_becomes_visible(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await queue.send_all([NewMessage(b"delayed", delay_s=600)])
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await turns()
            queue.wake_due()  # a timer that fires early changes nothing
            await turns()
            assert not receiving.done()
            bench.time.pass_ms(600_000)
            queue.wake_due()
            async with asyncio.timeout(5):
                assert bodies(await receiving) == [b"delayed"]

    run(main())


def test_the_timer_is_set_for_the_earliest(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            loop = asyncio.get_running_loop()
            queue = await bench.queue()
            await queue.send_all([NewMessage(b"a", delay_s=600)])
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await turns()
            assert queue._timer.when() - loop.time() == pytest.approx(600, abs=5)
            await queue.send_all([NewMessage(b"b", delay_s=60)])
            await turns()
            queue._arm_timer()
            assert queue._timer.when() - loop.time() == pytest.approx(60, abs=5)
            receiving.cancel()
            await asyncio.wait([receiving])

    run(main())


def test_a_waiter_is_woken_when_a_message_is_let_go(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"a")
            received = await queue.receive()
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await turns()
            await queue.change_visibility(queue.receipt_handle(received[0]), 0)
            async with asyncio.timeout(5):
                received = await receiving
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await turns()
            queue.release(received)
            async with asyncio.timeout(5):
                assert bodies(await receiving) == [b"a"]

    run(main())


def test_a_waiter_that_hangs_up_swallows_nothing(run: Callable, bench: Bench) -> None:
    """The first of two waiters is cancelled at every turn around its wake-up."""

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            for count in range(40):
                first = asyncio.create_task(queue.receive(wait_time_s=20))
                await turns()
                second = asyncio.create_task(queue.receive(wait_time_s=20))
                await turns()
                queue.send(b"a")
                await turns(count)
                first.cancel()
                await asyncio.wait([first])
                if first.cancelled():
                    async with asyncio.timeout(5):
                        (message,) = await second
                else:
                    (message,) = await first
                    second.cancel()
                    await asyncio.wait([second])
                assert message.receive_count == 1
                await queue.delete_all([queue.receipt_handle(message)])
            assert bench.counters(queue) == (0, 0, 0, 0)

    run(main())


def test_an_expired_backlog_does_not_keep_a_waiter_busy(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(MessageRetentionPeriod="60")
            for _ in range(20):
                queue.send(b"old")
            await bench.store.flush()
            bench.time.pass_ms(60_000)
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await bench.settle()
            commits = bench.store.commits.value
            for _ in range(100):
                await asyncio.sleep(0)
            assert bench.store.commits.value <= commits + 1
            queue.send(b"new")
            async with asyncio.timeout(5):
                assert bodies(await receiving) == [b"new"]

    run(main())


def test_waiting_receives_are_limited(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            one, two = await bench.queue("one"), await bench.queue("two")
            one._parts.wait_limit.most = 2
            waiting = [asyncio.create_task(q.receive(wait_time_s=20)) for q in (one, two)]
            await turns()
            with pytest.raises(RequestThrottled):
                await one.receive(wait_time_s=1)
            assert await one.receive(wait_time_s=0) == []
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            assert one._parts.wait_limit.waiting == 0

    run(main())


def test_deleting_a_queue_tells_those_who_wait(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await turns()
            await bench.service.delete(queue)
            async with asyncio.timeout(5):
                with pytest.raises(QueueDoesNotExist):
                    await receiving

    run(main())


def test_who_waits_again_keeps_the_place(run: Callable) -> None:
    async def main() -> None:
        waiters = Waiters(WaitLimit(10))
        woken: list[str] = []

        async def wait(name: str, ticket: int) -> None:
            await waiters.wait(ticket, waiters.version, 5)
            woken.append(name)

        first, second = waiters.ticket(), waiters.ticket()
        tasks = [asyncio.create_task(wait("second", second))]
        await turns()
        tasks.append(asyncio.create_task(wait("first", first)))
        await turns()
        waiters.wake(1)
        await turns()
        waiters.wake(1)
        await asyncio.wait(tasks)
        assert woken == ["first", "second"]

    run(main())


def test_a_wake_between_looking_and_waiting_is_not_missed(run: Callable) -> None:
    async def main() -> None:
        waiters = Waiters(WaitLimit(10))
        seen = waiters.version
        waiters.wake(1)
        async with asyncio.timeout(1):
            await waiters.wait(waiters.ticket(), seen, 60)

    run(main())


def test_those_who_wait_are_answered_before_a_stop(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            waiting = [asyncio.create_task(queue.receive(wait_time_s=20)) for _ in range(3)]
            await bench.settle()
            bench.service.end_waiting()
            assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [[], [], []]
            assert await asyncio.wait_for(queue.receive(wait_time_s=20), 5) == []

    run(main())
