"""The job, the health check and the answer to /backup: what an owner learns, and when."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from huracan.context import Context
from huracan.errors import DataError, SettingsError, StoreError, TryAgainError, UsageError
from huracan.store import Store
from huracan.types import CheckState, Outcome, Severity
from huracan_backup.chat import backup as chat
from huracan_backup.check import check_backup
from huracan_backup.job import backup, run
from huracan_backup.keys import Keys, new_identity
from huracan_backup.place import here
from huracan_backup.report import read_report, write_report
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import Group
from huracan_backup.verify import sampled

if TYPE_CHECKING:
    from plugins.backup.conftest import Moody


def kinds(context: Context) -> list[str]:
    return [event.kind for event in context.store.events.recent()]


def aged(context: Context, hours: float) -> None:
    """Make the last backup look so many hours older."""
    value = read_report(context)
    at = datetime.fromtimestamp(time.time(), UTC) - timedelta(hours=hours)
    value["last"]["at"] = at.isoformat(timespec="seconds")
    write_report(context, value)


def test_a_good_backup_is_told_in_one_line_that_matters(context: Context) -> None:
    result = run(context)
    assert result.outcome is Outcome.DONE
    assert "copied to remote and tested" in result.summary
    (event,) = context.store.events.recent()
    assert event.kind == "backup.done"
    assert event.title == f"backup done: {result.summary}"
    assert event.fields["places"] == ["remote"]


def test_no_backup_is_an_error_and_the_check_fails_until_there_is_one(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise StoreError("database huracan.db: is damaged")

    with monkeypatch.context() as patch:
        patch.setattr("huracan.store.Store.snapshot", damaged)
        with pytest.raises(StoreError):
            run(context)
    (event,) = context.store.events.recent()
    assert (event.kind, event.title) == ("backup.failed", "no backup: database huracan.db: is damaged")
    found = check_backup(context)
    assert found.state is CheckState.FAILED
    assert "is damaged; there is none" in found.detail
    run(context)
    assert check_backup(context).state is CheckState.OK


@pytest.mark.parametrize("raised", [OSError(5, "Input/output error"), KeyError("a bug")])
def test_a_bad_disk_or_a_bug_is_told_as_well(
    raised: Exception, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(context)

    def fails(*_: object) -> None:
        raise raised

    monkeypatch.setattr("huracan_backup.create.groups_of_workspace", fails)
    with pytest.raises(type(raised)):
        run(context)
    event = context.store.events.recent()[0]
    assert (event.kind, event.severity) == ("backup.failed", Severity.ERROR)
    assert event.title == f"no backup: {type(raised).__name__}: {raised}"
    assert check_backup(context).state is CheckState.FAILED
    assert "Backup failed" in chat(context, ()).text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "its database has schema 0001, its manifest says"),
        ("DELETE FROM alembic_version", "its database has schema None, its manifest says"),
        ("", "its database cannot be opened: file is not a database"),
    ],
)
def test_a_copy_of_the_database_that_is_none_is_no_backup_although_its_hash_is_right(
    change: str, words: str, context: Context, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = Store.snapshot

    def spoilt(self: Store, target: Path, tick: Callable[[], None]) -> Any:
        info = real(self, target, tick)
        if change:
            with closing(sqlite3.connect(target)) as copy, copy:
                copy.execute(change)
        else:
            target.write_bytes(b"rubbish" * 1000)
        return info

    monkeypatch.setattr(Store, "snapshot", spoilt)
    with pytest.raises(DataError, match=words):
        run(context)
    assert here(context).ids() == []
    assert moody.puts == []
    assert check_backup(context).state is CheckState.FAILED


def test_the_check_says_how_old_the_last_one_is(context: Context) -> None:
    assert check_backup(context).state is CheckState.OK, "no night has run yet"
    backup(context)
    fine = check_backup(context)
    assert (fine.state, fine.detail) == (CheckState.OK, "0 h old, copied to remote and tested")
    aged(context, 40)
    assert (check_backup(context).state, check_backup(context).detail) == (
        CheckState.WARNING,
        "the last one is 40 h old",
    )
    aged(context, 200)
    assert check_backup(context).state is CheckState.FAILED


def test_a_place_that_was_added_and_has_no_copy_is_said(make_context: Callable[..., Context], tmp_path: Path) -> None:
    first = make_context({}, plugins=["backup"])
    backup(first)
    assert "on this machine only: set backup.disk or remote; not encrypted" in check_backup(first).detail
    second = make_context({"backup": {"disk": str(tmp_path)}}, plugins=["backup"])
    assert check_backup(second).detail == "disk has no copy yet"


def test_a_night_without_any_backup_is_warned_of(make_context: Callable[..., Context]) -> None:
    context = make_context({}, plugins=["backup"], as_of=datetime(2026, 11, 20, 3, tzinfo=UTC), job="backup")
    found = check_backup(context)
    assert (found.state, found.hint) == (CheckState.WARNING, "make one: `huracan backup create`")


def test_the_chat_answers_in_a_few_lines(context: Context, moody: Moody) -> None:
    assert chat(context, ()).text.startswith("Backup ok: none yet")
    moody.fails = TryAgainError("connection refused")
    backup(context)
    reply = chat(context, ())
    assert "Backup warning: remote since" in reply.text
    assert "connection refused" in reply.text
    assert reply.buttons == (("Back up now", "run backup"),)
    moody.fails = None
    backup(context)
    assert chat(context, ()).table[1][:2] == ("remote", "ok")
    with pytest.raises(UsageError):
        chat(context, ("nonsense",))


def test_keys_that_are_none_are_refused_without_being_shown(make_context: Callable[..., Context]) -> None:
    context = make_context({"backup": {"identity": "hunter2-is-my-password"}}, plugins=["backup"])
    with pytest.raises(SettingsError, match=r"backup.identity: is no age key") as caught:
        backup(context)
    assert "hunter2" not in str(caught.value)
    public = new_identity()[1]
    with pytest.raises(SettingsError, match=r"backup.recipients: needs backup.identity too"):
        Keys.of(BackupSettings(recipients=(public,)))
    with pytest.raises(SettingsError, match="is no public age key"):
        Keys.of(BackupSettings.model_validate({"recipients": ["age1nonsense"], "identity": new_identity()[0]}))


def test_several_keys_are_read_as_from_an_identity_file_and_the_first_one_writes() -> None:
    (first, public), (second, _) = new_identity(), new_identity()
    keys = Keys.of(BackupSettings.model_validate({"identity": f"# public key: {public}\n{first}\n\n{second}\n"}))
    assert keys.identities == (first, second)
    assert keys.fingerprint() == Keys((first,)).fingerprint() != Keys((second,)).fingerprint()
    assert first not in repr(keys)


def test_a_sample_holds_the_database_what_is_new_and_a_bit_of_the_rest() -> None:
    groups = [Group(name, "", f"pack of {name}", ()) for name in ("database", *map(str, range(20)))]
    sizes = {group.pack: 100 for group in groups}
    names = [group.name for group in sampled(groups, sizes, 0, "seed", {"pack of 3", "pack of 7"})]
    assert set(names[:3]) == {"database", "3", "7"}
    assert len(names) == 4, "one of the rest, whatever the budget"
    assert len(sampled(groups, sizes, 600, "seed")) == 6
    drawn = {group.name for day in range(60) for group in sampled(groups, sizes, 300, f"{day}")}
    assert len(drawn) == 21, "in time everything is looked at"
