"""``runs/YYYYMMDDZ/status.json``: what the ledger knows about a run date, for people and for the trading process."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from huracan.paths import write_json

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.store import ItemRow, JobRow, RunRow

__all__ = ["job_as_json", "run_as_json", "write_status"]


def write_status(context: Context) -> None:
    """Write the view of the current run, its run date's jobs and their items; a job calls it as items end."""
    run = context.current_run
    ledger = context.store.ledger
    row = ledger.run_by_id(run.run_id)
    jobs = ledger.jobs(run.run_date)
    items = [item for job in jobs for _, item in sorted(ledger.items(job.job, run.run_date).items())]
    value = {
        "schema": 1,
        "run": None if row is None else run_as_json(row),
        "jobs": [job_as_json(job) for job in jobs],
        "items": [_item_as_json(item) for item in items],
    }
    write_json(context.paths.status_file(run.run_date), value)


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
