"""Makes messages of what waits for a channel: which rows go out together, in which order, and what has to wait.

Nothing here reads or writes anything. The order is that of the oldest row of each message.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from huracan.store import OutboxRow, OutboxState
from huracan.types import Severity

__all__ = ["ChannelRules", "Plan", "Planned", "make_plan"]


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What holds for a channel at one instant. ``arrived`` says when each sort of event last got there, as far as
    that was within ``repeat``; ``is_ended`` whether nothing more will come to a group."""

    edits: bool
    quiet_until: datetime | None
    quiet_least: Severity
    repeat: timedelta
    digest: timedelta
    flood: int
    arrived: Mapping[str, datetime]
    is_ended: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Planned:
    """Rows that go out as one message. ``group`` is set where it is the grown version of an earlier one."""

    key: str
    rows: tuple[OutboxRow, ...]
    group: str | None = None

    @property
    def ids(self) -> list[int]:
        """Return the numbers of its rows."""
        return [row.id for row in self.rows]

    @property
    def is_parked(self) -> bool:
        """Say whether it stepped aside."""
        return self.rows[0].state is OutboxState.PARKED

    @property
    def was_interrupted(self) -> bool:
        """Say whether an earlier attempt may have arrived."""
        return any(row.state is OutboxState.SENDING or row.repeated for row in self.rows)


@dataclass(slots=True)
class Plan:
    """Messages to send, in order; rows that are too old; and when the first of those that wait may go, if known."""

    messages: list[Planned] = field(default_factory=list)
    parked: list[Planned] = field(default_factory=list)
    expired: list[OutboxRow] = field(default_factory=list)
    wake_at: datetime | None = None

    def wake(self, instant: datetime) -> None:
        """Look again no later than at an instant."""
        self.wake_at = instant if self.wake_at is None else min(self.wake_at, instant)


def make_plan(rows: Sequence[OutboxRow], rules: ChannelRules, now: datetime) -> Plan:
    """Plan what is sent of the open rows of one channel, oldest first."""
    plan = Plan()
    tried: dict[str, list[OutboxRow]] = {}
    fresh: list[OutboxRow] = []
    for row in rows:
        if row.expires_at <= now:
            plan.expired.append(row)
        elif row.message is not None:
            tried.setdefault(row.message, []).append(row)
        elif (until := _held_until(row, rules, now)) is not None:
            plan.wake(until)
        else:
            fresh.append(row)
    for key, each in tried.items():
        # What was tried once stays as it is: the other side may know its key.
        planned = Planned(key, tuple(each), each[0].group if rules.edits else None)
        (plan.parked if planned.is_parked else plan.messages).append(planned)
    plan.messages += _put_together(fresh, rules)
    plan.messages.sort(key=lambda message: message.rows[0].id)
    return plan


def _held_until(row: OutboxRow, rules: ChannelRules, now: datetime) -> datetime | None:
    """Return until when a row has to wait, None where it may go."""
    if rules.quiet_until is not None and row.severity.level < rules.quiet_least.level:
        return rules.quiet_until
    if row.group is not None:
        over = row.created_at + rules.digest
        return None if rules.edits or over <= now or rules.is_ended(row.group) else over
    last = rules.arrived.get(row.same)
    # One that arrived in the future did so before the clock was set back.
    return last + rules.repeat if last is not None and last <= now < last + rules.repeat else None


def _put_together(rows: Sequence[OutboxRow], rules: ChannelRules) -> list[Planned]:
    """Make one message of each group and of what tells the same, and one of all where that is still too many."""
    parts: dict[str, list[OutboxRow]] = {}
    for row in rows:
        together = row.group if row.group is not None else row.same if rules.repeat else str(row.id)
        parts.setdefault(together, []).append(row)
    if rules.flood and len(parts) > rules.flood:
        growing = [part for part in parts.values() if rules.edits and part[0].group is not None]
        kept = {row.id for part in growing for row in part}
        others = [row for row in rows if row.id not in kept]
        return [*map(_planned_group, growing), *([_planned(others)] if others else [])]
    return [
        _planned_group(part) if rules.edits and part[0].group is not None else _planned(part) for part in parts.values()
    ]


def _planned(rows: Iterable[OutboxRow]) -> Planned:
    return Planned(uuid.uuid4().hex, tuple(rows))


def _planned_group(rows: Sequence[OutboxRow]) -> Planned:
    return Planned(uuid.uuid4().hex, tuple(rows), rows[0].group)
