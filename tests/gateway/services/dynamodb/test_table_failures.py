"""Failed batches, missing tables, changed keys: nothing is lost, and nothing made up."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreError, StoreFull
from gateway.services.dynamodb import (
    NoSuchTable,
    TableSettings,
    TableUnusable,
)
from tests.gateway.services.dynamodb.tables_here import READINGS, opened
from tests.rig.stores import files_no_larger_than

Run = Callable[[Any], None]


def test_a_batch_that_fails_has_never_happened(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "kept", "n": 1})
            await here.store.flush()
            before = here.counted("latest")
            here.tables.put("latest", {"device": "kept", "n": 2})
            here.tables.put("latest", {"device": "lost"})
            here.store.before_batch.append(lambda: here.store.write("no SQL", [()]))
            with pytest.raises(StoreError):
                await here.store.flush()
            here.store.before_batch.pop()
            assert here.counted("latest") == before == here.kept("latest")
            assert here.tables.items("latest") == [b'{"device":"kept","n":1}']
            here.tables.update("latest", {"device": "kept"}, "payload", 3)
            await here.store.flush()
            assert here.tables.items("latest") == [b'{"device":"kept","n":1,"payload":3}']

    run(main())


def test_what_gathered_behind_a_failed_commit_fails_with_it(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "kept"})
            await here.store.flush()
            with files_no_larger_than(300 * 1024):
                here.tables.put("readings", {"device": "d", "at": 1, "body": "x" * 400_000})
                batch = here.store.batch
                while here.store.batch == batch:  # executed: it now fails on the store's thread
                    await asyncio.sleep(0)
                here.tables.update("readings", {"device": "d", "at": 1}, "more", 1)
                with pytest.raises(StoreFull):
                    await here.store.flush()
            assert here.counted("readings") == (0, 0) == here.kept("readings")
            assert here.counted("latest") == here.kept("latest")
            assert here.tables.items("readings") == []

    run(main())


def test_a_table_that_is_not_declared(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            for call in (
                lambda: here.tables.put("others", {"device": "d"}),
                lambda: here.tables.update("others", {"device": "d"}, "a", 1),
                lambda: here.tables.delete("others", {"device": "d"}),
                lambda: here.tables.get("others", {"device": "d"}),
                lambda: here.tables.items("others"),
                lambda: here.tables.schema("others"),
            ):
                with pytest.raises(NoSuchTable, match="there is no table 'others'") as refused:
                    call()
                assert '[[dynamodb.tables]] name = "others"' in refused.value.hint
            with pytest.raises(NoSuchTable) as refused:
                here.tables.put("evil\n[x]" * 1000, {"device": "d"})
            assert str(refused.value).isprintable()
            assert len(str(refused.value)) < 200
            assert refused.value.hint == ""

    run(main())


def test_another_key_over_items_refuses_everything_and_loses_nothing(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = TableSettings("latest", "id")

    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "d", "id": "i"})
            await here.store.flush()
        async with opened(tmp_path, READINGS, other) as here:
            with pytest.raises(TableUnusable, match=r"'device'|device \(STRING\)"):
                here.tables.put("latest", {"device": "d", "id": "i"})
            with pytest.raises(TableUnusable):
                here.tables.get("latest", {"id": "i"})
            assert "give its keys back" in here.status("latest").problem
            here.tables.put("readings", {"device": "d", "at": 1})  # the others go on
            await here.store.flush()
        assert "table latest cannot be used" in caplog.text
        async with opened(tmp_path) as here:
            assert here.status("latest").problem == ""
            here.tables.delete("latest", {"device": "d"})
            await here.store.flush()
        async with opened(tmp_path, other) as here:  # empty, so it may have another key
            here.tables.put("latest", {"id": "i"})
            await here.store.flush()
            assert here.tables.get("latest", {"id": "i"}) == b'{"id":"i"}'

    run(main())


def test_items_of_a_table_that_is_no_longer_declared_are_told_and_kept(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "d"})
            await here.store.flush()
        async with opened(tmp_path, READINGS):
            pass
        assert "keeps 1 items" in caplog.text
        assert 'name = "latest"' in caplog.text
        async with opened(tmp_path) as here:
            assert here.tables.items("latest") == [b'{"device":"d"}']

    run(main())


def test_start_writes_nothing_when_nothing_is_new(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path):
            pass
        async with opened(tmp_path) as here:
            assert here.store.joined == 0

    run(main())


def test_many_random_writes_and_failures_agree_with_a_model(run: Run, tmp_path: Path) -> None:
    """What was committed is there, what failed is not, and the counters always fit the rows."""
    rng = random.Random(7)

    def broken() -> None:
        raise sqlite3.OperationalError("a test's own failure")

    async def main() -> None:
        async with opened(tmp_path) as here:
            committed: dict[str, bytes] = {}
            for _ in range(60):
                open_batch = dict(committed)
                for _ in range(rng.randrange(12)):
                    device = f"d{rng.randrange(8)}"
                    if rng.random() < 0.3:
                        here.tables.delete("latest", {"device": device})
                        open_batch.pop(device, None)
                    else:
                        text = "x" * rng.randrange(200)
                        here.tables.put("latest", {"device": device, "t": text})
                        open_batch[device] = f'{{"device":"{device}","t":"{text}"}}'.encode()
                fails = rng.random() < 0.2
                if fails:
                    here.store.before_batch.append(broken)
                with suppress(StoreError):
                    await here.store.flush()
                if fails:
                    here.store.before_batch.pop()
                else:
                    committed = open_batch
                assert here.tables.items("latest") == [committed[k] for k in sorted(committed)]
                assert here.counted("latest") == here.kept("latest")

    run(main())
