"""Counters and gauges by name: what the gateway has done, for people and for tests.

Owns the numbers and their names; knows nothing of what is counted. A counter is a plain attribute
that the code in question increments (`counter.value += 1`): no locks, no strings on the way of a
message. Everything runs on the event loop's thread, so an increment is never torn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

__all__ = ["Counter", "Metrics"]


@final
class Counter:
    """A number that only grows.

    Attributes:
        value: The count since the process started.
    """

    __slots__ = ("help", "name", "value")

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - the field's word for it
        self.name = name
        self.help = help
        self.value = 0


@final
class Metrics:
    """All counters and gauges of one gateway.

    Names are dotted paths, most general first: `mqtt.publish.received`.
    """

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Callable[[], float]] = {}

    def counter(self, name: str, help: str = "") -> Counter:  # noqa: A002
        """Return the counter of this name, made at the first call."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Counter(name, help)
        return counter

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Let `read` give the current value whenever someone asks for `name`."""
        self._gauges[name] = read

    def snapshot(self) -> dict[str, float]:
        """Return every counter and gauge with its value now, sorted by name."""
        values: dict[str, float] = {c.name: c.value for c in self._counters.values()}
        for name, read in self._gauges.items():
            values[name] = read()
        return dict(sorted(values.items()))
