"""``check_gate`` and ``check_universe_rule``: what those must do who say no, as numbered rules.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
G1    a gate answers with a Verdict under its own name: a real yes or no, finite numbers or none, one sentence
G2    asked again, it says the same
G3    a model of which nothing was measured does not pass, and is no error
G4    a measure that is no number (NaN, infinity) does not pass
G5    it writes nothing into the metrics
G6    a model that lost everything does not pass
V1    a rule of the universe answers with None, or with a reason on one line that has a full sentence's worth of words
V2    asked again, it says the same
V3    what is not known yet (None) is no error, and no reason before the pair was examined
V4    odd pairs are no error: no turnover, no price, names of one letter or many, not listed for a second
====  ==============================================================================================================
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from huracan.context import Context
from huracan.testing.rules import NotAskedError, Rule, RuleResult, ask_rules, assert_rules
from huracan.types import Candidate, Gate, Market, MarketKind, Ticker, UniverseRule, Verdict

__all__ = ["GOOD", "assert_gate", "assert_universe_rule", "check_gate", "check_universe_rule"]

GOOD: Mapping[str, Any] = {
    "samples": 400, "trades": 400, "sharpe": 2.5, "sortino": 3.5, "calmar": 4.0, "hit_rate": 0.62, "net_pnl": 0.9,
    "gross_pnl": 1.4, "max_drawdown": 0.06, "profit_factor": 1.9, "deflated_sharpe": 0.995, "effective_trials": 12.0,
    "cost_share": 0.2, "turnover": 200.0, "exposure": 0.2,
}  # fmt: skip
"""Measures of a model that nobody refuses, by their names in ``metrics.json``."""

_NOW = datetime(2024, 3, 10, 2, tzinfo=UTC)


def check_gate(
    gate: Gate, context: Context, *, metrics: Mapping[str, Any] | None = None, skip: Mapping[str, str] | None = None
) -> list[RuleResult]:
    """Hold a gate against every rule. ``metrics`` are measures that it passes (default: ``GOOD``).

    ``skip`` names rules that are not asked, each with a reason.
    """
    return ask_rules(_gate_rules(_GateCheck(gate, context, dict(metrics or GOOD))), skip)


def assert_gate(
    gate: Gate, context: Context, *, metrics: Mapping[str, Any] | None = None, skip: Mapping[str, str] | None = None
) -> None:
    """Fail with every broken rule in one message."""
    assert_rules(f"gate {gate.name}", check_gate(gate, context, metrics=metrics, skip=skip))


def check_universe_rule(
    rule: UniverseRule, context: Context, *, skip: Mapping[str, str] | None = None
) -> list[RuleResult]:
    """Hold a rule of the universe against V1 to V4; ``skip`` names those that are not asked, each with a reason."""
    return ask_rules(_universe_rules(_RuleCheck(rule, context)), skip)


def assert_universe_rule(rule: UniverseRule, context: Context, *, skip: Mapping[str, str] | None = None) -> None:
    """Fail with every broken rule in one message."""
    assert_rules(f"universe rule {rule.name}", check_universe_rule(rule, context, skip=skip))


def _gate_rules(check: _GateCheck) -> Iterator[Rule]:
    yield "G1", "a verdict", check.verdict
    yield "G2", "the same twice", check.same_twice
    yield "G3", "nothing measured", check.nothing_measured
    yield "G4", "no numbers", check.no_numbers
    yield "G5", "writes nothing", check.writes_nothing
    yield "G6", "the worst is refused", check.refuses_the_worst


def _universe_rules(check: _RuleCheck) -> Iterator[Rule]:
    yield "V1", "a reason or None", check.reason
    yield "V2", "the same twice", check.same_twice
    yield "V3", "not known yet", check.not_known
    yield "V4", "odd pairs", check.odd_pairs


class _GateCheck:
    """The questions to a gate."""

    def __init__(self, gate: Gate, context: Context, metrics: dict[str, Any]) -> None:
        self._gate, self._context, self._metrics = gate, context, metrics
        self._unsound = False

    def _judge(self, metrics: Mapping[str, Any]) -> Any:
        if self._unsound:
            raise NotAskedError("its answers are no verdicts")
        return self._gate.judge(self._context, copy.deepcopy(dict(metrics)))

    def verdict(self) -> str | None:
        for metrics in (self._metrics, _spoilt(self._metrics)):
            if wrong := _unsound(self._judge(metrics), self._gate.name):
                self._unsound = True
                return wrong
        return None if self._judge(self._metrics).passed else f"it refuses {self._metrics}: give it metrics it passes"

    def same_twice(self) -> str | None:
        return None if self._judge(self._metrics) == self._judge(self._metrics) else "it says something else"

    def nothing_measured(self) -> str | None:
        for metrics in ({}, dict.fromkeys(self._metrics)):
            verdict = self._judge(metrics)
            if wrong := _unsound(verdict, self._gate.name):
                return f"{wrong}, where nothing was measured"
            if verdict.passed:
                return f"it lets a model pass of which {metrics or 'nothing'} is known"
        return None

    def no_numbers(self) -> str | None:
        for odd in (math.nan, math.inf, -math.inf):
            try:
                verdict = self._judge(dict.fromkeys(self._metrics, odd))
            except (ValueError, OverflowError, ArithmeticError):
                continue  # a gate that raises has not passed its model
            if verdict.passed and _unsound(verdict, self._gate.name) is None:  # the night refuses what is no verdict
                return f"it lets a model pass whose measures are {odd}"
        return None

    def writes_nothing(self) -> str | None:
        given = copy.deepcopy(self._metrics)
        self._gate.judge(self._context, given)
        return None if given == self._metrics else "it changes the metrics that it gets"

    def refuses_the_worst(self) -> str | None:
        return "it lets a model pass that lost everything" if self._judge(_spoilt(self._metrics)).passed else None


def _spoilt(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measures of a model that lost all."""
    bad = {name: 0 if isinstance(value, int) else -1.0 for name, value in metrics.items()}
    return bad | {"max_drawdown": 0.99, "hit_rate": 0.01, "deflated_sharpe": 0.0, "cost_share": 5.0}


