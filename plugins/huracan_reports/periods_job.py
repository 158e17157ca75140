"""The job ``period-reports``: pages of the day, and of each week and month that ended since and has none."""

from __future__ import annotations

from huracan.context import Context
from huracan.errors import StopRequested, UsageError
from huracan.types import JobResult, Outcome
from huracan_reports.made import announce
from huracan_reports.periods import Kind, Period
from huracan_reports.periods_document import wanted
from huracan_reports.periods_write import write_period

__all__ = ["run"]


def run(context: Context) -> JobResult:
    """Write what is due, tell of each once, and go on where one fails."""
    day = context.current_run.run_date
    written: list[str] = []
    problems: list[str] = []
    for period in [*wanted(context, day), Period.holding(Kind.DAILY, day)]:
        try:
            made, lines = write_period(context, period, tell=lambda made: announce(context, made))
        except (KeyboardInterrupt, StopRequested):
            raise
        except UsageError as error:  # the day's own job wrote nothing, and has said why
            context.log.warning("no page of the day: %s", error)
            continue
        except Exception as error:
            context.log.exception("the %s report %s failed", period.kind, period.name)
            problems.append(f"{period.kind} {period.name}: {type(error).__name__}: {error}")
            continue
        for note in made.notes:
            context.log.warning("report: %s", note)
        written.append(f"{period.kind} {period.name}")
        # What a section of the day could not say, the job daily-report has reported.
        problems += [f"{period.kind} {period.name}: {line}" for line in lines if period.kind is not Kind.DAILY]
    if problems:
        return JobResult(Outcome.PARTLY_FAILED, f"written: {', '.join(written) or 'nothing'}", tuple(problems))
    if not written:
        return JobResult(Outcome.NOTHING_TO_DO, "no report is due")
    return JobResult(Outcome.DONE, f"written: {', '.join(written)}")
