"""Show the last run of each pipeline, what runs now, what comes next, and what is wrong.

A running daemon is asked for what only it knows: what it is at, what waits and rests, when it starts what next.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.clock import format_instant, parse_instant
from huracan.due import next_due, time_of_day
from huracan.errors import HuracanError
from huracan.run.lock import daemon_is_there, is_held

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.store import RunRow

__all__ = ["configure", "run"]

_PATIENCE = 2.0
"""Seconds for the daemon to answer, for each step."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with its last run and the next time at which it is due (None where it is not scheduled)."""

    name: str
    last: RunRow | None
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that the command shows."""

    workspace: Path
    pipelines: list[Pipeline]
    running: str | None
    champions: int
    tradable: int
    paused: str | None
    trading: str | None
    problems: list[str]
    daemon: Mapping[str, Any] | None = None
    """What the daemon answered; None where none was asked, or none is there."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look at ledger, workspace and plugins, and print how things stand; nothing is changed."""
    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store:
        standing = _with_daemon(context, look(context))
    if arguments.json:
        show_json(_as_json(standing))
    else:
        _print(arguments, standing)
    return 0


def look(context: Context) -> Standing:
    """Gather what is known about this workspace."""
    runs = context.store.ledger.runs(limit=200)
    names = {*context.settings.core.schedule.pipelines, *(job.pipeline for job in context.plugins.jobs().values())}
    pipelines = [
        Pipeline(name, next((row for row in runs if row.pipeline == name), None), _next_due(context, name))
        for name in sorted(names)
    ]
    champions, tradable = _champions(context)
    return Standing(
        context.paths.workspace,
        pipelines,
        _running(context, pipelines),
        champions,
        tradable,
        _paused(context),
        _trading(context),
        [*_wrong_settings(context), *context.plugins.problems(), *_failures(context, pipelines)],
    )


def _with_daemon(context: Context, standing: Standing) -> Standing:
    """Add what a running daemon says of itself, or why it does not."""
    from huracan.control import ask, socket_path

    try:
        answer = ask(socket_path(context.settings.core), {"do": "status"}, _PATIENCE)
    except HuracanError as error:
        if not daemon_is_there(context.paths.state):
            return standing
        return replace(standing, problems=[*standing.problems, f"a daemon runs, but it could not be asked: {error}"])
    if Path(str(answer.get("workspace"))).resolve() != context.paths.workspace.resolve():
        return standing  # one socket, named in the settings of another workspace too
    pipelines = [replace(each, next_due=_by_daemon(answer, each)) for each in standing.pipelines]
    problems = [f"the daemon's thread {name!r} hangs" for name in answer.get("hangs", ())]
    return replace(standing, pipelines=pipelines, problems=[*standing.problems, *problems], daemon=answer)


def _by_daemon(answer: Mapping[str, Any], pipeline: Pipeline) -> datetime | None:
    """Return when the daemon will start a pipeline: it may know other settings than those that are written now."""
    at = answer.get("schedule", {}).get(pipeline.name)
    return None if at is None else parse_instant(at)


def _wrong_settings(context: Context) -> list[str]:
    """Return mistakes in the settings, but for those that are a plugin's problem already."""
    told = "\n".join(context.plugins.problems())
    return [line for mistake in context.settings.mistakes for line in mistake.split("\n") if line not in told]


def _next_due(context: Context, pipeline: str) -> datetime | None:
    at = context.settings.core.schedule.pipelines.get(pipeline)
    return None if at is None else next_due(context.clock.now(), time_of_day(at))


def _paused(context: Context) -> str | None:
    from huracan.trading import schedule_pause

    pause = schedule_pause(context.paths.state)
    return None if pause is None else f"{pause.sentence}; `huracan resume schedule` lets it run"


def _trading(context: Context) -> str | None:
    """Say whether a trading process may trade; None where nobody has ever told one."""
    from huracan.trading import TRADING_FILE, read_kill, read_trading

    if not (context.paths.state / TRADING_FILE).exists() and not read_kill(context.paths.state).on:
        return None
    state = read_trading(context.paths.state, context.clock.now())
    reason = state.reasons[0].sentence if state.reasons else ""
    return f"{state.mode.value}{f' ({reason})' if reason else ''}"


