"""Let the daemon run a pipeline or one job now, behind what runs already.

The daemon does it as its own user, with the secrets that it has; `huracan run` does it in this terminal instead.
"""

from __future__ import annotations

import argparse

from huracan.cli.common import json_option, order_daemon, show_json
from huracan.errors import ExitCode

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", help="a pipeline or a job")
    parser.add_argument("--force", action="store_true", help="again, even where this run date is finished")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon, and say where the order stands."""
    answer = order_daemon(arguments, {"do": "start", "name": arguments.name, "force": arguments.force})
    if arguments.json:
        show_json(answer)
    else:
        behind = f" after {answer['after']}" if answer.get("after") else ""
        print(f"{arguments.name} starts{behind}; `huracan status` shows how it goes")
    return int(ExitCode.DONE)
