"""Rows of the library of trades and models: frozen values, each the shape of one table.

Prices are in quote currency a unit; ``_bps`` are basis points (0.01 %) of what was put in, after the position's
direction; ``_ms`` are milliseconds since 1970, UTC, as candles have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

__all__ = [
    "DailyMetrics",
    "Driver",
    "FeatureSummary",
    "LibraryModel",
    "ModelDelta",
    "ModelPerformance",
    "Pattern",
    "PatternPerformance",
    "PostExit",
    "SimulatedTrade",
    "TradeFilter",
    "TradeGroup",
    "TradeStep",
    "UnfinishedExit",
]


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@dataclass(frozen=True, slots=True)
class SimulatedTrade:
    """A trade that a model would have made on rows it had not seen (table ``trade_memory``).

    ``number`` counts the model's trades from 1 in order of time. ``stake`` is the share of the equity put in,
    ``net_bps`` what it earned after all costs, ``cost_bps`` the difference to ``gross_bps``. ``mae_bps`` and
    ``mfe_bps`` are how far the price went against and for the position while it was held (at most 0, at least 0).
    Regimes, ``trend`` and ``features`` are those of the row that decided, known before the entry: of the features those
    that mattered most to the folds' models. ``contributions`` are what each of these added to the score's log odds,
    None where the model does not tell.
    """

    model_id: str
    number: int
    symbol: str
    run_date: date
    fold: int
    entered_ms: int
    exited_ms: int
    entry: float
    exit: float
    stake: float
    score: float
    threshold: float
    gross_bps: float
    cost_bps: float
    net_bps: float
    won: bool
    bars_held: int
    exit_reason: str
    mae_bps: float
    mfe_bps: float
    market_regime: str
    volatility_regime: str
    features: Mapping[str, float | None]
    trend: str = "unknown"
    contributions: Mapping[str, float] | None = None

    @property
    def id(self) -> str:
        return f"{self.model_id}#{self.number}"

    @property
    def entered_at(self) -> datetime:
        return _instant(self.entered_ms)

    @property
    def exited_at(self) -> datetime:
        return _instant(self.exited_ms)


@dataclass(frozen=True, slots=True)
class TradeStep:
    """An event in the life of a trade (view ``observability_trades``): decision, entry or exit.

    ``value`` is the score of a decision, else the price; ``detail`` the regimes of a decision, the stake of an entry
    as a fraction, the reason of an exit.
    """

    model_id: str
    number: int
    symbol: str
    step: str
    time_ms: int
    value: float
    detail: str


@dataclass(frozen=True, slots=True)
class LibraryModel:
    """A model as the night left it (table ``observability_models``).

    ``path`` is its folder below the workspace and ``sha256`` the digest of that folder's checksums. Its folds tested
    the bars from ``tested_from`` until ``tested_until``; ``rows`` are all it could learn from, ``trades`` how many it
    made; ``importance`` are the features that matter most, ``gates`` what each gate said.
    """

    model_id: str
    symbol: str
    version: str
    run_id: str
    run_date: date
    as_of: datetime
    exchange: str
    timeframe: str
    trainer: str
    horizon_bars: int
    threshold: float | None
    passed: bool
    seconds: float
    path: str
    sha256: str
    recipe_hash: str
    data_hash: str
    tested_from: datetime
    tested_until: datetime
    rows: int
    trades: int
    parameters: Mapping[str, Any]
    importance: Mapping[str, float]
    gates: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ModelPerformance:
    """Out-of-sample measures of a model after costs (table ``model_performance``): those of its ``metrics.json``."""

    model_id: str
    symbol: str
    run_date: date
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    hit_rate: float | None
    net_pnl: float | None
    gross_pnl: float | None
    max_drawdown: float | None
    samples: int
    test_rows: int
    exposure: float | None
    turnover: float | None
    mean_stake: float | None
    cost_share: float | None
    profit_factor: float | None
    mean_trade_net_bps: float | None
    last_7d_net_bps: float | None
    skewness: float | None
    kurtosis: float | None
    probabilistic_sharpe: float | None
    deflated_sharpe: float | None
    luck_sharpe: float | None
    effective_trials: float | None
    log_loss: float | None
    label_share: float | None
    information_coefficient: float | None
    folds: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Driver:
    """What one group of a model's trades had that the other had not (tables ``win_analysis``, ``loss_analysis``).

    In ``win_analysis`` the group is the winners against the losers; in ``loss_analysis`` the losses larger than the
    median loss against the smaller ones. ``kind`` is excursion, trade, regime, feature (its value at the decision) or
    contribution (what the feature added to the score's log odds); ``effect`` is Cohen's d, and ``p_adjusted`` the
    p-value of ``test`` after Benjamini and Hochberg over all drivers of the model.
    """

    model_id: str
    driver: str
    symbol: str
    run_date: date
    kind: str
    trades_in: int
    trades_out: int
    mean_in: float
    mean_out: float
    effect: float
    test: str
    p_value: float
    p_adjusted: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A rule found in the rows before a fold (table ``pattern_library``).

    ``conditions`` are ``{"feature", "side" (above or below), "value"}``, all of which must hold; ``rule`` says them in
    words. Shares and means are over ``rows`` that lie at least a horizon apart, against all such rows.
    """

    model_id: str
    fold: int
    number: int
    symbol: str
    run_date: date
    rule: str
    conditions: Sequence[Mapping[str, Any]]
    rows: int
    hit_rate: float
    base_hit_rate: float
    mean_net_bps: float
    base_net_bps: float


@dataclass(frozen=True, slots=True)
class PatternPerformance:
    """The same rule on the fold it had not seen (table ``pattern_performance``).

    Measures are None where no row of the fold met the rule. ``p_value`` is one sided, ``p_adjusted`` after Benjamini
    and Hochberg over all rules of the model, and ``significant`` says that it is at most 0.05.
    """

    model_id: str
    fold: int
    number: int
    symbol: str
    run_date: date
    tested_from_ms: int
    tested_until_ms: int
    rows: int
    hit_rate: float | None
    base_hit_rate: float | None
    mean_net_bps: float | None
    base_net_bps: float | None
    p_value: float | None
    p_adjusted: float | None
    significant: bool


@dataclass(frozen=True, slots=True)
class PostExit:
    """What the price did after a trade's exit (table ``post_exit_tracking``), in bps of the exit price.

    ``after_n_bps`` is the close ``n`` bars later, None until that candle has come; ``best_bps`` and ``worst_bps`` are
    the highest high and lowest low of the bars known so far, at most 24. ``complete`` says that nothing more comes: 24
    bars are known, or none of them came for 720.
    """

    model_id: str
    number: int
    symbol: str
    exited_ms: int
    after_1_bps: float | None
    after_4_bps: float | None
    after_24_bps: float | None
    best_bps: float | None
    worst_bps: float | None
    complete: bool


@dataclass(frozen=True, slots=True)
class UnfinishedExit:
    """A trade's exit after which more candles are awaited; ``timeframe`` is that of its model."""

    model_id: str
    number: int
    exited_ms: int
    price: float
    timeframe: str


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """What a column of a model's rows looked like (table ``features``): ``missing`` is the share of unknown values,
    ``importance`` its part in the final model, None where the model does not tell."""

    model_id: str
    feature: str
    position: int
    missing: float
    mean: float | None
    deviation: float | None
    minimum: float | None
    p05: float | None
    median: float | None
    p95: float | None
    maximum: float | None
    importance: float | None


@dataclass(frozen=True, slots=True)
class ModelDelta:
    """What differs from the coin's model before (table ``observability_model_deltas``).

    ``kind`` is measure, importance, parameter or gate. Numbers stand in ``before`` and ``after``; what is no number
    stands in ``before_text`` and ``after_text``.
    """

    model_id: str
    kind: str
    name: str
    symbol: str
    run_date: date
    before_id: str
    before: float | None
    after: float | None
    before_text: str = ""
    after_text: str = ""


@dataclass(frozen=True, slots=True)
class DailyMetrics:
    """A night in one row (table ``daily_metrics``). ``portfolio_*`` hold equal parts of all coins trained that night,
    over the calendar days on which their simulated trades ended; Sharpe ratios are annualised."""

    run_date: date
    run_id: str
    coins: int
    trained: int
    failed: int
    skipped: int
    passed: int
    champions: int
    trades: int
    mean_sharpe: float | None
    best_symbol: str | None
    best_sharpe: float | None
    mean_hit_rate: float | None
    mean_net_pnl: float | None
    portfolio_net_pnl: float | None
    portfolio_sharpe: float | None
    portfolio_max_drawdown: float | None


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Which simulated trades are meant; everything that is None is not asked for.

    ``since`` and ``until`` bound the entry, from ``since`` on and before ``until``.
    """

    symbol: str | None = None
    model_id: str | None = None
    models: Sequence[str] | None = None
    run_date: date | None = None
    since: datetime | None = None
    until: datetime | None = None
    won: bool | None = None


@dataclass(frozen=True, slots=True)
class TradeGroup:
    """Trades that share a ``key`` (a symbol, an hour, a regime ...): counts, and means over the trades in bps.

    ``equity_bps`` is the sum of stake times net result: what the group added to the equity of its models, not
    compounded.
    """

    key: str
    trades: int
    won: int
    gross_bps: float
    cost_bps: float
    net_bps: float
    equity_bps: float
    mae_bps: float
    mfe_bps: float
    bars_held: float

    @property
    def hit_rate(self) -> float:
        return self.won / self.trades
