"""What functions report: each one's state, and what all of them count together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from gateway.metrics import Counter, Metrics

__all__ = ["FunctionCounters", "FunctionStatus"]


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """A function as people see it.

    Attributes:
        name: Its name.
        file: Its file.
        state: `idle` (no process), `starting`, `ready` (a process waits), `running` or
            `quarantined`.
        calls: Calls that were answered or failed since the gateway started.
        failed: How many of them failed.
        restarts: Processes started in place of one that crashed.
        waiting: Calls that wait for their turn.
        last_error: The last failure's sentence; empty for none.
    """

    name: str
    file: Path
    state: str
    calls: int
    failed: int
    restarts: int
    waiting: int
    last_error: str


@final
class FunctionCounters:
    """What all functions of a gateway count together."""

    __slots__ = ("calls", "crashed", "failed", "lines_left_out", "restarts", "timed_out")

    def __init__(self, metrics: Metrics) -> None:
        self.calls: Counter = metrics.counter("lambda.calls", "calls answered or failed")
        self.failed = metrics.counter("lambda.failed", "calls that failed, for any reason")
        self.timed_out = metrics.counter("lambda.timed_out", "calls or starts that took too long")
        self.crashed = metrics.counter("lambda.crashed", "processes that ended or broke in a call")
        self.restarts = metrics.counter("lambda.restarts", "processes started after a crash")
        self.lines_left_out = metrics.counter(
            "lambda.lines_left_out", "printed lines beyond what is logged a second"
        )
