"""Runs the `weir` command with one property broken: controls, which the tests of it must catch.

`python broken_gateway.py HOW WEIR …` stands before a gateway's command line.
"""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def broken(how: str) -> list[str]:
    """Return the words that stand before `weir` so that it is broken in this way."""
    assert how in WAYS
    return [sys.executable, str(Path(__file__)), how]


def _forget_before_running() -> None:
    """The outbox takes an action's row away before the action runs, instead of after it."""
    from gateway.engine.failures import ActionFailed
    from gateway.engine.outbox.outbox import Outbox

    async def run_one(self: Any, lane: Any, entry: Any) -> None:
        new, task = entry.job.new, asyncio.current_task()
        self._end(lane, entry, "")
        await self._store.flush()
        try:
            await lane.action.run(entry.parameters, new.output, entry.attempt, new)
        except ActionFailed:
            pass  # nobody is left to tell
        finally:
            lane.running.discard(task)
            self._run(lane)

    Outbox._run_one = run_one  # type: ignore[method-assign]


def _objects_unsynced() -> None:
    """A bucket does not wait until an object is on disk."""
    from gateway.services.s3 import bucket

    class Careless:
        def __getattr__(self, name: str) -> Any:
            return (lambda descriptor: None) if name == "fsync" else getattr(os, name)

    vars(bucket)["os"] = Careless()


def _rules_unwritten() -> None:
    """The registry tells of a write before it is there."""
    from gateway.registry import storage

    write, behind = storage.RegistryFile.write, [0]

    def late(self: Any, data: Any) -> None:
        behind[0] += 1
        if behind[0] % 8 == 0:
            write(self, data)
        else:
            self._tables = {name: dict(table) for name, table in data.items() if table}
            self._text = json.dumps(self._tables).encode()

    storage.RegistryFile.write = late  # type: ignore[method-assign]


def _credentials_unwritten() -> None:
    """Changed access keys are told of before they are there."""
    from gateway.identity import credentials_file

    write, behind = credentials_file.CredentialsFile.write, [0]

    def late(self: Any, keys: Any) -> None:
        behind[0] += 1
        if behind[0] % 8 == 1:
            write(self, keys)

    credentials_file.CredentialsFile.write = late  # type: ignore[method-assign]


def _sends_unwritten() -> None:
    """A standard queue answers a send before it is on disk."""
    from gateway.services.sqs.standard import StandardQueue

    later = StandardQueue.send_all

    async def send_all(self: Any, messages: Any) -> list[int]:
        state, rows = self._state, range(len(messages))
        _soon(lambda: later(self, messages))
        return [self._first_row + state.next_sequence + row for row in rows]

    StandardQueue.send_all = send_all  # type: ignore[method-assign]


def _deletes_unwritten() -> None:
    """A delete is answered before it is on disk."""
    from gateway.services.sqs.queue import Queue

    later = Queue.delete_all

    async def delete_all(self: Any, handles: Any) -> list[None]:
        _soon(lambda: later(self, handles))
        return [None] * len(handles)

    Queue.delete_all = delete_all  # type: ignore[assignment, method-assign]


def _handles_forgotten() -> None:
    """Only this process's receipt handles are known."""
    from gateway.services.sqs import receive, visibility
    from gateway.services.sqs.fifo import receive as receive_fifo

    drawn: set[bytes] = set()
    draw, held_by = receive.draw_nonces, visibility.held_by

    def draw_nonces(count: int) -> list[bytes]:
        nonces = draw(count)
        drawn.update(nonces)
        return nonces

    def held(connection: Any, row_id: int, nonce: bytes) -> Any:
        return held_by(connection, row_id, nonce) if nonce in drawn else None

    receive.draw_nonces = receive_fifo.draw_nonces = draw_nonces
    visibility.held_by = held


def _time_jumps() -> None:
    """Gateway time is an hour ahead after each start: what was hidden is visible."""
    from gateway.clock import Clock

    resume = Clock.resume

    def late(self: Any, saved: Any) -> None:
        resume(self, saved)
        self._offset_ms += 3_600_000

    Clock.resume = late  # type: ignore[method-assign]


def _deduplication_forgotten() -> None:
    """What was sent lately is known to this process only."""
    from gateway.services.sqs.fifo import deduplication

    make, own = deduplication.deduplication_key, os.urandom(8).hex()
    deduplication.deduplication_key = lambda group_id, text: make(group_id, text + own)


def _attempts_forgotten() -> None:
    """A receive with the id of an earlier one is a new one."""
    from gateway.services.sqs.fifo import deduplication

    deduplication.keep_receive = lambda *given: None


def _groups_unblocked() -> None:
    """A message group gives out messages while others of it are in flight."""
    from gateway.services.sqs.fifo import groups, receive

    groups.block = lambda *given: None
    in_order = "WHERE o.grp = ? ORDER"
    assert in_order in receive._IN_ORDER
    vars(receive)["_IN_ORDER"] = receive._IN_ORDER.replace(
        in_order, "WHERE o.grp = ? AND (h.id IS NULL OR h.receive_count = 0) ORDER"
    )


def _receives_kept() -> None:
    """What was received for a caller that has gone stays in flight."""
    from gateway.services.sqs.queue import Queue

    Queue.release = lambda self, received: None  # type: ignore[method-assign]


def _messages_remembered() -> None:
    """Every message that was received stays in memory."""
    from gateway.services.sqs.queue import Queue

    kept: list[Any] = []
    receive = Queue.receive

    async def remember(self: Any, **asked: Any) -> Any:
        received = await receive(self, **asked)
        kept.extend(received)
        return received

    Queue.receive = remember  # type: ignore[method-assign]


def _soon(make: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, lambda: tasks.add(loop.create_task(make())))


tasks: set[Any] = set()  # the loop itself does not keep them

WAYS: dict[str, Callable[[], None]] = {
    "credentials-unwritten": _credentials_unwritten,
    "forgets-before-running": _forget_before_running,
    "gateway-time-jumps": _time_jumps,
    "objects-unsynced": _objects_unsynced,
    "rules-unwritten": _rules_unwritten,
    "sqs-attempts-forgotten": _attempts_forgotten,
    "sqs-deduplication-forgotten": _deduplication_forgotten,
    "sqs-deletes-unwritten": _deletes_unwritten,
    "sqs-groups-unblocked": _groups_unblocked,
    "sqs-handles-forgotten": _handles_forgotten,
    "sqs-messages-remembered": _messages_remembered,
    "sqs-receives-kept": _receives_kept,
    "sqs-sends-unwritten": _sends_unwritten,
}


if __name__ == "__main__":
    _, how, weir, *arguments = sys.argv
    WAYS[how]()
    sys.argv = [weir, *arguments]
    runpy.run_path(weir, run_name="__main__")
