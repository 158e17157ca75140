"""Show the settings that hold and where each comes from, or print the commented default file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, load, show_json

if TYPE_CHECKING:
    from huracan.config import Settings

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "what", choices=("show", "sample"), help="show: what holds, with origins; sample: the commented default file"
    )
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the effective settings or the sample."""
    return _sample(arguments) if arguments.what == "sample" else _show(arguments)


def _sample(arguments: argparse.Namespace) -> int:
    from huracan.cli.settings_text import sample, sections
    from huracan.plugin.manager import Plugins
    from huracan.plugin.selection import only_from
    from huracan.plugin.trial import Trials

    # Settings files are not read: the sample must print where they are broken or not there yet.
    plugins = Plugins(only=only_from(os.environ), trials=Trials.of(os.environ))
    if arguments.json:
        show_json(
            {
                "settings": [
                    {
                        "name": item.dotted, "kind": item.kind, "default": item.default, "owner": owner,
                        "description": item.description,
                    }
                    for _, owner, items in sections(plugins)
                    for item in items
                    if not item.group
                ]
            }
        )  # fmt: skip
    else:
        sys.stdout.write(sample(plugins))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from huracan.cli.settings_text import effective

    settings, _ = load(arguments)
    rows = effective(settings)
    if arguments.json:
        show_json({"settings": [{"name": name, "value": value, "origin": origin} for name, value, origin in rows]})
    else:
        _print_table(arguments, settings, rows)
    return 0


def _print_table(arguments: argparse.Namespace, settings: Settings, rows: Sequence[tuple[str, Any, str]]) -> None:
    from rich.text import Text

    from huracan.cli.settings_text import flow
    from huracan.cli.tables import make_table

    table = make_table(("setting", "value", "origin"), wide="value")
    section = ""
    for name, value, origin in rows:
        head = name.split(".")[0]
        if section and head != section:
            table.add_row("", "", "")
        section = head
        given = origin != "default"
        table.add_row(name, Text(flow(value), style="bold" if given else ""), Text(origin, "" if given else "dim"))
    screen = console(arguments)
    screen.print(table)
    if not settings.files and not settings.origins:
        screen.print("\nNo settings file was read: everything is default. See `huracan settings sample`.")
