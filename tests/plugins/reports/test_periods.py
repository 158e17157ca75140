"""Periods: which days belong together, and what people call them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_reports.periods import Kind, Period, read_day

DAYS = st.dates(date(2020, 1, 1), date(2099, 12, 31))
KINDS = st.sampled_from(Kind)


@given(KINDS, DAYS)
def test_every_day_lies_in_one_period_and_periods_follow_without_a_gap(kind: Kind, day: date) -> None:
    period = Period.holding(kind, day)
    assert day in period
    assert all(Period.holding(kind, each) == period for each in (period.first, period.last))
    assert period.before().last == period.first - timedelta(days=1)
    assert period.before().ends == period.begins


@given(KINDS, DAYS)
def test_a_name_leads_back_to_its_period(kind: Kind, day: date) -> None:
    period = Period.holding(kind, day)
    assert Period.holding(kind, read_day(period.name)) == period


@given(st.sampled_from([Kind.WEEKLY, Kind.MONTHLY]), DAYS)
def test_the_last_whole_period_is_over_and_the_next_is_not(kind: Kind, day: date) -> None:
    period = Period.last_whole(kind, day)
    assert period.last < day
    assert Period.holding(kind, day).before() == period


@pytest.mark.parametrize(
    ("kind", "day", "name", "title"),
    [
        (Kind.DAILY, date(2023, 12, 30), "2023-12-30", "Saturday, 30 December 2023"),
        (Kind.WEEKLY, date(2023, 12, 30), "2023-W52", "Week 52 of 2023, 25 to 31 December"),
        (Kind.WEEKLY, date(2026, 1, 1), "2026-W01", "Week 1 of 2026, 29 December to 4 January"),
        (Kind.MONTHLY, date(2024, 2, 29), "2024-02", "February 2024"),
    ],
)
def test_periods_have_the_names_that_people_use(kind: Kind, day: date, name: str, title: str) -> None:
    period = Period.holding(kind, day)
    assert (period.name, period.title) == (name, title)


@pytest.mark.parametrize("text", ["", "2023-13", "2023-W60", "yesterday", "2023-12-32"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|range|Invalid|must be"):
        read_day(text)
