"""``equity.png``: the night on one picture, made for a phone."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from huracan_reports.document import headline, portfolios
from huracan_reports.night import Night
from huracan_reports.page import FORMATS, PAPER
from huracan_reports.portfolio import Portfolio
from huracan_reports.trades import drawdowns, equity

__all__ = ["write_picture"]


def write_picture(night: Night, path: Path, cache: Path) -> None:
    """Draw equity and drawdown of equal parts, 1080 by 1080 pixels; the same night gives the same bytes.

    ``cache`` is a folder where matplotlib keeps what it found out about fonts: the home may be closed to a service.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # that it looked for fonts is no news
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(7.2, 7.2), dpi=150, facecolor=PAPER["paper"])
    FigureCanvasAgg(figure)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    figure.subplots_adjust(left=0.135, right=0.97, top=0.825, bottom=0.10, hspace=0.12)
    everyone, chosen = portfolios(night)
    for portfolio, colour, filled in ((everyone, PAPER["c1"], True), (chosen, PAPER["c2"], False)):
        if portfolio.models:
            gain, fall = equity(portfolio.returns), drawdowns(portfolio.returns)
            top.plot(portfolio.days, gain, color=colour, linewidth=2, label=_legend(portfolio))
            below.plot(portfolio.days, fall, color=colour, linewidth=1.4)
            if filled:
                top.fill_between(portfolio.days, gain, 0, color=colour, alpha=0.14, linewidth=0)
                below.fill_between(portfolio.days, fall, 0, color=colour, alpha=0.14, linewidth=0)
    if everyone.models:
        top.legend(loc="upper left", frameon=False, fontsize=11, labelcolor=PAPER["ink"])
        locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
        below.xaxis.set_major_locator(locator)
        below.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    else:
        nothing = "the trades are not in the library" if everyone.missing else "nothing was traded"
        top.text(0.5, 0.5, nothing, transform=top.transAxes, ha="center", color=PAPER["muted"])
    for axes, name in ((top, "gain"), (below, "drawdown")):
        axes.set_ylabel(name, color=PAPER["muted"], fontsize=11)
        low, high = axes.get_ylim()
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if high - low > 0.05 else 1))
        axes.grid(color=PAPER["line"], linewidth=0.7)
        axes.tick_params(colors=PAPER["muted"], labelsize=10.5, length=0)
        axes.spines[:].set_visible(False)
        axes.axhline(0, color=PAPER["muted"], linewidth=0.8)
    figure.text(0.03, 0.945, f"Night of {night.run_date}", fontsize=19, weight="bold", color=PAPER["ink"])
    figure.text(0.03, 0.900, _cut(headline(night)), fontsize=11.5, color=PAPER["ink"])
    figure.text(0.03, 0.862, _figures(everyone, chosen), fontsize=11.5, color=PAPER["muted"])
    figure.text(0.03, 0.025, "Simulated on unseen rows after costs; nothing here was earned.", fontsize=10,
                color=PAPER["muted"])  # fmt: skip
    figure.savefig(path, format="png", metadata={"Software": None})


def _legend(portfolio: Portfolio) -> str:
    if portfolio.name == "passed":
        return f"the {portfolio.models} that passed all gates"
    return f"equal parts of all {portfolio.models} coins"


def _figures(everyone: Portfolio, chosen: Portfolio) -> str:
    portfolio = chosen if chosen.models else everyone
    if not portfolio.models:
        return ""
    told = portfolio.measures()
    numbers = [
        f"{name} {FORMATS[form](told.get(key))}"
        for name, form, key in (("net", "gain", "net_pnl"), ("Sharpe", "ratio", "sharpe"),
                                ("drawdown", "percent", "max_drawdown"))
    ]  # fmt: skip
    return f"{_legend(portfolio)}: {' · '.join(numbers)}"


def _cut(text: str, most: int = 84) -> str:
    """Return a line that fits; a dollar would begin a formula."""
    plain = " ".join(text.replace("$", r"\$").split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
