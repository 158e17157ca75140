"""Asks the exchange about the pairs that are worth a question: order book, last week's activity, first candle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from huracan.context import Context
from huracan.errors import DataError
from huracan.store import UniverseDecision
from huracan.types import Candidate, ConcurrentSource, Examiner, Exchange, UniverseRule
from huracan_universe.facts import facts_of
from huracan_universe.select import vetoes
from huracan_universe.settings import UniverseSettings

__all__ = ["examine"]

NOT_EXAMINED = "examine"
"""The rule that drops pairs which were not asked about, since enough others turn over more."""


def examine(
    context: Context,
    exchange: Exchange,
    candidates: Sequence[Candidate],
    rules: Mapping[str, UniverseRule],
    settings: UniverseSettings,
) -> tuple[list[Candidate], list[UniverseDecision], list[str]]:
    """Return the candidates with what could be found out, decisions about those that were not asked about or cannot be
    judged, and problems.

    Asked are the ``examine`` pairs of the largest turnover among those that no rule drops for what is known already.
    """
    if not isinstance(exchange, Examiner):
        return list(candidates), [], []
    first = [replace(each, examined=False) for each in candidates]
    open_ones = [each for each in first if not vetoes(context, each, rules, settings, {})]
    open_ones.sort(key=lambda each: (each.market.symbol not in settings.include, -each.ticker.quote_volume))
    asked, passed_over = open_ones[: settings.examine], open_ones[settings.examine :]
    found, problems = _ask(context, exchange, asked)
    untouched = {each.market.symbol for each in asked} | {each.market.symbol for each in passed_over}
    judged = [each for each in candidates if each.market.symbol not in untouched]
    kept = [each for each in found if isinstance(each, Candidate)]
    decisions = [each for each in found if isinstance(each, UniverseDecision)]
    reason = f"{settings.examine} other pairs turned over more and were asked about (universe.examine)"
    decisions += [_decision(each, NOT_EXAMINED, reason) for each in passed_over]
    return [*judged, *kept], sorted(decisions, key=lambda each: each.symbol), problems


def _ask(
    context: Context, exchange: Examiner, asked: Sequence[Candidate]
) -> tuple[list[Candidate | UniverseDecision], list[str]]:
    at_once = exchange.requests_at_once if isinstance(exchange, ConcurrentSource) else 1
    found: list[Candidate | UniverseDecision] = []
    problems = []
    with ThreadPoolExecutor(at_once) as pool:
        for number, answer in enumerate(pool.map(lambda each: _one(exchange, each), asked), 1):
            found.append(answer)
            if isinstance(answer, UniverseDecision):
                problems.append(f"{answer.symbol}: {answer.reasons[0][1]}")
            symbol = asked[number - 1].market.symbol
            context.progress.step(f"universe looks at {number}/{len(asked)} {symbol}", done=number, total=len(asked))
    return found, problems


def _one(exchange: Examiner, candidate: Candidate) -> Candidate | UniverseDecision:
    try:
        market, ticker = exchange.examine(candidate.market, candidate.ticker)
    except DataError as error:
        return _decision(candidate, NOT_EXAMINED, f"could not be examined: {error.what}")
    return replace(candidate, market=market, ticker=ticker, examined=True)


def _decision(candidate: Candidate, rule: str, reason: str) -> UniverseDecision:
    facts = facts_of(candidate.market, candidate.ticker, candidate.as_of)
    return UniverseDecision(candidate.market.symbol, selected=False, reasons=((rule, reason),), facts=facts)
