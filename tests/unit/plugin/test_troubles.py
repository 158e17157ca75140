"""What is wrong with plugins is told once for each culprit and reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from huracan import hookimpl
from huracan.alerts import tell_of_misdeed, tell_of_plugins
from huracan.context import Context
from huracan.masking import register_secret
from huracan.plugin.troubles import Trouble, read_troubles, take_back, tell_once
from huracan.testing import stand_in
from huracan.testing.outboxes import CapturedOutbox
from huracan.types import Job

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TROUBLE = Trouble("bad", "1.0", "status", "bad-import: it raised")


def tell(state: Path, trouble: Trouble = TROUBLE, now: datetime = NOW) -> bool:
    told: list[bool] = []
    assert tell_once(state, trouble, now, lambda: told.append(True)) == bool(told)
    return bool(told)


def test_it_is_told_once_until_something_about_it_changes(tmp_path: Path) -> None:
    assert tell(tmp_path)
    assert not tell(tmp_path)
    assert not tell(tmp_path, now=NOW + timedelta(days=2))
    assert tell(tmp_path, replace(TROUBLE, reason="bad-import: something else"))
    assert tell(tmp_path, replace(TROUBLE, about="job work"))
    assert tell(tmp_path, replace(TROUBLE, plugin="worse"))
    assert tell(tmp_path, replace(TROUBLE, version="1.1"))
    assert [(each.plugin, each.version) for each in read_troubles(tmp_path)] == [("bad", "1.1"), ("worse", "1.0")]


def test_one_that_was_away_for_long_is_told_when_it_comes_back(tmp_path: Path) -> None:
    assert tell(tmp_path)
    assert tell(tmp_path, now=NOW + timedelta(days=8))
    (known,) = read_troubles(tmp_path)
    assert known.since == known.newest == "2026-11-29T12:00:00Z"


def test_what_is_over_is_taken_back(tmp_path: Path) -> None:
    tell(tmp_path)
    take_back(tmp_path, "bad", "status")
    assert read_troubles(tmp_path) == []
    assert tell(tmp_path)


def test_a_damaged_file_holds_nothing_and_is_written_anew(tmp_path: Path) -> None:
    for content in ("[", '{"troubles": 5}', '{"troubles": [5, {"plugin": "x"}]}'):
        (tmp_path / "plugins").mkdir(exist_ok=True)
        (tmp_path / "plugins" / "troubles.json").write_text(content)
        assert tell(tmp_path)
        assert TROUBLE.plugin in {each.plugin for each in read_troubles(tmp_path)}


@pytest.fixture
def context(make_context: Callable[..., Context], captured_outbox: CapturedOutbox) -> Context:
    def raises() -> list[Job]:
        raise ValueError("no jobs, but token-of-mine")

    bad = stand_in("bad", "bad-ones", huracan_jobs=hookimpl(raises))
    good = stand_in("good", huracan_jobs=hookimpl(lambda: [Job("work", "r", "d")]))
    return make_context(plugins=(), extra=[bad, good])


def test_an_alert_names_culprit_and_reason_once(context: Context, captured_outbox: CapturedOutbox) -> None:
    register_secret("token-of-mine")
    context.plugins.jobs()
    tell_of_plugins(context)
    tell_of_plugins(context)
    (event,) = captured_outbox.of("plugin.failed")
    assert event.title == (
        "plugin bad (bad-ones 1.0) does not work, bad-hook: huracan_jobs raised ValueError: no jobs, but ***"
    )
    assert (event.fields["plugin"], event.fields["distribution"]) == ("bad", "bad-ones")
    assert "token-of-mine" not in (context.paths.state / "plugins" / "troubles.json").read_text()


def test_what_one_that_works_did_is_told_and_kept(context: Context, captured_outbox: CapturedOutbox) -> None:
    tell_of_misdeed(context, "good", "conduct of job work", "it tried to change /etc/passwd")
    tell_of_misdeed(context, "good", "job work", "raised", told=True)  # the job's own event says it
    (event,) = captured_outbox.of("plugin.failed")
    assert event.title == "plugin good (good 1.0), conduct of job work: it tried to change /etc/passwd"
    kept = {(each.plugin, each.about) for each in read_troubles(context.paths.state)}
    assert kept == {("good", "conduct of job work"), ("good", "job work")}
