"""A table's limit, a full store, a stopping one: what is refused, and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreClosed, StoreFull
from gateway.services.dynamodb import (
    TableFull,
    TableSettings,
)
from tests.gateway.services.dynamodb.tables_here import LATEST, MIB, opened
from tests.rig.stores import SMALL, fill_store, notes

Run = Callable[[Any], None]


def test_a_full_table_refuses_what_makes_it_larger_and_nothing_else(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            body = "x" * 100_000
            number = 0
            with pytest.raises(TableFull, match="'latest' is full: 1048576 bytes") as refused:
                for number in range(20):
                    here.tables.put("latest", {"device": f"d{number}", "body": body})
            assert number == 10
            assert "max_bytes" in refused.value.hint
            assert here.status("latest").refused == 1
            # The other table, the same size, a smaller one and a delete are admitted.
            here.tables.put("readings", {"device": "d", "at": 1, "body": body})
            here.tables.put("latest", {"device": "d1", "body": "y" * 100_000})
            here.tables.update("latest", {"device": "d2"}, "body", "y")
            here.tables.delete("latest", {"device": "d3"})
            here.tables.put("latest", {"device": "d10", "body": body})
            await here.store.flush()
            assert here.counted("latest") == here.kept("latest")
            assert here.status("latest").used_bytes <= MIB
            with pytest.raises(TableFull):
                here.tables.put("latest", {"device": "d11", "body": body * 2})

    run(main())


def test_tiny_items_weigh_more_than_their_json(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "d"})
            assert here.status("latest").used_bytes > len('{"device":"d"}') + len("d")

    run(main())


def test_a_lower_limit_keeps_what_is_there(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        roomy = TableSettings("latest", "device", max_bytes=4 * MIB)
        async with opened(tmp_path, roomy) as here:
            for number in range(20):
                here.tables.put("latest", {"device": f"d{number}", "body": "x" * 100_000})
            await here.store.flush()
        async with opened(tmp_path, LATEST) as here:
            assert here.status("latest").items == 20
            with pytest.raises(TableFull):
                here.tables.put("latest", {"device": "more"})
            here.tables.put("latest", {"device": "d1", "body": "smaller"})
            for number in range(20):
                here.tables.delete("latest", {"device": f"d{number}"})
            here.tables.put("latest", {"device": "more"})
            await here.store.flush()
            assert here.kept("latest") == here.counted("latest")

    run(main())


def test_a_full_store_refuses_what_adds_and_admits_deletes(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, store_settings=SMALL) as here:
            here.tables.put("latest", {"device": "d", "body": "x" * 1000})
            await here.store.flush()
            await notes(here.store)
            await fill_store(here.store)
            before = here.counted("latest")
            with pytest.raises(StoreFull):
                here.tables.put("latest", {"device": "e"})
            assert here.counted("latest") == before
            here.tables.delete("latest", {"device": "d"})
            await here.store.flush()
            assert here.kept("latest") == (0, 0)

    run(main())


def test_a_stopping_store_refuses_everything(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "d"})
            closing = asyncio.ensure_future(here.store.close())
            await asyncio.sleep(0)
            taken: list[object] = []
            for call in (
                lambda: here.tables.put("latest", {"device": "e"}),
                lambda: here.tables.delete("latest", {"device": "d"}),
            ):
                with suppress(StoreClosed):
                    call()
                    taken.append(call)
            await closing
            assert taken == []
        async with opened(tmp_path) as here:
            assert here.tables.items("latest") == [b'{"device":"d"}']

    run(main())
