"""Encrypted queues: bodies sealed on disk, opened for receivers, through moves and rotations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.services.sqs import NewMessage, Queue
from gateway.services.sqs.errors import KmsDisabled, KmsNotFound
from tests.gateway.services.sqs.bench import Bench, bodies
from tests.gateway.services.sqs.fifo.test_fifo_sending import message
from tests.gateway.services.sqs.test_dead_letters import policy

SECRET = b"the greenhouse key is under the mat"


def on_disk(bench: Bench) -> bytes:
    """All that the data folder holds."""
    bench.store._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return b"".join(path.read_bytes() for path in bench.folder.iterdir())


async def standard(bench: Bench, **attributes: str) -> Queue:
    return await bench.queue("q", **attributes)


@pytest.mark.parametrize(
    "attributes", [{"SqsManagedSseEnabled": "true"}, {"KmsMasterKeyId": "alias/aws/sqs"}]
)
def test_bodies_are_not_readable_on_the_disk(bench: Bench, attributes: dict[str, str]) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, **attributes)
            plain = await bench.queue("plain")
            queue.send(SECRET)
            await queue.send_all([NewMessage(SECRET, delay_s=5), NewMessage(SECRET)])
            assert SECRET not in on_disk(bench)
            plain.send(SECRET)
            await bench.settle()
            assert SECRET in on_disk(bench)  # so it would have been found
            await bench.reopen()
            queue = bench.service.find("q")
            bench.time.pass_ms(5000)
            assert bodies(await queue.receive(most=10, visibility_timeout_s=0)) == [SECRET] * 3

    asyncio.run(scenario())


def test_a_fifo_queue_too_and_equal_bodies_are_recognised(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await bench.queue(
                "q.fifo",
                FifoQueue="true",
                SqsManagedSseEnabled="true",
                ContentBasedDeduplication="true",
            )
            rows = await queue.send_all([message(SECRET.decode()), message(SECRET.decode())])
            assert rows[0] == rows[1]
            assert SECRET not in on_disk(bench)
            assert bodies(await queue.receive(most=10)) == [SECRET]

    asyncio.run(scenario())


def test_encryption_can_be_switched_on_and_off(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench)
            queue.send(b"plain")
            await bench.service.set_attributes(queue, {"SqsManagedSseEnabled": "true"})
            queue.send(b"sealed")
            await bench.service.set_attributes(queue, {"SqsManagedSseEnabled": "false"})
            queue.send(b"plain again")
            await bench.settle()
            assert b"sealed" not in on_disk(bench).replace(b"SqsManaged", b"")
            assert bodies(await queue.receive(most=10)) == [b"plain", b"sealed", b"plain again"]

    asyncio.run(scenario())


def test_a_body_in_another_place_does_not_open(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, SqsManagedSseEnabled="true")
            for body in (b"pay 1", b"pay 1000", b"pay 3"):
                queue.send(body)
            await bench.settle()
            writer = bench.store._writer
            rows = writer.execute("SELECT id, body FROM sqs_message ORDER BY id").fetchall()
            (first, small), (second, large), _ = rows
            writer.execute("UPDATE sqs_message SET body = ? WHERE id = ?", (large, first))
            writer.execute("UPDATE sqs_message SET body = ? WHERE id = ?", (small, second))
            assert bodies(await queue.receive(most=10)) == [b"pay 3"]
            assert bench.metrics.snapshot()["sqs.damaged"] == 2

    asyncio.run(scenario())


def test_a_message_stays_encrypted_in_a_dead_letter_queue_that_is_not(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            dead = await bench.queue("dead")
            queue = await standard(
                bench, SqsManagedSseEnabled="true", RedrivePolicy=policy("dead", 1)
            )
            queue.send(SECRET)
            await queue.receive(visibility_timeout_s=0)
            assert await queue.receive() == []
            assert SECRET not in on_disk(bench)
            assert bodies(await dead.receive()) == [SECRET]

    asyncio.run(scenario())


def test_a_key_of_ones_own(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, KmsMasterKeyId="alias/mine")
            with pytest.raises(KmsNotFound):
                await queue.send_all([NewMessage(SECRET)])
            await bench.keys.create("mine")
            queue.send(SECRET)
            await bench.settle()
            await bench.keys.disable("mine")
            with pytest.raises(KmsDisabled):
                queue.send(SECRET)
            with pytest.raises(KmsDisabled):
                await queue.receive()
            assert queue.depths().visible == 1
            await bench.keys.enable("mine")
            assert bodies(await queue.receive()) == [SECRET]

    asyncio.run(scenario())


def test_a_rotation_seals_what_is_stored_anew_and_forgets_the_old_version(
    bench: Bench,
) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, KmsMasterKeyId="alias/aws/sqs")
            dead = await bench.queue("dead", SqsManagedSseEnabled="true")
            dead.send(b"of another key")
            plain = await bench.queue("plain")
            plain.send(b"plain")
            for number in range(350):
                queue.send(b"%d" % number)
            await queue.receive(most=10, visibility_timeout_s=0)
            before = bench.store.reader.execute("SELECT id, body FROM sqs_message").fetchall()
            await bench.keys.rotate("alias/aws/sqs")
            queue.send(b"350")
            await bench.service.resealing.done()
            after = dict(bench.store.reader.execute("SELECT id, body FROM sqs_message").fetchall())
            changed = [row for row, body in before if after[row] != body]
            assert len(changed) == 350
            (key,) = [key for key in bench.keys.all() if key.name == "alias/aws/sqs"]
            assert len(key.versions) == 1
            got: list[bytes] = []
            while step := bodies(await queue.receive(most=10)):
                got += step
            assert sorted(got, key=int) == [b"%d" % n for n in range(351)]
            assert bodies(await dead.receive()) == [b"of another key"]

    asyncio.run(scenario())


def test_a_disabled_key_holds_up_no_other_and_is_made_up_for(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            for name in ("one", "two"):
                await bench.keys.create(name)
                queue = await bench.queue(name, KmsMasterKeyId=f"alias/{name}")
                queue.send(SECRET)
            await bench.settle()
            bench.keys.on_rotated.clear()
            await bench.keys.rotate("one")
            await bench.keys.disable("one")
            bench.keys.on_rotated.append(bench.service.resealing._begin)
            await bench.keys.rotate("two")
            await bench.service.resealing.done()
            assert [len(key.versions) for key in bench.keys.all()] == [2, 1]
            await bench.keys.enable("one")
            await bench.service.resealing.done()
            assert [len(key.versions) for key in bench.keys.all()] == [1, 1]
            assert bodies(await bench.service.find("one").receive()) == [SECRET]

    asyncio.run(scenario())


def test_sealing_anew_goes_on_after_a_restart(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, SqsManagedSseEnabled="true")
            for number in range(250):
                queue.send(b"%d" % number)
            await bench.settle()
            bench.keys.on_rotated.clear()  # as if the gateway stopped right after the rotation
            await bench.keys.rotate("sqs-managed")
            await bench.reopen()
            await bench.service.resealing.done()
            (key,) = bench.keys.all()
            assert len(key.versions) == 1
            assert bodies(await bench.service.find("q").receive(most=2)) == [b"0", b"1"]

    asyncio.run(scenario())


def test_lost_keys_are_told_of_and_not_replaced(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, SqsManagedSseEnabled="true")
            queue.send(SECRET)
            plain = await bench.queue("plain")
            plain.send(b"others go on")
            await bench.settle()
            await bench.close()
            keys = bench.folder / "keys.json"
            kept = keys.rename(bench.folder / "kept")
            await bench.open()
            assert "keys.json is missing" in caplog.text
            assert bodies(await bench.service.find("plain").receive()) == [b"others go on"]
            queue = bench.service.find("q")
            with pytest.raises(KmsNotFound):
                queue.send(SECRET)
            await bench.queue("another", SqsManagedSseEnabled="true")
            assert not keys.exists()
            await bench.close()
            kept.rename(keys)
            await bench.open()
            assert bodies(await bench.service.find("q").receive()) == [SECRET]

    asyncio.run(scenario())


def test_lost_keys_can_be_given_up(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, SqsManagedSseEnabled="true")
            queue.send(SECRET)
            await bench.settle()
            await bench.close()
            (bench.folder / "keys.json").unlink()
            await bench.open()
            await bench.service.purge(bench.service.find("q"))
            await bench.service.removals_done()
            await bench.reopen()
            queue = bench.service.find("q")
            queue.send(b"with a new key")
            await bench.settle()
            assert bodies(await queue.receive()) == [b"with a new key"]

    asyncio.run(scenario())


def test_the_size_of_a_message_is_that_of_its_body(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await standard(bench, SqsManagedSseEnabled="true", MaximumMessageSize="1024")
            queue.send(b"x" * 1024)
            await bench.settle()
            assert bodies(await queue.receive()) == [b"x" * 1024]

    run(main())


def test_a_body_whose_key_is_lost_does_not_keep_the_others_waiting(bench: Bench) -> None:
    async def scenario() -> None:
        async with bench:
            queue = await standard(bench, SqsManagedSseEnabled="true")
            queue.send(b"lost")
            queue.send(b"good")
            await bench.settle()
            writer = bench.store._writer
            (row, body) = writer.execute(
                "SELECT id, body FROM sqs_message ORDER BY id LIMIT 1"
            ).fetchone()
            other = bytes([body[0], body[1] ^ 1]) + body[2:]  # its version's id
            writer.execute("UPDATE sqs_message SET body = ? WHERE id = ?", (other, row))
            assert bodies(await queue.receive()) == [b"good"]
            assert bench.metrics.snapshot()["sqs.damaged"] == 1
            await bench.keys.rotate("sqs-managed")
            await bench.service.resealing.done()
            (key,) = bench.keys.all()
            assert len(key.versions) == 1  # sealing anew passes over it, too

    asyncio.run(scenario())
