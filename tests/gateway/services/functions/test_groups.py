"""What a function starts ends with it, and all of it ends with the gateway."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.services.functions import FunctionCrashed, FunctionError, FunctionTimedOut
from tests.gateway.services.functions.running import is_gone, running, write

Run = Callable[[Coroutine[Any, Any, None]], None]

FAMILY = """
    import json, os, subprocess, sys, time
    def children(folder):
        started = [subprocess.Popen(["sleep", "1000"]) for _ in range(3)]
        pids = [child.pid for child in started]
        copy = os.fork()
        if not copy:
            os.fork()
            time.sleep(1000)
        pids.append(copy)
        with open(os.path.join(folder, "pids.new"), "w") as file:
            json.dump([*pids, os.getpid()], file)
        os.rename(os.path.join(folder, "pids.new"), os.path.join(folder, "pids"))

    def lambda_handler(event, context):
        children(event["folder"])
        exec(event["then"])
"""


@pytest.mark.parametrize(
    ("then", "error"),
    [
        ("time.sleep(1000)", FunctionTimedOut),
        ("os._exit(1)", FunctionCrashed),
        ("os.abort()", FunctionCrashed),
    ],
)
def test_children_end_with_their_function(
    run: Run, tmp_path: Path, then: str, error: type[FunctionError]
) -> None:
    async def main() -> None:
        async with running(tmp_path, FAMILY, timeout_s=1.0) as here:
            with pytest.raises(error):
                await here.call({"folder": str(tmp_path), "then": then})
            assert all(is_gone(pid) for pid in json.loads((tmp_path / "pids").read_text()))

    run(main())


def test_children_end_when_the_functions_are_stopped(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, FAMILY) as here:
            await here.call({"folder": str(tmp_path), "then": "0"})
            pids = json.loads((tmp_path / "pids").read_text())
            os.kill(pids[0], 0)
            await here.functions.stop()
            assert all(is_gone(pid) for pid in pids)

    run(main())


def test_a_fork_that_goes_on_and_on_is_ended(run: Run, tmp_path: Path) -> None:
    # Bounded, so that a broken kill harms only this test: 2 to the 6th processes.
    code = """
        import os, time
        def lambda_handler(event, context):
            for _ in range(6):
                os.fork()
            with open(f"{os.getpid()}.pid", "w"):
                pass
            time.sleep(1000)
    """

    async def main() -> None:
        async with running(tmp_path, code, timeout_s=1.0) as here:
            with pytest.raises(FunctionTimedOut):
                await here.call()
            pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
            assert len(pids) > 10
            assert all(is_gone(pid) for pid in pids)

    run(main())


GATEWAY = """
    import asyncio, sys
    from pathlib import Path
    from gateway.metrics import Metrics
    from gateway.services.functions import Functions, FunctionSettings, process

    async def main(folder, runner):
        if runner:
            process._RUNNER = Path(runner)
        functions = Functions(
            [FunctionSettings("f", folder / "f.py", timeout_s=900.0)],
            region="r", account="a", environment=dict, metrics=Metrics(),
        )
        event = '{{"folder": "{}", "then": {}}}'.format(folder, sys.argv[3])
        call = asyncio.create_task(functions.invoke("f", event.encode()))
        while not (folder / "pids").exists():
            await asyncio.sleep(0.005)
        print("called", flush=True)
        await call

    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def left_after_a_kill(folder: Path, then: str, runner: str = "") -> list[int]:
    """Kill a gateway during a call; return what it leaves of the function."""
    write(folder / "f.py", FAMILY)
    script = write(folder / "gateway_script.py", GATEWAY)
    gateway = subprocess.Popen(
        [sys.executable, str(script), str(folder), runner, json.dumps(then)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    )
    with gateway:
        assert gateway.stdout is not None
        assert gateway.stdout.readline() == b"called\n"
        gateway.kill()
    pids: list[int] = json.loads((folder / "pids").read_text())
    within_s = 0.5 if runner else 10.0
    return [pid for pid in pids if not is_gone(pid, within_s)]


@pytest.mark.parametrize(
    "then",
    [
        "time.sleep(1000)",
        "while True: pass",
        "import signal; signal.pthread_sigmask(signal.SIG_SETMASK, range(1, 65)); time.sleep(1000)",
    ],
)
def test_a_killed_gateway_leaves_nothing_of_a_function(tmp_path: Path, then: str) -> None:
    assert left_after_a_kill(tmp_path, then) == []


def test_without_the_lifeline_it_would(tmp_path: Path) -> None:
    from gateway.services.functions import runner

    text = Path(runner.__file__).read_text()
    broken = text.replace("    _hold_on_to(lifeline_fd)\n", "")
    assert broken != text
    (tmp_path / "runner.py").write_text(textwrap.dedent(broken))
    left = left_after_a_kill(tmp_path, "time.sleep(1000)", str(tmp_path / "runner.py"))
    try:
        assert left
    finally:
        for pid in left:
            os.killpg(os.getpgid(pid), signal.SIGKILL) if not is_gone(pid, 0.0) else None
