"""Retention: what has expired is never given out, and is removed in small steps."""

from __future__ import annotations

from collections.abc import Callable

from gateway.services.sqs import NewMessage, removal
from tests.gateway.services.sqs.bench import Bench, bodies


def test_expired_messages_are_not_given_out_before_they_are_removed(
    run: Callable, bench: Bench
) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(MessageRetentionPeriod="60")
            for n in range(300):
                queue.send(b"old %d" % n)
            await bench.store.flush()
            bench.time.pass_ms(30_000)
            for n in range(3):
                queue.send(b"new %d" % n)
            await bench.store.flush()
            bench.time.pass_ms(30_000)
            assert bodies(await queue.receive(most=10)) == [b"new 0", b"new 1", b"new 2"]
            assert bench.rows("sqs_message") == 303
            await bench.service.expire()
            assert bench.rows("sqs_message") == 3
            assert bench.counters(queue) == (3, 3, 3, 0)

    run(main())


def test_every_state_expires(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(MessageRetentionPeriod="60")
            await queue.send_all([NewMessage(b"delayed", delay_s=900)])
            for _ in range(5):
                queue.send(b"x")
            await queue.receive(most=2, visibility_timeout_s=3600)  # stay in flight
            await queue.receive(most=2, visibility_timeout_s=1)  # come back
            bench.time.pass_ms(60_000)
            assert await queue.receive(most=10) == []
            await bench.service.expire()
            assert bench.rows("sqs_message") == bench.rows("sqs_hidden") == 0
            assert bench.counters(queue) == (0, 0, 0, 0)
            assert bench.metrics.snapshot()["sqs.expired"] == 4  # two went with the receive

    run(main())


def test_one_step_is_small(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(MessageRetentionPeriod="60")
            for _ in range(removal.STEP_MESSAGES + 1):
                queue.send(b"x")
            await bench.store.flush()
            await queue.send_all([NewMessage(b"x" * 1_000_000) for _ in range(4)])
            bench.time.pass_ms(60_000)
            assert await queue.expire()
            assert bench.rows("sqs_message") == 5
            assert await queue.expire()
            assert bench.rows("sqs_message") == 1  # two large ones and what fits beside them
            while await queue.expire():
                pass
            assert bench.rows("sqs_message") == 0

    run(main())


def test_nothing_is_written_where_nothing_has_expired(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"x")
            await bench.store.flush()
            commits = bench.store.commits.value
            await bench.service.expire()
            bench.time.step_wall(100 * 365 * 86_400_000)  # a wrong clock expires nothing
            await bench.service.expire()
            assert bench.store.commits.value == commits
            assert bodies(await queue.receive()) == [b"x"]

    run(main())
