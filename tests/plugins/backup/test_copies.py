"""Places: what they lack is sent, what arrived is tested, and nothing goes before that."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from huracan.context import Context
from huracan.errors import DataError, TryAgainError
from huracan.types import CheckState, Outcome
from huracan_backup import packs
from huracan_backup.check import check_backup
from huracan_backup.copies import GRACE, prune
from huracan_backup.create import work_folder
from huracan_backup.job import backup, run
from huracan_backup.keys import Keys
from huracan_backup.place import LocalPlace, here, opened
from huracan_backup.restore import restore_all
from huracan_backup.verify import examine
from servers.services import open_sshd

if TYPE_CHECKING:
    from plugins.backup.conftest import Moody

Clock = Callable[[float], Callable[[], datetime]]
Night = Callable[[str], None]


def there(moody: Moody) -> LocalPlace:
    return LocalPlace("there", Path(moody.identity.removeprefix("local:")) / "backups")


def age_packs(place: LocalPlace, now: datetime) -> None:
    """Make every pack older than the grace of orphans."""
    old = (now - 2 * GRACE).timestamp()
    for file in (place.folder / "packs").iterdir():
        os.utime(file, (old, old))


def test_a_copy_arrives_whole_and_only_what_is_new_is_sent(
    context: Context, moody: Moody, keys: Keys, at: Clock, night: Night, tmp_path: Path
) -> None:
    first = backup(context, now=at(0))
    assert first.problems == []
    moody.puts.clear()
    night("20261120")
    second = backup(context, now=at(1))
    assert [path.partition("/")[2].partition("/")[0] for path in moody.puts] == ["packs"] * 5 + ["snapshots"]
    assert moody.puts[-1] == f"backups/snapshots/{second.snapshot.id}.json", "the manifest comes last"
    with work_folder(tmp_path / "verify") as work:
        for name in there(moody).ids():
            examine(there(moody), name, keys, work, lambda _: None)
    assert there(moody).ids() == [first.snapshot.id, second.snapshot.id]


def test_a_remote_that_is_away_costs_no_backup_and_gets_it_later(
    context: Context, moody: Moody, at: Clock, night: Night
) -> None:
    moody.fails = TryAgainError("the remote store is away")
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert "the copy for remote waits" in result.summary
    assert result.problems == ("remote: the remote store is away",)
    found = check_backup(context)
    assert found.state is CheckState.WARNING
    assert "the remote store is away" in found.detail
    for day in range(1, 6):
        night(f"2026112{day}")
        backup(context, now=at(100 + day))
    assert len(here(context).ids()) == 4, "as long as a copy waits only what retention lets go everywhere"
    moody.fails = None
    done = backup(context, now=at(107))
    assert done.problems == []
    assert there(moody).ids()[-1] == done.snapshot.id
    assert "remote" not in check_backup(context).detail, "and of the place there is nothing to say any more"
    assert len(here(context).ids()) == 3


def test_an_upload_that_broke_off_goes_on_where_it_was(context: Context, moody: Moody, at: Clock) -> None:
    moody.fails, moody.fails_after = TryAgainError("connection reset"), 2
    assert backup(context, now=at(0)).problems == ["remote: connection reset"]
    assert there(moody).ids() == [], "packs without a manifest are no backup"
    sent = list(moody.puts)
    assert len(sent) == 2
    moody.fails = None
    backup(context, now=at(0.1))
    assert sorted(set(moody.puts)) == sorted(moody.puts), "no pack is sent twice"


def test_a_pack_that_rots_in_the_newest_copy_is_found_and_sent_again(
    context: Context, moody: Moody, keys: Keys, at: Clock, tmp_path: Path
) -> None:
    backup(context, now=at(0))
    damage(max((there(moody).folder / "packs").iterdir(), key=lambda file: file.stat().st_size))
    done = backup(context, now=at(1))
    assert done.problems == []
    with work_folder(tmp_path / "verify") as work:
        examine(there(moody), done.snapshot.id, keys, work, lambda _: None)


def test_mending_puts_no_rotten_pack_of_this_machine_over_a_whole_one_there(
    context: Context,
    moody: Moody,
    keys: Keys,
    at: Clock,
    night: Night,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    night("20261118")
    night("20261119")
    first = backup(context, now=at(0))
    rotten_here, rotten_there = (
        next(group.pack for group in first.index.groups if group.name == name)
        for name in ("runs/20261118Z", "runs/20261119Z")
    )
    whole = (there(moody).folder / "packs" / rotten_here).read_bytes()
    damage(here(context).folder / "packs" / rotten_here)
    damage(there(moody).folder / "packs" / rotten_there)

    # Tonight's sample here does not hit the rotten one, that of over there does.
    def all_of_it(*arguments: Any, **options: Any) -> Any:
        return examine(*arguments, **{**options, "budget": None})

    monkeypatch.setattr("huracan_backup.job.examine", lambda *_, **__: None)
    monkeypatch.setattr("huracan_backup.copies.examine", all_of_it)
    done = backup(context, now=at(1))
    (problem,) = done.problems
    assert problem.startswith(f"remote: backup {done.snapshot.id} (here), pack {rotten_here[:12]}: was changed")
    assert problem.endswith("it is not sent, and the next backup makes it again")
    assert (there(moody).folder / "packs" / rotten_here).read_bytes() == whole
    with work_folder(tmp_path / "verify") as work:
        examine(there(moody), done.snapshot.id, keys, work, lambda _: None)
    assert backup(context, now=at(2)).problems == []
    with work_folder(tmp_path / "verify") as work:
        examine(here(context), here(context).ids()[-1], keys, work, lambda _: None)


def test_a_rotten_pack_is_not_sent_and_the_next_backup_makes_it_again(
    context: Context, moody: Moody, at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    moody.fails = TryAgainError("away")
    first = backup(context, now=at(0))
    model = next(group.pack for group in first.index.groups if group.name.startswith("models/"))
    damage(here(context).folder / "packs" / model)
    moody.fails = None
    with monkeypatch.context() as patch:
        patch.setattr("huracan_backup.job.examine", lambda *_, **__: None)
        done = backup(context, now=at(1))
    assert [line for line in done.problems if "it is not sent, and the next backup makes it again" in line]
    assert not (there(moody).folder / "packs" / model).exists()
    assert there(moody).ids() == []
    last = backup(context, now=at(2))
    assert model not in last.snapshot.needs
    assert last.snapshot.id in there(moody).ids()


def test_a_pack_that_rots_on_this_machine_is_made_again(
    context: Context, moody: Moody, keys: Keys, at: Clock, tmp_path: Path
) -> None:
    first = backup(context, now=at(0)).snapshot
    place = here(context)
    model = max(first.needs, key=lambda name: first.needs[name])
    damage(place.folder / "packs" / model)
    done = backup(context, now=at(1))
    assert done.problems == []
    assert model not in done.snapshot.needs
    assert place.ids() == [first.id, done.snapshot.id], "what did not stand its test is no backup"
    with work_folder(tmp_path / "verify") as work:
        examine(place, done.snapshot.id, keys, work, lambda _: None)


def test_what_the_disk_keeps_wrongly_every_time_is_no_backup(
    context: Context, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = packs._store

    def store(folder: Path, *others: Any) -> packs.Written:
        written = whole(folder, *others)
        damage(folder / written.name)
        return written

    monkeypatch.setattr(packs, "_store", store)
    with pytest.raises(DataError, match="was changed"):
        backup(context)
    assert here(context).ids() == []
    assert moody.puts == []
    assert check_backup(context).state is CheckState.FAILED


def test_where_an_old_copy_is_rotten_it_is_said_and_nothing_is_deleted(
    context: Context, moody: Moody, at: Clock, night: Night
) -> None:
    for day in range(6):
        night(f"2026110{day + 1}")
        backup(context, now=at(day))
    place = there(moody)
    names = place.ids()
    newest_packs = set(json.loads((place.folder / f"snapshots/{names[-1]}.json").read_text())["packs"][0])
    moody.deleted.clear()
    for file in (place.folder / "packs").iterdir():
        if file.name not in newest_packs and file.stat().st_size < 5_000:
            damage(file)
    night("20261120")
    done = backup(context, now=at(7))
    # Whichever of the old ones is drawn: its index or one of its packs is rotten.
    assert any("was changed" in line for line in done.problems), done.problems
    assert moody.deleted == []
    assert check_backup(context).state is CheckState.WARNING


def pruned(context: Context, place: LocalPlace, keys: Keys, now: datetime, work: Path) -> list[str]:
    """Prune a place as the command does once it has tested the newest backup, and return what went."""
    with work_folder(work) as folder:
        return prune(context, place, keys, folder, now, place.listing()).backups


def test_the_last_good_backup_is_never_deleted_whatever_lies_beside_it(
    context: Context, moody: Moody, at: Clock, night: Night, keys: Keys, tmp_path: Path
) -> None:
    """Ten newer backups with a part missing do not push the good one out: they count for nothing."""
    good = backup(context, now=at(0)).snapshot.id
    place = there(moody)
    moody.fails = TryAgainError("away")
    for day in range(1, 11):
        night(f"202611{day:02d}")
        backup(context, now=at(day))
    for name in here(context).ids()[1:]:
        shutil.copyfile(here(context).folder / f"snapshots/{name}.json", place.folder / f"snapshots/{name}.json")
    assert pruned(context, place, keys, at(20)(), tmp_path / "prune") == []
    moody.fails = None
    done = backup(context, now=at(20))
    assert good in place.ids()
    with work_folder(tmp_path / "verify") as work:
        examine(place, good, keys, work, lambda _: None)
        examine(place, done.snapshot.id, keys, work, lambda _: None)


def test_retention_holds_over_a_month_of_nights_and_packs_of_what_went_go_too(
    context: Context, moody: Moody, at: Clock, write: Callable[..., Path]
) -> None:
    place = there(moody)
    for day in range(24):
        write("meta/encoder.json", f"of day {day}")
        backup(context, now=at(day))
        age_packs(place, at(day)())
    days = [name[:8] for name in place.ids()]
    assert days == ["20261130", "20261206", "20261211", "20261212", "20261213"]
    needed = {
        pack
        for name in place.ids()
        for pack in place.manifest(name, Keys()).needs
    }  # fmt: skip
    found = {file.name for file in (place.folder / "packs").iterdir()}
    assert needed <= found
    assert len(found - needed) <= 8, "those of the last night wait for the grace to end"
    assert len(here(context).ids()) == 3


def test_backups_made_while_the_clock_was_years_ahead_keep_no_later_one_from_being_sent_and_kept(
    context: Context, moody: Moody, at: Clock, night: Night
) -> None:
    for day in range(5):
        backup(context, now=at(3000 + day))
    for day in range(3):
        night(f"2026112{day}")
        done = backup(context, now=at(day))
        assert done.problems == []
        assert done.snapshot.id in there(moody).ids()
        assert done.snapshot.id in here(context).ids()


def test_a_pack_without_a_manifest_is_left_alone_for_a_day(context: Context, moody: Moody, at: Clock) -> None:
    backup(context, now=at(0))
    orphan = there(moody).folder / "packs" / ("0" * 64)
    orphan.write_bytes(b"somebody is about to write its manifest")
    now = datetime.now(tz=at(0)().tzinfo)
    backup(context, now=lambda: now)
    assert orphan.exists()
    old = (now - 2 * GRACE).timestamp()
    os.utime(orphan, (old, old))
    backup(context, now=lambda: now)
    assert not orphan.exists()


def test_where_a_manifest_cannot_be_read_no_pack_is_deleted(
    context: Context, moody: Moody, at: Clock, keys: Keys, tmp_path: Path
) -> None:
    name = backup(context, now=at(0)).snapshot.id
    place = there(moody)
    file = place.folder / f"snapshots/{name}.json"
    file.write_text(file.read_text()[:100])
    age_packs(place, at(5)())
    before = {path.name for path in (place.folder / "packs").iterdir()}
    done = backup(context, now=at(5))
    assert any("manifest is damaged or truncated" in line for line in done.problems)
    assert pruned(context, place, keys, at(9)(), tmp_path / "prune") == []
    assert before <= {path.name for path in (place.folder / "packs").iterdir()}


def test_a_second_remote_of_its_own_and_a_disk_get_copies_too(
    make_context: Callable[..., Context], night: Night, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    settings = {
        "backup": {
            "disk": str(tmp_path / "disk"),
            "remotes": {"second": {"name": "local", "path": str(tmp_path / "second")}},
        }
    }
    context = make_context(settings, plugins=["remote", "backup"])
    night("20261119")
    done = backup(context)
    (line,) = done.problems
    assert line == f"disk: {tmp_path / 'disk'} is not there: mount the disk or make the folder"
    assert LocalPlace("", tmp_path / "second" / "backups").ids() == [done.snapshot.id]
    (tmp_path / "disk").mkdir()
    assert backup(context).problems == []
    assert len(LocalPlace("", tmp_path / "disk" / "backups").ids()) == 1, "the newest of this day"


def test_a_forged_manifest_is_refused(context: Context, moody: Moody, keys: Keys, at: Clock, tmp_path: Path) -> None:
    from huracan_backup.keys import new_identity
    from huracan_backup.snapshots import write_manifest

    name = backup(context, now=at(0)).snapshot.id
    place = there(moody)
    snapshot = place.manifest(name, keys)
    file = place.folder / f"snapshots/{name}.json"
    file.write_bytes(write_manifest(snapshot, Keys((new_identity()[0],))))
    with pytest.raises(DataError, match="sealed with another key, or by somebody else"):
        place.manifest(name, keys)
    assert place.manifest(name, Keys()) == snapshot, "who has no key can still list it"


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def test_backups_go_to_sftp_and_come_back_from_there(
    make_context: Callable[..., Context], night: Night, keys: Keys, tmp_path: Path
) -> None:
    """A real server of the system's OpenSSH, named in backup.remotes beside whatever the section remote says."""
    night("20261119")
    (tmp_path / "sshd").mkdir()
    with open_sshd(tmp_path / "sshd") as server:
        backups = {
            "identity": keys.identities[0],
            "remotes": {"vault": {"name": "sftp", **{name: str(part) for name, part in server.settings.items()}}},
        }
        context = make_context({"backup": backups}, plugins=["remote", "backup", "sftp"])
        first = backup(context)
        assert (first.problems, list(first.places)) == ([], ["vault"])
        night("20261120")
        done = backup(context)
        assert done.problems == []
        with opened(context, "vault") as vault, work_folder(tmp_path / "restore") as work:
            examine(vault, done.snapshot.id, keys, work, lambda _: None)
            restore_all(context, vault, done.snapshot.id, keys, work, tmp_path / "new", None, lambda _: None)
    assert (tmp_path / "new/models/BTC-USDT/20261120_020000Z/model.bin").stat().st_size == 50_000
    context.store.close()
