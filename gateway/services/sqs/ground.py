"""The ground of a queue: its counters, its transactions, and who is woken when.

Owns how a piece of work gets into the open batch, all or nothing, and the one timer that wakes
receivers. Names what standard and FIFO queues do differently inside the transaction; what a receive
or a delete is, is `queue`'s business.

The counters in memory are those of the open batch. A failed batch, and all that gathered behind it,
never happened: `reload` reads what was committed.
"""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.batch import INSERT_MESSAGE, SharedParts
from gateway.services.sqs.dead_letters import Letter
from gateway.services.sqs.errors import QueueDoesNotExist
from gateway.services.sqs.messages import Received
from gateway.services.sqs.names import SEQUENCE_BITS
from gateway.services.sqs.polling import Waiters
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.sealing.bodies import QueueBodies
from gateway.services.sqs.state import NEVER_MS, QueueState
from gateway.services.sqs.taking import Take, keep_origin

__all__ = ["QueueGround"]

Result = TypeVar("Result")

# A timer that fires a moment early looks once more, but never in a circle.
_SHORTEST_TIMER_S: Final = 0.001


class QueueGround(ABC):
    """What a queue stands on.

    Args:
        record: Its name, number and attributes.
        state: Its counters as they were committed.
        parts: What all queues share.

    Attributes:
        bodies: Seals and opens its messages' bodies.
        record: Its name, number and attributes.
    """

    __slots__ = (
        "_deleted",
        "_first_row",
        "_parts",
        "_purged_before",
        "_state",
        "_store",
        "_timer",
        "_timer_at_ms",
        "_waiters",
        "bodies",
        "record",
    )

    # What one message weighs against what may join a batch.
    _weight = 1

    def __init__(self, record: QueueRecord, state: QueueState, parts: SharedParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._state = state
        self._waiters = Waiters(parts.wait_limit)
        self._first_row = record.number << SEQUENCE_BITS
        self._deleted = False
        self._purged_before = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ms = NEVER_MS
        self.bodies = QueueBodies(parts.keys, record.uid)
        self.configure(record)

    def configure(self, record: QueueRecord) -> None:
        """Take over a changed record."""
        self.record = record
        self.bodies.configure(record.attributes)

    @property
    def attributes(self) -> QueueAttributes:
        """What can be set of it."""
        return self.record.attributes

    def reload(self) -> None:
        """Read the counters as they were committed: the open batch never happened."""
        self._state.load(self._store.reader)

    def mark_deleted(self) -> None:
        """Refuse everything from now on, and tell those who wait."""
        self._deleted = True
        self._waiters.wake_all()
        if self._timer is not None:
            self._timer.cancel()

    def wake_all(self) -> None:
        """Let all receivers that wait look again."""
        self._waiters.wake_all()

    def wake_due(self) -> None:
        """Wake receivers for what has become visible by now; the timer's callback."""
        self._timer = None
        self._timer_at_ms = NEVER_MS
        now_ms = self._parts.clock.gateway_ms()
        if self._next_due_ms() <= now_ms:
            self._waiters.wake(self._due_count(now_ms))
        if self._waiters:
            self._arm_timer()

    # --- inside the transaction: what the two kinds of queue do differently ----------------------

    @abstractmethod
    def remove_rows(
        self, connection: sqlite3.Connection, row_ids: Iterable[int], now_ms: int
    ) -> int:
        """Remove messages with all that is kept of them; return how many there were."""

    @abstractmethod
    def _take_letter(
        self, connection: sqlite3.Connection, letter: Letter, now_ms: int, *, as_itself: bool
    ) -> tuple[int, int]:
        """Write down a message of another queue; return its row, and when it was sent.

        Args:
            connection: The store's, inside its transaction.
            letter: The message.
            now_ms: Gateway time.
            as_itself: It comes as a dead letter; otherwise as one that is sent now.
        """

    @abstractmethod
    def _take_rows(self, connection: sqlite3.Connection, asked: Take) -> list[Received]: ...

    @abstractmethod
    def _delete(
        self, connection: sqlite3.Connection, row_id: int, nonce: bytes, now_ms: int
    ) -> bool: ...

    @abstractmethod
    def _change_visibility(
        self,
        connection: sqlite3.Connection,
        row_id: int,
        nonce: bytes,
        timeout_ms: int,
        now_ms: int,
    ) -> None: ...

    @abstractmethod
    def _let_go(
        self, connection: sqlite3.Connection, received: Sequence[Received], now_ms: int
    ) -> int: ...

    # --- time ------------------------------------------------------------------------------------

    @abstractmethod
    def _may_have(self, now_ms: int) -> bool:
        """Tell whether a receive might find something; False is certain."""

    @abstractmethod
    def _next_due_ms(self) -> int:
        """Return when the next message becomes receivable that is not yet."""

    @abstractmethod
    def _due_count(self, now_ms: int) -> int:
        """Return how many receivers there may be something for."""

    def _settle(self, connection: sqlite3.Connection, now_ms: int) -> None:
        """Let the counters follow time, as far as they may."""
        self._state.settle(connection, min(now_ms, self._settle_limit_ms()))

    def _settle_limit_ms(self) -> int:
        """Return up to when the counters may follow time."""
        return NEVER_MS

    def _pending_ms(self) -> int:
        """Return when the earliest delayed message becomes visible that has no row yet."""
        return NEVER_MS

    # --- taking in what comes from another queue -------------------------------------------------

    def take_in(
        self,
        connection: sqlite3.Connection,
        letter: Letter,
        received: tuple[int, int | None],
        now_ms: int,
    ) -> None:
        """Take in a message as itself, of a queue whose dead-letter queue this is; visible now.

        Args:
            connection: The store's, inside its transaction.
            letter: The message.
            received: How often it has been received, and the wall time of the first.
            now_ms: Gateway time.
        """
        # Nobody may ever ask this queue for anything: what comes in must not count as in flight.
        self._settle(connection, now_ms)
        row_id, sent_gateway_ms = self._take_letter(connection, letter, now_ms, as_itself=True)
        keep_origin(
            connection,
            self._state,
            row_id,
            letter,
            received=received,
            sent_gateway_ms=sent_gateway_ms,
            now_ms=now_ms,
        )

    def take_in_as_new(self, connection: sqlite3.Connection, letter: Letter, now_ms: int) -> None:
        """Take in a message of another queue as one that is sent now."""
        letter.sent_wall_ms, letter.flags = self._parts.clock.wall_ms(), self._parts.flags()
        self._take_letter(connection, letter, now_ms, as_itself=False)

    def _insert_letter(
        self, connection: sqlite3.Connection, letter: Letter, row_id: int, sent_gateway_ms: int
    ) -> None:
        self._count_row()
        body, sealed = self.bodies.keep(row_id, letter.body, letter.came_from)
        connection.execute(
            INSERT_MESSAGE,
            (
                row_id,
                sent_gateway_ms,
                letter.sent_wall_ms,
                letter.flags | sealed,
                letter.sender,
                letter.attributes,
                body,
            ),
        )

    def _count_row(self) -> None:
        self._state.next_sequence += 1
        self._state.messages += 1

    # --- inside ----------------------------------------------------------------------------------

    def _execute(
        self,
        work: Callable[[sqlite3.Connection, int], Result],
        other: QueueGround | None = None,
        *,
        adds_bytes: int = 0,
    ) -> asyncio.Future[Result]:
        """Run `work` in the open batch, all or nothing, and have the counters written.

        Args:
            work: Gets the connection and gateway time.
            other: Another queue that it may change, too.
            adds_bytes: What it adds; 0 for what is always admitted.
        """
        if self._deleted:
            raise QueueDoesNotExist
        states = [self._state] if other is None else [self._state, other._state]

        def operation(connection: sqlite3.Connection) -> Result:
            if self._deleted:
                raise QueueDoesNotExist
            before = [state.values() for state in states]
            try:
                now_ms = self._parts.clock.gateway_ms()
                self._settle(connection, now_ms)
                result = work(connection, now_ms)
                for state, values in zip(states, before, strict=True):
                    if state.values() != values:
                        state.save(connection)
            except BaseException:
                for state, values in zip(states, before, strict=True):
                    state.restore(values)
                raise
            return result

        future = self._store.execute(operation, adds_bytes=adds_bytes)
        future.add_done_callback(self._after_operation)
        if other is not None:
            future.add_done_callback(other._after_operation)
        return future

    async def _execute_in_turn(
        self,
        work: Callable[[sqlite3.Connection, int], Result],
        messages: int,
        other: QueueGround | None = None,
        *,
        adds_bytes: int = 0,
    ) -> asyncio.Future[Result]:
        """Wait until the open batch has place for so many messages, then `_execute`."""
        weight = messages * self._weight
        await self._parts.turn(weight)
        future = self._execute(work, other, adds_bytes=adds_bytes)
        self._parts.joined(weight)
        return future

    def _after_operation(self, future: asyncio.Future[Result]) -> None:
        # Asking for the exception also keeps asyncio from logging that nobody did.
        if future.cancelled() or future.exception() is not None or not self._waiters:
            return
        self._arm_timer()

    def _arm_timer(self) -> None:
        """Have receivers woken when the next hidden message becomes visible, or is already."""
        at_ms = self._next_due_ms()
        if at_ms == NEVER_MS or at_ms >= self._timer_at_ms or self._deleted:
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max((at_ms - self._parts.clock.gateway_ms()) / 1000, _SHORTEST_TIMER_S)
        self._timer_at_ms = at_ms
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.wake_due)
