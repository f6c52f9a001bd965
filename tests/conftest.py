"""What tests of several packages share: an event loop to run in, clocks that can be set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.rig.fake_time import FakeTime

Main = Coroutine[Any, Any, None]


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let output be as wide as it is into a file; a runner of tests may set its own width."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run() -> Callable[[Main], None]:
    """Run a coroutine on a new event loop; what escapes into the loop fails the test."""
    return lambda main: _run(main, asyncio.new_event_loop)


@pytest.fixture(params=["asyncio", "uvloop"])
def run_on_both_loops(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    """Like `run`, once on plain asyncio and once on uvloop."""
    if request.param == "asyncio":
        return lambda main: _run(main, asyncio.new_event_loop)
    import uvloop

    return lambda main: _run(main, uvloop.new_event_loop)


def _run(main: Main, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    escaped: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop().set_exception_handler(lambda loop, context: escaped.append(context))
        runner.run(main)
    assert not escaped, f"escaped into the event loop: {escaped}"


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()
