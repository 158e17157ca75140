"""Renders what is written down from what the code says: etc/settings.yaml, docs/reference, decisions' index, units/.

Run ``python docs/render.py`` after a change of settings, hooks, exit codes, commands or decisions; a test compares.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from huracan import API_VERSION, OLDEST_API
from huracan import types as values
from huracan.alerts.kinds import CORE_EVENTS, EventKind
from huracan.cli import commands
from huracan.cli.help import EXIT_CODES
from huracan.cli.main import make_parser
from huracan.cli.settings_text import SettingText, flow, sample, sections
from huracan.config import AlertSettings, RawSettings
from huracan.errors import ExitCode
from huracan.plugin import spec
from huracan.plugin.changes import Release, read_changes, recorded
from huracan.plugin.deprecations import DEPRECATIONS
from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins
from huracan.plugin.settings import compose_settings
from huracan.run.plan import GIVEN_UP_CODE
from huracan.units.declared import COMMAND, declared
from huracan.units.render import render as render_units

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Rendered by docs/render.py: change the code, then run it again. -->\n"

SETTINGS_INTRODUCTION = """\
Where settings come from, later wins: `/etc/huracan/settings.yaml`, `/etc/huracan/conf.d/*.yaml` in the order of their
names (or the files given with `-c` instead of both), files in `$CREDENTIALS_DIRECTORY` (one per secret, its name the
setting with two underscores for the dot, as `remote__token`), the environment (`HURACAN_TRAINING__WORKERS=2`). Relative
paths start at the folder of the file that says them. An unknown name is a mistake (exit code 2).

`huracan settings show` prints what holds and where it comes from, secrets masked. The same text as a file to start from
is [etc/settings.yaml](../../etc/settings.yaml), which `huracan settings sample` prints.
"""

EXPORTS_INTRODUCTION = """\
The job `export` writes these after each night to `exports/YYYY-MM-DD/NAME_YYYYMMDD.FORMAT`; `huracan export` writes
them at any time, of any days, to any folder ([how](../how-to/exports.md)). Tables come in every format of
`export.formats`, files in a form of their own. A name with `*` makes a file for each part (coin); a part that is no
plain file name is changed and carries the beginning of its SHA-256.

