"""What a function prints comes into the log, within bounds, and holds nobody up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.services.functions.running import PATIENCE_S, is_gone, running

Run = Callable[[Coroutine[Any, Any, None]], None]

LOGGER = "gateway.services.functions.output"

CODE = """
    import logging, os, subprocess, sys
    def lambda_handler(event, context):
        exec(event)
"""


@pytest.fixture
def printed(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOGGER)
    return caplog


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        ("print('one'); print('two')", ["f: one", "f: two"]),
        ("print('no end', end='')", ["f: no end"]),
        ("sys.stderr.write('wrong\\n')", ["f: wrong"]),
        ("logging.getLogger('mine').error('x %d', 5)", ["f: [ERROR] mine: x 5"]),
        ("subprocess.run(['echo', 'child'])", ["f: child"]),
        ("print('a\\x1b[31mb\\tc\\rd\\x00\\x9b')", ["f: a\\x1b[31mb\tc\\x0dd\\x00\\x9b"]),
        ("os.write(1, b'\\xff\\n')", ["f: \\xff"]),
        ("print('\\ud800')", ["f: \\ud800"]),
        ("print('x' * 5000); print('y')", ["f: " + "x" * 2000 + " … (cut)", "f: y"]),
        ("print('x' * 3_000_000); print('y')", ["f: " + "x" * 2000 + " … (cut)", "f: y"]),
    ],
)
def test_lines_come_into_the_log(
    run: Run, tmp_path: Path, printed: pytest.LogCaptureFixture, event: str, lines: list[str]
) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE, timeout_s=PATIENCE_S) as here:
            await here.call(event)

    run(main())
    assert [record.getMessage() for record in printed.records if record.name == LOGGER] == lines


def test_a_traceback_comes_into_the_log(
    run: Run, tmp_path: Path, printed: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE) as here:
            with pytest.raises(Exception, match="bench is gone"):
                await here.call("raise ValueError('the bench is gone')")

    run(main())
    assert "f: ValueError: the bench is gone" in printed.messages
    assert "f: Traceback (most recent call last):" in printed.messages


@pytest.mark.parametrize(
    "event",
    [
        "for number in range(300_000): print('line', number)",
        "print('\\n' * 20_000_000)",
        "print('x' * 20_000_000)",
    ],
)
def test_megabytes_neither_block_the_function_nor_fill_the_log(
    run_on_both_loops: Run, tmp_path: Path, printed: pytest.LogCaptureFixture, event: str
) -> None:
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        clock = asyncio.get_running_loop().time
        while True:
            before = clock()
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, clock() - before)

    async def main() -> None:
        async with running(tmp_path, CODE, timeout_s=PATIENCE_S) as here:
            await here.call("0")
            watching = asyncio.create_task(watch())
            await here.call(event)
            watching.cancel()
            await asyncio.wait({watching})
            if "print('x'" not in event:
                assert here.count("lines_left_out") > 100_000

    run_on_both_loops(main())
    assert len(printed.records) < 2000
    assert longest_s < 0.5
    if "print('x'" not in event:
        assert any("lines left out" in message for message in printed.messages)


def test_a_child_that_keeps_printing_after_the_call_ends_with_the_functions(
    run: Run, tmp_path: Path, printed: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(tmp_path, CODE) as here:
            await here.call("open('child', 'w').write(str(subprocess.Popen(['yes']).pid))")
            async with asyncio.timeout(PATIENCE_S):
                while not here.count("lines_left_out"):
                    await here.call("0")
            pids = [here.pid, int((tmp_path / "child").read_text())]
            await here.functions.stop()
            assert all(is_gone(pid, 0.5) for pid in pids)

    run(main())
