"""Run a pipeline, or one job of it, now. Jobs that are done for the run date already are not run again.

Exit codes: 0 done; 3 a job failed, in part or while others did their work; 4 the run date is finished already (--force
does it again); 5 another run holds the workspace; 130 stopped. Where no job did its work, the code of the first that
failed: 2 settings, 75 try again later, else 1. The same command goes on where a run was stopped, killed or failed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, environment, json_option, open_context, show_json
from huracan.clock import format_instant

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.run.display import RunDisplay
    from huracan.run.pipeline import Machinery, RunResult
    from huracan.run.plan import Request
    from huracan.store import JobRow
    from huracan.supervise.base import Limits, StopSwitch
    from huracan.types import Job

__all__ = ["configure", "run", "summarise"]


_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Candles count their milliseconds from here."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", help="a pipeline (nightly) or a single job (train)")
    parser.add_argument("--force", action="store_true", help="do it again although this run date is finished")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and touch nothing")
    parser.add_argument(
        "--as-of", metavar="INSTANT",
        help="run for this date or instant (2023-12-30, 2023-12-30T06:00, UTC); nothing later is seen (default: now)",
    )  # fmt: skip
    parser.add_argument(
        "--symbols", metavar="top20|FILE|A,B",
        help="train these coins of the universe only: the first so many, those in a file, or a list",
    )  # fmt: skip
    parser.add_argument("--due", help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--log-format", choices=("human", "json"), default="human", help=argparse.SUPPRESS)
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run what the command line asks for, in child processes, and print how it went."""
    if arguments.dry_run:
        context = open_context(arguments, create=False)
        with context.store:
            return _dry_run(context, arguments)
    return _run(arguments)


def summarise(context: Context, arguments: argparse.Namespace, result: RunResult) -> None:
    """Print a table of the jobs, what else they say, and what plugins show of the results (command ``results``)."""
    from rich.text import Text

    from huracan.cli.tables import duration, make_table, state

    screen = console(arguments)
    table = make_table(("job", "state", "time", "summary"), right=("time",), wide="summary")
    for row in result.jobs:
        table.add_row(row.job, state(row.state), duration(row.seconds), _headline(row))
    screen.print(table)
    for row in result.jobs:
        for line in [*row.summary.splitlines()[1:], *row.error.splitlines()[1:]]:
            screen.print(Text(line), soft_wrap=True)
    _show_results(context, result)


def _run(arguments: argparse.Namespace) -> int:
    from huracan.app import open_application
    from huracan.run.display import choose_display
    from huracan.run.heartbeat import Notifier
    from huracan.run.parent import die_with_parent
    from huracan.supervise.base import StopSwitch

    if arguments.parent is not None:
        die_with_parent(arguments.parent)
    notifier = Notifier(os.environ.pop("NOTIFY_SOCKET", None))
    stop = StopSwitch()
    stop.on_signals()
    to_parent = arguments.log_format == "json"
    display = choose_display(console(arguments, stderr=True), silent=arguments.json or to_parent)
    try:
        context = open_application(
            arguments.config, environment(arguments), log_stream=display.stream, log_style=arguments.log_format,
            log_file=not to_parent,
        )  # fmt: skip
        with context.store:
            notifier.ready(f"{arguments.name}: starting")
            machinery = _machinery(context, environment(arguments), stop, display, notifier.alive)
            return _run_and_tell(context, arguments, machinery, display)
    finally:
        display.close()


def _run_and_tell(context: Context, arguments: argparse.Namespace, machinery: Machinery, display: RunDisplay) -> int:
    from huracan.alerts.courier import delivering
    from huracan.run.pipeline import run_pipeline
    from huracan.run.plan import INTERRUPTED_CODE

    request, jobs = _request(context, arguments), _jobs(context, arguments)
    with delivering(context, machinery.alive):
        result = run_pipeline(context, request, jobs, machinery)
    display.close()
    if arguments.log_format == "json":
        return result.exit_code
    if arguments.json:
        show_json(_as_json(result))
    elif result.exit_code == 4 and not result.worked:
        print(_nothing_to_do(result))
    else:
        summarise(context, arguments, result)
    if result.exit_code == INTERRUPTED_CODE:
        print("huracan: stopped; what was finished is kept, the same command goes on from there", file=sys.stderr)
    return result.exit_code


