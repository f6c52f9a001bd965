"""Group commit: what shares a transaction, when receipts come, and who waits for whom."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreClosed, StoreError
from gateway.store import Store
from tests.rig.stores import KIB, SMALL, notes, open_store, stored_notes

Run = Callable[[Any], None]


def test_all_that_gathers_in_one_turn_is_one_commit(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            commits, rows = store.commits.value, store.rows.value
            waiting = []
            for number in range(100):
                store.add(insert, (number, b"x"), 1)
                waiting.append(store.execute(lambda connection: None))
            await asyncio.gather(*waiting)
            assert store.commits.value == commits + 1
            assert store.rows.value == rows + 100
            assert stored_notes(tmp_path) == list(range(100))

    run(main())


def test_what_arrives_during_a_commit_shares_the_next_one(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            commits = store.commits.value
            store.add(insert, (1, b""), 1)
            first = store.batch
            while store.batch == first:  # the batch is executed, its commit is under way
                await asyncio.sleep(0)
            seen: list[int] = []
            for number in (2, 3, 4):
                store.add(insert, (number, b""), 1)
                store.on_commit(lambda error: seen.append(store.commits.value))
                await asyncio.sleep(0)
            await store.flush()
            assert len(seen) == 3
            assert store.commits.value - commits <= 4
            assert stored_notes(tmp_path) == [1, 2, 3, 4]

    run(main())


def test_rows_and_operations_run_in_the_order_they_were_added(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)

            def count(connection: sqlite3.Connection) -> int:
                (found,) = connection.execute("SELECT count(*) FROM note").fetchone()
                return int(found)

            futures = [store.execute(count)]
            store.add(insert, (1, b""), 1)
            futures.append(store.execute(count))
            store.add(insert, (2, b""), 1)
            store.add(insert, (3, b""), 1)
            futures.append(store.execute(count))
            futures.append(store.execute(lambda c: c.execute("DELETE FROM note").rowcount))
            store.add(insert, (1, b""), 1)
            futures.append(store.execute(count))
            assert await asyncio.gather(*futures) == [0, 1, 3, 3, 1]

    run(main())


def test_an_operation_that_fails_undoes_its_own_work_only(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)

            def half_done(connection: sqlite3.Connection) -> None:
                connection.execute("INSERT INTO note VALUES (50, x'')")
                raise LookupError("changed its mind")

            def taken(connection: sqlite3.Connection) -> None:
                connection.execute("INSERT INTO note VALUES (51, x'')")
                connection.execute("INSERT INTO note VALUES (1, x'')")

            receipts: list[StoreError | None] = []
            store.add(insert, (1, b""), 1)
            store.on_commit(receipts.append)
            failures = [store.execute(half_done), store.execute(taken)]
            store.add(insert, (2, b""), 1)
            other = store.execute(lambda connection: "other")
            assert await other == "other"
            with pytest.raises(LookupError):
                await failures[0]
            with pytest.raises(sqlite3.IntegrityError):
                await failures[1]
            assert receipts == [None]
            assert store.failures.value == 0
            assert stored_notes(tmp_path) == [1, 2]

    run(main())


def test_one_who_stops_waiting_changes_nothing_for_the_others(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)
            gone = store.execute(lambda c: c.execute("INSERT INTO note VALUES (1, x'')").close())
            fails = store.execute(lambda c: c.execute("SELECT nonsense").close())
            stays = store.execute(lambda c: c.execute("INSERT INTO note VALUES (2, x'')").close())
            gone.cancel()
            fails.cancel()
            await stays
            assert gone.cancelled()
            assert stored_notes(tmp_path) == [1, 2]

    run(main())


def test_a_receipt_comes_only_when_another_process_can_see_the_rows(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            seen: list[list[int]] = []
            for number in range(20):
                store.add(insert, (number, b"x"), 1)
                store.on_commit(lambda error: seen.append(stored_notes(tmp_path)))
                assert len(seen) < number + 1
                if number % 3 == 0:
                    await asyncio.sleep(0)
            await store.flush()
            assert len(seen) == 20
            for number, numbers in enumerate(seen):
                assert numbers[: number + 1] == list(range(number + 1))

    run_on_both_loops(main())


def test_after_commit_comes_behind_the_receipts_and_failing_hooks_keep_nobody_waiting(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await store.flush()
            order: list[str] = []

            def broken(*_: object) -> None:
                order.append("broken")
                raise LookupError("a hook's own mistake")

            store.after_commit += [broken, lambda: order.append("hook")]
            store.on_commit(broken)
            store.on_commit(lambda error: order.append("receipt"))
            await store.flush()
            assert order == ["broken", "receipt", "broken", "hook"]
            store.after_commit.clear()
            await store.flush()

    run(main())
    assert caplog.text.count("LookupError: a hook's own mistake") == 2


def test_who_joined_and_in_which_batch_can_be_told(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            batch, joined = store.batch, store.joined
            store.on_commit(lambda error: None)
            assert store.joined == joined
            store.add(insert, (1, b""), 1)
            waiting = store.execute(lambda connection: None)
            assert (store.batch, store.joined) == (batch, joined + 2)
            await waiting
            assert store.batch > batch

    run(main())


def test_gathered_bytes_count_until_they_are_committed(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            store.add(insert, (1, b""), 60 * KIB)
            assert not store.congested
            during: list[bool] = []
            store.execute(lambda c: during.append(store.congested), adds_bytes=4 * KIB)
            assert store.congested
            await store.flush()
            assert during == [True]
            assert not store.congested

    run(main())


def test_the_commit_interval_lies_between_two_commits(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = dataclasses.replace(SMALL, commit_interval_ms=60)
        async with open_store(tmp_path, settings) as store:
            loop = asyncio.get_running_loop()
            await store.execute(lambda connection: None)
            times = [loop.time()]
            for _ in range(2):
                together = [store.execute(lambda connection: loop.time()) for _ in range(5)]
                executed = await asyncio.gather(*together)
                times.append(executed[0])
            assert times[2] - times[1] >= 0.059
            assert store.commits.value == 3

    run(main())


def test_flush_and_close_do_not_wait_for_the_commit_interval(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = dataclasses.replace(SMALL, commit_interval_ms=3_600_000)
        async with open_store(tmp_path, settings) as store:
            await store.flush()
            insert = await notes_in_a_hurry(store)
            store.add(insert, (1, b""), 1)
            await asyncio.wait_for(store.flush(), 5)
            assert stored_notes(tmp_path) == [1]
            store.add(insert, (2, b""), 1)
            await asyncio.wait_for(store.close(), 5)
        assert stored_notes(tmp_path) == [1, 2]

    async def notes_in_a_hurry(store: Store) -> Any:
        making = asyncio.ensure_future(notes(store))
        await asyncio.sleep(0)
        await store.flush()
        return await making

    run(main())


def test_closing_commits_what_was_taken_and_takes_nothing_more(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            receipts: list[StoreError | None] = []
            store.add(insert, (1, b""), 1)
            store.on_commit(receipts.append)
            first = store.batch
            while store.batch == first:
                await asyncio.sleep(0)
            store.add(insert, (2, b""), 1)  # gathers behind the commit that is under way
            store.on_commit(receipts.append)
            waiting = store.execute(lambda connection: "done")
            closing = asyncio.ensure_future(store.close())
            await asyncio.sleep(0)
            for adding in (
                lambda: store.add(insert, (3, b""), 1),
                lambda: store.execute(lambda connection: None),
            ):
                with pytest.raises(StoreClosed, match="stopping"):
                    adding()
            assert not store.accepting
            assert await asyncio.wait_for(waiting, 5) == "done"
            await closing
            assert receipts == [None, None]
            await store.close()  # again, for nothing
        assert stored_notes(tmp_path) == [1, 2]

    run(main())


def test_what_was_stored_is_there_after_reopening(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        for number in range(3):
            async with open_store(tmp_path) as store:
                insert = await notes(store)
                assert stored_notes(tmp_path) == list(range(number))
                store.add(insert, (number, b""), 1)

    run(main())
    assert stored_notes(tmp_path) == [0, 1, 2]


def test_the_reader_sees_commits_and_cannot_write(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            store.add(insert, (7, b""), 1)
            await store.flush()
            assert store.reader.execute("SELECT number FROM note").fetchall() == [(7,)]
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                store.reader.execute("DELETE FROM note")

    run(main())


def test_a_commit_waits_for_the_disk_unless_told_otherwise(run: Run, tmp_path: Path) -> None:
    async def synchronous(settings: Any) -> object:
        async with open_store(tmp_path, settings) as store:
            return await store.execute(lambda c: c.execute("PRAGMA synchronous").fetchone()[0])

    async def main() -> None:
        assert await synchronous(SMALL) == 2
        assert await synchronous(dataclasses.replace(SMALL, synchronous="OFF")) == 0

    run(main())
