"""The simulated exchange: always the same, nothing later than the clock, an edge where it says so, none elsewhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan_exchanges.catalogue import permanent_coins
from huracan_exchanges.settings import SimulatedSettings
from huracan_exchanges.simulated import SimulatedExchange, edge_of
from huracan_exchanges.world import World

HOUR = 3_600_000
NOW = datetime(2025, 6, 20, 2, tzinfo=UTC)

ODD = ("USDC-USDT", "EUR-USDT", "WBTC-USDT", "BTCUP-USDT", "DUST-USDT", "SPLIT-USDT", "HALT-USDT")
ORDINARY = tuple(coin for coin in permanent_coins(30) if coin.symbol not in ODD)
PLANTED = tuple(coin for coin in ORDINARY if coin.edge)
PLAIN = tuple(coin for coin in ORDINARY if not coin.edge)


def simulate(now: datetime = NOW, **settings: Any) -> SimulatedExchange:
    return SimulatedExchange(SimulatedSettings(**settings), now)


def candles(exchange: SimulatedExchange, symbol: str, timeframe: str = "1h") -> Candles:
    return Candles.concatenate(list(exchange.candles(symbol, timeframe, 0, 2**62)))


def digest(parts: Sequence[Candles]) -> str:
    return hashlib.sha256(b"".join(a.tobytes() for part in parts for a in part.columns().values())).hexdigest()


@pytest.fixture(scope="module")
def exchange() -> SimulatedExchange:
    return simulate()


# ------------------------------------------------------------------------------------------------------ always the same


def test_another_process_makes_the_same_bytes(exchange: SimulatedExchange) -> None:
    program = """
import hashlib, sys
from datetime import datetime
from huracan_exchanges.settings import SimulatedSettings
from huracan_exchanges.simulated import SimulatedExchange

