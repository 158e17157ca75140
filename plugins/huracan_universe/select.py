"""Asks every rule about every pair, ranks what is left, and says why the rest is not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from huracan.context import Context
from huracan.store import UniverseDecision
from huracan.types import Candidate, UniverseRule
from huracan_universe.settings import UniverseSettings

__all__ = ["Selection", "facts_of", "select"]

NOT_IN_TOP = "top"
"""The rule that drops what no other rule dropped: there were better pairs."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Every pair's decision, ranked pairs first, and what went wrong while deciding."""

    decisions: tuple[UniverseDecision, ...]
    problems: tuple[str, ...]

    @property
    def selected(self) -> list[UniverseDecision]:
        return [decision for decision in self.decisions if decision.selected]


def select(
    context: Context, candidates: Sequence[Candidate], rules: Mapping[str, UniverseRule], settings: UniverseSettings
) -> Selection:
    """Return the decision about every candidate; the order of candidates and rules decides nothing but their display.

    A rule that raises keeps the pair out and is reported: money must not depend on a rule that did not answer.
    """
    problems: dict[str, str] = {}
    reasons = {
        candidate.market.symbol: _vetoes(context, candidate, rules, settings, problems) for candidate in candidates
    }
    kept = [candidate for candidate in candidates if not reasons[candidate.market.symbol]]
    scores = _scores(kept, settings)
    ranked = sorted(kept, key=lambda each: (-scores[each.market.symbol], each.market.symbol))
    decisions = [
        UniverseDecision(
            each.market.symbol,
            selected=rank <= settings.top,
            rank=rank,
            score=scores[each.market.symbol],
            reasons=() if rank <= settings.top else ((NOT_IN_TOP, f"ranks {rank}, {settings.top} are taken"),),
            facts=facts_of(each),
        )
        for rank, each in enumerate(ranked, 1)
    ]
    dropped = sorted((each for each in candidates if reasons[each.market.symbol]), key=lambda each: each.market.symbol)
    decisions += [
        UniverseDecision(
            each.market.symbol, selected=False, reasons=tuple(reasons[each.market.symbol]), facts=facts_of(each)
        )
        for each in dropped
    ]
    return Selection(tuple(decisions), tuple(problems.values()))


def _vetoes(
    context: Context,
    candidate: Candidate,
    rules: Mapping[str, UniverseRule],
    settings: UniverseSettings,
    problems: dict[str, str],
) -> list[tuple[str, str]]:
    symbol = candidate.market.symbol
    if symbol in settings.include and symbol not in settings.exclude:
        return []
    found = []
    for name, rule in rules.items():
        if name in settings.rules_off:
            continue
        try:
            reason = rule.veto(context, candidate)
        except Exception as error:
            reason = f"the rule failed ({type(error).__name__}): a pair is kept out until it answers"
            problems.setdefault(name, f"universe rule {name} failed for {symbol}: {type(error).__name__}: {error}")
            context.log.exception("universe rule %s failed", name, extra={"symbol": symbol})
        if reason is not None:
            found.append((name, reason))
    return found


def _scores(kept: Sequence[Candidate], settings: UniverseSettings) -> dict[str, float]:
    """Return 0 to 1 by symbol: weighted place of turnover, spread and activity between the least and the best.

    Turnover and spread are compared by their logarithms, since they span orders of magnitude.
    """
    weights = (settings.volume_weight, settings.liquidity_weight, settings.activity_weight)
    measures = [
        [math.log1p(each.ticker.quote_volume) for each in kept],
        [-math.log(max(each.ticker.spread_bps, 0.01)) for each in kept],
        [each.ticker.active_share for each in kept],
    ]
    places = [_places(values) for values in measures]
    return {
        each.market.symbol: round(sum(w * p[row] for w, p in zip(weights, places, strict=True)) / sum(weights), 6)
        for row, each in enumerate(kept)
    }


def _places(values: Sequence[float]) -> list[float]:
    low, high = min(values, default=0.0), max(values, default=0.0)
    return [(value - low) / (high - low) if high > low else 1.0 for value in values]


def facts_of(candidate: Candidate) -> dict[str, object]:
    """Return what was known about a pair when it was judged, as JSON values."""
    market, ticker = candidate.market, candidate.ticker
    age = candidate.age_days
    return {
        "base": market.base,
        "quote": market.quote,
        "kind": market.kind.value,
        "active": market.active,
        "age_days": round(age, 3) if age is not None else None,
        "quote_volume_24h": ticker.quote_volume,
        "spread_bps": ticker.spread_bps,
        "spread_source": ticker.spread_source,
        "active_share": ticker.active_share,
        "daily_volatility": ticker.daily_volatility,
        "taker_fee_bps": market.taker_fee_bps,
        "maker_fee_bps": market.maker_fee_bps,
        "fee_source": market.source,
    }
