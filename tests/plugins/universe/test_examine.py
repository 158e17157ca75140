"""Whom the exchange is asked about, and what becomes of those that it cannot say anything about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.testing import stand_in
from huracan.types import ExchangeType, Market, Outcome, Ticker
from huracan_exchanges.settings import SimulatedSettings
from huracan_universe.job import run

NOW = datetime(2024, 3, 10, 2, tzinfo=UTC)


class Examined:
    """Twelve pairs of falling turnover; what takes requests of its own is told of those that are asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.mute: set[str] = set()

    def markets(self) -> Sequence[Market]:
        return [Market(f"C{i:02d}-USDT", f"C{i:02d}", "USDT") for i in range(12)]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        return {
            symbol: Ticker(symbol, NOW, 1.0, 13e6 - 1e6 * int(symbol[1:3]), 3.0, "estimate", None, None)
            for symbol in symbols
        }

    def examine(self, market: Market, ticker: Ticker) -> tuple[Market, Ticker]:
        self.asked.append(market.symbol)
        if market.symbol in self.mute:
            raise DataError(market.symbol, "the exchange refuses the question")
        listed = NOW - timedelta(days=5 if market.symbol == "C01-USDT" else 500)
        return replace(market, listed_at=listed), replace(ticker, active_share=1.0, daily_volatility=0.05, depth=1e5)

    def candles(self, *_: Any) -> Any:
        yield Candles.empty()

    def problems(self) -> Sequence[str]:
        return []

    def close(self) -> None: ...


@pytest.fixture
def exchange() -> Examined:
    return Examined()


@pytest.fixture
def select(make_context: Callable[..., Context], exchange: Examined) -> Callable[..., tuple[Any, dict[str, list[str]]]]:
    """Run the job; return its result and, by symbol, the rules that dropped it (none: selected)."""

    def go(**universe: Any) -> tuple[Any, dict[str, list[str]]]:
        @hookimpl
        def huracan_exchanges() -> Any:
            class Settings(SimulatedSettings):
                name: Any = "examined"

            return [ExchangeType("examined", Settings, lambda *_: exchange)]

        context = make_context(
            {"exchange": {"name": "examined"}, "universe": universe},
            as_of=NOW,
            plugins=["universe"],
            extra=[stand_in("examined", huracan_exchanges=huracan_exchanges)],
        )
        result = run(context)
        selection = context.store.universe.latest()
        assert selection is not None
        return result, {each.symbol: [rule for rule, _ in each.reasons] for each in selection.decisions}

    return go


def test_the_largest_are_asked_about_and_the_others_are_told_so(select: Any, exchange: Examined) -> None:
    result, dropped = select(examine=5, min_quote_volume_24h=4e6)
    assert result.outcome is Outcome.DONE
    assert exchange.asked == [f"C{i:02d}-USDT" for i in range(5)]
    assert dropped["C00-USDT"] == []
    assert dropped["C01-USDT"] == ["age"]
    assert dropped["C06-USDT"] == ["examine"]
    assert dropped["C11-USDT"] == ["volume"], "no rule blames it for what nobody asked"


def test_a_pair_that_is_always_selected_is_always_asked_about(select: Any, exchange: Examined) -> None:
    _, dropped = select(examine=2, include=["C09-USDT"])
    assert "C09-USDT" in exchange.asked
    assert dropped["C09-USDT"] == []


def test_a_pair_that_cannot_be_examined_is_out_unless_its_owner_wants_it(select: Any, exchange: Examined) -> None:
    exchange.mute = {"C02-USDT", "C03-USDT"}
    result, dropped = select(include=["C03-USDT"])
    assert result.outcome is Outcome.PARTLY_FAILED
    assert dropped["C02-USDT"] == ["examine"]
    assert dropped["C03-USDT"] == []
    assert len(result.problems) == 2
