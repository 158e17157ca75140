"""Backups of others in one place: forged ones, plain ones from before there was a key, those of another machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from huracan import hookimpl
from huracan.config import Section
from huracan.context import Context
from huracan.errors import DataError, UsageError
from huracan.paths import canonical_json
from huracan.testing import stand_in
from huracan.types import RemoteType
from huracan_backup.copies import prune
from huracan_backup.create import create, work_folder
from huracan_backup.job import backup
from huracan_backup.keys import Keys, new_identity
from huracan_backup.opening import one_backup
from huracan_backup.place import LocalPlace, here
from huracan_backup.restore import restore_all
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import UnsealedError, read_manifest, write_manifest
from huracan_backup.standing import installation
from huracan_backup.verify import examine

if TYPE_CHECKING:
    from plugins.backup.conftest import Moody

Clock = Callable[[float], Callable[[], datetime]]
Night = Callable[[str], None]


class Remote(Section):
    name: str = "moody"
    path: str = ""


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch, at: Clock) -> None:
    """Let no backup of these tests be one of days to come."""
    monkeypatch.setattr("huracan_backup.opening.machine_now", at(60))


def there(moody: Moody) -> LocalPlace:
    return LocalPlace("there", Path(moody.identity.removeprefix("local:")) / "backups")


def forged(context: Context, place: LocalPlace, name: str = "20261125T030000000Z-abcdef") -> str:
    """Lay a plain backup of a stranger into a place: whole, newer than all, and made without any key."""
    with work_folder(here(context).folder.with_name("forge")) as work:
        stranger = replace(context, paths=context.paths._replace(workspace=work / "workspace"))
        settings = BackupSettings.model_validate({"folder": str(work / "forged")})
        sections = {**context.settings.sections, "backup": settings}
        stranger = replace(stranger, settings=replace(context.settings, sections=sections))
        made, _ = create(stranger, Keys())
        for pack in made.needs:
            (place.folder / "packs" / pack).write_bytes((work / "forged/packs" / pack).read_bytes())
    evil = replace(made, id=name, installation="")
    (place.folder / f"snapshots/{name}.json").write_bytes(write_manifest(evil, Keys()))
    return name


@contextmanager
def asked(
    context: Context, place: LocalPlace, keys: Keys, work: Path, wanted: str | None = None
) -> Iterator[tuple[LocalPlace, str]]:
    """Choose as `--from FOLDER` does."""
    arguments = argparse.Namespace(source=place.folder, place=None, id=wanted)
    with one_backup(arguments, context, keys, work) as chosen:
        assert isinstance(chosen.place, LocalPlace)
        yield chosen.place, chosen.name


def test_a_plain_backup_that_somebody_laid_there_is_not_restored_although_it_is_the_newest(
    context: Context, moody: Moody, keys: Keys, at: Clock, tmp_path: Path
) -> None:
    good = backup(context, now=at(0)).snapshot.id
    place = there(moody)
    evil = forged(context, place)
    with work_folder(tmp_path / "w") as work:
        with asked(context, place, keys, work) as (_, name):
            assert name == evil
        with pytest.raises(UnsealedError, match="is not sealed, though there is a key: anybody may have laid it there"):
            restore_all(context, place, evil, keys, work, tmp_path / "new", None, lambda _: None)
        with pytest.raises(UnsealedError, match="take it with --allow-unencrypted"):
            examine(place, evil, keys, work, lambda _: None)
        assert not (tmp_path / "new").exists()
        examine(place, evil, replace(keys, accepts_plain=True), work, lambda _: None)
        restore_all(context, place, good, keys, work, tmp_path / "new", None, lambda _: None)
        with pytest.raises(DataError, match="sealed with another key"):
            examine(place, good, Keys((new_identity()[0],), accepts_plain=True), work, lambda _: None)


@pytest.mark.parametrize("seal", [None, 7, "ä", "0" * 64, ["x"]])
def test_a_seal_may_be_anything_that_a_stranger_writes(seal: Any, context: Context, keys: Keys) -> None:
    snapshot, _ = create(context, keys)
    value = json.loads(write_manifest(snapshot, keys))
    with pytest.raises(DataError, match="sealed with another key"):
        read_manifest(canonical_json({**value, "seal": seal}), snapshot.id, keys)


def test_a_plain_backup_counts_for_nothing_in_pruning_where_there_is_a_key(
    context: Context, moody: Moody, keys: Keys, at: Clock, night: Night, tmp_path: Path
) -> None:
    """Ten forged days would push out three real ones; and they stay until their owner has them deleted."""
    real = []
    for day in range(3):
        night(f"2026111{day}")
        real.append(backup(context, now=at(day)).snapshot.id)
    place = there(moody)
    evil = [forged(context, place, f"202612{day:02d}T030000000Z-abcdef") for day in range(1, 11)]
    done = backup(context, now=at(3))
    (problem,) = done.problems
    assert "has neither encryption nor seal, though there is a key" in problem
    assert "prune --unencrypted" in problem
    assert set(evil) < set(place.ids())
    assert set(real[1:]) < set(place.ids())
    with work_folder(tmp_path / "w") as work:
        pruned = prune(context, place, keys, work, at(3)(), place.listing(), unencrypted=True)
    assert set(evil) <= set(pruned.backups)
    assert place.ids() == [*real[1:], done.snapshot.id]
    assert backup(context, now=at(4)).problems == []


def test_plain_backups_from_before_there_was_a_key_neither_block_nor_go(
    context: Context, moody: Moody, keys: Keys, at: Clock
) -> None:
    sections = {**context.settings.sections}
    plain = sections["backup"].model_copy(update={"identity": BackupSettings().identity})
    unset = replace(context, settings=replace(context.settings, sections={**sections, "backup": plain}))
    before = backup(unset, now=at(0)).snapshot
    problems = backup(context, now=at(1)).problems
    assert [line.partition(":")[0] for line in problems] == ["remote", "here"]
    assert all(before.id in line for line in problems)
    assert before.id in there(moody).ids()
    assert before.id in here(context).ids()


# ------------------------------------------------------------------------------------------------ another installation


@pytest.fixture
def other(make_context: Callable[..., Context], moody: Moody, keys: Keys, tmp_path: Path) -> Callable[..., Context]:
    """Make a second installation that keeps its copies in the same place, with a key of its own if wanted."""

    @hookimpl
    def huracan_remotes() -> Any:
        return [RemoteType("moody", Remote, lambda *_: moody)]

    def make(identity: str = keys.identities[0], name: str = "") -> Context:
        settings = {
            "remote": {"name": "moody", "path": str(tmp_path / "remote")},
            "backup": {
                "identity": identity,
                "keep_daily": 1,
                "keep_weekly": 0,
                "keep_monthly": 0,
                "installation": name,
            },
        }
        extra = [stand_in("moody", huracan_remotes=huracan_remotes)]
        return make_context(settings, plugins=["remote", "backup"], extra=extra, folder=tmp_path / "other")

    return make


@pytest.mark.parametrize("same_key", [True, False])
def test_two_installations_in_one_place_do_not_prune_each_other(
    same_key: bool,
    context: Context,
    other: Callable[..., Context],
    moody: Moody,
    keys: Keys,
    at: Clock,
    night: Night,
    tmp_path: Path,
) -> None:
    second = other() if same_key else other(new_identity()[0])
    mine, newest = [], ""
    for day in range(3):
        night(f"2026111{day}")
        mine.append(backup(context, now=at(day)).snapshot.id)
        done = backup(second, now=at(day + 0.1))
        assert done.problems == []
        newest = done.snapshot.id
    place = there(moody)
    assert installation(context) != installation(second) != ""
    assert place.ids() == sorted([*mine, newest]), "the second one keeps a single day, of its own"
    # Long after, so that what no manifest named would go.
    backup(second, now=at(40))
    with work_folder(tmp_path / "w") as work:
        for name in mine:
            examine(place, name, keys, work, lambda _: None)


def test_on_a_new_machine_a_place_of_several_installations_wants_a_name(
    context: Context,
    other: Callable[..., Context],
    make_context: Callable[..., Context],
    moody: Moody,
    keys: Keys,
    at: Clock,
    tmp_path: Path,
) -> None:
    first = backup(context, now=at(0)).snapshot
    place, anew = there(moody), make_context({}, plugins=["backup"], folder=tmp_path / "anew")
    with work_folder(tmp_path / "w") as work:
        with asked(anew, place, keys, work) as (_, name):
            assert name == first.id, "the only one there needs no name"
        second = backup(other(name="web2"), now=at(1)).snapshot
        assert second.installation == "web2"
        with pytest.raises(UsageError, match="several installations keep backups there; name one") as caught:
            asked(anew, place, keys, work).__enter__()
        assert f"{second.id} of web2, {first.id} of {first.installation}" in str(caught.value)
        with asked(anew, place, keys, work, first.id) as (_, name):
            assert name == first.id
        with asked(context, place, keys, work) as (_, name):
            assert name == first.id, "who is known there gets his own"
        result = restore_all(anew, place, first.id, keys, work, tmp_path / "new", None, lambda _: None)
    assert any(f"set backup.installation: {first.installation}" in note for note in result.notes)


def test_a_name_that_is_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        BackupSettings(installation="../other")
