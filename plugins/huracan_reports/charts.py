"""Charts as inline SVG: no library, no script, and colours that follow the page into the dark and onto paper.

Each is 360 units wide, so that its letters are of the size of the page's own on a phone. Colours are named, as
``c1`` or ``good``, and defined by the style sheet of :mod:`huracan_reports.page`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

__all__ = [
    "Bin", "Line", "line_chart", "matrix_chart", "percent_mark", "reliability_chart", "sparkline", "thinned", "ticks",
]  # fmt: skip

WIDTH = 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 8.0, 8.0, 20.0
POINTS = 160
"""Points that are drawn of one line at most: more than a phone has pixels for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A series of values by day. ``fill`` colours the space between it and zero."""

    name: str
    days: Sequence[date]
    values: Sequence[float]
    colour: str = "c1"
    fill: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Bin:
    """Trades of like scores: what was predicted, what share was won, and the bounds of that share (95 %)."""

    predicted: float
    won: float
    low: float
    high: float
    count: int


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers that cover ``low`` to ``high``, about as many as asked for and at least two."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low, low + 1.0]
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(each * power for each in (1.0, 2.0, 2.5, 5.0, 10.0) if each * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def percent_mark(value: float, step: float) -> str:
    """Return a fraction as percent, with as many digits as tell it from one that is ``step`` away."""
    if value == 0:
        return "0%"
    digits = max(0, math.ceil(-math.log10(step * 100) - 1e-9)) if step > 0 else 0
    digits += not math.isclose(step * 100 * 10**digits, round(step * 100 * 10**digits), abs_tol=1e-6)
    return f"{value:+,.{digits}%}".replace("-", "\N{MINUS SIGN}")


def thinned(line: Line, most: int = POINTS) -> Line:
    """Return a line with ``most`` points or a few less, of which each keeps its place: lowest and highest stay."""
    count = len(line.values)
    if count <= most:
        return line
    size = math.ceil(2 * count / most)
    kept: list[int] = []
    for start in range(0, count, size):
        part = range(start, min(start + size, count))
        kept += sorted({min(part, key=line.values.__getitem__), max(part, key=line.values.__getitem__)})
    kept = sorted({0, count - 1, *kept})
    return Line(
        line.name, [line.days[i] for i in kept], [line.values[i] for i in kept], line.colour, line.fill, line.dashed
    )


def line_chart(
    lines: Sequence[Line],
    label: str,
    *,
    show: Callable[[float, float], str] | None = None,
    height: float = 150.0,
) -> Markup:
    """Return lines over days with both axes. ``label`` tells what is seen to those who do not see it.

    ``show`` writes a value of the upright axis, given the distance to the next; without it values are fractions.
    """
    drawn = [thinned(line) for line in lines if line.values]
    if not drawn:
        return _empty(label)
    first, last = min(line.days[0] for line in drawn), max(line.days[-1] for line in drawn)
    values = [value for line in drawn for value in line.values]
    bottom, top = _span(values)
    marks = [mark for mark in ticks(bottom, top) if bottom <= mark <= top]
    days = max((last - first).days, 1)

    def x(day: date) -> float:
        return _LEFT + (day - first).days / days * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (top - value) / (top - bottom) * (height - _TOP - _BOTTOM)

    step = marks[1] - marks[0] if len(marks) > 1 else top - bottom
    parts = [_grid(y(mark), (show or percent_mark)(mark, step), strong=mark == 0) for mark in marks]
    parts += _day_marks(first, last, height, x)
    for line in drawn:
        points = [(x(day), y(value)) for day, value in zip(line.days, line.values, strict=True)]
        if line.fill:
            parts.append(_area(points, y(0.0), line.colour))
        parts.append(_path(points, line.colour, dashed=line.dashed))
    return _svg(label, height, parts)


def reliability_chart(bins: Sequence[Bin], label: str, height: float = 220.0) -> Markup:
    """Return predicted against seen shares of wins: on the diagonal a score means what it says.

    Bars are 95 % intervals; the area of a dot is in proportion to its trades.
    """
    if not bins:
        return _empty(label)
    low = math.floor(min(min(each.predicted, each.low) for each in bins) * 10) / 10
    high = math.ceil(max(max(each.predicted, each.high) for each in bins) * 10) / 10
    most = max(each.count for each in bins)
    bottom = _BOTTOM + 14

    def x(share: float) -> float:
        return _LEFT + (share - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(share: float) -> float:
        return _TOP + (high - share) / (high - low) * (height - _TOP - bottom)

    marks = [mark for mark in ticks(low, high) if low - 1e-9 <= mark <= high + 1e-9]
    parts = [_grid(y(mark), f"{mark:.0%}") for mark in marks]
    parts += [
        _text(x(mark), height - bottom + 13, f"{mark:.0%}", anchor="end" if x(mark) > WIDTH - 16 else "middle")
        for mark in marks
    ]
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, height - 4, "predicted chance to win"))
    parts.append(_path([(x(low), y(low)), (x(high), y(high))], "muted", dashed=True))
    for each in bins:
        at = x(each.predicted)
        parts.append(_path([(at, y(each.low)), (at, y(each.high))], "c1"))
        radius = 2.0 + 5.0 * math.sqrt(each.count / most)
        parts.append(f'<circle cx="{at:.1f}" cy="{y(each.won):.1f}" r="{radius:.1f}" style="fill:var(--c1)"/>')
    return _svg(label, height, parts)


def matrix_chart(names: Sequence[str], values: Sequence[Sequence[float | None]], label: str) -> Markup:
    """Return values from -1 to 1, a field for each two names: the fuller its colour, the larger the value.

    Above the diagonal stands nothing: it would be the same.
    """
    if len(names) < 2:
        return _empty(label)
    left = min(96.0, 10.0 + 6.2 * max(map(len, names)))
    size = min((WIDTH - left - _RIGHT) / (len(names) - 1), 34.0)
    parts = []
    for row, name in enumerate(names[1:], 1):
        y = _TOP + (row - 1) * size
        parts.append(_text(left - 5, y + size / 2 + 3.5, _cut(name), anchor="end"))
        for column, value in enumerate(values[row][:row]):
            about = f"{name}, {names[column]}: {'–' if value is None else f'{value:.2f}'}"
            parts.append(_field(left + column * size, y, size, value, about))
    foot = _TOP + (len(names) - 1) * size + 8
    for column, name in enumerate(names[:-1]):
        parts.append(_text(left + (column + 0.5) * size + 3, foot, _cut(name), anchor="end", turned=-60))
    return _svg(label, foot + left * 0.9, parts)


def sparkline(values: Sequence[float], colour: str = "c1") -> Markup:
    """Return a line without axes, for a row of a table."""
    if len(values) < 2:
        return Markup("")
    days = [date.fromordinal(i + 1) for i in range(len(values))]
    kept = thinned(Line("", days, values), 48)
    low, high = min(kept.values), max(kept.values)
    span, last = (high - low) or 1.0, days[-1].toordinal() - 1
    points = [
        ((day.toordinal() - 1) / last * 78 + 1, 19 - (value - low) / span * 18)
        for day, value in zip(kept.days, kept.values, strict=True)
    ]
    return Markup('<svg class="spark" viewBox="0 0 80 20" aria-hidden="true">{}</svg>').format(
        Markup(_path(points, colour))
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return what the upright axis covers: zero, all values, and a little air around those that are not zero."""
    low, high = min(0.0, *values), max(0.0, *values)
    air = (high - low) * 0.04 or 0.01
    return (low - air if low < 0 else low), (high + air if high > 0 or low == 0 else high)


