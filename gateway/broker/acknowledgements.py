"""PUBACKs of one connection: in the order of their PUBLISHes, each after the commit it hangs on.

Owns what has been taken and not yet acknowledged. A PUBACK on which nothing durable hangs leaves at
once, unless one before it still waits for its commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import final

from gateway.broker.session import Outlet
from gateway.errors import StoreError
from gateway.store import Store

__all__ = ["Acknowledgements"]

# Type, flags and remaining length of a PUBACK; the packet identifier follows (3.4).
PUBACK_HEAD = b"\x40\x02"


@final
class _Waiting:
    """PUBACK packets that leave once their batch is on disk."""

    __slots__ = ("batch", "packets")

    def __init__(self, batch: int, packets: bytearray) -> None:
        self.batch = batch
        self.packets = packets


@final
class Acknowledgements:
    """Orders one connection's PUBACKs.

    Args:
        store: Tells when a batch is on disk.
        outlet: Where the packets go.
        refused: Called when a batch failed: nothing of it, or behind it, may be acknowledged.

    Attributes:
        waiting: Packets held back, oldest batch first.
    """

    __slots__ = ("_outlet", "_refused", "_store", "waiting")

    def __init__(self, store: Store, outlet: Outlet, refused: Callable[[StoreError], None]) -> None:
        self._store = store
        self._outlet = outlet
        self._refused = refused
        self.waiting: deque[_Waiting] = deque()

    def after_commit(self, identifier: bytes) -> None:
        """Acknowledge once the open batch is on disk."""
        waiting = self.waiting
        batch = self._store.batch
        if waiting and waiting[-1].batch == batch:
            waiting[-1].packets += PUBACK_HEAD + identifier
        else:
            waiting.append(_Waiting(batch, bytearray(PUBACK_HEAD + identifier)))
            self._store.on_commit(self._committed)

    def in_turn(self, identifier: bytes) -> None:
        """Acknowledge now, or right behind what still waits."""
        if self.waiting:
            self.waiting[-1].packets += PUBACK_HEAD + identifier
        else:
            self._outlet.send(PUBACK_HEAD + identifier)

    def abandon(self) -> None:
        """Forget what waits: the connection is gone, and its client will send again."""
        self.waiting.clear()

    def _committed(self, error: StoreError | None) -> None:
        if not self.waiting:  # abandoned
            return
        if error is not None:
            self.waiting.clear()
            self._refused(error)
            return
        # One receipt was asked for per entry, and batches are committed in order.
        self._outlet.send(bytes(self.waiting.popleft().packets))
