"""Work on one job of a run: as its child, as a unit of systemd, or as the step of a chain of units. Not for people."""

from __future__ import annotations

import argparse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", help="the job")
    started_by = parser.add_mutually_exclusive_group(required=True)
    started_by.add_argument("--run", metavar="RUN_ID", help="the run that it belongs to, in the ledger")
    started_by.add_argument("--unit", action="store_true", help="be a unit of systemd and find the run in the ledger")
    parser.add_argument("--log-format", choices=("human", "json"), default="human", help="how log lines look")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, ends")


def run(arguments: argparse.Namespace) -> int:
    """Become the child of a pipeline and work."""
    from huracan.cli.child import become_child, open_as_child, open_as_unit

    progress = become_child(arguments, arguments.name)
    context = open_as_unit(arguments, progress) if arguments.unit else open_as_child(arguments, progress)
    from huracan.run.runner import run_job
    from huracan.run.step import run_as_unit

    with context.store:
        if arguments.unit:
            return run_as_unit(context, arguments.name, progress)
        return run_job(context, arguments.name, arguments.run, progress)
