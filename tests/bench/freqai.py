"""FreqAI on the 12-coin task, without a network: run by the benches with the interpreter of FreqAI's own environment.

``VENV/bin/python freqai.py CANDLES FOLDER AS_OF THREADS COIN...`` lays out a user folder in FOLDER, then runs
``freqtrade backtesting`` with LightGBM: six retrains a coin on a sliding window, 61 features. THREADS 0 is FreqAI's
default. The one thing replaced is what asks the exchange for its markets.
"""

from __future__ import annotations

import importlib
import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

TRAIN_DAYS, TEST_DAYS, RETRAINS, WARM_UP_DAYS = 240, 20, 6, 10
"""Ours trains on 255 of 365 days on average: five folds from 146 days on, and the final model on all."""

STRATEGY = '''
import talib.abstract as ta
from freqtrade.strategy import IStrategy

class Task(IStrategy):
    """Six indicators at three periods and two plain ones, each with two shifts, and the hour: 61 features."""

    timeframe = "1h"
    minimal_roi = {"0": 10}
    stoploss = -0.99
    process_only_new_candles = True
    startup_candle_count = 100

    def feature_engineering_expand_all(self, frame, period, metadata, **kwargs):
        frame["%-rsi-period"] = ta.RSI(frame, timeperiod=period)
        frame["%-adx-period"] = ta.ADX(frame, timeperiod=period)
        frame["%-mfi-period"] = ta.MFI(frame, timeperiod=period)
        frame["%-sma-period"] = frame["close"] / ta.SMA(frame, timeperiod=period)
        frame["%-roc-period"] = ta.ROC(frame, timeperiod=period)
        frame["%-volume-period"] = frame["volume"] / frame["volume"].rolling(period).mean()
        return frame

    def feature_engineering_expand_basic(self, frame, metadata, **kwargs):
        frame["%-change"] = frame["close"].pct_change()
        frame["%-range"] = (frame["high"] - frame["low"]) / frame["close"]
        return frame

    def feature_engineering_standard(self, frame, metadata, **kwargs):
        frame["%-hour"] = frame["date"].dt.hour / 24
        return frame

    def set_freqai_targets(self, frame, metadata, **kwargs):
        self.freqai.class_names = ["down", "up"]
        up = frame["close"].shift(-8) > frame["close"] * 1.0015
        frame["&-up"] = up.map({True: "up", False: "down"})
        return frame

    def populate_indicators(self, frame, metadata):
        return self.freqai.start(frame, metadata, self)

    def populate_entry_trend(self, frame, metadata):
        frame.loc[(frame["do_predict"] == 1) & (frame["&-up"] == "up"), "enter_long"] = 1
        return frame

    def populate_exit_trend(self, frame, metadata):
        frame.loc[frame["&-up"] == "down", "exit_long"] = 1
        return frame
'''


def lay_out(candles: Path, folder: Path, as_of: date, threads: int, coins: list[str]) -> list[str]:
    """Write candles, strategy and configuration, and return the arguments of freqtrade."""
    pd = importlib.import_module("pandas")
    data = folder / "data" / "binance"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "strategies").mkdir(exist_ok=True)
    (folder / "strategies" / "task.py").write_text(STRATEGY)
    begin = as_of - timedelta(days=RETRAINS * TEST_DAYS)
    first = pd.Timestamp(begin - timedelta(days=TRAIN_DAYS + WARM_UP_DAYS), tz="UTC")
    for coin in coins:
        frame = pd.read_parquet(candles / f"{coin}-USDT.parquet")
        frame["date"] = pd.to_datetime(frame["timestamp"], unit="ms", utc=True)
        frame = frame[(frame["date"] >= first) & (frame["date"] < pd.Timestamp(as_of, tz="UTC"))]
        columns = ["date", "open", "high", "low", "close", "volume"]
        frame[columns].reset_index(drop=True).to_feather(data / f"{coin}_USDT-1h.feather")
    model: dict[str, Any] = {"n_estimators": 200, "num_leaves": 31, "learning_rate": 0.05, "verbosity": -1}
    if threads:
        model["n_jobs"] = threads
    document = {
        "exchange": {"name": "binance", "pair_whitelist": [f"{coin}/USDT" for coin in coins]},
        "pairlists": [{"method": "StaticPairList"}],
        "stake_currency": "USDT", "stake_amount": 100, "dry_run_wallet": 10000, "max_open_trades": 12,
        "timeframe": "1h", "dataformat_ohlcv": "feather", "trading_mode": "spot", "fee": 0.001,
        "entry_pricing": {"price_side": "same", "use_order_book": False},
        "exit_pricing": {"price_side": "same", "use_order_book": False},
        "freqai": {
            "enabled": True, "identifier": "task", "train_period_days": TRAIN_DAYS,
            "backtest_period_days": TEST_DAYS, "purge_old_models": 0,
            "feature_parameters": {
                "include_timeframes": ["1h"], "include_corr_pairlist": [], "label_period_candles": 8,
                "include_shifted_candles": 2, "indicator_periods_candles": [10, 20, 50], "DI_threshold": 0,
            },
            "data_split_parameters": {"test_size": 0, "shuffle": False},
            "model_training_parameters": model,
        },
    }  # fmt: skip
    settings = folder / "config.json"
    settings.write_text(json.dumps(document))
    return [
        "backtesting", "-c", str(settings), "--userdir", str(folder), "--datadir", str(data), "--strategy", "Task",
        "--freqaimodel", "LightGBMClassifier", "--timerange", f"{begin:%Y%m%d}-{as_of:%Y%m%d}", "--cache", "none",
        "--export", "none",
    ]  # fmt: skip


def without_network(coins: list[str]) -> None:
    """Give the exchange its markets without asking it."""
    exchange = importlib.import_module("freqtrade.exchange").Exchange

    def markets(self: Any, *_: Any, **__: Any) -> None:
        self._markets = {f"{coin}/USDT": _market(coin) for coin in coins}
        self._api.set_markets(list(self._markets.values()))
        self._api_async.set_markets(list(self._markets.values()))

    exchange.reload_markets = markets


def _market(coin: str) -> dict[str, Any]:
    return {
        "id": f"{coin}USDT", "symbol": f"{coin}/USDT", "base": coin, "quote": "USDT", "baseId": coin, "quoteId": "USDT",
        "active": True, "type": "spot", "spot": True, "swap": False, "future": False, "margin": False, "option": False,
        "contract": False, "linear": None, "inverse": None, "contractSize": None, "taker": 0.001, "maker": 0.001,
        "precision": {"amount": 1e-5, "price": 1e-5},
        "limits": {each: {"min": 1e-5, "max": None} for each in ("amount", "price", "cost", "leverage")}, "info": {},
    }  # fmt: skip


def main(words: list[str]) -> None:
    """Lay out, and run."""
    candles, folder, as_of, threads, *coins = words
    arguments = lay_out(Path(candles), Path(folder), date.fromisoformat(as_of), int(threads), coins)
    without_network(coins)
    importlib.import_module("freqtrade.main").main(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
