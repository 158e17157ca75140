"""The database: runs and what became of them, universes, events, health. The only package that knows SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Engine, text

from huracan.errors import StoreError
from huracan.store.access import Access
from huracan.store.engine import as_store_error, in_memory, open_engine, parse_url, passwords_in, shown, sqlite_file
from huracan.store.events import EventLog
from huracan.store.health_summary import HealthSpan, HealthSummary, hourly, outages, spans, summarise
from huracan.store.ledger import Ledger
from huracan.store.outbox import Outbox
from huracan.store.rows import (
    FINISHED,
    OPEN,
    Address,
    AuditEntry,
    BreakerEvent,
    ChannelState,
    HealthResult,
    HealthStanding,
    ItemRow,
    ItemState,
    JobRow,
    OutboxRow,
    OutboxState,
    RemoteCopy,
    RunRow,
    RunState,
    Trade,
    UniverseDecision,
    UniverseSelection,
)
from huracan.store.schema import HEAD, current_revision, refuse_newer, upgrade
from huracan.store.snapshot import SnapshotInfo, check_snapshot, restore_snapshot, take_snapshot
from huracan.store.trade_rows import DailyPerformance, ReportedFilter, Signal, TradeSum

if TYPE_CHECKING:
    from huracan.store.audit import Audit
    from huracan.store.copies import RemoteCopies
    from huracan.store.daily import DailyPerformances
    from huracan.store.health import HealthHistory
    from huracan.store.library import Library
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
        TradeFilter,
        TradeGroup,
        TradeStep,
        UnfinishedExit,
    )
    from huracan.store.signals import Signals
    from huracan.store.trades import Breakers, TradeConflictError, Trades
    from huracan.store.universe import UniverseSelections

__all__ = [
    "FINISHED",
    "OPEN",
    "Address",
    "Audit",
    "AuditEntry",
    "BreakerEvent",
    "Breakers",
    "ChannelState",
    "DailyMetrics",
    "DailyPerformance",
    "DailyPerformances",
    "Driver",
    "EventLog",
    "FeatureSummary",
    "HealthHistory",
    "HealthResult",
    "HealthSpan",
    "HealthStanding",
    "HealthSummary",
    "ItemRow",
    "ItemState",
    "JobRow",
    "Ledger",
    "LibraryModel",
    "ModelDelta",
    "ModelPerformance",
    "Outbox",
    "OutboxRow",
    "OutboxState",
    "Pattern",
    "PatternPerformance",
    "PostExit",
    "RemoteCopies",
    "RemoteCopy",
    "ReportedFilter",
    "RunRow",
    "RunState",
    "Signal",
    "Signals",
    "SimulatedTrade",
    "SnapshotInfo",
    "Store",
    "Trade",
    "TradeConflictError",
    "TradeFilter",
    "TradeGroup",
    "TradeStep",
    "TradeSum",
    "Trades",
    "UnfinishedExit",
    "UniverseDecision",
    "UniverseSelection",
    "UniverseSelections",
    "check_snapshot",
    "hourly",
    "in_memory",
    "outages",
    "passwords_in",
    "refuse_newer",
    "restore_snapshot",
    "spans",
    "summarise",
]


_HOMES = {
    "Audit": "audit",
    "Breakers": "trades",
    "DailyPerformances": "daily",
    "HealthHistory": "health",
    "RemoteCopies": "copies",
    "Signals": "signals",
    "TradeConflictError": "trades",
    "Trades": "trades",
    "UniverseSelections": "universe",
}


def __getattr__(name: str) -> Any:
    """Find what few processes need when it is asked for first: mapping all tables would be a sixth of each start."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"huracan.store.{_HOMES.get(name, 'library_rows')}"), name)


