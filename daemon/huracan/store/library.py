"""The library of trades and models: what every night's models were, did, and had to do with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, exists, select, tuple_
from sqlalchemy.orm import Session

from huracan.store.access import Access
from huracan.store.library_access import Row, Rows
from huracan.store.library_rows import (
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
    UnfinishedExit,
)
from huracan.store.library_tables import (
    DailyMetricsTable,
    FeatureTable,
    LossTable,
    ModelDeltaTable,
    ModelPerformanceTable,
    ModelTable,
    PatternPerformanceTable,
    PatternTable,
    PostExitTable,
    TradeMemoryTable,
    WinTable,
)
from huracan.store.library_trades import SimulatedTrades

__all__ = ["Library"]

_PAGE = 10_000
_BY_MODEL = (
    TradeMemoryTable, PostExitTable, FeatureTable, WinTable, LossTable, PatternTable, PatternPerformanceTable,
    ModelDeltaTable, ModelPerformanceTable, ModelTable,
)  # fmt: skip


class Library:
    """Models, their trades and what was found out about them. Every method is one transaction."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.trades = SimulatedTrades(access)
        self._models = Rows(ModelTable, LibraryModel)
        self._performance = Rows(ModelPerformanceTable, ModelPerformance)
        self._wins = Rows(WinTable, Driver)
        self._losses = Rows(LossTable, Driver)
        self._patterns = Rows(PatternTable, Pattern)
        self._tested = Rows(PatternPerformanceTable, PatternPerformance)
        self._exits = Rows(PostExitTable, PostExit)
        self._features = Rows(FeatureTable, FeatureSummary)
        self._deltas = Rows(ModelDeltaTable, ModelDelta)
        self._days = Rows(DailyMetricsTable, DailyMetrics)

    # -- what the night writes

    def record_model(
        self,
        model: LibraryModel,
        performance: ModelPerformance,
        trades: Sequence[SimulatedTrade],
        patterns: Sequence[Pattern] = (),
        tested: Sequence[PatternPerformance] = (),
    ) -> None:
        """Store a model with its trades and patterns in place of all that was known of it: doing it again is safe."""
        with self._access.writing() as session:
            self._forget(session, [model.model_id])
            self._models.insert(session, [model])
            self._performance.insert(session, [performance])
            self.trades.insert(session, trades)
            self._patterns.insert(session, patterns)
            self._tested.insert(session, tested)

    def record_analysis(
        self,
        model_id: str,
        wins: Sequence[Driver],
        losses: Sequence[Driver],
        features: Sequence[FeatureSummary],
        deltas: Sequence[ModelDelta],
    ) -> None:
        """Store what was found out about a model in place of what was said before."""
        with self._access.writing() as session:
            self._wins.replace(session, WinTable.model_id == model_id, wins)
            self._losses.replace(session, LossTable.model_id == model_id, losses)
            self._features.replace(session, FeatureTable.model_id == model_id, features)
            self._deltas.replace(session, ModelDeltaTable.model_id == model_id, deltas)

    def record_exits(self, exits: Sequence[PostExit]) -> None:
        """Store what came after some trades' exits in place of what was known about the same trades."""
        table = PostExitTable
        with self._access.writing() as session:
            for start in range(0, len(exits), 500):
                part = exits[start : start + 500]
                keys = [(each.model_id, each.number) for each in part]
                self._exits.replace(session, tuple_(table.model_id, table.number).in_(keys), part)

    def record_day(self, metrics: DailyMetrics) -> None:
        """Store a night's totals in place of what was known of its run date."""
        with self._access.writing() as session:
            self._days.replace(session, DailyMetricsTable.run_date == metrics.run_date, [metrics])

    def forget(self, model_ids: Sequence[str], *, trades_only: bool = False) -> None:
        """Delete models with all that belongs to them; with ``trades_only`` what grows: trades, exits, columns."""
        with self._access.writing() as session:
            for start in range(0, len(model_ids), 500):
                self._forget(session, model_ids[start : start + 500], trades_only=trades_only)

    @staticmethod
    def _forget(session: Session, model_ids: Sequence[str], *, trades_only: bool = False) -> None:
        from sqlalchemy import delete

        for table in _BY_MODEL[: 3 if trades_only else None]:
            session.execute(delete(table).where(table.model_id.in_(model_ids)))

    # -- what commands, exports and reports read

    def model(self, model_id: str) -> LibraryModel | None:
        """Return one model, None where it is not in the library."""
        found = self._read(self._models, ModelTable.model_id == model_id)
        return found[0] if found else None

    def models(self, symbol: str | None = None, run_date: date | None = None) -> list[LibraryModel]:
        """Return models by symbol, newest first among those of a symbol."""
        query = self._models.select().order_by(ModelTable.symbol, ModelTable.as_of.desc(), ModelTable.model_id.desc())
        if symbol is not None:
            query = query.where(ModelTable.symbol == symbol)
        if run_date is not None:
            query = query.where(ModelTable.run_date == run_date)
        with self._access.reading() as session:
            return self._models.read(session, query)

    def latest_models(self) -> list[LibraryModel]:
        """Return the newest model of each symbol."""
        newest: dict[str, LibraryModel] = {}
        for each in self.models():
            newest.setdefault(each.symbol, each)
        return list(newest.values())

    def digests(self, run_date: date) -> Mapping[str, str]:
        """Return the digest of each model of a night by its id: what is in the library already."""
        query = select(ModelTable.model_id, ModelTable.sha256).where(ModelTable.run_date == run_date)
        with self._access.reading() as session:
            return {row.model_id: row.sha256 for row in session.execute(query)}

    def forgotten(self, first: date, last: date, symbol: str | None = None) -> list[str]:
        """Return the ids of models of these nights that traded and whose trades are no longer kept, by night and id."""
        traded = [ModelTable.trades > 0] if symbol is None else [ModelTable.trades > 0, ModelTable.symbol == symbol]
        return self._without(TradeMemoryTable, first, last, *traded)

    def without_features(self, first: date, last: date) -> list[str]:
        """Return the ids of models of these nights of whose columns nothing is known (any more), by night and id."""
        return self._without(FeatureTable, first, last)

    def _without(self, rows: Any, first: date, last: date, *conditions: ColumnElement[bool]) -> list[str]:
        table = ModelTable
        query = select(table.model_id).where(table.run_date >= first, table.run_date <= last, *conditions)
        query = query.where(~exists().where(rows.model_id == table.model_id)).order_by(table.run_date, table.model_id)
        with self._access.reading() as session:
            return list(session.scalars(query))

    def detailed(self) -> set[str]:
        """Return the ids of models of which single trades or columns are kept."""
        with self._access.reading() as session:
            tables = (TradeMemoryTable, FeatureTable)
            return {name for table in tables for name in session.scalars(select(table.model_id).distinct())}

    def performance(self, symbol: str | None = None, run_date: date | None = None) -> list[ModelPerformance]:
        """Return measures by night and symbol."""
        table = ModelPerformanceTable
        conditions = [table.symbol == symbol] if symbol is not None else []
        conditions += [table.run_date == run_date] if run_date is not None else []
        return self._read(self._performance, *conditions, order=(table.run_date, table.model_id))

    def wins(self, model_id: str | None = None) -> list[Driver]:
        """Return what winners had that losers had not, the surest of each model first."""
        return self._drivers(self._wins, WinTable, model_id)

    def losses(self, model_id: str | None = None) -> list[Driver]:
        """Return what large losses had that small ones had not, the surest of each model first."""
        return self._drivers(self._losses, LossTable, model_id)

    def _drivers(self, rows: Rows[Driver], table: Any, model_id: str | None) -> list[Driver]:
        conditions = [] if model_id is None else [table.model_id == model_id]
        return self._read(rows, *conditions, order=(table.model_id, table.p_value, table.driver))

    def patterns(self, model_id: str | None = None) -> list[tuple[Pattern, PatternPerformance | None]]:
        """Return rules with how they did out of sample, by model, fold and number."""
        table, tested = PatternTable, PatternPerformanceTable
        one = [] if model_id is None else [table.model_id == model_id]
        also = [] if model_id is None else [tested.model_id == model_id]
        found = self._read(self._patterns, *one, order=(table.model_id, table.fold, table.number))
        results = self._read(self._tested, *also, order=(tested.model_id, tested.fold, tested.number))
        by_key = {(each.model_id, each.fold, each.number): each for each in results}
        return [(each, by_key.get((each.model_id, each.fold, each.number))) for each in found]

    def post_exits(self, size: int = _PAGE) -> Iterator[PostExit]:
        """Yield what came after trades, ordered by model and number, in bounded memory."""
        table = PostExitTable
        query = self._exits.select().order_by(table.model_id, table.number).limit(size)
        last: PostExit | None = None
        while True:
            key = None if last is None else tuple_(table.model_id, table.number) > tuple_(last.model_id, last.number)
            with self._access.reading() as session:
                page = self._exits.read(session, query if key is None else query.where(key))
            yield from page
            if len(page) < size:
                return
            last = page[-1]

    def unfinished_exits(self, symbol: str) -> list[UnfinishedExit]:
        """Return the exits of a symbol's trades of which more candles are awaited, oldest first."""
        trade, known, model = TradeMemoryTable, PostExitTable, ModelTable
        finished = exists().where(known.model_id == trade.model_id, known.number == trade.number, known.complete)
        query = select(trade.model_id, trade.number, trade.exited_ms, trade.exit, model.timeframe)
        query = query.join(model, model.model_id == trade.model_id).where(trade.symbol == symbol, ~finished)
        query = query.order_by(trade.exited_ms, trade.model_id, trade.number)
        with self._access.reading() as session:
            return [UnfinishedExit(*row) for row in session.execute(query)]

    def features(self, model_id: str | None = None) -> list[FeatureSummary]:
        """Return what the columns of models looked like, in the order of the recipe."""
        table = FeatureTable
        conditions = [] if model_id is None else [table.model_id == model_id]
        return self._read(self._features, *conditions, order=(table.model_id, table.position))

    def deltas(self, model_id: str | None = None) -> list[ModelDelta]:
        """Return what differs from the coin's model before, by model, kind and name."""
        table = ModelDeltaTable
        conditions = [] if model_id is None else [table.model_id == model_id]
        return self._read(self._deltas, *conditions, order=(table.model_id, table.kind, table.name))

    def days(self, since: date | None = None) -> list[DailyMetrics]:
        """Return the nights' totals, oldest first."""
        conditions = [] if since is None else [DailyMetricsTable.run_date >= since]
        return self._read(self._days, *conditions, order=(DailyMetricsTable.run_date,))

    def _read(self, rows: Rows[Row], *conditions: ColumnElement[bool], order: Sequence[Any] = ()) -> list[Row]:
        with self._access.reading() as session:
            return rows.read(session, rows.select().where(*conditions).order_by(*order))
