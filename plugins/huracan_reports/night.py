"""A night as store and workspace know it: every coin with model, verdicts and trades, the universe, the jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from huracan.context import Context
from huracan.errors import DataError
from huracan.paths import read_json
from huracan.run.absent import absent_jobs
from huracan.store import DailyMetrics, ItemState, JobRow, LibraryModel, ModelDelta, UniverseSelection
from huracan_reports.trades import Tested, tested_trades

__all__ = ["TRAIN", "Coin", "Night", "latest_night", "read_night"]

TRAIN = "train"
"""The job whose items in the ledger are coins with model folders."""
REPORT = "report"
HISTORY_DAYS = 30


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin of a night. Without a model ``metadata``, ``metrics`` and ``costs`` are empty and ``reason`` says why.

    ``metrics`` is its whole ``metrics.json``; ``tested`` are its simulated trades, None where the library does not have
    them: it has forgotten them (``forgotten``), or never got the model.
    """

    symbol: str
    state: str
    reason: str = ""
    path: str | None = None
    rank: int | None = None
    champion: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    costs: Mapping[str, Any] = field(default_factory=dict)
    tested: Tested | None = None
    deltas: Sequence[ModelDelta] = ()
    forgotten: bool = False

    @property
    def passed(self) -> bool:
        return bool(self.metadata.get("passed"))

    @property
    def is_champion(self) -> bool:
        """Whether this night's own model is the champion."""
        return self.champion is not None and self.champion.get("model_path") == self.path

    @property
    def gates(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what each gate said, by its name."""
        return {gate["gate"]: gate for gate in self.metadata.get("gates", ())}


@dataclass(frozen=True, slots=True)
class Night:
    """A run date with all that came before its report. ``coins`` come best rank first, those without a model last."""

    run_date: date
    run_id: str
    as_of: datetime
    coins: Sequence[Coin]
    selection: UniverseSelection | None
    jobs: Sequence[JobRow]
    summary: Mapping[str, Any]
    days: Sequence[DailyMetrics]
    """This night and those before it, oldest first."""

    @property
    def trained(self) -> Sequence[Coin]:
        return [coin for coin in self.coins if coin.metadata]

    @property
    def passed(self) -> Sequence[Coin]:
        return [coin for coin in self.coins if coin.passed]

    @property
    def untold(self) -> Sequence[str]:
        """Return the coins whose model was trained and whose trades the library does not have."""
        return [coin.symbol for coin in self.trained if coin.tested is None]

    @property
    def tradable(self) -> int:
        """Return how many coins the roster of this night lets trade."""
        return int(self.summary.get("tradable", 0))

    def count(self, state: ItemState) -> int:
        return sum(coin.state == state.value for coin in self.coins)


def latest_night(context: Context, pipeline: str = "nightly") -> date | None:
    """Return the newest run date of which the ledger knows a night."""
    runs = [run.run_date for run in context.store.ledger.runs(500) if run.pipeline == pipeline]
    return max(runs, default=None)


def read_night(context: Context, run_date: date) -> Night | None:
    """Gather a night; None where there was no run on that date."""
    jobs = [row for row in context.store.ledger.jobs(run_date) if row.job in _before_report(context)]
    items = context.store.ledger.items(TRAIN, run_date)
    selection = context.store.universe.load(run_date)
    if context.run is not None and context.run.run_date == run_date:
        run_id, as_of = context.run.run_id, context.run.as_of
    else:
        row = context.store.ledger.run("nightly", run_date)
        if row is None:
            return None
        run_id, as_of = row.run_id, row.as_of
    summary = read_json(context.paths.summary_folder(run_date) / "engine_summary.json") or {}
    models = {model.model_id: model for model in context.store.library.models(run_date=run_date)}
    coins = []
    for number, (symbol, item) in enumerate(sorted(items.items()), 1):
        coins.append(_coin(context, symbol, item, summary.get("ranks", {}).get(symbol), models))
        context.progress.step(f"report {number}/{len(items)} {symbol}", done=number, total=len(items), item=symbol)
    coins.sort(key=lambda coin: (not coin.metadata, coin.rank is None, coin.rank or 0, coin.symbol))
    since = run_date - timedelta(days=HISTORY_DAYS)
    days = [day for day in context.store.library.days(since) if day.run_date <= run_date]
    return Night(run_date, run_id, as_of, coins, selection, jobs, summary, days)


def _coin(context: Context, symbol: str, item: Any, rank: int | None, models: Mapping[str, LibraryModel]) -> Coin:
    folder = context.paths.workspace / item.path if item.path else None
    metadata = read_json(folder / "metadata.json") if folder and item.state is ItemState.COMPLETED else None
    if folder is None or metadata is None:
        gone = f"its model folder {item.path} is gone" if item.state is ItemState.COMPLETED else ""
        return Coin(symbol, item.state.value, item.error or gone, item.path, champion=_pointer(context, symbol))
    model = models.get(str(metadata.get("id")))
    tested = tested_trades(context.store, model) if model else None
    return Coin(
        symbol, item.state.value, "", item.path, rank, _pointer(context, symbol), metadata,
        read_json(folder / "metrics.json") or {}, read_json(folder / "costs.json") or {},
        tested, context.store.library.deltas(model.model_id) if model else (), model is not None and tested is None,
    )  # fmt: skip


def _pointer(context: Context, symbol: str) -> dict[str, Any] | None:
    """Return the champion's pointer; a name that can be no file's has none, and costs nobody the report."""
    try:
        return read_json(context.paths.champion(symbol))
    except DataError:
        return None


def _before_report(context: Context) -> set[str]:
    """Return the jobs that the report waits for, directly or not: those after it are another day's news."""
    # Those that are switched off by now ran on earlier dates, and what came before them did so too.
    jobs = {**absent_jobs(context.plugins), **context.plugins.jobs()}
    found: set[str] = set()
    ahead = [REPORT]
    while ahead:
        job = jobs.get(ahead.pop())
        new = [name for name in job.after if name not in found] if job else []
        found.update(new)
        ahead += new
    return found
