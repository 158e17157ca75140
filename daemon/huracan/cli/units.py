"""Units of systemd, rendered from what the enabled plugins declare: look at them, check them, install them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from huracan.cli.common import console, environment, json_option, load, open_context, show_json
from huracan.errors import ExitCode, HuracanError

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.units.declared import Declared

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    render = actions.add_parser("render", help="print all units, or write them below a folder")
    render.add_argument("--out", type=Path, metavar="DIR", help="write the files there")
    verify = actions.add_parser("verify", help="let systemd check the units and say how exposed each is")
    json_option(verify)
    install = actions.add_parser("install", help="install, enable and start the units; needs root")
    install.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    install.add_argument("--no-start", action="store_true", help="start nothing")
    json_option(install)
    remove = actions.add_parser("remove", help="stop and delete all units; data stays; needs root")
    json_option(remove)
    actions.add_parser("migrate", help="bring the database to this version; huracan.service does it before it starts")
    failed = actions.add_parser("failed", help="tell that a unit failed; started by OnFailure=")
    failed.add_argument("unit")
    for chosen in (render, verify, install):
        chosen.add_argument("--command", metavar="PATH", help="the command that units start")


def run(arguments: argparse.Namespace) -> int:
    """Do what the sub-command says."""
    match arguments.action:
        case "render":
            return _render(arguments)
        case "verify":
            return _verify(arguments)
        case "install":
            return _install(arguments)
        case "remove":
            return _remove(arguments)
        case "migrate":
            with open_context(arguments, log_style="journal", require_good_settings=False).store:
                return int(ExitCode.DONE)
        case _:
            return _failed(arguments)


def _declared(arguments: argparse.Namespace) -> Declared:
    from huracan.units.declared import declared, own_command

    settings, plugins = load(arguments, require_good_settings=False)
    found = declared(settings, plugins, arguments.command or own_command())
    for line in plugins.problems():
        print(f"huracan: {line}", file=sys.stderr)
    return found


def _render(arguments: argparse.Namespace) -> int:
    from huracan.paths import write_bytes
    from huracan.units.render import render

    files = render(_declared(arguments))
    for path, text in sorted(files.items()):
        if arguments.out is None:
            print(f"# ---------- /etc/{path}\n{text}")
        else:
            write_bytes(arguments.out / path, text.encode(), mode=0o644)
    if arguments.out is not None:
        print(f"{len(files)} files written below {arguments.out}")
    return int(ExitCode.DONE)


def _verify(arguments: argparse.Namespace) -> int:
    from rich.text import Text

    from huracan.cli.tables import make_table
    from huracan.units.render import render
    from huracan.units.verifying import MOST_EXPOSED, verify

    mistakes, exposures = verify(render(_declared(arguments)))
    bad = bool(mistakes) or any(one.level > MOST_EXPOSED for one in exposures)
    if arguments.json:
        listed = [{"unit": one.unit, "exposure": one.level, "worst": list(one.worst)} for one in exposures]
        show_json({"ok": not bad, "mistakes": mistakes, "units": listed})
        return int(ExitCode.PARTLY_FAILED if bad else ExitCode.DONE)
    table = make_table(("unit", "exposure", "what weighs most"), right=("exposure",), wide="what weighs most")
    for one in exposures:
        style = "red" if one.level > MOST_EXPOSED else "green"
        table.add_row(one.unit, Text(f"{one.level:.1f}", style=style), ", ".join(one.worst) or "-")
    screen = console(arguments)
    screen.print(table)
    for line in mistakes:
        screen.print(Text(f"! {line}", style="red"))
    return int(ExitCode.PARTLY_FAILED if bad else ExitCode.DONE)


def _install(arguments: argparse.Namespace) -> int:
    from huracan.units.installing import apply, differences, precompile
    from huracan.units.render import render

    found = _declared(arguments)
    files = render(found)
    changes = differences(files)
    if not arguments.dry_run:
        precompile(found.command)
        apply(files, changes, start=not arguments.no_start)
    if arguments.json:
        listed = [{"do": change.verb, "path": str(change.path)} for change in changes]
        show_json({"dry_run": arguments.dry_run, "changes": listed})
        return int(ExitCode.DONE)
    would = "would " if arguments.dry_run else ""
    for change in changes:
        print(f"{would}{change.verb} {change.path}")
    print(f"units: {would}{len(changes)} of {len(files)} files changed" if changes else "units: nothing to change")
    return int(ExitCode.DONE)


def _remove(arguments: argparse.Namespace) -> int:
    from huracan.units.installing import remove

    files = remove()
    if arguments.json:
        show_json({"removed": [str(path) for path in files]})
    else:
        print(f"units: {len(files)} files removed" if files else "units: nothing was installed")
    return int(ExitCode.DONE)


def _failed(arguments: argparse.Namespace) -> int:
    """Send the event that a unit failed, unless it was told of, and take it to the channels where nobody does."""
    from huracan.units.failed import Failure, tell

    with _context_to_tell(arguments) as (context, wrong):
        tell(context, Failure(arguments.unit, os.environ, wrong))
    return int(ExitCode.DONE)


@contextmanager
def _context_to_tell(arguments: argparse.Namespace) -> Iterator[tuple[Context, str]]:
    """Open the application, with nothing said to be wrong; or, where its database is away or settings are wrong, with
    what there is, and the reason: channels still hear of the failure."""
    from huracan.alerts.courier import delivering
    from huracan.salvage import open_to_tell

    wrong = ""
    try:
        context = open_context(arguments, log_style="journal", require_good_settings=False)
    except HuracanError as error:
        print(f"<3>huracan: unit {arguments.unit} failed; {error}", file=sys.stderr)
        wrong = str(error).partition("\n")[0]
        context = open_to_tell(arguments.config, environment(arguments))
    with context.store:
        yield context, wrong
        with delivering(context, shared=not wrong):
            pass  # it may be the service that delivers which failed
