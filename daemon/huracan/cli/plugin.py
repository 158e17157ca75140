"""Make the package of a new plugin, which passes its own tests at once.

It gets pyproject.toml with the entry point, typed modules that work, settings, tests with the kit, README, changelog,
licence and a workflow for CI. The folder appears whole or not at all, and nothing is ever overwritten.
Exit code 2: the name cannot be used or is taken, the folder exists, or there is no such part. 75: the disk is full.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from huracan.cli.common import json_option, show_json
from huracan.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huracan.authoring.package import Package
    from huracan.authoring.parts import Part

__all__ = ["configure", "run"]

DEFAULT = "features"
NAMES = (
    "settings", "job", "service", "check", "exchange", "universe", "features", "trainer", "gate", "export", "notify",
    "chat", "remote", "backup", "report", "command", "all",
)  # fmt: skip
"""The parts, for the help: importing what knows them is for who makes a plugin."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="make the package huracan-NAME")
    new.add_argument("name", metavar="NAME", help="name of the plugin, as no-memes: small letters, digits and dashes")
    new.add_argument(
        "--with", dest="parts", metavar="PART,PART", action="append",
        help=f"what it brings (default: {DEFAULT}): {', '.join(NAMES)}",
    )  # fmt: skip
    new.add_argument("--out", type=Path, metavar="DIR", help="the folder to make (default: ./huracan-NAME)")
    new.add_argument("--author", default="", metavar="WHO", help='who writes it, as "Ada Lovelace <ada@example.org>"')
    json_option(new)


def run(arguments: argparse.Namespace) -> int:
    """Make the package and say what is in it and what to type next."""
    from huracan.authoring.folder import refuse_existing, write_folder
    from huracan.authoring.package import Author, Package, render
    from huracan.authoring.parts import chosen
    from huracan.authoring.taken import refuse_taken

    parts, brought = chosen(arguments.parts or [DEFAULT])
    author = Author.read(arguments.author) if arguments.author else Author()
    package = Package(arguments.name, parts, author)
    folder: Path = arguments.out or Path(package.distribution)
    refuse_existing(folder)
    refuse_taken(package)
    files = render(package)
    write_folder(folder, files)
    commands = _next_commands(folder)
    if arguments.json:
        show_json(
            {
                "name": package.name, "distribution": package.distribution, "package": package.module,
                "folder": str(folder.absolute()), "parts": [part.name for part in parts],
                "brought": [part.name for part in brought], "files": list(files), "next": list(commands),
            }
        )  # fmt: skip
    else:
        _say(package, folder, brought, commands)
    return int(ExitCode.DONE)


def _next_commands(folder: Path) -> tuple[str, str, str]:
    """Return how to install it beside this Huracan, test it, and see it."""
    import shlex
    import sys

    python = Path(sys.executable)
    here = Path.cwd()
    shown = shlex.quote(str(python.relative_to(here) if python.is_relative_to(here) else python))
    where = str(folder) if folder.is_absolute() else f"./{folder}"
    return (
        f"{shown} -m pip install -e {shlex.quote(f'{where}[test]')}",
        f"{shown} -m pytest {shlex.quote(str(folder))}",
        f"{shown} -m huracan plugins",
    )


def _say(package: Package, folder: Path, brought: Sequence[Part], commands: Sequence[str]) -> None:
    width = max(len(part.name) for part in package.parts) + 2
    lines = [f"{package.distribution} is in {folder}/", ""]
    lines += [f"  {part.name:<{width}}{part.what}" for part in package.parts]
    if brought:
        needing = [part.name for part in package.parts if {each.name for each in brought} & set(part.needs)]
        lines += ["", f"{', '.join(part.name for part in brought)} came along: {', '.join(needing)} needs it."]
    why = ("install it beside this Huracan", "its own tests, which pass", "how it stands")
    longest = max(map(len, commands))
    lines += ["", "next:"]
    lines += [f"  {command:<{longest}}  # {reason}" for command, reason in zip(commands, why, strict=True)]
    lines += ["", f"Then replace what the modules in {folder}/src/{package.module} do by what yours is for."]
    print("\n".join(lines))
