"""Asks the exchange about the pairs that are worth a question: order book, last week's activity, first candle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from huracan.context import Context
from huracan.errors import DataError
from huracan.market.workers import askers
from huracan.store import UniverseDecision
from huracan.types import Candidate, Examiner, Exchange, UniverseRule
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
    seen: dict[str, str] = {}  # a rule that fails is told of once here; select tells of it for good
    open_ones = [each for each in first if not vetoes(context, each, rules, settings, seen)]
    always = [each for each in open_ones if each.market.symbol in settings.include]
    others = [each for each in open_ones if each.market.symbol not in settings.include]
    others.sort(key=lambda each: (-each.ticker.quote_volume, each.market.symbol))
    asked, passed_over = [*always, *others[: settings.examine]], others[settings.examine :]
    found, problems = _ask(context, exchange, asked, settings)
    taken = {each.market.symbol for each in open_ones}
    kept = [each for each in found if isinstance(each, Candidate)]
    decisions = [each for each in found if isinstance(each, UniverseDecision)]
    reason = f"{settings.examine} other pairs turned over more and were asked about (universe.examine)"
    decisions += [_decision(each, NOT_EXAMINED, reason) for each in passed_over]
    # Those that were dropped already are not told that nobody asked about them as well.
    judged = [each for each in first if each.market.symbol not in taken]
    return [*judged, *kept], sorted(decisions, key=lambda each: each.symbol), problems


def _ask(
    context: Context, exchange: Examiner, asked: Sequence[Candidate], settings: UniverseSettings
) -> tuple[list[Candidate | UniverseDecision], list[str]]:
    found: list[Candidate | UniverseDecision] = []
    problems = []
    with askers(exchange) as each_of:
        for number, (candidate, answer) in enumerate(
            zip(asked, each_of(partial(_one, exchange), asked), strict=True), 1
        ):
            symbol = candidate.market.symbol
            if isinstance(answer, Candidate):
                found.append(answer)
            else:
                problems.append(f"{symbol}: could not be examined: {answer}")
                kept = symbol in settings.include  # an owner's word counts more than an order book
                found.append(
                    candidate if kept else _decision(candidate, NOT_EXAMINED, f"could not be examined: {answer}")
                )
            line = f"universe looks at {number}/{len(asked)} {symbol}"
            context.progress.step(line, done=number, total=len(asked))
    return found, problems


def _one(exchange: Examiner, candidate: Candidate) -> Candidate | str:
    """Return the pair with what was found out, or why that was nothing."""
    try:
        market, ticker = exchange.examine(candidate.market, candidate.ticker)
    except DataError as error:
        return error.what
    return replace(candidate, market=market, ticker=ticker, examined=True)


def _decision(candidate: Candidate, rule: str, reason: str) -> UniverseDecision:
    facts = facts_of(candidate.market, candidate.ticker, candidate.as_of)
    return UniverseDecision(candidate.market.symbol, selected=False, reasons=((rule, reason),), facts=facts)
