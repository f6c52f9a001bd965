"""FIFO queues: order within a group, groups beside each other, trying again, waiting."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.sqs import Queue
from gateway.services.sqs.errors import InvalidParameterValue
from gateway.services.sqs.fifo import receive as fifo_receive
from tests.gateway.services.sqs.bench import Bench, bodies
from tests.gateway.services.sqs.fifo.test_fifo_sending import fifo, message


async def filled(bench: Bench, *groups: str, **attributes: str) -> Queue:
    """A queue with a message for each of these groups, numbered."""
    queue = await fifo(bench, **attributes)
    await queue.send_all([message(str(n), g, str(n)) for n, g in enumerate(groups)])
    return queue


def test_a_group_is_blocked_while_a_message_is_in_flight(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a", "b", "a")
            (first,) = await queue.receive()
            assert first.body == b"0"
            assert bodies(await queue.receive(most=10)) == [b"2"]
            assert await queue.receive(most=10) == []
            await queue.delete_all([queue.receipt_handle(first)])
            assert bodies(await queue.receive(most=10)) == [b"1", b"3"]

    asyncio.run(scenario())


def test_order_holds_over_visibility_timeouts(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a", "a")
            assert bodies(await queue.receive(most=2, visibility_timeout_s=5)) == [b"0", b"1"]
            bench.time.pass_ms(5_000)
            got = await queue.receive(most=1, visibility_timeout_s=5)
            assert bodies(got) == [b"0"]
            await queue.change_visibility(queue.receipt_handle(got[0]), 20)
            bench.time.pass_ms(10_000)
            assert await queue.receive() == []
            await queue.change_visibility(queue.receipt_handle(got[0]), 0)
            got = await queue.receive(most=10)
            assert [m.receive_count for m in got] == [3, 2, 1]
            assert bodies(got) == [b"0", b"1", b"2"]

    asyncio.run(scenario())


def test_what_stands_before_one_in_flight_can_be_received(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a", "a", "a")
            got = await queue.receive(most=3, visibility_timeout_s=5)
            await queue.change_visibility(queue.receipt_handle(got[1]), 50)
            bench.time.pass_ms(5_000)
            (first,) = await queue.receive(most=10)  # 2 is visible, too, but behind 1
            assert first.body == b"0"
            await queue.delete_all([queue.receipt_handle(first)])
            assert await queue.receive(most=10) == []
            await queue.delete_all([queue.receipt_handle(got[1])])
            assert bodies(await queue.receive(most=10)) == [b"2", b"3"]

    asyncio.run(scenario())


def test_groups_take_turns(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a", "b", "c")
            order = []
            for _ in range(4):
                bench.time.pass_ms(1)
                (got,) = await queue.receive()
                order.append(got.body)
                await queue.delete_all([queue.receipt_handle(got)])
            assert order == [b"0", b"2", b"3", b"1"]

    asyncio.run(scenario())


def test_a_handle_whose_time_is_over_deletes_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a")
            (got,) = await queue.receive(visibility_timeout_s=5)
            bench.time.pass_ms(5_000)
            (error,) = await queue.delete_all([queue.receipt_handle(got)])
            assert isinstance(error, InvalidParameterValue)
            assert "expired" in str(error)
            assert queue.depths().visible == 1

    asyncio.run(scenario())


def test_one_bad_handle_of_a_batch_keeps_the_others_from_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "b")
            (late,) = await queue.receive(visibility_timeout_s=5)
            bench.time.pass_ms(5_000)
            (good,) = [m for m in await queue.receive(most=10) if m.body == b"1"] or [None]
            assert good is not None
            outcomes = await queue.delete_all([queue.receipt_handle(m) for m in (late, good)])
            assert [error is None for error in outcomes] == [
                True,
                True,
            ]  # received again since: no-op
            assert queue.depths().in_flight == 1

    asyncio.run(scenario())


def test_a_receive_can_be_made_again(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a", "b")
            first = await queue.receive(most=10, visibility_timeout_s=30, attempt_id="x")
            bench.time.pass_ms(20_000)
            await bench.reopen()
            queue = bench.service.find("q.fifo")
            again = await queue.receive(most=10, visibility_timeout_s=30, attempt_id="x")
            assert [(m.row_id, m.nonce) for m in again] == [(m.row_id, m.nonce) for m in first]
            assert [m.receive_count for m in again] == [1, 1, 1]
            bench.time.pass_ms(29_999)
            assert await queue.receive(most=10, attempt_id="y") == []
            handles = [queue.receipt_handle(m) for m in first]
            assert await queue.delete_all(handles) == [None, None, None]
            assert queue.depths().in_flight == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("change", ["delete", "visible", "again", "late"])
def test_a_receive_is_a_new_one_where_something_changed(bench: Bench, change: str) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "b")
            first = await queue.receive(most=10, visibility_timeout_s=600, attempt_id="x")
            handle = queue.receipt_handle(first[0])
            expected: list[bytes] = []
            if change == "delete":
                await queue.delete_all([handle])
            elif change == "visible":
                await queue.change_visibility(handle, 0)
                expected = [b"0"]
            elif change == "again":
                await queue.change_visibility(handle, 0)
                await queue.receive(visibility_timeout_s=600)
            else:
                bench.time.pass_ms(300_000)
            assert bodies(await queue.receive(most=10, attempt_id="x")) == expected

    asyncio.run(scenario())


def test_a_released_receive_is_as_if_never_made(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a", "b")
            queue.release(await queue.receive(most=10))
            await bench.settle()
            got = await queue.receive(most=10)
            assert sorted(bodies(got)) == [b"0", b"1", b"2"]
            assert {m.receive_count for m in got} == {1}

    asyncio.run(scenario())


def test_a_waiting_receiver_gets_what_is_sent(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            waiting = [asyncio.create_task(queue.receive(wait_time_s=20)) for _ in range(3)]
            await bench.settle()
            await queue.send_all([message("1", "a", "1"), message("2", "b", "2")])
            done, left = await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 2:
                more, left = await asyncio.wait(
                    left, timeout=5, return_when=asyncio.FIRST_COMPLETED
                )
                assert more
                done |= more
            assert sorted(bodies([m for task in done for m in task.result()])) == [b"1", b"2"]
            (last,) = left
            last.cancel()
            await asyncio.wait([last])

    asyncio.run(scenario())


def test_a_waiting_receiver_gets_what_a_delete_makes_available(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a")
            (first,) = await queue.receive()
            waiting = asyncio.create_task(queue.receive(wait_time_s=20))
            await bench.settle()
            assert not waiting.done()
            await queue.delete_all([queue.receipt_handle(first)])
            assert bodies(await asyncio.wait_for(waiting, 5)) == [b"1"]

    asyncio.run(scenario())


def test_an_abandoned_receive_blocks_no_group(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a")
            waiting = asyncio.create_task(queue.receive())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await bench.settle()
            (got,) = await queue.receive()
            assert got.receive_count == 1

    asyncio.run(scenario())


def test_at_the_limit_there_is_nothing_to_receive(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fifo_receive, "MAX_IN_FLIGHT", 2)

    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "b", "c")
            first = await queue.receive(most=10)
            assert len(first) == 2
            assert await queue.receive() == []
            await queue.delete_all([queue.receipt_handle(first[0])])
            assert bodies(await queue.receive()) == [b"2"]

    asyncio.run(scenario())


def test_expired_messages_leave_their_group(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "a", MessageRetentionPeriod="60")
            (first,) = await queue.receive()
            bench.time.pass_ms(59_000)
            await queue.send_all([message("late", "a", "late")])
            bench.time.pass_ms(1_000)
            assert bodies(await queue.receive(most=10)) == [b"late"]
            assert (bench.rows("sqs_message"), bench.rows("sqs_ordered")) == (1, 1)
            assert await queue.delete_all([queue.receipt_handle(first)]) == [None]
            bench.time.pass_ms(60_000)
            await bench.service.expire()
            assert (bench.rows("sqs_message"), bench.rows("sqs_group")) == (0, 0)

    asyncio.run(scenario())


def test_waiting_while_too_much_is_in_flight_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fifo_receive, "MAX_IN_FLIGHT", 2)

    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "b", "c")
            held = await queue.receive(most=10)
            assert bodies(held) == [b"0", b"1"]
            await bench.settle()
            commits = bench.store.commits.value
            assert await queue.receive(wait_time_s=0.05) == []
            assert bench.store.commits.value == commits
            waiting = asyncio.create_task(queue.receive(wait_time_s=20))
            await asyncio.sleep(0)
            await queue.delete_all([queue.receipt_handle(held[0])])
            assert bodies(await asyncio.wait_for(waiting, 5)) == [b"2"]

    asyncio.run(scenario())


def test_what_is_visible_again_makes_room_for_who_waits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fifo_receive, "MAX_IN_FLIGHT", 1)

    async def scenario() -> None:
        async with bench:
            queue = await filled(bench, "a", "b")
            assert bodies(await queue.receive(visibility_timeout_s=5)) == [b"0"]
            waiting = asyncio.create_task(queue.receive(wait_time_s=20))
            await bench.settle()
            assert not waiting.done()
            bench.time.pass_ms(5_000)
            queue.wake_due()
            assert bodies(await asyncio.wait_for(waiting, 5)) == [b"1"]

    asyncio.run(scenario())
