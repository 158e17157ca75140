"""Takes messages from the outbox to their channels: at least once, in order per channel, whoever dies in between.

Each attempt is noted before it begins and after it ended. What was under way when a process died is sent again under
the same key, marked as repeated. One process at a time delivers: it holds ``state/alerts.lock``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from huracan.alerts.channel_news import ChannelNews
from huracan.alerts.emit import with_sending, without_sending
from huracan.alerts.planning import ChannelRules, Plan, Planned, make_plan
from huracan.alerts.routing import addresses, channel_settings, channels, quiet_until
from huracan.alerts.spool import laid_down
from huracan.audit_spool import take_in_actions
from huracan.clock import Clock, SystemClock
from huracan.errors import DeliveryError, HuracanError, StopRequested
from huracan.logs import inside
from huracan.store import OPEN, ChannelState, OutboxRow, OutboxState, RunState
from huracan.types import Event, Message, Notifier, Severity

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["LOCK", "Deliverer"]

LOCK = "alerts.lock"
"""File in ``state`` that is locked by who delivers."""

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds before the second attempt and between later ones, which double; up to half more or less by chance."""
AT_ONCE = 20
"""Messages of one channel before the next one has its turn."""
ASIDE_AFTER, ASIDE_ATTEMPTS = timedelta(minutes=15), 5
"""From then on one that fails lets those behind it be tried too; where they arrive, it steps aside."""
LOOK_AGAIN = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=24)
"""Nobody is asked later than that, whatever the other side wishes: the day's messages would be too old by then."""
CLOCK_WAS_SET = timedelta(hours=25)
"""A moment further ahead was noted by a clock that was wrong; more than LONGEST_WAIT, or who asks us to wait for long
would be asked again at once, and again."""
MOST_OF_A_GROUP = 500
PAGE = 1000
"""Rows of one channel that are looked at together."""


