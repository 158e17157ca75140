"""The frozen values that plugins and core hand each other. Importing this module is cheap: no library is loaded.

A *reference* is a string ``"package.module:function"``: jobs, services and commands are named that way, so that the
daemon and ``huracan --help`` know them without importing what they import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from pydantic import BaseModel

    from huracan.context import Context
    from huracan.market.candles import Candles
    from huracan.market.funding import Funding
    from huracan.remote.base import RemoteStore

__all__ = [
    "Candidate",
    "Check",
    "CheckResult",
    "CheckState",
    "Choices",
    "Command",
    "ConcurrentSource",
    "Event",
    "Examiner",
    "Exchange",
    "ExchangeType",
    "Export",
    "FeatureInput",
    "FeatureSet",
    "FittedModel",
    "FloatRange",
    "FundingSource",
    "Gate",
    "IntRange",
    "Job",
    "JobResult",
    "Market",
    "MarketKind",
    "Notifier",
    "Outcome",
    "RemoteType",
    "SelfCheck",
    "Service",
    "SettingsSection",
    "Severity",
    "Space",
    "Ticker",
    "Trainer",
    "TrainingData",
    "UniverseRule",
    "Verdict",
    "Watch",
    "WatchedFit",
]


# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class SettingsSection:
    """One top-level section of the settings file. ``model`` is a frozen pydantic model, every field with a default."""

    name: str
    model: type[BaseModel]


# ------------------------------------------------------------------------------------------------ jobs and services


class Outcome(StrEnum):
    """How a job ended, as the ledger keeps it."""

    DONE = "done"
    PARTLY_FAILED = "partly-failed"
    NOTHING_TO_DO = "nothing-to-do"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job returns: how it ended and one line for a person. ``problems`` are lines, one per failed part."""

    outcome: Outcome = Outcome.DONE
    summary: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A named piece of work that ends.

    ``run`` is a reference to ``function(context) -> JobResult``. ``after`` names jobs of the same pipeline; a job runs
    when all of them ended, and is not run when one of them failed. Times are seconds: ``time_limit`` for
    the whole job, ``stall_limit`` for the longest silence between two ``context.progress.step`` calls.
    """

    name: str
    run: str
    description: str
    pipeline: str = "nightly"
    after: tuple[str, ...] = ()
    time_limit: float = 3600.0
    stall_limit: float = 300.0
    retries: int = 2
    retry_delay: float = 5.0
    always: bool = False
    """Run even when a job named in ``after`` failed (clean-up, summary)."""


@dataclass(frozen=True, slots=True)
class Service:
    """Work that does not end. ``run`` is a reference to ``function(context) -> None`` that loops until stopped."""

    name: str
    run: str
    description: str
    stall_limit: float = 120.0
    restart_delay: float = 1.0
    restart_delay_max: float = 300.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the ``huracan`` line. ``module`` holds ``configure(parser)`` and ``run(arguments) -> int``."""

    name: str
    help: str
    module: str


# ------------------------------------------------------------------------------------------------- health and events


class CheckState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found; ``hint`` says how to mend it and is required unless the state is ok."""

    state: CheckState
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question about health, answered within seconds.

    A ``requirement`` is asked when the plugin is loaded, with ``None`` for the context: where it fails, the plugin is
    switched off (status ``failed-check``).
    """

    name: str
    run: Callable[[Context | None], CheckResult]
    requirement: bool = False


