"""The longest time that an event loop did nothing but one thing, by a ticker on that loop.

A machine with other work to do also keeps a loop waiting, and that is not the loop's fault. So the
time that threads of this process were ready to run and had no core is taken off: the loop's own,
and that of others, for one of them may have held the interpreter lock meanwhile. What never is
taken off is the processor time of the loop's thread itself.

Source: `schedstat` in the kernel's documentation of its scheduler statistics.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, final

import uvloop

from gateway.app import COLLECT_AFTER_OBJECTS, SWITCH_INTERVAL_S

TICK_S = 0.001

Result = TypeVar("Result")


@final
class Ticker:
    """Ticks every millisecond and notes the longest delay of each phase; a context manager.

    Attributes:
        longest_ms: The longest delay of each phase, in milliseconds.
        longest_busy_ms: The most that the loop's thread computed in each phase between two ticks:
            a part of the delay which does not depend on disks, or on who else has the machine.
    """

    def __init__(self) -> None:
        self.longest_ms: dict[str, float] = {}
        self.longest_busy_ms: dict[str, float] = {}
        self._phase = ""
        self._own = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        self._others: list[int] = []
        self._others_before_s = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Ticker:
        self._look_for_threads()
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for file in (self._own, *self._others):
            os.close(file)

    async def phase(self, name: str) -> None:
        """Note delays under this name from now on; threads that were started since are seen."""
        await asyncio.sleep(2 * TICK_S)  # the last one's belong to it
        self._phase = name
        self._look_for_threads()

    async def _tick(self) -> None:
        before_s = time.monotonic()
        ran_before_s, waited_before_s = _read(self._own)
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            ran_s, waited_s = _read(self._own)
            others_s = self._others_waited_s()
            late_s = now_s - before_s - TICK_S
            late_s -= waited_s - waited_before_s + others_s - self._others_before_s
            busy_s = ran_s - ran_before_s
            self._note(self.longest_ms, max(late_s, busy_s))
            self._note(self.longest_busy_ms, busy_s)
            before_s, ran_before_s, waited_before_s = now_s, ran_s, waited_s
            self._others_before_s = others_s

    def _note(self, longest_ms: dict[str, float], seconds: float) -> None:
        longest_ms[self._phase] = max(longest_ms.get(self._phase, 0.0), seconds * 1000)

    def _others_waited_s(self) -> float:
        return sum(_read(file)[1] for file in self._others)

    def _look_for_threads(self) -> None:
        for file in self._others:
            os.close(file)
        own = threading.get_native_id()
        tasks = [task for task in Path("/proc/self/task").iterdir() if int(task.name) != own]
        self._others = [os.open(task / "schedstat", os.O_RDONLY) for task in tasks]
        self._others_before_s = self._others_waited_s()


def _read(file: int) -> tuple[float, float]:
    """Return how long a thread has run and waited for a core, in seconds; 0 once it has ended."""
    try:
        ran, waited, _ = os.pread(file, 100, 0).split()
    except ProcessLookupError:
        return 0.0, 0.0
    return int(ran) / 1e9, int(waited) / 1e9


def run_as_gateway(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on the loop that a gateway has, with its collector and switch interval."""
    with _as_gateway(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


@contextmanager
def _as_gateway() -> Iterator[None]:
    threshold, interval_s = gc.get_threshold(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)
        gc.set_threshold(*threshold)
        gc.unfreeze()
