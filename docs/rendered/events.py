"""The page of kinds of events."""

from __future__ import annotations

import importlib
from fnmatch import fnmatchcase

from huracan.alerts.kinds import CORE_EVENTS, EventKind
from huracan.config import AlertSettings
from huracan.plugin.manager import Plugins
from rendered.parts import NOTE, ROOT

__all__ = ["events_page"]

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
