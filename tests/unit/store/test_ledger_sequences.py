"""Whatever happens in whatever order, the ledger keeps what was completed and knows one run to go on with."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from huracan.errors import UsageError
from huracan.store import FINISHED, ItemState, RunRow, RunState, Store

JOBS = ("universe", "train")
pipelines = st.sampled_from(["nightly", "train"])
offsets = st.integers(0, 1)
jobs = st.sampled_from(JOBS)
coins = st.sampled_from(["BTC-USDT", "ETH-USDT", "SOL-USDT"])
_examples = itertools.count()


class Nights(RuleBasedStateMachine):
    """Runs of two pipelines on two dates by a program that may be killed between any two calls.

    What the ledger should hold is kept beside it in plain dictionaries. Each example has dates of its own.
    """

    open_store: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.store = self.open_store()
        self.first_day = date(2000, 1, 1) + timedelta(days=10 * next(_examples))
        self.now = datetime(2023, 12, 30, 2, tzinfo=UTC)
        self.runs: dict[tuple[str, date], RunRow] = {}
        self.items: dict[tuple[str, date], dict[str, ItemState]] = {}
        self.attempts: dict[tuple[str, date, str], int] = {}

    def day(self, offset: int) -> date:
        return self.first_day + timedelta(days=offset)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @rule(pipeline=pipelines, offset=offsets, force=st.booleans(), explicit=st.booleans(), hour=st.integers(0, 2))
    def begin(self, pipeline: str, offset: int, force: bool, explicit: bool, hour: int) -> None:
        day, now = self.day(offset), self.tick()
        as_of = datetime(2023, 12, 30, hour, tzinfo=UTC)
        key, before = (pipeline, day), self.runs.get((pipeline, day))
        of_date = [run for (_, other), run in self.runs.items() if other == day]
        try:
            run = self.store.ledger.begin_run(pipeline, day, as_of, now, force, JOBS, explicit)
        except UsageError:
            assert explicit
            assert not force
            assert of_date
            assert before is None or before.as_of != as_of
            return
        if force:
            assert run.generation == (before.generation + 1 if before else 1)
            assert (run.state, run.as_of) == (RunState.RUNNING, as_of)
            for job in JOBS:
                self.items.pop((job, day), None)
                self.attempts = {k: n for k, n in self.attempts.items() if k[:2] != (job, day)}
        elif before is None:
            assert (run.generation, run.state) == (1, RunState.RUNNING)
            assert run.as_of == (max(of_date, key=lambda other: other.started_at).as_of if of_date else as_of)
        elif before.state in FINISHED:
            assert run == before
        else:
            assert (run.run_id, run.as_of, run.state) == (before.run_id, before.as_of, RunState.RUNNING)
        if explicit:
            assert run.as_of == as_of
        self.runs[key] = run

    @rule(pipeline=pipelines, offset=offsets, state=st.sampled_from([*FINISHED, RunState.FAILED, RunState.INTERRUPTED]))
    def end(self, pipeline: str, offset: int, state: RunState) -> None:
        run = self.runs.get((pipeline, self.day(offset)))
        if run is not None and run.state is RunState.RUNNING:
            self.store.ledger.end_run(run.run_id, state, "ended", self.tick())
            ended = self.store.ledger.run_by_id(run.run_id)
            assert ended is not None
            self.runs[(pipeline, self.day(offset))] = ended

    @rule(pipeline=pipelines, offset=offsets, job=jobs, ends=st.sampled_from([None, RunState.DONE, RunState.FAILED]))
    def work_on_job(self, pipeline: str, offset: int, job: str, ends: RunState | None) -> None:
        run = self.runs.get((pipeline, self.day(offset)))
        if run is None:
            return
        before = self.store.ledger.job(job, run.run_date)
        assert (
            self.store.ledger.begin_job(run.run_id, job, self.tick()).attempts == (before.attempts if before else 0) + 1
        )
        if ends is not None:
            self.store.ledger.end_job(run.run_id, job, ends, self.tick())
        row = self.store.ledger.job(job, run.run_date)
        assert row is not None
        assert row.state is (ends or RunState.RUNNING)

    @rule(offset=offsets, job=jobs, coin=coins, ends=st.sampled_from([None, *ItemState]))
    def work_on_item(self, offset: int, job: str, coin: str, ends: ItemState | None) -> None:
        """As the trainer does: what the ledger calls completed is left alone; ``ends`` None is a kill in between."""
        day, ledger = self.day(offset), self.store.ledger
        known = ledger.items(job, day).get(coin)
        if known is not None and known.state is ItemState.COMPLETED:
            return
        attempts = self.attempts[job, day, coin] = self.attempts.get((job, day, coin), 0) + 1
        assert ledger.begin_item(job, day, coin).attempts == attempts
        if ends is not None:
            ledger.end_item(job, day, coin, ends, 1.5, path=f"models/{coin}", metrics={"sharpe": 0.7})
        self.items.setdefault((job, day), {})[coin] = ends or ItemState.RUNNING

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.open_store()

    @invariant()
    def one_run_at_most_is_unfinished(self) -> None:
        running = [
            (run.pipeline, run.run_date) for run in self.store.ledger.runs(10_000) if run.state is RunState.RUNNING
            and run.run_date >= self.first_day
        ]  # fmt: skip
        assert len(running) == len(set(running))

    @invariant()
    def the_ledger_knows_each_run_and_item(self) -> None:
        for (pipeline, day), run in self.runs.items():
            assert self.store.ledger.run(pipeline, day) == run
        for (job, day), expected in self.items.items():
            rows = self.store.ledger.items(job, day)
            assert {coin: row.state for coin, row in rows.items()} == expected
            for row in rows.values():
                if row.state is ItemState.COMPLETED:
                    assert (row.path, row.metrics) == (f"models/{row.item}", {"sharpe": 0.7})

    def teardown(self) -> None:
        with suppress(AttributeError):
            self.store.close()


def test_no_sequence_of_starts_kills_and_forced_runs_loses_or_repeats_anything(url: str, lock_folder: Path) -> None:
    class NightsOnThisDatabase(Nights):
        open_store = staticmethod(lambda: Store.open(url, lock_folder))

    run_state_machine_as_test(
        NightsOnThisDatabase,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
