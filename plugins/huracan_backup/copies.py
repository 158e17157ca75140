"""Brings places up to date: sends what they lack, tests what arrived, and only then lets old backups go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huracan.context import Context
from huracan.errors import DataError
from huracan.remote.base import RemoteFile
from huracan_backup.keys import Keys
from huracan_backup.place import HERE, LocalPlace, Place
from huracan_backup.retention import kept
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import Snapshot, UnsealedError
from huracan_backup.standing import Whose, installation, look_at, stand
from huracan_backup.verify import examine, missing

__all__ = ["GRACE", "Brought", "Pruned", "bring", "prune", "sweep_orphans"]

GRACE = timedelta(hours=24)
"""A pack that no manifest names is left alone for so long: somebody may be about to write its manifest."""
LONGEST_FETCH = 3600.0
"""Seconds that fetching one pack may take without a word: stores tell nothing while they fetch."""


@dataclass
class Pruned:
    """What went, or would: backups, packs and bytes.

    What stays whatever its age: manifests that cannot be read (then no pack goes), plain backups without a seal though
    there is a key, and those of other installations.
    """

    backups: list[str] = field(default_factory=list)
    packs: int = 0
    size: int = 0
    unreadable: list[str] = field(default_factory=list)
    unsealed: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Return a line for what an owner has to decide: such a place fills up over months, or was tampered with."""
        lines = []
        if self.unreadable:
            lines.append(
                f"the manifest of {_some(self.unreadable)} cannot be read, so no pack is deleted; give its key behind "
                "the first one of backup.identity, or delete snapshots/NAME.json there"
            )
        if self.unsealed:
            lines.append(
                f"{_some(self.unsealed)} has neither encryption nor seal, though there is a key: it counts for nothing "
                "and stays; `huracan backup prune --unencrypted` deletes what was made before there was a key"
            )
        return lines


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")


@dataclass
class Brought:
    """How a place fared: backups and bytes that were sent, what was tested, what went; the newest backup there."""

    newest: str = ""
    sent: int = 0
    size: int = 0
    tested: list[str] = field(default_factory=list)
    pruned: Pruned = field(default_factory=Pruned)
    problems: list[str] = field(default_factory=list)


def bring(
    context: Context, source: LocalPlace, place: Place, keys: Keys, work: Path, now: datetime, latest: str
) -> Brought:
    """Send backups, ``latest`` in any case, open a sample of it there and of one random old one, then prune.

    Raises TryAgainError where the place is away: packs that arrived are not sent again. DataError where what is there
    cannot be opened: nothing is pruned then.
    """
    result = Brought()
    settings = context.settings.section(BackupSettings)
    listing = place.listing()
    for name in _lacking(source.ids(), place.ids(listing), latest):
        try:
            _send(context, source, place, source.manifest(name, keys), listing, result)
        except UnsealedError:
            continue  # from before there was a key: pruning here says so
        except DataError as error:
            if name == latest:
                raise
            result.problems.append(str(error))
        else:
            result.sent += 1
    listing = place.listing()
    # The latest is the one just made, and not the last by name: a clock that was wrong makes names of days to come.
    names = [*(name for name in place.ids(listing) if name != latest), latest]
    result.newest = latest
    budget, seed = settings.sample_megabytes * 1e6, f"{now:%Y-%m-%d} "
    with context.long_step(LONGEST_FETCH):
        _test_all(context, source, place, names, keys, work, listing, budget, seed, result)
    if not result.problems:
        result.pruned = prune(context, place, keys, work, now, place.listing(), spare=latest)
        result.problems += result.pruned.problems()
    return result


def _test_all(
    context: Context, source: LocalPlace, place: Place, names: list[str], keys: Keys, work: Path,
    listing: Mapping[str, RemoteFile], budget: float, seed: str, result: Brought,
) -> None:  # fmt: skip
    """Open a sample of the newest backup of a place, mending it once from here, and one random old one."""
    newest, step = names[-1], context.progress.step
    try:
        examine(place, newest, keys, work, step, listing=listing, budget=budget, seed=seed)
    except DataError as error:
        if not _mend(context, source, place, newest, keys, error, result):
            raise
        listing = place.listing()
        examine(place, newest, keys, work, step, listing=listing, budget=budget, seed=seed)
    result.tested.append(newest)
    if len(names) > 1:
        _spot_check(context, place, names, keys, work, listing, seed, result)


def _mend(
    context: Context, source: LocalPlace, place: Place, name: str, keys: Keys, error: DataError, result: Brought
) -> bool:
    """Send again what is damaged there and whole here, and say whether there was something."""
    if name not in source.ids():
        return False
    context.log.warning("%s; what differs is sent again", error)
    mended = False
    for pack, size in source.manifest(name, keys).needs.items():
        context.progress.step(f"backup compares {name} in {place.name}")
        try:
            mended |= place.mend(_whole(source, name, pack, size), f"packs/{pack}")
        except DataError as fault:
            result.problems.append(str(fault))
    return mended


def _whole(source: LocalPlace, name: str, pack: str, size: int) -> Path:
    """Return a pack of this machine that may be sent: one that rotted must not take the place of a whole one there.

    It is deleted, so that the next backup makes it again. Raises DataError.
    """
    what = f"backup {name} ({HERE}), pack {pack[:12]}"
    try:
        return source.whole(pack, size, what)
    except DataError as error:
        (source.folder / "packs" / pack).unlink(missing_ok=True)
        raise DataError(what, f"{error.what}; it is not sent, and the next backup makes it again") from None


