"""PurgeQueue: what was sent before goes, what is sent after stays, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import StoreError
from gateway.services.sqs import NewMessage, Queue
from gateway.services.sqs.errors import PurgeQueueInProgress
from gateway.services.sqs.purge import PURGE_INTERVAL_S
from tests.gateway.services.sqs.bench import Bench, bodies

GROUPS = 7


async def fill(queue: Queue, count: int) -> None:
    """Send so many fresh messages, some delayed ones, and receive some."""
    fifo = queue.attributes.fifo
    for begin in range(0, count, 500):
        messages = [
            NewMessage(b"old", group_id=f"g{n % GROUPS}", deduplication_id=f"d{n}")
            if fifo
            else NewMessage(b"old")
            for n in range(begin, min(begin + 500, count))
        ]
        await queue.send_all(messages)
    if not fifo:
        await queue.send_all([NewMessage(b"old", delay_s=9)] * 300)
    assert len(await queue.receive(most=10)) == 10


async def send_new(queue: Queue) -> None:
    message = NewMessage(b"new", group_id="new", deduplication_id="new")
    await queue.send_all([message if queue.attributes.fifo else NewMessage(b"new")])


@pytest.fixture(params=["q", "q.fifo"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


async def make(bench: Bench, name: str) -> Queue:
    return await (bench.queue(name, FifoQueue="true") if "." in name else bench.queue(name))


def test_what_was_sent_before_goes_and_what_comes_after_stays(
    run: Callable, bench: Bench, name: str
) -> None:
    async def main() -> None:
        async with bench:
            queue, other = await make(bench, name), await bench.queue("other")
            await fill(queue, 1200)
            other.send(b"stays")
            await bench.service.purge(queue)
            await send_new(queue)
            await bench.service.removals_done()
            assert bench.counters(queue) == (1, 0, 0, 0)
            assert bench.rows("sqs_message") == 2
            assert bench.rows("sqs_hidden") == 0
            assert bench.rows("sqs_ordered") == int(queue.attributes.fifo)
            assert bench.rows("sqs_purge") == 0
            bench.time.advance(60)
            assert bodies(await queue.receive(most=10)) == [b"new"]
            assert bodies(await other.receive()) == [b"stays"]
            assert bench.metrics.snapshot()["sqs.purged"] == 1200 + 300 * (name == "q")

    run(main())


def test_what_is_fresh_cannot_be_received_from_the_answer_on(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await queue.send_all([NewMessage(b"old")] * 2000)
            await bench.service.purge(queue)
            assert bench.counters(queue)[0] > 0, "nothing is left to be received; send more"
            await send_new(queue)
            assert bodies(await queue.receive(most=10)) == [b"new"]

    run(main())


def test_what_is_sent_in_one_batch_with_the_purge_keeps_its_side_of_it(
    run: Callable, bench: Bench
) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"old")
            purging = asyncio.ensure_future(queue.begin_purge())
            await asyncio.sleep(0)
            queue.send(b"new")
            before = await purging
            while await queue.purge_step(before):
                pass
            assert bodies(await queue.receive(most=10)) == [b"new"]
            assert bench.counters(queue)[0] == 1

    run(main())


@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "control"])
def test_a_purge_goes_on_after_a_kill_at_any_step(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    """Copies of the folder, taken after each commit, are what a kill leaves."""
    live = tmp_path / "live"
    live.mkdir()
    images: list[Path] = []

    async def make_images() -> None:
        async with Bench(live) as bench:
            queue = await bench.queue()
            await fill(queue, 600)
            await bench.service.purge(queue)
            await send_new(queue)
            images.append(shutil.copytree(live, tmp_path / "answered"))
            bench.store.after_commit.append(
                lambda: images.append(shutil.copytree(live, tmp_path / f"image-{len(images)}"))
            )
            await bench.service.removals_done()

    async def left(image: Path) -> int:
        async with Bench(image) as bench:
            await bench.service.removals_done()
            return bench.rows("sqs_message")

    run(make_images())
    assert len(images) > 3
    if forgotten:  # a gateway that does not look for purges must be caught
        monkeypatch.setattr("gateway.services.sqs.purge.Purges.resume", lambda self, queues: None)
    after: list[int] = []

    async def look() -> None:
        after.extend([await left(image) for image in images])

    run(look())
    assert (after == [1] * len(images)) is not forgotten, after


def test_a_queue_may_be_purged_once_a_minute(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue, other = await bench.queue(), await bench.queue("other")
            await bench.service.purge(queue)
            await bench.service.removals_done()
            message = r"Only one PurgeQueue operation on q is allowed every 60 seconds\."
            bench.time.advance(PURGE_INTERVAL_S - 0.1)
            with pytest.raises(PurgeQueueInProgress, match=message):
                await bench.service.purge(queue)
            await bench.service.purge(other)
            bench.time.step_wall(86_400_000)  # a clock that is set makes no difference
            with pytest.raises(PurgeQueueInProgress):
                await bench.service.purge(queue)
            bench.time.advance(0.2)
            await bench.service.purge(queue)
            third = await bench.queue("third")
            both = await asyncio.gather(
                *(bench.service.purge(third) for _ in range(2)), return_exceptions=True
            )
            assert {type(outcome) for outcome in both} == {type(None), PurgeQueueInProgress}

    run(main())


def test_a_purge_that_was_not_written_down_did_not_begin(
    run: Callable, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"kept")
            await bench.settle()

            async def refuse() -> int:
                raise StoreError("the disk refused")

            with monkeypatch.context() as patch:
                patch.setattr("gateway.services.sqs.queue.Queue.begin_purge", lambda self: refuse())
                with pytest.raises(StoreError):
                    await bench.service.purge(queue)
            assert bodies(await queue.receive(visibility_timeout_s=0)) == [b"kept"]
            await bench.service.purge(queue)  # and it may be asked for again at once
            await bench.service.removals_done()
            assert bench.rows("sqs_message") == 0

    run(main())


def test_a_queue_that_is_deleted_while_it_is_purged(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await fill(queue, 1500)
            await bench.service.purge(queue)
            await bench.service.delete(queue)
            await bench.service.removals_done()
            assert [bench.rows(t) for t in ("sqs_message", "sqs_hidden", "sqs_purge")] == [0, 0, 0]
            again = await bench.queue()
            await send_new(again)
            await bench.service.purge(again)  # another queue, which was never purged
            await bench.service.removals_done()
            assert bench.counters(again)[0] == 0

    run(main())


def test_others_go_on_while_a_large_queue_is_purged(run: Callable, bench: Bench, name: str) -> None:
    async def main() -> None:
        async with bench:
            queue = await make(bench, name)
            await fill(queue, 20_000)
            taken_s: list[float] = []
            step = type(queue).remove_rows

            def timed(self: Queue, connection: object, rows: list[int], now_ms: int) -> int:
                began_s = time.thread_time()  # what other processes take is not the purge's
                removed = step(self, connection, rows, now_ms)
                taken_s.append(time.thread_time() - began_s)
                return removed

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(queue), "remove_rows", timed)
                await bench.service.purge(queue)
                await bench.service.removals_done()
            assert bench.counters(queue)[0] == 0
            assert len(taken_s) >= 20_000 // 250
            *_, second_s, longest_s = sorted(taken_s)  # one pause of the collector may be in it
            print(f"{name}: {len(taken_s)} steps, the longest {longest_s * 1000:.1f} ms")
            assert second_s < 0.005

    run(main())


def test_a_purge_forgets_what_was_sent(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await make(bench, "q.fifo")
            message = NewMessage(b"again", group_id="g", deduplication_id="id")
            await queue.send_all([message])
            await bench.service.purge(queue)
            (row,) = await queue.send_all([message])
            await bench.service.removals_done()
            await bench.reopen()
            queue = bench.service.find("q.fifo")
            assert await queue.send_all([message]) == [row]
            assert bodies(await queue.receive(most=10)) == [b"again"]
            await bench.service.removals_done()
            assert bench.rows("sqs_deduplication") == 1

    run(main())


def test_what_is_purged_and_comes_back_is_not_given_out(
    run: Callable, bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with bench:
            queue = await make(bench, name)
            await fill(queue, 20)
            monkeypatch.setattr(bench.service._purges, "_run", lambda *arguments: None)
            await bench.service.purge(queue)
            bench.time.pass_ms(60_000)  # those in flight are visible again
            await send_new(queue)
            assert bodies(await queue.receive(most=10)) == [b"new"]

    run(main())
