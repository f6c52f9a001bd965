"""What all queues share: the store, the clock, the statements, the counters for people.

Owns the one INSERT per message (all queues' rows of a batch are executed together) and waiting for
room in the store. Knows nothing of a single queue.
"""

from __future__ import annotations

import asyncio
from typing import Final, final

from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.services.sqs.polling import WaitLimit
from gateway.store import Insert, Store

__all__ = ["INSERT_MESSAGE", "ROW_BYTES", "SharedParts"]

INSERT_MESSAGE: Final = "INSERT INTO sqs_message VALUES (?, ?, ?, ?, ?, ?, ?)"
"""All that a fresh message costs on disk; the order is the table's (migration 0002)."""

ROW_BYTES: Final = 64
"""What a message weighs in the store beside its body and attributes."""

# Waiting receives hold a connection and a few hundred bytes each.
MAX_WAITING: Final = 1000


@final
class SharedParts:
    """One per service, shared by its queues.

    Args:
        store: Where messages are kept.
        clock: Gateway time and wall time.
        metrics: Where the counters `sqs.…` live.
    """

    __slots__ = (
        "_room",
        "clock",
        "deleted",
        "expired",
        "hidden",
        "messages",
        "received",
        "released",
        "sent",
        "store",
        "wait_limit",
    )

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self.store = store
        self.clock = clock
        self.messages = Insert(INSERT_MESSAGE)
        self.hidden = Insert("INSERT INTO sqs_hidden VALUES (?, ?, ?, 0, NULL, NULL, NULL)")
        self.wait_limit = WaitLimit(MAX_WAITING)
        self._room: asyncio.Future[None] | None = None
        self.sent = metrics.counter("sqs.sent", "messages sent to queues")
        self.received = metrics.counter("sqs.received", "messages given to receivers")
        self.deleted = metrics.counter("sqs.deleted", "messages deleted by receivers")
        self.released = metrics.counter(
            "sqs.released", "messages visible again because their receiver had gone"
        )
        self.expired = metrics.counter("sqs.expired", "messages removed after their retention")
        metrics.gauge("sqs.waiting_receives", lambda: self.wait_limit.waiting)

    async def room(self) -> None:
        """Wait until less is gathered in the store than its admission limit."""
        while self.store.congested:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def after_commit(self) -> None:
        """Let those go on who wait for room; the store's hook."""
        if self._room is not None and not self.store.congested:
            self._room.set_result(None)
            self._room = None
