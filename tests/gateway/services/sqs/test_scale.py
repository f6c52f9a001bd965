"""However much a queue holds, a receive looks at no more of it: counted in SQLite's own steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.services.sqs import NewMessage, Queue, batch
from tests.gateway.services.sqs.bench import Bench
from tests.gateway.services.sqs.fifo.test_fifo_sending import message

# One look at an index has a few steps more where it is deeper.
STANDARD_RATIO, FIFO_RATIO = 1.5, 2.0


async def steps(bench: Bench, work: Callable[[], Awaitable[object]]) -> int:
    """Return how many steps of SQLite's virtual machine an operation takes."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    await bench.settle()
    writer = bench.store._writer
    writer.set_progress_handler(step, 1)
    await work()
    writer.set_progress_handler(None, 0)
    assert count > 50  # it was counted
    return count


async def standard(bench: Bench, name: str, count: int) -> Queue:
    """A queue of which half is delayed and a tenth in flight."""
    queue = await bench.queue(name)
    for first in range(0, count, 100):
        await queue.send_all(
            [NewMessage(b"%d" % n, delay_s=900 if n % 2 else 0) for n in range(first, first + 100)]
        )
        bench.time.pass_ms(1)
    for at in range(count // 100):
        timeout_s = 1800 if at else 60
        assert len(await queue.receive(most=10, visibility_timeout_s=timeout_s)) == 10
    return queue


async def fifo(bench: Bench, name: str, groups: int) -> Queue:
    """A queue of which all groups but one are blocked."""
    queue = await bench.queue(name, FifoQueue="true")
    for n in range(0, groups, 10):
        some = [message("x", f"{n}-{m}", f"{n}-{m}") for m in range(10)]
        again = [message("y", f"{n}-{m}", f"{n}-{m} again") for m in range(10)]
        await queue.send_all([*some, *again])
        assert len(await queue.receive(most=10, visibility_timeout_s=1800)) == 10
        rest = await queue.receive(most=10, visibility_timeout_s=1800)
        assert {m.body for m in rest} <= {b"x", b"y"}
    await queue.send_all([message(str(n), "free", f"free {n}") for n in range(100)])
    return queue


def ratio_of_receives(bench: Bench, make: str, small: int, large: int, drop: str = "") -> float:
    async def main() -> float:
        async with bench:
            maker = standard if make == "standard" else fifo
            suffix = "" if make == "standard" else ".fifo"
            queues = [await maker(bench, f"q{n}{suffix}", n) for n in (small, large)]
            bench.time.pass_ms(60_000)  # ten of each standard queue have come back
            if drop:
                bench.store._writer.execute(f"DROP INDEX {drop}")
            counts = [await steps(bench, lambda q=q: q.receive(most=10)) for q in queues]
            return counts[1] / counts[0]

    return asyncio.run(main())


def test_a_receive_from_a_full_queue_costs_what_one_from_a_small_one_costs(bench: Bench) -> None:
    assert ratio_of_receives(bench, "standard", 1_000, 20_000) <= STANDARD_RATIO


def test_blocked_groups_cost_a_receive_nothing(bench: Bench) -> None:
    assert ratio_of_receives(bench, "fifo", 10, 2_000) <= FIFO_RATIO


@pytest.mark.parametrize(
    ("make", "small", "large", "index"),
    [
        ("standard", 1_000, 20_000, "sqs_hidden_by_visibility"),
        ("fifo", 10, 2_000, "sqs_group_by_availability"),
    ],
)
def test_without_the_index_it_would_be_noticed(
    bench: Bench, make: str, small: int, large: int, index: str
) -> None:
    assert ratio_of_receives(bench, make, small, large, drop=index) > FIFO_RATIO


def test_many_callers_share_out_their_work_over_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_TURNS", 40)

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            for number in range(1_000):
                queue.send(b"%d" % number)
            await bench.settle()
            at_once: dict[int, int] = {}

            def count() -> None:
                at_once[bench.store.batch] = len(bench.store._open._steps)

            bench.store.before_batch.append(count)
            received = await asyncio.gather(*(queue.receive(most=10) for _ in range(100)))
            bench.store.before_batch.remove(count)
            assert len({m.row_id for got in received for m in got}) == 1_000
            assert max(at_once.values()) <= 4
            assert len(at_once) >= 25

    asyncio.run(main())