class Severity(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact worth telling; alerts and logs are views of events. ``fields`` hold JSON values, never secrets."""

    kind: str
    severity: Severity
    title: str
    time: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    job: str | None = None
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class Notifier:
    """A channel that carries events to a person. ``send`` may raise: a failing notifier never fails a job."""

    name: str
    send: Callable[[Context, Event], None]
    least_severity: Severity = Severity.INFO


# ------------------------------------------------------------------------------------------------------------ market


class MarketKind(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"


@dataclass(frozen=True, slots=True)
class Market:
    """One pair of an exchange. ``symbol`` is ``BASE-QUOTE`` everywhere. Fees are per side, in basis points."""

    symbol: str
    base: str
    quote: str
    kind: MarketKind = MarketKind.SPOT
    active: bool = True
    listed_at: datetime | None = None
    taker_fee_bps: float = 10.0
    maker_fee_bps: float = 10.0
    leveraged_token: bool = False
    source: str = "default"
    """Where the fees come from: ``exchange``, ``estimate`` or ``default``."""
    price_step: float | None = None
    amount_step: float | None = None
    least_amount: float | None = None
    least_cost: float | None = None
    """Limits of an order, in quote currency a unit, base, base and quote currency; None where nobody says."""


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last 24 h of a market up to ``time``. ``quote_volume`` in quote currency, ``spread_bps`` the full spread."""

    symbol: str
    time: datetime
    last: float
    quote_volume: float
    spread_bps: float
    spread_source: str
    active_share: float | None
    """Share of the bars of the last 7 days that exist and carry volume, 0 to 1; None where it is not known (yet)."""
    daily_volatility: float | None
    """Standard deviation of log returns of the last 7 days, scaled to a day, as a fraction; None as above."""
    last_trade_at: datetime | None = None
    depth: float | None = None
    """What can be bought and sold within 50 bp of the middle, the smaller of both, quote currency; None as above."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a universe rule judges: a pair and its last day, as of ``as_of``."""

    market: Market
    ticker: Ticker
    as_of: datetime
    examined: bool = True
    """False while the exchange was not yet asked for what takes requests of its own: a rule waits for what is None."""

    @property
    def age_days(self) -> float | None:
        """Days since listing, or None where the exchange does not say."""
        if self.market.listed_at is None:
            return None
        return (self.as_of - self.market.listed_at).total_seconds() / 86400.0


class Exchange(Protocol):
    """An open connection to an exchange that shows nothing later than the clock it was opened with.

    One that knows the funding of its perpetuals is a :class:`FundingSource` besides.
    """

    def markets(self) -> Sequence[Market]: ...

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]: ...

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        """Yield pages, oldest first, of closed candles with ``since <= open time < until`` (ms, UTC).

        Raises :class:`huracan.errors.DataError` where the symbol's data cannot be used, and
        :class:`huracan.errors.TryAgainError` where the exchange is away.
        """
        ...

    def problems(self) -> Sequence[str]:
        """Return one line for each market that had to be left out because its data cannot be read."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Examiner(Protocol):
    """What an exchange offers besides where some facts of a pair take requests of their own (order book, first candle).

    It is asked about the pairs that no rule dropped for what was known before.
    """

    def examine(self, market: Market, ticker: Ticker) -> tuple[Market, Ticker]:
        """Return the pair with what could be found out; what nobody knows stays None. Raises as ``candles`` does."""
        ...


@runtime_checkable
class SelfCheck(Protocol):
    """What an exchange offers besides where a cheaper question than for all markets says within seconds how it is."""

    def check(self) -> CheckResult: ...


@runtime_checkable
class ConcurrentSource(Protocol):
    """What an exchange says besides where ``candles`` may be called by several threads: how many are worth it."""

    requests_at_once: int


@runtime_checkable
class FundingSource(Protocol):
    """What an exchange offers besides where it knows what its perpetuals pay; without it, funding is estimated."""

    def funding(self, symbol: str, since: int, until: int) -> Funding | None:
        """Return the rates that fell due at ``since <= instant < until`` (ms, UTC), None where it knows of none.

        Instants that lie after the clock are not among them. Raises as ``candles`` does.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExchangeType:
    """An exchange that settings can choose by ``name``.

    ``settings`` is a frozen pydantic model with a field ``name: Literal["..."]`` of the same value; ``open`` gets the
    context and the validated settings. A class attribute ``candle_source`` of it may name the fields that give the
    exchange other candles (a seed, a folder): where one changes, the cache of candles is set aside and fetched anew.
    ``funding_source`` says the same of funding.
    """

    name: str
    settings: type[BaseModel]
    open: Callable[[Context, Any], Exchange]


@dataclass(frozen=True, slots=True)
class UniverseRule:
    """A reason to leave a pair out. ``veto`` returns that reason as one sentence with numbers, or None."""

    name: str
    veto: Callable[[Context, Candidate], str | None]


