"""A plugin for tests of the command line: its command `mishap` fails as it is told."""

from __future__ import annotations

import argparse

from huracan import hookimpl
from huracan.types import Command


@hookimpl
def huracan_commands() -> list[Command]:
    return [Command("mishap", "say hello, or fail", "huracan_mishap")]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="Huracan")
    parser.add_argument("--fail", choices=("usage", "bug", "interrupt"))


def run(arguments: argparse.Namespace) -> int:
    from huracan.errors import UsageError

    if arguments.fail == "usage":
        raise UsageError("the plugin does not know what to do; say --name")
    if arguments.fail == "bug":
        raise RuntimeError("the plugin stumbled")
    if arguments.fail == "interrupt":
        raise KeyboardInterrupt
    print(f"hello {arguments.name}")
    return 0
