"""Backoff: longer with each failure, bounded, jittered, and short again after a good run."""

from __future__ import annotations

import random

from gateway.devices.backoff import FIRST_S, LONGEST_S, SETTLED_S, SHORTEST_S, Backoff


class Top(random.Random):
    """Jitter that always draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_ceiling_doubles_up_to_the_bound() -> None:
    backoff = Backoff(Top())
    waits = [backoff.after(0.0) for _ in range(50)]
    assert waits[:5] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S, 16 * FIRST_S]
    assert max(waits) == waits[-1] == LONGEST_S


def test_a_run_that_lasted_starts_anew() -> None:
    backoff = Backoff(Top())
    for _ in range(10):
        backoff.after(SETTLED_S - 1)
    assert backoff.after(SETTLED_S) == FIRST_S
    assert backoff.after(0.0) == 2 * FIRST_S


def test_jitter_uses_the_whole_range_and_is_never_nothing() -> None:
    waits = []
    randomness = random.Random(7)
    for _ in range(200):
        backoff = Backoff(randomness)
        for _ in range(6):
            wait_s = backoff.after(0.0)
        waits.append(wait_s)
    assert min(waits) >= SHORTEST_S
    assert min(waits) < LONGEST_S / 10 and max(waits) > LONGEST_S * 0.9
