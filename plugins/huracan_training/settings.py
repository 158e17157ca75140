"""The section ``training``: every number of a training night."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from huracan.config import Section

__all__ = [
    "ChampionSettings",
    "EncoderSettings",
    "GateSettings",
    "LabelSettings",
    "LibrarySettings",
    "OrderSettings",
    "RosterSettings",
    "SearchSettings",
    "TrainingSettings",
]


class LabelSettings(Section):
    """Which trade a row stands for, and with it what its label says: did that trade earn more than it cost."""

    kind: Literal["forward", "barrier"] = Field(
        "forward",
        description="forward: sold after training.horizon_bars; barrier: sold earlier where the price touches a "
        "barrier (triple barrier).",
    )
    take_profit: float = Field(
        2.0, gt=0, description="Barrier above the entry, in standard deviations of returns over the horizon."
    )
    stop_loss: float = Field(
        1.0, gt=0, description="Barrier below the entry, in standard deviations of returns over the horizon."
    )


class SearchSettings(Section):
    """The search for parameters: Optuna, on the training rows of the first fold alone."""

    trials: int = Field(
        1,
        ge=1,
        le=1000,
        description="Parameter sets tried per coin; 1 takes the trainer's defaults. On a year of hours others "
        "are rarely better by more than noise.",
    )
    seconds: float = Field(
        0.0,
        ge=0,
        description="No new trial after so many seconds; 0 for no limit. With a limit, bytes depend on speed.",
    )
    inner_share: float = Field(
        0.3, gt=0, lt=1, description="Share of the first fold's training rows, the latest, that trials are compared on."
    )


class EncoderSettings(Section):
    """The shared encoder: what the features of all coins have in common, as a few more columns."""

    use: Literal["auto", "on", "off"] = Field(
        "auto", description="auto asks each coin's validation rows whether it helps; on and off do not ask."
    )
    components: int = Field(8, ge=1, le=64, description="Principal components that are kept.")


class OrderSettings(Section):
    """What orders cost is estimated for these."""

    quote: float = Field(1000.0, gt=0, description="Size of an order in quote currency, for slippage.")
    entry: Literal["taker", "maker"] = Field(
        "taker", description="Fee side of entries. A maker pays neither spread nor slippage, and may not be filled."
    )
    exit: Literal["taker", "maker"] = Field("taker", description="Fee side of exits.")
    risk: float = Field(
        0.0075,
        gt=0,
        le=1,
        description="Share of the equity that a move of one standard deviation against a trade costs: the stake of a "
        "trade is this over the coin's volatility, and never more than everything.",
    )


class GateSettings(Section):
    """What a model must show on rows it has not seen, after costs, before it may be traded."""

    sharpe: float = Field(0.5, description="Sharpe ratio, annualised, must be above this.")
    hit_rate: float = Field(0.45, ge=0, le=1, description="Share of trades that earn more than they cost, above this.")
    net_pnl: float = Field(0.0, description="Profit after costs as a fraction of the stake, above this.")
    max_drawdown: float = Field(0.20, gt=0, le=1, description="Largest fall from a peak as a fraction, below this.")
    samples: int = Field(100, ge=0, description="Out-of-sample trades, above this.")
    deflated_sharpe: float | None = Field(
        0.95,
        ge=0,
        lt=1,
        description="Probability that the Sharpe ratio is not the luck of the best of all that was tried, above this; "
        "null switches this gate off.",
    )


class ChampionSettings(Section):
    """When the model of tonight takes the place of an older one."""

    significance: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="A new model replaces a champion if it earned more on the same rows, and the chance that this is "
        "noise is below this.",
    )
    min_days: float = Field(
        7.0, gt=0, description="Days of common rows, unseen by both, that such a comparison needs at least."
    )
    max_age_days: int = Field(
        30,
        ge=1,
        description="An unbeaten champion is dismissed after so many days: its measures are of another market.",
    )


class LibrarySettings(Section):
    """What the library of trades and models keeps."""

    keep_models: int = Field(
        30,
        ge=1,
        description="Trades of so many of a coin's newest models, and of its champion, are kept; of older models "
        "everything but single trades and columns.",
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
    memory_per_worker_mib: int = Field(
        300, ge=1, description="What a worker is taken to need until one of the night has needed more, MiB."
    )
    memory_reserve_mib: int = Field(
        512, ge=0, description="No further worker is started where less than this would stay free, MiB."
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
        "or a .csv or .txt file whose first column names them.",
    )
    trainer: str = Field(
        "auto",
        description="Trainer by name, among those that plugins offer; auto is lightgbm, and logistic where less than "
        "2 GiB of memory are free.",
    )
    parameters: dict[str, int | float | str | bool] = Field(
        default_factory=dict, description="Parameters of the trainer that are not to be searched, by name."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where boosting computes; auto takes a GPU where there is one that the library can use."
    )
    executor: Literal["local", "ray"] = Field("local", description="Worker processes here, or a Ray cluster.")
    address: str = Field(
        "", description="Ray: address of the cluster's head as host:port; empty starts one on this machine."
    )
    folds: int = Field(5, ge=2, le=50, description="Consecutive test folds of the walk-forward validation.")
    test_share: float = Field(0.7, gt=0, lt=1, description="Share of the rows, the latest ones, that folds test on.")
    window: Literal["expanding", "rolling"] = Field(
        "expanding", description="Training rows of a fold: all before it, or the latest training.train_bars of them."
    )
    train_bars: int = Field(8760, ge=20, description="Rolling: how many rows a fold trains on.")
    horizon_bars: int = Field(8, ge=1, description="Bars that a trade is held at most; a label looks as far ahead.")
    embargo_bars: int = Field(8, ge=0, description="Rows after each test fold that are neither tested nor trained on.")
    min_rows: int = Field(500, ge=50, description="A coin with fewer usable rows is skipped.")
    min_train_rows: int = Field(300, ge=20, description="Rows that the first fold has to train on, at least.")
    seed: int = Field(7, ge=0, lt=2**31, description="Seed of everything that is drawn at random.")
    label: LabelSettings = Field(default_factory=LabelSettings, description="Which trades rows stand for.")
    search: SearchSettings = Field(default_factory=SearchSettings, description="Search for parameters.")
    encoder: EncoderSettings = Field(default_factory=EncoderSettings, description="What all coins have in common.")
    order: OrderSettings = Field(default_factory=OrderSettings, description="Orders whose costs are estimated.")
    gates: GateSettings = Field(default_factory=GateSettings, description="Limits of the quality gates.")
    champion: ChampionSettings = Field(default_factory=ChampionSettings, description="Rules for champions.")
    roster: RosterSettings = Field(default_factory=RosterSettings, description="Weights of the roster's score.")
    library: LibrarySettings = Field(default_factory=LibrarySettings, description="What the library keeps.")

    @model_validator(mode="after")
    def _rolling_window_is_wide_enough(self) -> Self:
        if self.window == "rolling" and self.train_bars < self.min_train_rows:
            raise ValueError(
                f"train_bars ({self.train_bars}) must not be below min_train_rows ({self.min_train_rows}) "
                "where the window is rolling"
            )
        return self
