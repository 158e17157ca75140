"""Exports of trades: simulated ones of the library, what came after them, and those that were reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from huracan.context import Context
from huracan.types import Column, ColumnKind, ExportScope, TableExport
from huracan_export.days import instants, lacking_trades, models_of, symbols_of

if TYPE_CHECKING:
    import polars

    from huracan.store import LibraryModel

__all__ = ["TRADES"]

_DATE, _INSTANT, _INTEGER, _JSON, _NUMBER, _TEXT, _TRUTH = (
    ColumnKind.DATE, ColumnKind.INSTANT, ColumnKind.INTEGER, ColumnKind.JSON, ColumnKind.NUMBER, ColumnKind.TEXT,
    ColumnKind.TRUTH,
)  # fmt: skip

MODEL = Column("model_id", _TEXT, "model that made it")
NUMBER = Column("number", _INTEGER, "of the trade among those of its model, 1 the first")
SYMBOL = Column("symbol", _TEXT, "pair")
RUN_DATE = Column("run_date", _DATE, "night in which the model was trained")

HISTORY = (
    MODEL, NUMBER, SYMBOL, RUN_DATE,
    Column("fold", _INTEGER, "test fold in which it lies; the model of that fold had not seen it"),
    Column("entered_at", _INSTANT, "when the position was opened"),
    Column("exited_at", _INSTANT, "when it was closed"),
    Column("entry", _NUMBER, "price of the entry", "quote"),
    Column("exit", _NUMBER, "price of the exit", "quote"),
    Column("stake", _NUMBER, "share of the equity put in", "fraction"),
    Column("score", _NUMBER, "what the model said", "probability"),
    Column("threshold", _NUMBER, "from which score on it trades", "probability"),
    Column("gross_bps", _NUMBER, "earned before costs, of what was put in", "bps"),
    Column("cost_bps", _NUMBER, "fees, spread, slippage and funding", "bps"),
    Column("net_bps", _NUMBER, "earned after all costs", "bps"),
    Column("won", _TRUTH, "whether it earned after costs"),
    Column("bars_held", _INTEGER, "how long it was held", "bars"),
    Column("exit_reason", _TEXT, "horizon, take-profit or stop-loss"),
    Column("mae_bps", _NUMBER, "how far the price went against it, at most 0", "bps"),
    Column("mfe_bps", _NUMBER, "how far the price went for it, at least 0", "bps"),
    Column("market_regime", _TEXT, "the feature of this name at the decision: TREND, RANGE, PANIC or ILLIQUID"),
    Column("volatility_regime", _TEXT, "the feature of this name at the decision: low, medium or high"),
    Column("trend", _TEXT, "the coin's last 168 bars at the decision: falling, sideways or rising"),
)  # fmt: skip
COMPLETE = (
    *HISTORY,
    Column("features", _JSON, "the twelve features that mattered most to the folds' models, at the decision, by name"),
    Column("contributions", _JSON, "what each of these added to the score's log odds; empty where no model tells"),
)
STEPS = (
    MODEL, NUMBER, SYMBOL,
    Column("step", _TEXT, "decision, entry or exit"),
    Column("time", _INSTANT, "when it happened"),
    Column("value", _NUMBER, "score of a decision, else the price"),
    Column("detail", _TEXT, "regimes of a decision, stake of an entry, reason of an exit"),
)  # fmt: skip
AFTER = (
    MODEL, NUMBER, SYMBOL,
    Column("exited_at", _INSTANT, "when the position was closed"),
    Column("after_1_bps", _NUMBER, "close one bar later, of the exit price", "bps"),
    Column("after_4_bps", _NUMBER, "close four bars later", "bps"),
    Column("after_24_bps", _NUMBER, "close 24 bars later", "bps"),
    Column("best_bps", _NUMBER, "highest high of the bars known so far, at most 24", "bps"),
    Column("worst_bps", _NUMBER, "lowest low of the same bars", "bps"),
    Column("complete", _TRUTH, "whether nothing more is awaited: all 24 bars are known, or none came for 720"),
)  # fmt: skip
REGIMES = (
    RUN_DATE,
    Column("symbol", _TEXT, "pair; empty for all pairs together"),
    Column("market_regime", _TEXT, "TREND, RANGE, PANIC or ILLIQUID at the decision"),
    Column("volatility_regime", _TEXT, "low, medium or high at the decision"),
    Column("trades", _INTEGER, "simulated trades"),
    Column("won", _INTEGER, "those that earned after costs"),
    Column("hit_rate", _NUMBER, "won of trades", "fraction"),
    Column("gross_bps", _NUMBER, "mean before costs", "bps"),
    Column("cost_bps", _NUMBER, "mean costs", "bps"),
    Column("net_bps", _NUMBER, "mean after costs", "bps"),
    Column("equity_bps", _NUMBER, "sum of stake times net: what the trades added to the equity", "bps"),
    Column("mae_bps", _NUMBER, "mean of how far the price went against them", "bps"),
    Column("mfe_bps", _NUMBER, "mean of how far the price went for them", "bps"),
    Column("bars_held", _NUMBER, "mean time held", "bars"),
)
BACKTEST = (
    MODEL, NUMBER, RUN_DATE,
    Column("fold", _INTEGER, "test fold in which the trade lies"),
    Column("entered_at", _INSTANT, "when the position was opened"),
    Column("exited_at", _INSTANT, "when it was closed"),
    Column("stake", _NUMBER, "share of the equity put in", "fraction"),
    Column("net_bps", _NUMBER, "earned after all costs, of what was put in", "bps"),
    Column("equity", _NUMBER, "equity after the trade; each model starts with 1 and goes on with all of it"),
    Column("drawdown", _NUMBER, "how far that is below the highest equity before, at least 0", "fraction"),
)  # fmt: skip
REPORTED = (
    Column("id", _TEXT, "as the trading process named it"),
    SYMBOL,
    Column("side", _TEXT, "long or short"),
    Column("opened_at", _INSTANT, "when the position was opened"),
    Column("closed_at", _INSTANT, "when it was closed"),
    Column("quantity", _NUMBER, "how much was traded", "base"),
    Column("entry", _NUMBER, "price of the entry", "quote"),
    Column("exit", _NUMBER, "price of the exit", "quote"),
    Column("fees", _NUMBER, "fees of both sides", "quote"),
    Column("net_pnl", _NUMBER, "earned after fees", "quote"),
    Column("equity_after", _NUMBER, "equity of the whole account after it", "quote"),
    Column("source", _TEXT, "live, paper or simulated"),
    Column("recorded_at", _INSTANT, "when Huracan took it in"),
    Column("strategy", _TEXT, "who decided, as the trading process named it; empty where it did not"),
)
DAILY = (
    Column("day", _DATE, "UTC day on which trades closed"),
    Column("source", _TEXT, "live, paper or simulated"),
    Column("trades", _INTEGER, "trades that closed"),
    Column("won", _INTEGER, "those that earned after fees"),
    Column("net_pnl", _NUMBER, "earned after fees", "quote"),
    Column("fees", _NUMBER, "fees of both sides", "quote"),
    Column("volume", _NUMBER, "quantity times price of the entry", "quote"),
    Column("equity", _NUMBER, "equity of the whole account after the last of them", "quote"),
    Column("max_drawdown", _NUMBER, "deepest fall of the equity within the day, of its highest then", "fraction"),
)  # fmt: skip
SIGNALS = (
    Column("id", _TEXT, "as who wrote it down named it; for nightly the model"),
    Column("time", _INSTANT, "close of the bar that decided"),
    SYMBOL,
    Column("strategy", _TEXT, "who decided; for nightly the trainer"),
    Column("source", _TEXT, "what wrote it down; nightly: the models of the night, champions or not"),
    Column("action", _TEXT, "buy, sell or none; no order, nothing is traded because of it"),
    Column("score", _NUMBER, "what the model said", "probability"),
    Column("threshold", _NUMBER, "from which score on it trades; empty where it stays out", "probability"),
    Column("price", _NUMBER, "close of the bar", "quote"),
    Column("run_id", _TEXT, "run in which it was written down"),
)

Rows = Iterator[Sequence[Sequence[Any]]]


def _pages(context: Context, model: LibraryModel) -> Iterator[Sequence[Sequence[Any]]]:
    from huracan.store import TradeFilter

    return context.store.library.trades.text_pages(TradeFilter(model_id=model.model_id))


def _frame(context: Context, page: Sequence[Sequence[Any]], columns: Sequence[Column]) -> polars.DataFrame:
    """Return a page with the declared columns; what is JSON stays the text that it is."""
    import polars

    names = [name.replace("_ms", "_at") for name in context.store.library.trades.columns]
    cells = dict(zip(names, zip(*page, strict=True), strict=True))
    frame = polars.DataFrame({each.name: polars.Series(cells[each.name]) for each in columns})
    return frame.with_columns(polars.col("entered_at", "exited_at").cast(polars.Datetime("ms", "UTC")))


def _history(context: Context, scope: ExportScope) -> Iterator[polars.DataFrame]:
    for model in models_of(context, scope):
        for page in _pages(context, model):
            yield _frame(context, page, HISTORY)


def _complete(context: Context, scope: ExportScope) -> Iterator[polars.DataFrame]:
    import polars

    for page in context.store.library.trades.text_pages():
        yield _frame(context, page, COMPLETE).filter(polars.col("run_date") <= scope.last)


def _steps(context: Context, scope: ExportScope) -> Rows:
    values = attrgetter("model_id", "number", "symbol", "step", "time_ms", "value", "detail")
    for model in models_of(context, scope):
        yield from _batched(context.store.library.trades.steps(model_id=model.model_id), values)


def _after(context: Context, scope: ExportScope) -> Rows:  # noqa: ARG001 - all that is known changes as candles come
    names = [each.name.replace("exited_at", "exited_ms") for each in AFTER]
    yield from _batched(context.store.library.post_exits(), attrgetter(*names))


def _batched(values: Iterable[Any], cells: attrgetter[Any], size: int = 10_000) -> Rows:
    from itertools import islice

    waiting = iter(values)
    while rows := [cells(each) for each in islice(waiting, size)]:
        yield rows


def _regimes(context: Context, scope: ExportScope) -> Rows:
    from huracan.store import TradeFilter

    cells = attrgetter(*(each.name for each in REGIMES[4:]))
    groups = context.store.library.trades.by_regime
    for day in scope.run_dates():
        newest: dict[str, str] = {}  # a forced run leaves two models of a coin, whose trades are the same market's
        for model in context.store.library.models(run_date=day):
            newest.setdefault(model.symbol, model.model_id)
        whiches: list[tuple[str | None, TradeFilter]] = [(None, TradeFilter(models=list(newest.values())))]
        whiches += [(symbol, TradeFilter(model_id=newest[symbol])) for symbol in sorted(newest)]
        for symbol, which in whiches:
            yield [[day, symbol, *each.key.split("/", 1), *cells(each)] for each in groups(which)]


def _backtest(context: Context, scope: ExportScope) -> Rows:
    places = [context.store.library.trades.columns.index(name) for name in (
        "model_id", "number", "run_date", "fold", "entered_ms", "exited_ms", "stake", "net_bps",
    )]  # fmt: skip
    for model in models_of(context, scope):
        equity = peak = 1.0
        for page in _pages(context, model):
            rows = []
            for trade in page:
                cells = [trade[place] for place in places]
                equity *= 1.0 + cells[-2] * cells[-1] / 1e4
                peak = max(peak, equity)
                rows.append([*cells, equity, 1.0 - equity / peak])
            yield rows


def _reported(context: Context, scope: ExportScope) -> Rows:
    from huracan.store import ReportedFilter

    cells = attrgetter(*(each.name for each in REPORTED))
    first, end = instants(scope)
    for source in ("live", "paper", "simulated"):
        which = ReportedFilter(source=source, closed_since=first, closed_before=end)
        for page in context.store.trades.pages(which):
            yield [cells(each) for each in page]


def _daily(context: Context, scope: ExportScope) -> Rows:
    cells = attrgetter(*(each.name for each in DAILY))
    first = scope.first - timedelta(days=1)  # most of a day is over only in the next one's export
    yield [cells(each) for each in context.store.daily_performance.between(first, scope.last)]


def _signals(context: Context, scope: ExportScope) -> Rows:
    cells = attrgetter(*(each.name for each in SIGNALS))
    for page in context.store.signals.pages(*instants(scope)):
        yield [cells(each) for each in page]


TRADES = (
    TableExport("trade_history", "simulated trades of the night's models, on rows they had not seen",
                HISTORY, _history, lacks=lacking_trades),
    TableExport("all_trades_complete", "every simulated trade in the library up to the last day, with the features "
                "that are kept of it", COMPLETE, _complete, lacks=lacking_trades),
    TableExport("observability_trades", "the life of each of the night's trades: decision, entry, exit",
                STEPS, _steps, lacks=lacking_trades),
    TableExport("post_exit_tracking", "what the price did after every trade's exit, of all nights",
                AFTER, _after, lacks=lacking_trades),
    TableExport("regime_analysis", "the night's trades by market and volatility regime",
                REGIMES, _regimes, lacks=lacking_trades),
    TableExport("backtest_*", "equity of a coin's model, trade by trade",
                BACKTEST, _backtest, parts=symbols_of, lacks=lacking_trades),
    TableExport("reported_trades", "reported trades that closed on the run date or the day before (UTC)",
                REPORTED, _reported),
    TableExport("daily_performance", "what was reported of the run date and the day before (UTC), in sums",
                DAILY, _daily),
    TableExport("signals", "what strategies wanted on the run date and the day before (UTC)", SIGNALS, _signals),
)  # fmt: skip
