"""Fills the library of a store with made-up rows of any number, as nights would have left them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from huracan.store import (
    DailyMetrics,
    Driver,
    FeatureSummary,
    LibraryModel,
    ModelDelta,
    ModelPerformance,
    Pattern,
    PatternPerformance,
    PostExit,
    SimulatedTrade,
    Store,
)

SYMBOLS = (
    "BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT", "DOGE-USDT", "LINK-USDT", "DOT-USDT", "LTC-USDT",
    "AVAX-USDT",
)  # fmt: skip
FEATURES = ("atr_14", "bb_width_20", "close_to_ema_48", "hour_sin", "macd", "mom_24", "rsi_14", "volume_z_24")
HOUR_MS = 3_600_000
HORIZON = 8
LAST_NIGHT = date(2023, 12, 30)


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that the library holds of one model."""

    model: LibraryModel
    performance: ModelPerformance
    trades: list[SimulatedTrade]
    patterns: list[Pattern]
    tested: list[PatternPerformance]


def fill_library(
    store: Store, trades: int, *, coins: int = 5, trades_per_model: int = 200, seed: int = 7, analysis: bool = True
) -> list[str]:
    """Store at least one model and exactly ``trades`` trades; return the ids of the models, oldest night first.

    Nights go back from 2023-12-30, one model per coin and night. ``analysis`` adds what the journal writes: drivers,
    features, deltas, what came after exits, and a row per night.
    """
    library = store.library
    nights: dict[date, list[Recorded]] = {}
    for each in made_models(trades, coins=coins, trades_per_model=trades_per_model, seed=seed):
        library.record_model(each.model, each.performance, each.trades, each.patterns, each.tested)
        # Without its trades: of a million of them only one model's are in memory.
        nights.setdefault(each.model.run_date, []).append(replace(each, trades=[]))
        if analysis:
            analyse(store, each)
    for run_date, models in nights.items() if analysis else ():
        library.record_day(day_of(run_date, models))
    return [each.model.model_id for models in nights.values() for each in models]


def analyse(store: Store, each: Recorded, *, exits: bool = True) -> None:
    """Store what the journal finds out about a model, with ``exits`` what came after its trades as well."""
    store.library.record_analysis(
        each.model.model_id, _drivers(each, 1.0), _drivers(each, -0.5), _features(each.model), _deltas(each.model)
    )
    if exits:
        store.library.record_exits(exits_of(each.trades))


