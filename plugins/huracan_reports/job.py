"""The job ``report``: the night as page, PDF, picture, table and document, and a message that it is there."""

from __future__ import annotations

from huracan.context import Context
from huracan.types import JobResult, Outcome
from huracan_reports.made import announce
from huracan_reports.night import read_night
from huracan_reports.nightly import write_nightly

__all__ = ["run"]


def run(context: Context) -> JobResult:
    """Report on the run date, whatever became of it."""
    night = read_night(context, context.current_run.run_date)
    if night is None:
        return JobResult(Outcome.NOTHING_TO_DO, "the ledger knows of no night on this run date")
    made = write_nightly(context, night)
    announce(context, made)
    summary = f"{len(night.coins)} coins in {context.paths.relative(made.folder)}"
    for note in made.notes:
        context.log.warning("report: %s", note)
        summary += f"; {note.partition(';')[0]}"
    return JobResult(Outcome.DONE, summary)
