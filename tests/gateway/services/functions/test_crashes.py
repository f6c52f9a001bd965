"""Functions that crash, hang and eat memory: killed, restarted, and made to rest."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.metrics import Metrics
from gateway.services.functions import (
    FunctionCrashed,
    FunctionError,
    FunctionFailed,
    FunctionQuarantined,
    Functions,
    FunctionSettings,
    FunctionsStopped,
    FunctionTimedOut,
    Timing,
)
from gateway.services.functions.quarantine import Quarantine
from tests.gateway.services.functions.running import PATIENCE_S, is_gone, running, write

Run = Callable[[Coroutine[Any, Any, None]], None]

CODE = """
    import os, sys, time, threading, ctypes, signal
    def lambda_handler(event, context):
        exec(event)
        return os.getpid()
"""


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("sys.exit('bye')", "exit code 1"),
        ("os.abort()", "SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("ctypes.string_at(0)", "SIGSEGV"),
        # The socket stays open in the copy, which must not hide the end of the process.
        ("os.fork() and os._exit(4); time.sleep(1000)", "exit code 4"),
        ("os.fork() and os._exit(4); os.setsid(); time.sleep(3)", "exit code 4"),
    ],
)
def test_a_process_that_ends_is_told_and_another_one_serves(
    run_on_both_loops: Run, tmp_path: Path, event: str, told: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE) as here:
            first = await here.call("0")
            with pytest.raises(FunctionCrashed, match=told):
                await here.call(event)
            assert is_gone(first)
            assert await here.call("0") not in (first, None)
            status = here.status
            assert (status.calls, status.failed, status.restarts) == (3, 1, 1)
            assert told in status.last_error
            assert (here.count("crashed"), here.count("restarts")) == (1, 1)

    run_on_both_loops(main())


@pytest.mark.parametrize(
    "event",
    [
        "while True: pass",
        "time.sleep(1000)",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)",
        "signal.pthread_sigmask(signal.SIG_SETMASK, range(1, 65)); time.sleep(1000)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
def test_a_call_that_takes_too_long_is_killed(run: Run, tmp_path: Path, event: str) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE, timeout_s=0.5) as here:
            first = await here.call("0")
            with pytest.raises(FunctionTimedOut, match=r"timeout_s of 0.5 s and was killed"):
                await here.call(event)
            assert is_gone(first)
            assert await here.call("0") != first
            assert (here.count("timed_out"), here.status.restarts) == (1, 1)

    run(main())


@pytest.mark.parametrize(("memory_bytes", "fits"), [(64_000_000, False), (64_000_000 * 8, True)])
@pytest.mark.parametrize(
    "event",
    [
        "len(bytearray(200_000_000))",
        "[str(i) * 20 for i in range(2_000_000)]",
        "t = threading.Thread(target=lambda: bytearray(200_000_000)); t.start(); t.join()",
    ],
)
def test_memory_has_a_limit(
    run: Run, tmp_path: Path, event: str, memory_bytes: int, fits: bool
) -> None:
    # A thread's exception is printed and lost; it must not take the whole process with it.
    fits = fits or "Thread" in event

    async def main() -> None:
        async with running(tmp_path, CODE, memory_bytes=memory_bytes, timeout_s=PATIENCE_S) as here:
            first = await here.call("0")
            if fits:
                assert await here.call(event) == first
            else:
                with pytest.raises(FunctionCrashed, match="out of memory") as caught:
                    await here.call(event)
                assert "memory_bytes" in caught.value.hint
                assert await here.call("0") != first

    run(main())


def test_an_import_that_eats_memory(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "x = bytearray(10**9)", memory_bytes=64_000_000) as here:
            with pytest.raises(FunctionCrashed, match="out of memory"):
                await here.call()

    run(main())


def test_no_core_is_written_and_the_kernel_would_take_the_function_first(
    run: Run, tmp_path: Path
) -> None:
    code = """
        import resource
        def lambda_handler(event, context):
            with open("/proc/self/oom_score_adj") as score:
                return [resource.getrlimit(resource.RLIMIT_CORE), int(score.read())]
    """

    async def main() -> None:
        async with running(tmp_path, code) as here:
            assert await here.call() == [[0, 0], 500]

    run(main())


@pytest.mark.parametrize("body", ["import time; time.sleep(1000)", "while True: pass"])
def test_an_import_that_never_ends_is_killed(run: Run, tmp_path: Path, body: str) -> None:
    timing = Timing(start_s=0.3, first_rest_s=0.001, longest_rest_s=0.001)

    async def main() -> None:
        async with running(tmp_path, body, timing=timing) as here:
            with pytest.raises(FunctionTimedOut, match=r"importing .*f\.py took longer than 0.3"):
                await here.call()
            assert here.functions.pids() == {}

    run(main())


def test_an_import_is_not_part_of_the_time_of_a_call(run: Run, tmp_path: Path) -> None:
    code = "import time; time.sleep(0.4)\ndef lambda_handler(event, context): return 1"

    async def main() -> None:
        async with running(tmp_path, code, timeout_s=0.2) as here:
            assert await here.call() == 1

    run(main())


@pytest.mark.parametrize("body", ["import os; os._exit(5)", "raise SystemExit(5)"])
def test_an_import_that_ends_the_process(run: Run, tmp_path: Path, body: str) -> None:
    async def main() -> None:
        async with running(tmp_path, body) as here:
            with pytest.raises(FunctionCrashed, match=r"was imported: .*exit code 5"):
                await here.call()

    run(main())


def test_an_interpreter_that_is_not_there(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        functions = Functions(
            [FunctionSettings("f", write(tmp_path / "f.py", CODE))],
            region="r",
            account="a",
            environment=dict,
            metrics=Metrics(),
            python="/nowhere/python",
        )
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(FunctionCrashed, match="/nowhere/python"):
            await functions.invoke("f", b"null")
        assert len(os.listdir("/proc/self/fd")) == before
        await functions.stop()

    run(main())


def test_a_process_that_dies_between_two_calls_is_replaced(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE) as here:
            first = await here.call("0")
            os.kill(first, signal.SIGKILL)
            assert is_gone(first)
            await asyncio.sleep(0.01)  # one turn of the loop, to hear of it
            assert await here.call("0") != first
            assert (here.status.failed, here.status.restarts) == (0, 1)

    run(main())


def test_nothing_is_left_behind_by_crashes(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE) as here:
            await here.call("0")
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(20):
                with pytest.raises(FunctionError):
                    await here.call("os._exit(1)")
                await here.call("0")
            assert len(os.listdir("/proc/self/fd")) == before

    run(main())


def test_stopping_during_a_call_is_quick(run_on_both_loops: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE, timeout_s=900.0) as here:
            pid = await here.call("0")
            calls = [asyncio.create_task(here.call("time.sleep(1000)")) for _ in range(3)]
            while here.status.state != "running":
                await asyncio.sleep(0.001)
            began = time.monotonic()
            await here.functions.stop()
            assert time.monotonic() - began < 2.0
            for call in calls:
                with pytest.raises(FunctionsStopped):
                    await call
            assert is_gone(pid, 0.0)
            with pytest.raises(FunctionsStopped):
                await here.call("0")
            await here.functions.stop()

    run_on_both_loops(main())


def test_stopping_during_an_import(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "import time; time.sleep(1000)") as here:
            call = asyncio.create_task(here.call("0"))
            while not here.functions.pids():
                await asyncio.sleep(0.001)
            assert here.status.state == "starting"
            pid = here.pid
            await here.functions.stop()
            with pytest.raises(FunctionsStopped):
                await call
            assert is_gone(pid, 0.0)

    run(main())


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_the_rest_grows_up_to_a_bound_and_ends_with_an_answer() -> None:
    clock = Clock()
    rest = Quarantine(clock, first_s=0.1, longest_s=30.0)
    rests = []
    for _ in range(12):
        rest.crashed()
        rests.append(round(rest.left_s, 6))
    assert rests == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    clock.now_s += 29.0
    assert rest.left_s == pytest.approx(1.0)
    clock.now_s += 2.0
    assert rest.left_s == 0.0
    rest.clear()
    rest.crashed()
    assert rest.left_s == 0.0
    for _ in range(5000):
        rest.crashed()
    assert rest.left_s == 30.0


def test_a_function_that_crashes_again_and_again_rests(run: Run, tmp_path: Path) -> None:
    clock = Clock()

    async def main() -> None:
        async with running(tmp_path, CODE, monotonic_s=clock, timing=Timing()) as here:
            for _ in range(2):
                with pytest.raises(FunctionCrashed):
                    await here.call("os._exit(1)")
            with pytest.raises(FunctionQuarantined, match="2 times in a row") as caught:
                await here.call("0")
            assert caught.value.retry_after_s == pytest.approx(0.1)
            assert "exit code 1" in str(caught.value)
            assert (here.status.state, here.status.calls) == ("quarantined", 2)
            clock.now_s += 0.11
            assert await here.call("0")
            with pytest.raises(FunctionCrashed):
                await here.call("os._exit(1)")
            assert await here.call("0"), "an answer ends the row"
            with pytest.raises(FunctionFailed):
                await here.call("raise ValueError")
            assert await here.call("0"), "and what the handler raises is an answer"

    run(main())
