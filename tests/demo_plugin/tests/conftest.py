"""What the tests of this plugin share; the fixtures of Huracan's kit do the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from huracan.context import Context
from huracan.store import RunState

pytest_plugins = ["huracan.testing.fixtures"]


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    """A context in an empty workspace; of all that is installed, only this plugin is loaded."""
    return make_context(plugins=["stranger"])


@pytest.fixture
def nights(context: Context) -> None:
    """Two nights in the ledger: the 5th took 30 minutes, the 6th 250."""
    for day, minutes in ((5, 30), (6, 250)):
        began = datetime(2026, 1, day, 2, tzinfo=UTC)
        run = context.store.ledger.begin_run("nightly", began.date(), began, began)
        context.store.ledger.end_run(run.run_id, RunState.DONE, "", began + timedelta(minutes=minutes))
