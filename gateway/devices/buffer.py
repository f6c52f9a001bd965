"""Readings that the gateway does not admit just now: bounded in bytes, with a named policy.

Owns what is kept and what is lost. Knows nothing of drivers or of why nothing is admitted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import final

__all__ = ["ENTRY_OVERHEAD_BYTES", "Overflow", "ReadingBuffer"]

# What an entry costs beside its text, so that many tiny readings count for what they take.
ENTRY_OVERHEAD_BYTES = 100


class Overflow(Enum):
    """What is lost when the buffer is full."""

    DROP_OLDEST = "drop_oldest"
    DROP_NEW = "drop_new"


@final
class ReadingBuffer:
    """A queue of (topic, payload) in order of arrival.

    Args:
        limit_bytes: The most it holds, `ENTRY_OVERHEAD_BYTES` per entry included.
        overflow: What is lost at the limit.

    Attributes:
        size_bytes: What it holds now.
    """

    __slots__ = ("_entries", "_limit_bytes", "_overflow", "size_bytes")

    def __init__(self, limit_bytes: int, overflow: Overflow) -> None:
        self._limit_bytes = limit_bytes
        self._overflow = overflow
        self._entries: deque[tuple[str, bytes]] = deque()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, topic: str, payload: bytes) -> int:
        """Keep a reading.

        Returns:
            How many readings were lost by it, this one or older ones.
        """
        cost = _cost(topic, payload)
        if cost > self._limit_bytes:
            return 1
        lost = 0
        while self.size_bytes + cost > self._limit_bytes:
            if self._overflow is Overflow.DROP_NEW:
                return 1
            self._remove_first()
            lost += 1
        self._entries.append((topic, payload))
        self.size_bytes += cost
        return lost

    def drain(self, publish: Callable[[str, bytes], bool]) -> bool:
        """Hand readings over in order.

        Args:
            publish: Returns False where it does not take one now; then it stays, with the rest. It
                may add to this buffer; a reading put back then may exceed the limit by itself.

        Returns:
            Whether the buffer is empty.
        """
        entries = self._entries
        while entries:
            entry = entries[0]
            self._remove_first()
            if not publish(*entry):
                entries.appendleft(entry)
                self.size_bytes += _cost(*entry)
                return False
        return True

    def clear(self) -> int:
        """Drop everything and return how many readings that was."""
        lost = len(self._entries)
        self._entries.clear()
        self.size_bytes = 0
        return lost

    def _remove_first(self) -> None:
        self.size_bytes -= _cost(*self._entries.popleft())


def _cost(topic: str, payload: bytes) -> int:
    return len(topic) + len(payload) + ENTRY_OVERHEAD_BYTES
