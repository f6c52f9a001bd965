"""A slow action that does what a test says: it waits, fails, or succeeds, and remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gateway.engine.failures import ActionFailed
from gateway.engine.outbox import NewJob
from tests.gateway.engine.running import rule

Behaviour = Callable[[bytes, int], None]


def slow(target: str = "f") -> dict[str, Any]:
    """An action that the outbox runs; its target is named."""
    return {"lambda": {"functionArn": target}}


def slow_rule(*actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A rule for `bench/+` with these actions."""
    return rule("SELECT * FROM 'bench/+'", *actions, **more)


class Scripted:
    """Stands for functions: a target's gate holds its calls back until it is opened.

    Attributes:
        calls: Every call that began: target, payload, attempt.
        done: Every call that succeeded: target, payload.
        most: How many of one target ran at once, at most.
    """

    def __init__(self, behaviour: Behaviour | None = None, concurrency: int = 1) -> None:
        self.concurrency = concurrency
        self.calls: list[tuple[str, bytes, int]] = []
        self.done: list[tuple[str, bytes]] = []
        self.most: dict[str, int] = {}
        self._behaviour = behaviour
        self._gates: dict[str, asyncio.Event] = {}
        self._running: dict[str, int] = {}
        self._began = asyncio.Event()

    def close(self, *targets: str) -> None:
        """Hold the calls of these targets back."""
        for target in targets:
            self._gates[target] = asyncio.Event()

    def open(self, target: str) -> None:
        """Let the calls of a target go on."""
        self._gates.pop(target).set()

    async def began(self, count: int) -> None:
        """Wait until so many calls have begun, ever."""
        async with asyncio.timeout(10):
            while len(self.calls) < count:
                self._began.clear()
                await self._began.wait()

    def target(self, parameters: Mapping[str, object]) -> str:
        """Return the target; `nobody` is none."""
        name = str(parameters["functionArn"])
        if name == "nobody":
            raise ActionFailed("there is nobody", hint="Ask somebody.")
        return name

    async def run(
        self, parameters: Mapping[str, object], payload: bytes, attempt: int, job: NewJob
    ) -> None:
        """Run one call."""
        assert job.trace_id
        name = self.target(parameters)
        self.calls.append((name, payload, attempt))
        self._began.set()
        self._running[name] = self._running.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self._running[name])
        try:
            gate = self._gates.get(name)
            if gate is not None:
                await gate.wait()
            if self._behaviour is not None:
                self._behaviour(payload, attempt)
            self.done.append((name, payload))
        finally:
            self._running[name] -= 1
