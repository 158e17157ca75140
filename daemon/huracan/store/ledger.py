"""What ran, for which date, how far it came: a kill between any two calls leaves a state to go on from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from huracan.clock import format_instant
from huracan.errors import StoreError, UsageError
from huracan.masking import mask
from huracan.store.access import Access
from huracan.store.rows import FINISHED, ItemRow, ItemState, JobRow, RunRow, RunState
from huracan.store.tables import ItemTable, JobTable, RunTable

__all__ = ["Ledger"]


class Ledger:
    """Runs, their jobs, and the parts of those jobs. Every method is one transaction."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def adopt(self, run: RunRow, jobs: Sequence[JobRow], items: Sequence[ItemRow]) -> bool:
        """Take over a run that another machine's ledger knew, with its jobs and their parts; False where this one knows
        its date already: what happened here counts."""
        with self._access.writing() as session:
            self._one_at_a_time(session)
            if session.scalar(select(func.count()).select_from(RunTable).where(RunTable.run_date == run.run_date)):
                return False
            session.add(RunTable(**asdict(run)))
            session.add_all(JobTable(**asdict(job)) for job in jobs)
            session.add_all(ItemTable(**{**asdict(item), "metrics": dict(item.metrics)}) for item in items)
            return True

    # --------------------------------------------------------------------------------------------------------- runs

    def begin_run(
        self,
        pipeline: str,
        run_date: date,
        as_of: datetime,
        now: datetime,
        force: bool = False,
        jobs: Sequence[str] = (),
        explicit: bool = False,
        family: Collection[str] | None = None,
    ) -> RunRow:
        """Return the run to work on.

        An unfinished run is continued, a finished one is returned as it is; ``force`` makes a new generation and
        forgets the rows of ``jobs`` for that date. A run takes over the ``as_of`` of any other run of its date that
        is of its ``family`` (a pipeline and its jobs that were run alone; None: all runs), so that they see one market;
        where ``explicit`` says that a person chose another instant, UsageError.
        """
        with self._access.writing() as session:
            self._one_at_a_time(session)
            last = self._last(session, pipeline, run_date)
            if force:
                session.execute(delete(ItemTable).where(ItemTable.run_date == run_date, ItemTable.job.in_(jobs)))
                session.execute(delete(JobTable).where(JobTable.run_date == run_date, JobTable.job.in_(jobs)))
                if last is not None and last.ended_at is None:
                    last.state, last.ended_at, last.summary = RunState.INTERRUPTED, now, "given up for a forced run"
                return _run(self._new(session, pipeline, run_date, as_of, now, last))
            known = last.as_of if last is not None else self._as_of(session, run_date, family)
            if explicit and known is not None and known != as_of:
                raise UsageError(
                    f"{run_date} was run as of {format_instant(known)} already, not {format_instant(as_of)}; "
                    "use that instant, or --force to do the date again"
                )
            if last is None:
                return _run(self._new(session, pipeline, run_date, known or as_of, now, None))
            if RunState(last.state) not in FINISHED:
                last.state, last.ended_at = RunState.RUNNING, None
            return _run(last)

    def end_run(self, run_id: str, state: RunState, summary: str, now: datetime) -> None:
        """Record how a run ended; ``interrupted`` and ``failed`` ones are continued by the next begin_run."""
        with self._access.writing() as session:
            row = session.get(RunTable, run_id)
            if row is None:
                raise StoreError(f"run {run_id} is not in the ledger")
            row.state, row.summary, row.ended_at = state, summary, now

    def run(self, pipeline: str, run_date: date) -> RunRow | None:
        """Return the newest generation of a pipeline's run for a date."""
        with self._access.reading() as session:
            row = self._last(session, pipeline, run_date)
            return _run(row) if row else None

    def knows_earlier(self, pipeline: str, run_date: date) -> bool:
        """Say whether there is a run of the pipeline for an earlier date."""
        mine = (RunTable.pipeline == pipeline) & (RunTable.run_date < run_date)
        with self._access.reading() as session:
            return session.scalar(select(RunTable.run_id).where(mine).limit(1)) is not None

    def run_by_id(self, run_id: str) -> RunRow | None:
        with self._access.reading() as session:
            row = session.get(RunTable, run_id)
            return _run(row) if row else None

    def runs(self, limit: int = 20) -> list[RunRow]:
        """Return the latest runs, newest first."""
        order = (RunTable.started_at.desc(), RunTable.run_date.desc(), RunTable.generation.desc(), RunTable.pipeline)
        with self._access.reading() as session:
            return [_run(row) for row in session.scalars(select(RunTable).order_by(*order).limit(limit))]

    # --------------------------------------------------------------------------------------------------------- jobs

    def begin_job(self, run_id: str, job: str, now: datetime) -> JobRow:
        """Record that a job starts, one attempt more than before for its run date."""
        with self._access.writing() as session:
            run = session.get(RunTable, run_id)
            if run is None:
                raise StoreError(f"run {run_id} is not in the ledger")
            row = session.get(JobTable, (job, run.run_date))
            if row is None:
                row = JobTable(job=job, run_date=run.run_date, attempts=0, summary="", error="")
                session.add(row)
            row.run_id, row.state, row.attempts = run_id, RunState.RUNNING, row.attempts + 1
            row.started_at, row.ended_at, row.seconds, row.exit_code = now, None, None, None
            row.summary, row.error = "", ""
            session.flush()
            return _job(row)

    def end_job(
        self,
        run_id: str,
        job: str,
        state: RunState,
        now: datetime,
        *,
        exit_code: int | None = None,
        summary: str = "",
        error: str = "",
        seconds: float | None = None,
    ) -> None:
        """Record how a job ended; one that never began (skipped) gets its row here."""
        with self._access.writing() as session:
            run = session.get(RunTable, run_id)
            if run is None:
                raise StoreError(f"run {run_id} is not in the ledger")
            row = session.get(JobTable, (job, run.run_date))
            if row is None:
                row = JobTable(job=job, run_date=run.run_date, attempts=0, started_at=now)
                session.add(row)
            row.run_id, row.state, row.ended_at = run_id, state, now
            # They go on to reports, exports and copies elsewhere.
            row.exit_code, row.summary, row.error, row.seconds = exit_code, mask(summary), mask(error), seconds

    def job(self, job: str, run_date: date) -> JobRow | None:
        with self._access.reading() as session:
            row = session.get(JobTable, (job, run_date))
            return _job(row) if row else None

    def jobs(self, run_date: date) -> list[JobRow]:
        """Return the jobs of a run date in the order in which they started."""
        query = select(JobTable).where(JobTable.run_date == run_date).order_by(JobTable.started_at, JobTable.job)
        with self._access.reading() as session:
            return [_job(row) for row in session.scalars(query)]

    def last_jobs(self) -> list[JobRow]:
        """Return the latest row of each job, by name."""
        latest = select(JobTable.job, func.max(JobTable.run_date).label("run_date")).group_by(JobTable.job).subquery()
        matches = (JobTable.job == latest.c.job) & (JobTable.run_date == latest.c.run_date)
        with self._access.reading() as session:
            return [_job(row) for row in session.scalars(select(JobTable).join(latest, matches).order_by(JobTable.job))]

    # -------------------------------------------------------------------------------------------------------- items

    def begin_item(self, job: str, run_date: date, item: str) -> ItemRow:
        """Record that a part of a job starts, one attempt more than before for its run date."""
        with self._access.writing() as session:
            row = session.get(ItemTable, (job, run_date, item))
            if row is None:
                row = ItemTable(job=job, run_date=run_date, item=item, attempts=0)
                session.add(row)
            row.state, row.attempts = ItemState.RUNNING, row.attempts + 1
            row.seconds, row.path, row.error, row.metrics = None, None, None, {}
            session.flush()
            return _item(row)

    def end_item(
        self,
        job: str,
        run_date: date,
        item: str,
        state: ItemState,
        seconds: float | None = None,
        path: str | None = None,
        error: str | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Record how a part ended; one that never began (skipped) gets its row here."""
        with self._access.writing() as session:
            row = session.get(ItemTable, (job, run_date, item))
            if row is None:
                row = ItemTable(job=job, run_date=run_date, item=item, attempts=0)
                session.add(row)
            row.state, row.seconds, row.path = state, seconds, path
            row.error = None if error is None else mask(error)
            row.metrics = dict(metrics or {})

    def items(self, job: str, run_date: date) -> dict[str, ItemRow]:
        """Return the parts of a job by name."""
        query = select(ItemTable).where(ItemTable.job == job, ItemTable.run_date == run_date).order_by(ItemTable.item)
        with self._access.reading() as session:
            return {row.item: _item(row) for row in session.scalars(query)}

    # ------------------------------------------------------------------------------------------------------ helpers

    @staticmethod
    def _one_at_a_time(session: Session) -> None:
        """Let no two processes begin a run at once; SQLite's writers are one at a time anyway."""
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE"))

    @staticmethod
    def _last(session: Session, pipeline: str, run_date: date) -> RunTable | None:
        mine = (RunTable.pipeline == pipeline) & (RunTable.run_date == run_date)
        return session.scalars(select(RunTable).where(mine).order_by(RunTable.generation.desc()).limit(1)).first()

    @staticmethod
    def _as_of(session: Session, run_date: date, family: Collection[str] | None) -> datetime | None:
        order = (RunTable.started_at.desc(), RunTable.generation.desc(), RunTable.pipeline)
        query = select(RunTable).where(RunTable.run_date == run_date)
        if family is not None:
            query = query.where(RunTable.pipeline.in_(sorted(family)))
        row = session.scalars(query.order_by(*order).limit(1)).first()
        return row.as_of if row else None

    @staticmethod
    def _new(
        session: Session, pipeline: str, run_date: date, as_of: datetime, now: datetime, last: RunTable | None
    ) -> RunTable:
        generation = last.generation + 1 if last else 1
        row = RunTable(
            run_id=f"{pipeline}-{run_date:%Y%m%d}-{generation}",
            pipeline=pipeline,
            run_date=run_date,
            generation=generation,
            as_of=as_of,
            state=RunState.RUNNING,
            started_at=now,
            summary="",
        )
        session.add(row)
        session.flush()
        return row


def _run(row: RunTable) -> RunRow:
    return RunRow(
        row.run_id, row.pipeline, row.run_date, row.generation, row.as_of, RunState(row.state), row.started_at,
        row.ended_at, row.summary,
    )  # fmt: skip


def _job(row: JobTable) -> JobRow:
    return JobRow(
        row.job, row.run_date, row.run_id, RunState(row.state), row.attempts, row.started_at, row.ended_at, row.seconds,
        row.exit_code, row.summary, row.error,
    )  # fmt: skip


def _item(row: ItemTable) -> ItemRow:
    return ItemRow(
        row.job,
        row.run_date,
        row.item,
        ItemState(row.state),
        row.attempts,
        row.seconds,
        row.path,
        row.error,
        row.metrics,
    )