exchange = SimulatedExchange(SimulatedSettings(), datetime.fromisoformat(sys.argv[1]))
pages = (page for symbol in sys.argv[2:] for page in exchange.candles(symbol, "1h", 0, 2**62))
print(hashlib.sha256(b"".join(a.tobytes() for page in pages for a in page.columns().values())).hexdigest())
"""
    symbols = ["AURA-USDT", "BTC-USDT", "DUST-USDT"]
    command = [sys.executable, "-c", program, NOW.isoformat(), *symbols]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    pages = [page for symbol in symbols for page in exchange.candles(symbol, "1h", 0, 2**62)]
    assert said == digest(pages)


def test_another_seed_makes_another_history(exchange: SimulatedExchange) -> None:
    other = simulate(seed=8)
    for symbol in ("BTC-USDT", "AURA-USDT"):
        assert digest([candles(exchange, symbol)]) != digest([candles(other, symbol)])


@pytest.mark.parametrize("count", [2, 5, 24, 30, 60])
def test_a_coin_does_not_depend_on_how_many_others_there_are(count: int, exchange: SimulatedExchange) -> None:
    other = simulate(coins=count)
    symbols = [market.symbol for market in other.markets()]
    assert {"BTC-USDT", "ETH-USDT"} <= set(symbols)
    assert count - 3 <= len(symbols) <= count + 1
    known = {market.symbol for market in exchange.markets()}
    for symbol in list(known.intersection(symbols))[:6]:
        assert digest([candles(exchange, symbol)]) == digest([candles(other, symbol)])


@pytest.mark.parametrize("now", ["2023-06-30T00:00", "2024-02-29T13:37", "2025-03-01T01:00"])
def test_nothing_that_is_shown_depends_on_later_hours(now: str, exchange: SimulatedExchange) -> None:
    instant = datetime.fromisoformat(now).replace(tzinfo=UTC)
    earlier = simulate(instant)
    later = {market.symbol for market in exchange.markets()}
    for market in earlier.markets():
        mine = candles(earlier, market.symbol)
        assert mine.timestamp[-1] + HOUR <= milliseconds(instant)
        if market.symbol in later:
            assert digest([mine]) == digest([candles(exchange, market.symbol).closed_at(milliseconds(instant), "1h")])


def test_before_its_first_day_there_is_no_market() -> None:
    assert list(simulate(datetime(2021, 12, 31, tzinfo=UTC)).markets()) == []
    assert list(simulate(datetime(2022, 1, 1, 0, 59, tzinfo=UTC)).markets()) == []
    with pytest.raises(DataError, match="no candles before"):
        simulate(datetime(2021, 12, 31, tzinfo=UTC)).tickers(["BTC-USDT"])


# ------------------------------------------------------------------------------------------------------ what is in it


def test_every_candle_is_possible_closed_and_on_the_hour(exchange: SimulatedExchange) -> None:
    for market in exchange.markets():
        bars = candles(exchange, market.symbol)
        assert (np.diff(bars.timestamp) > 0).all()
        assert (bars.timestamp % HOUR == 0).all()
        assert (bars.low > 0).all()
        assert (bars.volume >= 0).all()
        assert np.isfinite(np.stack(list(bars.columns().values()))).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()


@pytest.mark.parametrize("month", range(1, 13))
def test_whenever_one_looks_a_coin_was_listed_or_delisted_within_the_year(month: int) -> None:
    now = datetime(2024, month, 17, tzinfo=UTC)
    markets = {market.symbol: market for market in simulate(now).markets()}
    ages = [(now - market.listed_at).days for market in markets.values() if market.listed_at]
    assert sum(age < 365 for age in ages) >= 3
    assert 26 <= len(markets) <= 31


def test_a_delisted_coin_is_shown_as_not_active_for_two_months(exchange: SimulatedExchange) -> None:
    gone = [market for market in exchange.markets() if not market.active]
    assert gone
    for market in gone:
        ticker = exchange.tickers([market.symbol])[market.symbol]
        assert ticker.last_trade_at
        assert ticker.last_trade_at <= NOW
        assert ticker.quote_volume == 0 or NOW - ticker.last_trade_at < timedelta(days=1)


def test_the_odd_ones_are_what_their_names_say(exchange: SimulatedExchange) -> None:
    markets = {market.symbol: market for market in exchange.markets()}
    tickers = exchange.tickers(ODD)
    assert markets["BTCUP-USDT"].leveraged_token
    assert tickers["USDC-USDT"].last == pytest.approx(1.0, abs=0.005)
    assert (tickers["EUR-USDT"].daily_volatility or 1) < 0.01
    assert tickers["DUST-USDT"].quote_volume < 1e6
    assert (tickers["DUST-USDT"].active_share or 1) < 0.8
    bitcoin, wrapped = (candles(exchange, f"{base}-USDT") for base in ("BTC", "WBTC"))
    assert np.abs(wrapped.close / bitcoin.close - 1).max() < 0.01


def test_a_coin_is_redenominated_each_march_after_four_days_of_silence(exchange: SimulatedExchange) -> None:
    bars = candles(exchange, "SPLIT-USDT")
    for year, factor in ((2023, 100.0), (2024, 0.01), (2025, 100.0)):
        after = int(np.searchsorted(bars.timestamp, milliseconds(datetime(year, 3, 1, tzinfo=UTC))))
        assert bars.timestamp[after] - bars.timestamp[after - 1] > 4 * 24 * HOUR
        assert bars.close[after] / bars.close[after - 1] == pytest.approx(factor, rel=0.7)


def test_a_coin_stands_still_for_twenty_days_each_september(exchange: SimulatedExchange) -> None:
    gaps = np.diff(candles(exchange, "HALT-USDT").timestamp)
    assert ((gaps > 20 * 24 * HOUR) & (gaps < 21 * 24 * HOUR)).sum() == 3


def test_prices_have_the_marks_of_a_market(exchange: SimulatedExchange) -> None:
    bitcoin = np.diff(np.log(candles(exchange, "BTC-USDT").close))
    for coin in ORDINARY[1:]:
        bars = candles(exchange, coin.symbol)
        steps = np.diff(np.log(bars.close))
        size = np.abs(steps)
        assert ((steps - steps.mean()) ** 4).mean() / steps.var() ** 2 > 6, "fat tails"
        assert np.corrcoef(size[:-24], size[24:])[0, 1] > 0.05, "volatility comes in clusters"
        assert 0.2 < np.corrcoef(steps, bitcoin)[0, 1] < 0.95, "coins move with BTC"
        assert np.corrcoef(size, np.log(bars.volume[1:]))[0, 1] > 0.25, "volume comes with movement"
        hour = bars.timestamp // HOUR % 24
        assert bars.volume[hour == 15].mean() > 1.2 * bars.volume[hour == 3].mean(), "days have hours"
        assert 0.02 < steps.std() * np.sqrt(24) < 0.12


def test_turnover_spread_and_fees_fall_from_large_to_small_coins(exchange: SimulatedExchange) -> None:
    markets = {market.symbol: market for market in exchange.markets()}
    tickers = exchange.tickers([coin.symbol for coin in ORDINARY])
    assert tickers["BTC-USDT"].quote_volume > 20 * tickers["NIMBUS-USDT"].quote_volume > 20e6
    assert tickers["BTC-USDT"].spread_bps < tickers["AURA-USDT"].spread_bps < tickers["OPAL-USDT"].spread_bps
    assert markets["BTC-USDT"].taker_fee_bps < markets["OPAL-USDT"].taker_fee_bps == 14.0
    assert {ticker.spread_source for ticker in tickers.values()} == {"exchange"}
    assert {market.source for market in markets.values()} == {"exchange"}


# --------------------------------------------------------------------------------------------------------- candles


def test_longer_bars_are_joined_and_shorter_ones_refused(exchange: SimulatedExchange) -> None:
    hours, days = candles(exchange, "BTC-USDT"), candles(exchange, "BTC-USDT", "1d")
    assert days.open[0] == hours.open[0]
    assert days.high[0] == hours.high[:24].max()
    assert days.volume[0] == pytest.approx(hours.volume[:24].sum())
    assert days.timestamp[-1] == milliseconds(datetime(2025, 6, 19, tzinfo=UTC))
    with pytest.raises(DataError, match=r"BTC-USDT: holds 1h candles, .*set candles.timeframe to 1h"):
        list(exchange.candles("BTC-USDT", "5m", 0, 2**62))


def test_unknown_symbols_and_timeframes_are_refused(exchange: SimulatedExchange) -> None:
    for symbol in ("NOPE-USDT", "BTC-EUR", ""):
        with pytest.raises(DataError, match="no such market"):
            list(exchange.candles(symbol, "1h", 0, 2**62))
        with pytest.raises(DataError, match="no such market"):
            exchange.tickers([symbol])
    with pytest.raises(DataError, match="'7h'"):
        list(exchange.candles("BTC-USDT", "7h", 0, 2**62))


# ------------------------------------------------------------------------------------------------- what can be earned


def trailing(values: np.ndarray, bars: int) -> np.ndarray:
    """Return the mean of the ``bars`` values before each one; infinite where there are fewer."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.concatenate([np.full(bars, np.inf), (total[bars:-1] - total[: -bars - 1]) / bars])


