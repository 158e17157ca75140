"""The history of the health checks, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan import masking
from huracan.masking import register_secret
from huracan.store import HealthResult, Store, hourly, outages, spans, summarise
from huracan.types import CheckState

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
OK, WARNING, FAILED = CheckState.OK, CheckState.WARNING, CheckState.FAILED
MINUTE = timedelta(minutes=1)


def result(minutes: float, state: CheckState = OK, check: str = "database", seconds: float = 0.1) -> HealthResult:
    return HealthResult(NOW + minutes * MINUTE, check, "monitor", state, seconds, f"{state} at {minutes:g}")


# ------------------------------------------------------------------------------------------------------- the database


def test_results_come_back_as_they_were_oldest_first(store: Store) -> None:
    added = [result(0), result(5, FAILED, seconds=30.0), result(2.5, WARNING), result(1, OK, "disk")]
    store.health.add(added)
    assert store.health.history("database", NOW) == [added[0], added[2], added[1]]
    assert store.health.history("database", NOW + MINUTE) == [added[2], added[1]]
    assert store.health.history("nobody", NOW) == []
    assert store.health.histories(NOW + MINUTE) == {"database": [added[2], added[1]], "disk": [added[3]]}


def test_a_time_of_another_zone_and_text_that_no_database_keeps_come_back(store: Store) -> None:
    odd = HealthResult(NOW.astimezone(timezone(timedelta(hours=9))), "odd", "mine", OK, 0.0, "nul \0, half \ud800")
    store.health.add([odd])
    [found] = store.health.history("odd", NOW)
    assert (found.time, found.detail) == (NOW, "nul \\x00, half \\ud800")


def test_a_secret_in_a_detail_is_not_stored(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_secrets", masking._Secrets())
    register_secret("hunter2-of-health")
    store.health.add([HealthResult(NOW, "remote", "remote", FAILED, 1.0, "login with hunter2-of-health refused")])
    assert store.health.history("remote", NOW)[0].detail == "login with *** refused"


def test_the_latest_result_says_since_when_it_has_been_so(store: Store) -> None:
    store.health.add([result(0), result(1, FAILED), result(2), result(3), result(4), result(9, FAILED, "disk")])
    store.health.add([result(5)])
    found = store.health.latest()
    assert list(found) == ["database", "disk"]
    assert (found["database"].latest, found["database"].since) == (result(5), NOW + 2 * MINUTE)
    assert found["disk"].since == NOW + 9 * MINUTE


def test_old_results_go_and_newer_ones_stay(store: Store) -> None:
    store.health.add([result(minutes) for minutes in range(10)])
    assert store.health.prune(NOW + 7 * MINUTE) == 7
    assert store.health.prune(NOW + 7 * MINUTE) == 0
    assert [each.time for each in store.health.history("database", NOW)] == [NOW + m * MINUTE for m in (7, 8, 9)]


def test_a_summary_counts_what_the_table_holds(store: Store) -> None:
    states = [OK, FAILED, FAILED, OK, WARNING, OK, OK, OK]
    store.health.add([result(m, state, seconds=float(m)) for m, state in enumerate(states)])
    store.health.add([result(-60, FAILED)])
    [(check, found)] = store.health.summary(NOW).items()
    assert check == "database"
    assert (found.runs, found.failures, found.warnings, found.error_rate) == (8, 2, 1, 0.25)
    assert (found.median_seconds, found.p95_seconds) == (3.5, 7.0)
    assert (found.longest_outage, found.last_change) == (120.0, NOW + 5 * MINUTE)
    assert store.health.summary(NOW + 60 * MINUTE) == {}


# ------------------------------------------------------------------------------------------------------ the arithmetic

RESULTS = st.lists(st.tuples(st.integers(0, 7200), st.sampled_from(CheckState), st.floats(0, 100)), max_size=60).map(
    lambda rows: [result(s / 60, state, seconds=took) for s, state, took in sorted(rows, key=lambda row: row[0])]
)


@given(RESULTS)
def test_a_summary_is_what_counting_by_hand_gives(results: Sequence[HealthResult]) -> None:
    found = summarise(results)
    assert found.runs == len(results)
    assert found.failures == len([each for each in results if each.state == "failed"])
    assert found.warnings == len([each for each in results if each.state == "warning"])
    if not results:
        assert (found.error_rate, found.median_seconds, found.p95_seconds, found.last_change) == (None,) * 4
        return
    assert found.error_rate == pytest.approx(found.failures / found.runs)
    latencies = [each.seconds for each in results]
    # Nearest rank: the smallest latency that at least 95 % of all do not exceed; counted in whole numbers.
    enough = [value for value in latencies if 100 * sum(each <= value for each in latencies) >= 95 * found.runs]
    assert found.p95_seconds == min(enough)
    assert found.median_seconds is not None
    assert sum(each <= found.median_seconds for each in latencies) >= found.runs / 2
    assert sum(each >= found.median_seconds for each in latencies) >= found.runs / 2
    changed = [i for i in range(1, len(results)) if results[i].state != results[i - 1].state]
    assert found.last_change == (results[changed[-1]].time if changed else None)


@given(RESULTS)
def test_the_longest_outage_is_the_longest_way_from_a_failure_over_failures(results: Sequence[HealthResult]) -> None:
    longest = 0.0
    for first in range(len(results)):
        last = first
        while last < len(results) and results[last].state is FAILED:
            longest = max(longest, (results[last].time - results[first].time).total_seconds())
            last += 1
        if first < last < len(results):
            longest = max(longest, (results[last].time - results[first].time).total_seconds())
    assert summarise(results).longest_outage == pytest.approx(longest)
    assert sum(outage.looks for outage in outages(results)) == summarise(results).failures


def test_an_outage_that_lasts_has_no_end_and_says_what_it_began_with() -> None:
    ended, lasts = outages([result(0, FAILED), result(5, FAILED), result(9, WARNING), result(11, FAILED)])
    assert (ended.since, ended.until, ended.looks, ended.seconds) == (NOW, NOW + 9 * MINUTE, 2, 540.0)
    assert ended.detail == "failed at 0"
    assert (lasts.since, lasts.until, lasts.seconds) == (NOW + 11 * MINUTE, None, 0.0)


@given(RESULTS)
def test_spans_leave_no_result_out_and_no_two_neighbours_are_alike(results: Sequence[HealthResult]) -> None:
    found = spans(results)
    assert [span.state for span in found for _ in range(span.looks)] == [each.state for each in results]
    for one, other in pairwise(found):
        assert one.state is not other.state
        assert one.until == other.since


@given(RESULTS)
def test_each_hour_shows_the_worst_that_was_seen_in_it(results: Sequence[HealthResult]) -> None:
    until = NOW + 120 * MINUTE
    for place, shown in enumerate(hourly(results, until, 2)):
        start, end = NOW + place * 60 * MINUTE, NOW + (place + 1) * 60 * MINUTE
        states = {each.state for each in results if start < each.time <= end}
        worst = next((state for state in (FAILED, WARNING, OK) if state in states), None)
        assert shown == worst