class Deliverer:
    """Works through the outbox, a turn at a time. Call it only while holding the lock."""

    def __init__(
        self, context: Context, *, clock: Clock | None = None, chance: random.Random | None = None,
        stopped: Callable[[], bool] = lambda: False, alive: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._outbox = context.store.outbox
        self._settings = context.settings.core.alerts
        self._clock, self._chance = clock or SystemClock(), chance or random.Random()
        # A run's own clock stands still: what is signed or judged by age needs the machine's.
        self._context = replace(context, clock=self._clock)
        self._for_channels = replace(self._context, emit=self._channel_tells)
        self._news = ChannelNews(self._context)
        self._at_hand: tuple[str, Sequence[Event]] = "", ()
        self._stopped, self._alive = stopped, alive
        self._channels = channels(context)
        self._owners = context.plugins.notifiers().owners
        self._sent, self._drop_at = 0, datetime.min.replace(tzinfo=UTC)
        self._failing: set[str] = set()
        self._seen, self._wake_at = -1, datetime.min.replace(tzinfo=UTC)

    def turn(self) -> bool:
        """Send what is due, a few messages of each channel at most; return whether there may be more at once.

        Raises StoreError where the database is away, StopRequested where this process is told to end.
        """
        now = self._clock.now()
        newest = self._outbox.newest()
        # Further ahead than we ever look it was noted before the clock was set back.
        if newest == self._seen and now < self._wake_at <= now + LOOK_AGAIN:
            return False
        self._seen, self._wake_at = newest, now + LOOK_AGAIN
        states = self._outbox.channels()
        more = False
        for name, notifier in self._channels.items():
            if self._stopped():
                return False
            with inside(plugin=self._owners.get(name, "")):
                more |= self._serve(notifier, states.get(name, ChannelState(name)))
        if not now < self._drop_at <= now + LOOK_AGAIN:
            self._drop_at = now + LOOK_AGAIN
            self._take_in()
            self._drop_what_nobody_takes()
        if more:
            self._wake_at = now
        return more

    def in_words(self) -> str:
        """Say for a person how the channels are."""
        if not self._channels:
            return "no channel is set"
        words = f"{self._sent} sent to {', '.join(self._channels)}"
        return f"{words}; failing: {', '.join(sorted(self._failing))}" if self._failing else words

    def seconds_to_wait(self, longest: float) -> float:
        """Return for how long nothing is due, as far as it is known."""
        return min(longest, max(0.0, (self._wake_at - self._clock.now()).total_seconds()))

    def is_due_soon(self) -> bool:
        """Say whether a message waits for no more than its channel's pace, or for its second attempt."""
        return self._wake_at - self._clock.now() < timedelta(seconds=2 * FIRST_PAUSE)

    # ------------------------------------------------------------------------------------------------ one channel

    def _serve(self, notifier: Notifier, state: ChannelState) -> bool:
        name, now = notifier.name, self._clock.now()
        self._news.tell_if_dead(state, now)
        was_set_back = state.failing_since is not None and state.failing_since > now
        if state.next_try_at is not None and now < state.next_try_at < now + CLOCK_WAS_SET and not was_set_back:
            self._wake(state.next_try_at)
            return False
        parked: list[Planned] = []
        more = False
        for rows in self._pages(name):
            plan = self._plan(notifier, rows, now)
            self._expire(name, plan.expired)
            if plan.wake_at is not None:
                self._wake(plan.wake_at)
            parked += plan.parked
            if plan.messages:
                more = self._send_in_order(notifier, plan)
                break
        self._try_parked(notifier, parked, now)
        return more

    def _pages(self, name: str) -> Iterator[list[OutboxRow]]:
        """Yield what is open, oldest first, in parts that memory holds: where all of one part has to wait, for quiet
        hours say, what is grave in the next one must not wait with it."""
        rows = self._outbox.open(name, PAGE)
        while rows:
            yield rows
            rows = self._outbox.open(name, PAGE, after=rows[-1].id)

    def _try_parked(self, notifier: Notifier, parked: Sequence[Planned], now: datetime) -> None:
        """Try those that stepped aside, until one fails: each may take as long as the channel lets it."""
        for message in parked:
            if self._stopped() or (_is_due(message, now) and not self._send(notifier, message)):
                return

    def _plan(self, notifier: Notifier, rows: Sequence[OutboxRow], now: datetime) -> Plan:
        settings, own = self._settings, channel_settings(self._settings, notifier.name)
        repeat = timedelta(minutes=settings.repeat_minutes)
        rules = ChannelRules(
            edits=notifier.edits, quiet_until=quiet_until(own.quiet, now), quiet_least=own.quiet_least, repeat=repeat,
            digest=timedelta(hours=settings.digest_hours), flood=settings.flood,
            arrived=self._outbox.arrived_since(notifier.name, now - repeat) if repeat else {},
            is_ended=cache(self._is_ended),
        )  # fmt: skip
        return make_plan(rows, rules, now)

    def _is_ended(self, group: str) -> bool:
        run = self._context.store.ledger.run_by_id(group.partition("/")[0])
        return run is None or run.state is not RunState.RUNNING

    def _send_in_order(self, notifier: Notifier, plan: Plan) -> bool:
        """Send until one fails; return whether some were left for the next turn."""
        for number, message in enumerate(plan.messages):
            if self._stopped():
                return False
            if number == AT_ONCE:
                return True
            if self._send(notifier, message):
                if notifier.pause:
                    return self._rest(notifier, len(plan.messages) > number + 1)
                continue
            behind = plan.messages[number + 1] if number + 1 < len(plan.messages) else None
            if behind is None or not self._may_step_aside(message) or not self._send(notifier, behind):
                return False
            self._outbox.park(message.ids)
            return True
        return False

    def _rest(self, notifier: Notifier, more: bool) -> bool:
        if more:
            self._wake(self._clock.now() + timedelta(seconds=notifier.pause))
        return False

    def _may_step_aside(self, message: Planned) -> bool:
        first = message.rows[0]
        return (
            first.attempts + 1 >= ASIDE_ATTEMPTS
            and first.tried_at is not None
            and self._clock.now() - first.tried_at >= ASIDE_AFTER
        )

    # ------------------------------------------------------------------------------------------------ one message

    def _send(self, notifier: Notifier, planned: Planned) -> bool:
        """Make one attempt and note how it ended; return whether it came to an end, good or bad."""
        is_over = self._attempt(notifier, planned)
        # A turn of slow channels may take longer than the watchdog waits; each message is progress.
        self._alive(self.in_words())
        return is_over

    def _attempt(self, notifier: Notifier, planned: Planned) -> bool:
        message = self._message(planned)
        now = self._clock.now()
        if message is None:
            self._expire(notifier.name, planned.rows)
            return True
        state = self._outbox.channels().get(notifier.name, ChannelState(notifier.name))
        again = now + self._back_off(state.failures)
        self._outbox.claim(notifier.name, planned.ids, planned.key, now, again, parked=planned.is_parked)
        try:
            receipt = self._deliver(notifier, message)
        except DeliveryError as error:
            self._failed(notifier, planned, message, error, state)
            return error.permanent
        if state.told_at is not None:
            self._news.tell_that_it_is_back(state, self._clock.now())
        self._sent += 1
        self._failing.discard(notifier.name)
        now = self._clock.now()
        self._outbox.arrived(notifier.name, planned.ids, receipt, now, now + timedelta(seconds=notifier.pause))
        return True

    def _message(self, planned: Planned) -> Message | None:
        """Read the events of a message, None where they were deleted meanwhile."""
        ids, receipt = [row.event_id for row in planned.rows], None
        if planned.group is not None:
            receipt, earlier = self._outbox.arrived_of_group(planned.rows[0].channel, planned.group, MOST_OF_A_GROUP)
            ids = [*(earlier if receipt is not None else []), *ids]
        found = self._outbox.events(ids)
        events = tuple(found[each] for each in sorted(ids) if each in found)
        return Message(planned.key, events, receipt, planned.was_interrupted) if events else None

    def _deliver(self, notifier: Notifier, message: Message) -> str | None:
        """Call the channel; whatever it raises but a request to stop becomes a DeliveryError."""
        log = self._context.log
        self._at_hand = notifier.name, message.events
        # Written before, so that the log names the one that hangs.
        log.debug("channel %s: sends %s", notifier.name, message.events[-1].kind)
        try:
            with without_sending():
                try:
                    return notifier.deliver(self._for_channels, message)
                except DeliveryError as error:
                    if not error.permanent or message.replaces is None:
                        raise
                    # What is to be edited may be gone: then it is a message of its own.
                    return notifier.deliver(self._for_channels, replace(message, replaces=None))
        except (KeyboardInterrupt, StopRequested, DeliveryError):
            raise
        except HuracanError as error:
            raise DeliveryError(str(error)) from None
        except BaseException as error:
            # Not Exception: a channel that calls sys.exit must not end who delivers.
            log.exception("the channel %s failed to send %s", notifier.name, message.events[-1].kind)
            raise DeliveryError(f"{type(error).__name__}: {error}", uncertain=True) from None

    def _failed(
        self, notifier: Notifier, planned: Planned, message: Message, error: DeliveryError, state: ChannelState
    ) -> None:
        name, now, text = notifier.name, self._clock.now(), " ".join(str(error).split())
        if error.permanent:
            self._news.tell_of_refusal(name, message, text)
            self._outbox.give_up(name, planned.ids, OutboxState.FAILED, text, now, answered=True)
            return
        if not planned.is_parked:
            self._failing.add(name)
        pause = self._back_off(planned.rows[0].attempts if planned.is_parked else state.failures)
        if error.retry_after is not None:
            # Some answer with 0, or a moment that is over: who took that at its word would never stop asking.
            asked = min(max(FIRST_PAUSE, error.retry_after), LONGEST_WAIT.total_seconds())
            pause = min(LONGEST_WAIT, timedelta(seconds=asked * self._chance.uniform(1.0, 1.1)))
        level = self._context.log.warning if state.failures == 0 else self._context.log.debug
        level("channel %s: %s; tried again in %.0f s", name, text, pause.total_seconds())
        self._wake(now + pause)
        self._outbox.put_off(
            name, planned.ids, text, now + pause, repeated=error.uncertain, parked=planned.is_parked
        )  # fmt: skip

    def _back_off(self, failures: int) -> timedelta:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 20))
        return timedelta(seconds=pause * self._chance.uniform(0.5, 1.5))

    def _wake(self, instant: datetime) -> None:
        self._wake_at = min(self._wake_at, instant)

    def _channel_tells(
        self, kind: str, severity: Severity, title: str, *, symbol: str | None = None, **fields: Any
    ) -> None:
        """Send what a channel tells of itself while it delivers, a warning or worse: a chat that moved or is dead.

        At once, for a kill may come before the attempt ends. The rest is recorded alone, and so is all that it tells
        while it delivers nothing but news of channels: that would go round in circles.
        """
        name, events = self._at_hand
        is_news = all("channel" in event.fields for event in events)
        sends = severity in (Severity.WARNING, Severity.ERROR) and not is_news
        with with_sending() if sends else without_sending():
            self._context.emit(kind, severity, title, symbol=symbol, **{"channel": name, **fields})

    # ------------------------------------------------------------------------------------------------ around the outbox

    def _expire(self, name: str, rows: Sequence[OutboxRow]) -> None:
        if not rows:
            return
        self._news.tell_of_what_is_too_old(name, rows)
        now = self._clock.now()
        self._outbox.give_up(name, [row.id for row in rows], OutboxState.EXPIRED, "", now, answered=False)

    def _take_in(self) -> None:
        """Store what was kept as files while the database was away: a kill in between stores it twice."""
        take_in_actions(self._context)
        for path, event in laid_down(self._context.paths.state):
            if event is None:
                self._context.log.warning("%s holds no event; it is deleted", path)
            else:
                try:
                    self._context.store.events.add(event, addresses(self._settings, event, self._channels.values()))
                except HuracanError:
                    raise
                except Exception:
                    # What no database takes must not end who delivers again and again. The last such file stays.
                    self._context.log.exception("the event %s (%s) cannot be stored", event.kind, event.title)
                    path.replace(path.with_name("refused.json"))
            path.unlink(missing_ok=True)

    def _drop_what_nobody_takes(self) -> None:
        """Let the messages of channels expire that are no longer there or were switched off."""
        now = self._clock.now()
        for name, counts in self._outbox.counts().items():
            if name not in self._channels and _waits(counts):
                self._expire(name, [row for row in self._outbox.open(name) if row.expires_at <= now])


def _waits(counts: Mapping[OutboxState, int]) -> bool:
    return any(counts.get(state) for state in OPEN)


def _is_due(message: Planned, now: datetime) -> bool:
    at = message.rows[0].next_try_at
    return at is None or at <= now or at > now + CLOCK_WAS_SET
