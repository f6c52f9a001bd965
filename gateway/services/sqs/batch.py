"""What all queues share: the store, the clock, the statements, the counters for people.

Owns the one INSERT per message (all queues' rows of a batch are executed together) and waiting for
room in the store. Knows nothing of a single queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.services.sqs.polling import WaitLimit
from gateway.store import Insert, Store
from gateway.store.encryption import KeyRing

if TYPE_CHECKING:  # for the type of a callable; queues are made with these parts
    from gateway.services.sqs.queue import Queue

__all__ = ["INSERT_MESSAGE", "MAX_WAITING", "ROW_BYTES", "WALL_TRUSTED", "SharedParts"]

INSERT_MESSAGE: Final = "INSERT INTO sqs_message VALUES (?, ?, ?, ?, ?, ?, ?)"
"""All that a fresh message costs on disk; the order is the table's (migration 0002)."""

WALL_TRUSTED: Final = 1
"""The bit of a message's flags that says that its wall time was to be believed."""

ROW_BYTES: Final = 64
"""What a message weighs in the store beside its body and attributes."""

# What may join one batch of what is looked up row by row, in messages of a standard queue: about
# 2 ms of the event loop on a desktop-class core. Plain sends are not counted, they cost far less.
MAX_TURNS: Final = 160

MAX_WAITING: Final = 384
"""How many receives may wait at once: three quarters of the connections that an endpoint takes by
default, for each has one to itself."""


@final
class SharedParts:
    """One per service, shared by its queues.

    Args:
        store: Where messages are kept.
        clock: Gateway time and wall time.
        metrics: Where the counters `sqs.…` live.
        keys: What bodies of encrypted queues are sealed with.
        max_waiting: How many receives may wait at once.

    Attributes:
        find_queue: Finds a queue by its name; the service sets it.
    """

    __slots__ = (
        "_next_turn",
        "_room",
        "_turn_batch",
        "_turns",
        "clock",
        "damaged",
        "dead_lettered",
        "deduplicated",
        "deleted",
        "expired",
        "find_queue",
        "hidden",
        "keys",
        "messages",
        "received",
        "released",
        "sent",
        "store",
        "wait_limit",
    )

    def __init__(
        self, store: Store, clock: Clock, metrics: Metrics, keys: KeyRing, max_waiting: int
    ) -> None:
        self.store = store
        self.clock = clock
        self.keys = keys
        self.messages = Insert(INSERT_MESSAGE)
        self.hidden = Insert("INSERT INTO sqs_hidden VALUES (?, ?, ?, 0, NULL, NULL, NULL)")
        self.wait_limit = WaitLimit(max_waiting)
        self.find_queue: Callable[[str], Queue | None] = lambda name: None
        self._room: asyncio.Future[None] | None = None
        self._next_turn: asyncio.Future[None] | None = None
        self._turn_batch = 0
        self._turns = 0
        self.sent = metrics.counter("sqs.sent", "messages sent to queues")
        self.received = metrics.counter("sqs.received", "messages given to receivers")
        self.deleted = metrics.counter("sqs.deleted", "messages deleted by receivers")
        self.released = metrics.counter(
            "sqs.released", "messages visible again because their receiver had gone"
        )
        self.expired = metrics.counter("sqs.expired", "messages removed after their retention")
        self.dead_lettered = metrics.counter(
            "sqs.dead_lettered", "messages moved to a dead-letter queue"
        )
        self.deduplicated = metrics.counter(
            "sqs.deduplicated", "messages of FIFO queues that had been sent within five minutes"
        )
        self.damaged = metrics.counter(
            "sqs.damaged", "receives of messages whose sealed body does not open any more"
        )
        metrics.gauge("sqs.waiting_receives", lambda: self.wait_limit.waiting)

    def flags(self) -> int:
        """Return the flags of a message that is sent now."""
        return WALL_TRUSTED if self.clock.wall_trusted else 0

    async def room(self) -> None:
        """Wait until less is gathered in the store than its admission limit."""
        while self.store.congested:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    async def turn(self, weight: int) -> None:
        """Wait until the open batch has place for more work, which must join it at once.

        However many ask at the same time, the event loop is not held up for longer. What has joined
        is told to `joined`: who is refused by the store takes no place.

        Args:
            weight: In messages of a standard queue.
        """
        while self._joined_weight() and self._turns + weight > MAX_TURNS:
            if self._next_turn is None:
                self._next_turn = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next_turn)

    def joined(self, weight: int) -> None:
        """Count work that has joined the open batch after its `turn`."""
        self._turns = self._joined_weight() + weight

    def _joined_weight(self) -> int:
        if self._turn_batch != self.store.batch:
            self._turn_batch, self._turns = self.store.batch, 0
        return self._turns

    def after_commit(self) -> None:
        """Let those go on who wait for room or for their turn; the store's hook."""
        if self._next_turn is not None:
            self._next_turn.set_result(None)
            self._next_turn = None
        if self._room is not None and not self.store.congested:
            self._room.set_result(None)
            self._room = None
