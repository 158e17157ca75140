"""Sections about the machinery: runs, breakers, health, backups, disk, warnings, what comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from huracan.due import parse_times
from huracan.paths import read_json
from huracan.store import FINISHED, RunRow, summarise
from huracan.types import Event, Severity
from huracan_reports.periods import A_DAY, Kind, Period
from huracan_reports.periods_money import MOST_LINES, Asked, counted, more

__all__ = ["backups", "breakers", "coming", "disk", "events", "health", "runs"]

MOST_RUNS, MOST_EVENTS, MOST_BREAKERS = 2_000, 20_000, 1_000
"""What is read of each, newest first: a month of a busy installation is a fraction of it."""


def runs(asked: Asked) -> Mapping[str, Any]:
    """Say how many runs of each pipeline there were, how they ended, and which jobs failed."""
    context = asked.context
    mine = context.run.run_id if context.run else ""
    found = [
        each for each in context.store.ledger.runs(MOST_RUNS)
        if each.run_date in asked.period and each.run_id != mine
    ]  # fmt: skip
    by_pipeline: dict[str, list[RunRow]] = {}
    for each in found:
        by_pipeline.setdefault(each.pipeline, []).append(each)
    bad = sum(each.state not in FINISHED for each in found)
    lines = [
        f"{job.run_date} {job.job}: {job.state.value}: {(job.error or job.summary).partition(chr(10))[0]}"
        for day in sorted({each.run_date for each in found})
        for job in context.store.ledger.jobs(day)
        if job.state.value in ("failed", "partly-failed")
    ]
    return {
        "headline": counted(len(found), "run") + (f", {bad} not finished" if bad else ""),
        "summary": "Nothing ran." if not found else f"{counted(len(found), 'run')}, {_unfinished(bad)}.",
        "lines": lines[:MOST_LINES] + more(len(lines)),
        "table": {
            "columns": ["pipeline", "runs", "done", "partly failed", "not finished", "usual time"],
            "rows": [_pipeline_row(name, rows) for name, rows in sorted(by_pipeline.items())],
        },
        "total": len(found),
        "not_finished": bad,
    }


def _unfinished(count: int) -> str:
    return f"{count} of them not finished" if count else "all finished"


def _pipeline_row(name: str, rows: Sequence[RunRow]) -> list[str]:
    from huracan.cli.tables import duration

    states = Counter(each.state.value for each in rows)
    took = [(each.ended_at - each.started_at).total_seconds() for each in rows if each.ended_at is not None]
    partly = states["partly-failed"]
    done = states["done"] + states["nothing-to-do"]
    return [
        name, str(len(rows)), str(done), str(partly), str(len(rows) - done - partly),
        duration(median(took)) if took else "",
    ]  # fmt: skip


def breakers(asked: Asked) -> Mapping[str, Any] | None:
    """Say what kill switch and breakers did, and which stand; None where there is nothing."""
    context = asked.context
    found = [each for each in context.store.breakers.recent(MOST_BREAKERS) if asked.holds(each.time)]
    standing = sorted(context.store.breakers.standing())
    if not found and not standing:
        return None
    tripped = sum(each.tripped for each in found)
    stands = f"{', '.join(standing)} stopped now" if standing else "none stands now"
    lines = [
        f"{each.time:%Y-%m-%d %H:%M} {each.breaker} {'tripped' if each.tripped else 'released'}: {each.sentence}"
        for each in reversed(found)
    ]
    return {
        "headline": f"breakers: {tripped} tripped, {stands}",
        "summary": f"{counted(tripped, 'trip')}; {stands}.",
        "lines": lines[-MOST_LINES:],
        "tripped": tripped,
        "standing": standing,
    }


def health(asked: Asked) -> Mapping[str, Any] | None:
    """Say which checks failed and for how long; None where none was asked."""
    history = asked.context.store.health
    # One check after the other: a month of all of them at once would be hundreds of megabytes.
    sums = {
        name: summarise(inside)
        for name in sorted(history.latest())
        if (inside := [each for each in history.history(name, asked.since) if each.time < asked.until])
    }
    if not sums:
        return None
    bad = [name for name, each in sums.items() if each.failures or each.warnings]
    return {
        "headline": f"health: {', '.join(bad[:3])}" if bad else "",
        "summary": f"{len(sums) - len(bad)} of {len(sums)} checks were always well, as far back as results are kept.",
        "lines": [
            f"{name}: {sums[name].failures} failures and {sums[name].warnings} warnings in "
            f"{counted(sums[name].runs, 'look')}, longest outage {sums[name].longest_outage / 60:.0f} min"
            for name in bad
        ],
        "bad": bad,
        "checks": len(sums),
    }


def backups(asked: Asked) -> Mapping[str, Any] | None:
    """Say how backups went; None where none was tried."""
    told = [each for each in _events(asked, Severity.INFO) if each.kind in ("backup.done", "backup.failed")]
    if not told:
        return None
    failed = [each for each in told if each.kind == "backup.failed"]
    done = len(told) - len(failed)
    last = f"The last: {told[-1].title} ({told[-1].time:%Y-%m-%d %H:%M}Z)."
    return {
        "headline": f"{counted(len(failed), 'backup')} failed" if failed else "",
        "summary": f"{done} done, {len(failed)} failed. {last}",
        "lines": [f"{each.time:%Y-%m-%d %H:%M} {each.title}" for each in failed][-MOST_LINES:],
        "done": done,
        "failed": len(failed),
    }


def disk(asked: Asked) -> Mapping[str, Any] | None:
    """Say how the free room changed, by the daily reports of the period; None where there is none."""
    folder = asked.context.paths.workspace / "reports" / Kind.DAILY.value
    days = sorted(file for file in folder.glob("20??-??-??.json") if _within(file.stem, asked))
    said = [found for file in days if (found := _disk_of(read_json(file)))]
    if not said:
        return None
    first, last = said[0], said[-1]
    change = last["free_bytes"] - first["free_bytes"]
    sizes = {name: size - first["folders"].get(name, 0) for name, size in last["folders"].items()}
    grown = sorted(((size, name) for name, size in sizes.items() if size > 1_000_000), reverse=True)[:3]
    return {
        "summary": f"{last['free_bytes'] / 1e9:.1f} GB of {last['total_bytes'] / 1e9:.0f} GB are free, "
        f"{change / 1e9:+.1f} GB over the period.",
        "lines": [f"{name} grew by {size / 1e6:,.1f} MB" for size, name in grown],
        "free_bytes": last["free_bytes"],
        "change_bytes": change,
    }


def _within(day: str, asked: Asked) -> bool:
    return asked.period.first.isoformat() <= day <= asked.period.last.isoformat()


def _disk_of(report: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    try:
        said = (report or {})["sections"]["disk"]
        sizes = {str(name): int(size) for name, size in said["folders"].items()}
        return {"free_bytes": int(said["free_bytes"]), "total_bytes": int(said["total_bytes"]), "folders": sizes}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # written by hand, or by an older program


def events(asked: Asked) -> Mapping[str, Any]:
    """Count warnings and errors by kind, and name the errors that came last."""
    found = _events(asked, Severity.WARNING)
    errors = [each for each in found if each.severity is Severity.ERROR]
    kinds = Counter(each.kind for each in found).most_common(8)
    said = f"{counted(len(errors), 'error')} and {counted(len(found) - len(errors), 'warning')}"
    return {
        "headline": counted(len(errors), "error") if errors else "",
        "summary": f"{said}." if found else "No warning and no error.",
        "lines": [f"{each.time:%Y-%m-%d %H:%M} {each.title}" for each in errors[-8:]],
        "table": {"columns": ["kind", "times"], "rows": [[kind, str(count)] for kind, count in kinds]},
        "errors": len(errors),
        "warnings": len(found) - len(errors),
    }


def _events(asked: Asked, least: Severity) -> list[Event]:
    """Return the events of the span, oldest first."""
    recent = asked.context.store.events.recent(MOST_EVENTS, least)
    return [each for each in reversed(recent) if asked.holds(each.time)]


def coming(asked: Asked) -> Mapping[str, Any]:
    """Say when pipelines start, and when the next report of this kind comes."""
    context, period = asked.context, asked.period
    declared = {job.pipeline for job in context.plugins.jobs().values()}
    times = parse_times(context.settings.core.schedule.pipelines)
    due = sorted((at, name) for name, at in times.items() if name in declared)
    following = Period.holding(period.kind, period.last + A_DAY)
    return {
        "summary": f"The next {period.kind} report is that of {following.title}; it comes after it is over.",
        "lines": [f"{name} every day at {at:%H:%M} UTC" for at, name in due],
    }
