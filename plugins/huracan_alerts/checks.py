"""How the channels are, and how long messages wait for them."""

from __future__ import annotations

from datetime import timedelta

from huracan.alerts.delivery import LOCK
from huracan.alerts.routing import channels
from huracan.context import Context
from huracan.errors import HuracanError
from huracan.run.lock import is_held
from huracan.store import OPEN
from huracan.types import CheckResult, CheckState

__all__ = ["check_channels"]

LATE = timedelta(minutes=15)
"""Age of a message from which on somebody must be at work on it."""


def check_channels(context: Context | None) -> CheckResult:
    """Do the channels take messages, and does somebody deliver them?"""
    if context is None:
        return CheckResult(CheckState.OK, "asked without settings")
    known = channels(context)
    if not known:
        return CheckResult(
            CheckState.WARNING, "no channel is set: nobody is told of a failure",
            "set telegram, email, webhook or alert_command; docs/how-to/alerts.md says how",
        )  # fmt: skip
    try:
        states, counts = context.store.outbox.channels(), context.store.outbox.counts()
    except HuracanError as error:
        return CheckResult(CheckState.WARNING, str(error), "see the check database")
    bad: list[str] = []
    now, delivered = context.clock.now(), is_held(context.paths.state / LOCK)
    for name, notifier in known.items():
        state = states.get(name)
        if state is not None and state.failing_since is not None and state.failures > 1:
            bad.append(f"{name} takes no messages since {state.failing_since:%d %b %H:%M}Z: {state.error}")
        elif state is not None and state.failing_since is None and state.error:
            bad.append(f"{name} refused its last message: {state.error}")
        elif notifier.check is not None and (found := notifier.check(context)).state is not CheckState.OK:
            bad.append(f"{name}: {found.detail}")
        elif not delivered and (rows := context.store.outbox.open(name, 1)) and now - rows[0].created_at > LATE:
            bad.append(f"{name}: messages wait since {rows[0].created_at:%d %b %H:%M}Z and nobody delivers them")
    if bad:
        hint = "`huracan alerts test CHANNEL` tries one; `huracan daemon` or the unit of the service alerts delivers"
        return CheckResult(CheckState.FAILED if len(bad) == len(known) else CheckState.WARNING, "; ".join(bad), hint)
    waiting = sum(counts.get(name, {}).get(state, 0) for name in known for state in OPEN)
    return CheckResult(CheckState.OK, f"{', '.join(known)}: {waiting} waiting")
