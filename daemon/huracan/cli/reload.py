"""Let the daemon read its settings anew; wrong ones are refused with their mistakes, and the old ones stay."""

from __future__ import annotations

import argparse

from huracan.cli.common import json_option, order_daemon, show_json
from huracan.errors import ExitCode

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon."""
    answer = order_daemon(arguments, {"do": "reload"})
    if arguments.json:
        show_json(answer)
    else:
        print("the settings are good; the daemon and its services take them over")
    return int(ExitCode.DONE)
