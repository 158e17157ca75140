"""List the declared jobs in the order in which they run, with limits, schedule and last result."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.store import JobRow
    from huracan.types import Job

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the jobs that plugins declare."""
    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store as store:
        last = {row.job: row for row in store.ledger.last_jobs()}
    pipelines = context.settings.core.schedule.pipelines
    jobs = _in_order(context)
    if arguments.json:
        show_json({
            "jobs": [_as_json(job, pipelines.get(job.pipeline), last.get(job.name)) for job in jobs],
            "notes": list(_notes(jobs)),
        })  # fmt: skip
    else:
        _print_table(arguments, jobs, pipelines, last)
    return 0


def _in_order(context: Context) -> list[Job]:
    """Return all declared jobs by pipeline, each pipeline in the order in which it runs, with the owner's limits."""
    from huracan.run.graph import jobs_to_run, names_of_pipelines

    pipelines = names_of_pipelines(context.plugins.jobs())
    return [job for name in pipelines for job in jobs_to_run(name, context.plugins, context.settings)]


def _notes(jobs: list[Job]) -> Iterator[str]:
    """Yield a line for each job whose place in the order nobody knows."""
    from huracan.run.graph import unknown_before

    known = {job.name: job for job in jobs}
    for job in jobs:
        if unknown := unknown_before(job, known):
            yield (
                f"{job.name} comes after {', '.join(unknown)}, of which {job.pipeline} knows nothing: a misspelling, "
                "or a plugin that is not loaded; it waits for nothing there"
            )


def _as_json(job: Job, starts: str | None, last: JobRow | None) -> dict[str, Any]:
    from huracan.run.status import job_as_json

    return {
        "name": job.name,
        "pipeline": job.pipeline,
        "description": job.description,
        "after": list(job.after),
        "starts": starts,
        "time_limit": job.time_limit,
        "stall_limit": job.stall_limit,
        "retries": job.retries,
        "retry_delay": job.retry_delay,
        "always": job.always,
        "last": None if last is None else {**job_as_json(last), "run_date": last.run_date.isoformat()},
    }


def _print_table(
    arguments: argparse.Namespace, jobs: list[Job], pipelines: dict[str, str], last: dict[str, JobRow]
) -> None:
    from huracan.cli.tables import duration, make_table, state

    columns = ("job", "pipeline", "after", "limit", "stall", "tries", "last run", "state", "took", "summary")
    table = make_table(columns, right=("limit", "stall", "tries", "took"), wide="summary")
    for job in jobs:
        row = last.get(job.name)
        starts = pipelines.get(job.pipeline)
        table.add_row(
            job.name,
            f"{job.pipeline} {starts}Z" if starts else job.pipeline,
            ", ".join(job.after) or "-",
            duration(job.time_limit),
            duration(job.stall_limit),
            str(job.retries + 1),
            str(row.run_date) if row else "-",
            state(row.state if row else "never"),
            duration(row.seconds if row else None),
            (row.error or row.summary) if row else job.description,
        )
    screen = console(arguments)
    screen.print(table if jobs else "No enabled plugin declares a job.")
    for line in _notes(jobs):
        screen.print(f"  {line}", markup=False, soft_wrap=True, style="yellow")
