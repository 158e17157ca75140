"""Start pipelines on schedule (UTC) and keep services alive, in the foreground, until SIGTERM or Ctrl-C.

Speaks sd_notify: use it with Type=notify and a watchdog. What was missed or interrupted is started at once.
"""

from __future__ import annotations

import argparse
import os
import sys

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command: it has none of its own."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Be the daemon of the workspace. Raises LockedError where it has one already."""
    from huracan.cli.common import environment, open_context
    from huracan.daemon import Daemon
    from huracan.run.child import child_command
    from huracan.run.heartbeat import Notifier
    from huracan.run.lock import daemon_lock
    from huracan.supervise.base import StopSwitch
    from huracan.supervise.process import ProcessSupervisor

    notifier = Notifier(os.environ.pop("NOTIFY_SOCKET", None))
    stop = StopSwitch()
    stop.on_signals()
    context = open_context(arguments, log_style="human" if sys.stderr.isatty() else "json")
    with context.store, daemon_lock(context.paths.state):

        def command(*words: str) -> list[str]:
            return child_command(context.settings, *words)

        return Daemon(context, ProcessSupervisor(), command, environment(arguments), stop, notifier).run()
