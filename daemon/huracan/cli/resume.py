"""Let go on what was stopped: ``trading`` (the kill switch) or ``schedule`` (its pause).

Without either word it lifts the only one that is on. ``resume trading`` says also that a person has seen what tripped
the breakers: drawdown and losing streak count anew from now. Volatility does not listen: it ends as the market calms.
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from huracan.cli.common import json_option, show_json
from huracan.cli.switches import (
    here_or_there,
    moment,
    person,
    start_telling,
    state_folder,
    workspace_option,
    write_down,
)
from huracan.errors import ExitCode, UsageError
from huracan.trading import (
    Mode,
    TradingState,
    acknowledge,
    lift,
    read_kill,
    read_published,
    resume_schedule,
    schedule_pause,
)

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "what", nargs="?", choices=["trading", "schedule"], help="which of both; needed where both are on"
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who read it later")
    workspace_option(parser)
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lift what was asked for. Raises UsageError where both are on and neither was named."""
    state = state_folder(arguments, os.environ)
    killed, paused = read_kill(state).on, schedule_pause(state) is not None
    if arguments.what is None and killed and paused:
        raise UsageError(
            "trading is stopped and the schedule is paused: say `huracan resume trading` or `huracan resume schedule`"
        )
    what = arguments.what or ("schedule" if paused else "trading")
    return _schedule(arguments, state, paused) if what == "schedule" else _trading(arguments, state, killed)


def _schedule(arguments: argparse.Namespace, state: Path, paused: bool) -> int:
    if paused:
        paused = here_or_there(
            lambda: resume_schedule(state),
            lambda answer: answer["was_paused"] is True, arguments, state, {"do": "resume"},
        )  # fmt: skip
    if arguments.json:
        show_json({"paused": False, "was_paused": paused})
    else:
        print("the schedule runs again" if paused else "the schedule is not paused; nothing to do")
    if paused:
        write_down(state, "resume", what="schedule", reason=arguments.reason)
        start_telling(arguments, state.parent)
    return int(ExitCode.DONE if paused else ExitCode.NOTHING_TO_DO)


def _trading(arguments: argparse.Namespace, state: Path, killed: bool) -> int:
    last = read_published(state)
    tripped = [each.name for each in last.breakers if each.tripped] if last else []
    # Without the word nobody has said that they know of breakers that tripped.
    if not killed and not (tripped and arguments.what):
        if arguments.json:
            show_json(last.as_json() if last else {})
        else:
            hint = f" ({', '.join(tripped)} tripped: `huracan resume trading` counts anew)" if tripped else ""
            print(f"the kill switch is off{hint}; nothing to do")
        return int(ExitCode.NOTHING_TO_DO)
    now, by = datetime.now(UTC), person()
    change = lift if killed else acknowledge
    document = change(state, arguments.reason or "no reason given", by, now)
    if arguments.json:
        show_json(document.as_json())
    else:
        print(_sentence(document, killed))
    write_down(state, "resume", what="trading", reason=arguments.reason)
    start_telling(arguments, state.parent)
    return int(ExitCode.DONE)


def _sentence(document: TradingState, killed: bool) -> str:
    done = "the kill switch is lifted" if killed else "what tripped is acknowledged"
    if document.valid_until <= document.time:
        return f"{done}; trading stays stopped until a service judges the breakers: `huracan daemon` keeps it running"
    tripped = [each.name for each in document.breakers if each.tripped]
    if tripped:
        return f"{done}; {', '.join(tripped)} had tripped and will be judged anew within seconds: see `huracan trading`"
    assert document.mode is Mode.NORMAL
    return f"{done} at {moment(document.time)}; trading is normal"
