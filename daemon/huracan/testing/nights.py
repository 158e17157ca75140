"""A whole night in this process, on the simulated exchange: real jobs, ledger and files, in seconds.

Only supervision is left out: no job is killed here, whatever it does (coins are trained in worker processes, as ever).
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.plugin.installed import EntryPointLike
from huracan.run.graph import jobs_to_run
from huracan.run.heartbeat import NotifyProgress, ProgressEvent
from huracan.run.pipeline import Machinery, RunResult, run_pipeline
from huracan.run.plan import Request
from huracan.run.runner import run_job
from huracan.store import JobRow
from huracan.supervise.base import Child, Exit, ExitReason, StopSwitch, Watcher
from huracan.testing.contexts import make_context
from huracan.testing.limits import signals_kept

__all__ = ["AS_OF", "PLUGINS", "SETTINGS", "Night", "play_night"]

AS_OF = datetime(2025, 6, 30, 2, tzinfo=UTC)
PLUGINS = ("candles", "exchanges", "export", "features", "training", "universe")
"""The bundled plugins that a night needs."""
SETTINGS: Mapping[str, Any] = {
    "exchange": {"name": "simulated", "coins": 3},
    "candles": {"days": 240},
    "training": {
        "folds": 3, "search": {"trials": 1}, "workers": 1, "gates": {"samples": 20}, "encoder": {"use": "off"},
    },
    "export": {"formats": ["csv"]},
}  # fmt: skip
"""Three coins, of which one has an edge that becomes a champion; no more days than that takes."""


@dataclass(frozen=True)
class Night:
    """A night that was played: its context, how it ended, and what its jobs said while they were at work."""

    context: Context
    result: RunResult
    steps: Sequence[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return self.result.exit_code

    @property
    def jobs(self) -> Mapping[str, JobRow]:
        """The rows of the jobs in the ledger, by name, in their order."""
        return {row.job: row for row in self.result.jobs}

    def problems(self) -> list[str]:
        """Return a line for each job that did not end well."""
        fine = ("done", "nothing-to-do")
        return [
            f"{row.job} {row.state}: {row.error or row.summary}" for row in self.result.jobs if row.state not in fine
        ]


def play_night(
    workspace: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    plugins: Sequence[str] = (),
    extra: Sequence[EntryPointLike] = (),
    as_of: datetime = AS_OF,
    pipeline: str = "nightly",
) -> Night:
    """Play a night with the bundled plugins that it needs, the installed ``plugins`` and ``extra`` stand-ins.

    ``settings`` are laid over ``SETTINGS``, section by section. Call it again for the same workspace and what is done
    is not done again. The caller closes ``night.context.store``. Features and trainers must be of installed plugins:
    workers are processes of their own.
    """
    given = {**SETTINGS, **{name: _over(SETTINGS.get(name), value) for name, value in (settings or {}).items()}}
    context = make_context(workspace, given, plugins=[*PLUGINS, *plugins], extra=extra)
    steps: list[str] = []
    jobs = jobs_to_run(pipeline, context.plugins, context.settings)
    stop = StopSwitch()
    machinery = Machinery(
        _InProcess(context, steps), lambda job, run_id: Child((job.name, run_id), {}), stop, _NoDisplay(),
        lambda _: None, random.Random(1),
    )  # fmt: skip
    try:
        with signals_kept():
            result = run_pipeline(context, Request(pipeline, as_of, as_of), jobs, machinery)
    finally:
        stop.close()
    return Night(context, result, steps)


def _over(below: Any, above: Any) -> Any:
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    # Another exchange or remote store has other settings.
    if "name" in above and above["name"] != below.get("name"):
        return above
    return {**below, **{name: _over(below.get(name), value) for name, value in above.items()}}


class _InProcess:
    """The supervisor of a test: works on the job itself."""

    def __init__(self, context: Context, steps: list[str]) -> None:
        self._context, self._steps = context, steps

    def run(self, child: Child, watcher: Watcher, stop: StopSwitch) -> Exit:
        del watcher, stop
        name, run_id = child.command
        began = time.monotonic()
        code = run_job(self._context, name, run_id, _Recorded(name, self._steps))
        return Exit(ExitReason.EXITED, code, time.monotonic() - began)


class _Recorded(NotifyProgress):
    """Tells nobody, and keeps what was said."""

    def __init__(self, job: str, steps: list[str]) -> None:
        super().__init__(None, job)
        self._steps = steps

    def relay(self, event: ProgressEvent) -> None:
        self._steps.append(event.text)


class _NoDisplay:
    def job_started(self, job: str, attempt: int) -> None: ...

    def progressed(self, event: ProgressEvent) -> None: ...

    def line(self, text: str) -> None: ...

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None: ...
