"""Let the daemon stop the run that is at work; what was finished is kept, and the next start goes on from there."""

from __future__ import annotations

import argparse

from huracan.cli.common import json_option, order_daemon, show_json
from huracan.errors import ExitCode

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", nargs="?", help="only where this pipeline or job is what runs")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon."""
    answer = order_daemon(arguments, {"do": "stop", "name": arguments.name})
    if arguments.json:
        show_json(answer)
    else:
        print(f"{answer['stopped']} is being stopped; `huracan start` goes on with it")
    return int(ExitCode.DONE)