def trades_of_rule(bars: Candles, hold: int = 10) -> tuple[np.ndarray, float]:
    """Return the gross return of each trade of a plain rule that sees only past candles, in the direction of the jump:
    volume above 3 and move above 1.5 times their 20-hour average, in at the next bar; and trades a year."""
    steps = np.concatenate([[0.0], np.diff(np.log(bars.close))])
    jump = (bars.volume > 3 * trailing(bars.volume, 20)) & (np.abs(steps) > 1.5 * np.sqrt(trailing(steps**2, 20)))
    at: list[int] = []
    for row in np.flatnonzero(jump[: -hold - 1]).tolist():
        if not at or row - at[-1] > hold:
            at.append(row)
    rows = np.array(at)
    gross = np.sign(steps[rows]) * (bars.close[rows + hold] / bars.open[rows + 1] - 1)
    return gross, rows.size / (len(bars) / 8760)


def test_a_plain_rule_earns_its_costs_several_times_over_in_the_planted_coins(exchange: SimulatedExchange) -> None:
    for coin in PLANTED:
        assert coin.edge
        assert edge_of(coin.symbol) == coin.edge
        gross, yearly = trades_of_rule(candles(exchange, coin.symbol))
        costs = (2 * coin.taker_fee_bps + coin.spread_bps + 4) / 1e4
        net = coin.edge.direction * gross - costs
        sharpe = net.mean() / net.std() * np.sqrt(yearly)
        assert 8.0 < sharpe < 24.0, coin.symbol
        assert 0.70 < (net > 0).mean() < 0.92, coin.symbol
        assert yearly > 200


def test_the_same_rule_finds_nothing_in_the_other_coins(exchange: SimulatedExchange) -> None:
    scores = []
    for coin in PLAIN:
        assert edge_of(coin.symbol) is None
        gross, _ = trades_of_rule(candles(exchange, coin.symbol))
        scores.append(gross.mean() / gross.std() * np.sqrt(gross.size))
    assert np.abs(scores).max() < 3.5
    assert abs(np.mean(scores)) * np.sqrt(len(scores)) < 3.5


def test_nothing_that_candles_show_foretells_the_coins_without_edge() -> None:
    """Known signs against the next 1 and 10 hours: every t value is that of chance, over seeds and coins."""
    scores = []
    for seed in (7, 8, 9):
        world = World(seed, date(2022, 1, 1), milliseconds(NOW))
        for coin in PLAIN:
            bars = world.candles(coin)
            steps = np.concatenate([[0.0], np.diff(bars.close) / bars.close[:-1]])
            quiet = trailing(steps**2, 24) < trailing(steps**2, 24 * 14)
            loud_volume = bars.volume > 2 * trailing(bars.volume, 20)
            signs = [np.sign(trailing(steps, n)) for n in (1, 5, 20, 100)]
            signs += [np.where(quiet, 1.0, -1.0), np.ones(steps.size), np.sign(steps) * loud_volume]
            for sign in signs:
                usable = sign[24 * 14 : -11]
                for hold in (1, 10):
                    ahead = bars.close[24 * 14 + hold : len(bars) - 11 + hold] / bars.close[24 * 14 : -11] - 1
                    gain = (usable * ahead)[::hold]
                    scores.append(gain.mean() / gain.std() * np.sqrt(gain.size))
    assert np.abs(scores).max() < 4.5
    assert np.std(scores) < 1.25


def test_over_many_histories_the_market_neither_rises_nor_falls_on_average() -> None:
    """Panics begin with a fall that the hours before them pay for: over 60 histories the mean return is zero."""
    steps = []
    for seed in range(60):
        close = World(seed, date(2022, 1, 1), milliseconds(NOW)).candles(ORDINARY[0]).close
        steps.append(np.diff(close) / close[:-1])
    pooled = np.concatenate(steps)
    assert abs(pooled.mean() / pooled.std() * np.sqrt(pooled.size)) < 4


def test_no_edge_is_claimed_for_coins_that_do_not_exist() -> None:
    assert edge_of("NOPE-USDT") is None
    assert edge_of("BTC-USDT") is None
    assert {coin.base for coin in PLANTED} == {"AURA", "EMBER", "GROVE", "KELP", "MIRAGE", "CIRRUS", "INDIGO"}