# ---------------------------------------------------------------------------------------------- features and training


@dataclass(frozen=True, slots=True)
class FeatureInput:
    """What features are computed from. ``reference`` holds BTC and ETH by base name, already aligned to ``candles``:
    one close per row, the last one known at that row's close, NaN before the reference begins."""

    candles: Candles
    timeframe: str
    reference: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Named feature columns. ``compute`` returns one float64 array per column, each as long as the candles.

    The value at row t depends on rows up to t alone. The first ``warmup`` rows are not used for training; NaN
    later on is allowed and left to the trainer.
    """

    name: str
    version: int
    columns: tuple[str, ...]
    warmup: int
    compute: Callable[[FeatureInput], Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows for one fit, in order of time.

    ``x`` is (rows, features) float64 with NaN where unknown, ``y`` (rows,) of 0 and 1, ``weight`` (rows,) of numbers
    from 0 up with a mean of about 1 (None: all equal). ``device`` is ``cpu`` or ``cuda``; ``threads`` are what a
    trainer may use, 1 in a worker.
    """

    x: np.ndarray
    y: np.ndarray
    feature_names: tuple[str, ...]
    weight: np.ndarray | None = None
    device: str = "cpu"
    threads: int = 1


class FittedModel(Protocol):
    """A model that can be asked and stored; ``dumps`` is text or JSON of the library's own format, never a pickle."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the probability of label 1 for each row of ``x`` (rows, features), shape (rows,)."""
        ...

    def importance(self) -> Mapping[str, float]: ...

    def dumps(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class IntRange:
    """Whole numbers from ``low`` to ``high``, both included; ``log`` searches their logarithm evenly."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True, slots=True)
class FloatRange:
    """Numbers from ``low`` to ``high``; ``log`` searches their logarithm evenly."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """One of some JSON values."""

    values: tuple[Any, ...]


Space = IntRange | FloatRange | Choices

Watch = Callable[[int, float], bool]
"""Told of a step's number and the loss on the validation rows so far; answers True where fitting may stop for good."""


@dataclass(frozen=True, slots=True)
class WatchedFit:
    """A model fitted with an eye on validation rows.

    ``parameters`` are those of the fit with what it settled itself (the number of rounds) filled in; ``scores`` are
    the model's probabilities for the validation rows and ``loss`` its weighted log loss there.
    """

    model: FittedModel
    parameters: Mapping[str, Any]
    scores: np.ndarray
    loss: float


@dataclass(frozen=True, slots=True)
class Trainer:
    """A kind of model. ``defaults`` are its parameters, ``space`` says within which bounds a search may vary them.

    ``fit(data, parameters, seed)`` gets all parameters; same input, same bytes. ``load`` reads what ``dumps`` wrote
    and raises DataError for anything else. ``fit_watched(data, validation, parameters, seed, watch)`` is for trainers
    that work in rounds: it stops early where the validation rows say so, and returns None where ``watch`` gave up.
    """

    name: str
    defaults: Mapping[str, Any]
    space: Mapping[str, Space]
    fit: Callable[[TrainingData, Mapping[str, Any], int], FittedModel]
    load: Callable[[bytes], FittedModel]
    fit_watched: Callable[[TrainingData, TrainingData, Mapping[str, Any], int, Watch], WatchedFit | None] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate said: measured ``value``, its ``limit``, whether it ``passed`` and a sentence for the owner."""

    gate: str
    value: float | None
    limit: float | None
    passed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition a model must meet to be traded. ``judge`` gets the out-of-sample metrics of ``metrics.json``."""

    name: str
    judge: Callable[[Context, Mapping[str, Any]], Verdict]


# --------------------------------------------------------------------------------------------- exports and remotes


@dataclass(frozen=True, slots=True)
class Export:
    """A file made for people or other programs. ``write`` fills the given path and returns the number of rows."""

    name: str
    suffix: str
    write: Callable[[Context, Path], int]


@dataclass(frozen=True, slots=True)
class RemoteType:
    """A place for copies that settings can choose by ``name``, as :class:`ExchangeType`."""

    name: str
    settings: type[BaseModel]
    open: Callable[[Context, Any], RemoteStore]
