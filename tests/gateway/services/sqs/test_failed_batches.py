"""A batch that fails, for real: nothing of it happened, and the queue goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

import pytest

from gateway.errors import StoreError
from gateway.services.sqs import NewMessage
from tests.gateway.services.sqs.bench import Bench, bodies

TRIGGER = (
    "CREATE TRIGGER refuse BEFORE INSERT ON sqs_message WHEN new.body = x'626164'"
    " BEGIN SELECT RAISE(ABORT, 'a test says so'); END"
)


async def with_trigger(bench: Bench) -> None:
    await bench.store.execute(lambda connection: connection.execute(TRIGGER) and None)


def test_what_was_sent_in_a_failed_batch_never_happened(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await with_trigger(bench)
            await queue.send_all([NewMessage(b"kept")])
            queue.send(b"lost with it")
            with pytest.raises(StoreError):
                await queue.send_all([NewMessage(b"bad")])
            await bench.settle()
            assert queue.depths().visible == 1
            await queue.send_all([NewMessage(b"after"), NewMessage(b"later", delay_s=5)])
            assert bench.counters(queue) == (3, 1, 0, 1)
            assert bodies(await queue.receive(most=10)) == [b"kept", b"after"]
            await bench.reopen()
            assert bench.service.find("q").depths().in_flight == 2

    run(main())


def test_a_receive_in_a_failed_batch_took_nothing(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await with_trigger(bench)
            await queue.send_all([NewMessage(b"a"), NewMessage(b"b")])
            (held,) = await queue.receive()
            receiving = asyncio.create_task(queue.receive())
            deleting = asyncio.create_task(queue.delete_all([queue.receipt_handle(held)]))
            await asyncio.sleep(0)
            queue.send(b"bad")
            for task in (receiving, deleting):
                with pytest.raises(StoreError):
                    await task
            assert bench.counters(queue) == (2, 1, 1, 0)
            (again,) = await queue.receive()
            assert (again.body, again.receive_count) == (b"b", 1)
            await queue.delete_all([queue.receipt_handle(held), queue.receipt_handle(again)])
            assert bench.counters(queue) == (0, 0, 0, 0)

    run(main())


def test_an_operation_that_fails_alone_changes_nothing(run: Callable, bench: Bench) -> None:
    """Its rows are rolled back, and what it had counted with them; the batch goes on."""
    trigger = (
        "CREATE TRIGGER refuse BEFORE INSERT ON sqs_hidden BEGIN"
        " SELECT RAISE(ABORT, 'a test says so'); END"
    )

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await queue.send_all([NewMessage(b"a"), NewMessage(b"b")])
            await bench.store.execute(lambda connection: connection.execute(trigger) and None)
            receiving = asyncio.create_task(queue.receive(most=10))
            await asyncio.sleep(0)
            queue.send(b"c")
            with pytest.raises(sqlite3.IntegrityError):
                await receiving
            assert bench.counters(queue) == (3, 0, 0, 0)
            await bench.store.execute(
                lambda connection: connection.execute("DROP TRIGGER refuse") and None
            )
            assert bodies(await queue.receive(most=10)) == [b"a", b"b", b"c"]
            assert bench.counters(queue) == (3, 3, 3, 0)

    run(main())


def test_waiting_receivers_outlive_a_failed_batch(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await with_trigger(bench)
            receiving = asyncio.create_task(queue.receive(wait_time_s=20))
            await asyncio.sleep(0)
            queue.send(b"bad")
            await bench.settle_failure()
            queue.send(b"good")
            async with asyncio.timeout(5):
                assert bodies(await receiving) == [b"good"]

    run(main())


def test_a_queue_is_not_made_in_a_failed_batch(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await with_trigger(bench)
            before = bench.store.joined
            creating = asyncio.create_task(bench.queue("other"))
            while bench.store.joined == before:
                await asyncio.sleep(0)
            queue.send(b"bad")
            with pytest.raises(StoreError):
                await creating
            assert bench.service.queue("other") is None
            assert list(bench.registry.all("queues")) == ["q"]
            await bench.queue("other")

    run(main())


def test_the_next_one_gets_what_a_failed_receive_was_woken_for(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await with_trigger(bench)
            receives = [asyncio.create_task(queue.receive(wait_time_s=20)) for _ in range(2)]
            await bench.settle()
            queue.send(b"good")
            before = bench.store.commits.value
            while bench.store.commits.value == before:
                await asyncio.sleep(0)
            joined = bench.store.joined
            while bench.store.joined == joined:  # until the first looks into the store
                await asyncio.sleep(0)
            queue.send(b"bad")
            async with asyncio.timeout(5):
                with pytest.raises(StoreError):
                    await receives[0]
                assert bodies(await receives[1]) == [b"good"]

    run(main())
