"""Messages that wait in memory for one client, and what happens when there are too many.

Owns the order and the limits; knows nothing of who sends them, or when.
"""

from __future__ import annotations

from collections import deque
from typing import Final, final

from gateway.broker.outbound import Copy
from gateway.broker.outlet import OutgoingContext

__all__ = ["QUEUED_OVERHEAD_BYTES", "MemoryQueue"]

# What a queued message costs beside its bytes: three small objects and a place in the queue.
QUEUED_OVERHEAD_BYTES: Final = 128


@final
class MemoryQueue:
    """QoS 1 and 2 messages for a client whose session is not persistent, oldest first.

    A plain message is a packet in two parts, before and after its packet identifier.

    Args:
        context: The limits, and what waits for all clients together.

    Attributes:
        size_bytes: What waits here.
    """

    __slots__ = ("_context", "_waiting", "size_bytes")

    def __init__(self, context: OutgoingContext) -> None:
        self._context = context
        # Made when first needed: an empty deque has 600 bytes, and most clients keep up.
        self._waiting: deque[tuple[bytes, bytes] | Copy] | None = None
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting) if self._waiting else 0

    def add(self, message: tuple[bytes, bytes] | Copy, size_bytes: int) -> int:
        """Add a message, as far as the policy of a full queue allows.

        Returns:
            How many were dropped: older ones to make room, or this one.
        """
        settings, dropped = self._context.settings, 0
        others_bytes = self._context.queued_bytes - self.size_bytes
        if (
            settings.overflow == "drop_oldest"
            and size_bytes <= settings.max_queued_bytes
            and others_bytes + size_bytes <= settings.max_queued_total_bytes  # or all is in vain
        ):
            while self._waiting and not self._has_room(size_bytes):
                self.take()
                dropped += 1
        if not self._has_room(size_bytes):
            return dropped + 1
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(message)
        self.size_bytes += size_bytes
        self._context.queued_bytes += size_bytes
        return dropped

    def take(self) -> tuple[bytes, bytes] | Copy:
        """Take the oldest message out.

        Raises:
            IndexError: None waits.
        """
        if not self._waiting:
            raise IndexError("nothing waits")
        message = self._waiting.popleft()
        if isinstance(message, Copy):
            size_bytes = message.size_bytes
        else:
            size_bytes = len(message[0]) + len(message[1]) + QUEUED_OVERHEAD_BYTES
        self.size_bytes -= size_bytes
        self._context.queued_bytes -= size_bytes
        return message

    def clear(self) -> None:
        """Forget all of them."""
        self._context.queued_bytes -= self.size_bytes
        self.size_bytes = 0
        self._waiting = None

    def _has_room(self, size_bytes: int) -> bool:
        settings = self._context.settings
        return (
            self.size_bytes + size_bytes <= settings.max_queued_bytes
            and self._context.queued_bytes + size_bytes <= settings.max_queued_total_bytes
        )
