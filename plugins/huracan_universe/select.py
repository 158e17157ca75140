"""Asks every rule about every pair, ranks what is left, and says why the rest is not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from huracan.context import Context
from huracan.errors import PluginError
from huracan.settings_sources import nearest
from huracan.store import UniverseDecision
from huracan.types import Candidate, UniverseRule
from huracan_universe.facts import facts_of
from huracan_universe.settings import UniverseSettings

__all__ = ["Selection", "select", "vetoes"]

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
    context: Context,
    candidates: Sequence[Candidate],
    rules: Mapping[str, UniverseRule],
    settings: UniverseSettings,
    unusable: Sequence[UniverseDecision] = (),
) -> Selection:
    """Return the decision about every candidate, and those of ``unusable`` pairs after them; the order of candidates
    and rules decides nothing but their display.

    A rule that raises keeps the pair out and is reported: money must not depend on a rule that did not answer.
    """
    problems: dict[str, str] = {}
    reasons = {
        candidate.market.symbol: vetoes(context, candidate, rules, settings, problems) for candidate in candidates
    }
    kept = [candidate for candidate in candidates if not reasons[candidate.market.symbol]]
    dropped = sorted((each for each in candidates if reasons[each.market.symbol]), key=lambda each: each.market.symbol)
    decisions = [
        *_ranked(kept, settings),
        *(_decision(each, reasons=tuple(reasons[each.market.symbol])) for each in dropped),
        *unusable,
    ]
    known = [decision.symbol for decision in decisions]
    return Selection(tuple(decisions), (*problems.values(), *_misnamed(settings, known, list(rules))))


def _ranked(kept: Sequence[Candidate], settings: UniverseSettings) -> list[UniverseDecision]:
    """Return the decisions about pairs that no rule dropped, best first; ``universe.include`` is served first."""
    scores = _scores(kept, settings)
    ranked = sorted(kept, key=lambda each: (-scores[each.market.symbol], each.market.symbol))
    symbols = [each.market.symbol for each in ranked]
    chosen = [symbol for symbol in symbols if symbol in settings.include]
    others = [symbol for symbol in symbols if symbol not in settings.include]
    taken = {*chosen, *others[: max(0, settings.top - len(chosen))]}
    forced = f", {len(chosen)} of them by universe.include" if chosen else ""
    return [
        _decision(
            each,
            selected=symbol in taken,
            rank=rank,
            score=scores[symbol],
            reasons=() if symbol in taken else ((NOT_IN_TOP, f"ranks {rank}, {len(taken)} are taken{forced}"),),
        )
        for rank, (symbol, each) in enumerate(zip(symbols, ranked, strict=True), 1)
    ]


def _decision(
    candidate: Candidate,
    *,
    reasons: tuple[tuple[str, str], ...],
    selected: bool = False,
    rank: int | None = None,
    score: float | None = None,
) -> UniverseDecision:
    facts = facts_of(candidate.market, candidate.ticker, candidate.as_of)
    return UniverseDecision(candidate.market.symbol, selected, rank, score, reasons, facts)


def _misnamed(settings: UniverseSettings, symbols: Sequence[str], rules: Sequence[str]) -> list[str]:
    """Return a line for each name in the settings that means nothing here: else a slip would go unnoticed."""
    lines = [
        f"universe.include: the exchange has no pair {symbol}" for symbol in settings.include if symbol not in symbols
    ]
    return lines + [
        f"universe.rules_off: {name} is not a rule{nearest(name, rules)}"
        for name in settings.rules_off
        if name not in rules
    ]


def vetoes(
    context: Context,
    candidate: Candidate,
    rules: Mapping[str, UniverseRule],
    settings: UniverseSettings,
    problems: dict[str, str],
) -> list[tuple[str, str]]:
    """Return every rule that drops a pair, with its reason; rules that fail are added to ``problems``."""
    symbol = candidate.market.symbol
    if symbol in settings.include and symbol not in settings.exclude:
        return []
    found = []
    for name, rule in rules.items():
        if name in settings.rules_off:
            continue
        try:
            reason = _answer(rule, context, candidate)
        except Exception as error:
            reason = f"the rule failed ({type(error).__name__}): a pair is kept out until it answers"
            if name not in problems:
                context.log.exception("universe rule %s failed", name, extra={"symbol": symbol})
                problems[name] = f"universe rule {name} failed for {symbol}: {type(error).__name__}: {error}"
        if reason is not None:
            found.append((name, reason))
    return found


def _answer(rule: UniverseRule, context: Context, candidate: Candidate) -> str | None:
    reason: object = rule.veto(context, candidate)
    if reason is None or (isinstance(reason, str) and reason):
        return reason
    raise PluginError(f"it answered {reason!r}, neither a sentence nor None")


def _scores(kept: Sequence[Candidate], settings: UniverseSettings) -> dict[str, float]:
    """Return 0 to 1 by symbol: weighted place of turnover, spread and activity between the least and the best.

    Turnover, spread and depth are compared by their logarithms, since they span orders of magnitude.
    """
    weights = (settings.volume_weight, settings.liquidity_weight, settings.activity_weight)
    places = [
        _places([math.log1p(each.ticker.quote_volume) for each in kept]),
        _liquidity(kept),
        _places([each.ticker.active_share or 0.0 for each in kept]),
    ]
    return {
        each.market.symbol: round(sum(w * p[row] for w, p in zip(weights, places, strict=True)) / sum(weights), 6)
        for row, each in enumerate(kept)
    }


def _liquidity(kept: Sequence[Candidate]) -> list[float]:
    """Return the place by spread, and where the order book of every pair is known by its depth in equal parts."""
    narrow = _places([-math.log(max(each.ticker.spread_bps, 0.01)) for each in kept])
    depths = [each.ticker.depth for each in kept if each.ticker.depth is not None]
    if len(depths) < len(kept):
        return narrow
    return [(one + other) / 2 for one, other in zip(narrow, _places([math.log1p(x) for x in depths]), strict=True)]


def _places(values: Sequence[float]) -> list[float]:
    low, high = min(values, default=0.0), max(values, default=0.0)
    return [(value - low) / (high - low) if high > low else 1.0 for value in values]
