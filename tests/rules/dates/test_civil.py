"""Calendar arithmetic against `datetime`, and beyond its years."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.dates.civil import (
    CYCLE_DAYS,
    ISO_WEEKS,
    US_WEEKS,
    WeekRule,
    date_of_days,
    day_of_year,
    days_of_date,
    is_leap,
    month_length,
    weekday,
)

FEW = settings(max_examples=200, derandomize=True, deadline=None, database=None)
EPOCH = datetime.date(1970, 1, 1)


@FEW
@given(st.dates())
def test_days_and_dates_agree_with_datetime(date: datetime.date) -> None:
    days = (date - EPOCH).days
    assert days_of_date(date.year, date.month, date.day) == days
    assert date_of_days(days) == (date.year, date.month, date.day)
    assert weekday(days) == date.isoweekday()
    assert day_of_year(days, date.year) == date.timetuple().tm_yday


@FEW
@given(st.dates(max_value=datetime.date(9998, 12, 31)))
def test_weeks_agree_with_datetime(date: datetime.date) -> None:
    days = (date - EPOCH).days
    assert ISO_WEEKS.week_of_year(days) == date.isocalendar()[:2]
    assert ISO_WEEKS.local_weekday(days) == date.isoweekday()
    sunday_based = (date + datetime.timedelta(days=1)).isoweekday()
    assert US_WEEKS.local_weekday(days) == sunday_based


@FEW
@given(st.integers(-(10**12), 10**12))
def test_days_go_to_dates_and_back(days: int) -> None:
    year, month, day = date_of_days(days)
    assert 1 <= day <= month_length(year, month)
    assert days_of_date(year, month, day) == days
    later = date_of_days(days + CYCLE_DAYS)
    assert later == (year + 400, month, day)
    assert weekday(days + CYCLE_DAYS) == weekday(days)


@FEW
@given(st.integers(-(10**9), 10**9), st.sampled_from((ISO_WEEKS, US_WEEKS)))
def test_weeks_are_in_a_row(days: int, rule: WeekRule) -> None:
    year, week = rule.week_of_year(days)
    assert 1 <= week <= rule.weeks_in_year(year)
    following = rule.week_of_year(days + 7)
    assert following in ((year, week + 1), (year + 1, 1))


@pytest.mark.parametrize(
    ("year", "leap"),
    [
        (2000, True),
        (1900, False),
        (2024, True),
        (2023, False),
        (0, True),
        (-4, True),
        (-100, False),
    ],
)
def test_leap_years(year: int, leap: bool) -> None:
    assert is_leap(year) is leap
    assert month_length(year, 2) == 28 + leap


@pytest.mark.parametrize(
    ("date", "iso", "us", "us_week_of_month"),
    [
        ((2021, 1, 1), (2020, 53), (2021, 1), 1),
        ((2021, 1, 3), (2020, 53), (2021, 2), 2),
        ((2019, 12, 30), (2020, 1), (2020, 1), 5),
        ((2016, 12, 31), (2016, 52), (2016, 53), 5),
        ((2022, 10, 31), (2022, 44), (2022, 45), 6),
    ],
)
def test_weeks_around_new_year(
    date: tuple[int, int, int],
    iso: tuple[int, int],
    us: tuple[int, int],
    us_week_of_month: int,
) -> None:
    days = days_of_date(*date)
    assert ISO_WEEKS.week_of_year(days) == iso
    assert US_WEEKS.week_of_year(days) == us
    assert US_WEEKS.week_of_month(days) == us_week_of_month


def test_a_month_s_first_days_may_be_before_its_first_iso_week() -> None:
    assert ISO_WEEKS.week_of_month(days_of_date(2021, 1, 3)) == 0
    assert ISO_WEEKS.week_of_month(days_of_date(2021, 1, 4)) == 1
