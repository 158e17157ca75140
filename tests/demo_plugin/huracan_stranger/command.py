"""Say hello from a plugin."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="Huracan")
    parser.add_argument("--fail", choices=("usage", "bug", "interrupt"))


def run(arguments: argparse.Namespace) -> int:
    from huracan.errors import UsageError

    if arguments.fail == "usage":
        raise UsageError("the stranger does not know what to do; say --name")
    if arguments.fail == "bug":
        raise RuntimeError("the stranger stumbled")
    if arguments.fail == "interrupt":
        raise KeyboardInterrupt
    print(f"hello {arguments.name}")
    return 0