def _champions(context: Context) -> tuple[int, int]:
    """Count champions, and the coins of the roster that may be traded."""
    champions = [path for path in context.paths.champions.glob("*.json") if path != context.paths.roster]
    try:
        roster = json.loads(context.paths.roster.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        roster = []
    except ValueError:
        context.log.warning("%s is not JSON: run `huracan run roster --force`", context.paths.roster)
        roster = []
    return len(champions), sum(bool(entry.get("trade_ok")) for entry in roster)


def _running(context: Context, pipelines: list[Pipeline]) -> str | None:
    """Describe the job at work: a run that the ledger calls running and whose lock is held."""
    for pipeline in pipelines:
        last = pipeline.last
        if last is None or last.state != "running":
            continue
        jobs = [row for row in context.store.ledger.jobs(last.run_date) if row.state == "running"]
        if not is_held(context.paths.state / "run.lock"):
            return None
        if not jobs:
            return f"{pipeline.name} {last.run_date}: between two jobs"
        items = context.store.ledger.items(jobs[-1].job, last.run_date)
        done = sum(row.state != "running" for row in items.values())
        busy = ", ".join(sorted(name for name, row in items.items() if row.state == "running"))
        text = f"{pipeline.name} {last.run_date}: {jobs[-1].job}"
        return f"{text}, {done} items finished{f', at work on {busy}' if busy else ''}" if items else text
    return None


def _failures(context: Context, pipelines: list[Pipeline]) -> list[str]:
    """Name what failed in the last run of each pipeline: jobs, and single items inside jobs."""
    lines = []
    for last in [pipeline.last for pipeline in pipelines if pipeline.last]:
        for job in context.store.ledger.jobs(last.run_date):
            if job.run_id == last.run_id and job.state == "failed":
                lines.append(f"{last.run_date} {job.job}: {job.error or job.summary}")
            for item, row in sorted(context.store.ledger.items(job.job, last.run_date).items()):
                if row.state == "failed":
                    lines.append(f"{last.run_date} {job.job} {item}: {row.error}")
    return lines


def _as_json(standing: Standing) -> dict[str, Any]:
    from huracan.run.status import run_as_json

    return {
        "workspace": str(standing.workspace),
        "pipelines": [
            {
                "name": pipeline.name,
                "last": run_as_json(pipeline.last) if pipeline.last else None,
                "next_due": format_instant(pipeline.next_due) if pipeline.next_due else None,
            }
            for pipeline in standing.pipelines
        ],
        "running": standing.running,
        "champions": standing.champions,
        "tradable": standing.tradable,
        "paused": standing.paused,
        "trading": standing.trading,
        "problems": standing.problems,
        "daemon": None if standing.daemon is None else {k: v for k, v in standing.daemon.items() if k != "ok"},
    }


def _print(arguments: argparse.Namespace, standing: Standing) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table, moment, state

    screen = console(arguments)
    table = make_table(("pipeline", "last run", "state", "ended", "next due", "summary"), wide="summary")
    for pipeline in standing.pipelines:
        last = pipeline.last
        table.add_row(
            pipeline.name,
            str(last.run_date) if last else "-",
            state(_shown_state(last, standing)),
            moment(last.ended_at) if last else "-",
            moment(pipeline.next_due),
            last.summary if last else "",
        )
    screen.print(table)
    screen.print()
    facts = make_table(("", ""), wide="")
    facts.show_header = False
    facts.add_row(Text("now", style="bold"), standing.running or "nothing runs")
    facts.add_row(Text("champions", style="bold"), f"{standing.champions}, of which {standing.tradable} may be traded")
    if standing.daemon is not None:
        facts.add_row(Text("daemon", style="bold"), _daemon_text(standing))
    if standing.paused:
        facts.add_row(Text("schedule", style="bold"), Text(standing.paused, style="yellow"))
    if standing.trading:
        good = standing.trading == "normal"
        facts.add_row(Text("trading", style="bold"), Text(standing.trading, style="" if good else "yellow"))
    facts.add_row(Text("workspace", style="bold"), str(standing.workspace))
    screen.print(facts)
    for line in standing.problems:
        screen.print(Text(f"! {line}", style="yellow"))


def _daemon_text(standing: Standing) -> str:
    """Say what the daemon is at, in a few words."""
    from huracan.store import FINISHED

    daemon, last = standing.daemon or {}, {each.name: each.last for each in standing.pipelines}
    words = [str(daemon.get("status", "")), *(f"{what} waits" for what in daemon.get("waiting", ()))]
    words += ["looks for what was missed"] if daemon.get("behind") else []
    for name, run_date in daemon.get("resting", {}).items():
        row = last.get(name)
        if row is None or str(row.run_date) != run_date or row.state not in FINISHED:
            words.append(f"{name} {run_date} was stopped and rests: `huracan start {name}` goes on")
    return "; ".join(words)


def _shown_state(last: RunRow | None, standing: Standing) -> str:
    """A run that the ledger calls running while nothing runs was killed; the next start goes on with it."""
    if last is None:
        return "never"
    return "interrupted" if last.state == "running" and standing.running is None else str(last.state)
