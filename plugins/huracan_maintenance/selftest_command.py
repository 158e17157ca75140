"""Does this installation work? Plays a small night on the simulated exchange in a temporary folder, and looks at it.

Nothing of the real workspace is touched, no network is used, nothing is left behind. Exit code 1 where something does
not work.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from huracan.cli.common import console, json_option, show_json
from huracan.errors import ExitCode

if TYPE_CHECKING:
    from huracan_maintenance.selftest import Step

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--quick", action="store_true", help="a smaller night; for upgrades")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Perform the steps and print a line for each as it ends."""
    from rich.text import Text

    from huracan.cli.tables import duration, state
    from huracan_maintenance.selftest import perform

    screen = console(arguments)

    def told(step: Step) -> None:
        if not arguments.json:
            word = state("ok" if step.ok else "failed")
            word.pad_right(8 - len(word))
            screen.print(word, Text(f"{step.name:<14} {duration(step.seconds):>7}  {step.line}"), sep="")

    steps = perform(quick=arguments.quick, told=told)
    ok = all(step.ok for step in steps)
    if arguments.json:
        listed = [{"step": s.name, "ok": s.ok, "says": s.line, "seconds": round(s.seconds, 2)} for s in steps]
        show_json({"ok": ok, "steps": listed})
    return int(ExitCode.DONE if ok else ExitCode.BUG)
