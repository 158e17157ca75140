"""The text of ``huracan --help``, and what each exit code means."""

from __future__ import annotations

from collections.abc import Mapping

from huracan.cli import commands
from huracan.cli.failures import INTERRUPTED
from huracan.errors import ExitCode
from huracan.types import Command

__all__ = ["EXIT_CODES", "overview"]

EXIT_CODES: Mapping[int, str] = {
    ExitCode.DONE: "done",
    ExitCode.BUG: "a bug in huracan or a plugin; the traceback says where",
    ExitCode.USAGE: "a command line, setting or database that cannot be used; the line says what to write instead",
    ExitCode.PARTLY_FAILED: "finished, but some coins, files or checks failed; each is named",
    ExitCode.NOTHING_TO_DO: "nothing to do: that run date is finished already (--force does it again)",
    ExitCode.LOCKED: "another run holds this workspace",
    ExitCode.TRY_AGAIN: "an outside service is away; the same command may work later",
    INTERRUPTED: "stopped by Ctrl-C or SIGTERM; the same command goes on from there",
}

_USAGE = """\
usage: huracan [-c FILE] [-v] [--no-color] COMMAND ...

Picks coins, brings their candles up to date, trains and judges one model per coin, and publishes the good ones.
"""

_OPTIONS = """\
common options, before or after the command:
  -c, --config FILE  settings file; repeatable, later wins (default: /etc/huracan/settings.yaml and conf.d/*.yaml)
  -v, --verbose      log debug messages too
  --no-color         print without colours
  --json             print JSON for programs (every command that shows something)
  --version          print the version
  -h, --help         print this, or after a command its own help
"""


def overview(environment: Mapping[str, str]) -> str:
    """Return the general help: commands of the core and of plugins, options, exit codes."""
    offered, owners, problems = commands.from_plugins(environment)
    width = max(len(name) for name in [*(c.name for c in commands.BUILT_IN), *offered]) + 2
    parts = [_USAGE, "commands:\n" + _lines(commands.BUILT_IN, width)]
    if offered:
        named = [Command(c.name, f"{c.help} [plugin {owners[c.name]}]", c.module) for c in offered.values()]
        parts.append("commands of plugins:\n" + _lines(named, width))
    parts.append(_OPTIONS)
    parts.append("exit codes:\n" + "".join(f"  {int(code):>3}  {text}\n" for code, text in EXIT_CODES.items()))
    if problems:
        parts.append("not working:\n" + "".join(f"  {line}\n" for line in problems))
    return "\n".join(parts)


def _lines(listed: list[Command] | tuple[Command, ...], width: int) -> str:
    return "".join(f"  {command.name:<{width}}{command.help}\n" for command in listed)
