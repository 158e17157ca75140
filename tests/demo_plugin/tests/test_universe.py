from __future__ import annotations

from datetime import UTC, datetime

from huracan.context import Context
from huracan.testing import assert_universe_rule
from huracan.types import Candidate, Market, Ticker

from huracan_stranger import huracan_universe_rules
from huracan_stranger.universe import veto_memes

NOW = datetime(2026, 1, 6, 2, tzinfo=UTC)


def test_the_rule_keeps_every_rule_of_rules(context: Context) -> None:
    (rule,) = huracan_universe_rules()
    assert_universe_rule(rule, context)


def test_a_meme_is_left_out_and_the_reason_is_said(context: Context) -> None:
    assert veto_memes(context, _candidate("DOGE")) == "is one of 4 memes"
    assert veto_memes(context, _candidate("BTC")) is None


def _candidate(base: str) -> Candidate:
    symbol = f"{base}-USDT"
    ticker = Ticker(symbol, NOW, 1.0, 1e8, 2.0, "exchange", 1.0, 0.05)
    return Candidate(Market(symbol, base, "USDT"), ticker, NOW)
