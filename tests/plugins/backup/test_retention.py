"""Which backups stay, whatever nights a machine was on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from huracan_backup.retention import kept

FIRST = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)

moments = st.lists(st.integers(0, 24 * 500), min_size=1, max_size=120, unique=True).map(
    lambda hours: {f"{hour:05d}": FIRST + timedelta(hours=hour) for hour in sorted(hours)}
)
policies = st.fixed_dictionaries(
    {"daily": st.integers(1, 9), "weekly": st.integers(0, 6), "monthly": st.integers(0, 14)}
)


@given(moments, policies)
def test_the_newest_stays_and_no_more_than_the_policy_names(
    backups: dict[str, datetime], policy: dict[str, int]
) -> None:
    stays = kept(backups, **policy)
    assert max(backups) in stays
    assert len(stays) <= sum(policy.values())
    assert set(stays) <= set(backups)


@given(moments, policies)
def test_every_one_of_the_last_days_weeks_and_months_keeps_its_newest(
    backups: dict[str, datetime], policy: dict[str, int]
) -> None:
    stays = {backups[name] for name in kept(backups, **policy)}
    for count, mark in (
        (policy["daily"], "%Y-%m-%d"), (policy["weekly"], "%G-%V"), (policy["monthly"], "%Y-%m"),
    ):  # fmt: skip
        newest: dict[str, datetime] = {}
        for when in backups.values():
            newest[when.strftime(mark)] = max(when, newest.get(when.strftime(mark), when))
        for bucket in sorted(newest, reverse=True)[:count]:
            assert newest[bucket] in stays


@given(moments, policies)
def test_pruning_every_night_leaves_what_pruning_once_would(
    backups: dict[str, datetime], policy: dict[str, int]
) -> None:
    alive: dict[str, datetime] = {}
    for name, when in backups.items():
        alive[name] = when
        alive = {each: alive[each] for each in kept(alive, **policy)}
    assert set(alive) == set(kept(backups, **policy))


def test_a_year_without_backups_loses_none_of_those_before() -> None:
    old = {str(day): FIRST + timedelta(days=day) for day in range(5)}
    now = {**old, "new": FIRST + timedelta(days=400)}
    assert set(kept(now, daily=6, weekly=0, monthly=0)) == set(now)


def test_nothing_is_kept_of_nothing() -> None:
    assert kept({}, daily=7, weekly=5, monthly=12) == {}
