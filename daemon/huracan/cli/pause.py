"""Pause the schedule: no pipeline starts by itself until ``huracan resume schedule``.

What runs goes on, commands work, services live. Trading is another switch: see ``huracan kill``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from huracan.cli.common import json_option, show_json
from huracan.cli.switches import (
    here_or_there,
    moment,
    person,
    reason_argument,
    start_telling,
    state_folder,
    write_down,
)
from huracan.trading import SchedulePause, pause_schedule

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    reason_argument(parser)
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pause the schedule; one that is paused stays as it is."""
    state = state_folder(arguments, os.environ)
    begun = datetime.now(UTC) - timedelta(milliseconds=1)
    reason = " ".join(arguments.reason) or "no reason given"
    pause = here_or_there(
        lambda: pause_schedule(state, reason, person(), datetime.now(UTC)),
        _paused, arguments, state, {"do": "pause", "reason": reason},
    )  # fmt: skip
    if arguments.json:
        show_json(pause.as_json())
    elif pause.since is not None and pause.since < begun:
        print(f"the schedule was paused already, since {moment(pause.since)}: {pause.reason}")
    else:
        print(f"the schedule is paused ({pause.reason}); `huracan resume schedule` lets it run again")
    write_down(state, "pause", reason=reason)
    start_telling(arguments, state.parent)
    return 0


def _paused(answer: Mapping[str, Any]) -> SchedulePause:
    found = SchedulePause.from_json(answer)
    if found is None:
        raise ValueError("its answer says that nothing is paused")
    return found
