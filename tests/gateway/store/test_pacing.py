"""When a batch begins: a clock and a loop in the test's hands, and the commits of a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.store import Store
from gateway.store.pacing import GATHER_S, NEVER, WORTH_GATHERING, Pace
from tests.rig.fake_time import FakeTime
from tests.rig.stores import SMALL

Run = Callable[[Any], None]


class Timer:
    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop that only notes what it is asked for."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.soon = 0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon += 1

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(delay_s))
        return self.timers[-1]


def pace(loop: Loop, interval_s: float = 0.0) -> Pace:
    return Pace(loop, interval_s, lambda: None)  # type: ignore[arg-type] # what it needs of one


def test_the_first_batch_begins_at_once() -> None:
    loop = Loop()
    one = pace(loop)
    assert one.begin_at == 0
    one.begin_or_wait(1)
    assert (loop.soon, loop.timers) == (1, [])
    assert one.waiting and one.begin_at == NEVER


@pytest.mark.parametrize("last", [1, WORTH_GATHERING - 1])
def test_after_a_small_batch_the_next_begins_at_once(last: int) -> None:
    loop = Loop()
    one = pace(loop)
    one.begun(last)
    one.begin_or_wait(last + 1)
    assert (loop.soon, loop.timers) == (1, [])


def test_after_a_large_batch_the_next_waits_until_as_much_has_joined() -> None:
    loop = Loop()
    one = pace(loop)
    one.begun(20)
    one.begin_or_wait(21)
    assert loop.soon == 0
    (timer,) = loop.timers
    assert timer.delay_s == GATHER_S
    assert one.begin_at == 40
    one.begin_or_wait(40)
    assert timer.cancelled and loop.soon == 1
    one.begun(40)
    one.begin_or_wait(60)  # all of it came while the last commit was under way
    assert loop.soon == 2 and len(loop.timers) == 1


def test_one_message_after_a_burst_waits_once() -> None:
    loop = Loop()
    one = pace(loop)
    one.begun(500)
    one.begin_or_wait(501)
    one.begun(501)  # the timer
    one.begin_or_wait(502)
    assert len(loop.timers) == 1 and loop.soon == 1


def test_the_commit_interval_counts_from_the_last_beginning() -> None:
    loop = Loop()
    one = pace(loop, 0.05)
    one.begin_or_wait(1)
    assert loop.soon == 1
    one.begun(1)
    loop.now_s += 0.02
    one.begin_or_wait(2)
    assert loop.timers[0].delay_s == pytest.approx(0.03)
    one.hurry()
    assert loop.timers[0].cancelled and loop.soon == 2


def test_hurrying_while_a_commit_is_under_way_hurries_the_next_batch() -> None:
    loop = Loop()
    one = pace(loop, 0.05)
    one.begun(20)
    one.hurry()
    one.begin_or_wait(21)
    assert (loop.soon, loop.timers) == (1, [])


def test_a_window_sent_packet_by_packet_shares_one_commit(run: Run, tmp_path: Path) -> None:
    """As a publisher does: 20 under way, the next one as soon as one is acknowledged."""

    async def main() -> None:
        clock = Clock(FakeTime().sources())
        store = Store(tmp_path / "weir.db", SMALL, clock, Metrics())
        room = asyncio.Semaphore(20)
        try:
            for _ in range(1000):
                await room.acquire()
                store.join(1)
                store.on_commit(lambda error: room.release())
                await asyncio.sleep(0)
            # 50 windows; without gathering the first message of each would have its own commit.
            assert store.commits.value < 80
        finally:
            await store.close()

    run(main())
