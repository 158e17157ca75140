"""The bundled sections of the daily report. ``headline``, ``summary`` and ``lines`` are for people."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.due import next_due, parse_times
from huracan.paths import read_json
from huracan.store import RunRow
from huracan.types import Event, Severity
from huracan_maintenance.files import daily_report, update_file, vulnerability_report

__all__ = ["champions", "coming", "disk", "events", "health", "period", "runs", "security"]

A_DAY = timedelta(days=1)
MOST_EVENTS, MOST_LINES = 5000, 20


def period(context: Context) -> tuple[datetime, datetime]:
    """Return the 24 hours that a report is about: those before its run began.

    The clock of a run stands still at the instant of its market, which may be hours before; the ledger knows better.
    """
    row = context.store.ledger.run_by_id(context.run.run_id) if context.run else None
    until = row.started_at if row else context.clock.now()
    return until - A_DAY, until


def runs(context: Context, _: date) -> Mapping[str, Any]:
    """Say which runs ended or went on in the last day, with the jobs of theirs that failed."""
    since, until = period(context)
    mine = context.run.run_id if context.run else ""
    rows = [
        row for row in context.store.ledger.runs(limit=200)
        if row.run_id != mine and row.started_at <= until and (row.ended_at is None or row.ended_at >= since)
    ]  # fmt: skip
    told = [_run_as_json(context, row) for row in sorted(rows, key=lambda row: row.started_at)]
    lines = []
    for each in told:
        took = "" if each["minutes"] is None else f" in {each['minutes']:.1f} min"
        lines.append(f"{each['pipeline']} {each['run_date']}: {each['state']}{took}. {each['summary']}".rstrip())
        lines += [f"{each['pipeline']} {job['job']}: {job['state']}: {job['error']}" for job in each["failed_jobs"]]
    states = ", ".join(f"{each['pipeline']} {each['state']}" for each in told)
    return {"headline": states or "no run", "summary": "" if told else "Nothing ran.", "lines": lines, "runs": told}


def _run_as_json(context: Context, row: RunRow) -> dict[str, Any]:
    jobs = [job for job in context.store.ledger.jobs(row.run_date) if job.run_id == row.run_id]
    minutes = None if row.ended_at is None else round((row.ended_at - row.started_at).total_seconds() / 60, 2)
    return {
        "run_id": row.run_id,
        "pipeline": row.pipeline,
        "run_date": row.run_date.isoformat(),
        "state": row.state.value,
        "minutes": minutes,
        "summary": row.summary,
        "jobs": len(jobs),
        "failed_jobs": [
            {"job": job.job, "state": job.state.value, "error": (job.error or job.summary).partition("\n")[0]}
            for job in jobs
            if job.state.value in ("failed", "partly-failed", "skipped")
        ],
    }


def champions(context: Context, day: date) -> Mapping[str, Any] | None:
    """Say who is champion, and who is not any more or newly is since the last report before."""
    folder = context.paths.champions
    files = [file for file in sorted(folder.glob("[!.]*.json")) if file != context.paths.roster]
    read = {file.stem: read_json(file) or {} for file in files if file.stem != "history"}
    models = {symbol: str(pointer["model_id"]) for symbol, pointer in read.items() if pointer.get("model_id")}
    before = _models_before(context, day)
    if not models and not before:
        return None
    changes = [] if before is None else _changes(before, models)
    unchanged = _count(len(models), "champion")
    headline = f"{unchanged}, {len(changes)} changed" if changes else unchanged
    summary = f"{unchanged}." if before is not None else f"{unchanged}; there is no report before to compare with."
    return {"headline": headline, "summary": summary, "lines": changes, "models": models}


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    lines = []
    for symbol in sorted({*before, *now}):
        left, came = before.get(symbol), now.get(symbol)
        if left == came:
            continue
        if came is None:
            lines.append(f"{symbol}: {left} is champion no more, and nobody in its place")
        else:
            lines.append(f"{symbol}: {came} is champion" + (f" in place of {left}" if left else ""))
    return lines


def _models_before(context: Context, day: date) -> dict[str, str] | None:
    folder = daily_report(context.paths, day).parent
    earlier = [file for file in folder.glob("20??-??-??.json") if file.stem < day.isoformat()]
    for file in sorted(earlier, reverse=True):
        report = read_json(file)
        section = (report or {}).get("sections", {}).get("champions", {})
        if report is not None:
            return {str(symbol): str(model) for symbol, model in section.get("models", {}).items()}
    return None


def health(context: Context, _: date) -> Mapping[str, Any] | None:
    """Say what the last round of health checks found; None where none was ever made."""
    document = read_json(context.paths.monitoring / "health.json")
    if document is None or not isinstance(document.get("checks"), list):
        return None
    checks = [each for each in document["checks"] if isinstance(each, dict)]
    bad = [each for each in checks if each.get("state") != "ok"]
    lines = [f"{each.get('name')} is {each.get('state')}: {each.get('detail')}" for each in bad]
    names = ", ".join(str(each.get("name")) for each in bad)
    return {
        "headline": f"health: {names}" if bad else "",
        "summary": f"{len(checks) - len(bad)} of {len(checks)} checks are well, at {document.get('time')}.",
        "lines": lines,
        "time": document.get("time"),
        "bad": {str(each.get("name")): each.get("state") for each in bad},
    }


def disk(context: Context, _: date) -> Mapping[str, Any]:
    """Say how much room there is, and what the workspace takes, by folder."""
    usage = shutil.disk_usage(context.paths.workspace)
    folders = {path.name: _size(path) for path in sorted(context.paths.workspace.iterdir()) if path.is_dir()}
    largest = sorted(((size, name) for name, size in folders.items() if size), reverse=True)[:5]
    return {
        "summary": f"{usage.free / 1e9:.1f} GB of {usage.total / 1e9:.0f} GB are free.",
        "lines": [f"{name}: {size / 1e6:,.1f} MB" for size, name in largest if size > 50_000],
        "free_bytes": usage.free,
        "total_bytes": usage.total,
        "folders": folders,
    }


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:
            continue  # gone meanwhile
    return total


def events(context: Context, _: date) -> Mapping[str, Any]:
    """Count the warnings and errors of the last day, and name the latest."""
    since = period(context)[0]
    recent = context.store.events.recent(limit=MOST_EVENTS, least=Severity.WARNING)
    # What the jobs before this one said belongs to this report too: it was written after the run began.
    found = [event for event in recent if event.time >= since]
    counts = Counter(event.severity.value for event in found)
    errors, warnings = counts["error"], counts["warning"]
    said = [_count(errors, "error")] * bool(errors) + [_count(warnings, "warning")] * bool(warnings)
    return {
        "headline": ", ".join(said),
        "summary": f"{' and '.join(said)}." if said else "No warning and no error.",
        "lines": [_line(event) for event in found[:MOST_LINES]],
        "errors": errors,
        "warnings": warnings,
        "kinds": dict(sorted(Counter(event.kind for event in found).items())),
    }


def _line(event: Event) -> str:
    return f"{event.time:%H:%M} {event.severity.value}: {event.title}"


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


def security(context: Context, _: date) -> Mapping[str, Any] | None:
    """Say what the last scan for vulnerabilities found, and whether there is a newer version."""
    scan, update = read_json(vulnerability_report(context.paths)), read_json(update_file(context.paths))
    if scan is not None and not scan.get("scanned_at"):
        scan = None  # it was tried, and did not work yet
    if scan is None and update is None:
        return None
    open_ones = [each for each in (scan or {}).get("findings", []) if not each.get("ignored")]
    lines = [str(each.get("line")) for each in open_ones]
    newer = (update or {}).get("newest") if (update or {}).get("is_newer") else None
    if newer:
        lines.append(f"Huracan {newer} is there; this is {(update or {}).get('installed')}")
    summary = "No scan has worked yet." if scan is None else (
        f"{_count(len(open_ones), 'package')} with known vulnerabilities, as of {scan.get('scanned_at')}."
    )  # fmt: skip
    headline = f"{_count(len(open_ones), 'vulnerable package')}" if open_ones else ""
    return {"headline": headline, "summary": summary, "lines": lines, "vulnerable": len(open_ones), "newer": newer}


def coming(context: Context, _: date) -> Mapping[str, Any]:
    """Say when each pipeline starts next."""
    now = period(context)[1]
    declared = {job.pipeline for job in context.plugins.jobs().values()}
    times = parse_times(context.settings.core.schedule.pipelines)
    due = sorted((next_due(now, at), name) for name, at in times.items() if name in declared)
    return {
        "summary": "" if due else "Nothing is scheduled.",
        "lines": [f"{name} at {at:%Y-%m-%d %H:%M}Z" for at, name in due],
        "due": {name: format_instant(at) for at, name in due},
    }
