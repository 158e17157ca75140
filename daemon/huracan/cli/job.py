"""Work on one job of a run that `huracan run` has begun. Not for people: it neither locks nor retries."""

from __future__ import annotations

import argparse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", help="the job")
    parser.add_argument("--run", required=True, metavar="RUN_ID", help="the run that it belongs to, in the ledger")
    parser.add_argument("--log-format", choices=("human", "json"), default="human", help="how log lines look")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process, the parent, ends")


def run(arguments: argparse.Namespace) -> int:
    """Become the child of a pipeline and work."""
    from huracan.cli.child import become_child, open_as_child

    progress = become_child(arguments, arguments.name)
    context = open_as_child(arguments, progress)
    from huracan.run.runner import run_job

    with context.store:
        return run_job(context, arguments.name, arguments.run, progress)
