"""The section ``training``: every number of a training night."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from huracan.config import Section

__all__ = ["ChampionSettings", "GateSettings", "RosterSettings", "TrainingSettings"]


class GateSettings(Section):
    """What a model must show on rows it has not seen, after costs, before it may be traded."""

    sharpe: float = Field(0.5, description="Sharpe ratio, annualised, must be above this.")
    hit_rate: float = Field(0.45, ge=0, le=1, description="Share of trades that earn more than they cost, above this.")
    net_pnl: float = Field(0.0, description="Profit after costs as a fraction of the stake, above this.")
    max_drawdown: float = Field(0.20, gt=0, le=1, description="Largest fall from a peak as a fraction, below this.")
    samples: int = Field(100, ge=0, description="Out-of-sample trades, above this.")


class ChampionSettings(Section):
    """When the model of tonight takes the place of an older one."""

    min_sharpe_gain: float = Field(0.0, ge=0, description="A new model must beat the champion's Sharpe by more.")
    max_age_days: int = Field(
        30,
        ge=1,
        description="An unbeaten champion is dismissed after so many days: its measures are of another market.",
    )


class RosterSettings(Section):
    """Weights of the roster's score; each part is the coin's rank among tonight's coins, scaled to 0..1."""

    liquidity: float = Field(0.3, ge=0, description="Weight of the quote volume of the last 24 h.")
    cost: float = Field(0.2, ge=0, description="Weight of low costs of a round trip.")
    edge: float = Field(0.5, ge=0, description="Weight of the net result of the last 7 days.")


class TrainingSettings(Section):
    """How models are trained, judged and ranked."""

    mode: Literal["sequential", "parallel", "hybrid"] = Field(
        "hybrid", description="One coin after the other, all workers freely, or batches under the cap of workers."
    )
    workers: int = Field(0, ge=0, description="Worker processes, one thread each; 0 means the usable cores.")
    max_workers: int = Field(12, ge=1, description="No more workers than this, whatever the cores.")
    batch: int = Field(
        10, ge=1, description="Hybrid: coins of a batch, which ends with its retries before the next begins."
    )
    minutes_per_coin: float = Field(45.0, gt=0, description="A coin's worker is killed after this.")
    minutes_per_step: float = Field(
        10.0, gt=0, description="A worker that reports no finished step for so long hangs and is killed."
    )
    retries: int = Field(2, ge=0, le=20, description="How often a coin is tried again after an error.")
    retry_delay: float = Field(5.0, ge=0, description="Seconds before the first retry; doubles, with jitter.")
    symbols: str = Field(
        "",
        description='Which coins of the universe: "" for all, "top5", a list "BTC-USDT,SOL-USDT", '
        "or a CSV file whose first column names them.",
    )
    trainer: str = Field("lightgbm", description="Trainer by name, among those that plugins offer.")
    folds: int = Field(5, ge=2, le=50, description="Consecutive test folds of the walk-forward validation.")
    test_share: float = Field(0.6, gt=0, lt=1, description="Share of the rows, the latest ones, that folds test on.")
    horizon_bars: int = Field(8, ge=1, description="Bars that a trade is held, and that a label looks ahead.")
    embargo_bars: int = Field(8, ge=0, description="Rows after each test fold that are neither tested nor trained on.")
    min_rows: int = Field(500, ge=50, description="A coin with fewer usable rows is skipped.")
    min_train_rows: int = Field(300, ge=20, description="Rows that the first fold has to train on, at least.")
    inner_share: float = Field(
        0.25, gt=0, lt=1, description="Share of a fold's training rows, the latest, that search and threshold use."
    )
    search_candidates: int = Field(6, ge=1, description="How many of the trainer's parameter sets are tried per fold.")
    order_quote: float = Field(1000.0, gt=0, description="Size of an order in quote currency, for slippage.")
    seed: int = Field(7, ge=0, lt=2**31, description="Seed of everything that is drawn at random.")
    gates: GateSettings = Field(default_factory=GateSettings, description="Limits of the quality gates.")
    champion: ChampionSettings = Field(default_factory=ChampionSettings, description="Rules for champions.")
    roster: RosterSettings = Field(default_factory=RosterSettings, description="Weights of the roster's score.")
