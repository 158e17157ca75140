"""What perpetuals paid is fetched with their candles, told in ``candles.json``, and never stands in a night's way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan.clock import milliseconds
from huracan.context import Context
from huracan.errors import DataError, TryAgainError
from huracan.market.funding import Funding, read_funding
from huracan.paths import write_json
from huracan.types import Market, MarketKind, Outcome
from huracan_candles.job import run

HOUR = 3_600_000
NOW = 1_709_253_000_000
"""2024-03-01 00:30 UTC in ms, the instant of the fixture's run."""

UNTIL = NOW // HOUR * HOUR
SINCE = UNTIL - 90 * 86_400_000
SOURCE = "puppet"


def eight_hourly(since: int, until: int, rate: float = 0.0001) -> Funding:
    times = np.arange(since - since % (8 * HOUR), until, 8 * HOUR)
    return Funding(times, np.full(len(times), rate))


@dataclass
class Perpetuals:
    """The puppet exchange, with funding."""

    puppet: Any
    rates: dict[str, Funding | None] = field(default_factory=dict)
    kind: MarketKind = MarketKind.PERPETUAL

    def __getattr__(self, name: str) -> Any:
        return getattr(self.puppet, name)

    def markets(self) -> list[Market]:
        return [replace(market, kind=self.kind) for market in self.puppet.markets()]

    def funding(self, symbol: str, since: int, until: int) -> Funding | None:
        if symbol not in self.rates:
            raise DataError(symbol, "its funding is damaged")
        found = self.rates[symbol]
        return None if found is None else found.between(since, until)


@pytest.fixture
def exchange(puppet: Any, monkeypatch: pytest.MonkeyPatch) -> Perpetuals:
    known = eight_hourly(SINCE - 30 * 86_400_000, UNTIL + 30 * 86_400_000)
    made = Perpetuals(puppet, {"ADA-USDT": known, "BTC-USDT": None})
    monkeypatch.setattr("huracan_candles.job.open_exchange", lambda context: _Opened(made))
    return made


@dataclass
class _Opened:
    exchange: Perpetuals

    def __enter__(self) -> Perpetuals:
        return self.exchange

    def __exit__(self, *error: object) -> None:
        self.exchange.close()


def report(context: Context) -> Any:
    return json.loads(context.paths.candle_report(context.current_run.run_date).read_text())["symbols"]


def test_the_rates_of_the_window_are_kept_and_told(context: Context, exchange: Perpetuals) -> None:
    result = run(context)
    assert (result.outcome, result.problems) == (Outcome.DONE, ())
    entry = report(context)["ADA-USDT"]["funding"]
    assert entry == {"file": "data/funding/ADA-USDT.parquet", "rows": 271, "first": SINCE, "last": UNTIL}
    kept = read_funding(context.paths.funding_file("ADA-USDT"), SOURCE)
    np.testing.assert_array_equal(kept.timestamp, eight_hourly(SINCE, UNTIL + 1).timestamp)


def test_an_exchange_that_knows_none_of_a_pair_is_no_problem(context: Context, exchange: Perpetuals) -> None:
    assert run(context).problems == ()
    assert report(context)["BTC-USDT"]["funding"] is None
    assert not context.paths.funding_file("BTC-USDT").exists()
    assert report(context)["ETH-USDT"]["funding"] is None, "a reference is not traded"


