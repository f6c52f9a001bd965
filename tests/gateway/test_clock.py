"""Monotonic, gateway and wall time: what a wrong, stepped or stopped clock may and may not do."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import (
    BUILD_WALL_MS,
    MAX_OFF_MS,
    TRUST_CHECK_S,
    Clock,
    ClockState,
    system_sources,
)
from tests.rig.fake_time import FakeTime

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
TEN_YEARS = 3650 * DAY


def restarted(fake_time: FakeTime, saved: ClockState | None) -> Clock:
    clock = Clock(fake_time.sources())
    clock.resume(saved)
    return clock


def test_gateway_time_begins_at_boot_time_and_runs_with_it(fake_time: FakeTime) -> None:
    clock = restarted(fake_time, None)
    began = clock.gateway_ms()
    fake_time.pass_ms(1234)
    assert clock.gateway_ms() - began == 1234


@pytest.mark.parametrize("step_ms", [TEN_YEARS, -TEN_YEARS])
@pytest.mark.parametrize("synchronised", [True, False])
def test_a_wall_step_moves_neither_monotonic_nor_gateway_time(
    fake_time: FakeTime, step_ms: int, synchronised: bool
) -> None:
    fake_time.synchronised = synchronised
    clock = restarted(fake_time, None)
    before = (clock.monotonic_s(), clock.gateway_ms())
    fake_time.step_wall(step_ms)
    clock.state()
    assert (clock.monotonic_s(), clock.gateway_ms()) == before
    fake_time.pass_ms(5 * SECOND)
    clock.state()
    assert clock.monotonic_s() == pytest.approx(before[0] + 5)
    assert clock.gateway_ms() == before[1] + 5 * SECOND


def test_a_process_restart_counts_the_time_in_between(fake_time: FakeTime) -> None:
    clock = restarted(fake_time, None)
    saved = clock.state()
    fake_time.pass_ms(7 * SECOND)
    fake_time.step_wall(-TEN_YEARS)
    assert restarted(fake_time, saved).gateway_ms() == saved.gateway_ms + 7 * SECOND


def test_a_reboot_without_trusted_time_goes_on_where_it_was(fake_time: FakeTime) -> None:
    fake_time.synchronised = False
    saved = restarted(fake_time, None).state()
    fake_time.reboot(off_ms=3 * HOUR)
    clock = restarted(fake_time, saved)
    assert clock.gateway_ms() == saved.gateway_ms
    fake_time.synchronised = True  # the other end was never trusted, so nothing is owed
    fake_time.pass_ms(60 * SECOND)
    clock.state()
    assert clock.gateway_ms() == saved.gateway_ms + 60 * SECOND


def test_time_switched_off_counts_at_once_where_both_ends_are_trusted(fake_time: FakeTime) -> None:
    saved = restarted(fake_time, None).state()
    fake_time.reboot(off_ms=3 * HOUR)
    assert restarted(fake_time, saved).gateway_ms() == saved.gateway_ms + 3 * HOUR


def test_time_switched_off_counts_once_when_the_clock_becomes_trusted(fake_time: FakeTime) -> None:
    saved = restarted(fake_time, None).state()
    wall_then = fake_time.wall_ms
    fake_time.synchronised = False
    fake_time.reboot(off_ms=0, battery_clock=False)
    clock = restarted(fake_time, saved)
    fake_time.pass_ms(90 * SECOND)
    assert clock.gateway_ms() == saved.gateway_ms + 90 * SECOND
    assert clock.state().off_time_owed

    fake_time.wall_ms = wall_then + 2 * HOUR  # NTP answers: two hours have passed in all
    fake_time.synchronised = True
    fake_time.pass_ms(int(TRUST_CHECK_S * SECOND))
    state = clock.state()
    assert not state.off_time_owed
    assert state.gateway_ms == saved.gateway_ms + 2 * HOUR + int(TRUST_CHECK_S * SECOND)
    fake_time.pass_ms(int(TRUST_CHECK_S * SECOND))
    assert clock.state().gateway_ms == state.gateway_ms + int(TRUST_CHECK_S * SECOND)


def test_a_debt_outlives_reboots_until_the_clock_is_trusted(fake_time: FakeTime) -> None:
    saved = restarted(fake_time, None).state()
    first_gateway_ms, wall_then = saved.gateway_ms, fake_time.wall_ms
    fake_time.synchronised = False
    for _ in range(3):
        fake_time.reboot(off_ms=0, battery_clock=False)
        clock = restarted(fake_time, saved)
        fake_time.pass_ms(HOUR)
        saved = clock.state()
        assert saved.off_time_owed
    assert saved.gateway_ms == first_gateway_ms + 3 * HOUR
    fake_time.synchronised = True
    fake_time.reboot(off_ms=0)
    fake_time.wall_ms = wall_then + 10 * HOUR
    assert restarted(fake_time, saved).gateway_ms() == first_gateway_ms + 10 * HOUR


@pytest.mark.parametrize("off_ms", [MAX_OFF_MS + 1, TEN_YEARS, 10 * TEN_YEARS])
def test_time_switched_off_is_bounded(fake_time: FakeTime, off_ms: int) -> None:
    saved = restarted(fake_time, None).state()
    fake_time.reboot(off_ms=off_ms)
    assert restarted(fake_time, saved).gateway_ms() == saved.gateway_ms + MAX_OFF_MS


def test_a_clock_set_back_while_off_takes_nothing_away(fake_time: FakeTime) -> None:
    saved = restarted(fake_time, None).state()
    fake_time.reboot(off_ms=-TEN_YEARS)
    clock = restarted(fake_time, saved)
    assert clock.gateway_ms() == saved.gateway_ms
    assert not clock.state().off_time_owed


def test_a_boot_time_that_ran_backwards_counts_as_another_boot(fake_time: FakeTime) -> None:
    saved = restarted(fake_time, None).state()
    fake_time.boot_ms -= 500_000  # a clone of the machine, or a restored snapshot
    assert restarted(fake_time, saved).gateway_ms() == saved.gateway_ms


def test_untrusted_wall_time_is_never_below_build_date_and_last_trusted(
    fake_time: FakeTime,
) -> None:
    fake_time.synchronised = False
    fake_time.wall_ms = 20_000
    clock = restarted(fake_time, None)
    assert not clock.wall_trusted
    assert clock.wall_ms() == BUILD_WALL_MS

    last_trusted = BUILD_WALL_MS + 30 * DAY
    saved = dataclasses.replace(clock.state(), wall_ms=last_trusted, wall_gateway_ms=0)
    clock = restarted(fake_time, saved)
    assert clock.wall_ms() == last_trusted
    fake_time.wall_ms = last_trusted + 5
    assert clock.wall_ms() == last_trusted + 5


@pytest.mark.parametrize("step_ms", [TEN_YEARS, -TEN_YEARS])
def test_trusted_wall_time_is_taken_as_it_is(fake_time: FakeTime, step_ms: int) -> None:
    clock = restarted(fake_time, None)
    clock.state()
    fake_time.step_wall(step_ms)
    assert clock.wall_trusted
    assert clock.wall_ms() == fake_time.wall_ms


def test_trust_is_asked_for_again_after_a_while_only(fake_time: FakeTime) -> None:
    clock = restarted(fake_time, None)
    fake_time.synchronised = False
    assert clock.wall_trusted
    fake_time.pass_ms(int(TRUST_CHECK_S * SECOND))
    assert not clock.wall_trusted


def test_a_state_saved_while_untrusted_keeps_the_last_trusted_time(fake_time: FakeTime) -> None:
    clock = restarted(fake_time, None)
    trusted = clock.state()
    fake_time.synchronised = False
    fake_time.pass_ms(HOUR)
    fake_time.step_wall(TEN_YEARS)
    state = clock.state()
    assert (state.wall_ms, state.wall_gateway_ms) == (trusted.wall_ms, trusted.wall_gateway_ms)
    assert state.gateway_ms == trusted.gateway_ms + HOUR


def test_the_machine_s_own_clocks_can_be_read() -> None:
    sources = system_sources()
    assert len(sources.boot_id) == 36
    assert sources.boot_ms() > 0
    assert sources.wall_ms() > 1_600_000_000_000
    assert isinstance(sources.synchronised(), bool)
    first = sources.monotonic_s()
    assert sources.monotonic_s() >= first


EVENTS = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 40 * DAY)),
    st.tuples(st.just("save"), st.just(0)),
    st.tuples(st.just("restart"), st.integers(0, DAY)),
    st.tuples(st.just("reboot"), st.integers(0, 4 * TEN_YEARS)),
    st.tuples(st.just("reboot without battery"), st.integers(0, DAY)),
    st.tuples(st.just("step"), st.integers(-TEN_YEARS, TEN_YEARS)),
    st.tuples(st.just("trust"), st.sampled_from([0, 1])),
)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.lists(EVENTS, max_size=25))
def test_gateway_time_never_goes_backwards_whatever_happens(events: list[tuple[str, int]]) -> None:
    """A restart resumes from the last save, so what counts then is the last saved time."""
    fake_time = FakeTime()
    clock = restarted(fake_time, None)
    saved: ClockState | None = None
    floor = clock.gateway_ms()
    reboots = 0
    ran_ms = 0
    for event, value in events:
        if event == "run":
            fake_time.pass_ms(value)
            ran_ms += value
        elif event == "save":
            saved = clock.state()
            floor = max(floor, saved.gateway_ms)
        elif event == "step":
            fake_time.step_wall(value)
        elif event == "trust":
            fake_time.synchronised = bool(value)
        else:
            if saved is None:  # nothing was ever stored: nothing can be dated by it either
                saved = clock.state()
            if event == "restart":
                fake_time.pass_ms(value)
                ran_ms += value
            else:
                fake_time.reboot(value, battery_clock=event == "reboot")
                reboots += 1
            floor = saved.gateway_ms
            clock = restarted(fake_time, saved)
        now = clock.gateway_ms()
        assert now >= floor
        floor = now
        assert now <= 1_000_000 + ran_ms + reboots * MAX_OFF_MS
