"""What the store hands out: frozen values without a session behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

__all__ = [
    "FINISHED",
    "ItemRow",
    "ItemState",
    "JobRow",
    "RemoteCopy",
    "RunRow",
    "RunState",
    "UniverseDecision",
    "UniverseSelection",
]


class RunState(StrEnum):
    """Where a run or a job of it stands."""

    RUNNING = "running"
    DONE = "done"
    PARTLY_FAILED = "partly-failed"
    NOTHING_TO_DO = "nothing-to-do"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


FINISHED = frozenset({RunState.DONE, RunState.PARTLY_FAILED, RunState.NOTHING_TO_DO})
"""States that are not tried again for the same run date unless forced."""


class ItemState(StrEnum):
    """Where one coin (or other part) of a job stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a pipeline or a single job; ``generation`` counts from 1 and grows with each forced repetition."""

    run_id: str
    pipeline: str
    run_date: date
    generation: int
    as_of: datetime
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    summary: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """The latest state of a job for a run date."""

    job: str
    run_date: date
    run_id: str
    state: RunState
    attempts: int
    started_at: datetime
    ended_at: datetime | None
    seconds: float | None
    exit_code: int | None
    summary: str
    error: str


@dataclass(frozen=True, slots=True)
class ItemRow:
    """The latest state of one part of a job for a run date."""

    job: str
    run_date: date
    item: str
    state: ItemState
    attempts: int
    seconds: float | None
    path: str | None
    error: str | None
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoteCopy:
    """A file of the workspace that lies in a remote store: what it was when it was copied there and verified.

    ``modified_ns`` is the local file's time of change, nanoseconds since 1970; ``content_hash`` and ``revision`` are
    the remote store's own words.
    """

    path: str
    remote_path: str
    size: int
    modified_ns: int
    content_hash: str | None
    revision: str | None
    copied_at: datetime


@dataclass(frozen=True, slots=True)
class UniverseDecision:
    """Why one pair is in the universe or not; ``reasons`` are (rule, sentence) of every veto."""

    symbol: str
    selected: bool
    rank: int | None = None
    score: float | None = None
    reasons: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UniverseSelection:
    """A stored selection: ranked pairs first, then the dropped ones by symbol."""

    run_id: str
    run_date: date
    as_of: datetime
    exchange: str
    criteria: Mapping[str, Any]
    decisions: tuple[UniverseDecision, ...]
