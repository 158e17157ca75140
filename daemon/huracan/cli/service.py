"""Run one service in the foreground; the daemon starts its services this way, and so does systemd."""

from __future__ import annotations

import argparse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", help="the service")
    parser.add_argument("--unit", action="store_true", help="be a unit of systemd")
    parser.add_argument("--log-format", choices=("human", "json"), default="human", help="how log lines look")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, ends")


def run(arguments: argparse.Namespace) -> int:
    """Become the child of the daemon and serve."""
    from huracan.cli.child import become_child, open_as_child

    progress = become_child(arguments, arguments.name)
    context = open_as_child(arguments, progress)
    from huracan.run.runner import run_service

    with context.store:
        return run_service(context, arguments.name, progress)
