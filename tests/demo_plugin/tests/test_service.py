from __future__ import annotations

from collections.abc import Callable

from huracan.context import Context
from huracan.testing import MovedClock
from huracan.testing.outboxes import CapturedOutbox

from huracan_stranger.service import look


def test_a_late_night_is_told_of_once(
    make_context: Callable[..., Context], frozen_clock: MovedClock, captured_outbox: CapturedOutbox
) -> None:
    context = make_context(plugins=["stranger"])
    began = frozen_clock.now()
    run = context.store.ledger.begin_run("nightly", began.date(), began, began)
    frozen_clock.move(hours=4)
    assert look(context, ()) == []
    frozen_clock.move(minutes=1)
    told = look(context, ())
    assert told == [run.run_id]
    assert captured_outbox.titles == [f"the night of {began.date()} takes longer than 240 minutes"]
    assert look(context, told) == []
