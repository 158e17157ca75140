"""What processes that another Huracan process started do first."""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import time
from typing import TYPE_CHECKING

from huracan.errors import StoreAwayError
from huracan.run.heartbeat import NotifyProgress, progress_from
from huracan.run.parent import die_with_parent

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["become_child", "open_as_child", "open_as_unit"]

_PATIENCE = 6 * 3600.0
_LOOK_AGAIN = 5.0


def become_child(arguments: argparse.Namespace, name: str) -> NotifyProgress:
    """Tie this process to its parent, let it say where it hangs (on SIGABRT), and return the way to its supervisor."""
    if arguments.parent is not None:
        die_with_parent(arguments.parent)
    faulthandler.enable()
    progress = progress_from(os.environ, name)
    for variable in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(variable, None)  # programs that a plugin starts must not speak to our supervisor
    return progress


def open_as_unit(arguments: argparse.Namespace, progress: NotifyProgress) -> Context:
    """Open the application for the step of a chain; one whose database is away waits for it, with signs of life."""
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            return open_as_child(arguments, progress)
        except StoreAwayError as error:
            if time.monotonic() > give_up:
                raise
            print(f"<4>{error}; looked for again in {_LOOK_AGAIN:.0f} s", file=sys.stderr, flush=True)
            progress.wait(f"{arguments.name}: waits for the database", _LOOK_AGAIN)


def open_as_child(arguments: argparse.Namespace, progress: NotifyProgress) -> Context:
    """Open the application; log lines go to the parent alone, who keeps the file, or as a unit to journal and file."""
    from huracan.app import open_application
    from huracan.cli.common import environment

    return open_application(
        arguments.config,
        environment(arguments),
        progress=progress,
        log_style="journal" if arguments.unit else arguments.log_format,
        log_file=arguments.unit or arguments.log_format == "human",
    )
