"""The kill switch by chat."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from huracan.context import Context
from huracan.trading import Mode, read_kill, read_trading
from huracan_safety.chat import answer_kill


def test_a_kill_by_chat_stops_trading_is_told_and_stands(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=("safety",))
    assert answer_kill(context, ("it", "burns")).text.startswith("🛑 Trading is STOPPED: it burns")
    now = context.clock.now()
    assert read_trading(context.paths.state, now).mode is Mode.STOPPED
    assert read_kill(context.paths.state).by == "the owner, by chat"
    assert [event.kind for event in context.store.events.recent()] == ["kill.on"]
    assert context.store.breakers.recent(5)[0].sentence == "it burns"
    later = type("Later", (), {"now": lambda self: now + timedelta(minutes=5)})()
    from dataclasses import replace

    again = answer_kill(replace(context, clock=later), ())
    assert again.text.startswith("🛑 Trading was stopped already, since")
