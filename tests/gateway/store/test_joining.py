"""Rows handed over when the batch begins: `join` makes it wait, `before_batch` is the moment."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreClosed, StoreError, StoreFailed, StoreFull
from gateway.store import Store
from tests.rig.stores import KIB, SMALL, fill_store, notes, open_store, stored_notes

Run = Callable[[Any], None]
ADD = "INSERT INTO note (number, body) VALUES (?, ?)"


class Owner:
    """Somebody who gathers notes by itself and hands them over when the batch begins.

    Attributes:
        gathered: Numbers of the notes that wait.
        batches: For each batch that took some: its number as the store told it then.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.gathered: list[int] = []
        self.batches: list[int] = []
        store.before_batch.append(self._write)

    def add(self, number: int, adds_bytes: int = 1) -> None:
        self.store.join(adds_bytes)
        self.gathered.append(number)

    def _write(self) -> None:
        if self.gathered:
            self.batches.append(self.store.batch)
            self.store.write(ADD, [(number, b"") for number in self.gathered])
            self.gathered = []


async def turns(count: int = 20) -> None:
    """Let the loop do what it has been asked to do."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_joined_is_written_with_the_batch_it_joined(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)
            owner = Owner(store)
            told: list[tuple[StoreError | None, list[int]]] = []
            rows = store.rows.value
            for number in (1, 2, 3):
                owner.add(number)
            joined = store.batch
            store.on_commit(lambda error: told.append((error, stored_notes(tmp_path))))
            await store.flush()
            assert told == [(None, [1, 2, 3])]
            assert owner.batches == [joined]
            assert store.rows.value == rows + 3

    run(main())


def test_joining_alone_begins_a_batch(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)
            owner = Owner(store)
            commits = store.commits.value
            await turns()
            assert store.commits.value == commits
            owner.add(1, adds_bytes=0)
            async with asyncio.timeout(10):
                while store.commits.value == commits:
                    await asyncio.sleep(0)
            assert stored_notes(tmp_path) == [1]

    run(main())


def test_what_is_handed_over_runs_behind_all_that_was_added_before(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            owner, second = Owner(store), Owner(store)

            def count(connection: sqlite3.Connection) -> int:
                (found,) = connection.execute("SELECT count(*) FROM note").fetchone()
                return int(found)

            second.add(1)  # a key that the operation below has freed by then
            store.add(insert, (1, b""), 1)
            owner.add(2)
            counted = store.execute(count)
            removed = store.execute(lambda c: c.execute("DELETE FROM note").rowcount)
            store.add(insert, (3, b""), 1)
            await store.flush()
            assert (await counted, await removed) == (1, 1)
            assert stored_notes(tmp_path) == [1, 2, 3]
            assert owner.batches == second.batches

    run(main())


def test_the_statements_of_one_batch_run_in_the_order_they_were_handed_over(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)

            def write() -> None:
                store.write(ADD, [(1, b""), (2, b"")])
                store.write("DELETE FROM note WHERE number = ?", [(1,)])
                store.write("UPDATE note SET number = number + 10", [()])

            store.before_batch.append(write)
            store.join()
            store.on_commit(lambda error: store.before_batch.remove(write))
            async with asyncio.timeout(10):
                while store.before_batch:
                    await asyncio.sleep(0)
            assert stored_notes(tmp_path) == [12]

    run(main())


def test_what_joined_can_be_taken_back_until_its_batch_begins(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)
            owner = Owner(store)
            owner.add(1)
            owner.add(2)
            rows = store.rows.value
            owner.gathered.remove(1)
            await store.flush()
            assert store.rows.value == rows + 1
            owner.add(3)
            owner.gathered.clear()
            await store.flush()
            assert store.rows.value == rows + 1
            assert stored_notes(tmp_path) == [2]

    run(main())


def test_who_joins_during_a_commit_is_written_with_the_next(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)
            owner = Owner(store)
            owner.add(1)
            first = store.batch
            while store.batch == first:  # the batch is executed, its commit is under way
                await asyncio.sleep(0)
            owner.add(2)
            owner.add(3)
            await store.flush()
            assert owner.batches == [first, first + 1]
            assert stored_notes(tmp_path) == [1, 2, 3]

    run(main())


def test_joining_shows_that_something_hangs_on_a_call(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            for adds_bytes in (0, 1):
                joined = store.joined
                store.join(adds_bytes)
                assert store.joined != joined
            joined = store.joined
            store.on_commit(lambda error: None)
            assert store.joined == joined

    run(main())


def test_what_will_be_added_counts_against_admission_until_it_is_committed(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            store.join(SMALL.admission_bytes - 1)
            store.join()
            assert not store.congested
            store.join(1)
            assert store.congested
            batch = store.batch
            while store.batch == batch:  # the batch is executed, its commit is under way
                await asyncio.sleep(0)
            assert store.congested
            await store.flush()
            assert not store.congested

    run(main())


def test_a_full_store_lets_nobody_join_who_adds_and_everybody_who_does_not(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)
            await fill_store(store)
            joined, refused = store.joined, store.refused.value
            with pytest.raises(StoreFull, match="nothing new is taken"):
                store.join(1)
            assert (store.joined, store.refused.value) == (joined, refused + 1)

            def remove() -> None:
                store.write("DELETE FROM note WHERE number >= ?", [(1_000_000,)])

            store.before_batch.append(remove)
            store.join()
            await store.flush()
            store.before_batch.remove(remove)
            await store.flush()
            assert stored_notes(tmp_path) == []
            store.join(1)  # there is room again

    run(main())


def test_a_store_that_closes_writes_what_has_joined_and_lets_nobody_join_any_more(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await notes(store)
            owner = Owner(store)
            owner.add(1)
            closing = asyncio.ensure_future(store.close())
            await asyncio.sleep(0)
            for adds_bytes in (0, 1):
                with pytest.raises(StoreClosed):
                    store.join(adds_bytes)
            await closing
            assert stored_notes(tmp_path) == [1]

    run(main())


def test_a_row_that_the_database_refuses_fails_all_that_shares_its_batch(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            owner = Owner(store)
            told: list[object] = []
            store.after_failure.append(lambda: told.append("hook"))
            store.add(insert, (1, b""), 1)
            owner.add(2)
            owner.add(2)  # the same key again
            store.on_commit(told.append)
            with pytest.raises(StoreFailed, match="UNIQUE"):
                await store.flush()
            assert told[0] == "hook" and isinstance(told[1], StoreFailed)
            assert len(told) == 2
            assert stored_notes(tmp_path) == []
            assert not store.congested

            owner.add(2)
            await store.flush()
            assert stored_notes(tmp_path) == [2]

    run(main())


def test_one_who_fails_to_hand_over_fails_the_batch_so_that_nobody_trusts_half_of_it(
    run: Run, tmp_path: Path
) -> None:
    def broken() -> None:
        raise LookupError("forgot what it had gathered")

    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            owner = Owner(store)
            store.before_batch.append(broken)
            told: list[StoreError | None] = []
            owner.add(1)
            store.add(insert, (2, b"x" * KIB), KIB)
            store.on_commit(told.append)
            with pytest.raises(StoreFailed, match="forgot"):
                await store.flush()
            assert [type(error) for error in told] == [StoreFailed]
            assert stored_notes(tmp_path) == []

            store.before_batch.remove(broken)
            owner.add(1)
            await store.flush()
            assert stored_notes(tmp_path) == [1]

    run(main())
