"""Draws docs/images/hooks.svg: when each hook is asked in a day. Run ``python docs/make_night_picture.py``.

Jobs, services and their order come from what the bundled plugins declare; which hooks each of them asks stands here. A
test compares the picture with what this draws, and this with spec.py. It is narrow, for a phone, and has two palettes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins
from huracan.run.graph import ordered

PICTURE = Path(__file__).resolve().parent / "images" / "hooks.svg"

START = {
    "any command": ("commands",),
    "reads settings": ("settings", "exchanges", "remotes"),
    "loads plugins": ("checks",),
    "first event": ("notifiers",),
}
"""What every process does when it needs it, and which hooks that asks (without ``huracan_``)."""

DAEMON = {"starts, reloads": ("jobs", "services")}

JOBS: Mapping[str, tuple[str, ...]] = {
    "prepare": ("remotes",),
    "universe": ("exchanges", "universe_rules"),
    "candles": ("exchanges", "remotes"),
    "train": ("features", "trainers", "gates"),
    "roster": ("gates",),
    "export": ("exports",),
    "backup": ("backup_sources", "remotes"),
    "finish": ("remotes",),
    "daily-report": ("report_sections",),
}
SERVICES: Mapping[str, tuple[str, ...]] = {
    "alerts": ("notifiers",),
    "monitor": ("checks",),
    "sync": ("remotes",),
    "telegram": ("chat_commands",),
}
AGAIN = {"train": "features and trainers again in each worker"}

WIDTH, LEFT, RIGHT = 480, 150, 462
STYLE = """\
svg { --paper: #ffffff; --card: #f1f5f5; --ink: #16302f; --soft: #55706f; --line: #b9cccb; --hook: #0b6e6e; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #131a1a; --card: #1d2727; --ink: #e3eeee; --soft: #9db4b3; --line: #3c5150; --hook: #5fd0cf; }
}
text { font-family: system-ui, sans-serif; font-size: 15px; fill: var(--ink); }
.title { font-size: 16px; font-weight: 600; }
.soft { fill: var(--soft); font-size: 13px; }
.hook { fill: var(--hook); font-family: ui-monospace, monospace; font-size: 14px; }
.paper { fill: var(--paper); } .card { fill: var(--card); stroke: var(--line); } .rail { stroke: var(--line); }
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """A box of the picture: what happens when, and the rows in it with the hooks that each asks."""

    title: str
    note: str
    rows: Sequence[tuple[str, tuple[str, ...]]]


def moments(plugins: Plugins) -> list[Moment]:
    """Return what happens in a day from top to bottom."""
    declared = plugins.jobs()
    in_order = {
        pipeline: [job.name for job in ordered(each for each in declared.values() if each.pipeline == pipeline)]
        for pipeline in ("nightly", "maintenance")
    }
    return [
        Moment("Each process, as it starts", "the command line, the daemon, every job", list(START.items())),
        Moment("The daemon", "and huracan run, before it runs", list(DAEMON.items())),
        Moment("02:00 UTC: nightly", "each job in a process of its own", _rows(in_order["nightly"], JOBS)),
        Moment("06:30 UTC: maintenance", "when the night is over", _rows(in_order["maintenance"], JOBS)),
        Moment("All day: services", "started again when they end", _rows(sorted(plugins.services()), SERVICES)),
    ]


def _rows(names: Sequence[str], hooks: Mapping[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, hooks.get(name, ())) for name in names]


def draw(plugins: Plugins) -> str:
    """Return the picture as SVG."""
    body: list[str] = []
    top = 14
    for moment in moments(plugins):
        height = 62 + sum(_height(name, hooks) for name, hooks in moment.rows)
        body.append(f'<rect class="card" x="10" y="{top}" width="{WIDTH - 20}" height="{height}" rx="10"/>')
        body.append(f'<text class="title" x="24" y="{top + 25}">{escape(moment.title)}</text>')
        body.append(f'<text class="soft" x="24" y="{top + 44}">{escape(moment.note)}</text>')
        body += _lines(moment, top + 70)
        top += height + 12
    about = "When each hook is asked: as a process starts, in which job of the night, in which service."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 2}" width="{WIDTH}" role="img">\n'
        f"<title>{about}</title>\n<style>\n{STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{top + 2}" rx="10"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _height(name: str, hooks: tuple[str, ...]) -> int:
    return 22 * max(1, len(hooks)) + 6 + (18 if name in AGAIN else 0)


def _lines(moment: Moment, top: int) -> Iterator[str]:
    for name, hooks in moment.rows:
        yield f'<path class="rail" d="M24 {top - 14}H{RIGHT - 6}"/>'
        yield f'<text x="24" y="{top + 4}">{escape(name)}</text>'
        for number, hook in enumerate(hooks):
            yield f'<text class="hook" x="{LEFT}" y="{top + 4 + 22 * number}">huracan_{hook}</text>'
        if not hooks:
            yield f'<text class="soft" x="{LEFT}" y="{top + 4}">no hook of its own</text>'
        if name in AGAIN:
            yield f'<text class="soft" x="{LEFT}" y="{top + 2 + 22 * len(hooks)}">{escape(AGAIN[name])}</text>'
        top += _height(name, hooks)


def bundled() -> Plugins:
    """Load the bundled plugins alone."""
    return Plugins(own_plugins())


def main() -> int:
    """Write the picture."""
    PICTURE.write_text(draw(bundled()), "utf-8")
    print(f"drew {PICTURE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
