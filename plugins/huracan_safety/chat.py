"""The chat command ``/kill``."""

from __future__ import annotations

from collections.abc import Sequence

from huracan.context import Context
from huracan.types import ChatReply

__all__ = ["answer_kill"]


def answer_kill(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Throw the kill switch, as `huracan kill` does. Raises NotWrittenError where nothing can be written."""
    from huracan.alerts.trading import tell_changes
    from huracan.errors import HuracanError
    from huracan.trading import kill

    now = context.clock.now()
    state = kill(context.paths.state, " ".join(arguments) or "no reason given", "the owner, by chat", now)
    try:
        tell_changes(context, patience=5.0)
    except HuracanError as error:
        context.log.warning("the kill is not in the history yet: %s", error)  # the service safety tells it
    since = state.kill.since
    if since is not None and (now - since).total_seconds() > 1:
        return ChatReply(f"🛑 Trading was stopped already, since {since:%-d %b %H:%M} UTC: {state.kill.reason}")
    return ChatReply(f"🛑 Trading is STOPPED: {state.kill.reason}\nOnly /resume trading lifts it.")
