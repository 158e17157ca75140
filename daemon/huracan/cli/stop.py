"""Let the daemon stop the run that is at work, or take back an order that waits; what was finished is kept.

What is stopped rests, also over a restart of the daemon, until `huracan start` goes on with it or its next time comes.
"""

from __future__ import annotations

import argparse

from huracan.cli.common import json_option, order_daemon, show_json
from huracan.errors import ExitCode

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "name", nargs="?", help="this pipeline or job, whether it runs or waits; without it, what runs now"
    )
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon."""
    answer = order_daemon(arguments, {"do": "stop", "name": arguments.name})
    if arguments.json:
        show_json(answer)
        return int(ExitCode.DONE)
    if answer["stopped"]:
        print(f"{answer['stopped']} is being stopped; `huracan start` goes on with it, or its next time")
    for order in answer["taken_back"]:
        print(f"{order} waits no longer")
    return int(ExitCode.DONE)
