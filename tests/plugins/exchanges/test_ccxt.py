"""The real ccxt client against servers that speak the exchanges' protocols, in order and out of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from huracan.errors import DataError, SettingsError, TryAgainError, UsageError
from huracan.market.candles import Candles
from huracan.types import CheckResult, CheckState, MarketKind
from huracan_exchanges.ccxt_exchange import CcxtExchange
from huracan_exchanges.settings import CcxtSettings
from servers.base import Fault, Reply, chaos, once
from servers.binance import HOUR, BinanceServer, Series, made_up, symbol_entry, without
from servers.kraken import KrakenServer

NOW = datetime(2024, 3, 10, 2, 0, 30, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
OPEN = NOW_MS - NOW_MS % HOUR
DAY = 24 * HOUR
Open = Callable[..., CcxtExchange]


class Steps:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        self.texts.append(text)

    def extend(self, seconds: float) -> None: ...

    def stall_limit(self, seconds: float | None) -> None: ...


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def open_exchange(steps: Steps) -> Iterator[Open]:
    opened: list[CcxtExchange] = []

    def make(server: BinanceServer | KrakenServer, **settings: Any) -> CcxtExchange:
        if isinstance(server, BinanceServer):
            urls = {"public": f"{server.url}/api/v3", "fapiPublic": f"{server.url}/fapi/v1"}
            settings = {"id": "binance", **settings}
        else:
            urls = {"public": server.url, "private": server.url}
            settings = {"id": "kraken", **settings}
        given = settings.pop("options", {})
        options = {"urls": {"api": urls}, **given, "options": {"fetchMarkets": {"types": ["linear"]}}}
        if settings.get("market_type") is not MarketKind.PERPETUAL:
            options = {"urls": {"api": urls}, **given}
        made = CcxtSettings(**{"patience_seconds": 20.0, "timeout_seconds": 5.0, "options": options, **settings})
        exchange = CcxtExchange(made, NOW, logging.LoggerAdapter(logging.getLogger("test")), steps)
        opened.append(exchange)
        return exchange

    yield make
    for exchange in opened:
        exchange.close()


def binance(hours: int = 3000, **more: Series) -> BinanceServer:
    series = {"BTCUSDT": made_up(hours, OPEN, 1), "ETHUSDT": made_up(hours, OPEN, 2), **more}
    entries = [symbol_entry(name.removesuffix("USDT"), "USDT") for name in series]
    return BinanceServer(series, entries, NOW_MS)


def history(exchange: CcxtExchange, symbol: str, days: int, until: int = OPEN) -> Candles:
    return Candles.concatenate(list(exchange.candles(symbol, "1h", OPEN - days * DAY, until)))


def assert_equal(candles: Candles, source: Series, since: int, until: int = OPEN) -> None:
    rows = (source.timestamp >= since) & (source.timestamp < until)
    for name, column in candles.columns().items():
        np.testing.assert_array_equal(column, getattr(source, name)[rows])


def test_candles_are_those_of_the_exchange_to_the_last_digit(open_exchange: Open) -> None:
    with binance() as server:
        candles = history(open_exchange(server), "BTC-USDT", 100)
        assert_equal(candles, server.series["BTCUSDT"], OPEN - 100 * DAY)
        assert len(server.asked("klines")) == 3, "2,400 candles are three pages of 1,000"


def test_the_open_candle_is_left_out(open_exchange: Open) -> None:
    with binance() as server:
        candles = history(open_exchange(server), "BTC-USDT", 2, until=NOW_MS + DAY)
        assert candles.timestamp[-1] == OPEN - HOUR


def test_a_nights_top_up_is_one_request(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server)
        exchange.markets()
        before = len(server.requests)
        assert len(history(exchange, "ETH-USDT", 1)) == 24
        assert len(server.requests) == before + 1


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_truncated_pages_lose_nothing(open_exchange: Open, rows: int) -> None:
    with binance() as server:
        server.page_limit = rows
        assert_equal(history(open_exchange(server), "BTC-USDT", 0 + (rows > 1)), server.series["BTCUSDT"],
                     OPEN - (rows > 1) * DAY)  # fmt: skip


def test_overlapping_pages_repeat_nothing(open_exchange: Open) -> None:
    with binance() as server:
        server.page_limit, server.overlap = 100, 7
        assert_equal(history(open_exchange(server), "BTC-USDT", 30), server.series["BTCUSDT"], OPEN - 30 * DAY)


def test_an_exchange_that_hands_out_crumbs_is_no_endless_loop(open_exchange: Open) -> None:
    with binance() as server:
        server.page_limit = 1
        with pytest.raises(DataError, match="1 candles a page where"):
            history(open_exchange(server), "BTC-USDT", 30)
        assert len(server.asked("klines")) < 30


def test_gaps_of_any_length_are_passed(open_exchange: Open) -> None:
    whole = made_up(3000, OPEN, 3)
    row = np.arange(3000)
    holey = without(whole, ((row > 1500) & (row < 2800)) | (row % 11 == 0))
    with binance(HOLEUSDT=holey) as server:
        assert_equal(history(open_exchange(server), "HOLE-USDT", 120), holey, OPEN - 120 * DAY)


def test_a_coin_that_was_listed_late_and_one_that_ended_early_are_whole(open_exchange: Open) -> None:
    young, dead = made_up(50, OPEN, 4), made_up(900, OPEN - 60 * DAY, 5)
    with binance(YOUNGUSDT=young, DEADUSDT=dead) as server:
        exchange = open_exchange(server)
        assert_equal(history(exchange, "YOUNG-USDT", 100), young, 0)
        assert_equal(history(exchange, "DEAD-USDT", 100), dead, OPEN - 100 * DAY)


def test_faults_cost_time_and_no_candle(open_exchange: Open) -> None:
    with binance() as server:
        broken = Reply(502, b"<html>Bad Gateway</html>")
        shares = [
            (0.2, Fault(reset_before=True)),
            (0.1, Fault(reset_after=True)),
            (0.1, Fault(reply=broken)),
            (0.1, Fault(cut_after=200)),
            (0.1, Fault(delay=0.05)),
        ]
        server.faults.append(chaos(5, shares))
        server.page_limit = 200
        exchange = open_exchange(server, patience_seconds=120.0)
        assert_equal(history(exchange, "BTC-USDT", 100), server.series["BTCUSDT"], OPEN - 100 * DAY)
        assert len(server.requests) > 1.3 * (2400 / 200), "some of them had to be made again"


def test_a_slow_answer_is_asked_for_again(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server, timeout_seconds=0.5)
        exchange.markets()
        server.faults.append(once(Fault(delay=1.0), "klines"))
        assert len(history(exchange, "BTC-USDT", 1)) == 24


def test_retry_after_is_kept_to_the_second_and_said(open_exchange: Open, steps: Steps) -> None:
    with binance() as server:
        exchange = open_exchange(server)
        exchange.markets()
        too_many = Reply(429, b'{"code":-1003,"msg":"Too much request weight used"}', {"Retry-After": "2"})
        server.faults.append(once(Fault(reply=too_many), "klines"))
        started = time.monotonic()
        assert len(history(exchange, "BTC-USDT", 1)) == 24
        assert time.monotonic() - started > 1.9
        assert any("answered 429 and asks for a pause of 2 s; waiting 2.0 s" in text for text in steps.texts)


def test_a_long_ban_is_not_waited_for_and_nobody_knocks_again(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server)
        exchange.markets()
        banned = Reply(418, b'{"code":-1003,"msg":"IP banned"}', {"Retry-After": "7200"})
        server.faults.append(once(Fault(reply=banned), "klines"))
        with pytest.raises(TryAgainError, match="banned this address and asks for a pause of 7200 s"):
            history(exchange, "BTC-USDT", 1)
        asked = len(server.requests)
        with pytest.raises(TryAgainError, match="ETH-USDT was not asked for"):
            history(exchange, "ETH-USDT", 1)
        assert len(server.requests) == asked


def test_the_servers_own_limit_is_never_hit(open_exchange: Open) -> None:
    with binance(6000) as server:
        server.weight_limit, server.window = 100, 1.0  # what the real one allows, 6,000 in 60 s
        exchange = open_exchange(server)
        for symbol in ("BTC-USDT", "ETH-USDT"):
            for _ in range(12):
                assert len(list(exchange.candles(symbol, "1h", OPEN - 200 * DAY, OPEN)))
        statuses = [request for request in server.requests if "klines" in request.path]
        assert len(statuses) == 2 * 12 * 5, "a refused request would have been made again"


def test_an_exchange_that_stays_away_is_given_up_in_words(open_exchange: Open) -> None:
    with binance() as server:
        server.faults.append(lambda _: Fault(reset_before=True))
        with pytest.raises(TryAgainError, match=r"binance: is away \(\w+: .+\); tried \d+ times"):
            open_exchange(server, patience_seconds=1.0).markets()


def test_a_market_that_vanishes_between_two_calls_is_named(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server)
        assert {market.symbol for market in exchange.markets()} == {"BTC-USDT", "ETH-USDT"}
        server.vanished.add("ETHUSDT")
        assert set(exchange.tickers(["BTC-USDT", "ETH-USDT"])) == {"BTC-USDT"}
        with pytest.raises(DataError, match="ETH-USDT: binance refuses the question"):
            history(exchange, "ETH-USDT", 1)
        with pytest.raises(DataError, match="XYZ-USDT: binance has no such spot market"):
            history(exchange, "XYZ-USDT", 1)


def test_markets_say_fees_limits_and_what_is_delisted(open_exchange: Open) -> None:
    with binance() as server:
        server.symbols.append(symbol_entry("GONE", "USDT", status="BREAK"))
        markets = {market.symbol: market for market in open_exchange(server, taker_fee_bps=7.5).markets()}
    assert not markets["GONE-USDT"].active
    bitcoin = markets["BTC-USDT"]
    assert (bitcoin.active, bitcoin.taker_fee_bps, bitcoin.maker_fee_bps) == (True, 7.5, 10.0)
    assert (bitcoin.price_step, bitcoin.amount_step, bitcoin.least_cost) == (0.0001, 0.001, 5.0)


def test_an_examined_pair_has_book_activity_and_age(open_exchange: Open) -> None:
    with binance(YOUNGUSDT=made_up(240, OPEN, 6)) as server:
        exchange = open_exchange(server)
        markets = {market.symbol: market for market in exchange.markets()}
        tickers = exchange.tickers(list(markets))
        young, ticker = exchange.examine(markets["YOUNG-USDT"], tickers["YOUNG-USDT"])
    assert tickers["YOUNG-USDT"].active_share is None
    assert ticker.active_share == 1.0
    assert 0.02 < (ticker.daily_volatility or 0) < 0.1, "made of steps of 1 % an hour"
    assert ticker.spread_bps == pytest.approx(2.0, rel=0.01)
    assert ticker.depth is not None
    assert young.listed_at is not None
    assert NOW - young.listed_at < timedelta(days=12)


def test_tickers_of_another_time_are_refused(open_exchange: Open) -> None:
    with binance() as server:
        server.now += 30 * DAY
        exchange = open_exchange(server)
        with pytest.raises(DataError, match="a past night needs a folder of files"):
            exchange.tickers(["BTC-USDT"])


def test_perpetuals_have_their_own_names_and_funding(open_exchange: Open) -> None:
    series = {"BTCUSDT": made_up(2000, OPEN, 7)}
    entry = symbol_entry(
        "BTC", "USDT", contractType="PERPETUAL", marginAsset="USDT", onboardDate=OPEN - 500 * DAY,
        deliveryDate=4133404800000, pair="BTCUSDT", underlyingType="COIN",
    )  # fmt: skip
    due = [(OPEN - i * 8 * HOUR, 0.0001 * (i % 5 - 2)) for i in range(1500, -1, -1)]
    with BinanceServer(series, [entry], NOW_MS, funding={"BTCUSDT": due}) as server:
        exchange = open_exchange(server, market_type=MarketKind.PERPETUAL)
        (market,) = exchange.markets()
        assert (market.symbol, market.kind, market.taker_fee_bps) == ("BTC-USDT", MarketKind.PERPETUAL, 5.0)
        assert market.listed_at == datetime.fromtimestamp((OPEN - 500 * DAY) / 1000, UTC)
        funding = exchange.funding("BTC-USDT", OPEN - 450 * DAY, OPEN + 1)
        assert funding is not None
        wanted = [(at, rate) for at, rate in due if at >= OPEN - 450 * DAY]
        assert list(zip(funding.timestamp.tolist(), funding.rate.tolist(), strict=True)) == wanted
        assert len(server.asked("fundingRate")) <= 3 * 14, "1,351 rates, a hundred a page, full ones in halves"
        assert_equal(history(exchange, "BTC-USDT", 80), series["BTCUSDT"], OPEN - 80 * DAY)


def test_kraken_gives_what_it_has_720_candles_from_behind_an_exclusive_bound(open_exchange: Open) -> None:
    series = {"XBT/USD": made_up(2000, OPEN, 8), "ETH/USD": made_up(2000, OPEN, 9)}
    with KrakenServer(series, NOW_MS) as server:
        exchange = open_exchange(server)
        assert {market.symbol for market in exchange.markets()} == {"BTC-USD", "ETH-USD"}
        assert_equal(history(exchange, "BTC-USD", 80), series["XBT/USD"], OPEN - 719 * HOUR)
        before = len(server.asked("OHLC"))
        assert_equal(history(exchange, "BTC-USD", 1), series["XBT/USD"], OPEN - DAY)
        assert len(server.asked("OHLC")) == before + 1


def test_an_unknown_exchange_has_a_neighbour() -> None:
    settings = CcxtSettings(id="binanze")
    with pytest.raises(SettingsError, match=r"exchange\.id: ccxt knows no exchange 'binanze'; did you mean"):
        CcxtExchange(settings, NOW, logging.LoggerAdapter(logging.getLogger("test")), Steps())


def test_a_refused_key_is_said_without_the_key(open_exchange: Open) -> None:
    with binance() as server:
        bad = Reply(401, b'{"code":-2014,"msg":"API-key format invalid."}')
        server.faults.append(lambda request: Fault(reply=bad) if "sapi" in request.path else None)
        keys = {"api_key": "k" * 20, "api_secret": "s" * 20}
        urls = {"public": f"{server.url}/api/v3", "sapi": f"{server.url}/sapi/v1"}
        exchange = open_exchange(server, **keys, options={"urls": {"api": urls}})
        with pytest.raises(UsageError, match="binance refuses us") as caught:
            exchange.markets()
    assert "kkkk" not in str(caught.value)
    assert "signature" not in str(caught.value)


def test_closing_ends_requests_that_are_under_way(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server)
        exchange.markets()
        server.faults.append(lambda _: Fault(delay=15.0))
        ended: list[BaseException] = []

        def ask() -> None:
            try:
                history(exchange, "BTC-USDT", 1)
            except TryAgainError as error:
                ended.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.3)
        started = time.monotonic()
        exchange.close()
        thread.join(15)
        assert time.monotonic() - started < 12.0
        assert ended


def test_it_says_how_it_is_without_waiting(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server, patience_seconds=600.0)
        server.now = NOW_MS + 400
        assert exchange.check() == CheckResult(CheckState.OK, "binance answers")
        server.now = NOW_MS + 90_000
        assert exchange.check().state is CheckState.WARNING
        assert "its clock is +90.0 s from this machine's" in exchange.check().detail
        server.faults.append(lambda _: Fault(reset_before=True))
        started = time.monotonic()
        assert exchange.check().state is CheckState.FAILED
        assert time.monotonic() - started < 60.0


def test_whoever_asks_after_the_end_is_turned_away(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server)
        exchange.markets()
        exchange.close()
        exchange.close()
        with pytest.raises(TryAgainError, match="the connection was closed"):
            history(exchange, "BTC-USDT", 1)


def test_options_that_ccxt_cannot_use_are_a_mistake_in_the_settings() -> None:
    threads = threading.active_count()
    settings = CcxtSettings(id="binance", options={"options": 5})
    with pytest.raises(SettingsError, match=r"exchange\.options: ccxt cannot use them"):
        CcxtExchange(settings, NOW, logging.LoggerAdapter(logging.getLogger("test")), Steps())
    assert threading.active_count() == threads


def test_an_answer_of_another_form_is_one_line(open_exchange: Open) -> None:
    with binance() as server:
        exchange = open_exchange(server)
        exchange.markets()
        server.faults.append(once(Fault(reply=Reply(200, b"5")), "klines"))
        with pytest.raises(DataError, match="BTC-USDT: ccxt cannot read what binance answers"):
            history(exchange, "BTC-USDT", 1)


def test_a_ban_reaches_requests_that_queue_already(open_exchange: Open) -> None:
    """Eight threads wait for the rate limiter when the first answer is a ban: nobody knocks after it."""
    with binance() as server:
        exchange = open_exchange(server, options={"rateLimit": 2000})
        exchange.markets()
        banned = Reply(418, b'{"code":-1003,"msg":"IP banned"}', {"Retry-After": "7200"})
        server.faults.append(lambda request: Fault(reply=banned) if "klines" in request.path else None)
        failed = []

        def ask() -> None:
            try:
                history(exchange, "BTC-USDT", 1)
            except TryAgainError as error:
                failed.append(str(error))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(failed) == 8
        assert len(server.asked("klines")) == 1


def test_an_exchange_that_asks_for_no_second_is_not_stormed(open_exchange: Open, steps: Steps) -> None:
    with binance() as server:
        exchange = open_exchange(server, patience_seconds=4.0)
        exchange.markets()
        server.faults.append(lambda _: Fault(reply=Reply(429, b"{}", {"Retry-After": "0"})))
        with pytest.raises(TryAgainError):
            history(exchange, "BTC-USDT", 1)
        assert len(server.asked("klines")) < 8
        assert len(steps.texts) >= 2, "each wait is a sign of life"


def test_a_country_that_is_not_served_is_no_outage(open_exchange: Open) -> None:
    with binance() as server:
        server.faults.append(lambda _: Fault(reply=Reply(451, b"{}")))
        with pytest.raises(UsageError, match=r"does not serve this country \(451\)"):
            open_exchange(server, patience_seconds=600.0).markets()


def test_best_prices_that_are_for_accounts_alone_are_done_without(open_exchange: Open) -> None:
    with binance() as server:
        refused = Reply(401, b'{"code":-2014,"msg":"API-key format invalid."}')
        server.faults.append(lambda request: Fault(reply=refused) if "bookTicker" in request.path else None)
        for row in [server._ticker("BTCUSDT"), server._ticker("ETHUSDT")]:
            assert row is not None
            server.tickers[row["symbol"]] = {k: v for k, v in row.items() if k not in ("bidPrice", "askPrice")}
        tickers = open_exchange(server).tickers(["BTC-USDT", "ETH-USDT"])
    assert {ticker.spread_source for ticker in tickers.values()} == {"estimate"}


@pytest.mark.parametrize("perpetual", [False, True])
def test_every_exchange_of_ccxt_can_be_made_and_loads_kinds_that_it_knows(perpetual: bool) -> None:
    import ccxt

    from huracan_exchanges.ccxt_client import _load_only

    for name in ccxt.exchanges:
        client = getattr(ccxt, name)()
        told = client.options.get("fetchMarkets")
        before = list(told.get("types", []) if isinstance(told, dict) else told or [])
        _load_only(client.options, perpetual)
        told = client.options.get("fetchMarkets")
        after = list(told.get("types", []) if isinstance(told, dict) else told or [])
        assert set(after) <= set(before), name
        assert bool(after) == bool(before), name
