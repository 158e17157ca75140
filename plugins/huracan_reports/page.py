"""Pages: templates to one self-contained HTML text, for screens in light and dark, for phones, and for paper.

Every report is a template that extends ``base.html``; what comes from outside is escaped by the engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["FORMATS", "NOTHING", "for_paper", "render"]

NOTHING = "–"
"""What stands where a measure does not exist."""

PAPER = {
    "paper": "#ffffff", "card": "#f6f7f9", "ink": "#16191d", "muted": "#5b6470", "line": "#dde1e6", "c1": "#1f5fbf",
    "c2": "#b4580b", "c3": "#6b4bb8", "good": "#0b7043", "bad": "#b3261e", "warn": "#8a5a00", "good-soft": "#e3f3ea",
    "bad-soft": "#fae7e5", "warn-soft": "#fbf0da",
}  # fmt: skip
"""Colours by name, those of the light page and of paper."""

DARK = {
    "paper": "#14171b", "card": "#1c2026", "ink": "#e8eaed", "muted": "#9aa4b1", "line": "#2e343d", "c1": "#6ea8ff",
    "c2": "#f0a050", "c3": "#b79cff", "good": "#58c78d", "bad": "#ff8a80", "warn": "#e6b450", "good-soft": "#16321f",
    "bad-soft": "#3d1f1d", "warn-soft": "#362a10",
}  # fmt: skip

_TEMPLATES = Path(__file__).parent / "templates"
_NAMED = re.compile(r"var\(--([a-z0-9-]+)\)")


def render(template: str, **values: Any) -> str:
    """Fill a template of this plugin. A name that it uses and was not given is an error, not an empty place."""
    return _environment().get_template(template).render(paper=PAPER, dark=DARK, **values)


def for_paper(page: str) -> str:
    """Return a page for a renderer that does not know colours by name: with those of paper in their place."""
    return _NAMED.sub(lambda found: PAPER[found[1]], page)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters.update(FORMATS)
    return made


# -------------------------------------------------------------------------------------------------------------- formats


def _formatted(form: str) -> Callable[[float | None], str]:
    def say(value: float | None) -> str:
        return NOTHING if value is None else form.format(value).replace("-", "\N{MINUS SIGN}")

    return say


def _gain(value: float | None) -> str:
    """Write a fraction as percent with its sign; one of more than ten thousand percent as a factor."""
    if value is not None and abs(value) >= 100:
        return f"×{value + 1:,.0f}" if value < 1e6 else f"×{value + 1:.1e}"
    return _formatted("{:+.1%}")(value)


def _plain(value: float | None) -> str:
    """Write a number with as many digits as say something."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.4g}"


def _took(seconds: float | None) -> str:
    from huracan.cli.tables import duration

    return NOTHING if seconds is None else duration(seconds)


def _day(value: date | datetime | str | None) -> str:
    return NOTHING if not value else str(value)[:10]


def _minute(value: datetime | str | None) -> str:
    return NOTHING if not value else str(value)[:16].replace("T", " ") + " UTC"


FORMATS: dict[str, Callable[..., str]] = {
    "share": _formatted("{:.0%}"),
    "percent": _formatted("{:.1%}"),
    "gain": _gain,
    "ratio": _formatted("{:.2f}"),
    "bps": _formatted("{:+.1f}"),
    "cost": _formatted("{:.1f}"),
    "small": _formatted("{:.3f}"),
    "count": _formatted("{:,.0f}"),
    "plain": _plain,
    "took": _took,
    "day": _day,
    "minute": _minute,
}
"""What templates write numbers by: ``{{ sharpe | ratio }}``. None becomes a dash."""
