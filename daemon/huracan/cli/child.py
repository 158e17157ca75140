"""What processes that another Huracan process started do first."""

from __future__ import annotations

import argparse
import faulthandler
import os
from typing import TYPE_CHECKING

from huracan.run.heartbeat import NotifyProgress, progress_from
from huracan.run.parent import die_with_parent

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["become_child", "open_as_child"]


def become_child(arguments: argparse.Namespace, name: str) -> NotifyProgress:
    """Tie this process to its parent, let it say where it hangs (on SIGABRT), and return the way to its supervisor."""
    if arguments.parent is not None:
        die_with_parent(arguments.parent)
    faulthandler.enable()
    progress = progress_from(os.environ, name)
    for variable in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        os.environ.pop(variable, None)  # programs that a plugin starts must not speak to our supervisor
    return progress


def open_as_child(arguments: argparse.Namespace, progress: NotifyProgress) -> Context:
    """Open the application; log lines go to the parent alone, who keeps the file."""
    from huracan.app import open_application
    from huracan.cli.common import environment

    return open_application(
        arguments.config,
        environment(arguments),
        progress=progress,
        log_style=arguments.log_format,
        log_file=arguments.log_format == "human",
    )
