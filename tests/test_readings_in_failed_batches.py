"""A device's readings when the batch that holds them fails: kept, in order, and never for ever."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.config import load
from gateway.devices.intake import READING_ATTEMPTS
from gateway.errors import StoreError
from tests.rig.gateway_process import DEFAULT_RULE

Run = Callable[[Coroutine[Any, Any, None]], None]


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Gateway]:
    """A gateway without listeners in this process."""
    (folder / "rules.d").mkdir()
    (folder / "rules.d" / "all.json").write_text(json.dumps(DEFAULT_RULE))
    config = folder / "weir.toml"
    config.write_text(
        f'[gateway]\nname = "t"\ndata_dir = "{folder}/data"\n[rules]\ndir = "{folder}/rules.d"\n'
        '[[sqs.queues]]\nname = "readings"\n'
    )
    gateway = Gateway(load(config))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def fail_a_batch(gateway: Gateway, code: int) -> None:
    """Let the open batch meet what a disk or a database may say."""

    def refuse(connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("refused")
        error.sqlite_errorcode = code
        raise error

    with suppress(StoreError):
        await gateway.store.execute(refuse)


async def bodies(gateway: Gateway) -> list[bytes]:
    await gateway.store.flush()
    queue = gateway.sqs.queue("readings")
    assert queue is not None
    return [received.body for received in await queue.receive(most=10)]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM])
def test_readings_are_written_with_a_later_batch_in_order(
    run: Run, tmp_path: Path, code: int
) -> None:
    async def main() -> None:
        async with started(tmp_path) as gateway:
            for n in range(3):
                assert gateway.intake.publish("bench/t", b"%d" % n)
            await fail_a_batch(gateway, code)
            while not gateway.store.accepting:  # the store looks for room by itself
                await gateway.store.flush()
            assert gateway.intake.publish("bench/t", b"3")
            assert await bodies(gateway) == [b"0", b"1", b"2", b"3"]
            assert gateway.metrics.snapshot()["devices.lost"] == 0

    run(main())


def test_a_reading_that_breaks_every_batch_is_given_up_and_counted(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with started(tmp_path) as gateway:
            assert gateway.intake.publish("bench/t", b"poison")
            for attempt in range(READING_ATTEMPTS):
                assert gateway.metrics.snapshot()["devices.lost"] == 0, attempt
                await fail_a_batch(gateway, sqlite3.SQLITE_NOMEM)
            assert gateway.metrics.snapshot()["devices.lost"] == 1
            assert gateway.intake.publish("bench/t", b"good")
            assert await bodies(gateway) == [b"good"]

    run(main())
    assert sum("a reading on 'bench/t' was lost" in text for text in caplog.messages) == 1


def test_what_needs_no_disk_is_not_repeated(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path) as gateway:
            seen: list[bytes] = []
            gateway.broker.router.subscribe_local("live/#", lambda m: seen.append(m.payload))
            assert gateway.intake.publish("live/t", b"1")
            await fail_a_batch(gateway, sqlite3.SQLITE_NOMEM)
            assert gateway.intake.publish("live/t", b"2")
            assert seen == [b"1", b"2"]

    run(main())
