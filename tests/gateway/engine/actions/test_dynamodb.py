"""The `dynamoDB` and `dynamoDBv2` actions on real tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.actions.dynamodb import DynamoDbActions
from gateway.engine.failures import ActionFailed
from gateway.errors import StoreFull
from gateway.metrics import Metrics
from gateway.services.dynamodb import Tables, TableSettings
from gateway.store import Store, StoreSettings
from tests.rig.stores import SMALL, fill_store, notes, open_store

Run = Callable[[Any], None]

ROOMY = StoreSettings(synchronous="OFF", reserve_bytes=8 * 1024 * 1024)
LATEST = TableSettings("latest", "device")
READINGS = TableSettings("readings", "device", sort_key="at", sort_key_type="NUMBER")
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/latest"


class Here:
    """The actions, and the tables that they write to."""

    def __init__(self, store: Store, tables: Tables) -> None:
        self.store = store
        self.tables = tables
        self.actions = DynamoDbActions(tables)

    async def items(self, table: str) -> list[bytes]:
        await self.store.flush()
        return self.tables.items(table)


@asynccontextmanager
async def opened(folder: Path, settings: StoreSettings = ROOMY) -> AsyncIterator[Here]:
    async with open_store(folder, settings) as store:
        tables = Tables([LATEST, READINGS], store, Metrics())
        await tables.start()
        yield Here(store, tables)


def latest(**more: str) -> dict[str, object]:
    """The parameters of `dynamoDB` for the table with a partition key."""
    return {"tableName": "latest", "hashKeyField": "device", "hashKeyValue": "d", **more}


def readings(**more: str) -> dict[str, object]:
    """The parameters of `dynamoDB` for the table with a sort key."""
    return {
        "tableName": "readings",
        "hashKeyField": "device",
        "hashKeyType": "STRING",
        "hashKeyValue": "d",
        "rangeKeyField": "at",
        "rangeKeyType": "NUMBER",
        "rangeKeyValue": "1800000000000",
        **more,
    }


def test_the_result_stands_in_one_attribute_beside_the_key(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.actions.put_payload(latest(), b'{"t": 21.50, "n": 12345678901234567890}')
            here.actions.put_payload(readings(), b"[1, null]")
            here.actions.put_payload(readings(rangeKeyValue="1.5e1", payloadField="data"), b'"x"')
            assert await here.items("latest") == [
                b'{"device":"d","payload":{"t":21.50,"n":12345678901234567890}}'
            ]
            assert await here.items("readings") == [
                b'{"device":"d","at":15,"data":"x"}',
                b'{"device":"d","at":1800000000000,"payload":[1,null]}',
            ]

    run(main())


def test_a_result_that_is_no_json_becomes_base64(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.actions.put_payload(latest(), b"\x00\xffnot json")
            assert await here.items("latest") == [b'{"device":"d","payload":"AP9ub3QganNvbg=="}']

    run(main())


def test_the_operations(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            here.actions.put_payload(latest(payloadField="first"), b"1")
            here.actions.put_payload(latest(payloadField="second", operation="UPDATE"), b"2")
            assert await here.items("latest") == [b'{"device":"d","first":1,"second":2}']
            here.actions.put_payload(latest(payloadField="third", operation="INSERT"), b"3")
            assert await here.items("latest") == [b'{"device":"d","third":3}']
            here.actions.put_payload(latest(operation="DELETE"), b"whatever")
            here.actions.put_payload(latest(operation="DELETE"), b"whatever")
            assert await here.items("latest") == []

    run(main())


@pytest.mark.parametrize("name", ["latest", ARN])
def test_each_member_of_the_result_is_an_attribute(run: Run, tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            put = {"putItem": {"tableName": name}}
            here.actions.put_item(put, b'{"device": "d", "t": 1.0, "ok": true, "in": {"a": []}}')
            assert await here.items("latest") == [b'{"device":"d","t":1.0,"ok":true,"in":{"a":[]}}']

    run(main())


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (latest(tableName="others"), "there is no table 'others'"),
        (latest(operation="UPSERT"), "the operation 'UPSERT' is none"),
        (latest(hashKeyField="id"), "the action's key is 'id' .STRING.; that of the table"),
        (latest(hashKeyType="NUMBER", hashKeyValue="1"), "'device' .NUMBER.; that of the table"),
        (latest(hashKeyType="NUMBER"), "'d' is no number"),
        (latest(hashKeyType="BINARY"), "'device' .BINARY.; that of the table"),
        (latest(hashKeyValue=""), "is empty text"),
        (latest(hashKeyValue="x" * 2049), "2049 bytes; 2048"),
        (latest(payloadField="device"), "payloadField is 'device', which is part of the"),
        (latest(rangeKeyField="at", rangeKeyValue="1"), "and 'at' .STRING.; that of the table"),
        (latest(tableName="readings"), "that of the table 'readings' is 'device' .* and 'at'"),
        (readings(rangeKeyType="STRING"), "'at' .STRING.; that of the table"),
        (readings(rangeKeyValue="soon"), "'soon' is no number"),
    ],
)
def test_parameters_that_the_table_does_not_have(
    run: Run, tmp_path: Path, parameters: dict[str, object], sentence: str
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            for operation in ("INSERT", "UPDATE", "DELETE"):
                if operation == "DELETE" and parameters.get("payloadField"):
                    continue  # it is not looked at
                with pytest.raises(ActionFailed, match=sentence):
                    here.actions.put_payload({"operation": operation, **parameters}, b"1")
            assert await here.items("latest") == await here.items("readings") == []

    run(main())


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"\xff", "no JSON object"),
        (b"[1]", "no JSON object"),
        (b"", "no JSON object"),
        (b'{"t": 1}', "partition key 'device' is missing"),
        (b'{"device": 1}', "is a number; the table's is a STRING"),
        (b'{"device": "d", "n": ' + b"1" * 39 + b"}", "39 digits"),
        (b'{"device": "d", "": 1}', "no name"),
        (b'{"device": "d", "x": "' + b"x" * 500_000 + b'"}', "409600 is the most"),
    ],
)
def test_results_that_are_no_item(run: Run, tmp_path: Path, payload: bytes, sentence: str) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            with pytest.raises(ActionFailed, match=sentence):
                here.actions.put_item({"putItem": {"tableName": "latest"}}, payload)
            assert await here.items("latest") == []

    run(main())


def test_a_failure_names_the_table_and_the_remedy(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as here:
            with pytest.raises(ActionFailed) as failed:
                here.actions.put_item({"putItem": {"tableName": "latest"}}, b"{}")
            assert str(failed.value).startswith("table 'latest' refused the item: ")
            assert "AS device" in failed.value.hint
            with pytest.raises(ActionFailed) as failed:
                here.actions.put_item({"putItem": {"tableName": "others"}}, b"{}")
            assert '[[dynamodb.tables]] name = "others"' in failed.value.hint
            with pytest.raises(ActionFailed) as failed:
                here.actions.put_payload(latest(tableName="\x1b[2J\n" * 1000), b"1")
            assert failed.value.told().isprintable()
            assert len(failed.value.told()) < 400

    run(main())


def test_a_full_store_refuses_the_publish_not_the_action(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, SMALL) as here:
            await notes(here.store)
            await fill_store(here.store)
            with pytest.raises(StoreFull):
                here.actions.put_payload(latest(), b"1")
            with pytest.raises(StoreFull):
                here.actions.put_item({"putItem": {"tableName": "latest"}}, b'{"device": "d"}')

    run(main())
