"""What the tests of traces share: an engine whose messages can be asked about."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.rig.traced_rules import TracedRules, traced_rules


@pytest.fixture
def with_rules(
    tmp_path: Path, run: Callable[[Coroutine[Any, Any, None]], None]
) -> Callable[[Callable[[TracedRules], Coroutine[Any, Any, None]]], None]:
    """Run a coroutine with an engine."""

    def within(main: Callable[[TracedRules], Coroutine[Any, Any, None]]) -> None:
        async def inside() -> None:
            async with traced_rules(tmp_path) as here:
                await main(here)

        run(inside())

    return within
