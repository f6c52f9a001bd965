"""Opening databases: new, old, newer, damaged, and files that are none."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import SchemaError
from gateway.store import database, migrate, open_database
from gateway.store.database import schema_versions
from tests.rig.fake_time import FakeTime
from tests.rig.stores import KIB, notes, open_store

Run = Callable[[Any], None]
VERSIONS = schema_versions()
SAVED_GATEWAY_MS = 77_000_000


def schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
        ).fetchall()
    finally:
        connection.close()


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        (number,) = connection.execute("PRAGMA user_version").fetchone()
        return int(number)
    finally:
        connection.close()


def database_of(path: Path, number: int) -> None:
    """Write the database that a release with `number` migrations left behind."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for at, script in VERSIONS:
        if at <= number:
            connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {number}")
    connection.execute(
        "INSERT INTO clock (id, gateway_ms, boot_ms, boot_id, wall_ms, wall_gateway_ms,"
        " off_time_owed) VALUES (1, ?, 5, 'long ago', 0, 0, 0)",
        (SAVED_GATEWAY_MS,),
    )
    connection.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in VERSIONS] == list(range(1, len(VERSIONS) + 1))


@pytest.mark.parametrize("number", [number for number, _ in VERSIONS])
def test_a_database_of_every_earlier_release_opens_with_its_data(
    run: Run, tmp_path: Path, number: int
) -> None:
    database_of(tmp_path / "weir.db", number)

    async def main() -> None:
        fake_time = FakeTime()
        async with open_store(tmp_path, fake_time=fake_time) as store:
            ((gateway_ms,),) = store.reader.execute("SELECT gateway_ms FROM clock").fetchall()
            assert gateway_ms == SAVED_GATEWAY_MS
            await store.flush()
            ((gateway_ms,),) = store.reader.execute("SELECT gateway_ms FROM clock").fetchall()
            assert gateway_ms == SAVED_GATEWAY_MS  # the fake clock stands still

    run(main())
    database_of(tmp_path / "newest.db", VERSIONS[-1][0])
    assert schema(tmp_path / "weir.db") == schema(tmp_path / "newest.db")
    assert version(tmp_path / "weir.db") == VERSIONS[-1][0]


def test_migrations_run_once(tmp_path: Path) -> None:
    for _ in range(3):
        connection = open_database(tmp_path / "weir.db")
        assert migrate(connection) == VERSIONS[-1][0]
        connection.execute(
            "INSERT INTO clock VALUES (1, 1, 1, 'b', 1, 1, 0) ON CONFLICT DO NOTHING"
        )
        assert connection.execute("SELECT count(*) FROM clock").fetchone() == (1,)
        connection.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_of(tmp_path / "weir.db", VERSIONS[-1][0])
    before = schema(tmp_path / "weir.db")
    newest = VERSIONS[-1][0]
    broken = [
        (newest + 1, "CREATE TABLE good (a);"),
        (newest + 2, "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1);"),
    ]

    async def main() -> None:
        with pytest.raises(SchemaError, match="nowhere"):
            async with open_store(tmp_path):
                pass

    with monkeypatch.context() as patch:
        patch.setattr(database, "schema_versions", lambda: VERSIONS + broken)
        run(main())
    assert version(tmp_path / "weir.db") == newest + 1
    assert [row for row in schema(tmp_path / "weir.db") if row not in before] == [
        ("good", "CREATE TABLE good (a)")
    ]


def test_a_newer_database_is_refused_and_left_alone(run: Run, tmp_path: Path) -> None:
    database_of(tmp_path / "weir.db", VERSIONS[-1][0])
    connection = sqlite3.connect(tmp_path / "weir.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = schema(tmp_path / "weir.db")

    async def main() -> None:
        with pytest.raises(SchemaError, match="9999") as refusal:
            async with open_store(tmp_path):
                pass
        assert "release" in refusal.value.hint

    run(main())
    assert version(tmp_path / "weir.db") == 9999
    assert schema(tmp_path / "weir.db") == before


async def filled(folder: Path) -> None:
    async with open_store(folder) as store:
        insert = await notes(store)
        for number in range(50):
            store.add(insert, (number, b"x" * 4 * KIB), 1)
        await store.flush()


def expect_refusal(run: Run, folder: Path, content: bytes) -> None:
    path = folder / "weir.db"
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    path.write_bytes(content)

    async def main() -> None:
        with pytest.raises(SchemaError) as refusal:
            async with open_store(folder):
                pass
        assert "weir.db" in str(refusal.value) or "schema" in str(refusal.value)
        assert "backup" in refusal.value.hint

    run(main())
    assert path.read_bytes() == content  # kept for those who can repair it


def test_files_that_are_no_database_are_refused_and_kept(run: Run, tmp_path: Path) -> None:
    rng = random.Random(20_261_101)
    for content in (b"hello\n" * 500, rng.randbytes(64 * KIB), b"\0" * 8192):
        expect_refusal(run, tmp_path, content)


def test_a_database_that_lost_its_end_is_refused_and_kept(run: Run, tmp_path: Path) -> None:
    run(filled(tmp_path))
    whole = (tmp_path / "weir.db").read_bytes()
    assert len(whole) > 200 * KIB
    for size in (100, 4096, 8192, len(whole) // 2, len(whole) - 4096):
        expect_refusal(run, tmp_path, whole[:size])


def test_a_database_with_a_destroyed_schema_is_refused_and_kept(run: Run, tmp_path: Path) -> None:
    run(filled(tmp_path))
    whole = (tmp_path / "weir.db").read_bytes()
    rng = random.Random(20_261_101)
    expect_refusal(run, tmp_path, whole[:100] + rng.randbytes(3996) + whole[4096:])


def test_what_cannot_be_opened_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "weir.db").mkdir()

    async def main() -> None:
        with pytest.raises(SchemaError, match=r"weir\.db cannot be used"):
            async with open_store(tmp_path):
                pass

    run(main())


def test_the_file_is_for_its_owner_only(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_store(tmp_path) as store:
            await store.flush()
            for name in ("weir.db", "weir.db-wal", "weir.db-shm"):
                assert (tmp_path / name).stat().st_mode & 0o777 == 0o600

    run(main())


def test_gateway_time_goes_on_over_a_reboot(run: Run, tmp_path: Path) -> None:
    fake_time = FakeTime()

    async def main() -> None:
        async with open_store(tmp_path, fake_time=fake_time):
            fake_time.pass_ms(5_000)
        fake_time.reboot(off_ms=60_000)
        fake_time.pass_ms(1_000)
        async with open_store(tmp_path, fake_time=fake_time) as store:
            await store.flush()
            ((gateway_ms,),) = store.reader.execute("SELECT gateway_ms FROM clock").fetchall()
            assert gateway_ms == 1_005_000 + 61_000

    run(main())
