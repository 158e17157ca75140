"""Print the script by which a shell completes what is typed behind `huracan`: commands, options, their values, and the
names of jobs, pipelines, plugins, checks and the like.

The script holds what there is now and asks nothing later, so that the Tab key costs nothing: print it again after a
plugin was installed or removed. It belongs into ~/.local/share/bash-completion/completions/huracan for bash, a file
_huracan in a folder of fpath for zsh, and ~/.config/fish/completions/huracan.fish for fish.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["configure", "full_parser", "run"]

SHELLS = ("bash", "zsh", "fish")

_NAMED: Mapping[tuple[str, str], str] = {
    ("run", "name"): "work", ("start", "name"): "work", ("stop", "name"): "work",
    ("plugins check", "name"): "plugins", ("plugins trace", "words"): "words",
    ("history", "pipeline"): "pipelines", ("health", "name"): "checks",
    ("export", "names"): "exports", ("alerts test", "channel"): "channels",
}  # fmt: skip
"""Which arguments are names that are known beforehand, by command and argument."""
_FOLDERS = ("DIR", "FOLDER")
_FILES = ("FILE", "PATH")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("shell", choices=SHELLS, help="which shell will read it")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    sys.stdout.write(script(full_parser(arguments), arguments.shell))
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the text that a shell reads."""
    import shtab

    for _, action in _arguments(parser):
        marked: Any = action
        if action.metavar in _FOLDERS:
            marked.complete = shtab.DIRECTORY
        elif action.metavar in _FILES or action.type is Path:
            marked.complete = shtab.FILE
    text: str = shtab.complete(parser, shell)
    return text


def full_parser(arguments: argparse.Namespace) -> argparse.ArgumentParser:
    """Return one parser of all commands, with every name that is known today among the choices."""
    from huracan.cli import commands
    from huracan.cli.main import common_options, fill_parser

    parser = argparse.ArgumentParser(prog="huracan")
    parser.add_argument("--version", action="store_true", help="print the version")
    common_options(parser)
    below = parser.add_subparsers(metavar="COMMAND")
    offered, _, _ = commands.from_plugins(os.environ)
    for command in (*commands.BUILT_IN, *offered.values()):
        module = importlib.import_module(command.module)
        fill_parser(below.add_parser(command.name, help=command.help, description=command.help), module)
    names = _names(arguments)
    known = {**names, "words": [*below.choices, *names.get("work", ())]}
    for where, action in _arguments(parser):
        if (kind := _NAMED.get((where, action.dest))) is not None and known.get(kind):
            action.choices = sorted({*known[kind]})
    return parser


def _arguments(parser: argparse.ArgumentParser, where: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Yield every argument of a parser and of those below it, with the words of the command that it belongs to."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, nested in action.choices.items():
                yield from _arguments(nested, f"{where} {name}".strip())
        else:
            yield where, action


def _names(arguments: argparse.Namespace) -> Mapping[str, Sequence[str]]:
    """Return the names that these settings and plugins have; none, with a line on stderr, where they cannot be read."""
    from huracan.cli.common import load
    from huracan.errors import HuracanError
    from huracan.run.graph import names_of_pipelines

    try:
        _, plugins = load(arguments, require_good_settings=False)
    except HuracanError as error:
        print(f"huracan: without names of jobs and the like: {error}", file=sys.stderr)
        return {}
    jobs = plugins.jobs()
    pipelines = names_of_pipelines(jobs)
    return {
        "work": [*pipelines, *jobs],
        "pipelines": pipelines,
        "plugins": [info.name for info in plugins.infos()],
        "checks": list(plugins.checks()),
        "exports": list(plugins.exports()),
        "channels": list(plugins.notifiers()),
    }
