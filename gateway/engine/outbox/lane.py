"""A lane: the entries of one target, in their order, so many at a time.

Owns which of its entries are next, and which run or wait for another try. Knows nothing of what
running means, nor of what becomes of an entry. Only what runs is in memory; of the others, numbers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, final

from gateway.engine.outbox.job import Entry, SlowAction

__all__ = ["Lane", "LaneStatus"]

# Entries that wait for another try; beyond, no other begins until one of them has run again.
MAX_ASIDE: Final = 100

# What the entries that run may weigh before another begins beside them.
MAX_RUNNING_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """How one target is doing, for people.

    Attributes:
        target: The kind of action, a space, and who or what it is for.
        waiting: Entries that are not at an end.
        size_bytes: What they weigh.
        running: Entries that run now.
        retrying: Entries that wait for another try.
        last_failure: Why one failed last; empty if none did.
    """

    target: str
    waiting: int
    size_bytes: int
    running: int
    retrying: int
    last_failure: str


@final
class Lane:
    """The entries for one target.

    Args:
        target: The kind of action, a space, and who or what it is for.
        action: What runs its entries.

    Attributes:
        waiting: Its entries that are not at an end.
        size_bytes: What they weigh.
        queued: The numbers of those that are next.
        position: The number of the last one that was queued.
        held: The numbers of those that have begun and are not at an end.
        attempts: Of those among them that wait for another try, which try is next.
        ready: Those whose wait is over.
        aside: The timers of the others.
        resting: The store takes nothing just now: none begins, so that order is kept.
        running: The tasks of those that run.
        running_bytes: What these weigh.
        last_failure: Why one failed last; empty if none did.
    """

    __slots__ = (
        "action",
        "aside",
        "attempts",
        "held",
        "last_failure",
        "position",
        "queued",
        "ready",
        "resting",
        "running",
        "running_bytes",
        "size_bytes",
        "target",
        "waiting",
    )

    def __init__(self, target: str, action: SlowAction) -> None:
        self.target = target
        self.action = action
        self.waiting = 0
        self.size_bytes = 0
        self.queued: deque[int] = deque()
        self.position = 0
        self.held: set[int] = set()
        self.attempts: dict[int, int] = {}
        self.ready: deque[int] = deque()
        self.aside: dict[int, asyncio.TimerHandle] = {}
        self.running: set[asyncio.Task[None]] = set()
        self.running_bytes = 0
        self.last_failure = ""
        self.resting = False

    @property
    def kind(self) -> str:
        """The kind of action."""
        return self.target.partition(" ")[0]

    @property
    def may_run(self) -> bool:
        """Whether another of its entries may begin now."""
        running = len(self.running)
        if not self.ready and len(self.attempts) >= MAX_ASIDE:
            return False  # those that failed come first
        return (
            not self.resting
            and running < self.action.concurrency
            and (not running or self.running_bytes < MAX_RUNNING_BYTES)
        )

    @property
    def unread(self) -> int:
        """How many of its entries are neither queued nor have begun."""
        return self.waiting - len(self.queued) - len(self.held)

    def begin(self, entry: Entry, task: asyncio.Task[None]) -> None:
        """Note that an entry runs."""
        self.held.add(entry.entry)
        self.running.add(task)
        self.running_bytes += entry.size_bytes

    def pause(self, entry: Entry, task: asyncio.Task[None]) -> None:
        """Note that an entry does not run any more; whether it is at an end is another matter."""
        self.running.discard(task)
        self.running_bytes -= entry.size_bytes

    def queue_again(self) -> None:
        """Forget what is next: the rows are not what they were."""
        self.queued.clear()
        self.position = 0

    def status(self) -> LaneStatus:
        """Return how it is doing."""
        return LaneStatus(
            self.target,
            self.waiting,
            self.size_bytes,
            len(self.running),
            len(self.aside) + len(self.ready),
            self.last_failure,
        )
