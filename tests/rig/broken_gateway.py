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


WAYS: dict[str, Callable[[], None]] = {
    "forgets-before-running": _forget_before_running,
    "objects-unsynced": _objects_unsynced,
    "rules-unwritten": _rules_unwritten,
}


if __name__ == "__main__":
    _, how, weir, *arguments = sys.argv
    WAYS[how]()
    sys.argv = [weir, *arguments]
    runpy.run_path(weir, run_name="__main__")
