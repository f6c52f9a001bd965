"""The counters against a count of the rows, after operations that share batches in any order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.services.sqs import NewMessage, Queue, Received, state
from gateway.services.sqs.errors import SqsError
from tests.gateway.services.sqs.bench import Bench


def counted(bench: Bench, queue: Queue) -> tuple[int, ...]:
    """Return messages, hidden, in flight and delayed by looking at every row."""
    number = queue.record.number
    read = bench.store.reader.execute
    (messages,) = read("SELECT count(*) FROM sqs_message WHERE id >> 40 = ?", (number,)).fetchone()
    hidden, in_flight, delayed = read(
        "SELECT count(*), total(visible_at_ms > settled_ms AND receive_count > 0),"
        " total(visible_at_ms > settled_ms AND receive_count = 0)"
        " FROM sqs_hidden h JOIN sqs_queue q ON q.queue = h.queue WHERE h.queue = ?",
        (number,),
    ).fetchone()
    return messages, hidden, int(in_flight), int(delayed)


@pytest.mark.parametrize("seed", range(8))
def test_the_counters_agree_with_the_rows(run: Callable, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)

    async def main() -> None:
        async with Bench(tmp_path) as bench:
            queue = await bench.queue(MessageRetentionPeriod="60")
            held: list[Received] = []

            async def receive() -> None:
                timeout_s = draw.choice([0, 1, 30])
                held.extend(await queue.receive(most=10, visibility_timeout_s=timeout_s))

            async def change(message: Received) -> None:
                with contextlib.suppress(SqsError):
                    handle = queue.receipt_handle(message)
                    await queue.change_visibility(handle, draw.choice([0, 3]))

            for _ in range(25):
                tasks: list[asyncio.Task[object]] = []
                for _ in range(draw.randrange(1, 30)):
                    message = draw.choice(held) if held else None
                    match draw.randrange(8):
                        case 0 | 1:
                            queue.send(b"x")
                        case 2:
                            queue.add(NewMessage(b"x", delay_s=draw.choice([1, 2, 50])))
                        case 3:
                            tasks.append(asyncio.create_task(receive()))
                        case 4 if message:
                            handle = queue.receipt_handle(message)
                            tasks.append(asyncio.create_task(queue.delete_all([handle])))
                        case 5 if message:
                            tasks.append(asyncio.create_task(change(message)))
                        case 6 if message:
                            queue.release([message])
                        case 7:
                            bench.time.pass_ms(draw.choice([1, 500, 3000]))
                    if draw.random() < 0.3:
                        await asyncio.sleep(0)
                    if tasks and draw.random() < 0.1:
                        draw.choice(tasks).cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                if draw.random() < 0.3:
                    await bench.service.expire()
                await bench.settle()
                counters = bench.counters(queue)
                assert counters == counted(bench, queue)
                assert min(counters) >= 0
                before = queue.depths()
                if draw.random() < 0.2:
                    await bench.reopen()
                    queue = bench.service.find("q")
                    assert queue.depths() == before

    run(main())


def test_the_counters_follow_time_in_small_steps(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "SETTLE_STEP", 10)

    async def main() -> None:
        async with Bench(tmp_path) as bench:
            queue = await bench.queue()
            for n in range(50):
                await queue.send_all([NewMessage(b"%d" % n, delay_s=1)])
                bench.time.pass_ms(1)
            bench.time.pass_ms(1000)
            assert bench.counters(queue)[3] == 50
            for left in (39, 28, 17, 6, 0):
                (message,) = await queue.receive()
                await asyncio.sleep(0)
                messages, hidden, in_flight, delayed = bench.counters(queue)
                assert (messages, hidden, delayed) == (50, 50, left)
                assert in_flight == int(message.body) + 1

    run(main())