`performance_summary_YYYYMMDD.json` is the index and is written last: each file with name, format, version, rows,
columns, bytes and SHA-256, and a line for each export that failed
([schema](../../plugins/huracan_export/schemas/performance_summary.schema.json)). While files are being replaced there
is no index; where there is one, what it says is true. A file of an export that failed this time is that of an earlier
write and is not listed. What is no longer kept cannot be exported: a line says so ("trades of 3 models are no longer
kept"), and files that an earlier write made of more stay, and stay listed.

| kind | csv | json, jsonl | parquet |
| --- | --- | --- | --- |
| text | text, marked where it must be (below) | string | String |
| integer | `-12` | number | Int64 |
| number | shortest form that reads back the same | number | Float64 |
| truth | `true`, `false` | `true`, `false` | Boolean |
| date | `2023-12-30` | the same, a string | Date |
| instant | `2023-12-30T04:05:00Z`, microseconds where there are any | the same, a string | Datetime, UTC |
| json | JSON text | the value itself | JSON text, a String |

An empty cell is unknown or undefined (null); so is what is not a finite number. Fractions are fractions, not percent.

- **csv** is RFC 4180: UTF-8 without a byte order mark, a header, CR LF, quotes doubled. Text that begins with `=`,
  `+`, `-`, `@`, a tab, a line end, a full-width form of these, or an apostrophe gets an apostrophe before it, so that
  no spreadsheet runs it; take one leading apostrophe away from text cells to have the original. Other cells are never
  marked.
- **json** is one object: `schema`, `columns` (name, kind, unit) and `rows`, an object each.
- **jsonl** is an object a line; a table without rows is an empty file, the index has its columns.
- **parquet** is compressed with zstd, in groups of up to 20,000 rows.
"""

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

EVENTS_INTRODUCTION = """\
An event is a fact that is worth telling: a row of the store, a line of the log, and a message to each
[channel](../how-to/alerts.md) that is to get it. Each has a kind, a severity, a title for people, a time, the run, job
and pair that it belongs to (`run`, `job`, `symbol`), and these fields besides, as JSON. A channel like `webhook` or
`command` gets all of it.

- **each time**: it is sent each time (`alerts.each_time`). Of all others that tell the same (kind, severity, title,
  pair, run; durations in a title make no difference) one is sent within `alerts.repeat_minutes`, and then how often
  it came again.
- **digest**: those of one run are one message (`alerts.digest`).

A plugin of somebody else has kinds of its own, which begin with its name. Each bundled plugin declares its kinds in its
`events.py`, the core in [kinds.py](../../daemon/huracan/alerts/kinds.py); a test holds every call of `emit` to them.
"""

SCHEMAS_INTRODUCTION = """\
What stands in the JSON documents that other programs read; [what lies where](artefacts.md) says which files there
are. The schemas are JSON Schema 2020-12, and tests hold the files of nights to them. A number `schema`, where there is
one, grows when a reader has to know of a change.
"""

CHANGES_INTRODUCTION = """\
The contract between Huracan and plugins: hooks, the values of `huracan.types`, and what plugins are handed (`Context`,
`Candles`, remote stores). Every change of it stands here with the release and the plugin API that brought it; a test
compares this with the code.

A plugin says which versions it is made for (`HURACAN_API`, [how](../../plugins/README.md#versions)). The number goes up
when something went, changed its meaning or is newly asked for. What only came disturbs nobody.
"""

ANALYSIS_INTRODUCTION = """\
A line for each coin of a night and one for each portfolio of equal parts: all coins, and those that passed every gate.
The form is that of [exports](exports.md) as CSV. What a night's report is and where it lies says
[the report of a night](../how-to/reports.md).
"""


def bundled() -> Plugins:
    """Load the bundled plugins alone: what else is installed here is no part of the documents."""
    return Plugins(own_plugins())


def documents() -> dict[str, str]:
    """Return the text of each rendered file by its path from the root of the repository."""
    plugins = bundled()
    return {
        "etc/settings.yaml": sample(plugins),
        "docs/reference/settings.md": settings_page(plugins),
        "docs/reference/hooks.md": hooks_page(plugins),
        "docs/reference/hook-changes.md": changes_page(),
        "docs/reference/exit-codes.md": exit_codes_page(plugins),
        "docs/reference/cli.md": commands_page(plugins),
        "docs/reference/exports.md": exports_page(plugins),
        "docs/reference/performance-analysis.md": analysis_page(),
        "docs/reference/events.md": events_page(plugins),
        "docs/reference/schemas.md": schemas_page(),
        "docs/decisions/README.md": decisions_page(),
        **units(plugins),
    }


# -------------------------------------------------------------------------------------------------------------- units


def units(plugins: Plugins) -> dict[str, str]:
    """Return the units of the bundled plugins; under ``timers`` stands what is more or other with that scheduler."""
    settings, _ = compose_settings(RawSettings({}, {}), plugins)
    with_daemon = declared(settings, plugins, COMMAND)
    files = render_units(with_daemon)
    more = render_units(dataclasses.replace(with_daemon, scheduler="timers"))
    return {f"units/{name}": text for name, text in files.items()} | {
        f"units/timers/{name}": text for name, text in more.items() if files.get(name) != text
    }


# ----------------------------------------------------------------------------------------------------------- settings


def settings_page(plugins: Plugins) -> str:
    """Return every setting with kind, default and meaning, by section."""
    parts = [f"# Settings\n\n{NOTE}\n{SETTINGS_INTRODUCTION}"]
    for title, owner, items in sections(plugins):
        choice = next((flow(i.default) for i in items if i.required and i.name == "name"), "")
        head = f"## {title}: {choice}" if choice else f"## {title}"
        belongs = "" if owner == "core" else f" Brought by the plugin `{owner}`."
        if items[0].group:
            parts.append(f"{head}\n\n{items[0].description}{belongs}\n")
            items = items[1:]
        else:
            parts.append(f"{head}\n")
        parts.append("| setting | kind | default | meaning |\n| --- | --- | --- | --- |\n" + "".join(map(_row, items)))
    return "\n".join(parts)


def _row(item: SettingText) -> str:
    default = "" if item.group else f"`{flow(item.default)}`"
    cells = [f"`{item.dotted}`", item.kind, default, item.description]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


# -------------------------------------------------------------------------------------------------------------- hooks


def hooks_page(plugins: Plugins) -> str:
    """Return every hook with its signature, what its docstring says, its value's fields and its bundled users."""
    parts = [
        f"# Hooks\n\n{NOTE}\n"
        "A plugin is an installed package with an entry point in the group `huracan`; it implements the hooks it\n"
        "needs, each marked with `@hookimpl`.\n"
        "[plugins/README.md](../../plugins/README.md) says what all plugins have in common,\n"
        "[hook-changes.md](hook-changes.md) since when each part is as it is.\n"
    ]
    infos = plugins.infos()
    for name, function in hooks():
        returned = str(inspect.signature(function).return_annotation)
        value = getattr(values, re.sub(r".*\[(\w+)\]", r"\1", returned))
        users = ", ".join(f"`{info.name}`" for info in infos if name in info.hooks)
        parts.append(
            f"## {name}\n\n```python\n{name}() -> {returned}\n```\n\n{_text(function)}\n\n"
            f"[How to write one]({how_to(name)}). Bundled plugins that use it: {users or 'none'}.\n\n"
            + "\n".join(
                f"`{kind.__name__}`: {_text(kind)}\n\n| field | type | default |\n| --- | --- | --- |\n"
                + "".join(_fields(kind))
                for kind in _kinds(value)
            )
        )
    return "\n".join(parts)


def how_to(hook: str) -> str:
    """Return the page that shows how a hook is used, seen from docs/reference: ``huracan_jobs`` has job.md."""
    name = hook.removeprefix("huracan_").replace("_", "-")
    return f"../how-to/plugins/{name if name == 'settings' else name.removesuffix('s')}.md"


def hooks() -> list[tuple[str, Callable[..., object]]]:
    """Return the hooks of spec.py in their order."""
    return [(name, function) for name, function in vars(spec).items() if name.startswith("huracan_")]


def _text(thing: object) -> str:
    """Return a docstring as one paragraph per blank line, with Markdown's marks instead of reST's."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _kinds(value: type) -> list[type]:
    """Return a value's class and those that are made of it; the class that slots=True replaced may still be about."""
    return list(dict.fromkeys(getattr(values, kind.__name__) for kind in (value, *value.__subclasses__())))


def _fields(value: type) -> Iterator[str]:
    for field in dataclasses.fields(value):
        default = "" if field.default is dataclasses.MISSING else f"`{_default(field.default)}`"
        kind = str(field.type).replace("|", "\\|")
        yield f"| `{field.name}` | `{kind}` | {default} |\n"


def _default(default: object) -> str:
    return repr(default.value) if isinstance(default, values.Severity | values.MarketKind) else repr(default)


# ---------------------------------------------------------------------------------------------- changes of the contract


def changes_page() -> str:
    """Return what is deprecated, what each release changed, and since when each part is as it is."""
    releases = read_changes((ROOT / "docs" / "reference" / "hook-changes.yaml").read_text("utf-8"))
    parts = [
        f"# Changes of hooks\n\n{NOTE}\n{CHANGES_INTRODUCTION}\n"
        f"This engine serves plugin API {_served()}.\n\n## Deprecated\n\n{_deprecated()}"
    ]
    parts += [_release(release) for release in reversed(releases[1:])]
    first = releases[0]
    parts.append(f"## {first.release}: plugin API {first.api}\n\n{first.says} What it had is in the last table.\n")
    rows = "".join(
        f"| `{name}` | {_cell(part.form)} | {part.came.release} | {part.changed.release if part.changed else ''} |\n"
        for name, part in sorted(recorded(releases).items(), key=lambda each: _place(each[0]))
    )
    head = "## Every part, and since when\n\n| part | form | came | changed |\n| --- | --- | --- | --- |\n"
    return "\n".join([*parts, head + rows])


def _served() -> str:
    return str(API_VERSION) if OLDEST_API == API_VERSION else f"{OLDEST_API} to {API_VERSION}"


def _deprecated() -> str:
    if not DEPRECATIONS:
        return "Nothing at present.\n"
    rows = (f"| `{each.name}` | {each.since} | plugin API {each.removal} | {each.instead} |\n" for each in DEPRECATIONS)
    return "| what | since | goes with | instead |\n| --- | --- | --- | --- |\n" + "".join(rows)


def _release(release: Release) -> str:
    """Return what a release changed. That a value has more fields is told by the fields that came."""
    rows = [f"| came | `{name}` | {_cell(form)} |\n" for name, form in release.came.items()]
    rows += [f"| changed | `{name}` | {_cell(form)} |\n" for name, form in release.changed.items()]
    rows += [f"| went | `{name}` |  |\n" for name in release.went]
    head = f"## {release.release}: plugin API {release.api}\n\n{release.says}\n"
    return f"{head}\n|  | what | form |\n| --- | --- | --- |\n{''.join(rows)}" if rows else head


def _cell(form: str) -> str:
    escaped = form.replace("|", "\\|")
    return f"`{escaped}`"


def _place(name: str) -> tuple[bool, str]:
    """Hooks first, then values by name."""
    return not name.startswith("huracan_"), name.partition(".")[0]


# ----------------------------------------------------------------------------------------------- exit codes, commands


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
        parts.append(f"## huracan {command.name}\n\n{_text(module)}{owner}\n")
        options = list(_options(make_parser(command.name, module)))
        if options:
            parts.append("| argument | meaning |\n| --- | --- |\n" + "".join(options))
    return "\n".join(parts)


COMMON = {"help", "config", "verbose", "no_color"}


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


def exports_page(plugins: Plugins) -> str:
    """Return every export with the columns of its table."""
    parts = [f"# Exports\n\n{NOTE}\n{EXPORTS_INTRODUCTION}"]
    exports = plugins.exports()
    for name, export in sorted(exports.items()):
        kind = f"File: `{export.suffix}`" if isinstance(export, values.FileExport) else "Table"
        each = ", one for each of its parts" if export.parts else ""
        about = f"{kind}{each}. Version {export.version}. Brought by the plugin `{exports.owners[name]}`."
        if isinstance(export, values.FileExport):
            about += schema_link(exports.owners[name], name.replace("_*", ""))
        parts.append(f"## {name}\n\n{export.description[0].upper()}{export.description[1:]}. {about}\n")
        if isinstance(export, values.TableExport):
            parts.append(column_table(export.columns))
    return "\n".join(parts)


def schema_link(owner: str, document: str) -> str:
    """Return where the JSON Schema of a plugin's document is, empty where it has none."""
    path = f"plugins/huracan_{owner}/schemas/{document}.schema.json"
    return f" Its JSON Schema is [{document}](../../{path})." if (ROOT / path).exists() else ""


def analysis_page() -> str:
    """Return the columns of the table that a night's report has."""
    from huracan_reports.analysis import COLUMNS

    return f"# performance_analysis.csv\n\n{NOTE}\n{ANALYSIS_INTRODUCTION}\n{column_table(COLUMNS)}"


def column_table(columns: Iterable[values.Column]) -> str:
    """Return a table of what stands in each column."""
    rows = (f"| `{each.name}` | {each.kind.value} | {each.unit} | {each.meaning} |\n" for each in columns)
    return "| column | kind | unit | meaning |\n| --- | --- | --- | --- |\n" + "".join(rows)


def events_page(plugins: Plugins) -> str:
    """Return every kind of event of the core and of the bundled plugins."""
    parts = [f"# Events\n\n{NOTE}\n{EVENTS_INTRODUCTION}"]
    for owner, kinds in event_kinds(plugins).items():
        title = "The core" if owner == "huracan" else f"The plugin `{owner.removeprefix('huracan_')}`"
        rows = "".join(map(_event_row, sorted(kinds, key=lambda each: each.kind)))
        parts.append(
            f"## {title}\n\n| kind | severity | when | fields | sent |\n| --- | --- | --- | --- | --- |\n{rows}"
        )
    return "\n".join(parts)


def event_kinds(plugins: Plugins) -> dict[str, tuple[EventKind, ...]]:
    """Return the kinds that are declared, by the package that emits them, the core first."""
    packages = sorted(f"huracan_{info.name}" for info in plugins.infos())
    found = {"huracan": CORE_EVENTS}
    for package in packages:
        if (ROOT / "plugins" / package / "events.py").exists():
            found[package] = importlib.import_module(f"{package}.events").EVENTS
    return found


def _event_row(each: EventKind) -> str:
    alerts = AlertSettings()
    sent = ["each time"] * any(fnmatchcase(each.kind, pattern) for pattern in alerts.each_time)
    sent += ["digest"] * any(fnmatchcase(each.kind, pattern) for pattern in alerts.digest)
    severities = ", ".join(severity.value for severity in each.severities)
    fields = "; ".join(f"`{name}` {meaning}" for name, meaning in each.fields.items())
    return f"| `{each.kind}` | {severities} | {each.when} | {fields} | {', '.join(sent)} |\n"


def schemas_page() -> str:
    """Return what each JSON Schema of the bundled plugins says of its document."""
    parts = [f"# JSON documents\n\n{NOTE}\n{SCHEMAS_INTRODUCTION}"]
    found = {path: json.loads(path.read_text("utf-8")) for path in (ROOT / "plugins").glob("*/schemas/*.schema.json")}
    for path, schema in sorted(found.items(), key=lambda each: str(each[1]["title"])):
        link = f"../../{path.relative_to(ROOT).as_posix()}"
        body = schema.get("items", schema)
        kind = "A list; of each entry:" if "items" in schema else "Of the document:"
        rows = "".join(_property_row(name, each, body) for name, each in body.get("properties", {}).items())
        parts.append(
            f"## {schema['title']}\n\n{schema['description']} [{path.name}]({link}). {kind}\n\n"
            f"| field | type | always there | meaning |\n| --- | --- | --- | --- |\n{rows}"
        )
    return "\n".join(parts)


def _property_row(name: str, each: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    kind = each.get("type") or ("one of " + ", ".join(map(str, each["enum"])) if "enum" in each else "")
    if "const" in each:
        kind = f"{each['const']}"
    words = " or ".join(kind) if isinstance(kind, list) else kind
    always = "yes" if name in body.get("required", ()) else ""
    meaning = str(each.get("description", "")).replace("|", "\\|")
    return f"| `{name}` | {words} | {always} | {meaning} |\n"


def decisions_page() -> str:
    """Return the index of docs/decisions by the first line of each."""
    rows = []
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        number, _, title = path.read_text("utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        rows.append(f"| {number} | [{title}]({path.name}) |\n")
    return (
        f"# Decisions\n\n{NOTE}\nChoices that a later reader would question, each with what was chosen, why, and what\n"
        f"it costs.\n\n| number | decision |\n| --- | --- |\n{''.join(rows)}"
    )


def main() -> int:
    """Write all rendered files; units that nobody declares any more go."""
    for file in (ROOT / "units").rglob("*.*"):
        if file.is_file() and file.name != "README.md":
            file.unlink()
    for name, text in documents().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"rendered {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
