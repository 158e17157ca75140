"""What the store hands out: frozen values without a session behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from huracan.types import CheckState, Severity

__all__ = [
    "FINISHED",
    "OPEN",
    "Address",
    "AuditEntry",
    "BreakerEvent",
    "ChannelState",
    "HealthResult",
    "HealthStanding",
    "ItemRow",
    "ItemState",
    "JobRow",
    "OutboxRow",
    "OutboxState",
    "RemoteCopy",
    "RunRow",
    "RunState",
    "Trade",
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
class Trade:
    """A closed trade, as the trading process reported it.

    ``side`` is long or short, ``source`` live, paper or simulated. ``quantity`` in base units, ``entry`` and ``exit``
    in quote currency a unit; ``fees``, ``net_pnl`` (fees taken off) and ``equity_after`` (of the whole account, after
    this trade) in quote currency. ``recorded_at`` is when the store took it in; equal trades may differ in it.
    ``strategy`` is who decided, a model's id or any name, empty where the trading process does not tell.
    """

    id: str
    symbol: str
    side: str
    opened_at: datetime
    closed_at: datetime
    quantity: float
    entry: float
    exit: float
    fees: float
    net_pnl: float
    equity_after: float
    source: str
    recorded_at: datetime | None = field(default=None, compare=False)
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class BreakerEvent:
    """A line of the history of kill switch (breaker ``kill``) and breakers: tripped or released, and why."""

    time: datetime
    breaker: str
    tripped: bool
    mode: str
    value: float | None
    limit: float | None
    sentence: str
    by: str = ""


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


@dataclass(frozen=True, slots=True)
class HealthResult:
    """What a health check said at ``time``, the instant at which it was asked; ``seconds`` are what it took."""

    time: datetime
    check: str
    plugin: str
    state: CheckState
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HealthStanding:
    """What a check said last, and since when it has said so without a break (as far back as results are kept)."""

    latest: HealthResult
    since: datetime


class OutboxState(StrEnum):
    """Where an event stands on its way to one channel."""

    WAITING = "waiting"
    SENDING = "sending"
    """An attempt is under way, or was when a process died."""
    PARKED = "parked"
    """It stepped aside for those behind it, which the channel takes, and is still tried."""
    SENT = "sent"
    DIGESTED = "digested"
    """It went out together with others."""
    FAILED = "failed"
    EXPIRED = "expired"


OPEN = (OutboxState.WAITING, OutboxState.SENDING, OutboxState.PARKED)
"""States in which an event still has to reach its channel."""


@dataclass(frozen=True, slots=True)
class Address:
    """A channel that an event is to reach. ``same`` is equal for events that tell the same, ``group`` for those that
    form one message."""

    channel: str
    expires_at: datetime
    same: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event on its way to one channel. ``message`` is the key of the message that it was first tried in."""

    id: int
    event_id: int
    channel: str
    state: OutboxState
    severity: Severity
    created_at: datetime
    expires_at: datetime
    group: str | None
    same: str
    message: str | None
    attempts: int
    repeated: bool
    tried_at: datetime | None
    next_try_at: datetime | None
    settled_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel is: ``failures`` in a row, since when, when its failure was told, when it may be tried again."""

    channel: str
    failures: int = 0
    failing_since: datetime | None = None
    told_at: datetime | None = None
    next_try_at: datetime | None = None
    sent_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what: ``actor`` is a user or a chat's user, ``via`` the way (command line, telegram), ``outcome`` a
    word or a line."""

    time: datetime
    actor: str
    via: str
    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = "done"
