"""Tables on a real store: what is put, updated, deleted and got, in one commit with its cause."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreError
from gateway.services.dynamodb import (
    ItemRefused,
)
from tests.gateway.services.dynamodb.tables_here import opened

Run = Callable[[Any], None]


def test_what_was_put_is_got_once_it_is_committed(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "d1", "t": Decimal("21.50"), "ok": None})
            assert here.tables.get("latest", {"device": "d1"}) is None
            await here.store.flush()
            assert here.tables.get("latest", {"device": "d1"}) == (
                b'{"device":"d1","t":21.50,"ok":null}'
            )
            assert here.tables.get("latest", {"device": "d2"}) is None

    run(main())


def test_a_later_item_takes_the_place_of_the_one_with_the_same_key(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("readings", {"device": "d", "at": 1, "t": 1, "more": True})
            here.tables.put("readings", {"device": "d", "at": Decimal("1.0"), "t": 2})
            await here.store.flush()
            here.tables.put("readings", {"device": "d", "at": Decimal("1e0"), "t": 3})
            here.tables.put("readings", {"device": "d", "at": 2, "t": 4})
            await here.store.flush()
            assert here.tables.items("readings") == [
                b'{"device":"d","at":1,"t":3}',
                b'{"device":"d","at":2,"t":4}',
            ]
            assert here.tables.get("readings", {"device": "d", "at": 1}) is not None
            assert here.counted("readings") == here.kept("readings")

    run(main())


def test_an_update_sets_one_attribute_and_leaves_the_rest(run: Run, tmp_path: Path) -> None:
    exact = b'{"device":"d","n":1.000000000000000000001,"payload":1}'

    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.update("latest", {"device": "new"}, "payload", {"a": [1]})
            here.tables.put(
                "latest", {"device": "d", "n": Decimal("1.000000000000000000001"), "payload": 0}
            )
            here.tables.update("latest", {"device": "d"}, "payload", 1)  # of the open batch
            await here.store.flush()
            assert here.tables.get("latest", {"device": "d"}) == exact
            assert here.tables.get("latest", {"device": "new"}) == (
                b'{"device":"new","payload":{"a":[1]}}'
            )
            here.tables.update("latest", {"device": "d"}, "second", "x")  # of a committed one
            await here.store.flush()
            assert here.tables.get("latest", {"device": "d"}) == exact[:-1] + b',"second":"x"}'
            with pytest.raises(ItemRefused, match="part of the table's key"):
                here.tables.update("latest", {"device": "d"}, "device", "e")
            assert here.counted("latest") == here.kept("latest")

    run(main())


def test_a_deep_item_can_be_updated_later(run: Run, tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(32):
        deep = [deep]

    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "d", "deep": deep})
            here.tables.update("latest", {"device": "d"}, "payload", 1)
            await here.store.flush()
            assert b'"payload":1' in (here.tables.get("latest", {"device": "d"}) or b"")

    run(main())


def test_deleting(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "kept"})
            here.tables.put("latest", {"device": "early"})
            here.tables.delete("latest", {"device": "early"})  # of the open batch
            here.tables.put("latest", {"device": "late"})
            await here.store.flush()
            here.tables.delete("latest", {"device": "late"})
            here.tables.delete("latest", {"device": "late"})
            here.tables.delete("latest", {"device": "never"})
            await here.store.flush()
            assert here.tables.items("latest") == [b'{"device":"kept"}']
            here.tables.delete("latest", {"device": "kept"})
            here.tables.put("latest", {"device": "kept", "again": 1})
            await here.store.flush()
            assert here.tables.items("latest") == [b'{"device":"kept","again":1}']
            assert here.counted("latest") == here.kept("latest")

    run(main())


def test_items_come_in_the_order_of_their_keys_page_by_page(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            for at in (10, Decimal("-2.5"), 9, 0, 100, Decimal("0.5")):
                here.tables.put("readings", {"device": "d", "at": at})
            here.tables.put("readings", {"device": "c", "at": 7})
            here.tables.put("latest", {"device": "another table"})
            await here.store.flush()
            first = here.tables.items("readings", limit=3)
            assert [b"c" in first[0], b"-2.5" in first[1], b'"at":0}' in first[2]] == [True] * 3
            rest = here.tables.items("readings", after={"device": "d", "at": 0})
            assert [item.split(b":")[-1] for item in rest] == [b"0.5}", b"9}", b"10}", b"100}"]

    run(main())


def test_a_page_has_a_megabyte_at_most(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            for at in range(8):
                here.tables.put("readings", {"device": "d", "at": at, "body": "x" * 300_000})
            await here.store.flush()
            assert len(here.tables.items("readings", limit=1000)) == 4
            assert len(here.tables.items("readings", after={"device": "d", "at": 3})) == 4

    run(main())


def test_all_of_one_turn_is_one_commit_and_each_item_one_row(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            await here.store.flush()
            commits, rows = here.store.commits.value, here.store.rows.value
            for t in range(100):
                here.tables.put("latest", {"device": "d", "t": t})
            told: list[StoreError | None] = []
            here.store.on_commit(told.append)
            await here.store.flush()
            assert told == [None]
            assert here.store.commits.value == commits + 1
            assert here.store.rows.value == rows + 2, "the item and its table's counters"
            assert here.tables.get("latest", {"device": "d"}) == b'{"device":"d","t":99}'

    run(main())


def test_items_are_there_after_a_restart(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("readings", {"device": "d", "at": 1})
            here.tables.put("latest", {"device": "d"})
            await here.store.flush()
            before = here.counted("latest")
        async with opened(tmp_path) as here:
            assert here.counted("latest") == before == here.kept("latest")
            assert here.tables.items("latest") == [b'{"device":"d"}']
            assert here.tables.items("readings") == [b'{"device":"d","at":1}']

    run(main())


def test_what_is_being_committed_counts_as_there(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.tables.put("latest", {"device": "d", "first": 1})
            here.tables.put("latest", {"device": "e"})

            def meanwhile(connection: sqlite3.Connection) -> None:
                assert here.tables.get("latest", {"device": "d"}) is None, "not committed yet"
                here.tables.update("latest", {"device": "d"}, "second", 2)
                here.tables.delete("latest", {"device": "e"})

            await here.store.execute(meanwhile)
            await here.store.flush()
            assert here.tables.items("latest") == [b'{"device":"d","first":1,"second":2}']
            assert here.counted("latest") == here.kept("latest")

    run(main())
