"""Where devices' readings enter the broker: a sensor does not send again, so this does.

Owns readings that were in a batch that failed; they are repeated in order, ahead of new ones.
Knows nothing of drivers.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, final

from gateway.broker import Router
from gateway.errors import StoreError, StoreFull
from gateway.message import Message, Publisher
from gateway.metrics import Metrics
from gateway.store import Store

__all__ = ["READING_ATTEMPTS", "ReadingIntake"]

log = logging.getLogger(__name__)

# A reading that was in so many failed batches may be what makes them fail; a full disk is no fault
# of a reading's and does not count.
READING_ATTEMPTS: Final = 5

_DEVICE: Final = Publisher("device")


@final
class ReadingIntake:
    """Publishes readings on behalf of all devices.

    Args:
        router: Where readings go.
        store: What they wait for.
        metrics: Where lost readings are counted.

    Attributes:
        resume: Called when devices whose reading was not admitted may try again.
    """

    def __init__(self, router: Router, store: Store, metrics: Metrics) -> None:
        self.resume: Callable[[], None] = lambda: None
        self._router = router
        self._store = store
        self._waiting = False
        # Bounded by what the store admits: nothing new is taken before these.
        self._again: deque[tuple[str, bytes, int]] = deque()
        self._lost = metrics.counter(
            "devices.lost", "readings given up after several failed batches"
        )
        store.after_commit.append(self._look)
        store.after_room.append(self._look)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Route a reading; False where the gateway admits nothing just now."""
        if self._repeat() and self._take(topic, payload, 1):
            return True
        self._waiting = True
        return False

    def report_lost(self) -> None:
        """At the end: say what could not be written."""
        if self._again:
            log.error("%d reading(s) could not be written before the end", len(self._again))

    def _take(self, topic: str, payload: bytes, attempt: int) -> bool:
        store = self._store
        if store.congested:
            return False
        joined = store.joined
        try:
            self._router.publish(Message(topic, payload, 1, False, _DEVICE))
        except StoreError:
            return False
        if store.joined != joined:
            store.on_commit(partial(self._settled, topic, payload, attempt))
        return True

    def _settled(self, topic: str, payload: bytes, attempt: int, error: StoreError | None) -> None:
        if error is None:
            return
        if not isinstance(error, StoreFull):
            attempt += 1
        if attempt > READING_ATTEMPTS:
            self._lost.value += 1
            log.error("a reading on %r was lost: %s", topic, error)
            return
        self._again.append((topic, payload, attempt))
        self._waiting = True

    def _repeat(self) -> bool:
        """Route what was in a batch that failed, in order; False where some of it still waits."""
        again = self._again
        while again:
            reading = again.popleft()
            if not self._take(*reading):
                again.appendleft(reading)
                return False
        return True

    def _look(self) -> None:
        if self._waiting and self._store.accepting and not self._store.congested:
            self._waiting = False
            if self._repeat():
                self.resume()
            else:
                self._waiting = True
