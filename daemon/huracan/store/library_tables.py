"""The tables of the library of trades and models; ``library_rows`` says what their columns mean.

Instants of trades are whole milliseconds rather than timestamps: they come from candles as such, a million of them are
read without a million conversions, and hours and days are grouped by the same arithmetic on every database.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from huracan.store.tables import Base

__all__ = [
    "DailyMetricsTable",
    "FeatureTable",
    "LossTable",
    "ModelDeltaTable",
    "ModelPerformanceTable",
    "ModelTable",
    "PatternPerformanceTable",
    "PatternTable",
    "PostExitTable",
    "TradeMemoryTable",
    "WinTable",
]

Name = Text().with_variant(Text(collation="C"), "postgresql")
"""Names of our own making, ordered by their bytes on every database: pages of rows come in one order everywhere."""


class TradeMemoryTable(Base):
    __tablename__ = "trade_memory"
    __table_args__ = (
        Index("ix_trade_memory_run_date_symbol", "run_date", "symbol"),
        Index("ix_trade_memory_symbol_entered_ms", "symbol", "entered_ms"),
    )

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    run_date: Mapped[date]
    fold: Mapped[int]
    entered_ms: Mapped[int] = mapped_column(BigInteger)
    exited_ms: Mapped[int] = mapped_column(BigInteger)
    entry: Mapped[float]
    exit: Mapped[float]
    stake: Mapped[float]
    score: Mapped[float]
    threshold: Mapped[float]
    gross_bps: Mapped[float]
    cost_bps: Mapped[float]
    net_bps: Mapped[float]
    won: Mapped[bool]
    bars_held: Mapped[int]
    exit_reason: Mapped[str] = mapped_column(Name)
    mae_bps: Mapped[float]
    mfe_bps: Mapped[float]
    market_regime: Mapped[str] = mapped_column(Name)
    volatility_regime: Mapped[str] = mapped_column(Name)
    features: Mapped[dict[str, Any]]
    trend: Mapped[str] = mapped_column(Name, server_default="unknown")
    contributions: Mapped[dict[str, Any] | None]


class ModelTable(Base):
    __tablename__ = "observability_models"
    __table_args__ = (
        Index("ix_observability_models_symbol_as_of", "symbol", "as_of"),
        Index("ix_observability_models_run_date", "run_date"),
    )

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    version: Mapped[str]
    run_id: Mapped[str]
    run_date: Mapped[date]
    as_of: Mapped[datetime]
    exchange: Mapped[str]
    timeframe: Mapped[str]
    trainer: Mapped[str]
    horizon_bars: Mapped[int]
    threshold: Mapped[float | None]
    passed: Mapped[bool]
    seconds: Mapped[float]
    path: Mapped[str]
    sha256: Mapped[str]
    recipe_hash: Mapped[str]
    data_hash: Mapped[str]
    tested_from: Mapped[datetime]
    tested_until: Mapped[datetime]
    rows: Mapped[int]
    trades: Mapped[int]
    parameters: Mapped[dict[str, Any]]
    importance: Mapped[dict[str, Any]]
    gates: Mapped[list[Any]]


class ModelPerformanceTable(Base):
    __tablename__ = "model_performance"

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    run_date: Mapped[date] = mapped_column(index=True)
    sharpe: Mapped[float | None]
    sortino: Mapped[float | None]
    calmar: Mapped[float | None]
    hit_rate: Mapped[float | None]
    net_pnl: Mapped[float | None]
    gross_pnl: Mapped[float | None]
    max_drawdown: Mapped[float | None]
    samples: Mapped[int]
    test_rows: Mapped[int]
    exposure: Mapped[float | None]
    turnover: Mapped[float | None]
    mean_stake: Mapped[float | None]
    cost_share: Mapped[float | None]
    profit_factor: Mapped[float | None]
    mean_trade_net_bps: Mapped[float | None]
    last_7d_net_bps: Mapped[float | None]
    skewness: Mapped[float | None]
    kurtosis: Mapped[float | None]
    probabilistic_sharpe: Mapped[float | None]
    deflated_sharpe: Mapped[float | None]
    luck_sharpe: Mapped[float | None]
    effective_trials: Mapped[float | None]
    log_loss: Mapped[float | None]
    label_share: Mapped[float | None]
    information_coefficient: Mapped[float | None]
    folds: Mapped[list[Any]]


class _DriverColumns:
    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    driver: Mapped[str] = mapped_column(Name, primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    run_date: Mapped[date]
    kind: Mapped[str]
    trades_in: Mapped[int]
    trades_out: Mapped[int]
    mean_in: Mapped[float]
    mean_out: Mapped[float]
    effect: Mapped[float]
    test: Mapped[str]
    p_value: Mapped[float]
    p_adjusted: Mapped[float]


class WinTable(_DriverColumns, Base):
    __tablename__ = "win_analysis"


class LossTable(_DriverColumns, Base):
    __tablename__ = "loss_analysis"


class PatternTable(Base):
    __tablename__ = "pattern_library"

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    fold: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    run_date: Mapped[date]
    rule: Mapped[str]
    conditions: Mapped[list[Any]]
    rows: Mapped[int]
    hit_rate: Mapped[float]
    base_hit_rate: Mapped[float]
    mean_net_bps: Mapped[float]
    base_net_bps: Mapped[float]


class PatternPerformanceTable(Base):
    __tablename__ = "pattern_performance"

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    fold: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    run_date: Mapped[date]
    tested_from_ms: Mapped[int] = mapped_column(BigInteger)
    tested_until_ms: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int]
    hit_rate: Mapped[float | None]
    base_hit_rate: Mapped[float | None]
    mean_net_bps: Mapped[float | None]
    base_net_bps: Mapped[float | None]
    p_value: Mapped[float | None]
    p_adjusted: Mapped[float | None]
    significant: Mapped[bool]


class PostExitTable(Base):
    __tablename__ = "post_exit_tracking"
    __table_args__ = (Index("ix_post_exit_tracking_complete_symbol", "complete", "symbol"),)

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    exited_ms: Mapped[int] = mapped_column(BigInteger)
    after_1_bps: Mapped[float | None]
    after_4_bps: Mapped[float | None]
    after_24_bps: Mapped[float | None]
    best_bps: Mapped[float | None]
    worst_bps: Mapped[float | None]
    complete: Mapped[bool]


class FeatureTable(Base):
    __tablename__ = "features"

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    feature: Mapped[str] = mapped_column(Name, primary_key=True)
    position: Mapped[int]
    missing: Mapped[float]
    mean: Mapped[float | None]
    deviation: Mapped[float | None]
    minimum: Mapped[float | None]
    p05: Mapped[float | None]
    median: Mapped[float | None]
    p95: Mapped[float | None]
    maximum: Mapped[float | None]
    importance: Mapped[float | None]


class ModelDeltaTable(Base):
    __tablename__ = "observability_model_deltas"

    model_id: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str] = mapped_column(Name, primary_key=True)
    symbol: Mapped[str] = mapped_column(Name)
    run_date: Mapped[date]
    before_id: Mapped[str]
    before: Mapped[float | None]
    after: Mapped[float | None]
    before_text: Mapped[str]
    after_text: Mapped[str]


class DailyMetricsTable(Base):
    __tablename__ = "daily_metrics"

    run_date: Mapped[date] = mapped_column(primary_key=True)
    run_id: Mapped[str]
    coins: Mapped[int]
    trained: Mapped[int]
    failed: Mapped[int]
    skipped: Mapped[int]
    passed: Mapped[int]
    champions: Mapped[int]
    trades: Mapped[int]
    mean_sharpe: Mapped[float | None]
    best_symbol: Mapped[str | None]
    best_sharpe: Mapped[float | None]
    mean_hit_rate: Mapped[float | None]
    mean_net_pnl: Mapped[float | None]
    portfolio_net_pnl: Mapped[float | None]
    portfolio_sharpe: Mapped[float | None]
    portfolio_max_drawdown: Mapped[float | None]