class Store:
    """An open database, at the schema of this program. Made by :meth:`open` or :meth:`open_existing`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        access = self._access = Access(engine)
        self.ledger = Ledger(access)
        self.events = EventLog(access)
        self.outbox = Outbox(access)

    # Their tables are mapped when somebody asks for them first: most processes never do.

    @cached_property
    def universe(self) -> UniverseSelections:
        from huracan.store.universe import UniverseSelections

        return UniverseSelections(self._access)

    @cached_property
    def audit(self) -> Audit:
        from huracan.store.audit import Audit

        return Audit(self._access)

    @cached_property
    def copies(self) -> RemoteCopies:
        from huracan.store.copies import RemoteCopies

        return RemoteCopies(self._access)

    @cached_property
    def health(self) -> HealthHistory:
        from huracan.store.health import HealthHistory

        return HealthHistory(self._access)

    @cached_property
    def trades(self) -> Trades:
        from huracan.store.trades import Trades

        return Trades(self._access)

    @cached_property
    def daily_performance(self) -> DailyPerformances:
        from huracan.store.daily import DailyPerformances

        return DailyPerformances(self._access)

    @cached_property
    def signals(self) -> Signals:
        from huracan.store.signals import Signals

        return Signals(self._access)

    @cached_property
    def breakers(self) -> Breakers:
        from huracan.store.trades import Breakers

        return Breakers(self._access)

    @cached_property
    def library(self) -> Library:
        """The library of trades and models."""
        from huracan.store.library import Library

        return Library(self._access)

    @classmethod
    def open(cls, url: str, lock_folder: Path | None) -> Self:
        """Open a database, make or upgrade its tables under a lock.

        Raises StoreError, in one line without a password, where the URL is wrong, the server away, the file no
        database, or its schema newer than this program.
        """
        parsed = parse_url(url)
        file = sqlite_file(parsed)
        engine = open_engine(parsed)
        try:
            with as_store_error(parsed):
                if file is not None:
                    file.parent.mkdir(parents=True, exist_ok=True)
                if lock_folder is not None:
                    # Also where nothing is upgraded: a new workspace of a database that is there already. Where it
                    # cannot be made, whoever writes there says so.
                    with suppress(OSError):
                        lock_folder.mkdir(parents=True, exist_ok=True)
                upgrade(engine, lock_folder)
        except OSError as error:
            engine.dispose()
            raise StoreError(f"database: the folder of {file} cannot be made: {error.strerror}") from None
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    def open_existing(cls, url: str) -> Self | None:
        """Open a database to look at it: nothing is made or upgraded. None where there is none yet.

        Raises StoreError where it needs an upgrade first, or is newer than this program.
        """
        parsed = parse_url(url)
        file = sqlite_file(parsed)
        try:
            if file is not None and not file.exists():
                return None
        except PermissionError:
            raise StoreError(
                f"database: {file} may not be read by this user; run as its owner, or let this one in"
            ) from None
        engine = open_engine(parsed, read_only=True)
        try:
            with as_store_error(parsed), engine.connect() as connection:
                revision = current_revision(connection)
            refuse_newer(revision)
            if revision not in (HEAD, None):
                raise StoreError(f"database: has schema {revision}, this program {HEAD}; `huracan run` upgrades it")
        except BaseException:
            engine.dispose()
            raise
        if revision is None:
            engine.dispose()
            return None
        return cls(engine)

    def ping(self) -> None:
        """Ask the database a question. Raises StoreError where it does not answer, or SQLite finds its file damaged."""
        with as_store_error(self._engine.url), self._engine.connect() as connection:
            if (
                self._engine.dialect.name == "sqlite"
                and (found := connection.scalar(text("PRAGMA quick_check(1)"))) != "ok"
            ):
                raise StoreError(f"database {shown(self._engine.url)}: is damaged: {' '.join(str(found).split())}")
            connection.execute(text("SELECT 1"))

    def snapshot(self, target: Path, tick: Callable[[], None] = lambda: None) -> SnapshotInfo:
        """Write the whole database as of one instant into a file, while others go on writing.

        Raises as :func:`huracan.store.snapshot.take_snapshot` does.
        """
        return take_snapshot(self._engine, target, tick)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
