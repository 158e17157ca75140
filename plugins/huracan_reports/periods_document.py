"""The report of a period as one JSON document: sections, each of which may fail without taking the others with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import StopRequested, UsageError
from huracan.masking import json_safe
from huracan.paths import Paths, read_json
from huracan.store import RunState
from huracan.types import ReportSection
from huracan_reports import periods_machine as machine
from huracan_reports import periods_money as money
from huracan_reports.periods import A_DAY, Kind, Period
from huracan_reports.periods_money import Asked

__all__ = ["SECTIONS", "collect", "daily_sections", "file_of", "of_a_day", "wanted"]

Section = Callable[[Asked], Mapping[str, Any] | None]

SECTIONS: Mapping[str, Section] = {
    "portfolio": money.portfolio,
    "trading": money.trading,
    "champions": money.champions,
    "coins": money.coins,
    "nights": money.nights,
    "breakers": machine.breakers,
    "runs": machine.runs,
    "health": machine.health,
    "backups": machine.backups,
    "disk": machine.disk,
    "events": machine.events,
    "next": machine.coming,
}
"""What a week or a month tells, in this order."""

_OF_A_DAY = ("portfolio", "trading", "coins", "breakers", "backups")
"""What is added to the daily report, which has sections of its own for the rest."""

MADE_UP_FOR = {Kind.WEEKLY: 4, Kind.MONTHLY: 2}
"""How many missed periods are made up for; of older ones too little is kept."""


JOB = "period-reports"
LONGEST_AGO = 100
"""Days that are looked back for the last run: longer than anything is made up for."""


def file_of(paths: Paths, period: Period) -> Path:
    """Return the JSON file of a period's report; page and PDF lie beside it under the same name."""
    return paths.workspace / "reports" / period.kind.value / f"{period.name}.json"


def wanted(context: Context, run_date: date) -> list[Period]:
    """Return the weeks and months that are over and have no whole report yet, oldest first.

    A period in which nothing ran has nothing to tell. One that this job has seen already is not told again when
    clean-up has taken its files away.
    """
    seen = _last_done(context, run_date)
    ran = {each.run_date for each in context.store.ledger.runs(machine.MOST_RUNS)}
    found = []
    for kind, most in MADE_UP_FOR.items():
        period = Period.last_whole(kind, run_date)
        for _ in range(most):
            made = read_json(file_of(context.paths, period)) or {}
            is_new = made.get("whole") is not True and (seen is None or period.last >= seen)
            if is_new and any(day in period for day in ran):
                found.append(period)
            period = period.before()
    return sorted(found, key=lambda each: (each.last, each.kind))


def _last_done(context: Context, run_date: date) -> date | None:
    """Return the last run date before this one on which the job did all that was due then, None where there is none."""
    for back in range(1, LONGEST_AGO + 1):
        day = run_date - timedelta(days=back)
        row = context.store.ledger.job(JOB, day)
        if row is not None and row.state in (RunState.DONE, RunState.NOTHING_TO_DO):
            return day
    return None


def collect(context: Context, period: Period, *, whole: bool) -> tuple[dict[str, Any], list[str]]:
    """Return the report of a week or a month, and a line for each section that raised.

    ``whole`` says that the period is over, so that nothing will be added to it.
    """
    asked = Asked(context, period, period.begins, period.ends)
    sections: dict[str, Mapping[str, Any]] = {}
    problems: list[str] = []
    for name, section in SECTIONS.items():
        try:
            said = section(asked)
            if said is not None:
                sections[name] = json_safe(dict(said))
        except (KeyboardInterrupt, StopRequested):
            raise
        except Exception as error:
            context.log.exception("the section %s of the %s report failed", name, period.kind)
            problems.append(json_safe(f"section {name}: {type(error).__name__}: {error}"))
        context.progress.step(f"{period.kind} report: {name}")
    return _document(period, sections, problems, whole=whole), problems


def of_a_day(context: Context, period: Period) -> dict[str, Any]:
    """Return what the job daily-report wrote of a day, in the form of the other reports. Raises UsageError."""
    file = file_of(context.paths, period)
    written = read_json(file)
    if written is None or not isinstance(written.get("sections"), dict):
        raise UsageError(f"there is no daily report of {period.name}: {file} is missing; `huracan run daily-report`")
    sections = {str(name): said for name, said in written["sections"].items() if isinstance(said, dict)}
    problems = [str(line) for line in written.get("problems") or ()]
    # The file has them by name; those of other plugins come before what is to come.
    own = list(SECTIONS)
    order = sorted(sections, key=lambda name: (own.index(name) if name in own else len(own) - 1.5, name))
    return _document(period, {name: sections[name] for name in order}, problems, whole=True)


def daily_sections() -> Sequence[ReportSection]:
    """Return what this plugin adds to the daily report."""
    return [ReportSection(name, partial(_of_the_last_day, SECTIONS[name])) for name in _OF_A_DAY]


def _of_the_last_day(section: Section, context: Context, day: date) -> Mapping[str, Any] | None:
    """Ask a section about the 24 hours before the run began; the clock of a run stands still, the ledger knows."""
    row = context.store.ledger.run_by_id(context.run.run_id) if context.run else None
    until = row.started_at if row else context.clock.now()
    # What this run did before this job belongs to it too.
    return section(Asked(context, Period.holding(Kind.DAILY, day), until - A_DAY, until + timedelta(hours=1)))


def _document(
    period: Period, sections: Mapping[str, Mapping[str, Any]], problems: Sequence[str], *, whole: bool
) -> dict[str, Any]:
    headlines = [str(said["headline"]) for said in sections.values() if said.get("headline")]
    return {
        "schema": 1,
        "kind": period.kind.value,
        "period": period.name,
        "from": period.first.isoformat(),
        "until": period.last.isoformat(),
        "title": period.title,
        "whole": whole,
        "headline": "; ".join(headlines) or "nothing happened",
        "sections": dict(sections),
        "problems": list(problems),
    }
