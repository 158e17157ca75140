"""``runs/YYYYMMDDZ/status.json``: what the ledger knows about a night, for people and for the trading process.

Other pipelines write ``status-PIPELINE.json`` beside it: who waits for the night must not read that maintenance ended.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from huracan.paths import write_json

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.store import ItemRow, JobRow, RunRow

__all__ = ["NIGHT", "job_as_json", "run_as_json", "write_status"]


NIGHT = "nightly"


def write_status(context: Context) -> None:
    """Write the view of the current run, its pipeline's jobs of the run date and their items; a job calls it as items
    end. A job that is run alone belongs to its pipeline."""
    run = context.current_run
    ledger = context.store.ledger
    row = ledger.run_by_id(run.run_id)
    pipelines = {name: job.pipeline for name, job in context.plugins.jobs().items()}
    mine = run.pipeline if run.pipeline in pipelines.values() else pipelines.get(run.pipeline, run.pipeline)
    jobs = [job for job in ledger.jobs(run.run_date) if pipelines.get(job.job, mine) == mine]
    items = [item for job in jobs for _, item in sorted(ledger.items(job.job, run.run_date).items())]
    value = {
        "schema": 1,
        "run": None if row is None else run_as_json(row),
        "jobs": [job_as_json(job) for job in jobs],
        "items": [_item_as_json(item) for item in items],
    }
    file = context.paths.status_file(run.run_date)
    write_json(file if mine == NIGHT else file.with_name(f"status-{mine}.json"), value)


def run_as_json(row: RunRow) -> dict[str, Any]:
    """Return a run as JSON values; instants are ISO, UTC, with Z."""
    return {
        "run_id": row.run_id,
        "pipeline": row.pipeline,
        "run_date": row.run_date.isoformat(),
        "generation": row.generation,
        "as_of": _instant(row.as_of),
        "state": str(row.state),
        "started_at": _instant(row.started_at),
        "ended_at": _instant(row.ended_at),
        "summary": row.summary,
    }


def job_as_json(row: JobRow) -> dict[str, Any]:
    """Return a job as JSON values."""
    return {
        "job": row.job,
        "run_id": row.run_id,
        "state": str(row.state),
        "attempts": row.attempts,
        "started_at": _instant(row.started_at),
        "ended_at": _instant(row.ended_at),
        "seconds": row.seconds,
        "exit_code": row.exit_code,
        "summary": row.summary,
        "error": row.error or None,
    }


def _item_as_json(row: ItemRow) -> dict[str, Any]:
    return {
        "job": row.job,
        "item": row.item,
        "state": str(row.state),
        "attempts": row.attempts,
        "seconds": row.seconds,
        "path": row.path,
        "error": row.error or None,
        "metrics": dict(row.metrics),
    }


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat().replace("+00:00", "Z") if instant else None
