"""The outbox when batches fail, the store is full, or the process goes: nothing vanishes."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.failures import ActionFailed, TryAgain
from gateway.errors import StoreError, StoreFull
from gateway.message import Message
from gateway.store import StoreSettings
from tests.gateway.engine.outbox.scripted import Scripted, slow, slow_rule
from tests.gateway.engine.running import SENSOR, Running, running, sqs
from tests.rig.stores import SMALL, fill_store

Run = Callable[[Coroutine[Any, Any, None]], None]


def fail_the_open_batch(here: Running, code: int = sqlite3.SQLITE_NOMEM) -> asyncio.Future[None]:
    """Let the open batch meet what a disk or a database may say."""

    def refuse(connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("refused")
        error.sqlite_errorcode = code
        raise error

    return here.store.execute(refuse)


async def acknowledged(here: Running, payload: bytes) -> bool:
    """Publish, and tell whether the publisher would get a PUBACK."""
    kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    try:
        here.router.publish(Message("bench/a", payload, 1, False, SENSOR))
    except StoreError:
        return False
    here.store.on_commit(lambda error: kept.set_result(error is None))
    return await kept


def test_what_was_taken_on_by_a_failed_batch_does_not_run(run: Run, tmp_path: Path) -> None:
    action = Scripted()

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"))})
            here.publish("bench/a", b"refused")
            failing = fail_the_open_batch(here)
            with pytest.raises(StoreError):
                await failing
            assert here.engine.outbox_status() == []
            assert here.metrics.snapshot()["rules.outbox.bytes"] == 0
            here.publish("bench/a", b"kept")
            await here.settled()
            assert action.done == [("f", b"kept")]

    run(main())


def test_an_end_that_could_not_be_written_comes_again(run: Run, tmp_path: Path) -> None:
    """The error message went with the failed batch: only the second one is there."""

    def fail(payload: bytes, attempt: int) -> None:
        raise ActionFailed("no")

    action = Scripted(fail)

    async def main() -> None:
        async with running(tmp_path, "errors", slow={"lambda": action}) as here:
            action.close("f")
            here.apply({"r": slow_rule(slow("f"), errorAction=sqs("errors"))})
            here.publish("bench/a", b"1")
            await action.began(1)
            await here.store.flush()
            joined = here.store.joined
            action.open("f")
            while here.store.joined == joined:  # until its end has joined the batch
                await asyncio.sleep(0)
            failing = fail_the_open_batch(here)
            with pytest.raises(StoreError):
                await failing
            assert here.outbox_rows() == 1
            await here.settled()
            assert [call[0] for call in action.calls] == ["f", "f"]
            (body,) = await here.bodies("errors")
            assert json.loads(body)["failures"][0]["errorMessage"] == "no"

    run(main())


def test_an_end_waits_for_room_for_its_error_message(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.outbox.outbox.STORE_RETRY_S", 0.01)

    def fail(payload: bytes, attempt: int) -> None:
        raise ActionFailed("no")

    action = Scripted(fail)

    async def main() -> None:
        async with running(
            tmp_path, "errors", slow={"lambda": action}, store_settings=SMALL
        ) as here:
            action.close("f")
            await here.store.execute(
                lambda connection: connection.execute(
                    "CREATE TABLE note (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
                ).close()
            )
            here.apply({"r": slow_rule(slow("f"), errorAction=sqs("errors"))})
            here.publish("bench/a", b"1")
            await action.began(1)
            await fill_store(here.store)
            refused = here.store.refused.value
            action.open("f")
            while here.store.refused.value == refused:  # until the error message was refused
                await asyncio.sleep(0)
            assert here.outbox_rows() == 1, "the failure is lost"
            await here.store.execute(lambda c: c.execute("DELETE FROM note").close())
            await here.settled()
            assert len(action.calls) == 1, "the action need not run again"
            assert len(await here.bodies("errors")) == 1

    run(main())


@pytest.mark.parametrize("seed", range(20))
def test_nothing_that_was_acknowledged_vanishes(run: Run, tmp_path: Path, seed: int) -> None:
    """Random failures of actions and batches, and restarts; the seed is in the test's name."""
    randomness = random.Random(seed)
    promised: set[bytes] = set()
    tried: set[tuple[str, bytes]] = set()
    succeeded: set[tuple[str, bytes]] = set()

    def behave(payload: bytes, attempt: int) -> None:
        drawn = randomness.random()
        if drawn < 0.2:
            raise TryAgain("not yet", after_s=0.0)
        if drawn < 0.4:
            raise ActionFailed("no")

    async def life(number: int) -> None:
        action = Scripted(behave, concurrency=2)
        store = StoreSettings(reserve_bytes=8 * 1024 * 1024)
        async with running(
            tmp_path, "errors", slow={"lambda": action}, store_settings=store
        ) as here:
            here.apply({"r": slow_rule(slow("f"), slow("g"), errorAction=sqs("errors"))})
            waiting: list[tuple[bytes, asyncio.Task[bool]]] = []
            for at in range(60):
                payload = b"%d-%d" % (number, at)
                waiting.append((payload, asyncio.create_task(acknowledged(here, payload))))
                if randomness.random() < 0.3:
                    await asyncio.sleep(0)
                if randomness.random() < 0.05:
                    with suppress(StoreError):
                        await fail_the_open_batch(here)
            for payload, task in waiting:
                if await task:
                    promised.add(payload)
            if number == 3:
                await here.settled()
            tried.update((target, payload) for target, payload, _ in action.calls)
            succeeded.update(action.done)
            if number == 3:
                while True:
                    bodies = await here.bodies("errors")
                    if not bodies:
                        break
                    told.extend(bodies)

    told: list[bytes] = []
    for number in range(4):
        run(life(number))
    assert promised
    assert {(target, payload) for target in "fg" for payload in promised} <= tried
    failed = {
        (json.loads(body)["base64OriginalPayload"], len(json.loads(body)["failures"]))
        for body in told
    }
    missing = {payload for payload in promised if {("f", payload), ("g", payload)} - succeeded}
    import base64

    assert missing <= {base64.b64decode(text) for text, _ in failed}, "a failure was not told of"


def test_a_full_store_refuses_what_an_action_would_need(run: Run, tmp_path: Path) -> None:
    action = Scripted()

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}, store_settings=SMALL) as here:
            await here.store.execute(
                lambda connection: connection.execute(
                    "CREATE TABLE note (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
                ).close()
            )
            await fill_store(here.store)
            here.apply({"r": slow_rule(slow("f"))})
            with pytest.raises(StoreFull):
                here.publish("bench/a", b"1")
            assert here.status("r").matched == 0
            assert here.engine.outbox_status() == []

    run(main())
