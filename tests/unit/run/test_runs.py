"""The runs of a daemon, without processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from huracan.context import Context
from huracan.rests import Rests
from huracan.runs import AtWork, Runs
from huracan.starting import Order
from huracan.store import RunState
from huracan.supervise.base import Exit, ExitReason, StopSwitch

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


class Killed:
    """Starts runs that are killed each time."""

    def prepare(self, context: Context) -> None: ...

    def run(self, *_: Any) -> Exit:
        return Exit(ExitReason.SIGNALLED, 137, 0.1)


@pytest.mark.parametrize("begun", [True, False])
def test_a_run_that_is_given_up_is_told_as_the_run_that_began(
    make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    monkeypatch.setattr("huracan.runs._ENOUGH_KILLS", 2)
    monkeypatch.setattr("huracan.runs.Backoff", lambda *_: SimpleNamespace(after=lambda _: 0.0))
    context, stop = make_context(plugins=()), StopSwitch()
    ledger = context.store.ledger
    # The same date was done before, and is forced once more: its end is nobody else's.
    before = ledger.begin_run("nightly", NOW.date(), NOW, NOW)
    ledger.end_run(before.run_id, RunState.DONE, "", NOW + timedelta(minutes=1))
    run_id = ledger.begin_run("nightly", NOW.date(), NOW, NOW, force=True).run_id if begun else None
    runs = Runs(Killed(), lambda: context, stop, lambda: None, Rests(context.paths.state))
    runs._run_until_it_ended(Order("nightly", NOW), AtWork(Order("nightly", NOW), "", NOW))
    [event] = [each for each in context.store.events.recent() if each.kind == "run.given-up"]
    assert (event.run_id, event.fields) == (run_id, {"pipeline": "nightly"})
    stop.close()
