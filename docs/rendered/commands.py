"""The pages of commands and exit codes, and the units that call them."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import re
from collections.abc import Iterator

from huracan.cli import commands
from huracan.cli.help import EXIT_CODES
from huracan.cli.main import make_parser
from huracan.config import RawSettings
from huracan.errors import ExitCode
from huracan.plugin.manager import Plugins
from huracan.plugin.settings import compose_settings
from huracan.run.plan import GIVEN_UP_CODE
from huracan.units.declared import COMMAND, declared
from huracan.units.render import render as render_units
from rendered.parts import NOTE, as_markdown

__all__ = ["commands_page", "exit_codes_page", "units"]

EXIT_CODES_INTRODUCTION = """\
Every command ends with one of these. With `--json`, an error is also an object on standard output:
`{"error": {"kind": ..., "message": ..., "exit_code": ...}}`.

[Units](../how-to/units.md) of systemd end with the same codes. A job that ends with *success* leaves no failed unit; a
failed one is told by `huracan-failed@`, unless its run tells of it. *Again*: the daemon starts the job again as its
retries say; with `scheduler: timers` systemd does, but for those that say *not again*. The daemon and the services are
started again however they end. A process that was killed has no code: systemd says `signal` (out of memory, power),
`watchdog` (no progress within its stall limit) or `timeout` instead, and it is tried again.
"""

EXIT_CODES_HEAD = """\
| code | name | meaning | unit of a job | daemon, unit of a service |
| --- | --- | --- | --- | --- |
"""

GIVEN_UP = "only as a unit: the job failed for good, all its attempts are used up; the run has told of it"
COMMON = {"help", "config", "verbose", "no_color"}


def units(plugins: Plugins) -> dict[str, str]:
    """Return the units of the bundled plugins; under ``timers`` stands what is more or other with that scheduler."""
    settings, _ = compose_settings(RawSettings({}, {}), plugins)
    with_daemon = declared(settings, plugins, COMMAND)
    files = render_units(with_daemon)
    more = render_units(dataclasses.replace(with_daemon, scheduler="timers"))
    return {f"units/{name}": text for name, text in files.items()} | {
        f"units/timers/{name}": text for name, text in more.items() if files.get(name) != text
    }


def exit_codes_page(plugins: Plugins) -> str:
    """Return what each exit code means, to a person and to the units of systemd."""
    names = {int(code): code.name for code in ExitCode}
    files = units(plugins)
    job = files["units/systemd/system/huracan-job@.service"]
    chain = files["units/timers/systemd/system/huracan-job@finish.service.d/60-chain.conf"]
    service = files["units/systemd/system/huracan-service@.service"]
    well = {0, *_codes(job, "SuccessExitStatus")}
    codes = {**{int(code): text for code, text in EXIT_CODES.items()}, GIVEN_UP_CODE: GIVEN_UP}
    rows = []
    for code, text in sorted(codes.items()):
        as_job = "success" if code in well else "failed"
        if code not in well:
            as_job += "; not again" if code in _codes(chain, "RestartPreventExitStatus") else "; again"
        as_service = "failed; again in 5 min" if code in _codes(service, "RestartPreventExitStatus") else "again"
        name = names.get(code, "GIVEN_UP" if code == GIVEN_UP_CODE else "INTERRUPTED")
        rows.append(f"| {code} | {name} | {text} | {as_job} | {'' if code == GIVEN_UP_CODE else as_service} |\n")
    return f"# Exit codes\n\n{NOTE}\n{EXIT_CODES_INTRODUCTION}\n{EXIT_CODES_HEAD}{''.join(rows)}"


def _codes(unit: str, setting: str) -> set[int]:
    found = re.search(rf"^{setting}=(.*)$", unit, flags=re.MULTILINE)
    return {int(each) for each in found[1].split()} if found else set()


def commands_page(plugins: Plugins) -> str:
    """Return every command with its options."""
    parts = [
        f"# Commands\n\n{NOTE}\n"
        "Every command understands `-c FILE` (settings; repeatable), `-v` (debug messages) and `--no-color`, before\n"
        "or after its name. Those that show something understand `--json`. See [exit codes](exit-codes.md).\n\n"
        "`HURACAN_PLUGINS_ONLY=name,name` loads these plugins and no others; set but empty, it loads none.\n"
        "`HURACAN_TRACE=FILE` has every process append each call of a plugin and its time to that file\n"
        "([look inside](../how-to/plugins-look-inside.md)).\n"
    ]
    offered = plugins.commands()
    listed = sorted([*commands.BUILT_IN, *offered.values()], key=lambda command: command.name)
    rows = "".join(f"| [`huracan {each.name}`](#huracan-{each.name}) | {each.help} |\n" for each in listed)
    parts.append(f"| command | what it does |\n| --- | --- |\n{rows}")
    for command in [*commands.BUILT_IN, *offered.values()]:
        module = importlib.import_module(command.module)
        owner = f" (plugin `{offered.owners[command.name]}`)" if command.name in offered else ""
        parts.append(f"## huracan {command.name}\n\n{as_markdown(module)}{owner}\n")
        options = list(_options(make_parser(command.name, module)))
        if options:
            parts.append("| argument | meaning |\n| --- | --- |\n" + "".join(options))
    return "\n".join(parts)


def _options(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    # argparse has no public way to list what a parser knows; the text of --help differs between versions of Python.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield f"| `{before}{name}` | {helps.get(name) or below.description or ''} |\n"
                yield from _options(below, f"{before}{name} ")
        elif action.dest not in COMMON and action.help != argparse.SUPPRESS:
            name = ", ".join(action.option_strings) or str(action.metavar or action.dest).replace("|", "\\|")
            choices = "\\|".join(map(str, action.choices)) if action.choices else ""
            value = choices if not action.option_strings and choices else name
            metavar = str(action.metavar or action.dest.upper()).replace("|", "\\|")
            takes = "" if action.nargs == 0 or not action.option_strings else f" {choices or metavar}"
            meaning = (action.help or "") % {"default": action.default}
            yield f"| `{before}{value}{takes}` | {meaning} |\n"
