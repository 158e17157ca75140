"""Exports about models from the library: what they were, how they changed, what was found out about their trades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.table_files import json_text
from huracan.types import Column, ColumnKind, Export, ExportScope, FileExport, TableExport
from huracan_export.days import lacking_columns, models_of

__all__ = ["MODELS"]

_DATE, _INSTANT, _INTEGER, _JSON, _NUMBER, _TEXT, _TRUTH = (
    ColumnKind.DATE, ColumnKind.INSTANT, ColumnKind.INTEGER, ColumnKind.JSON, ColumnKind.NUMBER, ColumnKind.TEXT,
    ColumnKind.TRUTH,
)  # fmt: skip

MODEL = Column("model_id", _TEXT, "the model")
SYMBOL = Column("symbol", _TEXT, "pair")
RUN_DATE = Column("run_date", _DATE, "night of the training")
FOLD = Column("fold", _INTEGER, "the rule was found in the rows before this test fold")
RULE_NUMBER = Column("number", _INTEGER, "of the rule in its fold, 1 the first")
SHARPE = Column("sharpe", _NUMBER, "annualised Sharpe ratio after costs, out of sample")
NET_PNL = Column("net_pnl", _NUMBER, "what was earned after costs", "fraction")

OBSERVED = (
    MODEL, SYMBOL, Column("version", _TEXT, "instant of the training, as the folder is named"),
    Column("run_id", _TEXT, "run that trained it"), RUN_DATE,
    Column("as_of", _INSTANT, "no candle after this was seen"),
    Column("exchange", _TEXT, "where the candles come from"),
    Column("timeframe", _TEXT, "length of a candle"),
    Column("trainer", _TEXT, "which trainer made it"),
    Column("horizon_bars", _INTEGER, "longest time a trade is held", "bars"),
    Column("threshold", _NUMBER, "from which score on it trades; empty where it stays out", "probability"),
    Column("passed", _TRUTH, "whether it passed all gates"),
    Column("seconds", _NUMBER, "time of its training", "seconds"),
    Column("path", _TEXT, "its folder below the workspace"),
    Column("sha256", _TEXT, "of the folder's list of checksums"),
    Column("recipe_hash", _TEXT, "of the features' recipe"),
    Column("data_hash", _TEXT, "of candles and costs"),
    Column("tested_from", _INSTANT, "first bar of its test folds"),
    Column("tested_until", _INSTANT, "end of the last one"),
    Column("rows", _INTEGER, "labelled rows it could learn from"),
    Column("trades", _INTEGER, "simulated trades it made"),
    Column("parameters", _JSON, "of the trainer"),
    Column("importance", _JSON, "share of the features that matter most, by name"),
    Column("gates", _JSON, "what each gate said"),
)  # fmt: skip
DELTAS = (
    MODEL, Column("kind", _TEXT, "measure, importance, parameter or gate"),
    Column("name", _TEXT, "which of them"), SYMBOL, RUN_DATE,
    Column("before_id", _TEXT, "the coin's model before"),
    Column("before", _NUMBER, "its value, where it is a number"),
    Column("after", _NUMBER, "this model's value, where it is a number"),
    Column("before_text", _TEXT, "its value, where it is none"),
    Column("after_text", _TEXT, "this model's value, where it is none"),
)  # fmt: skip
EVOLUTION = (
    SYMBOL, Column("generation", _INTEGER, "of the coin's models in the library, 1 the first"), RUN_DATE, MODEL,
    Column("trainer", _TEXT, "which trainer made it"),
    Column("passed", _TRUTH, "whether it passed all gates"),
    Column("threshold", _NUMBER, "from which score on it trades", "probability"),
    SHARPE, NET_PNL,
    Column("hit_rate", _NUMBER, "share of trades that earned after costs", "fraction"),
    Column("max_drawdown", _NUMBER, "deepest fall of the equity from its peak", "fraction"),
    Column("samples", _INTEGER, "trades"),
    Column("deflated_sharpe", _NUMBER, "probability that it is not luck", "fraction"),
    Column("information_coefficient", _NUMBER, "rank correlation of scores and outcomes"),
    Column("sharpe_change", _NUMBER, "Sharpe ratio less that of the model before"),
    Column("net_pnl_change", _NUMBER, "net_pnl less that of the model before", "fraction"),
)  # fmt: skip
PATTERNS = (
    MODEL, FOLD, RULE_NUMBER, SYMBOL, RUN_DATE,
    Column("rule", _TEXT, "the rule in words"),
    Column("conditions", _JSON, "feature, side and value of each condition; all must hold"),
    Column("rows", _INTEGER, "rows that met it, at least a horizon apart"),
    Column("hit_rate", _NUMBER, "share of them that would have earned", "fraction"),
    Column("base_hit_rate", _NUMBER, "the same of all rows", "fraction"),
    Column("mean_net_bps", _NUMBER, "mean result of the rows that met it", "bps"),
    Column("base_net_bps", _NUMBER, "the same of all rows", "bps"),
)  # fmt: skip
TESTED = (
    MODEL, FOLD, RULE_NUMBER, SYMBOL, RUN_DATE,
    Column("rule", _TEXT, "the rule in words"),
    Column("tested_from", _INSTANT, "first row of the test fold, which the rule had not seen"),
    Column("tested_until", _INSTANT, "its end"),
    Column("rows", _INTEGER, "rows that met it there"),
    Column("hit_rate", _NUMBER, "share of them that would have earned", "fraction"),
    Column("base_hit_rate", _NUMBER, "the same of all rows of the fold", "fraction"),
    Column("mean_net_bps", _NUMBER, "mean result of the rows that met it", "bps"),
    Column("base_net_bps", _NUMBER, "the same of all rows of the fold", "bps"),
    Column("p_value", _NUMBER, "of one side"),
    Column("p_adjusted", _NUMBER, "after Benjamini and Hochberg over the rules of the model"),
    Column("significant", _TRUTH, "whether that is at most 0.05"),
)  # fmt: skip
FEATURES = (
    MODEL, SYMBOL, RUN_DATE,
    Column("position", _INTEGER, "place among the columns of the model's rows, 0 the first"),
    Column("feature", _TEXT, "the column"),
    Column("missing", _NUMBER, "share of rows in which it is unknown", "fraction"),
    Column("mean", _NUMBER, "mean of what is known"), Column("deviation", _NUMBER, "standard deviation of that"),
    Column("minimum", _NUMBER, "smallest value"), Column("p05", _NUMBER, "quantile of 5 %"),
    Column("median", _NUMBER, "quantile of 50 %"), Column("p95", _NUMBER, "quantile of 95 %"),
    Column("maximum", _NUMBER, "largest value"),
    Column("importance", _NUMBER, "its part in the final model; empty where it is none of the most important",
           "fraction"),
)  # fmt: skip
DAYS = (
    RUN_DATE, Column("run_id", _TEXT, "run of the night"),
    Column("coins", _INTEGER, "coins of the night"), Column("trained", _INTEGER, "coins with a model"),
    Column("failed", _INTEGER, "coins whose training failed"), Column("skipped", _INTEGER, "coins without usable data"),
    Column("passed", _INTEGER, "models that passed all gates"), Column("champions", _INTEGER, "coins with a champion"),
    Column("trades", _INTEGER, "simulated trades"),
    Column("mean_sharpe", _NUMBER, "mean Sharpe ratio of the models"),
    Column("best_symbol", _TEXT, "pair of the best Sharpe ratio"), Column("best_sharpe", _NUMBER, "that Sharpe ratio"),
    Column("mean_hit_rate", _NUMBER, "mean hit rate", "fraction"),
    Column("mean_net_pnl", _NUMBER, "mean of what was earned after costs", "fraction"),
    Column("portfolio_net_pnl", _NUMBER, "equal parts of all coins, after costs", "fraction"),
    Column("portfolio_sharpe", _NUMBER, "annualised Sharpe ratio of equal parts"),
    Column("portfolio_max_drawdown", _NUMBER, "deepest fall of equal parts", "fraction"),
)  # fmt: skip

Rows = Iterator[Sequence[Sequence[Any]]]


def _cells(columns: Sequence[Column]) -> attrgetter[Any]:
    return attrgetter(*(each.name for each in columns))


def _observed(context: Context, scope: ExportScope) -> Rows:
    cells = _cells(OBSERVED)
    for model in models_of(context, scope):
        yield [cells(model)]


def _deltas(context: Context, scope: ExportScope) -> Rows:
    cells = _cells(DELTAS)
    for model in models_of(context, scope):
        yield [cells(each) for each in context.store.library.deltas(model.model_id)]


def _evolution(context: Context, scope: ExportScope) -> Rows:
    library = context.store.library
    of_model, of_measures = _cells(EVOLUTION[2:7]), _cells(EVOLUTION[7:14])
    for symbol in sorted(each.symbol for each in library.latest_models()):
        measured = {each.model_id: each for each in library.performance(symbol)}
        models = [each for each in reversed(library.models(symbol)) if each.run_date <= scope.last]
        rows, before = [], None
        for generation, model in enumerate(models, 1):
            now = measured.get(model.model_id)
            measures = of_measures(now) if now else [None] * 7
            changes = [_change(before, now, name) for name in ("sharpe", "net_pnl")]
            rows.append([symbol, generation, *of_model(model), *measures, *changes])
            before = now
        yield rows


def _change(before: Any, now: Any, name: str) -> float | None:
    was, is_now = getattr(before, name, None), getattr(now, name, None)
    return None if was is None or is_now is None else is_now - was


def _patterns(context: Context, scope: ExportScope) -> Rows:
    cells = _cells(PATTERNS)
    for model in models_of(context, scope):
        yield [cells(pattern) for pattern, _ in context.store.library.patterns(model.model_id)]


def _tested(context: Context, scope: ExportScope) -> Rows:
    names = [each.name.replace("tested_from", "tested_from_ms").replace("until", "until_ms") for each in TESTED]
    first, rest = attrgetter(*names[:5]), attrgetter(*names[6:])
    for model in models_of(context, scope):
        found = context.store.library.patterns(model.model_id)
        yield [[*first(tested), pattern.rule, *rest(tested)] for pattern, tested in found if tested is not None]


def _features(context: Context, scope: ExportScope) -> Rows:
    cells = _cells(FEATURES[3:])
    for model in models_of(context, scope):
        about = (model.model_id, model.symbol, model.run_date)
        yield [[*about, *cells(each)] for each in context.store.library.features(model.model_id)]


def _days(context: Context, scope: ExportScope) -> Rows:
    cells = _cells(DAYS)
    yield [cells(each) for each in context.store.library.days() if each.run_date <= scope.last]


def _write_wins_and_losses(context: Context, path: Path, scope: ExportScope) -> int:
    """Write, model by model, what separated winners from losers, and large losses from small ones."""
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"schema": 1, "models": [')
        for number, model in enumerate(models_of(context, scope)):
            about = {"model_id": model.model_id, "symbol": model.symbol, "run_date": model.run_date.isoformat()}
            sides = {
                name: [_driver(each) for each in ask(model.model_id)]
                for name, ask in (("wins", context.store.library.wins), ("losses", context.store.library.losses))
            }
            rows += sum(map(len, sides.values()))
            text = json_text({**about, **sides})
            file.write((",\n" if number else "\n") + text)
        file.write("\n]}\n")
    return rows


def _driver(driver: Any) -> dict[str, Any]:
    return {name: each for name, each in asdict(driver).items() if name not in ("model_id", "symbol", "run_date")}


MODELS: tuple[Export, ...] = (
    TableExport("observability_models", "each model of the night, as it was made", OBSERVED, _observed),
    TableExport("observability_model_deltas", "what differs from the coin's model before", DELTAS, _deltas),
    TableExport("model_evolution", "every coin's models one after the other, up to the last day", EVOLUTION,
                _evolution),
    TableExport("pattern_library", "rules that were found in the night's training rows", PATTERNS, _patterns),
    TableExport("pattern_performance", "how those rules did on rows they had not seen", TESTED, _tested),
    TableExport("features", "what the columns of each of the night's models looked like", FEATURES, _features,
                lacks=lacking_columns),
    TableExport("daily_metrics", "each night in one row, up to the last day", DAYS, _days),
    FileExport("win_loss_analysis", "what separated winners from losers, and large losses from small ones",
               "json", _write_wins_and_losses),
)  # fmt: skip
