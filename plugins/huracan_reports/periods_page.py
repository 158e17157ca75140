"""The page of a day, a week or a month: its sections, and the curve of the portfolio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from huracan_reports.charts import Line, line_chart
from huracan_reports.measure_rows import measure_rows
from huracan_reports.page import FORMATS, render
from huracan_reports.periods import Kind

__all__ = ["period_page", "portfolio_lines"]

TITLES = {
    "portfolio": "Champions, simulated", "trading": "Trades", "champions": "Champions and their changes",
    "coins": "Best and worst coins", "nights": "Nights", "breakers": "Breakers and kill switch", "runs": "Runs",
    "health": "Health", "backups": "Backups", "disk": "Disk", "events": "Warnings and errors", "next": "What is coming",
    "security": "Security",
}  # fmt: skip
"""Headings of sections that are known; those of other plugins bear their name."""

_TEXT = frozenset({"coin", "night", "pipeline", "kind", "best coin", ""})
"""Columns of tables that hold words, not numbers."""


@dataclass(frozen=True, slots=True)
class View:
    """A section as the page shows it."""

    name: str
    title: str
    said: Mapping[str, Any]
    columns: Sequence[tuple[str, bool]] = ()
    """Each column with whether it holds words."""
    rows: Sequence[Sequence[str]] = ()
    cut: int | None = None
    """The row before which others were left out."""

    @property
    def lines(self) -> Sequence[str]:
        found = self.said.get("lines")
        return [str(line) for line in found] if isinstance(found, list) else []


def period_page(report: Mapping[str, Any]) -> str:
    """Return the page of a report as one HTML text that needs nothing from outside."""
    views = [_view(name, said) for name, said in report["sections"].items()]
    return render(
        "period.html",
        report=report,
        views=views,
        tiles=_tiles(report["sections"], a_day=report["kind"] == Kind.DAILY),
        measures=_measures(report["sections"].get("portfolio")),
        chart=_chart(report),
    )


def portfolio_lines(portfolio: Mapping[str, Any] | None) -> list[Line]:
    """Return the curves of a portfolio's section, that of the champions last so that it lies on top."""
    lines = []
    for key, name, colour in (("all_coins", "all coins", "c2"), ("champions", "champions", "c1")):
        found = (portfolio or {}).get(key)
        if isinstance(found, dict) and found.get("equity"):
            first = date.fromisoformat(found["from"])
            days = [first + timedelta(days=place) for place in range(len(found["equity"]))]
            lines.append(Line(name, days, found["equity"], colour, dashed=key == "all_coins"))
    return lines


def _view(name: str, said: Mapping[str, Any]) -> View:
    title = TITLES.get(name, name[:1].upper() + name[1:])
    table = said.get("table")
    if not isinstance(table, dict) or not table.get("rows"):
        return View(name, title, said)
    rows = [[str(cell) for cell in row] for row in table["rows"]]
    return View(name, title, said, [(str(each), each in _TEXT) for each in table["columns"]], rows, table.get("cut"))


def _chart(report: Mapping[str, Any]) -> Markup | None:
    lines = portfolio_lines(report["sections"].get("portfolio"))
    return line_chart(lines, "Equity of champions and of all coins, simulated") if lines else None


def _tiles(sections: Mapping[str, Mapping[str, Any]], *, a_day: bool) -> list[tuple[str, str, str]]:
    """Return what is read first: value, name and tone. A single simulated day is too little to be read first."""
    tiles = []
    portfolio = sections.get("portfolio", {}).get("champions") or {}
    if portfolio.get("net_pnl_in_period") is not None and not a_day:
        gain = portfolio["net_pnl_in_period"]
        tiles.append((FORMATS["gain"](gain), "champions, simulated, this period", _tone(gain)))
    standing = sections.get("champions", {}).get("models")
    if isinstance(standing, dict):
        tiles.append((str(len(standing)), "champion" if len(standing) == 1 else "champions", ""))
    nights = sections.get("nights")
    if nights:
        tiles.append((f"{nights['trained']:,}", "models trained", ""))
        tiles.append((f"{nights['passed']:,}", "passed every gate", ""))
    runs = sections.get("runs", {})
    if "not_finished" in runs:
        tiles.append(
            (f"{runs['total'] - runs['not_finished']} of {runs['total']}", "runs finished", _zero(runs["not_finished"]))
        )
    events = sections.get("events", {})
    if "errors" in events:
        tiles.append((f"{events['errors']:,}", "errors", _zero(events["errors"])))
    disk = sections.get("disk", {})
    if "free_bytes" in disk:
        tiles.append((f"{disk['free_bytes'] / 1e9:.3g}\N{NO-BREAK SPACE}GB", "free on disk", ""))
    return tiles


def _tone(value: float) -> str:
    return "good" if value > 0 else "bad" if value < 0 else ""


def _zero(count: int) -> str:
    return "bad" if count else "good"


def _measures(portfolio: Mapping[str, Any] | None) -> list[tuple[str, list[str]]]:
    """Return each measure with its value of the champions, and of all coins where there are any."""
    if portfolio is None or not isinstance(portfolio.get("champions"), dict):
        return []
    every = portfolio.get("all_coins")
    return measure_rows([portfolio["champions"], *([every] if every else [])])
