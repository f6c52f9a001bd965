"""Answers of one connection: in the order of what they answer, each after the commit it hangs on.

Owns what has been taken and not yet answered. An answer on which nothing durable hangs leaves at
once, unless one before it still waits for its commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, final

from gateway.broker.outlet import Outlet
from gateway.errors import StoreError
from gateway.metrics import Counter
from gateway.store import Store

__all__ = ["PUBACK_HEAD", "Acknowledgements", "Waiting"]

# Type, flags and remaining length of a PUBACK; the packet identifier follows (3.4).
PUBACK_HEAD: Final = b"\x40\x02"


@final
class Waiting:
    """Answers that leave once their batch is on disk.

    Attributes:
        batch: The batch.
        packets: Whole packets.
        in_turn: Where those begin that only wait for their turn: nothing durable hangs on them.
        publishes: How many of them answer a PUBLISH.
        then: Called, in order, once they have left.
    """

    __slots__ = ("batch", "in_turn", "packets", "publishes", "then")

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.packets = bytearray()
        self.in_turn: list[int] = []
        self.publishes = 0
        self.then: list[Callable[[], None]] = []


@final
class Acknowledgements:
    """Orders one connection's answers.

    Args:
        store: Tells when a batch is on disk.
        outlet: Where the packets go.
        answers: Counts the packets.
        refused: Called when a batch failed, with all answers that wait for it or behind it:
            nothing of it, or behind it, has happened.

    Attributes:
        waiting: Answers held back, oldest batch first.
        publishes: How many PUBLISH packets are not answered yet.
        opening: The CONNACK has not left yet, so that nothing else may [MQTT-3.2.0-1].
    """

    __slots__ = ("_answers", "_outlet", "_refused", "_store", "opening", "publishes", "waiting")

    def __init__(
        self,
        store: Store,
        outlet: Outlet,
        answers: Counter,
        refused: Callable[[StoreError, list[Waiting]], None],
    ) -> None:
        self._store = store
        self._answers = answers
        self._outlet = outlet
        self._refused = refused
        self.waiting: deque[Waiting] = deque()
        self.publishes = 0
        self.opening = False

    def after_commit(self, packet: bytes, publishes: int = 0) -> None:
        """Answer once the open batch is on disk."""
        waiting = self.waiting
        if not waiting or waiting[-1].batch != self._store.batch:
            waiting.append(Waiting(self._store.batch))
            self._store.on_commit(self._committed)
        last = waiting[-1]
        last.packets += packet
        last.publishes += publishes
        self.publishes += publishes
        self._answers.value += 1

    def in_turn(self, packet: bytes, publishes: int = 0) -> None:
        """Answer now, or right behind what still waits."""
        if self.waiting:
            last = self.waiting[-1]
            last.in_turn.append(len(last.packets))
            last.packets += packet
            last.publishes += publishes
            self.publishes += publishes
        else:
            self._outlet.send(packet)
        self._answers.value += 1

    def answer(self, packet: bytes, joined: int, publishes: int = 0) -> None:
        """Answer: after the commit if anything joined the open batch since `joined`."""
        if self._store.joined != joined:
            self.after_commit(packet, publishes)
        else:
            self.in_turn(packet, publishes)

    def then(self, action: Callable[[], None]) -> None:
        """Call this once all that waits now has left."""
        if self.waiting:
            self.waiting[-1].then.append(action)
        else:
            action()

    def abandon(self) -> None:
        """Forget what waits: the connection is gone, and its client will send again."""
        self.waiting.clear()
        self.publishes = 0

    def _committed(self, error: StoreError | None) -> None:
        if not self.waiting:  # abandoned
            return
        if error is not None:
            lost = list(self.waiting)
            self.abandon()
            self._refused(error, lost)
            return
        # One receipt was asked for per entry, and batches are committed in order.
        done = self.waiting.popleft()
        self.publishes -= done.publishes
        self._outlet.send(bytes(done.packets))
        for action in done.then:
            action()
