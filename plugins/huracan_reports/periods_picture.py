"""The portfolio of a week or a month on one picture, made for a phone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from huracan_reports.charts import Line
from huracan_reports.page import PAPER

__all__ = ["write_picture"]


def write_picture(lines: Sequence[Line], title: str, headline: str, path: Path, cache: Path) -> None:
    """Draw equity and drawdowns, 1080 by 1080 pixels; the same lines give the same bytes.

    ``cache`` is a folder where matplotlib keeps what it found out about fonts: the home may be closed to a service.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(7.2, 7.2), dpi=150, facecolor=PAPER["paper"])
    FigureCanvasAgg(figure)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    figure.subplots_adjust(left=0.12, right=0.97, top=0.84, bottom=0.10, hspace=0.12)
    for line in lines:
        wealth = 1.0 + np.asarray(line.values)
        fallen = wealth / np.maximum.accumulate(np.maximum(wealth, 1.0)) - 1.0
        colour = PAPER[line.colour]
        top.plot(list(line.days), line.values, color=colour, linewidth=2, label=line.name)
        below.plot(list(line.days), fallen, color=colour, linewidth=1.4)
    top.legend(loc="best", frameon=False, fontsize=11)
    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    below.xaxis.set_major_locator(locator)
    below.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    for axes, name in ((top, "gain"), (below, "drawdown")):
        axes.set_ylabel(name, color=PAPER["muted"], fontsize=11)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        axes.grid(color=PAPER["line"], linewidth=0.7)
        axes.tick_params(colors=PAPER["muted"], labelsize=10.5, length=0)
        axes.spines[:].set_visible(False)
        axes.axhline(0, color=PAPER["muted"], linewidth=0.8)
    figure.text(0.03, 0.945, _cut(title, 48), fontsize=18, weight="bold", color=PAPER["ink"])
    figure.text(0.03, 0.900, _cut(headline, 76), fontsize=11.5, color=PAPER["ink"])
    figure.text(0.03, 0.025, "Simulated on unseen rows after costs; nothing here was earned.", fontsize=10,
                color=PAPER["muted"])  # fmt: skip
    figure.savefig(path, format="png", metadata={"Software": None})


def _cut(text: str, most: int) -> str:
    """Return a line that fits; a dollar would begin a formula."""
    plain = " ".join(text.split())
    return (plain if len(plain) <= most else plain[: most - 1] + "…").replace("$", r"\$")
