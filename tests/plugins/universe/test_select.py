"""Which pairs are dropped, that every reason is kept, and that order and luck decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huracan.context import Context
from huracan.types import Candidate, Market, MarketKind, Ticker, UniverseRule
from huracan_universe.rules import RULES
from huracan_universe.select import Selection, select
from huracan_universe.settings import UniverseSettings

NOW = datetime(2023, 12, 30, tzinfo=UTC)
ALL = {rule.name: rule for rule in RULES}


def candidate(base: str = "SOL", quote: str = "USDT", *, age: float | None = 400.0, **facts: Any) -> Candidate:
    symbol = f"{base}-{quote}"
    market = {name: facts.pop(name) for name in ("kind", "active", "leveraged_token") if name in facts}
    listed = None if age is None else NOW - timedelta(days=age)
    known = {
        "last": 10.0, "quote_volume": 5e7, "spread_bps": 3.0, "spread_source": "estimate", "active_share": 1.0,
        "daily_volatility": 0.04, "last_trade_at": NOW, **facts,
    }  # fmt: skip
    return Candidate(Market(symbol, base, quote, listed_at=listed, **market), Ticker(symbol, NOW, **known), NOW)


@pytest.fixture
def choose(make_context: Callable[..., Context]) -> Callable[..., Selection]:
    def choose(
        candidates: Sequence[Candidate], rules: dict[str, UniverseRule] | None = None, **wanted: Any
    ) -> Selection:
        context = make_context({"universe": wanted}, plugins=("universe",))
        return select(context, candidates, rules or ALL, context.settings.section(UniverseSettings))

    return choose


def reasons(selection: Selection, symbol: str) -> dict[str, str]:
    return dict(next(each.reasons for each in selection.decisions if each.symbol == symbol))


@pytest.mark.parametrize(
    ("bad", "rule", "words"),
    [
        (candidate(quote="BTC"), "quote", "quoted in BTC, not USDT"),
        (candidate(kind=MarketKind.PERPETUAL), "market_type", "perpetual market, not spot"),
        (candidate(active=False), "delisted", "not traded any more, the last trade was on 2023-12-30"),
        (candidate(age=12.34), "age", "listed for 12.3 days, less than 30"),
        (candidate(age=None), "age", "no known listing date"),
        (candidate(quote_volume=999_999.0), "volume", "turned over 999,999 USDT in 24 h, less than 1,000,000"),
        (candidate(spread_bps=61.5), "spread", "spread of 61.5 bps (estimate), more than 50"),
        (candidate(active_share=0.42), "activity", "traded in 42% of the last week's bars"),
        (candidate(daily_volatility=0.0004), "pegged", "moves 0.04% a day"),
        (candidate("USDC"), "stablecoin", "USDC is a stablecoin"),
        (candidate("USTC"), "stablecoin", "USTC is a stablecoin"),
        (candidate("EUR"), "fiat", "EUR is a national currency"),
        (candidate("WBTC"), "wrapped", "a claim on something else"),
        (candidate("BTCUP"), "leveraged", "BTCUP is a leveraged token"),
        (candidate("ETH3S"), "leveraged", "ETH3S is a leveraged token"),
        (candidate("ODD", leveraged_token=True), "leveraged", "ODD is a leveraged token"),
    ],
)
def test_a_pair_is_dropped_with_a_sentence_in_numbers(
    choose: Callable[..., Selection], bad: Candidate, rule: str, words: str
) -> None:
    selection = choose([bad, candidate("ADA")])
    assert [each.symbol for each in selection.selected] == ["ADA-USDT"]
    found = reasons(selection, bad.market.symbol)
    assert set(found) == {rule}
    assert words in found[rule]


@pytest.mark.parametrize("base", ["JUP", "SYRUP", "UP", "SUPER", "S", "1INCH"])
def test_names_that_only_look_like_leveraged_tokens_stay(choose: Callable[..., Selection], base: str) -> None:
    assert choose([candidate(base)]).selected


def test_every_reason_is_kept_not_only_the_first(choose: Callable[..., Selection]) -> None:
    bad = candidate("USDC", age=3.0, quote_volume=10.0, spread_bps=90.0)
    assert set(reasons(choose([bad]), "USDC-USDT")) == {"age", "volume", "spread", "stablecoin"}


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        ("USDC", {"allow_stablecoins": True}),
        ("EUR", {"allow_fiat": True}),
        ("WBTC", {"allow_wrapped": True}),
        ("BTCUP", {"allow_leveraged": True}),
        ("USDC", {"rules_off": ["stablecoin"]}),
        ("USDC", {"include": ["USDC-USDT"]}),
    ],
)
def test_settings_let_in_what_rules_would_drop(
    choose: Callable[..., Selection], base: str, wanted: dict[str, Any]
) -> None:
    assert choose([candidate(base)], **wanted).selected


def test_exclude_is_stronger_than_include(choose: Callable[..., Selection]) -> None:
    selection = choose([candidate("ADA")], include=["ADA-USDT"], exclude=["ADA-USDT"])
    assert reasons(selection, "ADA-USDT") == {"excluded": "is on the list universe.exclude"}


def test_a_rule_that_raises_keeps_the_pair_out_and_is_reported(choose: Callable[..., Selection]) -> None:
    def veto(_context: Context, each: Candidate) -> str | None:
        if each.market.base == "ADA":
            raise ZeroDivisionError("division by zero")
        return None

    selection = choose([candidate("ADA"), candidate("SOL")], {"mine": UniverseRule("mine", veto)})
    assert [each.symbol for each in selection.selected] == ["SOL-USDT"]
    assert "the rule failed (ZeroDivisionError)" in reasons(selection, "ADA-USDT")["mine"]
    assert selection.problems == ("universe rule mine failed for ADA-USDT: ZeroDivisionError: division by zero",)


def test_what_is_too_far_down_the_ranks_says_so(choose: Callable[..., Selection]) -> None:
    many = [candidate(f"C{number}", quote_volume=1e7 * (number + 1)) for number in range(5)]
    selection = choose(many, top=2)
    assert [each.symbol for each in selection.selected] == ["C4-USDT", "C3-USDT"]
    assert reasons(selection, "C0-USDT") == {"top": "ranks 5, 2 are taken"}


def test_turnover_spread_and_activity_each_move_the_rank(choose: Callable[..., Selection]) -> None:
    plain = candidate("ADA")
    betters: tuple[dict[str, Any], ...] = ({"quote_volume": 6e7}, {"spread_bps": 2.0}, {"active_share": 1.0})
    for better in betters:
        worse = plain if "active_share" not in better else candidate("ADA", active_share=0.95)
        assert choose([worse, candidate("SOL", **better)]).selected[0].symbol == "SOL-USDT"


def test_equal_pairs_are_ranked_by_name(choose: Callable[..., Selection]) -> None:
    selection = choose([candidate("C"), candidate("A"), candidate("B")])
    assert [each.symbol for each in selection.selected] == ["A-USDT", "B-USDT", "C-USDT"]


volumes = st.lists(st.floats(1e5, 1e10), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(volumes, st.randoms(use_true_random=False), st.integers(1, 6))
def test_the_order_of_candidates_and_rules_decides_nothing(
    choose: Callable[..., Selection], turnover: list[float], chance: Any, top: int
) -> None:
    candidates = [candidate(f"C{number}", quote_volume=volume) for number, volume in enumerate(turnover)]
    shuffled = chance.sample(candidates, len(candidates))
    first, second = choose(candidates, top=top), choose(shuffled, dict(reversed(ALL.items())), top=top)
    assert [replace(each, reasons=tuple(sorted(each.reasons))) for each in first.decisions] == [
        replace(each, reasons=tuple(sorted(each.reasons))) for each in second.decisions
    ]
    assert len(first.selected) == min(top, sum(volume >= 1e6 for volume in turnover))
    assert all(each.selected or each.reasons for each in first.decisions)