def _unsound(verdict: Any, name: str) -> str | None:
    if not isinstance(verdict, Verdict):
        return f"it answers with {type(verdict).__name__}, not Verdict"
    if verdict.gate != name:
        return f"it answers under the name {verdict.gate!r}"
    passed: Any = verdict.passed
    if not isinstance(passed, bool):
        return f"passed is {passed!r}, no yes or no"
    if any(number is not None and not math.isfinite(number) for number in (verdict.value, verdict.limit)):
        return f"its numbers are {verdict.value} and {verdict.limit}"
    return None if _one_line(verdict.sentence) else f"its sentence is {verdict.sentence!r}"


class _RuleCheck:
    """The questions to a rule of the universe."""

    def __init__(self, rule: UniverseRule, context: Context) -> None:
        self._rule, self._context = rule, context

    def _veto(self, candidate: Candidate) -> str | None:
        return self._rule.veto(self._context, candidate)

    def _bad(self, candidate: Candidate) -> str | None:
        answer: Any = self._rule.veto(self._context, candidate)
        if answer is None or (isinstance(answer, str) and _one_line(answer) and len(answer.split()) > 1):
            return None
        return f"of {candidate.market.symbol} it says {answer!r}"

    def reason(self) -> str | None:
        return next(filter(None, map(self._bad, (_usual(), *_odd()))), None)

    def same_twice(self) -> str | None:
        odd = next((each for each in (_usual(), *_odd()) if self._veto(each) != self._veto(each)), None)
        return f"of {odd.market.symbol} it says something else when it is asked again" if odd else None

    def not_known(self) -> str | None:
        usual = _usual()
        market = replace(usual.market, listed_at=None)
        ticker = replace(usual.ticker, active_share=None, daily_volatility=None, last_trade_at=None, depth=None)
        early = Candidate(market, ticker, usual.as_of, examined=False)
        if (said := self._veto(early)) is not None and self._veto(usual) is None:
            return f"before the pair was examined it says {said!r}"
        return self._bad(replace(early, examined=True))

    def odd_pairs(self) -> str | None:
        return next(filter(None, map(self._bad, _odd())), None)


def _usual() -> Candidate:
    market = Market("ABLE-USDT", "ABLE", "USDT", listed_at=_NOW - timedelta(days=900), source="exchange")
    ticker = Ticker("ABLE-USDT", _NOW, 12.5, 2.5e8, 1.5, "exchange", 1.0, 0.05, _NOW - timedelta(minutes=1), 5e5)
    return Candidate(market, ticker, _NOW)


def _odd() -> Iterator[Candidate]:
    usual = _usual()
    market, ticker = usual.market, usual.ticker
    for base, quote in (("A", "B"), ("1000SATS", "USDT"), ("USDC", "USDT"), ("BTCUP", "USDT"), ("ABLE", "TRY")):
        symbol = f"{base}-{quote}"
        yield replace(
            usual, market=replace(market, symbol=symbol, base=base, quote=quote), ticker=replace(ticker, symbol=symbol)
        )
    yield replace(usual, ticker=replace(ticker, last=0.0, quote_volume=0.0, active_share=0.0, daily_volatility=0.0))
    yield replace(usual, ticker=replace(ticker, spread_bps=1e6, quote_volume=1e-9, depth=0.0))
    yield replace(usual, market=replace(market, active=False, leveraged_token=True, listed_at=_NOW))
    yield replace(usual, market=replace(market, kind=MarketKind.PERPETUAL, taker_fee_bps=-1.0))


def _one_line(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text
