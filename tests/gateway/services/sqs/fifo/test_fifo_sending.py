"""FIFO queues: what is sent, once, and what of it comes back after a restart."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import StoreFailed, StoreFull
from gateway.services.sqs import NewMessage, Queue, batch
from gateway.services.sqs.errors import MissingParameter, QueueDoesNotExist
from tests.gateway.services.sqs.bench import Bench, bodies

FIVE_MINUTES_MS = 300_000


def message(body: str, group: str = "g", deduplication_id: str | None = None) -> NewMessage:
    return NewMessage(body.encode(), group_id=group, deduplication_id=deduplication_id)


async def fifo(bench: Bench, name: str = "q.fifo", **attributes: str) -> Queue:
    return await bench.queue(name, FifoQueue="true", **attributes)


def test_a_message_is_sent_once_in_five_minutes(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            (first,) = await queue.send_all([message("one", deduplication_id="id")])
            bench.time.pass_ms(FIVE_MINUTES_MS - 1)
            (again,) = await queue.send_all([message("two", "other", "id")])
            assert again == first
            bench.time.pass_ms(1)
            (later,) = await queue.send_all([message("three", deduplication_id="id")])
            assert later > first
            assert bodies(await queue.receive(most=10)) == [b"one", b"three"]

    asyncio.run(scenario())


def test_a_deleted_message_still_counts_as_sent(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            (first,) = await queue.send_all([message("one", deduplication_id="id")])
            (received,) = await queue.receive()
            await queue.delete_all([queue.receipt_handle(received)])
            assert await queue.send_all([message("two", deduplication_id="id")]) == [first]
            assert await queue.receive() == []
            assert queue.depths().visible == 0

    asyncio.run(scenario())


def test_what_was_sent_is_remembered_over_a_restart_and_a_wrong_clock(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            (first,) = await queue.send_all([message("one", deduplication_id="id")])
            bench.time.step_wall(10 * 365 * 86_400_000)
            await bench.reopen()
            queue = bench.service.find("q.fifo")
            assert await queue.send_all([message("two", deduplication_id="id")]) == [first]

    asyncio.run(scenario())


def test_the_same_id_twice_in_one_batch_is_one_message(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            rows = await queue.send_all([message(str(n), deduplication_id="id") for n in range(3)])
            assert len(set(rows)) == 1
            assert bodies(await queue.receive(most=10)) == [b"0"]

    asyncio.run(scenario())


def test_without_an_id_the_body_decides(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench, ContentBasedDeduplication="true")
            rows = await queue.send_all(
                [message("same"), message("same", "other"), message("else")]
            )
            assert rows[0] == rows[1] != rows[2]

    asyncio.run(scenario())


def test_ids_may_count_per_group(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench, DeduplicationScope="messageGroup")
            rows = await queue.send_all(
                [message("1", "a", "id"), message("2", "b", "id"), message("3", "a", "id")]
            )
            assert rows[0] == rows[2] != rows[1]

    asyncio.run(scenario())


def test_what_no_longer_counts_is_forgotten(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            await queue.send_all([message(str(n), deduplication_id=str(n)) for n in range(1200)])
            await queue.receive(attempt_id="attempt")
            await bench.service.expire()
            assert (bench.rows("sqs_deduplication"), bench.rows("sqs_attempt")) == (1200, 1)
            bench.time.pass_ms(FIVE_MINUTES_MS)
            await bench.service.expire()
            assert (bench.rows("sqs_deduplication"), bench.rows("sqs_attempt")) == (0, 0)

    asyncio.run(scenario())


def test_sequence_numbers_grow_and_have_twenty_digits(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            rows = await queue.send_all(
                [message(str(n), deduplication_id=str(n)) for n in range(12)]
            )
            numbers = [queue.sequence_number(row) or "" for row in rows]
            assert numbers == sorted(set(numbers))
            assert {len(number) for number in numbers} == {20}

    asyncio.run(scenario())


def test_a_message_without_a_group_is_refused(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            with pytest.raises(MissingParameter, match="MessageGroupId"):
                queue.send(b"from a rule")

    asyncio.run(scenario())


def test_a_failed_batch_has_sent_nothing_and_remembers_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            await queue.send_all([message("before", deduplication_id="before")])
            sent = queue.send_all([message("lost", deduplication_id="id")])

            def fail(connection: object) -> None:
                raise OSError("the disk is gone")

            bench.store.before_batch.append(lambda: fail(None))
            with pytest.raises(StoreFailed):
                await sent
            bench.store.before_batch.clear()
            await bench.settle()
            (row,) = await queue.send_all([message("again", deduplication_id="id")])
            assert bodies(await queue.receive(most=10)) == [b"before", b"again"]
            assert bench.rows("sqs_ordered") == 2
            assert queue.message_id(row)

    asyncio.run(scenario())


def test_the_delay_of_the_queue_holds_back_the_group_behind(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench, DelaySeconds="10")
            await queue.send_all([message("1", deduplication_id="1")])
            bench.time.pass_ms(5_000)
            await queue.send_all([message("2", deduplication_id="2"), message("3", "h", "3")])
            assert await queue.receive(most=10) == []
            bench.time.pass_ms(5_000)
            assert bodies(await queue.receive(most=10, visibility_timeout_s=0)) == [b"1"]
            assert queue.depths().delayed == 2
            bench.time.pass_ms(5_000)
            assert bodies(await queue.receive(most=10)) == [b"1", b"2", b"3"]

    asyncio.run(scenario())


def test_a_deleted_fifo_queue_leaves_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            await queue.send_all([message(str(n), f"g{n}", str(n)) for n in range(600)])
            await queue.receive(most=10, attempt_id="a")
            await bench.service.delete(queue)
            with pytest.raises(QueueDoesNotExist):
                await queue.receive()
            await bench.service.removals_done()
            tables = ("sqs_message", "sqs_hidden", "sqs_ordered", "sqs_group", "sqs_queue")
            more = ("sqs_deduplication", "sqs_attempt", "sqs_moved")
            assert [bench.rows(table) for table in (*tables, *more)] == [0] * 8

    asyncio.run(scenario())


def test_refused_sends_leave_the_others_their_turns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turns that nobody used would make everybody wait for a commit that never comes."""
    monkeypatch.setattr(batch, "MAX_TURNS", 40)

    async def scenario() -> None:
        async with bench:
            queue = await fifo(bench)
            await queue.send_all([message("kept", deduplication_id="kept")])
            (held,) = await queue.receive()
            await bench.settle()
            bench.store._space.full_because = "a test says so"
            entries = [message("no", deduplication_id=str(number)) for number in range(10)]
            async with asyncio.timeout(5):
                for _ in range(5):
                    with pytest.raises(StoreFull):
                        await queue.send_all(entries)
                assert await queue.delete_all([queue.receipt_handle(held)]) == [None]
            assert bench.rows("sqs_message") == 0

    asyncio.run(scenario())
