"""When a look at a check is news: held against a reference that looks at the whole history each time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.types import CheckState
from huracan_monitor.standing import Change, Standing, as_json, look, standing_from

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OK, WARNING, FAILED = CheckState.OK, CheckState.WARNING, CheckState.FAILED
BADNESS = {OK: 0, WARNING: 1, FAILED: 2}
STATES = st.lists(st.sampled_from(CheckState), max_size=40)


def told(states: Sequence[CheckState], confirm: int, *, restarts: bool = False) -> list[tuple[int, Change]]:
    """Return what is told, each with the number of the look, one look a minute."""
    standing, news = Standing(OK, NOW), []
    for number, state in enumerate(states):
        if restarts:
            kept = standing_from(json.loads(json.dumps(as_json(standing))))
            assert kept is not None
            standing = kept
        standing, change = look(standing, state, NOW + number * MINUTE, confirm)
        if change:
            news.append((number, change))
    return news


def reference(states: Sequence[CheckState], confirm: int) -> list[tuple[int, CheckState]]:
    """Tell of a change as the sentence in the settings says, by looking back anew after each look."""
    belief, news, from_here = OK, [], 0
    for number in range(len(states)):
        window = states[max(from_here, number - confirm + 1) : number + 1]
        if len(window) < confirm:
            continue
        if all(BADNESS[state] > BADNESS[belief] for state in window):
            belief = min(window, key=BADNESS.__getitem__)
        elif all(BADNESS[state] < BADNESS[belief] for state in window):
            belief = max(window, key=BADNESS.__getitem__)
        else:
            continue
        news.append((number, belief))
        from_here = number + 1
    return news


@given(STATES, st.integers(1, 5))
def test_news_are_what_looking_back_over_everything_gives(states: list[CheckState], confirm: int) -> None:
    assert [(number, change.after) for number, change in told(states, confirm)] == reference(states, confirm)


@given(STATES, st.integers(1, 5))
def test_a_restart_between_any_two_looks_changes_nothing(states: list[CheckState], confirm: int) -> None:
    assert told(states, confirm, restarts=True) == told(states, confirm)


@given(STATES, st.integers(1, 5))
def test_each_news_begins_where_the_one_before_ended(states: list[CheckState], confirm: int) -> None:
    belief = OK
    for _, change in told(states, confirm):
        assert change.before is belief
        assert change.after is not belief
        belief = change.after


def test_one_bad_look_among_good_ones_is_no_news() -> None:
    assert told([OK, FAILED, OK, FAILED, OK, WARNING, OK], 2) == []


def test_a_check_that_flaps_is_told_of_once() -> None:
    assert [number for number, _ in told([FAILED, FAILED, OK, FAILED, OK, FAILED, OK], 2)] == [1]


def test_failed_and_warning_by_turns_is_bad_all_the_same() -> None:
    [(number, change)] = told([OK, FAILED, WARNING, FAILED, WARNING], 2)
    assert (number, change.after) == (2, WARNING)


def test_the_end_says_how_long_it_was_bad_whatever_it_was_in_between() -> None:
    news = told([OK, WARNING, WARNING, FAILED, FAILED, WARNING, WARNING, OK, OK], 2)
    assert [change.after for _, change in news] == [WARNING, FAILED, WARNING, OK]
    assert news[-1][1].bad_seconds == 6 * 60.0


@pytest.mark.parametrize(
    "garbage",
    [None, [], {}, {"told": "fine"}, {"told": "ok", "since": 5}, {"told": [], "since": "2026-11-20T03:00:00Z"},
     {"told": "ok", "since": "2026-11-20T03:00:00Z", "bad_since": None, "recent": [1]}],
)  # fmt: skip
def test_what_is_no_standing_is_not_believed(garbage: object) -> None:
    assert standing_from(garbage) is None
