"""The ledger: what begin and end mean, for runs, jobs and items."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huracan import masking
from huracan.errors import StoreError, UsageError
from huracan.store import ItemState, Ledger, RunState, Store

NOW = datetime(2023, 12, 30, 2, 0, 0, 123456, tzinfo=UTC)
DAY = date(2023, 12, 30)
HOUR = timedelta(hours=1)
UNHURRIED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def test_a_new_run_is_running_and_numbered(store: Store) -> None:
    run = store.ledger.begin_run("nightly", DAY, NOW, NOW + HOUR)
    assert (run.run_id, run.generation, run.state) == ("nightly-20231230-1", 1, RunState.RUNNING)
    assert (run.as_of, run.started_at, run.ended_at, run.summary) == (NOW, NOW + HOUR, None, "")
    assert store.ledger.run("nightly", DAY) == store.ledger.run_by_id(run.run_id) == run


def test_an_unfinished_run_goes_on_as_of_its_first_start(store: Store) -> None:
    first = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    assert store.ledger.begin_run("nightly", DAY, NOW + HOUR, NOW + HOUR) == first


@pytest.mark.parametrize("state", [RunState.INTERRUPTED, RunState.FAILED])
def test_an_interrupted_or_failed_run_goes_on(store: Store, state: RunState) -> None:
    first = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    store.ledger.end_run(first.run_id, state, "2 of 5 coins", NOW + HOUR)
    again = store.ledger.begin_run("nightly", DAY, NOW + HOUR, NOW + HOUR)
    assert (again.run_id, again.state, again.ended_at, again.as_of) == (first.run_id, RunState.RUNNING, None, NOW)


@pytest.mark.parametrize("state", [RunState.DONE, RunState.PARTLY_FAILED, RunState.NOTHING_TO_DO])
def test_a_finished_run_is_returned_as_it_is(store: Store, state: RunState) -> None:
    first = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    store.ledger.end_run(first.run_id, state, "5 of 5 coins", NOW + HOUR)
    again = store.ledger.begin_run("nightly", DAY, NOW, NOW + 2 * HOUR)
    assert (again.state, again.ended_at, again.summary) == (state, NOW + HOUR, "5 of 5 coins")
    assert len(store.ledger.runs()) == 1


def test_force_makes_a_new_generation_and_forgets_the_jobs_named(store: Store) -> None:
    ledger = store.ledger
    for day in (DAY, DAY - timedelta(days=1)):
        run = ledger.begin_run("nightly", day, NOW, NOW)
        for job in ("train", "export"):
            ledger.begin_job(run.run_id, job, NOW)
            ledger.end_item(job, day, "SOL-USDT", ItemState.COMPLETED)
        ledger.end_run(run.run_id, RunState.DONE, "", NOW)
    forced = ledger.begin_run("nightly", DAY, NOW + HOUR, NOW + HOUR, force=True, jobs=["train"])
    assert (forced.generation, forced.as_of, forced.state) == (2, NOW + HOUR, RunState.RUNNING)
    assert ledger.run("nightly", DAY) == forced
    assert [row.job for row in ledger.jobs(DAY)] == ["export"]
    assert (ledger.items("train", DAY), len(ledger.items("export", DAY))) == ({}, 1)
    assert len(ledger.jobs(DAY - timedelta(days=1))) == 2
    assert len(ledger.items("train", DAY - timedelta(days=1))) == 1
    assert len(ledger.runs()) == 3


def test_a_forced_run_gives_up_the_unfinished_one(store: Store) -> None:
    first = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    store.ledger.begin_run("nightly", DAY, NOW, NOW + HOUR, force=True)
    given_up = store.ledger.run_by_id(first.run_id)
    assert given_up is not None
    assert (given_up.state, given_up.ended_at) == (RunState.INTERRUPTED, NOW + HOUR)


def test_a_run_takes_over_the_instant_of_another_run_of_its_date(store: Store) -> None:
    store.ledger.begin_run("nightly", DAY, NOW, NOW)
    assert store.ledger.begin_run("train", DAY, NOW + HOUR, NOW + HOUR).as_of == NOW
    assert store.ledger.begin_run("train", DAY + timedelta(days=1), NOW + HOUR, NOW + HOUR).as_of == NOW + HOUR


def test_a_run_of_another_family_has_an_instant_of_its_own(store: Store) -> None:
    store.ledger.begin_run("maintenance", DAY, NOW, NOW)
    run = store.ledger.begin_run("nightly", DAY, NOW + HOUR, NOW + HOUR, family=["nightly", "train"])
    assert run.as_of == NOW + HOUR
    assert store.ledger.begin_run("train", DAY, NOW, NOW, family=["nightly", "train"]).as_of == NOW + HOUR


def test_another_instant_that_a_person_chose_is_refused_with_what_to_do(store: Store) -> None:
    store.ledger.begin_run("nightly", DAY, NOW, NOW)
    for pipeline in ("nightly", "train"):
        with pytest.raises(
            UsageError, match=r"as of 2023-12-30T02:00:00Z already, not 2023-12-30T03:00:00Z; .*--force"
        ):
            store.ledger.begin_run(pipeline, DAY, NOW + HOUR, NOW, explicit=True)
    assert store.ledger.run("train", DAY) is None
    assert store.ledger.begin_run("nightly", DAY, NOW, NOW, explicit=True).as_of == NOW


def test_a_runs_own_instant_counts_more_than_that_of_a_later_run_of_its_date(store: Store) -> None:
    store.ledger.begin_run("nightly", DAY, NOW, NOW)
    store.ledger.begin_run("train", DAY, NOW + HOUR, NOW + HOUR, force=True)
    assert store.ledger.begin_run("nightly", DAY, NOW, NOW + HOUR, explicit=True).as_of == NOW
    with pytest.raises(UsageError, match="--force"):
        store.ledger.begin_run("nightly", DAY, NOW + HOUR, NOW + HOUR, explicit=True)


def test_runs_are_listed_newest_first(store: Store) -> None:
    for number in range(11):
        store.ledger.begin_run("nightly", DAY, NOW, NOW, force=True, jobs=())
        store.ledger.begin_run("train", DAY - timedelta(days=number), NOW, NOW - HOUR)
    assert [run.generation for run in store.ledger.runs(3)] == [11, 10, 9]
    assert len(store.ledger.runs()) == 20


def test_each_start_of_a_job_is_an_attempt_and_forgets_how_the_last_one_ended(store: Store) -> None:
    ledger = store.ledger
    run = ledger.begin_run("nightly", DAY, NOW, NOW)
    assert ledger.job("train", DAY) is None
    assert ledger.begin_job(run.run_id, "train", NOW).attempts == 1
    ledger.end_job(
        run.run_id, "train", RunState.FAILED, NOW + HOUR, exit_code=75, summary="half", error="away", seconds=3.5
    )
    ended = ledger.job("train", DAY)
    assert ended is not None
    assert (ended.exit_code, ended.summary, ended.error, ended.seconds) == (75, "half", "away", 3.5)
    again = ledger.begin_job(run.run_id, "train", NOW + HOUR)
    assert again == ledger.job("train", DAY)
    assert (again.state, again.attempts, again.started_at) == (RunState.RUNNING, 2, NOW + HOUR)
    assert (again.exit_code, again.summary, again.error, again.seconds, again.ended_at) == (None, "", "", None, None)


def test_a_job_that_never_began_can_be_called_skipped(store: Store) -> None:
    run = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    store.ledger.end_job(run.run_id, "roster", RunState.SKIPPED, NOW, summary="not run, because train failed")
    [row] = store.ledger.jobs(DAY)
    assert (row.state, row.attempts, row.summary) == (RunState.SKIPPED, 0, "not run, because train failed")


def test_the_latest_row_of_each_job_is_found(store: Store) -> None:
    for days in (2, 0, 1):
        day = DAY - timedelta(days=days)
        run = store.ledger.begin_run("nightly", day, NOW, NOW)
        for job in ("train", "universe") if days else ("train",):
            store.ledger.begin_job(run.run_id, job, NOW)
    assert [(row.job, row.run_date) for row in store.ledger.last_jobs()] == [
        ("train", DAY), ("universe", DAY - timedelta(days=1)),
    ]  # fmt: skip


def test_an_unknown_run_is_a_store_error(store: Store) -> None:
    assert store.ledger.run_by_id("nightly-20000101-1") is None
    for call in (
        lambda: store.ledger.begin_job("nightly-20000101-1", "train", NOW),
        lambda: store.ledger.end_job("nightly-20000101-1", "train", RunState.DONE, NOW),
        lambda: store.ledger.end_run("nightly-20000101-1", RunState.DONE, "", NOW),
    ):
        with pytest.raises(StoreError, match="nightly-20000101-1 is not in the ledger"):
            call()


def test_each_start_of_an_item_is_an_attempt_and_forgets_how_the_last_one_ended(store: Store) -> None:
    ledger = store.ledger
    assert ledger.begin_item("train", DAY, "SOL-USDT").attempts == 1
    ledger.end_item("train", DAY, "SOL-USDT", ItemState.FAILED, 2.0, path="models/x", error="no", metrics={"a": 1})
    assert ledger.items("train", DAY)["SOL-USDT"].metrics == {"a": 1}
    again = ledger.begin_item("train", DAY, "SOL-USDT")
    assert ledger.items("train", DAY) == {"SOL-USDT": again}
    assert (again.state, again.attempts) == (ItemState.RUNNING, 2)
    assert (again.seconds, again.path, again.error, again.metrics) == (None, None, None, {})


def test_not_a_number_in_metrics_is_a_mistake_on_every_database(store: Store) -> None:
    with pytest.raises(Exception, match="not JSON compliant"):
        store.ledger.end_item("train", DAY, "SOL-USDT", ItemState.COMPLETED, metrics={"sharpe": float("nan")})
    assert store.ledger.items("train", DAY) == {}


def test_an_instant_without_a_zone_is_a_mistake_on_every_database(store: Store) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        store.ledger.begin_run("nightly", DAY, NOW.replace(tzinfo=None), NOW)


@UNHURRIED
@given(
    instant=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.sampled_from([  # noqa: DTZ001
        UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))])),
    day=st.dates(date(1970, 1, 1), date(2200, 1, 1)),
)  # fmt: skip
def test_instants_come_back_equal_and_in_utc(store: Store, instant: datetime, day: date) -> None:
    run = store.ledger.begin_run("nightly", day, instant, instant, force=True)
    store.ledger.end_run(run.run_id, RunState.DONE, "", instant)
    read = store.ledger.run_by_id(run.run_id)
    assert read is not None
    for read_back in (read.as_of, read.started_at, read.ended_at):
        assert read_back == instant
        assert read_back.tzinfo is UTC


@UNHURRIED
@given(metrics=st.dictionaries(st.text(max_size=10), json_values, max_size=5), text=st.text(max_size=300))
def test_metrics_come_back_equal_and_no_text_is_refused(store: Store, metrics: dict[str, object], text: str) -> None:
    store.ledger.end_item("train", DAY, "SOL-USDT", ItemState.FAILED, path=text, error=text, metrics=metrics)
    row = store.ledger.items("train", DAY)["SOL-USDT"]
    assert row.metrics == metrics
    assert row.error == row.path == text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


@UNHURRIED
@given(seconds=st.floats(allow_nan=False, allow_infinity=False))
def test_seconds_come_back_to_the_last_bit(store: Store, seconds: float) -> None:
    store.ledger.end_item("train", DAY, "SOL-USDT", ItemState.COMPLETED, seconds)
    assert store.ledger.items("train", DAY)["SOL-USDT"].seconds == seconds


def test_who_begins_a_run_waits_for_another_who_begins_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    insert, reached = Ledger._new, threading.Event()

    def insert_slowly(*arguments: Any) -> Any:
        reached.set()
        time.sleep(0.3)
        return insert(*arguments)

    monkeypatch.setattr(Ledger, "_new", staticmethod(insert_slowly))
    with ThreadPoolExecutor() as threads:
        first = threads.submit(store.ledger.begin_run, "nightly", DAY, NOW, NOW)
        assert reached.wait(30)
        second = threads.submit(store.ledger.begin_run, "nightly", DAY, NOW + HOUR, NOW + HOUR)
        assert first.result() == second.result()
    assert len(store.ledger.runs()) == 1


def test_what_a_job_or_coin_said_is_kept_without_secrets(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_secrets", type(masking._secrets)())
    masking.register_secret("hunter22hunter22")
    run = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    store.ledger.begin_job(run.run_id, "train", NOW)
    store.ledger.begin_item("train", DAY, "BTC-USDT")
    said = "refused: key hunter22hunter22"
    store.ledger.end_item("train", DAY, "BTC-USDT", ItemState.FAILED, 1.0, error=said)
    store.ledger.end_job(run.run_id, "train", RunState.FAILED, NOW, exit_code=1, summary=said, error=said, seconds=1.0)
    job, item = store.ledger.job("train", DAY), store.ledger.items("train", DAY)["BTC-USDT"]
    assert job is not None
    assert "hunter22" not in f"{job.summary} {job.error} {item.error}"
    assert job.error.startswith("refused: key ")
