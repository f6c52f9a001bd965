"""What a handler and its file can get wrong without any process crashing."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.services.functions import (
    FunctionAnswerTooLarge,
    FunctionCrashed,
    FunctionError,
    FunctionFailed,
    FunctionQuarantined,
    PayloadRefused,
    Timing,
)
from gateway.services.functions.settings import MAX_PAYLOAD_BYTES
from tests.gateway.services.functions.running import running

Run = Callable[[Coroutine[Any, Any, None]], None]

ECHO = "def lambda_handler(event, context): return event"


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        ("raise ValueError('no bench ' + event)", "ValueError", "no bench 7"),
        ("return {}['x']", "KeyError", "'x'"),
        ("return {1, 2}", "Runtime.MarshalError", "Object of type set is not JSON serializable"),
        ("return {b'x': 1}", "Runtime.MarshalError", "keys must be str"),
        ("a = []; a.append(a); return a", "Runtime.MarshalError", "Circular reference"),
        ("return lambda_handler(event, context)", "RecursionError", "recursion"),
        ("raise type('Odd', (Exception,), {'__str__': None})()", "Odd", "cannot be shown"),
        ("raise ValueError('x' * 10**6)", "ValueError", "xxx"),
    ],
)
def test_what_a_handler_raises_is_told_and_its_process_goes_on(
    run: Run, tmp_path: Path, body: str, error_type: str, message: str
) -> None:
    code = f"""
        def lambda_handler(event, context):
            if event == "fine":
                return 1
            {body}
    """

    async def main() -> None:
        async with running(tmp_path, code) as here:
            assert await here.call("fine") == 1
            pid = here.pid
            for _ in range(3):
                with pytest.raises(FunctionFailed) as caught:
                    await here.call("7")
                error = caught.value
                assert error.error_type == error_type
                assert message in error.error_message
                assert 'the function "f" raised' in str(error)
                assert len(str(error)) < 1500
                assert error.may_retry
            if not error_type.startswith("Runtime."):
                assert re.search(r"f\.py:\d+", str(caught.value))
            assert await here.call("fine") == 1
            assert here.pid == pid
            assert (here.status.failed, here.status.restarts) == (3, 0)
            assert message in here.status.last_error

    run(main())


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import no_such_module", r"ModuleNotFoundError: No module .*f\.py:1"),
        ("x = 1\ndef lambda_handler(:", r"SyntaxError: .*f\.py:2"),
        ("\n\nraise RuntimeError('at import')", r"RuntimeError: at import \(.*f\.py:3"),
        ("def handler(event, context): pass", r"HandlerNotFound: .* no function lambda_handler"),
        ("lambda_handler = 7", r"HandlerNotFound"),
        ("\0", r"f\.py"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_with_its_line(
    run: Run, tmp_path: Path, code: str, told: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, code) as here:
            for _ in range(2):
                with pytest.raises(FunctionFailed, match=told) as caught:
                    await here.call()
            assert "cannot be imported" in str(caught.value)
            assert here.functions.pids() == {}

            here.rewrite(ECHO)
            assert await here.call(1) == 1, "what was corrected is called at once"

    run(main())


def test_a_missing_file_and_a_missing_folder(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, ECHO) as here:
            here.file.unlink()
            with pytest.raises(FunctionFailed, match="FileNotFoundError"):
                await here.call()
        gone = tmp_path / "gone"
        gone.mkdir()
        async with running(gone, ECHO) as here:
            here.file.unlink()
            gone.rmdir()
            with pytest.raises(FunctionFailed, match="FileNotFoundError"):
                await here.call()

    run(main())


def test_a_file_that_was_written_anew_is_in_force_at_the_next_call(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with running(tmp_path, "def lambda_handler(e, c): return 1") as here:
            assert await here.call() == 1
            here.rewrite("def lambda_handler(e, c): return 22")
            assert await here.call() == 22
            assert here.status.restarts == 0

    run(main())


def test_a_corrected_file_ends_the_rest(run: Run, tmp_path: Path) -> None:
    timing = Timing(first_rest_s=1000.0, longest_rest_s=1000.0)

    async def main() -> None:
        async with running(tmp_path, "import nothing_like_it", timing=timing) as here:
            for _ in range(2):
                with pytest.raises(FunctionFailed):
                    await here.call()
            with pytest.raises(FunctionQuarantined) as caught:
                await here.call()
            assert "nothing_like_it" in str(caught.value)
            assert here.status.state == "quarantined"
            here.rewrite(ECHO)
            assert await here.call(5) == 5

    run(main())


@pytest.mark.parametrize("payload", [b"", b"\xff\x00", b"{", b"[" * 100_000, b"1 2"])
def test_a_payload_that_is_no_json_is_refused(run: Run, tmp_path: Path, payload: bytes) -> None:
    async def main() -> None:
        async with running(tmp_path, ECHO) as here:
            with pytest.raises(PayloadRefused) as caught:
                await here.raw(payload)
            assert not caught.value.may_retry
            assert await here.call(1) == 1
            assert here.status.restarts == 0

    run(main())


def test_a_payload_that_is_too_large_is_refused_before_anything_starts(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with running(tmp_path, ECHO) as here:
            with pytest.raises(PayloadRefused):
                await here.raw(b"1" * (MAX_PAYLOAD_BYTES + 1))
            assert here.functions.pids() == {}

    run(main())


def test_an_answer_has_a_limit(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, ECHO, max_answer_bytes=100) as here:
            assert await here.call("x" * 98) == "x" * 98
            with pytest.raises(FunctionAnswerTooLarge, match="101 bytes"):
                await here.call("x" * 99)
            assert await here.call(1) == 1
            assert here.status.restarts == 0

    run(main())


GARBAGE = """
    import os, socket, stat
    def lambda_handler(event, context):
        if event == "fine":
            return 1
        for fd in range(3, 64):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.write(fd, eval(event))
            except OSError:
                pass
        return 1
"""


@pytest.mark.parametrize(
    "written",
    [
        "b'x' * 100",
        "b'\\0\\0\\0\\2\\0\\0\\0\\0[]'",
        "b'\\0\\0\\0\\2\\0\\0\\0\\0{}'",
        "b'\\0\\0\\0\\2\\xff\\0\\0\\0{}'",
        "b'\\0\\0\\0\\4\\0\\0\\0\\0nope'",
        "b'\\0\\0\\0\\x0a\\0\\0\\0\\0{\"seq\": 9}'",
    ],
)
def test_what_is_no_answer_ends_the_process_and_nothing_else(
    run: Run, tmp_path: Path, written: str
) -> None:
    async def main() -> None:
        async with running(tmp_path, GARBAGE) as here:
            with pytest.raises(FunctionCrashed, match="no answer") as caught:
                await here.call(written)
            assert isinstance(caught.value, FunctionError)
            assert await here.call("fine") == 1
            assert here.status.restarts == 1

    run(main())


def test_a_handler_that_forks_and_returns_twice_answers_once(run: Run, tmp_path: Path) -> None:
    code = """
        import os
        def lambda_handler(event, context):
            if event == "fork":
                os.fork()
            return [os.getpid(), event]
    """

    async def main() -> None:
        async with running(tmp_path, code) as here:
            assert await here.call("fork") == [here.pid, "fork"]
            assert await here.call("fine") == [here.pid, "fine"]

    run(main())
