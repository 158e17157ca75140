"""Who threw a switch is noted, whatever way it was thrown and however the database is, and fails no switch."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from huracan import audit_spool
from huracan.audit_spool import lay_down_action, take_in_actions
from huracan.cli import kill, pause, resume
from huracan.cli.switches import person
from huracan.context import Context
from huracan.errors import StoreAwayError, UsageError
from huracan.orders import Orders
from huracan.trading import read_kill

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(plugins=())


@pytest.fixture
def typed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a switch as the command line does, without the process that tells the store."""
    for module in (kill, pause, resume):
        monkeypatch.setattr(module, "start_telling", lambda *_: None)

    def run(module: Any, **more: Any) -> int:
        code: int = module.run(argparse.Namespace(workspace=workspace, config=None, json=False, **more))
        return code

    return run


def entries(context: Context) -> list[tuple[str, str, str, dict[str, Any]]]:
    found = context.store.audit.recent()[::-1]
    return [(each.actor, each.via, each.action, dict(each.arguments)) for each in found]


def test_the_command_line_notes_who_threw_which_switch(context: Context, typed: Callable[..., int]) -> None:
    assert typed(pause, reason=["moving", "house"]) == 0
    assert typed(resume, what="schedule", reason="moved") == 0
    assert typed(resume, what="schedule", reason="again") == 4
    assert typed(kill, reason=["it", "burns", "\udc80"]) == 0
    assert typed(resume, what=None, reason="all is well") == 0
    assert take_in_actions(context) == 4
    me = person(), "command line"
    assert entries(context) == [
        (*me, "pause", {"reason": "moving house"}),
        (*me, "resume", {"what": "schedule", "reason": "moved"}),
        (*me, "kill", {"reason": "it burns \\udc80"}),
        (*me, "resume", {"what": "trading", "reason": "all is well"}),
    ]
    assert take_in_actions(context) == 0


def test_the_daemon_notes_what_it_is_told_by_its_socket(context: Context) -> None:
    daemon: Any = SimpleNamespace(context=context, standing=dict)
    orders = Orders(daemon)
    orders.handle({"do": "status"})
    orders.handle({"do": "kill", "by": "ann", "reason": "it burns"})
    orders.handle({"do": "pause"})
    orders.handle({"do": "resume", "by": "the owner, by Telegram", "noted": True})  # the listener of Telegram notes it
    with pytest.raises(UsageError):
        orders.handle({"do": "dance", "by": "ann"})
    assert take_in_actions(context) == 2
    assert entries(context) == [
        ("ann", "control socket", "kill", {"reason": "it burns"}), ("control socket", "control socket", "pause", {}),
    ]  # fmt: skip


def test_a_switch_is_thrown_though_nothing_can_be_noted(
    context: Context, typed: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    context.paths.state.mkdir(exist_ok=True)
    (context.paths.state / "audit").write_text("in the way")
    assert typed(kill, reason=["now"]) == 0
    assert read_kill(context.paths.state).on
    (context.paths.state / "audit").unlink()
    monkeypatch.setattr(audit_spool, "MOST", 2)
    assert [lay_down_action(context.paths.state, NOW, "ann", "x", "kill", {}) for _ in range(3)] == [True, True, False]


def test_what_waits_for_the_store_is_kept_in_order_until_it_is_back(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = context.paths.state
    for number in (2, 1, 3):
        lay_down_action(state, NOW.replace(second=number), "ann", "x", f"order {number}", {})

    def refuse(_: object) -> None:
        raise StoreAwayError("database: is away")

    with monkeypatch.context() as patch:
        patch.setattr(context.store.audit, "add", refuse)
        with pytest.raises(StoreAwayError):
            take_in_actions(context)
    assert take_in_actions(context) == 3
    assert [action for _, _, action, _ in entries(context)] == ["order 1", "order 2", "order 3"]
    assert [entry.time.second for entry in context.store.audit.recent()] == [3, 2, 1]


def test_an_action_that_no_database_takes_ends_nobody(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down_action(context.paths.state, NOW, "ann", "x", "odd", {})

    def refuse(_: object) -> None:
        raise ValueError("embedded null byte")

    with monkeypatch.context() as patch:
        patch.setattr(context.store.audit, "add", refuse)
        assert take_in_actions(context) == 0
    assert take_in_actions(context) == 0
    assert [path.name for path in (context.paths.state / "audit").iterdir()] == ["refused.json"]