def _dry_run(context: Context, arguments: argparse.Namespace) -> int:
    from huracan.cli.tables import make_table
    from huracan.run.plan import plan

    request = _request(context, arguments)
    steps, row = plan(context, request, _jobs(context, arguments))
    as_of = request.as_of or (row.as_of if row else request.fallback)
    code = 0 if any(step.runs for step in steps) else 4
    if arguments.json:
        listed = [{"job": step.job, "runs": step.runs, "why": step.why} for step in steps]
        date, instant = request.run_date.isoformat(), as_of.isoformat().replace("+00:00", "Z")
        show_json({"dry_run": True, "run_date": date, "as_of": instant, "exit_code": code, "jobs": listed})
        return code
    table = make_table(("job", "would", "why"), wide="why")
    for step in steps:
        table.add_row(step.job, "run" if step.runs else "not run", step.why)
    screen = console(arguments)
    screen.print(f"{request.name} for run date {request.run_date}, as of {format_instant(as_of)}; nothing was touched")
    screen.print(table)
    return code


def _jobs(context: Context, arguments: argparse.Namespace) -> list[Job]:
    from huracan.run.graph import jobs_to_run

    return jobs_to_run(arguments.name, context.plugins, context.settings)


def _request(context: Context, arguments: argparse.Namespace) -> Request:
    """Read the instant that is asked for; one that the daemon names is only where the run date comes from."""
    from huracan.run.plan import Request

    now = context.clock.now()
    as_of = _instant(arguments.as_of, "--as-of", now)
    due = _instant(arguments.due, "--due", now)
    fallback = due if due is not None and due.date() != now.date() else now
    return Request(arguments.name, fallback, as_of, arguments.force)


def _instant(text: str | None, option: str, now: datetime) -> datetime | None:
    from huracan.clock import parse_instant
    from huracan.errors import UsageError

    if text is None:
        return None
    try:
        instant = parse_instant(text)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text!r} is no date; write 2023-12-30 or 2023-12-30T06:00 (UTC)") from None
    if instant < _EARLIEST:
        raise UsageError(f"{option} {text} lies before any candle; the earliest is {_EARLIEST:%Y-%m-%d}")
    if instant > now:
        raise UsageError(f"{option} {text} lies in the future; it is {now:%Y-%m-%dT%H:%M}Z")
    return instant


def _machinery(
    context: Context, variables: dict[str, str], stop: StopSwitch, display: RunDisplay, alive: Any
) -> Machinery:
    from huracan.run.child import child_command
    from huracan.run.pipeline import Machinery
    from huracan.supervise.base import Child
    from huracan.supervise.process import ProcessSupervisor

    def child(job: Job, run_id: str) -> Child:
        words = child_command(context.settings, "job", job.name, "--run", run_id, "--log-format", "json")
        return Child(words, variables, _limits(job))

    return Machinery(ProcessSupervisor(), child, stop, display, alive, random.Random())


def _limits(job: Job) -> Limits:
    from huracan.supervise.base import Limits

    return Limits(stall=job.stall_limit, time=job.time_limit, memory=job.resources.memory_mib)


def _headline(row: JobRow) -> str:
    text = row.error if row.state == "failed" else row.summary
    return text.partition("\n")[0]


def _nothing_to_do(result: RunResult) -> str:
    run_row = result.run
    ended = f" at {run_row.ended_at:%Y-%m-%d %H:%M}Z" if run_row.ended_at else ""
    return (
        f"nothing to do: {run_row.pipeline} for {run_row.run_date} was finished{ended} ({run_row.summary}); "
        "--force does it again"
    )


def _as_json(result: RunResult) -> dict[str, Any]:
    from huracan.run.status import job_as_json, run_as_json

    jobs = [job_as_json(row) for row in result.jobs]
    return {"run": run_as_json(result.run), "jobs": jobs, "exit_code": result.exit_code}


def _show_results(context: Context, result: RunResult) -> None:
    """Let the plugin that has a command ``results`` show them, where a job of it was in the run; what goes wrong there
    does not change how it went."""
    commands, jobs = context.plugins.commands(), context.plugins.jobs()
    command = commands.get("results")
    if command is None or all(jobs.owners.get(row.job) != commands.owners["results"] for row in result.jobs):
        return
    try:
        show = getattr(importlib.import_module(command.module), "show", None)
        if show is not None:
            print(flush=True)
            show(context, result.run.run_date)
    except Exception as error:
        context.log.warning("the results cannot be shown: %s: %s", type(error).__name__, error, exc_info=error)
