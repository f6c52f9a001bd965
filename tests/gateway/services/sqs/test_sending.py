"""Sending: what becomes of a body, one row a message, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import StoreFull
from gateway.services.sqs import NewMessage
from gateway.services.sqs.bodies import check_body
from gateway.services.sqs.errors import (
    InvalidMessageContents,
    InvalidParameterValue,
    MissingParameter,
    QueueDoesNotExist,
    SqsError,
)
from tests.gateway.services.sqs.bench import Bench, bodies


def test_a_fresh_message_is_one_row(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            for n in range(100):
                queue.send(b'{"n":%d}' % n)
            await bench.store.flush()
            assert bench.rows("sqs_message") == 100
            assert bench.rows("sqs_hidden") == 0
            assert bench.counters(queue) == (100, 0, 0, 0)

    run(main())


def test_the_counters_of_a_batch_are_written_once(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            before = bench.store.joined
            for _ in range(1000):
                queue.send(b"x")
            assert bench.store.joined - before == 1001  # 1000 rows and one operation

    run(main())


def test_messages_come_out_in_the_order_they_went_in(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            sent = [b"%d" % n for n in range(25)]
            for body in sent:
                queue.send(body)
            got = []
            while batch := await queue.receive(most=10):
                got += bodies(batch)
            assert got == sent

    run(main())


def test_queues_do_not_see_each_other(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            one, two = await bench.queue("one"), await bench.queue("two")
            one.send(b"1")
            two.send(b"2")
            one.send(b"3")
            assert bodies(await one.receive(most=10)) == [b"1", b"3"]
            assert bodies(await two.receive(most=10)) == [b"2"]

    run(main())


def test_sequences_go_on_after_a_restart(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            (first,) = await queue.send_all([NewMessage(b"a")])
            first_id = queue.message_id(first)
            (received,) = await queue.receive()
            await queue.delete_all([queue.receipt_handle(received)])
            await bench.reopen()
            queue = bench.service.find("q")
            (second,) = await queue.send_all([NewMessage(b"b")])
            assert second > first
            assert queue.message_id(second) != first_id

    run(main())


def test_message_ids_are_uuids_that_differ_between_queues(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        import uuid

        async with bench:
            one, two = await bench.queue("one"), await bench.queue("two")
            ids = {queue.message_id(row) for queue in (one, two) for row in range(100)}
            assert len(ids) == 200
            assert all(str(uuid.UUID(text)) == text for text in ids)
            assert {uuid.UUID(text).version for text in ids} == {4}
            assert one.message_id(7) == one.message_id(7)

    run(main())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MissingParameter),
        (b"x" * 1025, InvalidParameterValue),
        ("€".encode() * 342, InvalidParameterValue),
        (b"\x00", InvalidMessageContents),
        (b"tab\tand\x0b", InvalidMessageContents),
        (b"\xff", InvalidMessageContents),
        (b"\xed\xa0\x80", InvalidMessageContents),  # a surrogate
        ("\ufffe".encode(), InvalidMessageContents),
        ("\uffff".encode(), InvalidMessageContents),
        ("ä\x01".encode(), InvalidMessageContents),
    ],
)
def test_bodies_that_are_refused(
    run: Callable, bench: Bench, body: bytes, error: type[SqsError]
) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(MaximumMessageSize="1024")
            with pytest.raises(error):
                queue.send(body)
            queue.send(b"x" * 1024)
            await bench.store.flush()
            assert queue.depths().visible == 1

    run(main())


@settings(max_examples=200, derandomize=True)
@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from("\t\n\r\x00\x1f\x7f\ufffd\ufffe\uffff"))
)
def test_bodies_are_judged_character_by_character(text: str) -> None:
    allowed = all(
        c in "\t\n\r" or (ord(c) >= 0x20 and ord(c) not in (0xFFFE, 0xFFFF)) for c in text
    )
    try:
        check_body(text.encode(), 1_048_576)
    except (InvalidMessageContents, MissingParameter):
        assert not allowed or not text
    else:
        assert allowed and text


def test_a_delayed_message_is_not_seen_early(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(DelaySeconds="10")
            queue.send(b"by the queue")
            await queue.send_all([NewMessage(b"at once", delay_s=0), NewMessage(b"own", delay_s=5)])
            assert bodies(await queue.receive(most=10)) == [b"at once"]
            assert (queue.depths().delayed, queue.depths().visible) == (2, 0)
            bench.time.pass_ms(4999)
            assert await queue.receive(most=10) == []
            bench.time.pass_ms(1)
            assert queue.depths().delayed == 1
            assert bodies(await queue.receive(most=10)) == [b"own"]
            bench.time.pass_ms(5000)
            assert bodies(await queue.receive(most=10)) == [b"by the queue"]

    run(main())


def test_a_wall_clock_step_makes_nothing_visible_early(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await queue.send_all([NewMessage(b"later", delay_s=60)])
            bench.time.step_wall(10 * 365 * 86_400_000)
            assert await queue.receive() == []
            bench.time.step_wall(-20 * 365 * 86_400_000)
            bench.time.pass_ms(60_000)
            assert bodies(await queue.receive()) == [b"later"]

    run(main())


def test_delayed_sends_behind_a_receive_in_one_batch_are_counted_right(
    run: Callable, bench: Bench
) -> None:
    """The receive runs before the rows are there, and later than some become visible."""

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"first")
            await bench.store.flush()
            receiving = asyncio.ensure_future(queue.receive(most=10))
            await asyncio.sleep(0)
            queue.add(NewMessage(b"second", delay_s=1))
            bench.time.pass_ms(5000)
            assert bodies(await receiving) == [b"first"]
            assert queue.depths().visible == 1
            assert bodies(await queue.receive(most=10)) == [b"second"]
            assert bench.counters(queue) == (2, 2, 2, 0)

    run(main())


def test_a_full_store_refuses_and_nothing_is_counted(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"kept")
            await bench.store.flush()
            bench.store._space.full_because = "a test says so"
            commits = bench.store.commits.value
            with pytest.raises(StoreFull):
                queue.send(b"refused")
            with pytest.raises(StoreFull):
                await queue.send_all([NewMessage(b"refused", delay_s=1)])
            for _ in range(5):
                await asyncio.sleep(0)
            assert bench.store.commits.value == commits  # refusing writes nothing
            (received,) = await queue.receive(most=10)  # always admitted
            await queue.delete_all([queue.receipt_handle(received)])
            assert bench.counters(queue) == (0, 0, 0, 0)

    run(main())


def test_sending_waits_while_the_store_is_congested(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            while not bench.store.congested:
                queue.send(b"x" * 100_000)
            sending = asyncio.ensure_future(queue.send_all([NewMessage(b"waited")]))
            await asyncio.sleep(0)
            before = bench.store.joined
            assert not sending.done()
            await sending
            assert bench.store.joined > before
            assert not bench.store.congested

    run(main())


def test_a_deleted_queue_takes_nothing(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"x")
            await bench.service.delete(queue)
            with pytest.raises(QueueDoesNotExist):
                queue.send(b"x")
            with pytest.raises(QueueDoesNotExist):
                await queue.receive()
            with pytest.raises(QueueDoesNotExist):
                await queue.send_all([NewMessage(b"x")])

    run(main())
