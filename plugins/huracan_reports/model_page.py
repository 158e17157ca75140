"""``model_comparison.html``: a night on one page, with every figure and why each model may trade or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from huracan_reports.charts import Line, line_chart, matrix_chart, reliability_chart, sparkline
from huracan_reports.document import dropped_by_rule, headline, is_broken, portfolios, risk_of
from huracan_reports.measure_rows import measure_rows
from huracan_reports.night import Coin, Night
from huracan_reports.page import FORMATS, render
from huracan_reports.portfolio import CAUTION, Portfolio, correlations, measures_of
from huracan_reports.trades import drawdowns, equity

__all__ = ["model_page"]

GATES = {
    "sharpe": ("Sharpe", "ratio"),
    "deflated_sharpe": ("Skill", "percent"),
    "hit_rate": ("Wins", "percent"),
    "net_pnl": ("Net", "gain"),
    "max_drawdown": ("Drawdown", "percent"),
    "samples": ("Trades", "count"),
    "threshold": ("Threshold", "ratio"),
}
"""Gates that are known by a shorter name, and how their values are written. Others keep their own."""

IMPORTANT = 10
"""Features that are shown of a model."""
ALIKE = 40
"""Coins up to which the page shows how much alike each is to each other: more would be too small to see."""
DROPPED = 60
"""Pairs that are shown of a rule that left out more; training_report.json names all."""


@dataclass(frozen=True, slots=True)
class CoinView:
    """A trained coin as the page shows it."""

    coin: Coin
    spark: Markup
    equity: Markup
    drawdown: Markup
    reliability: Markup
    importance: Sequence[tuple[str, float, str]]
    risk: Mapping[str, Any]

    @property
    def anchor(self) -> str:
        return "coin-" + "".join(letter if letter.isalnum() else "-" for letter in self.coin.symbol)

    @property
    def failed(self) -> Sequence[str]:
        """Return the short names of the gates that it failed."""
        return [gate_title(name) for name, gate in self.coin.gates.items() if not gate["passed"]]


def model_page(night: Night) -> str:
    """Return the page as one HTML text that needs nothing from outside."""
    everyone, chosen = portfolios(night)
    seen = dict.fromkeys(name for coin in night.trained for name in coin.gates)
    gates = [name for name in GATES if name in seen] + [name for name in seen if name not in GATES]
    rules = dropped_by_rule(night.selection)
    told = [measures_of(each) for each in (everyone, chosen) if each.models]
    rows = measure_rows(told)
    half = -(-len(rows) // 2)
    return render(
        "model_comparison.html",
        night=night,
        headline=headline(night),
        broken=[row for row in night.jobs if is_broken(row.state)],
        lost=[coin for coin in night.coins if not coin.metadata],
        views=[_view(coin) for coin in night.trained],
        gates=[(name, gate_title(name), GATES.get(name, ("", "plain"))[1]) for name in gates],
        limits=_limits(night.trained),
        everyone=told[0] if told else None,
        chosen=chosen.models,
        heads=["All coins", "Passed"][: len(told)],
        measures=[part for part in (rows[:half], rows[half:]) if part],
        alike=_alike(everyone),
        portfolio_equity=_equity(everyone, chosen),
        portfolio_drawdown=_drawdown(everyone, chosen),
        caution=CAUTION,
        rules=[(rule, len(pairs), f"{len(pairs)}") for rule, pairs in rules.items()],
        selected=[each for each in night.selection.decisions if each.selected] if night.selection else [],
        dropped=_dropped(night, rules),
    )


def gate_title(name: str) -> str:
    """Return what a gate is called on the page."""
    return GATES.get(name, (name.replace("_", " "), ""))[0]


def _view(coin: Coin) -> CoinView:
    tested = coin.tested
    if tested is None:
        nothing = Markup("")
        return CoinView(coin, nothing, nothing, nothing, nothing, _importance(coin), {})
    colour = "good" if coin.passed else "c1"
    gain, below = equity(tested.growth), drawdowns(tested.growth)
    return CoinView(
        coin,
        sparkline(gain, colour) if tested.all else Markup(""),
        line_chart([Line(coin.symbol, tested.days, gain, colour, fill=True)], f"Equity of {coin.symbol}"),
        line_chart([Line(coin.symbol, tested.days, below, "bad", fill=True)], f"Drawdown of {coin.symbol}", height=110),
        reliability_chart(tested.bins, f"Calibration of {coin.symbol}"),
        _importance(coin),
        risk_of(coin) or {},
    )


def _importance(coin: Coin) -> list[tuple[str, float, str]]:
    shares: Mapping[str, float] = coin.metadata.get("importance") or {}
    leading = sorted(shares.items(), key=lambda each: (-each[1], each[0]))[:IMPORTANT]
    return [(name, share, FORMATS["percent"](share)) for name, share in leading]


def _limits(coins: Sequence[Coin]) -> dict[str, Any]:
    return {name: gate.get("limit") for coin in coins for name, gate in coin.gates.items()}


def _equity(everyone: Portfolio, chosen: Portfolio) -> Markup:
    lines = [Line("all coins", everyone.days, equity(everyone.returns), "c1", fill=True)]
    if chosen.models:
        lines.append(Line("passed", chosen.days, equity(chosen.returns), "c2"))
    return line_chart(lines, "Equity of equal parts of all coins and of those that passed", height=190)


def _drawdown(everyone: Portfolio, chosen: Portfolio) -> Markup:
    lines = [Line("all coins", everyone.days, drawdowns(everyone.returns), "c1", fill=True)]
    if chosen.models:
        lines.append(Line("passed", chosen.days, drawdowns(chosen.returns), "c2"))
    return line_chart(lines, "Drawdown of equal parts of all coins and of those that passed", height=190)


def _alike(everyone: Portfolio) -> Markup | None:
    """Return how much alike the coins are; None where there are none to compare, or too many to be seen."""
    if not 2 <= everyone.models <= ALIKE:
        return None
    return matrix_chart(list(everyone.parts), correlations(everyone), "Correlation of the coins' daily results")


def _dropped(night: Night, rules: Mapping[str, Sequence[str]]) -> list[tuple[str, list[tuple[str, str]], int]]:
    """Return for each rule the pairs that it left out with their sentence, and how many more there are."""
    decisions = night.selection.decisions if night.selection else ()
    why = {each.symbol: "; ".join(sentence for _, sentence in each.reasons) for each in decisions}
    return [
        (rule, [(pair, why[pair] or "ranked below those that were chosen") for pair in pairs[:DROPPED]],
         max(0, len(pairs) - DROPPED))
        for rule, pairs in rules.items()
    ]  # fmt: skip
