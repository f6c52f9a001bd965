"""Room: the byte limit, the reserve, and how the database gets smaller again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreFull
from gateway.store import Store, StoreSettings
from gateway.store.space import KEPT_FREE_BYTES, RESERVE_NAME
from tests.rig.stores import KIB, SMALL, files_no_larger_than, notes, open_store, stored_notes

Run = Callable[[Any], None]


async def fill(store: Store, insert: Any, body: bytes) -> int:
    """Add notes one by one until the store takes no more; return how many it took."""
    for number in range(10_000):
        try:
            store.add(insert, (number, body), len(body))
        except StoreFull:
            return number
        await store.flush()
    raise AssertionError("the limit was never reached")


def delete_all(store: Store) -> asyncio.Future[int]:
    return store.execute(lambda c: c.execute("DELETE FROM note").rowcount)


def test_at_the_limit_additions_are_refused_and_deletions_make_room(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            rooms: list[bool] = []
            store.after_room.append(lambda: rooms.append(store.accepting))
            taken = await fill(store, insert, b"x" * 8 * KIB)
            assert 40 < taken < 128
            assert store.live_bytes < SMALL.max_bytes
            assert store.full_because == "store.max_bytes is used up"
            assert not store.accepting
            with pytest.raises(StoreFull, match="max_bytes") as refusal:
                store.execute(lambda connection: None, adds_bytes=1)
            assert "delete" in refusal.value.hint
            assert store.refused.value == 2
            assert stored_notes(tmp_path) == list(range(taken))

            assert await store.execute(lambda connection: "reads") == "reads"
            assert not store.accepting
            assert await delete_all(store) == taken
            await store.flush()
            assert store.accepting
            assert rooms == [True]
            store.add(insert, (1, b"again"), 5)
            await store.flush()
            assert stored_notes(tmp_path) == [1]

    run(main())


def test_a_store_that_is_full_does_not_open_at_the_first_deletion(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            taken = await fill(store, insert, b"x" * 8 * KIB)
            deleted = 0
            while not store.accepting:
                await store.execute(
                    lambda c, number=deleted: (
                        c.execute("DELETE FROM note WHERE number = ?", (number,)).rowcount
                    )
                )
                await store.flush()
                deleted += 1
            assert 3 <= deleted < taken

    run(main())


def test_a_store_reopened_at_its_limit_is_still_full(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            insert = await notes(store)
            await fill(store, insert, b"x" * 8 * KIB)
        async with open_store(tmp_path) as store:
            assert not store.accepting
            await delete_all(store)
            await store.flush()
            assert store.accepting

    run(main())


def test_free_pages_are_given_back_in_small_steps(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = StoreSettings(checkpoint_bytes=16 * KIB)
        async with open_store(tmp_path, settings) as store:
            insert = await notes(store)
            for number in range(80):
                store.add(insert, (number, b"x" * 100 * KIB), 1)
            await store.flush()
            await store.flush()  # the log is folded in behind the receipts
            largest = (tmp_path / "weir.db").stat().st_size
            assert largest > 80 * 100 * KIB
            commits = store.commits.value
            assert await delete_all(store) == 80
            for _ in range(100):
                await store.flush()
            assert store.commits.value - commits > 10
            free = await store.execute(
                lambda c: c.execute("PRAGMA freelist_count").fetchone()[0] * 4 * KIB
            )
            assert free <= KEPT_FREE_BYTES
            assert (tmp_path / "weir.db").stat().st_size <= largest // 2 + 500 * KIB

    run(main())


def test_the_log_is_folded_in_and_does_not_grow_for_ever(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path, replace(SMALL, max_bytes=4096 * KIB)) as store:
            insert = await notes(store)
            for number in range(200):
                store.add(insert, (number, b"x" * 2 * KIB), 1)
                await store.flush()
            log = tmp_path / "weir.db-wal"
            assert log.stat().st_size < 3 * SMALL.checkpoint_bytes

    run(main())


def test_the_reserve_is_really_set_aside(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            reserve = (tmp_path / RESERVE_NAME).stat()
            assert reserve.st_size == SMALL.reserve_bytes
            assert reserve.st_blocks * 512 >= SMALL.reserve_bytes
            assert reserve.st_mode & 0o777 == 0o600
            assert store.accepting
        larger = replace(SMALL, reserve_bytes=160 * KIB)
        for settings in (larger, SMALL):  # a changed setting changes the file, both ways
            async with open_store(tmp_path, settings):
                assert (tmp_path / RESERVE_NAME).stat().st_size == settings.reserve_bytes

    run(main())


# A file of half the reserve still has room for the tables of a new database.
LARGE_RESERVE = replace(SMALL, max_bytes=4096 * KIB, reserve_bytes=1024 * KIB)


def test_without_room_for_the_reserve_the_store_starts_full(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        with files_no_larger_than(LARGE_RESERVE.reserve_bytes // 2):
            async with open_store(tmp_path, LARGE_RESERVE) as store:
                assert store.full_because == "the disk has no room for the reserve file"
                assert not (tmp_path / RESERVE_NAME).exists()
                assert await store.execute(lambda connection: "reads") == "reads"
                assert not store.accepting
        async with open_store(tmp_path, LARGE_RESERVE) as store:
            assert store.accepting

    run(main())


def test_a_full_disk_costs_the_reserve_until_there_is_room_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = replace(SMALL, max_bytes=4096 * KIB, reserve_bytes=512 * KIB)
        async with open_store(tmp_path, settings) as store:
            insert = await notes(store)
            for number in range(20):
                store.add(insert, (number, b"x" * KIB), 1)
            await store.flush()
            reserve = tmp_path / RESERVE_NAME
            with files_no_larger_than(400 * KIB):  # less than the reserve, so it stays away
                store.add(insert, (99, b"x" * 600 * KIB), 1)
                with pytest.raises(StoreFull, match="disk"):
                    await store.flush()
                assert not reserve.exists()
                assert store.full_because == "the disk is full"
                with pytest.raises(StoreFull, match="disk is full"):
                    store.add(insert, (100, b""), 1)
                assert await delete_all(store) == 20  # consumers can still make room
                assert stored_notes(tmp_path) == []
                assert not store.accepting
            await store.flush()
            await store.flush()  # the room is looked at after a commit, so before the next one
            assert store.accepting
            assert reserve.stat().st_size == settings.reserve_bytes
            store.add(insert, (1, b""), 1)
            await store.flush()
            assert stored_notes(tmp_path) == [1]

    run(main())


def test_a_full_store_finds_room_that_others_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is committed meanwhile: the store itself looks from time to time."""
    monkeypatch.setattr("gateway.store.store.FULL_CHECK_S", 0.01)

    async def main() -> None:
        room = asyncio.Event()
        with files_no_larger_than(LARGE_RESERVE.reserve_bytes // 2):
            opened = open_store(tmp_path, LARGE_RESERVE)
            store = await opened.__aenter__()
            assert not store.accepting
        store.after_room.append(room.set)
        await asyncio.wait_for(room.wait(), 10)
        assert store.accepting
        await opened.__aexit__(None, None, None)

    run(main())


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"synchronous": "NORMAL"}, "synchronous"),
        ({"commit_interval_ms": -1}, "commit_interval_ms"),
        ({"admission_bytes": 1024}, "admission_bytes"),
        ({"reserve_bytes": 1024}, "reserve_bytes"),
        ({"max_bytes": 1024 * KIB}, "max_bytes"),
    ],
)
def test_settings_that_contradict_themselves_are_named(
    changed: dict[str, Any], problem: str
) -> None:
    assert StoreSettings().problems() == []
    problems = replace(StoreSettings(), **changed).problems()
    assert any(problem in text for text in problems)
