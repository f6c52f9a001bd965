"""Debouncing: a bouncing contact is one change, told once it has settled."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.debounce import Debounce


def test_without_a_settling_time_every_change_is_told_at_once() -> None:
    debounce = Debounce(0)
    debounce.start(False)
    assert debounce.edge(True, 1.0) == (True,)
    assert debounce.edge(True, 1.1) == ()
    assert debounce.edge(False, 1.1) == (False,)
    assert debounce.due_s is None


def test_bounces_are_one_change() -> None:
    debounce = Debounce(0.02)
    debounce.start(False)
    for step in range(5):
        assert debounce.edge(step % 2 == 0, 1.0 + step / 1000) == ()
    assert debounce.due_s == pytest.approx(1.024)
    assert debounce.settle(1.0239) == ()
    assert debounce.settle(1.0241) == (True,)
    assert debounce.settle(2.0) == ()
    assert debounce.due_s is None


def test_a_glitch_shorter_than_that_is_nothing() -> None:
    debounce = Debounce(0.02)
    debounce.start(False)
    assert debounce.edge(True, 1.0) == ()
    assert debounce.edge(False, 1.01) == ()
    assert debounce.due_s is None
    assert debounce.settle(9.0) == ()


def test_a_level_that_nobody_asked_about_in_time_is_told_before_the_next() -> None:
    debounce = Debounce(0.02)
    debounce.start(False)
    assert debounce.edge(True, 1.0) == ()
    assert debounce.edge(False, 5.0) == (True,)
    assert debounce.settle(5.02) == (False,)


def test_repeated_edges_of_one_level_do_not_put_it_off() -> None:
    debounce = Debounce(0.02)
    debounce.start(False)
    debounce.edge(True, 1.0)
    debounce.edge(True, 1.019)
    assert debounce.settle(1.02) == (True,)


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match="settle_s"):
        Debounce(-0.1)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(
    first=st.booleans(),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=30),
)
def test_told_levels_alternate_and_the_last_is_the_true_one(
    first: bool, steps: list[tuple[bool, int]]
) -> None:
    debounce = Debounce(0.010)
    told = [debounce.start(first)]
    now_ms, level = 0, first
    for level, pause_ms in steps:
        now_ms += pause_ms
        told += debounce.edge(level, now_ms / 1000)
    told += debounce.settle(now_ms / 1000 + 0.011)
    assert all(a != b for a, b in itertools.pairwise(told))
    assert told[-1] == level
