"""List every installed plugin: where it comes from, how it stands, which hooks it implements, what is wrong."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from huracan.cli import plugins_check, plugins_trace
from huracan.cli.common import console, json_option, load, show_json

if TYPE_CHECKING:
    from pathlib import Path

    from huracan.plugin.deprecations import Deprecation
    from huracan.plugin.status import PluginInfo
    from huracan.plugin.troubles import Trouble

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    plugins_trace.configure(
        actions.add_parser("trace", help="time every call of a plugin: of all hooks, or of a command")
    )
    plugins_check.configure(
        actions.add_parser("check", help="hold an installed plugin against every rule of the test kit")
    )


def run(arguments: argparse.Namespace) -> int:
    """Load all plugins, ask each of their hooks once and print how they stand; or do what the sub-command says."""
    if arguments.action == "trace":
        return plugins_trace.run(arguments)
    if arguments.action == "check":
        return plugins_check.run(arguments)
    settings, plugins = load(arguments, require_good_settings=False)
    plugins.ask_everything()
    infos = plugins.infos()
    troubles = _troubles(settings.core.workspace)
    if arguments.json:
        show_json({"plugins": [_as_json(info, troubles) for info in infos]})
    else:
        _print_table(arguments, infos, troubles)
    return 0


def _troubles(workspace: Path) -> list[Trouble]:
    """Return what plugins that work did; their own status was found just now."""
    from huracan.paths import Paths
    from huracan.plugin.troubles import STANDING, read_troubles

    return [each for each in read_troubles(Paths(workspace).state) if each.about != STANDING]


def _of(info: PluginInfo, troubles: list[Trouble]) -> list[Trouble]:
    return [each for each in troubles if (each.plugin, each.version) == (info.name, info.version)]


def _as_json(info: PluginInfo, troubles: list[Trouble]) -> dict[str, object]:
    told = [{"about": each.about, "reason": each.reason, "since": each.since} for each in _of(info, troubles)]
    return {
        "name": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "status": str(info.status),
        "hooks": list(info.hooks),
        "error": info.error or None,
        "troubles": told,
        "deprecations": [_old_as_json(each) for each in info.deprecations],
    }


def _old_as_json(entry: Deprecation) -> dict[str, Any]:
    return {"name": entry.name, "since": entry.since or None, "removal": entry.removal, "instead": entry.instead}


def _print_table(arguments: argparse.Namespace, infos: list[PluginInfo], troubles: list[Trouble]) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table, state

    table = make_table(("plugin", "status", "distribution", "hooks"), wide="hooks")
    for info in infos:
        hooks = Text(", ".join(hook.removeprefix("huracan_") for hook in info.hooks))
        if info.error:
            hooks = Text(info.error, style="red" if info.status != "disabled" else "dim")
        for entry in info.deprecations:
            hooks.append(f"\n{entry.sentence}", style="yellow")
        for each in _of(info, troubles):
            hooks.append(f"\n{each.about}: {each.reason} (since {each.since})", style="red")
        table.add_row(info.name, state(info.status), f"{info.distribution} {info.version}", hooks)
    screen = console(arguments)
    screen.print(table if infos else "No plugin is installed. Is huracan-engine itself installed (pip install .)?")
