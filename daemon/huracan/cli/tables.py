"""How tables look: no boxes, one rule under the head, colours only for states."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.box import Box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["duration", "make_table", "moment", "state"]

_UNDER_HEAD = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")

_COLOURS = {
    "done": "green", "ok": "green", "enabled": "green", "completed": "green",
    "running": "cyan",
    "nothing-to-do": "bright_black", "skipped": "bright_black", "disabled": "bright_black", "never": "bright_black",
    "partly-failed": "yellow", "warning": "yellow", "interrupted": "yellow",
}  # fmt: skip


def make_table(columns: Sequence[str], *, right: Sequence[str] = (), wide: str = "", title: str = "") -> Table:
    """Return an empty table; columns in ``right`` are numbers, only ``wide`` may be folded over lines."""
    table = Table(
        box=_UNDER_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0), title=title or None,
        title_justify="left", title_style="bold", border_style="bright_black", show_edge=False,
    )  # fmt: skip
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name != wide,
            overflow="fold" if name == wide else "ellipsis",
        )
    return table


def state(text: str) -> Text:
    """Return a state in its colour; every state that is not known to be harmless is red."""
    return Text(text, style=_COLOURS.get(text, "red"))


def moment(instant: datetime | None) -> str:
    """Return an instant to the minute, UTC, or a dash."""
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else "-"


def duration(seconds: float | None) -> str:
    """Return seconds as ``0.4 s``, ``12 s``, ``3 min 05 s`` or ``2 h 10 min``, without parts that are zero."""
    if seconds is None:
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
