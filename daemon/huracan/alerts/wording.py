"""Turns a message into plain words: a title, lines, and the files of the workspace that go with it.

The one place for this: a channel adds only how it looks there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huracan.alerts.routing import same_key
from huracan.types import Event, Message, Severity

__all__ = ["Worded", "attached", "word"]

MOST_LINES = 40
LONGEST_LINE = 300
_ATTACHED = ("picture", "log", "files")
_LINES = ("lines", "messages", "problems", "packages")
"""Fields that are lists of sentences for people."""


@dataclass(frozen=True, slots=True)
class Worded:
    """A message in words. ``severity`` is the worst of its events; ``picture`` and ``files`` lie in the workspace."""

    title: str
    lines: tuple[str, ...]
    severity: Severity
    picture: Path | None = None
    files: tuple[Path, ...] = ()
    run_id: str | None = None

    @property
    def text(self) -> str:
        """Return title and lines as one text."""
        return "\n".join([self.title, *self.lines])


def word(workspace: Path, message: Message, *, most_lines: int = MOST_LINES) -> Worded:
    """Say in words what a message tells; what lies outside of the workspace, or is no file, is not attached."""
    events = message.events
    title, lines = _in_words(events)
    if len(lines) > most_lines:
        lines = [*lines[:most_lines], f"... and {len(lines) - most_lines:,} more"]
    if message.repeated:
        lines = [*lines, "(sent again: an earlier attempt may have arrived)"]
    picture, files = attached(workspace, events)
    worst = max((event.severity for event in events), key=lambda severity: severity.level)
    run_ids = {event.run_id for event in events}
    run_id = run_ids.pop() if len(run_ids) == 1 else None
    return Worded(_bounded(title), tuple(map(_bounded, lines)), worst, picture, files, run_id)


def attached(workspace: Path, events: Sequence[Event]) -> tuple[Path | None, tuple[Path, ...]]:
    """Return the newest picture and all files that events name (fields ``picture``, ``log`` and ``files``)."""
    root = workspace.resolve()
    picture: Path | None = None
    files: dict[Path, None] = {}
    for event in events:
        if (found := _inside(root, event.fields.get("picture"))) is not None:
            picture = found
        named = event.fields.get("files")
        for each in [event.fields.get("log"), *(named if isinstance(named, (list, tuple)) else [])]:
            if (found := _inside(root, each)) is not None:
                files[found] = None
    return picture, tuple(files)


def _inside(root: Path, name: object) -> Path | None:
    if not isinstance(name, str) or not name:
        return None
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):
        return None


def _in_words(events: Sequence[Event]) -> tuple[str, list[str]]:
    if len(events) == 1:
        return _single(events[0])
    if all(event.kind.startswith("model.") for event in events):
        return _coins(events)
    if len({same_key(event) for event in events}) == 1:
        return _again(events)
    return _mixed(events)


def _single(event: Event) -> tuple[str, list[str]]:
    title, *rest = event.title.splitlines() or [event.kind]
    lines = [line for line in rest if line.strip()]
    for name in _LINES:
        found = event.fields.get(name)
        if isinstance(found, (list, tuple)):
            lines += [each for each in found if isinstance(each, str)]
    hint = event.fields.get("hint")
    if isinstance(hint, str) and hint:
        lines.append(f"What to do: {hint}")
    return title, lines


def _again(events: Sequence[Event]) -> tuple[str, list[str]]:
    """Tell of events that say the same; the first of them was told before, or is one of these."""
    title, lines = _single(events[-1])
    first, last = events[0].time, events[-1].time
    return f"{title} (again, {len(events):,} times)", [*lines, f"between {first:%d %b %H:%M}Z and {last:%H:%M}Z"]


def _coins(events: Sequence[Event]) -> tuple[str, list[str]]:
    """Tell how the coins of a run stand: the latest of each, those that failed first."""
    latest: dict[str, Event] = {event.symbol or event.title: event for event in events}
    kinds = Counter(event.kind.removeprefix("model.") for event in latest.values())
    passed = sum(event.fields.get("passed") is True for event in latest.values())
    passing = {"trained": f" ({passed} passed)"}
    parts = [f"{number} {kind}{passing.get(kind, '')}" for kind, number in kinds.items()]
    total = events[-1].fields.get("total")
    count = f"{events[-1].fields.get('done')} of {total}" if isinstance(total, int) else f"{len(latest)}"
    ordered = sorted(latest.values(), key=lambda event: -event.severity.level)
    return f"{count} coins: {', '.join(parts)}", [_coin(event) for event in ordered]


def _coin(event: Event) -> str:
    """Say in a line how a coin did, with the measures that its event holds."""
    if event.severity is not Severity.INFO:
        return event.title.partition("\n")[0]
    values = [
        form.format(value * scale)
        for name, form, scale in (
            ("sharpe", "Sharpe {:.2f}", 1.0), ("hit_rate", "wins {:.0f} %", 100.0), ("net_pnl", "net {:+.1f} %", 100.0),
        )
        if (value := _number(event.fields, name)) is not None
    ]  # fmt: skip
    return f"{event.title.partition(chr(10))[0]}{': ' if values else ''}{', '.join(values)}"


def _number(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _mixed(events: Sequence[Event]) -> tuple[str, list[str]]:
    """Tell of many events in one message: how many of which severity, the worst in the title, all by time."""
    counts = Counter(event.severity for event in events)
    words = [
        f"{counts[severity]} {severity.value}{'' if counts[severity] == 1 else 's'}"
        for severity in (Severity.ERROR, Severity.WARNING)
        if counts[severity]
    ]
    worst = max(events, key=lambda event: event.severity.level)
    about = f" ({', '.join(words)})" if words else ""
    title = f"{len(events):,} events{about}: {worst.title.partition(chr(10))[0]}"
    lines = [
        f"{event.time:%H:%M}Z {event.severity.value + ': ' if event.severity.level > 1 else ''}"
        f"{event.title.partition(chr(10))[0]}"
        for event in events
    ]
    # What is bad must not be cut off behind what is not.
    bad = [line for line, event in zip(lines, events, strict=True) if event.severity.level > 1]
    return title, [*bad, *(line for line, event in zip(lines, events, strict=True) if event.severity.level < 2)]


def _bounded(line: str) -> str:
    flat = " ".join(line.split())
    return flat if len(flat) <= LONGEST_LINE else flat[: LONGEST_LINE - 1] + "…"
