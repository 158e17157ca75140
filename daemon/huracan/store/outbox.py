"""The outbox: one row for each event and channel, from the transaction that stored the event until it arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from huracan.masking import mask
from huracan.store.access import Access
from huracan.store.rows import OPEN, Address, ChannelState, OutboxRow, OutboxState
from huracan.store.tables import AlertChannelTable, EventTable, OutboxTable
from huracan.types import Event, Severity

__all__ = ["Outbox", "event_of", "outbox_row"]

_SEVERITIES = dict(enumerate(Severity))
_OPEN = tuple(state.value for state in OPEN)
_ARRIVED = (OutboxState.SENT.value, OutboxState.DIGESTED.value)
_GIVEN_UP = (OutboxState.FAILED.value, OutboxState.EXPIRED.value)
_COLUMNS = (
    OutboxTable.id, OutboxTable.event_id, OutboxTable.channel, OutboxTable.state, OutboxTable.severity,
    OutboxTable.created_at, OutboxTable.expires_at, OutboxTable.group_key, OutboxTable.same_key,
    OutboxTable.message_key, OutboxTable.attempts, OutboxTable.repeated, OutboxTable.tried_at,
    OutboxTable.next_try_at, OutboxTable.settled_at, OutboxTable.error,
)  # fmt: skip


class Outbox:
    """What waits for whom, and how the channels are. Every method is one transaction."""

    def __init__(self, access: Access) -> None:
        self._access = access

    # ------------------------------------------------------------------------------------------------- looking

    def newest(self) -> int:
        """Return the number of the newest row, 0 where there is none."""
        with self._access.reading() as session:
            return session.scalar(select(func.max(OutboxTable.id))) or 0

    def open(self, channel: str, limit: int = 1000, *, after: int = 0) -> list[OutboxRow]:
        """Return the rows that still have to reach a channel, oldest first, those behind the row ``after``."""
        query = select(*_COLUMNS).where(
            OutboxTable.channel == channel, OutboxTable.state.in_(_OPEN), OutboxTable.id > after
        )
        return self._rows(query.order_by(OutboxTable.id).limit(limit))

    def listing(self, states: Sequence[OutboxState], limit: int = 200) -> list[tuple[OutboxRow, Event | None]]:
        """Return the newest rows in some states with their events, oldest first."""
        query = select(*_COLUMNS).where(OutboxTable.state.in_([state.value for state in states]))
        rows = self._rows(query.order_by(OutboxTable.id.desc()).limit(limit))
        events = self.events([row.event_id for row in rows])
        return [(row, events.get(row.event_id)) for row in reversed(rows)]

    def counts(self) -> Mapping[str, Mapping[OutboxState, int]]:
        """Return how many rows stand in each state, by channel."""
        query = select(OutboxTable.channel, OutboxTable.state, func.count()).group_by(
            OutboxTable.channel, OutboxTable.state
        )
        found: dict[str, dict[OutboxState, int]] = {}
        with self._access.reading() as session:
            for channel, state, number in session.execute(query):
                found.setdefault(channel, {})[OutboxState(state)] = number
        return found

    def events(self, ids: Sequence[int]) -> Mapping[int, Event]:
        """Return events by their number; those that were deleted are left out."""
        found: dict[int, Event] = {}
        with self._access.reading() as session:
            for start in range(0, len(ids), 500):
                query = select(EventTable).where(EventTable.id.in_(ids[start : start + 500]))
                found |= {row.id: event_of(row) for row in session.scalars(query)}
        return found

    def arrived_since(self, channel: str, since: datetime) -> Mapping[str, datetime]:
        """Return when a channel last took each sort of event (``same``), as far as that was after an instant."""
        query = (
            select(OutboxTable.same_key, func.max(OutboxTable.settled_at))
            .where(
                OutboxTable.channel == channel, OutboxTable.settled_at > since, OutboxTable.state.in_(_ARRIVED)
            )
            .group_by(OutboxTable.same_key)
        )  # fmt: skip
        with self._access.reading() as session:
            return {same: instant for same, instant in session.execute(query) if instant is not None}

    def arrived_of_group(self, channel: str, group: str, limit: int = 500) -> tuple[str | None, list[int]]:
        """Return the newest receipt of a group's message on a channel, and the numbers of the events that it holds."""
        query = (
            select(OutboxTable.event_id, OutboxTable.receipt)
            .where(
                OutboxTable.channel == channel, OutboxTable.group_key == group, OutboxTable.state.in_(_ARRIVED)
            )
            .order_by(OutboxTable.id.desc())
            .limit(limit)
        )  # fmt: skip
        with self._access.reading() as session:
            rows = session.execute(query).all()
        receipt = next((each for _, each in rows if each is not None), None)
        return receipt, [event_id for event_id, _ in reversed(rows)]

    def channels(self) -> Mapping[str, ChannelState]:
        """Return how each channel is that anything was ever tried on."""
        with self._access.reading() as session:
            return {
                row.channel: ChannelState(
                    row.channel, row.failures, row.failing_since, row.told_at, row.next_try_at, row.sent_at, row.error
                )
                for row in session.scalars(select(AlertChannelTable))
            }

    # ------------------------------------------------------------------------------------------------ delivering

    def claim(
        self, channel: str, ids: Sequence[int], message: str, now: datetime, next_try_at: datetime, *,
        parked: bool = False,
    ) -> None:  # fmt: skip
        """Note that an attempt begins. Until its end is noted the channel counts as failing: a process may die.

        A message that is ``parked`` says nothing about its channel.
        """
        with self._access.writing() as session:
            for row in _these(session, ids):
                row.state, row.message_key, row.attempts = OutboxState.SENDING.value, message, row.attempts + 1
                row.tried_at = row.tried_at or now
            if parked:
                return
            about = _channel(session, channel)
            about.failures, about.next_try_at = about.failures + 1, next_try_at
            # One in the future was noted before the clock was set back.
            about.failing_since = min(about.failing_since or now, now)

    def arrived(
        self, channel: str, ids: Sequence[int], receipt: str | None, now: datetime, next_try_at: datetime
    ) -> None:
        """Note that a message arrived: the channel is well."""
        state = OutboxState.SENT if len(ids) == 1 else OutboxState.DIGESTED
        with self._access.writing() as session:
            for row in _these(session, ids):
                row.state, row.settled_at, row.receipt, row.error = state.value, now, receipt, ""
            about = _channel(session, channel)
            about.failures, about.failing_since, about.told_at, about.error = 0, None, None, ""
            about.next_try_at, about.sent_at = next_try_at, now

    def put_off(
        self, channel: str, ids: Sequence[int], error: str, next_try_at: datetime, *, repeated: bool, parked: bool
    ) -> None:
        """Note that an attempt failed; ``repeated``: the message may have arrived all the same.

        A message that is ``parked`` waits for itself alone, any other keeps its channel waiting.
        """
        state = OutboxState.PARKED if parked else OutboxState.WAITING
        with self._access.writing() as session:
            for row in _these(session, ids):
                row.state, row.error, row.next_try_at = state.value, mask(error), next_try_at
                row.repeated = row.repeated or repeated
            if not parked:
                about = _channel(session, channel)
                about.error, about.next_try_at = mask(error), next_try_at

    def park(self, ids: Sequence[int]) -> None:
        """Let rows step aside for those behind them."""
        with self._access.writing() as session:
            for row in _these(session, ids):
                row.state = OutboxState.PARKED.value

    def give_up(
        self, channel: str, ids: Sequence[int], state: OutboxState, error: str, now: datetime, *, answered: bool
    ) -> None:
        """Note that rows will not reach their channel; ``answered``: it said so itself, and so is no dead one."""
        with self._access.writing() as session:
            for row in _these(session, ids):
                row.state, row.settled_at = state.value, now
                row.error = mask(error) or row.error
            if answered:
                about = _channel(session, channel)
                about.failures, about.failing_since, about.told_at = 0, None, None
                about.error, about.next_try_at = mask(error), now

    def told(self, channel: str, now: datetime) -> None:
        """Note that others were told of a channel that fails."""
        with self._access.writing() as session:
            _channel(session, channel).told_at = now

    def retry(
        self, ids: Sequence[int] | None, now: datetime, expires_at: datetime, *, since: datetime | None = None
    ) -> int:
        """Let what was given up wait again, all of it (that of events from ``since`` on) or some rows, and channels be
        tried at once; return how many."""
        query = select(OutboxTable).where(OutboxTable.state.in_(_GIVEN_UP))
        if ids is not None:
            query = query.where(OutboxTable.id.in_(ids))
        if since is not None:
            query = query.where(OutboxTable.created_at >= since)
        with self._access.writing() as session:
            rows = session.scalars(query).all()
            for row in rows:
                row.state, row.expires_at, row.settled_at = OutboxState.WAITING.value, expires_at, None
                row.tried_at = row.next_try_at = None
            session.execute(update(AlertChannelTable).values(next_try_at=now))
            return len(rows)

    def prune(self, before: datetime) -> int:
        """Delete the rows from before an instant, and return how many; what still waits stays."""
        old = (OutboxTable.created_at < before, OutboxTable.state.not_in(_OPEN))
        with self._access.writing() as session:
            doomed = session.scalar(select(func.count()).where(*old)) or 0
            session.execute(delete(OutboxTable).where(*old))
        return doomed

    def _rows(self, query: object) -> list[OutboxRow]:
        with self._access.reading() as session:
            return [
                OutboxRow(
                    row.id, row.event_id, row.channel, OutboxState(row.state), _SEVERITIES[row.severity],
                    row.created_at, row.expires_at, row.group_key, row.same_key, row.message_key, row.attempts,
                    row.repeated, row.tried_at, row.next_try_at, row.settled_at, row.error,
                )
                for row in session.execute(query)  # type: ignore[call-overload]
            ]  # fmt: skip


def outbox_row(event_id: int, event: Event, level: int, address: Address) -> OutboxTable:
    """Make the row of an event that was just stored."""
    return OutboxTable(
        event_id=event_id, channel=address.channel, state=OutboxState.WAITING.value, severity=level,
        created_at=event.time, expires_at=max(address.expires_at, event.time + timedelta(seconds=1)),
        group_key=address.group, same_key=address.same,
    )  # fmt: skip


def event_of(row: EventTable) -> Event:
    """Make the value of a stored event."""
    return Event(
        row.kind, _SEVERITIES[row.severity], row.title, row.time, row.fields, row.run_id, row.job, row.symbol
    )  # fmt: skip


def _these(session: Session, ids: Sequence[int]) -> list[OutboxTable]:
    found: list[OutboxTable] = []
    for start in range(0, len(ids), 500):
        found += session.scalars(select(OutboxTable).where(OutboxTable.id.in_(ids[start : start + 500])))
    return found


def _channel(session: Session, channel: str) -> AlertChannelTable:
    about = session.get(AlertChannelTable, channel)
    if about is None:
        about = AlertChannelTable(channel=channel, failures=0, error="")
        session.add(about)
    return about
