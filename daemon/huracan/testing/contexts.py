"""A real context in a folder, without files in /etc or the environment, and plugins that are not installed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from huracan import logs
from huracan.app import assemble
from huracan.clock import Clock, FixedClock, SystemClock
from huracan.config import LoggingSettings, RawSettings
from huracan.context import Context, Progress, RunInfo
from huracan.errors import SettingsError
from huracan.paths import Paths
from huracan.plugin.installed import EntryPointLike, installed
from huracan.plugin.manager import Plugins
from huracan.plugin.settings import compose_settings
from huracan.settings_sources import Layer, Origin, merge
from huracan.store import Store

__all__ = ["MovedClock", "RecordingProgress", "StandInEntryPoint", "lay_ready_database", "make_context", "stand_in"]


@dataclass(frozen=True, slots=True)
class StandInDistribution:
    name: str
    version: str = "1.0"


@dataclass(frozen=True, slots=True)
class StandInEntryPoint:
    """A plugin that is not installed. ``target`` is its module, or an exception that its import raises."""

    name: str
    target: ModuleType | BaseException
    dist: StandInDistribution

    def load(self) -> ModuleType:
        if isinstance(self.target, BaseException):
            raise self.target
        return self.target


def stand_in(name: str, distribution: str = "", /, **members: Any) -> StandInEntryPoint:
    """Make a plugin out of functions: ``stand_in("mine", huracan_jobs=hookimpl(lambda: [...]))``."""
    module = ModuleType(name.replace("-", "_"))
    for key, value in members.items():
        if callable(value) and hasattr(value, "__module__"):
            value.__module__ = module.__name__
        setattr(module, key, value)
    return StandInEntryPoint(name, module, StandInDistribution(distribution or name))


@dataclass
class MovedClock:
    """A clock that stands until it is moved."""

    instant: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def move(self, **span: float) -> None:
        """Go on by a span of time, in the words of ``timedelta``: ``move(hours=1)``."""
        self.instant += timedelta(**span)


class RecordingProgress:
    """Keeps the steps that were reported, for tests that read them."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        del done, total, item
        self.steps.append(text)

    def extend(self, seconds: float) -> None:
        self.steps.append(f"extend {seconds:g}")

    def stall_limit(self, seconds: float | None) -> None:
        self.steps.append(f"stall limit {seconds}")


def make_context(
    workspace: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    as_of: datetime | None = None,
    job: str = "",
    plugins: Sequence[str] | None = None,
    extra: Iterable[EntryPointLike] = (),
    progress: Progress | None = None,
    base: Path | None = None,
    clock: Clock | None = None,
) -> Context:
    """Build a context as the program does, with settings from a nested mapping and a real SQLite store.

    With ``as_of`` a run named ``nightly`` is begun (or continued) in the ledger and the clock stands still there;
    without it the clock is ``clock``, or the machine's.
    ``plugins`` limits the installed plugins by name, ``extra`` adds some that are not installed; relative paths start
    at ``base`` (default: the workspace). Raises SettingsError for any mistake in the settings.
    """
    values = {"workspace": str(workspace), **(settings or {})}
    raw = RawSettings(*merge([Layer(values, Origin("test settings", base or workspace), {})]))
    chosen = None if plugins is None else [*plugins, *(entry.name for entry in extra)]
    core = raw.core()
    host = Plugins(
        [*installed(), *extra], only=chosen, disable=core.plugins.disable, strict=core.plugins.strict,
        prefer=core.plugins.prefer,
    )  # fmt: skip
    composed, mistakes = compose_settings(raw, host)
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    paths = Paths(composed.core.workspace)
    paths.workspace.mkdir(parents=True, exist_ok=True)
    logs.configure(LoggingSettings(), None, "json", io.StringIO())
    if not core.database:
        lay_ready_database(paths.workspace)
    store = Store.open(composed.database_url(), lock_folder=paths.state)
    run = None
    if as_of is not None:
        row = store.ledger.begin_run("nightly", as_of.date(), as_of, as_of)
        run = RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of, job)
    seen = FixedClock(run.as_of) if run else clock or SystemClock()
    return assemble(composed, host, store, seen, progress=progress, run=run)


def lay_ready_database(workspace: Path) -> None:
    """Put an empty database at today's schema into a workspace that has none: all migrations would take ten times as
    long, and far longer in a process that has to load Alembic for them."""
    file = workspace / "huracan.db"
    if not file.exists():
        workspace.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_ready_database())


@cache
def _ready_database() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "huracan.db"
        Store.open(f"sqlite:///{file}", None).close()
        return file.read_bytes()
