"""List every installed plugin: where it comes from, how it stands, which hooks it implements, what is wrong."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from huracan.cli.common import console, json_option, load, show_json

if TYPE_CHECKING:
    from huracan.plugin.status import PluginInfo

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load all plugins, ask each of their hooks once and print how they stand."""
    _, plugins = load(arguments, require_good_settings=False)
    plugins.ask_everything()
    infos = plugins.infos()
    if arguments.json:
        show_json({"plugins": [_as_json(info) for info in infos]})
    else:
        _print_table(arguments, infos)
    return 0


def _as_json(info: PluginInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "status": str(info.status),
        "hooks": list(info.hooks),
        "error": info.error or None,
    }


def _print_table(arguments: argparse.Namespace, infos: list[PluginInfo]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table, state

    table = make_table(("plugin", "status", "distribution", "hooks"), wide="hooks")
    for info in infos:
        hooks = Text(", ".join(hook.removeprefix("huracan_") for hook in info.hooks))
        if info.error:
            hooks = Text(info.error, style="red" if info.status != "disabled" else "dim")
        table.add_row(info.name, state(info.status), f"{info.distribution} {info.version}", hooks)
    screen = console(arguments)
    screen.print(table if infos else "No plugin is installed. Is huracan-engine itself installed (pip install .)?")
