"""Dead-letter queues: what is received too often goes there, whole, once, and in its order."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.sqs import NewMessage, Queue, receive, state
from gateway.services.sqs.fifo import receive as fifo_receive
from gateway.services.sqs.message_attributes import GROUP_ID, AttributeValue, encode
from gateway.services.sqs.queue import Queue as AnyQueue
from tests.gateway.services.sqs.bench import Bench, bodies


def policy(target: str, most: int) -> str:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{target}"
    return f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"{most}"}}'


async def pair(bench: Bench, most: int = 2, **attributes: str) -> tuple[Queue, Queue]:
    """A queue and its dead-letter queue."""
    dead = await bench.queue("dead")
    return await bench.queue("q", RedrivePolicy=policy("dead", most), **attributes), dead


async def receive_and_let_pass(bench: Bench, queue: Queue, times: int) -> None:
    for _ in range(times):
        await queue.receive(most=10, visibility_timeout_s=1)
        bench.time.pass_ms(1000)


def test_what_was_received_often_enough_goes_there_whole(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await pair(bench)
            attributes = encode({"colour": AttributeValue("String", "red")}, {})
            message = NewMessage(b"poison", attributes=attributes, sender="AKIAEXAMPLE")
            (row,) = await queue.send_all([message])
            message_id = queue.message_id(row)
            bench.time.pass_ms(10_000)
            await receive_and_let_pass(bench, queue, 2)
            assert await queue.receive() == []
            assert (queue.depths().visible, dead.depths().visible) == (0, 1)
            (got,) = await dead.receive()
            assert dead.message_id_of(got) == message_id
            assert (got.body, got.attributes, got.sender) == (b"poison", attributes, "AKIAEXAMPLE")
            assert (got.receive_count, got.moved_from) == (3, "q")
            assert got.sent_wall_ms == bench.time.wall_ms - 12_000
            assert got.first_received_wall_ms == bench.time.wall_ms - 2_000
            await dead.delete_all([dead.receipt_handle(got)])
            assert [bench.rows(t) for t in ("sqs_message", "sqs_hidden", "sqs_moved")] == [0, 0, 0]

    asyncio.run(scenario())


def test_the_others_do_not_wait_for_the_poisoned(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await pair(bench, most=1)
            for number in range(250):
                queue.send(b"poison %d" % number)
            while await queue.receive(most=10, visibility_timeout_s=1):
                pass
            bench.time.pass_ms(1000)
            queue.send(b"good")
            got: list[bytes] = []
            while not got:
                got = bodies(await queue.receive(most=10))
            assert got == [b"good"]
            assert queue.depths().visible + dead.depths().visible == 250

    asyncio.run(scenario())


def test_it_survives_a_restart_and_is_counted(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await pair(bench, most=1)
            queue.send(b"poison")
            await receive_and_let_pass(bench, queue, 1)
            assert await queue.receive() == []
            await bench.reopen()
            dead = bench.service.find("dead")
            assert dead.depths().visible == 1
            (got,) = await dead.receive(visibility_timeout_s=1)
            assert (got.moved_from, got.receive_count) == ("q", 2)
            assert bench.counters(dead)[0] == 1
            assert bench.counters(bench.service.find("q")) == (0, 0, 0, 0)

    asyncio.run(scenario())


def test_retention_counts_from_the_first_send(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            dead = await bench.queue("dead", MessageRetentionPeriod="100")
            queue = await bench.queue("q", RedrivePolicy=policy("dead", 1))
            queue.send(b"old")
            bench.time.pass_ms(90_000)
            dead.send(b"newer")
            await receive_and_let_pass(bench, queue, 1)
            await queue.receive()
            assert dead.depths().visible == 2
            bench.time.pass_ms(9_000)
            await bench.service.expire()
            assert dead.depths().visible == 1
            assert bodies(await dead.receive(most=10)) == [b"newer"]
            assert bench.rows("sqs_moved") == 0

    asyncio.run(scenario())


def test_a_chain_counts_anew_in_each_queue(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            last = await bench.queue("last")
            middle = await bench.queue("middle", RedrivePolicy=policy("last", 2))
            queue = await bench.queue("q", RedrivePolicy=policy("middle", 2))
            queue.send(b"poison")
            await receive_and_let_pass(bench, queue, 3)
            for _ in range(2):
                assert len(await middle.receive(visibility_timeout_s=1)) == 1
                bench.time.pass_ms(1000)
            assert await middle.receive() == []
            (got,) = await last.receive()
            assert (got.receive_count, got.moved_from) == (5, "middle")

    asyncio.run(scenario())


def test_without_the_queue_messages_stay_and_are_received_on(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await pair(bench, most=1)
            await bench.service.delete(dead)
            queue.send(b"a")
            for count in (1, 2, 3):
                (got,) = await queue.receive(visibility_timeout_s=1)
                assert got.receive_count == count
                bench.time.pass_ms(1000)

    asyncio.run(scenario())


def test_a_failed_batch_has_moved_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await pair(bench, most=1)
            queue.send(b"poison")
            await receive_and_let_pass(bench, queue, 1)
            writer = bench.store._writer
            writer.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON sqs_moved BEGIN"
                " SELECT raise(ABORT, 'no'); END"
            )
            with pytest.raises(Exception, match="no"):
                await queue.receive()
            writer.execute("DROP TRIGGER refuse")
            assert (queue.depths().visible, dead.depths().visible) == (1, 0)
            assert await queue.receive() == []
            assert (queue.depths().visible, dead.depths().visible) == (0, 1)

    asyncio.run(scenario())


def test_a_waiting_receiver_of_the_dead_letter_queue_is_woken(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue, dead = await pair(bench, most=1)
            queue.send(b"poison")
            await receive_and_let_pass(bench, queue, 1)
            waiting = asyncio.create_task(dead.receive(wait_time_s=20))
            await bench.settle()
            await queue.receive()
            assert bodies(await asyncio.wait_for(waiting, 5)) == [b"poison"]

    asyncio.run(scenario())


def test_a_fifo_queue_keeps_its_order_there(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            dead = await bench.queue("dead.fifo", FifoQueue="true")
            queue = await bench.queue(
                "q.fifo", FifoQueue="true", RedrivePolicy=policy("dead.fifo", 1)
            )
            system = encode({}, {"MessageGroupId": AttributeValue("String", "g")})
            await queue.send_all(
                [
                    NewMessage(
                        str(n).encode(), attributes=system, group_id="g", deduplication_id=str(n)
                    )
                    for n in range(4)
                ]
            )
            assert len(await queue.receive(most=2, visibility_timeout_s=1)) == 2
            bench.time.pass_ms(1000)
            assert bodies(await queue.receive(most=10)) in ([b"2", b"3"], [])
            assert bodies(await dead.receive(most=10)) == [b"0", b"1"]
            assert _groups(bench, dead) == ["g"]

    asyncio.run(scenario())


def _groups(bench: Bench, queue: AnyQueue) -> list[str]:
    rows = bench.store.reader.execute(
        "SELECT name FROM sqs_group WHERE queue = ?", (queue.record.number,)
    )
    return [name for (name,) in rows]


def test_a_dead_letter_queue_that_takes_nothing_in_keeps_nobody_from_receiving(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with bench:
            await bench.keys.create("k")
            dead = await bench.queue("dead", KmsMasterKeyId="alias/k")
            queue = await bench.queue("q", RedrivePolicy=policy("dead", 1))
            queue.send(b"poison")
            await receive_and_let_pass(bench, queue, 1)
            await bench.keys.disable("k")
            queue.send(b"good")
            got = await queue.receive(most=10, visibility_timeout_s=0)
            assert sorted(bodies(got)) == [b"good", b"poison"]
            assert len(await queue.receive(most=10, visibility_timeout_s=0)) == 2
            assert caplog.text.count("nothing can be moved to an encrypted queue") == 1
            await bench.keys.enable("k")
            assert await queue.receive(most=10) == []
            assert sorted(bodies(await dead.receive(most=10))) == [b"good", b"poison"]

    asyncio.run(scenario())


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_what_nobody_has_received_there_is_not_in_flight(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """However many come while nobody asks the dead-letter queue for anything."""
    monkeypatch.setattr(state, "SETTLE_STEP", 3)
    monkeypatch.setattr(receive, "MAX_IN_FLIGHT", 5)
    monkeypatch.setattr(fifo_receive, "MAX_IN_FLIGHT", 5)
    attributes = {"FifoQueue": "true"} if suffix else {}

    async def scenario() -> None:
        async with bench:
            dead = await bench.queue(f"dead{suffix}", **attributes)
            redrive = policy(f"dead{suffix}", 1)
            queue = await bench.queue(f"q{suffix}", RedrivePolicy=redrive, **attributes)
            group = encode({}, {GROUP_ID: AttributeValue("String", "g")})
            for number in range(20):
                message = NewMessage(b"%d" % number, group_id="g", attributes=group)
                await queue.send_all([message])
                await receive_and_let_pass(bench, queue, 2)
            depths = dead.depths()
            assert (depths.visible, depths.in_flight) == (20, 0)
            assert bodies(await dead.receive(most=3)) == [b"0", b"1", b"2"]
            assert dead.depths().in_flight == 3

    asyncio.run(scenario())
