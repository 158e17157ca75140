"""The job ``journal``: what the night's trades had in common, what came after them, what changed; a row for the night.

Everything it writes follows from the library, the model folders and the candles: killed at any point it is run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np

from huracan.clock import milliseconds
from huracan.context import Context
from huracan.errors import DataError
from huracan.market.files import read_candles
from huracan.market.measures import max_drawdown, net_pnl, sharpe
from huracan.market.timeframes import timeframe_ms
from huracan.paths import read_json
from huracan.store import DailyMetrics, ItemRow, ItemState, LibraryModel, ModelPerformance, TradeFilter
from huracan.types import JobResult, Outcome
from huracan_training.analysis import feature_summaries, loss_drivers, model_deltas, win_drivers
from huracan_training.folders import JOB, trusted_metadata
from huracan_training.library import put_in_if_missing
from huracan_training.post_exit import after_exits
from huracan_training.settings import TrainingSettings

__all__ = ["daily_metrics", "portfolio_days", "run"]

DAYS_A_YEAR = 365


def run(context: Context) -> JobResult:
    """Bring the library up to date with the coins of this run date."""
    run_date = context.current_run.run_date
    items = context.store.ledger.items(JOB, run_date)
    if not items:
        return JobResult(Outcome.NOTHING_TO_DO, "no coin was trained on this run date")
    problems = _mend(context, items.values(), run_date)
    ours = {row.path for row in items.values()}
    models = [each for each in context.store.library.models(run_date=run_date) if each.path in ours]
    gone = _without_trades(context, models)
    for done, model in enumerate(models, start=1):
        if model.model_id not in gone:
            problems += _analyse(context, model)
        context.progress.step(f"journal {model.symbol}", done=done, total=len(models), item=model.symbol)
    followed, unread = _follow(context)
    if not gone:  # else what was said of the night stays: nothing better can be said now
        context.store.library.record_day(daily_metrics(context, models, list(items.values())))
    forgotten = _forget(context)
    trades = sum(each.trades for each in models)
    summary = f"{len(models)} models, {trades} trades, {followed} exits followed"
    if forgotten:
        summary += f", trades of {forgotten} old models forgotten"
    problems += unread
    return JobResult(Outcome.PARTLY_FAILED if problems else Outcome.DONE, summary, tuple(problems))


def _mend(context: Context, rows: Iterable[ItemRow], run_date: date) -> list[str]:
    """Put in what is completed and not in the library; return what could not be."""
    library, problems = context.store.library, []
    gone = _without_trades(context, library.models(run_date=run_date))
    known = {name: digest for name, digest in library.digests(run_date).items() if name not in gone}
    for row in rows:
        if row.state is not ItemState.COMPLETED or not row.path:
            continue
        folder = context.paths.workspace / row.path
        metadata = trusted_metadata(folder)
        try:
            if metadata is None:
                raise DataError(row.path, "does not match its checksums")
            put_in_if_missing(context, folder, metadata, known)
        except DataError as error:
            problems.append(f"{row.item}: {error}")
    return problems


def _without_trades(context: Context, models: Sequence[LibraryModel]) -> set[str]:
    """Return the models that traded and whose trades were forgotten: they would look as if they had not."""
    days = {each.run_date for each in models}
    gone = {*context.store.library.forgotten(min(days), max(days))} if days else set()
    return gone & {each.model_id for each in models}


def _analyse(context: Context, model: LibraryModel) -> list[str]:
    """Store what is found out about a model; return what could not be."""
    library = context.store.library
    trades = list(library.trades.iterate(TradeFilter(model_id=model.model_id)))
    earlier = [each for each in library.models(model.symbol) if each.as_of < model.as_of]
    measures = {each.model_id: each for each in library.performance(model.symbol)}
    deltas = []
    if earlier:
        deltas = model_deltas((earlier[0], measures[earlier[0].model_id]), (model, measures[model.model_id]))
    problems = []
    try:
        features = feature_summaries(context.paths.workspace / model.path, model)
        features = features or library.features(model.model_id)  # retention took the folder, not what was said of it
    except DataError as error:
        problems.append(f"{model.symbol}: {error}")
        features = library.features(model.model_id)
    library.record_analysis(model.model_id, win_drivers(trades), loss_drivers(trades), features, deltas)
    return problems


def _follow(context: Context) -> tuple[int, list[str]]:
    """Ask the candles what came after exits; return how many were looked at, and what could not be read."""
    library, as_of_ms = context.store.library, milliseconds(context.clock.now())
    followed, problems = 0, []
    newest = library.latest_models()
    for done, model in enumerate(newest, start=1):
        context.progress.step(f"journal exits of {model.symbol}", done=done, total=len(newest), item=model.symbol)
        exits = [each for each in library.unfinished_exits(model.symbol) if each.exited_ms < as_of_ms]
        file = context.paths.candle_file(model.symbol)
        if not exits or not file.exists():
            continue
        try:
            candles, words = read_candles(file)
        except DataError as error:
            problems.append(f"{model.symbol}: {error}")
            continue
        candle_ms = timeframe_ms(words.get("huracan.timeframe", model.timeframe))
        library.record_exits(after_exits(model.symbol, exits, candles, candle_ms, as_of_ms))
        followed += len(exits)
    return followed, problems


def daily_metrics(context: Context, models: Sequence[LibraryModel], items: Sequence[ItemRow]) -> DailyMetrics:
    """Return the totals of the night that trained ``models``."""
    run = context.current_run
    measures = {each.model_id: each for each in context.store.library.performance(run_date=run.run_date)}
    mine = [measures[each.model_id] for each in models]
    states = [each.state for each in items]
    rated = [(each.sharpe, each.symbol) for each in mine if each.sharpe is not None]
    best = max(rated, default=None)
    returns = portfolio_days(context, models)
    return DailyMetrics(
        run.run_date, run.run_id, len(items), states.count(ItemState.COMPLETED), states.count(ItemState.FAILED),
        states.count(ItemState.SKIPPED), sum(each.passed for each in models), _champions(context, models),
        sum(each.trades for each in models), _mean([each for each, _ in rated]), best[1] if best else None,
        best[0] if best else None, _mean(_known(mine, "hit_rate")), _mean(_known(mine, "net_pnl")),
        net_pnl(returns) if len(returns) else None, sharpe(returns, DAYS_A_YEAR),
        max_drawdown(returns) if len(returns) else None,
    )  # fmt: skip


def portfolio_days(context: Context, models: Sequence[LibraryModel]) -> np.ndarray:
    """Return what equal parts of all models earned, a fraction for each UTC day on which they were tested.

    A trade counts on the day on which it ended.
    """
    if not models:
        return np.zeros(0)
    first = min(each.tested_from for each in models).date()
    last = max(each.tested_until for each in models).date()
    returns = np.zeros((last - first + timedelta(days=1)).days)
    which = TradeFilter(models=[each.model_id for each in models])
    for group in context.store.library.trades.by_day(which):
        returns[(date.fromisoformat(group.key) - first).days] = group.equity_bps / 1e4 / len(models)
    return returns


def _champions(context: Context, models: Sequence[LibraryModel]) -> int:
    pointers = [read_json(context.paths.champion(each.symbol)) for each in models]
    return sum(each is not None for each in pointers)


def _known(measures: Sequence[ModelPerformance], name: str) -> list[float]:
    return [value for each in measures if (value := getattr(each, name)) is not None]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _forget(context: Context) -> int:
    """Delete the trades of old models, all but those of champions; return how many models had any."""
    keep, library = context.settings.section(TrainingSettings).library.keep_models, context.store.library
    detailed = library.detailed()
    seen: dict[str, int] = {}
    old = []
    for model in library.models():
        seen[model.symbol] = seen.get(model.symbol, 0) + 1
        if seen[model.symbol] > keep and model.model_id in detailed and not _is_champion(context, model):
            old.append(model.model_id)
    if old:
        library.forget(old, trades_only=True)
    return len(old)


def _is_champion(context: Context, model: LibraryModel) -> bool:
    pointer = read_json(context.paths.champion(model.symbol))
    return pointer is not None and pointer.get("model_id") == model.model_id
