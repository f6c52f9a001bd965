"""Bursts: one report when one begins, then one a minute with the count."""

from __future__ import annotations

from drivers.burst import Burst


def test_a_burst_is_reported_at_its_beginning_and_then_in_sums() -> None:
    burst = Burst(every_s=60)
    assert burst.add(1, 0.0) == 1
    assert [burst.add(1, at) for at in (0.1, 1.0, 59.9)] == [0, 0, 0]
    assert burst.add(2, 60.0) == 5
    assert burst.add(1, 61.0) == 0


def test_the_next_burst_is_reported_at_once_with_what_was_kept_quiet() -> None:
    burst = Burst(every_s=60)
    burst.add(1, 0.0)
    burst.add(1, 1.0)
    assert burst.add(1, 1000.0) == 2


def test_nothing_is_no_event() -> None:
    burst = Burst(every_s=60)
    assert burst.add(0, 0.0) == 0
    assert burst.add(1, 0.1) == 1
