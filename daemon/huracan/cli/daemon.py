"""Start pipelines on schedule (UTC) and keep services alive, in the foreground, until SIGTERM or Ctrl-C.

Speaks sd_notify: use it with Type=notify and a watchdog. What was missed or interrupted is started at once. SIGHUP
(away from a terminal) or `huracan reload` reads the settings anew; wrong ones are refused and the old ones stay.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.logs import LogStyle
    from huracan.serving import Services
    from huracan.starting import Starter

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--units", action="store_true", help="jobs and services are units of systemd, in place of child processes"
    )


def run(arguments: argparse.Namespace) -> int:
    """Be the daemon of the workspace. Raises LockedError where it has one already."""
    from huracan.cli.common import open_context
    from huracan.control import ControlServer, socket_path
    from huracan.daemon import Daemon
    from huracan.memory import give_back_memory
    from huracan.orders import Orders
    from huracan.run.heartbeat import Notifier
    from huracan.run.lock import daemon_lock
    from huracan.supervise.base import StopSwitch

    notifier = Notifier(os.environ.pop("NOTIFY_SOCKET", None))
    stop = StopSwitch()
    at_terminal = sys.stderr.isatty()
    stop.on_signals(hang_up=at_terminal)
    style: LogStyle = "human" if at_terminal else "journal" if "JOURNAL_STREAM" in os.environ else "json"
    context = open_context(arguments, log_style=style)
    with context.store, daemon_lock(context.paths.state):
        starter, services = _ways(arguments, context)
        daemon = Daemon(context, starter, services, lambda: _reloaded(arguments, context), stop, notifier)
        if not at_terminal:
            signal.signal(signal.SIGHUP, lambda *_: daemon.ask_reload())
        server = ControlServer(socket_path(context.settings.core), Orders(daemon).handle)
        threading.Thread(target=daemon.listen, args=(server,), name="control", daemon=True).start()
        give_back_memory()
        return daemon.run()


def load_all() -> None:
    """Import what a daemon with units imports, plugins too, for `huracan units install` to compile."""
    from huracan.lean import import_core
    from huracan.plugin.manager import Plugins
    from huracan.plugin.trial import Trials
    from huracan.store.engine import open_engine, parse_url

    import_core()
    for name in ("huracan.cli.main", "huracan.cli.commands", "huracan.cli.failures", "concurrent_log_handler"):
        importlib.import_module(name)
    open_engine(parse_url("sqlite://")).dispose()
    plugins = Plugins(trials=Trials.of(os.environ))
    plugins.check_requirements()
    for ask in (
        plugins.settings, plugins.jobs, plugins.services, plugins.checks, plugins.exchanges, plugins.remotes,
        plugins.notifiers, plugins.commands,
    ):  # fmt: skip
        ask()


def _ways(arguments: argparse.Namespace, context: Context) -> tuple[Starter, Services]:
    """Choose who runs jobs and services."""
    from huracan.cli.common import environment
    from huracan.run.child import child_command
    from huracan.serving import ServeByProcesses, ServeByUnits
    from huracan.starting import RunByProcess, RunByUnits

    if arguments.units:
        from huracan.supervise.systemd import SystemdSupervisor

        return RunByUnits(SystemdSupervisor()), ServeByUnits()
    from huracan.supervise.process import ProcessSupervisor

    def command(*words: str) -> list[str]:
        return child_command(context.settings, *words)

    variables = environment(arguments)
    return (
        RunByProcess(ProcessSupervisor(), command, variables),
        ServeByProcesses(ProcessSupervisor(), command, variables),
    )


def _reloaded(arguments: argparse.Namespace, old: Context) -> Context:
    """Read the settings anew. Raises SettingsError for a mistake, and for what needs the daemon to start anew."""
    from huracan.app import assemble
    from huracan.cli.common import load
    from huracan.errors import SettingsError

    settings, plugins = load(arguments)
    for name in ("workspace", "database", "control_socket", "logging"):
        if getattr(settings.core, name) != getattr(old.settings.core, name):
            raise SettingsError(f"{name} changed: that needs a restart of the daemon")
    return assemble(settings, plugins, old.store, old.clock)
