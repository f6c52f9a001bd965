"""A batch that fails: nothing of it has happened, everyone is told, and the store goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreError, StoreFailed, StoreFull
from gateway.store import Insert
from tests.rig.stores import KIB, files_no_larger_than, notes, open_store, stored_notes

Run = Callable[[Any], None]

# More than a write-ahead log may hold under the limit that the tests set, less than a page cache.
BODY = b"x" * 400 * KIB
LIMIT = 300 * KIB


def test_a_row_that_the_database_refuses_fails_its_batch_and_no_other(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            told: list[tuple[str, StoreError | None]] = []
            store.after_failure.append(lambda: told.append(("hook", None)))
            store.add(insert, (1, b""), 1)
            store.add(insert, (1, b""), 1)  # the same key again
            store.on_commit(lambda error: told.append(("receipt", error)))
            waiting = store.execute(lambda connection: None)
            with pytest.raises(StoreFailed, match="UNIQUE"):
                await waiting
            assert [who for who, _ in told] == ["hook", "receipt"]
            assert isinstance(told[1][1], StoreFailed)
            assert store.failures.value == 1
            assert store.accepting
            assert stored_notes(tmp_path) == []

            store.add(insert, (2, b""), 1)
            store.on_commit(lambda error: told.append(("receipt", error)))
            await store.flush()
            assert told[2:] == [("receipt", None)]
            assert stored_notes(tmp_path) == [2]

    run(main())


def test_a_value_that_no_database_takes_fails_its_batch_only(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            store.add(insert, (1, object()), 1)
            with pytest.raises(StoreFailed):
                await store.flush()
            store.add(insert, (2**70, b""), 1)  # no 64-bit number: not even an sqlite3.Error
            with pytest.raises(StoreFailed):
                await store.flush()
            store.add(Insert("INSERT INTO nowhere VALUES (?)"), (1,), 1)
            with pytest.raises(StoreFailed, match="nowhere"):
                await store.flush()
            store.add(insert, (3, b""), 1)
            await store.flush()
            assert stored_notes(tmp_path) == [3]

    run(main())


def test_a_commit_that_the_disk_refuses_fails_all_that_built_on_it(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            store.add(insert, (1, b"kept"), 1)
            await store.flush()
            told: list[tuple[str, StoreError | None]] = []
            store.after_failure.append(lambda: told.append(("hook", None)))
            with files_no_larger_than(LIMIT):
                store.add(insert, (2, BODY), 1)
                store.on_commit(lambda error: told.append(("first", error)))
                batch = store.batch
                while store.batch == batch:  # executed: it now fails on the store's thread
                    await asyncio.sleep(0)
                store.add(insert, (3, b""), 1)
                store.on_commit(lambda error: told.append(("behind", error)))
                behind = store.execute(lambda connection: None)
                with pytest.raises(StoreFull, match="disk refused"):
                    await behind
            assert [who for who, _ in told] == ["hook", "first", "behind"]
            assert all(isinstance(error, StoreFull) for _, error in told[1:])
            assert stored_notes(tmp_path) == [1]
            assert not store.congested
            await store.flush()
            store.add(insert, (4, b""), 1)
            await store.flush()
            assert stored_notes(tmp_path) == [1, 4]

    run(main())


def test_pages_that_run_out_fail_the_batch_and_come_back(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)

            def allow_pages(connection: sqlite3.Connection, more: int) -> None:
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                connection.execute(f"PRAGMA max_page_count = {pages + more}").fetchone()

            await store.execute(lambda connection: allow_pages(connection, 1))
            store.add(insert, (1, BODY), 1)
            with pytest.raises(StoreFull):
                await store.flush()
            await store.execute(lambda connection: allow_pages(connection, 1000))
            store.add(insert, (2, BODY), 1)
            await store.flush()
            assert stored_notes(tmp_path) == [2]

    run(main())


def test_hooks_that_fail_do_not_keep_the_store_from_going_on(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            calls: list[str] = []

            def broken() -> None:
                raise LookupError("a hook's own mistake")

            store.after_failure += [broken, lambda: calls.append("hook")]
            store.add(insert, (1, object()), 1)
            with pytest.raises(StoreFailed):
                await asyncio.wait_for(store.flush(), 5)
            assert calls == ["hook"]
            store.add(insert, (2, b""), 1)
            await asyncio.wait_for(store.flush(), 5)
            assert stored_notes(tmp_path) == [2]

    run(main())
    assert "a hook's own mistake" in caplog.text


def test_a_last_batch_that_fails_is_reported_and_the_store_closes(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            told: list[StoreError | None] = []
            store.add(insert, (1, object()), 1)
            store.on_commit(told.append)
            await asyncio.wait_for(store.close(), 5)
            assert isinstance(told[0], StoreFailed)

    run(main())
    assert "a batch failed" in caplog.text


def test_many_failures_and_successes_in_a_row_keep_what_was_promised(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            promised: list[int] = []
            refused = 0

            def promise(number: int) -> Callable[[StoreError | None], None]:
                return lambda error: None if error else promised.append(number)

            for number in range(0, 301, 3):
                store.add(insert, (number, b""), 1)
                store.on_commit(promise(number))
                if number % 7 == 0:
                    store.add(insert, (number, b""), 1)  # fails whatever shares this batch
                if number % 5 == 0:
                    try:
                        await store.flush()
                    except StoreFailed:
                        refused += 1
            await store.flush()
            assert refused == store.failures.value > 3
            assert len(promised) > 20
            assert stored_notes(tmp_path) == promised

    run(main())