def _spot_check(
    context: Context, place: Place, names: list[str], keys: Keys, work: Path, listing: Mapping[str, RemoteFile],
    seed: str, result: Brought,
) -> None:  # fmt: skip
    """Test one old backup, another one each day: what rots is found before it is needed."""
    import random

    settings = context.settings.section(BackupSettings)
    budget, me = settings.sample_megabytes * 1e6 / 2, installation(context)
    for old in random.Random(seed).sample(names[:-1], len(names) - 1):
        try:
            if look_at(place, old, keys, work, me)[0] is not Whose.OURS:
                continue
            examine(place, old, keys, work, context.progress.step, listing=listing, budget=budget, seed=seed)
            result.tested.append(old)
        except FileNotFoundError:
            continue  # another installation has deleted its own meanwhile
        except DataError as error:
            result.problems.append(str(error))
        return


def _lacking(mine: list[str], theirs: list[str], latest: str) -> list[str]:
    """Return the backups to send, oldest first: the latest, and those newer than all of ours there; others were pruned.

    What lies there and not here may be another installation's.
    """
    newest = max(set(mine) & set(theirs), default="")
    return [name for name in mine if name not in theirs and (name > newest or name == latest)]


def _send(
    context: Context, source: LocalPlace, place: Place, snapshot: Snapshot, listing: dict[str, RemoteFile],
    result: Brought,
) -> None:  # fmt: skip
    packs = [
        (name, size)
        for name, size in snapshot.needs.items()
        if (there := listing.get(f"packs/{name}")) is None or there.size != size
    ]
    for number, (name, size) in enumerate(packs, 1):
        text = f"backup sends {number}/{len(packs)} to {place.name}"
        context.progress.step(text, done=number, total=len(packs))
        with context.long_step(600.0 + size / 100_000):
            listing[f"packs/{name}"] = place.put(_whole(source, snapshot.id, name, size), f"packs/{name}")
        result.size += size
    place.put(source.folder / "snapshots" / f"{snapshot.id}.json", f"snapshots/{snapshot.id}.json")


# ------------------------------------------------------------------------------------------------------------ pruning


def prune(
    context: Context,
    place: Place,
    keys: Keys,
    work: Path,
    now: datetime,
    listing: Mapping[str, RemoteFile],
    *,
    newest_only: int | None = None,
    spare: str = "",
    unencrypted: bool = False,
    dry_run: bool = False,
) -> Pruned:
    """Delete backups that retention does not keep, then packs that no backup needs. A backup that is not whole, has no
    seal though there is a key, or is another installation's, counts for nothing and stays; where a manifest cannot be
    read, no pack goes.

    The caller has tested the newest backup of the place. With ``newest_only`` so many of the newest stay; ``spare``
    stays whatever its name says of its time; ``unencrypted`` lets those without a seal go.
    """
    settings = context.settings.section(BackupSettings)
    found = stand(place, keys, work, listing, installation(context))
    good = {name: each.created for name, each in found.ours.items() if missing(each, listing) is None}
    stays = _stays(settings, good, now, newest_only)
    result = Pruned(
        [name for name in sorted(good) if name not in stays and name != spare], unreadable=found.unreadable,
        unsealed=sorted(found.unsealed), others=sorted(found.others),
    )  # fmt: skip
    if not stays:
        return result
    if unencrypted:
        result.backups, result.unsealed = sorted([*result.backups, *result.unsealed]), []
    for name in result.backups:
        context.progress.step(f"backup deletes {name} from {place.name}")
        if not dry_run:
            place.delete(f"snapshots/{name}.json")
    if not found.unreadable:
        remaining = [each for name, each in found.all().items() if name not in result.backups]
        _sweep(context, place, remaining, listing, now, result, dry_run=dry_run)
    return result


def _stays(settings: BackupSettings, good: Mapping[str, datetime], now: datetime, newest_only: int | None) -> set[str]:
    """Name the backups that retention keeps, of those that are good, by when they were made."""
    policy = {"daily": settings.keep_daily, "weekly": settings.keep_weekly, "monthly": settings.keep_monthly}
    stays: set[str] = set()
    # Those of a clock that was wrong are counted on their own: days to come would take the places of real ones.
    for is_past in (True, False):
        some = {name: at for name, at in good.items() if (at <= now + timedelta(days=1)) is is_past}
        stays.update(kept(some, **policy) if newest_only is None else sorted(some)[-newest_only:])
    return stays


def sweep_orphans(context: Context, place: LocalPlace, keys: Keys, work: Path, now: datetime) -> None:
    """Delete packs that a killed backup left a day ago or longer: on a full disk a new one needs the room first."""
    listing = place.listing()
    found = stand(place, keys, work, listing, installation(context))
    if not found.unreadable:
        _sweep(context, place, list(found.all().values()), listing, now, Pruned(), dry_run=False)


def _sweep(
    context: Context, place: Place, remaining: list[Snapshot], listing: Mapping[str, RemoteFile], now: datetime,
    result: Pruned, *, dry_run: bool,
) -> None:  # fmt: skip
    needed = {name for snapshot in remaining for name in snapshot.needs}
    for path, file in sorted(listing.items()):
        name = path.removeprefix("packs/")
        if name == path or name in needed or now.astimezone(UTC) - file.modified < GRACE:
            continue
        context.progress.step(f"backup deletes packs from {place.name}")
        if not dry_run:
            try:
                place.delete(path)
            except DataError as error:
                context.log.warning("%s", error)
                continue
        result.packs, result.size = result.packs + 1, result.size + file.size
