"""What tests of the broker stand on: a bench of their own, one per test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from tests.rig.mqtt_bench import Bench, open_bench

Talk = Callable[[Bench], Awaitable[None]]


@pytest.fixture
def on_bench(run: Callable[[Any], None], tmp_path: Path) -> Callable[..., None]:
    """Run a conversation with a new broker; keywords are settings of `[mqtt]`."""

    def play(talk: Talk, **settings: Any) -> None:
        async def main() -> None:
            async with open_bench(tmp_path, settings=MqttSettings(**settings)) as bench:
                await talk(bench)

        run(main())

    return play
