"""Tests backups: whether all parts are there, whether they can be opened, whether they hold what they say."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from huracan.errors import DataError
from huracan.remote.base import RemoteFile
from huracan.store import check_snapshot
from huracan_backup.keys import Keys
from huracan_backup.packs import unpack
from huracan_backup.place import Place
from huracan_backup.snapshots import Group, Snapshot

__all__ = ["Tested", "examine", "missing", "sampled"]

_DATABASE = "database/store"


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test read: packs and bytes as stored."""

    packs: int
    size: int


def missing(snapshot: Snapshot, listing: Mapping[str, RemoteFile]) -> str | None:
    """Return a line about the first pack that a place does not hold whole, None where all are there."""
    for name, size in snapshot.needs.items():
        found = listing.get(f"packs/{name}")
        if found is None:
            return f"its pack {name[:12]} is gone"
        if found.size != size:
            return f"its pack {name[:12]} has {found.size:,} bytes instead of {size:,}"
    return None


def examine(
    place: Place,
    name: str,
    keys: Keys,
    work: Path,
    step: Callable[[str], None],
    *,
    listing: Mapping[str, RemoteFile] | None = None,
    budget: float | None = None,
    seed: str = "",
    always: Collection[str] = (),
) -> Tested:
    """Open a backup and compare every file with its hash, or those of a random sample of about ``budget`` bytes.

    The sample holds the database and the packs named by ``always``, whatever their size. The database's copy is opened
    as one. Raises DataError that says what is wrong with which part, StoreError without the program to open a dump.
    """
    snapshot = place.manifest(name, keys, work)
    where = f"backup {name} ({place.name})"
    if (fault := missing(snapshot, place.listing() if listing is None else listing)) is not None:
        raise DataError(where, fault)
    index = place.index(snapshot, keys, work)
    sizes = snapshot.needs
    if unknown := [group.name for group in index.groups if group.pack not in sizes]:
        raise DataError(where, f"its manifest does not name the pack of {unknown[0]}")
    if all(member.path != _DATABASE for member in index.members()):
        raise DataError(where, "holds no database")
    chosen = list(index.groups) if budget is None else sampled(index.groups, sizes, budget, f"{seed}{name}", always)
    total = 0
    for number, group in enumerate(chosen, 1):
        what = f"{where}, {group.name}"
        with place.pack(group.pack, sizes[group.pack], work, what) as file:
            _open(file, work, group, keys, snapshot, what)
        total += sizes[group.pack]
        step(f"backup tests {number}/{len(chosen)} {group.name}")
    return Tested(len(chosen), total)


def _open(file: Path, work: Path, group: Group, keys: Keys, snapshot: Snapshot, what: str) -> None:
    """Compare what a pack holds, and open the database in it: equal bytes of what was no database help nobody."""
    database = work / "opened-database"
    database.unlink(missing_ok=True)
    try:
        unpack(
            file, work, group.members, keys, snapshot.encrypted, what,
            lambda path: database if path == _DATABASE else None,
        )  # fmt: skip
        if database.exists():
            check_snapshot(database, snapshot.database, snapshot.schema, what)
    finally:
        database.unlink(missing_ok=True)


def sampled(
    groups: Sequence[Group], sizes: Mapping[str, int], budget: float, seed: str, always: Collection[str] = ()
) -> list[Group]:
    """Return the database and the packs named, whatever their size, and random groups as far as the budget goes; one of
    them at least."""
    first: list[Group] = []
    others: list[Group] = []
    for group in groups:
        (first if group.name == "database" or group.pack in always else others).append(group)
    random.Random(seed).shuffle(others)
    chosen: list[Group] = []
    left = budget - sum(sizes[group.pack] for group in first if group.pack not in always)
    for group in others:
        if not chosen or sizes[group.pack] <= left:
            chosen.append(group)
            left -= sizes[group.pack]
    return first + chosen
