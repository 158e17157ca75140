"""What every component is given instead of reaching for it: settings, paths, clock, logger, store, progress."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from huracan.clock import Clock
    from huracan.config import Settings
    from huracan.paths import Paths
    from huracan.plugin.manager import Plugins
    from huracan.store import Store
    from huracan.types import Severity

__all__ = ["Context", "Emit", "Progress", "RunInfo"]


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The run that a job belongs to. ``as_of`` is fixed when the run first starts and survives kills: it is the
    instant after which no candle is seen, and what ``Context.clock`` says."""

    run_id: str
    pipeline: str
    run_date: date
    as_of: datetime
    job: str = ""


class Progress(Protocol):
    """Where work reports each step that it finished. Silence for longer than the stall limit gets the job killed."""

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        """Say that a step ended. ``text`` is for a person (``train 7/20 SOL-USDT fold 3/6``); this is the heartbeat."""
        ...

    def extend(self, seconds: float) -> None:
        """Ask that the job's time limit end no sooner than ``seconds`` from now (EXTEND_TIMEOUT_USEC)."""
        ...

    def stall_limit(self, seconds: float | None) -> None:
        """Name the longest silence for the step that follows (WATCHDOG_USEC); None gives the declared one back."""
        ...


class Emit(Protocol):
    def __call__(
        self, kind: str, severity: Severity, title: str, *, symbol: str | None = None, **fields: Any
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """Handed to every job, service, check and hook value.

    ``clock`` is the run's frozen instant inside a job and the machine's clock elsewhere. ``emit`` records an event
    (store, log, notifiers) and never raises.
    """

    settings: Settings
    paths: Paths
    clock: Clock
    log: logging.LoggerAdapter[logging.Logger]
    store: Store
    progress: Progress
    plugins: Plugins
    emit: Emit
    run: RunInfo | None = None

    @property
    def current_run(self) -> RunInfo:
        """The run, for code that is only ever called inside one. Raises RuntimeError elsewhere."""
        if self.run is None:
            raise RuntimeError("this is called outside a run")
        return self.run

    @contextmanager
    def long_step(self, seconds: float) -> Iterator[None]:
        """Allow silence of ``seconds`` inside the block."""
        self.progress.stall_limit(seconds)
        try:
            yield
        finally:
            self.progress.stall_limit(None)

    def with_run(self, run: RunInfo, clock: Clock) -> Context:
        return replace(self, run=run, clock=clock)
