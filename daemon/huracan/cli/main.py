"""The ``huracan`` command: finds the module of the command that was typed, and is the one place that handles errors.

A command is a module with two functions::

    def configure(parser: argparse.ArgumentParser) -> None: ...   # its own options; must stay cheap
    def run(arguments: argparse.Namespace) -> int: ...            # an ExitCode

``arguments`` also carries what every command understands: ``config`` (list of Path, or None for /etc/huracan),
``verbose``, ``no_color`` and ``json`` (False unless the command called :func:`huracan.cli.common.json_option`).
Mistakes of people are raised as :class:`huracan.errors.HuracanError`; anything else raised is a bug.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from huracan.errors import UsageError

__all__ = ["AT_ONCE", "common_options", "fill_parser", "main", "make_parser"]

AT_ONCE = frozenset({"kill"})
"""Commands of the core that cannot wait for the table of commands and what it is made of: a fifth of their time."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    from huracan.cli.failures import guarded

    words = list(sys.argv[1:] if argv is None else argv)
    # Nothing of ours is a plugin of pydantic's, and it would read the metadata of everything that is installed for one.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _make_streams_safe()
    return guarded(lambda: _dispatch(words), as_json="--json" in words)


def _make_streams_safe() -> None:
    """Let no table fail for its letters (an ASCII terminal shows `?`), nor for a stdout or stderr that is closed."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _dispatch(words: list[str]) -> int:
    general = _general_parser().parse_args(words)
    if general.version:
        from huracan import __version__

        print(f"huracan {__version__}")
        return 0
    if general.help or general.command is None:
        from huracan.cli.help import overview

        print(overview(os.environ), end="", file=sys.stdout if general.help else sys.stderr)
        return 0 if general.help else 2
    module = importlib.import_module(_module_of(general))
    return int(module.run(_parse(general, general.command, module)))


def _module_of(general: argparse.Namespace) -> str:
    if general.command in AT_ONCE:
        return f"huracan.cli.{general.command}"
    from huracan.cli import commands

    return commands.find(general.command, os.environ, general.config).module


def _parse(general: argparse.Namespace, name: str, module: ModuleType) -> argparse.Namespace:
    arguments = make_parser(name, module).parse_args(general.rest)
    arguments.config = [*(general.config or []), *(arguments.config or [])] or None
    arguments.verbose = general.verbose or arguments.verbose
    arguments.no_color = general.no_color or arguments.no_color
    return arguments


def make_parser(name: str, module: ModuleType) -> argparse.ArgumentParser:
    """Return the parser of one command, with the options that every command understands."""
    parser = _Parser(prog=f"huracan {name}", description=module.__doc__, formatter_class=_Formatter)
    fill_parser(parser, module)
    return parser


def fill_parser(parser: argparse.ArgumentParser, module: ModuleType) -> None:
    """Give a parser the options of a command and those that every command understands."""
    module.configure(parser)
    common_options(parser)
    for nested in _nested(parser):
        # Given behind a sub-command they count as well; where they are not, they leave alone what stood before it.
        common_options(nested, default=argparse.SUPPRESS)
    parser.set_defaults(json=False)


def _nested(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of sub-commands; each is described by the line that its command's help has for it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for told in action._choices_actions:
                found: argparse.ArgumentParser = action.choices[told.dest]
                found.description = found.description or f"{(told.help or '').capitalize()}."
                yield found
                yield from _nested(found)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the paragraphs of a command's docstring."""


class _Parser(argparse.ArgumentParser):
    """Reports mistakes like every other: as an exception that becomes one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def _general_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="huracan", add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="store_true")
    common_options(parser)
    parser.add_argument("command", nargs="?")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def common_options(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add what every command understands, before its name and behind it."""
    group = parser.add_argument_group("common options")
    switched_off = False if default is None else default
    group.add_argument(
        "-c", "--config", metavar="FILE", type=Path, action="append", default=default,
        help="settings file; repeatable, later wins (default: /etc/huracan/settings.yaml and conf.d)",
    )  # fmt: skip
    group.add_argument("-v", "--verbose", action="store_true", default=switched_off, help="log debug messages too")
    group.add_argument("--no-color", action="store_true", default=switched_off, help="print without colours")
