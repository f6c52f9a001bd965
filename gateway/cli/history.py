"""What the live view remembers between two looks: rates, and the last values of each topic.

Owns the arithmetic; pure. Each look is one status document at one monotonic time.
"""

from __future__ import annotations

import json
import math
from collections import deque
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from gateway.control.status import RecentMessage, StatusDocument

__all__ = ["History", "Reading", "first_number"]

MAX_POINTS: Final = 30
MAX_TOPICS: Final = 100


@final
class Reading:
    """One topic over time.

    Attributes:
        topic: Its name.
        label: What the number is called in the payload; empty where the payload is the number.
        points: The last numbers, at most one a look, oldest first.
        latest: The payload last seen, as text.
        per_s: Messages a second since the look before; None at the first.
        age_s: How long ago the last message came.
    """

    __slots__ = ("_count", "age_s", "label", "latest", "per_s", "points", "topic")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.label = ""
        self.points: deque[float] = deque(maxlen=MAX_POINTS)
        self.latest = ""
        self.per_s: float | None = None
        self.age_s = 0.0
        self._count = 0

    def add(self, message: RecentMessage, passed_s: float | None) -> None:
        """Take in what a look showed of this topic."""
        # A count that shrank began anew: the gateway was restarted, or looked away for a while.
        before = self._count if message["count"] >= self._count else 0
        arrived = message["count"] - before
        if passed_s is not None and passed_s > 0:
            self.per_s = arrived / passed_s
        self._count = message["count"]
        self.age_s = message["age_s"]
        if not arrived:
            return
        self.latest = message["payload"] if message["encoding"] == "utf-8" else "(binary)"
        found = first_number(self.latest)
        if found is not None:
            self.label, number = found
            self.points.append(number)


@final
class History:
    """All looks so far, boiled down.

    Attributes:
        readings: Every topic seen, by name, at most 100 of them.
        commits_per_s: Commits a second since the look before; None at the first.
        messages_per_s: Publishes taken from clients a second, likewise.
    """

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}
        self.commits_per_s: float | None = None
        self.messages_per_s: float | None = None
        self._at_s: float | None = None
        self._counts: dict[str, float] = {}

    def look(self, status: StatusDocument, at_s: float) -> None:
        """Take in one status document.

        Args:
            status: The document.
            at_s: When it was read, on a monotonic clock.
        """
        passed_s = None if self._at_s is None else at_s - self._at_s
        self._at_s = at_s
        metrics = status.get("metrics", {})
        self.commits_per_s = self._rate("commits", metrics.get("store.commits", 0.0), passed_s)
        self.messages_per_s = self._rate(
            "messages", metrics.get("mqtt.publish.received", 0.0), passed_s
        )
        for message in status.get("recent", []):
            reading = self.readings.get(message["topic"])
            if reading is None:
                if len(self.readings) >= MAX_TOPICS:
                    oldest = max(self.readings.values(), key=lambda known: known.age_s)
                    del self.readings[oldest.topic]
                reading = self.readings[message["topic"]] = Reading(message["topic"])
            reading.add(message, passed_s)

    def _rate(self, name: str, count: float, passed_s: float | None) -> float | None:
        before = self._counts.get(name)
        self._counts[name] = count
        if before is None or not passed_s or passed_s < 0:
            return None
        return max(count - before, 0.0) / passed_s


def first_number(payload: str) -> tuple[str, float] | None:
    """Return the first number of a payload and its name; None where it has none.

    A bare number has an empty name; of an object it is the first member that is
    a finite number.
    """
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    members = value.items() if isinstance(value, dict) else [("", value)]
    for name, member in members:
        if isinstance(member, int | float) and not isinstance(member, bool):
            try:
                number = float(member)
            except OverflowError:
                continue
            if math.isfinite(number):
                return str(name), number
    return None
