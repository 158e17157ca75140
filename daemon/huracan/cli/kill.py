"""Stop trading at once: no new positions, open orders cancelled, sizes zero, until ``huracan resume trading``.

Writes state/trading.json and state/kill.json of the workspace; needs no daemon, no database and no plugin, and of the
settings the workspace alone. Ends with 0 only when both files are on disk; a user who may not write them has the daemon
do it. A kill switch that is on stays on, and the reason is added to its history.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.cli.common import json_option, show_json
from huracan.cli.switches import (
    guessed_folder,
    here_or_there,
    moment,
    person,
    reason_argument,
    start_telling,
    state_folder,
    write_down,
)
from huracan.trading import TRADING_FILE, TradingState, kill

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    reason_argument(parser)
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Throw the kill switch, say so, and leave the event to a process of its own."""
    reason = " ".join(arguments.reason) or "no reason given"
    guessed = guessed_folder(arguments, os.environ)
    document = None if guessed is None else _stop(arguments, guessed, reason)
    # Where trading is stopped now, there is time to read the settings by the book.
    state = state_folder(arguments, os.environ)
    if document is None or state != guessed:
        document = _stop(arguments, state, reason)
    if arguments.json:
        show_json(document.as_json())
    return 0


def _stop(arguments: argparse.Namespace, state: Path, reason: str) -> TradingState:
    begun = datetime.now(UTC) - timedelta(milliseconds=1)
    document = here_or_there(
        lambda: kill(state, reason, person(), datetime.now(UTC)),
        _killed, arguments, state, {"do": "kill", "reason": reason},
    )  # fmt: skip
    if not arguments.json:
        if document.kill.since is not None and document.kill.since < begun:
            print(f"trading was stopped already, since {moment(document.kill.since)}: {document.kill.reason}")
        else:
            lifted = "only `huracan resume` lifts it"
            print(f"trading is STOPPED ({document.kill.reason}), in {state / TRADING_FILE}; {lifted}")
        sys.stdout.flush()
    write_down(state, "kill", reason=reason)
    start_telling(arguments, state.parent)
    return document


def _killed(answer: Mapping[str, Any]) -> TradingState:
    document = TradingState.from_json(answer)
    if not document.kill.on:
        raise ValueError("its answer does not say that trading is stopped")
    return document