def made_models(trades: int, *, coins: int = 5, trades_per_model: int = 200, seed: int = 7) -> Iterator[Recorded]:
    """Yield models whose trades are ``trades`` in all, oldest night first."""
    models = max(-(-trades // trades_per_model), 1)
    nights = -(-models // coins)
    for number in range(models):
        night = LAST_NIGHT - timedelta(days=nights - 1 - number // coins)
        count = min(trades_per_model, trades - number * trades_per_model)
        yield _made(coin_name(number % coins), night, count, seed * 1_000_003 + number)


def coin_name(number: int) -> str:
    return SYMBOLS[number] if number < len(SYMBOLS) else f"C{number:03}-USDT"


def _made(symbol: str, run_date: date, count: int, seed: int) -> Recorded:
    random = np.random.default_rng(seed)
    as_of = datetime.combine(run_date, time(2), UTC)
    model_id = f"{symbol}/{as_of:%Y%m%d_%H%M%SZ}"
    trades = _trades(random, symbol, model_id, run_date, as_of, count)
    net = np.array([each.stake * each.net_bps / 1e4 for each in trades] or [0.0])
    sharpe = float(random.normal(1.0, 1.0))
    model = LibraryModel(
        model_id, symbol, model_id.split("/")[1], f"nightly-{run_date}-1", run_date, as_of, "binance", "1h", "lightgbm",
        HORIZON, 0.55, sharpe > 1.0, 12.5, f"models/{model_id}", f"{seed:064x}", "a" * 64, "b" * 64,
        as_of - timedelta(hours=12 * (count + 2)), as_of, 8000, len(trades),
        {"learning_rate": 0.05, "num_leaves": 31}, {name: float(random.gamma(2.0)) for name in FEATURES},
        [{"gate": "sharpe", "value": sharpe, "limit": 1.0, "passed": sharpe > 1.0, "sentence": f"Sharpe {sharpe:.2f}"}],
    )  # fmt: skip
    performance = ModelPerformance(
        model_id, symbol, run_date, sharpe, sharpe * 1.3, sharpe * 0.8,
        float(np.mean([each.won for each in trades])) if trades else None, float(np.prod(1 + net) - 1),
        float(np.prod(1 + net * 1.2) - 1), 0.08, len(trades), 2400, 0.3, 900.0, 0.6, 0.2, 1.2,
        float(np.mean([each.net_bps for each in trades])) if trades else None, 14.2, 0.1, 4.2, 0.9, 0.7, 0.6, 1.5, 0.68,
        0.48, 0.04, [{"fold": 1, "sharpe": sharpe, "samples": len(trades)}],
    )  # fmt: skip
    patterns, tested = _patterns(random, model, as_of)
    return Recorded(model, performance, trades, patterns, tested)


def _trades(
    random: np.random.Generator, symbol: str, model_id: str, run_date: date, as_of: datetime, count: int
) -> list[SimulatedTrade]:
    first = round(as_of.timestamp() * 1000) - (count + 1) * 12 * HOUR_MS
    gross = random.normal(8.0, 120.0, count)
    cost, stake, score = (
        random.uniform(20.0, 30.0, count),
        random.uniform(0.2, 1.0, count),
        random.uniform(0.55, 0.9, count),
    )
    held, entry = random.integers(1, HORIZON + 1, count), 100.0 * np.exp(np.cumsum(random.normal(0, 0.01, count)))
    against, along = random.exponential(60.0, count), random.exponential(70.0, count)
    market, wild = random.integers(0, 3, count), random.integers(0, 3, count)
    columns = random.normal(size=(count, len(FEATURES)))
    trend = random.integers(0, 3, count)
    trades = []
    for i in range(count):
        bars, entered = int(held[i]), first + i * 12 * HOUR_MS
        net = float(gross[i] - cost[i])
        reason = "horizon" if bars == HORIZON else "take-profit" if gross[i] > 0 else "stop-loss"
        trades.append(
            SimulatedTrade(
                model_id, i + 1, symbol, run_date, 1 + i * 4 // max(count, 1), entered, entered + bars * HOUR_MS,
                float(entry[i]), float(entry[i] * (1 + gross[i] / 1e4)), float(stake[i]), float(score[i]), 0.55,
                float(gross[i]), float(cost[i]), net, net > 0, bars, reason,
                -float(max(against[i], -gross[i])), float(max(along[i], gross[i])),
                ("TREND", "RANGE", "PANIC")[market[i]], ("low", "medium", "high")[wild[i]],
                {name: round(float(columns[i, k]), 6) for k, name in enumerate(FEATURES)},
                ("rising", "sideways", "falling")[trend[i]],
                {name: round(float(columns[i, k]) * 0.02 * (k + 1), 6) for k, name in enumerate(FEATURES)},
            )
        )  # fmt: skip
    return trades


def _patterns(
    random: np.random.Generator, model: LibraryModel, as_of: datetime
) -> tuple[list[Pattern], list[PatternPerformance]]:
    patterns, tested, until = [], [], round(as_of.timestamp() * 1000)
    for fold in (1, 2):
        for number in (1, 2, 3):
            feature, value = FEATURES[int(random.integers(len(FEATURES)))], float(random.normal())
            p_value = float(random.uniform())
            patterns.append(
                Pattern(
                    model.model_id, fold, number, model.symbol, model.run_date, f"{feature} above {value:.4g}",
                    [{"feature": feature, "side": "above", "value": value}], 140, 0.56, 0.48, 14.0, -6.0,
                )
            )  # fmt: skip
            tested.append(
                PatternPerformance(
                    model.model_id, fold, number, model.symbol, model.run_date, until - 400 * HOUR_MS, until, 40, 0.51,
                    0.47, 3.0, -5.0, p_value, min(p_value * 6, 1.0), p_value * 6 <= 0.05,
                )
            )  # fmt: skip
    return patterns, tested


def _drivers(each: Recorded, effect: float) -> list[Driver]:
    model, won = each.model, sum(trade.won for trade in each.trades)
    lost = len(each.trades) - won
    return [
        Driver(model.model_id, name, model.symbol, model.run_date, kind, won, lost, 0.4, 0.1, effect * (1 - i * 0.2),
               "Mann-Whitney", 0.001 * 4**i, min(0.004 * 4**i, 1.0))
        for i, (name, kind) in enumerate((("mfe_bps", "excursion"), ("trend: rising", "regime"), ("rsi_14", "feature")))
    ]  # fmt: skip


def _features(model: LibraryModel) -> list[FeatureSummary]:
    return [
        FeatureSummary(model.model_id, name, i, 0.0, 0.01, 1.0, -4.0, -1.6, 0.0, 1.6, 4.0, model.importance[name])
        for i, name in enumerate(FEATURES)
    ]


def _deltas(model: LibraryModel) -> list[ModelDelta]:
    before = f"{model.symbol}/{model.as_of - timedelta(days=1):%Y%m%d_%H%M%SZ}"
    common = (model.symbol, model.run_date, before)
    return [
        ModelDelta(model.model_id, "measure", "sharpe", *common, 0.8, 1.1),
        ModelDelta(model.model_id, "importance", "rsi_14", *common, 0.1, 0.3),
        ModelDelta(model.model_id, "parameter", "boosting", *common, None, None, "gbdt", "dart"),
    ]


def exits_of(trades: list[SimulatedTrade]) -> list[PostExit]:
    return [
        PostExit(each.model_id, each.number, each.symbol, each.exited_ms, 4.0, -7.5, 21.0, 80.0, -60.0, True)
        for each in trades
    ]


def day_of(run_date: date, models: list[Recorded]) -> DailyMetrics:
    best = max(models, key=lambda each: each.performance.sharpe or 0.0)
    pnl = float(np.mean([each.performance.net_pnl for each in models]))
    return DailyMetrics(
        run_date, best.model.run_id, len(models), len(models), 0, 0, sum(each.model.passed for each in models), 1,
        sum(each.model.trades for each in models), float(np.mean([each.performance.sharpe for each in models])),
        best.model.symbol, best.performance.sharpe, 0.5, pnl, pnl, 1.1, 0.06,
    )  # fmt: skip