def _svg(label: str, height: float, parts: Sequence[str]) -> Markup:
    opening = f'<svg class="chart" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
    return Markup(opening + "".join(parts) + "</svg>")


def _empty(label: str) -> Markup:
    return Markup('<p class="none">{}: nothing to draw</p>').format(label)


def _grid(y: float, text: str, *, strong: bool = False) -> str:
    colour = "muted" if strong else "line"
    rule = f'<path d="M{_LEFT:.0f} {y:.1f}H{WIDTH - _RIGHT:.0f}" style="stroke:var(--{colour});stroke-width:.7"/>'
    return rule + _text(_LEFT - 5, y + 3.5, text, anchor="end")


def _text(
    x: float, y: float, text: str, anchor: str = "middle", *, colour: str = "muted", size: float = 10, turned: int = 0
) -> str:
    style = f"fill:var(--{colour});font-size:{size:g}px;text-anchor:{anchor}"
    turn = f' transform="rotate({turned} {x:.1f} {y:.1f})"' if turned else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{style}"{turn}>{escape(text)}</text>'


def _field(x: float, y: float, size: float, value: float | None, about: str) -> str:
    """Return a square that is filled as far as its value goes, with the value in it where there is room."""
    shade, colour = abs(value or 0.0), "c1" if (value or 0.0) >= 0 else "c2"
    style = f"fill:var(--{colour});fill-opacity:{0.06 + 0.74 * shade:.2f}"
    square = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{size - 1:.1f}" height="{size - 1:.1f}" rx="1.5" style="{style}">'
        f"<title>{escape(about)}</title></rect>"
    )
    if size < 20 or value is None:
        return square
    ink = "paper" if shade > 0.5 else "ink"
    return square + _text(x + size / 2, y + size / 2 + 3, f"{value:.2f}", colour=ink, size=9)


def _cut(name: str, most: int = 14) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _path(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    dash = ";stroke-dasharray:4 3" if dashed else ""
    style = f"fill:none;stroke:var(--{colour});stroke-width:1.6;stroke-linejoin:round{dash}"
    return f'<path d="M{" ".join(f"{x:.1f} {y:.1f}" for x, y in points)}" style="{style}"/>'


def _area(points: Sequence[tuple[float, float]], zero: float, colour: str) -> str:
    around = [(points[0][0], zero), *points, (points[-1][0], zero)]
    corners = " ".join(f"{x:.1f} {y:.1f}" for x, y in around)
    return f'<path d="M{corners}Z" style="fill:var(--{colour});fill-opacity:.16"/>'


def _day_marks(first: date, last: date, height: float, x: Callable[[date], float]) -> list[str]:
    """Name the first and the last day, and one between where there is room."""
    days = (last - first).days
    if days < 1:
        return [_text(x(first), height - 6, f"{first:%Y-%m-%d}", anchor="start")]
    middle = date.fromordinal((first.toordinal() + last.toordinal()) // 2)
    marks = [(first, "start"), (last, "end")] + ([(middle, "middle")] if days > 2 else [])
    return [_text(x(day), height - 6, f"{day:%Y-%m-%d}", anchor=anchor) for day, anchor in marks]
