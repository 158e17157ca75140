"""The job ``prepare`` and the health of the remote store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from huracan import hookimpl
from huracan.config import Section
from huracan.context import Context
from huracan.errors import SettingsError
from huracan.paths import write_json
from huracan.remote.local import LocalFolderStore
from huracan.testing import stand_in
from huracan.types import CheckState, Outcome, RemoteType
from huracan_remote.job import check_remote, check_sync, prepare

Make = Callable[..., Context]
AS_OF = datetime(2023, 12, 30, 4, 5, tzinfo=UTC)


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


def with_folder(make_context: Make, folder: Path) -> Context:
    return make_context({"remote": {"name": "local", "path": str(folder)}}, as_of=AS_OF, plugins=("remote",))


def test_the_folder_of_the_run_date_is_made_and_nothing_left_in_it(make_context: Make, copies: Path) -> None:
    context = with_folder(make_context, copies)
    result = prepare(context)
    assert result.outcome is Outcome.DONE
    assert "2023-12-30" in result.summary
    assert [file.name for file in copies.rglob("*")] == ["2023-12-30"]
    assert not list(context.paths.state.glob("remote*"))


def test_preparing_twice_is_fine(make_context: Make, copies: Path) -> None:
    context = with_folder(make_context, copies)
    prepare(context)
    assert prepare(context).outcome is Outcome.DONE


def test_without_a_remote_store_it_says_so_and_has_nothing_to_do(make_context: Make) -> None:
    result = prepare(make_context(as_of=AS_OF, plugins=("remote",)))
    assert result.outcome is Outcome.NOTHING_TO_DO
    assert "no remote store is set" in result.summary


def test_an_unmounted_disk_costs_no_night(make_context: Make, tmp_path: Path) -> None:
    context = with_folder(make_context, tmp_path / "not-mounted")
    result = prepare(context)
    assert result.outcome is Outcome.PARTLY_FAILED, "the night goes on, copies wait"
    assert "mount the disk" in result.problems[0]
    assert [event.kind for event in context.store.events.recent()] == ["remote.away"]


class CloudSettings(Section):
    """A store that loses what it is given."""

    name: str = "cloud"


class Forgetful(LocalFolderStore):
    def verify(self, source: Path, path: str) -> bool:
        return False


def test_a_store_that_loses_what_is_written_is_noticed_before_the_night(make_context: Make, copies: Path) -> None:
    offer = RemoteType("cloud", CloudSettings, lambda context, settings: Forgetful(copies))
    cloud = stand_in("cloud", huracan_remotes=hookimpl(lambda: [offer]))
    context = make_context({"remote": {"name": "cloud"}}, as_of=AS_OF, plugins=("remote",), extra=[cloud])
    result = prepare(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert "reads back differently" in result.problems[0]
    assert not list(context.paths.state.glob("remote*"))


def test_the_rest_of_the_night_comes_after_it(make_context: Make) -> None:
    jobs = make_context().plugins.jobs()
    reached, more = set[str](), {"prepare"}
    while more:
        reached |= more
        more = {name for name, job in jobs.items() if reached & set(job.after)} - reached
    assert reached == {name for name, job in jobs.items() if job.pipeline == "nightly"}


def test_an_unknown_key_of_the_section_is_refused(make_context: Make) -> None:
    with pytest.raises(SettingsError, match=r"remote\.pth"):
        make_context({"remote": {"name": "local", "pth": "/x"}}, plugins=("remote",))


def test_a_relative_folder_starts_where_the_settings_are(make_context: Make, copies: Path) -> None:
    settings = {"remote": {"name": "local", "path": copies.name}}
    prepare(make_context(settings, as_of=AS_OF, plugins=("remote",), base=copies.parent))
    assert (copies / "2023-12-30").is_dir()


def test_health_says_what_the_store_is_and_how_to_mend_it(make_context: Make, copies: Path, tmp_path: Path) -> None:
    assert check_remote(with_folder(make_context, copies)).state is CheckState.OK
    away = check_remote(with_folder(make_context, tmp_path / "not-mounted"))
    assert (away.state, bool(away.hint)) == (CheckState.FAILED, True)
    assert "not-mounted" in away.detail
    none = check_remote(make_context(plugins=("remote",)))
    assert none.state is CheckState.WARNING
    assert "remote.name" in none.hint
    assert check_remote(None).state is CheckState.OK


@pytest.mark.parametrize(
    ("state", "error", "expected"),
    [
        ("idle", None, CheckState.OK),
        ("offline", "the line is down", CheckState.WARNING),
        ("refused", "dropbox: access was revoked", CheckState.FAILED),
    ],
)
def test_health_knows_how_the_service_fares(
    make_context: Make, copies: Path, state: str, error: str | None, expected: CheckState
) -> None:
    context = with_folder(make_context, copies)
    assert check_sync(context).state is CheckState.OK
    write_json(context.paths.state / "sync.json", {"state": state, "since": "2024-01-05T02:00:00Z", "error": error})
    result = check_sync(context)
    assert result.state is expected
    assert (error or "idle") in result.detail