def test_spot_markets_and_exchanges_without_funding_have_none(
    context: Context, exchange: Perpetuals, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.kind = MarketKind.SPOT
    run(context)
    assert report(context)["ADA-USDT"]["funding"] is None
    exchange.kind = MarketKind.PERPETUAL
    monkeypatch.setattr("huracan_candles.job.open_exchange", lambda context: _Opened(exchange.puppet))
    run(context)
    assert report(context)["ADA-USDT"]["funding"] is None


def test_damaged_funding_is_a_problem_of_one_line_and_the_coin_stays(context: Context, exchange: Perpetuals) -> None:
    del exchange.rates["ADA-USDT"]
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == (
        "funding of ADA-USDT: ADA-USDT: its funding is damaged; its costs count a flat estimate",
    )
    entry = report(context)["ADA-USDT"]
    assert (entry["state"], entry["funding"]) == ("ok", None)


@pytest.mark.parametrize(
    "nonsense",
    [
        Funding(np.array([UNTIL, UNTIL - HOUR]), np.zeros(2)),
        Funding(np.array([UNTIL - HOUR, UNTIL]), np.array([0.1, np.nan])),
    ],
)
def test_funding_that_cannot_be_is_not_kept(context: Context, exchange: Perpetuals, nonsense: Funding) -> None:
    exchange.rates["ADA-USDT"] = nonsense
    assert "out of order, or rates that are no fractions" in run(context).problems[0]
    assert not context.paths.funding_file("ADA-USDT").exists()


def test_rates_that_the_exchange_corrected_count_and_older_ones_stay(
    context: Context, begin_run: Callable[..., Context], exchange: Perpetuals
) -> None:
    run(context)
    exchange.rates["ADA-USDT"] = eight_hourly(SINCE, UNTIL + 1, 0.0005)
    run(begin_run(days=30))
    kept = read_funding(context.paths.funding_file("ADA-USDT"), SOURCE)
    border = UNTIL - 30 * 86_400_000
    assert set(kept.between(0, border).rate) == {0.0001}
    assert set(kept.between(border, 2**62).rate) == {0.0005}
    assert (np.diff(kept.timestamp) > 0).all()


def test_a_damaged_file_of_rates_is_fetched_again(context: Context, exchange: Perpetuals) -> None:
    path = context.paths.funding_file("ADA-USDT")
    run(context)
    sound = path.read_bytes()
    path.write_bytes(sound[:-20])
    assert run(context).outcome is Outcome.DONE
    assert path.read_bytes() == sound


# --------------------------------------------------------------------------------------------------- the whole way


@pytest.mark.realdata
def test_real_perpetuals_pay_their_own_funding_on_the_way_from_files_to_outcomes(
    make_context: Callable[..., Context], realdata: Path
) -> None:
    as_of = datetime(2026, 1, 1, 0, 20, tzinfo=UTC)
    exchange = {
        "name": "files", "path": str(realdata / "crypto_1h_perp"), "funding": str(realdata / "funding"),
        "market_type": "perpetual",
    }  # fmt: skip
    context = make_context(
        {"exchange": exchange, "candles": {"days": 200}}, as_of=as_of, job="candles", plugins=("candles", "exchanges")
    )  # fmt: skip
    write_json(context.paths.universe_file(as_of.date()), {"symbols": ["BTC-USDT", "DOGE-USDT"]})
    assert run(context).problems == ()
    for symbol, entry in report(context).items():
        if symbol == "ETH-USDT":
            continue
        assert entry["funding"]["rows"] == 601
        assert entry["funding"]["last"] == milliseconds(as_of) // HOUR * HOUR
        raw = pl.read_parquet(realdata / "funding" / f"{symbol}-PERP.parquet")
        kept = read_funding(context.paths.funding_file(symbol), f"files funding={realdata / 'funding'}")
        span = raw.filter(pl.col("timestamp").is_between(entry["funding"]["first"], entry["funding"]["last"]))
        assert kept.rate.tolist() == span["funding_rate"].to_list()


def test_an_exchange_that_tells_of_its_latest_rates_alone_costs_nothing_that_was_kept(
    exchange: Perpetuals, context: Context
) -> None:
    run(context)
    whole = read_funding(context.paths.funding_file("ADA-USDT"), SOURCE)
    latest = eight_hourly(UNTIL - 5 * 86_400_000, UNTIL, rate=0.0007)
    exchange.rates["ADA-USDT"] = latest
    run(context)
    after = read_funding(context.paths.funding_file("ADA-USDT"), SOURCE)
    assert after.timestamp.tolist() == whole.timestamp.tolist()
    told = np.isin(after.timestamp, latest.timestamp)
    assert set(after.rate[told]) == {0.0007}, "where both know, the exchange is right"
    assert set(after.rate[after.timestamp < latest.timestamp[0]]) == {0.0001}


def test_an_exchange_that_goes_away_after_the_candles_costs_the_night_nothing(
    exchange: Perpetuals, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(context)

    def away(*_: object) -> None:
        raise TryAgainError("the exchange banned us")

    monkeypatch.setattr(exchange, "funding", away, raising=False)
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert any("the exchange banned us; what was kept counts" in line for line in result.problems)
    report = json.loads(context.paths.candle_report(context.current_run.run_date).read_text())
    assert report["symbols"]["ADA-USDT"]["funding"]["rows"] > 200
