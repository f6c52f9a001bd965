"""Receiving, deleting, visibility: what receivers hold and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.services.sqs import NewMessage, receive
from gateway.services.sqs.errors import (
    InvalidParameterValue,
    OverLimit,
    ReceiptHandleIsInvalid,
)
from tests.gateway.services.sqs.bench import Bench, bodies


def test_a_received_message_is_hidden_until_its_time_is_over(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(VisibilityTimeout="30")
            queue.send(b"a")
            (first,) = await queue.receive()
            assert (first.receive_count, first.body) == (1, b"a")
            bench.time.pass_ms(29_999)
            assert await queue.receive() == []
            assert queue.depths().in_flight == 1
            bench.time.pass_ms(1)
            assert (queue.depths().in_flight, queue.depths().visible) == (0, 1)
            (second,) = await queue.receive(visibility_timeout_s=5)
            assert second.receive_count == 2
            assert second.first_received_wall_ms == first.first_received_wall_ms
            assert second.sent_wall_ms == first.sent_wall_ms
            bench.time.pass_ms(5000)
            (third,) = await queue.receive()
            assert third.receive_count == 3

    run(main())


def test_the_receive_is_on_disk_before_it_is_answered(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"a")
            (message,) = await queue.receive()
            await bench.reopen()
            queue = bench.service.find("q")
            assert await queue.receive() == []
            assert queue.depths().in_flight == 1
            await queue.delete_all([queue.receipt_handle(message)])  # a handle from before
            bench.time.pass_ms(60_000)
            assert await queue.receive() == []
            assert bench.rows("sqs_message") == bench.rows("sqs_hidden") == 0

    run(main())


def test_polling_an_empty_queue_writes_nothing(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"in flight")
            await queue.receive()
            commits = bench.store.commits.value
            for _ in range(50):
                assert await queue.receive(most=10) == []
            await asyncio.sleep(0)
            assert bench.store.commits.value == commits

    run(main())


def test_what_has_been_visible_longest_goes_first(run: Callable, bench: Bench) -> None:
    """A message that is received and let go in a circle does not keep the others waiting."""

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"poison")
            await bench.store.flush()
            bench.time.pass_ms(10)
            for n in range(3):
                queue.send(b"%d" % n)
            await bench.store.flush()
            assert bodies(await queue.receive(visibility_timeout_s=1)) == [b"poison"]
            bench.time.pass_ms(2000)
            queue.send(b"last")
            got = []
            for _ in range(5):
                got += bodies(await queue.receive(visibility_timeout_s=100))
            assert got == [b"0", b"1", b"2", b"poison", b"last"]

    run(main())


def test_an_old_handle_deletes_nothing_after_a_later_receive(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(VisibilityTimeout="1")
            queue.send(b"a")
            (old,) = await queue.receive()
            bench.time.pass_ms(1000)
            (new,) = await queue.receive()
            await queue.delete_all([queue.receipt_handle(old)])
            assert bench.rows("sqs_message") == 1
            bench.time.pass_ms(1000)  # visible again, and the last handle still deletes
            await queue.delete_all([queue.receipt_handle(new)])
            assert bench.rows("sqs_message") == bench.rows("sqs_hidden") == 0
            await queue.delete_all([queue.receipt_handle(new)])  # twice does no harm
            assert bench.counters(queue) == (0, 0, 0, 0)

    run(main())


@pytest.mark.parametrize(
    "handle", ["", "x", "A" * 28, "ä" * 28, "=" * 28, "A" * 5000, "not-a-handle-at-all-really-n"]
)
def test_texts_that_are_no_handles(run: Callable, bench: Bench, handle: str) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            with pytest.raises(ReceiptHandleIsInvalid):
                await queue.delete_all([handle])
            with pytest.raises(ReceiptHandleIsInvalid):
                await queue.change_visibility(handle, 0)

    run(main())


def test_a_handle_of_another_queue_is_refused(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            one, two = await bench.queue("one"), await bench.queue("two")
            one.send(b"a")
            (message,) = await one.receive()
            with pytest.raises(ReceiptHandleIsInvalid):
                await two.delete_all([one.receipt_handle(message)])

    run(main())


def test_visibility_can_be_moved_both_ways(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"a")
            (message,) = await queue.receive(visibility_timeout_s=10)
            handle = queue.receipt_handle(message)
            await queue.change_visibility(handle, 100)
            bench.time.pass_ms(99_999)
            assert await queue.receive() == []
            await queue.change_visibility(handle, 0)
            assert queue.depths().visible == 1
            await queue.change_visibility(handle, 10)  # late, and taken all the same
            assert await queue.receive() == []
            assert queue.depths().in_flight == 1
            bench.time.pass_ms(10_000)
            (again,) = await queue.receive()
            assert again.receive_count == 2
            with pytest.raises(InvalidParameterValue, match="not available for visibility"):
                await queue.change_visibility(handle, 10)
            await queue.delete_all([queue.receipt_handle(again)])
            with pytest.raises(InvalidParameterValue, match="does not exist"):
                await queue.change_visibility(queue.receipt_handle(again), 10)

    run(main())


def test_a_message_is_hidden_for_twelve_hours_at_most(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"a")
            (message,) = await queue.receive(visibility_timeout_s=3600)
            bench.time.pass_ms(1000)
            handle = queue.receipt_handle(message)
            await queue.change_visibility(handle, 43_199)
            with pytest.raises(InvalidParameterValue, match="beyond the limit"):
                await queue.change_visibility(handle, 43_200)

    run(main())


def test_a_released_message_is_as_if_never_received(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"a")
            queue.send(b"b")
            received = await queue.receive(most=10)
            queue.release(received)
            await bench.settle()
            assert queue.depths().visible == 2
            bench.time.pass_ms(1)
            again = await queue.receive(most=10)
            assert [(m.body, m.receive_count) for m in again] == [(b"a", 1), (b"b", 1)]
            await queue.delete_all([queue.receipt_handle(again[0])])
            queue.release(received)  # the handles of the first receive are worth nothing now
            queue.release(again)
            await bench.settle()
            assert bodies(await queue.receive(most=10)) == [b"b"]

    run(main())


def test_a_cancelled_receive_takes_nothing(run: Callable, bench: Bench) -> None:
    """Cancelled at every turn of the loop between asking and being answered."""

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"a")
            await bench.store.flush()
            for turns in range(60):
                receiving = asyncio.create_task(queue.receive())
                for _ in range(turns):
                    await asyncio.sleep(0)
                receiving.cancel()
                try:
                    queue.release(await receiving)
                except asyncio.CancelledError:
                    pass
                await bench.settle()
                assert queue.depths().visible == 1, f"swallowed after {turns} turns"
            (message,) = await queue.receive()
            assert message.receive_count == 1
            assert bench.metrics.snapshot()["sqs.released"] > 1, "no receive was undone"

    run(main())


def test_in_flight_is_limited(run: Callable, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "MAX_IN_FLIGHT", 15)

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            for n in range(30):
                queue.send(b"%d" % n)
            assert len(await queue.receive(most=10)) == 10
            last = await queue.receive(most=10)
            assert len(last) == 5
            with pytest.raises(OverLimit):
                await queue.receive()
            await queue.delete_all([queue.receipt_handle(last[0])])
            assert len(await queue.receive(most=10)) == 1
            bench.time.pass_ms(30_000)
            assert len(await queue.receive(most=10)) == 10

    run(main())


def test_large_bodies_come_back_whole(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            sent = [bytes([65 + n]) * 1_000_000 for n in range(3)]
            await queue.send_all([NewMessage(body) for body in sent])
            assert bodies(await queue.receive(most=10)) == sent

    run(main())


def test_many_receivers_get_each_message_once(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            got: list[bytes] = []

            async def consume() -> None:
                while batch := await queue.receive(most=7, wait_time_s=0.2):
                    got.extend(bodies(batch))
                    await queue.delete_all([queue.receipt_handle(m) for m in batch])

            consumers = [asyncio.create_task(consume()) for _ in range(20)]
            for n in range(1000):
                queue.send(b"%d" % n)
                if n % 50 == 0:
                    await asyncio.sleep(0)
            await asyncio.gather(*consumers)
            assert sorted(map(int, got)) == list(range(1000))
            assert bench.counters(queue) == (0, 0, 0, 0)

    run(main())
