"""A lane: the entries of one target, in their order, so many at a time.

Owns which entries are in memory and which of them run. Knows nothing of what running means, nor of
what becomes of an entry.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import final

from gateway.engine.outbox.job import Entry, SlowAction

__all__ = ["Lane"]


@final
class Lane:
    """The entries for one target.

    Args:
        target: The kind of action, a space, and who or what it is for.
        action: What runs its entries.

    Attributes:
        waiting: Its entries on disk or about to be, those in memory included.
        size_bytes: What they weigh.
        loaded: Entries that were read and have not begun.
        position: The number of the last entry that was read.
        held: The numbers of the entries that run or were set aside.
        running: Those that run.
        last_failure: Why one failed last; empty if none did.
    """

    __slots__ = (
        "action",
        "aside",
        "held",
        "last_failure",
        "loaded",
        "position",
        "ready",
        "running",
        "size_bytes",
        "target",
        "waiting",
    )

    def __init__(self, target: str, action: SlowAction) -> None:
        self.target = target
        self.action = action
        self.waiting = 0
        self.size_bytes = 0
        self.loaded: deque[Entry] = deque()
        self.ready: deque[Entry] = deque()  # were set aside, and may run again
        self.position = 0
        self.held: set[int] = set()
        self.running: set[asyncio.Task[None]] = set()
        self.aside: dict[int, asyncio.TimerHandle] = {}
        self.last_failure = ""

    @property
    def kind(self) -> str:
        """The kind of action."""
        return self.target.partition(" ")[0]

    @property
    def may_run(self) -> int:
        """How many more of its entries may begin now."""
        return self.action.concurrency - len(self.running)

    @property
    def unread(self) -> int:
        """How many of its entries are not in memory."""
        return self.waiting - len(self.loaded) - len(self.held)

    def read_again(self) -> None:
        """Forget what was read and has not begun: the rows are not what they were."""
        for entry in self.loaded:
            entry.job.held -= 1
        self.loaded.clear()
        self.position = 0
