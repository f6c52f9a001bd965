"""Functions of a test: files, settings, and the engine that runs them."""

from __future__ import annotations

import asyncio
import json
import os
import select
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.metrics import Metrics
from gateway.services.functions import Functions, FunctionSettings, FunctionStatus, Timing

ACCOUNT = "000000000000"
REGION = "eu-central-1"
PATIENCE_S = 20.0

QUICK = Timing(first_rest_s=0.001, longest_rest_s=0.004)
"""Rests so short that a test hardly notices them."""


class Bench:
    """One function named `f`, called with Python values."""

    def __init__(self, functions: Functions, metrics: Metrics, file: Path) -> None:
        self.functions = functions
        self.metrics = metrics
        self.file = file

    async def call(self, event: Any = None, function: str = "f", **options: Any) -> Any:
        return json.loads(await self.raw(json.dumps(event).encode(), function, **options))

    async def raw(self, payload: bytes, function: str = "f", **options: Any) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.functions.invoke(function, payload, **options)

    def rewrite(self, code: str) -> None:
        write(self.file, code)

    @property
    def status(self) -> FunctionStatus:
        (status,) = self.functions.status()
        return status

    @property
    def pid(self) -> int:
        return self.functions.pids()["f"]

    def count(self, name: str) -> float:
        return self.metrics.snapshot()[f"lambda.{name}"]


def write(file: Path, code: str) -> Path:
    beside = file.with_suffix(".new")
    beside.write_text(textwrap.dedent(code))
    beside.rename(file)
    return file


@asynccontextmanager
async def running(
    folder: Path,
    code: str,
    *,
    environment: Mapping[str, str] | None = None,
    monotonic_s: Callable[[], float] = time.monotonic,
    timing: Timing = QUICK,
    variables: tuple[str, ...] = (),
    **settings: Any,
) -> AsyncIterator[Bench]:
    file = write(folder / "f.py", code)
    declared = FunctionSettings("f", file, environment=variables, **settings)
    assert declared.problems() == []
    metrics = Metrics()
    functions = Functions(
        [declared],
        region=REGION,
        account=ACCOUNT,
        environment=lambda: environment or {},
        metrics=metrics,
        monotonic_s=monotonic_s,
        timing=timing,
    )
    try:
        yield Bench(functions, metrics, file)
    finally:
        await functions.stop()
        assert functions.pids() == {}


def is_gone(pid: int, within_s: float = PATIENCE_S) -> bool:
    """Wait until a process has ended; returns whether it has."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], within_s)[0])
    finally:
        os.close(fd)
