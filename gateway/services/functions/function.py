"""One function: its calls in order, its process while there are any, its rest after crashes.

Owns when a process is started, restarted and ended, and how many calls wait. A handler that raises
is an answer and leaves the process alone; a process that ends, takes too long, eats its memory,
cannot import its file or speaks no sense is killed. From the second such failure in a row on, the
function rests: first shortly, then twice as long each time.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from gateway.services.functions.errors import (
    FunctionBusy,
    FunctionCrashed,
    FunctionError,
    FunctionQuarantined,
    FunctionsStopped,
    FunctionTimedOut,
    PayloadRefused,
)
from gateway.services.functions.failures import SHOWN_CHARACTERS, failure_of
from gateway.services.functions.process import Command, FunctionProcess
from gateway.services.functions.quarantine import Quarantine
from gateway.services.functions.reports import FunctionCounters, FunctionStatus
from gateway.services.functions.settings import MAX_PAYLOAD_BYTES, FunctionSettings

__all__ = ["Function", "Timing"]

log = logging.getLogger(__name__)

MAX_WAITING_CALLS: Final = 1000
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
_BUSY_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """The times that a function is run by, in seconds.

    Attributes:
        start_s: How long importing the file may take; AWS's limit.
        idle_s: After how long without a call the process is ended.
        first_rest_s: How long it rests after the second crash in a row.
        longest_rest_s: How long it rests at most.
    """

    start_s: float = 10.0
    idle_s: float = 60.0
    first_rest_s: float = 0.1
    longest_rest_s: float = 30.0


@final
@dataclass(eq=False, slots=True)
class _Call:
    payload: bytes
    request_id: str
    arn: str
    answer: asyncio.Future[bytes] = field(repr=False)

    def fail(self, error: FunctionError) -> None:
        """End the call, unless nobody waits for it any more."""
        if not self.answer.done():
            self.answer.set_exception(error)
            # Asking for the exception also keeps asyncio from logging that nobody did.
            self.answer.exception()


@final
class Function:
    """Runs one function.

    Args:
        settings: Its settings, free of problems.
        python: The interpreter.
        environment: Gives all environment variables; asked for each process.
        counters: Where it counts.
        monotonic_s: The clock.
        timing: The times it is run by.
    """

    def __init__(
        self,
        settings: FunctionSettings,
        *,
        python: str,
        environment: Callable[[], Mapping[str, str]],
        counters: FunctionCounters,
        monotonic_s: Callable[[], float],
        timing: Timing,
    ) -> None:
        self.settings = settings
        self._file = Path(os.path.abspath(settings.file))  # the runner changes its folder
        self._python = python
        self._environment = environment
        self._counters = counters
        self._monotonic_s = monotonic_s
        self._timing = timing
        self._waiting: deque[_Call] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._process: FunctionProcess | None = None
        self._loaded: object = None  # what the file was when the process was started
        self._current: _Call | None = None
        self._is_starting = False
        self._is_stopped = False
        self._quarantine = Quarantine(
            monotonic_s, first_s=timing.first_rest_s, longest_s=timing.longest_rest_s
        )
        self._calls = self._failed = self._restarts = 0
        self._last_error = ""

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The id of the process; None where there is none."""
        return None if self._process is None else self._process.pid

    async def invoke(
        self, payload: bytes, *, request_id: str, arn: str, timeout_s: float | None
    ) -> bytes:
        """Call the function; as `Functions.invoke`."""
        self._check_admission(payload)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        call = _Call(payload, request_id, arn, answer)
        self._waiting.append(call)
        self._waiting_bytes += len(payload)
        self._arrived.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name=f"function {self.settings.name}")
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise FunctionTimedOut(
                f"{self._title} gave no answer within {timeout_s:g} s",
            ) from None

    def status(self) -> FunctionStatus:
        """Return the function as it is now."""
        if self._is_starting:
            state = "starting"
        elif self._current is not None:
            state = "running"
        elif self._quarantine.left_s:
            state = "quarantined"
        else:
            state = "idle" if self._process is None else "ready"
        return FunctionStatus(
            name=self.settings.name,
            file=self.settings.file,
            state=state,
            calls=self._calls,
            failed=self._failed,
            restarts=self._restarts,
            waiting=len(self._waiting),
            last_error=self._last_error,
        )

    async def stop(self) -> None:
        """Kill the process; calls that run or wait fail. Returns when the process is gone."""
        self._is_stopped = True
        for call in (*self._waiting, *([self._current] if self._current else [])):
            call.fail(FunctionsStopped("the gateway is stopping"))
        self._waiting.clear()
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            await asyncio.wait({worker})
        await self._end_process()

    @property
    def _title(self) -> str:
        return f'the function "{self.settings.name}"'

    def _check_admission(self, payload: bytes) -> None:
        if self._is_stopped:
            raise FunctionsStopped("the gateway is stopping")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadRefused(
                f"the payload has {len(payload)} bytes; {self._title} takes {MAX_PAYLOAD_BYTES}"
            )
        self._check_rest()
        room = MAX_WAITING_BYTES - self._waiting_bytes
        if len(self._waiting) >= MAX_WAITING_CALLS or len(payload) > room:
            raise FunctionBusy(
                f"{len(self._waiting)} calls of {self._title} wait, which is all that may",
                hint="Make the function faster, or call it less often.",
                retry_after_s=_BUSY_RETRY_S,
            )

    def _check_rest(self) -> None:
        left_s = self._quarantine.left_s
        if left_s and self._loaded == self._version():
            raise FunctionQuarantined(
                f"{self._title} failed {self._quarantine.crashes} times in a row and rests for "
                f"{left_s:.1f} s; at last: {self._last_error}",
                hint=f"Correct {self.settings.file}: then it is called at once.",
                retry_after_s=left_s,
            )

    def _version(self) -> object:
        """Return what differs when the file was written anew."""
        try:
            found = self._file.stat()
        except OSError as error:
            return error.errno
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    async def _work(self) -> None:
        while True:
            while self._waiting:
                call = self._waiting.popleft()
                self._waiting_bytes -= len(call.payload)
                if not call.answer.done():  # nobody waits for it any more
                    await self._serve(call)
            self._arrived.clear()
            try:
                async with asyncio.timeout(self._timing.idle_s):
                    await self._arrived.wait()
            except TimeoutError:
                await self._end_process()
                if not self._waiting:
                    return

    async def _serve(self, call: _Call) -> None:
        self._current = call
        try:
            try:
                self._check_rest()
                answer = await self._call(call)
            finally:
                self._current = None
        except FunctionError as error:
            if not isinstance(error, FunctionQuarantined):
                self._count(error)
            call.fail(error)
        except Exception as error:
            # A mistake of our own must not end the worker, or every later call would hang.
            log.exception("%s could not be called", self._title)
            await self._crash()
            call.fail(FunctionCrashed(f"{self._title}: {error!r}"))
        else:
            self._count(None)
            if not call.answer.done():
                call.answer.set_result(answer)

    def _count(self, error: FunctionError | None) -> None:
        counters = self._counters
        self._calls += 1
        counters.calls.value += 1
        if error is None:
            return
        self._failed += 1
        counters.failed.value += 1
        counters.timed_out.value += isinstance(error, FunctionTimedOut)
        counters.crashed.value += isinstance(error, FunctionCrashed)
        self._last_error = str(error)[:SHOWN_CHARACTERS]

    async def _call(self, call: _Call) -> bytes:
        process = await self._ready_process()
        try:
            answer = await process.call(
                call.payload,
                request_id=call.request_id,
                arn=call.arn,
                timeout_s=self.settings.timeout_s,
            )
        except FunctionTimedOut as error:
            await self._crash()
            raise FunctionTimedOut(
                f"{self._title} took longer than its timeout_s of {self.settings.timeout_s:g} s "
                "and was killed",
                hint="Give it more time with timeout_s, or make it faster.",
            ) from error
        except FunctionCrashed as error:
            await self._crash()
            raise FunctionCrashed(f"{self._title}: {error}", hint=error.hint) from error
        if answer.error is None:
            self._quarantine.clear()
            return answer.body
        failure = failure_of(answer, self.settings)
        if isinstance(failure, FunctionCrashed):
            await self._crash()
        else:
            self._quarantine.clear()
        raise failure

    async def _ready_process(self) -> FunctionProcess:
        process = self._process
        if process is not None and process.ended.done():
            log.warning("%s: its process has ended between two calls", self._title)
            await self._end_process()
            self._note_restart()
        elif process is not None and self._loaded != self._version():
            log.info("%s: its file has changed and is loaded again", self._title)
            await self._end_process()
        if self._process is not None:
            return self._process
        if self._quarantine.crashes:
            self._note_restart()
        self._is_starting = True
        try:
            return await self._start()
        finally:
            self._is_starting = False

    def _note_restart(self) -> None:
        self._restarts += 1
        self._counters.restarts.value += 1

    async def _start(self) -> FunctionProcess:
        version = self._version()
        if version != self._loaded:
            self._quarantine.clear()
        self._loaded = version
        settings = self.settings
        command = Command(
            name=settings.name,
            python=self._python,
            file=self._file,
            handler=settings.handler,
            memory_bytes=settings.memory_bytes,
            max_answer_bytes=settings.max_answer_bytes,
            environment=self._environment(),
        )
        try:
            self._process = FunctionProcess(
                command, self._counters.lines_left_out, self._monotonic_s
            )
        except OSError as error:
            await self._crash()
            raise FunctionCrashed(
                f"{self._title}: its process cannot be started: {error}"
            ) from error
        try:
            answer = await self._process.ready(self._timing.start_s)
        except FunctionTimedOut as error:
            await self._crash()
            raise FunctionTimedOut(
                f"{self._title}: importing {settings.file} took longer than "
                f"{self._timing.start_s:g} s",
                hint="Move what takes long into the handler, where timeout_s is its limit.",
            ) from error
        except FunctionCrashed as error:
            await self._crash()
            raise FunctionCrashed(
                f"{self._title}, while {settings.file} was imported: {error}", hint=error.hint
            ) from error
        if answer.error is not None:
            await self._crash()
            raise failure_of(answer, self.settings)
        return self._process

    async def _crash(self) -> None:
        """End the process for what it did; from the second time in a row on, with a rest."""
        self._quarantine.crashed()
        await self._end_process()

    async def _end_process(self) -> None:
        process = self._process
        if process is not None:
            await process.close()
            self._process = None
