"""A pytest plugin for tests of plugins: ``pytest_plugins = ["huracan.testing.fixtures"]`` in the topmost conftest.py.

=====================  =============================================================================================
fixture                what it is
=====================  =============================================================================================
``workspace``          a folder for artefacts that does not exist yet
``make_context``       builds real contexts in it (``huracan.testing.make_context``) and closes their stores at the end
``frozen_clock``       the clock of contexts and events of this test: it stands until ``move(hours=1)``
``captured_outbox``    keeps what is emitted and what channels would get; nothing leaves this process
``night``              plays a whole night on the simulated exchange in this process, in seconds
``loopback_server``    an HTTP server on 127.0.0.1 that answers by path, and misbehaves when it is told to
=====================  =============================================================================================

It loads nothing but pytest until a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.testing.contexts import MovedClock
    from huracan.testing.nights import Night
    from huracan.testing.outboxes import CapturedOutbox
    from huracan.testing.servers import ScriptedServer

__all__ = ["captured_outbox", "frozen_clock", "loopback_server", "make_context", "night", "workspace"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder for artefacts that does not exist yet."""
    return tmp_path / "work"


@pytest.fixture
def make_context(workspace: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Context]]:
    """Build contexts as ``huracan.testing.make_context`` does (workspace given), and close their stores at the end.

    In a test that uses them, ``frozen_clock`` is their clock and ``captured_outbox`` one of their channels.
    """
    from huracan.testing.contexts import make_context as build

    made: list[Context] = []

    def make(*args: Any, folder: Path | None = None, **options: Any) -> Context:
        if "frozen_clock" in request.fixturenames:
            options.setdefault("clock", request.getfixturevalue("frozen_clock"))
        if "captured_outbox" in request.fixturenames:
            outbox: CapturedOutbox = request.getfixturevalue("captured_outbox")
            options["extra"] = [*options.get("extra", ()), outbox.plugin]
        context = build(folder or workspace, *args, **options)
        made.append(context)
        return context

    yield make
    for context in made:
        context.store.close()


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    """The clock of contexts and of events: it stands until it is moved."""
    from huracan.alerts import emit
    from huracan.testing.contexts import MovedClock

    clock = MovedClock()
    # When something happened is told by the machine's clock, not by that of a run.
    monkeypatch.setattr(emit, "SystemClock", lambda: clock)
    return clock


@pytest.fixture
def captured_outbox() -> CapturedOutbox:
    """Keeps what is emitted in this test's contexts, and the messages that channels would get."""
    from huracan.testing.outboxes import CapturedOutbox

    return CapturedOutbox()


@pytest.fixture
def night(workspace: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Night]]:
    """Play nights as ``huracan.testing.play_night`` does (workspace given), and close their stores at the end."""
    from huracan.testing.nights import play_night

    played: list[Night] = []

    def play(*args: Any, folder: Path | None = None, **options: Any) -> Night:
        if "captured_outbox" in request.fixturenames:
            outbox: CapturedOutbox = request.getfixturevalue("captured_outbox")
            options["extra"] = [*options.get("extra", ()), outbox.plugin]
        played.append(play_night(folder or workspace, *args, **options))
        return played[-1]

    yield play
    for each in played:
        each.context.store.close()


@pytest.fixture
def loopback_server() -> Iterator[ScriptedServer]:
    """An HTTP server on 127.0.0.1: fill ``answers`` by path, read ``requests``, let it ``misbehave``."""
    from huracan.testing.servers import ScriptedServer

    with ScriptedServer() as server:
        yield server
