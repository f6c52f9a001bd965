"""Retained messages that new subscriptions of one client are still to get.

Owns which come next and how many are owed; knows nothing of how they are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from gateway.broker.outbound import Outbound

__all__ = ["Replay", "Replays"]

# A message, its QoS and the subscription identifiers: taken one by one, as the client takes them.
Replay = Iterator[tuple[Outbound, int, bytes]]


@final
class Replays:
    """What one client is owed, in the order of its subscriptions.

    Attributes:
        owed: How many messages at most.
    """

    __slots__ = ("_waiting", "owed")

    def __init__(self) -> None:
        self._waiting: list[tuple[Replay, int]] = []
        self.owed = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def promise(self, count: int) -> None:
        """Count messages that will be added once the SUBACK has left."""
        self.owed += count

    def add(self, messages: Replay, count: int) -> None:
        """Add messages that were promised."""
        self._waiting.append((messages, count))

    def take(self) -> tuple[Outbound, int, bytes] | None:
        """Return the next message; None if there is no more."""
        while self._waiting:
            messages, count = self._waiting[0]
            message = next(messages, None)
            if message is not None:
                return message
            del self._waiting[0]
            self.owed -= count
        return None

    def clear(self) -> None:
        """Forget them: the connection is gone."""
        self._waiting.clear()
        self.owed = 0
