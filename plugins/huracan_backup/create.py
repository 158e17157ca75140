"""Makes a backup: packs what changed since the last one, uses its packs for the rest, and writes the manifest last."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huracan import __version__
from huracan.context import Context
from huracan.errors import DataError, HuracanError, TryAgainError
from huracan.paths import write_bytes
from huracan.turns import its_turn
from huracan_backup.contents import Made, champion_models, groups_of_workspace, make_parts, missing_models, sources_of
from huracan_backup.copies import sweep_orphans
from huracan_backup.keys import Keys
from huracan_backup.known import KnownHashes
from huracan_backup.packs import Changed, Member, Source, Written, write_blob, write_pack
from huracan_backup.place import LocalPlace, Place, here
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import Group, Index, Snapshot, write_manifest
from huracan_backup.standing import named_installation

__all__ = ["alone", "create", "work_folder"]

TRIES = 3
LOCK_WAIT = 600.0


def alone(context: Context) -> AbstractContextManager[None]:
    """Keep job and commands from working on the same backups at the same time. Raises LockedError after ten minutes."""
    return its_turn(context, "backup", "works on backups", LOCK_WAIT)


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """Give a folder for what is half-done, empty at both ends. Raises TryAgainError where the disk has no room."""
    work = folder / ".work"
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True, mode=0o700)
        yield work
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM):
            raise
        raise TryAgainError(
            f"backup: {folder} cannot be written: {os.strerror(error.errno)}; earlier backups are whole; "
            "free some space, then start the same command again"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def create(context: Context, keys: Keys, now: datetime | None = None) -> tuple[Snapshot, Index]:
    """Make a backup in the folder of this machine and return it. The caller holds :func:`alone`.

    Raises TryAgainError where the disk is full: nothing half-made stays, earlier backups are whole.
    """
    settings = context.settings.section(BackupSettings)
    place = here(context)
    step = _Steps(context)
    with work_folder(place.folder) as work:
        sweep_orphans(context, place, keys, work, datetime.fromtimestamp(time.time(), UTC))
        made = make_parts(context, work / "made", encrypted=keys.encrypts, tick=step)
        earlier = _earlier(place, keys, work)
        maker = _Maker(place.folder / "packs", work, keys, earlier, KnownHashes.read(context.paths.state), step)
        with _undone(place, maker):
            _pack_all(context, settings, maker, made)
            maker.known.write(context.paths.state)
            problems = tuple(dict.fromkeys(made.problems))
            index = Index(keys.fingerprint(), tuple(maker.groups), tuple(made.left_out), problems)
            blob = maker.note(write_blob(maker.packs, work, index.as_json(), keys))
            when = now or datetime.fromtimestamp(time.time(), UTC)
            snapshot = _snapshot(when, keys, made, maker, (blob.name, blob.size), named_installation(context))
            maker.manifest = f"snapshots/{snapshot.id}.json"
            write_bytes(place.folder / maker.manifest, write_manifest(snapshot, keys))
    return snapshot, index


@contextmanager
def _undone(place: LocalPlace, maker: _Maker) -> Iterator[None]:
    """Take back what a backup wrote that came to nothing: on a full disk each try would leave less room for all else.

    The manifest goes first, so that none is ever without its packs.
    """
    try:
        yield
    except BaseException:
        with suppress(OSError, HuracanError):
            if maker.manifest:
                place.delete(maker.manifest)
            for name in maker.new:
                place.delete(f"packs/{name}")
        raise


def _snapshot(
    now: datetime, keys: Keys, made: Made, maker: _Maker, index: tuple[str, int], installation: str
) -> Snapshot:
    assert made.store is not None  # make_parts raises without it
    members = [member for group in maker.groups for member in group.members]
    packs = tuple(sorted({group.pack: maker.sizes[group.pack] for group in maker.groups}.items()))
    name = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{secrets.token_hex(3)}"
    return Snapshot(
        id=name, created=now, encrypted=keys.encrypts, program=__version__,
        database=made.store.kind, schema=made.store.schema, files=len(members),
        size=sum(member.size for member in members), added=maker.added + index[1], index=index, packs=packs,
        installation=installation,
    )  # fmt: skip


def _earlier(place: Place, keys: Keys, work: Path) -> Mapping[str, tuple[str, int]]:
    """Return the packs of the newest backup by key; none where it cannot be read: then all is packed anew."""
    tomorrow = f"{datetime.fromtimestamp(time.time(), UTC) + timedelta(days=1):%Y%m%d}"
    # Backups of days to come are those of a clock that was wrong: compared with them, all would be new for years.
    for name in sorted(place.ids(), key=lambda each: (each[:8] <= tomorrow, each), reverse=True):
        try:
            snapshot = place.manifest(name, keys)
            index = place.index(snapshot, keys, work)
        except (DataError, FileNotFoundError):
            continue
        sizes = snapshot.needs
        return {group.key: (group.pack, sizes[group.pack]) for group in index.groups}
    return {}


@dataclass
class _Steps:
    context: Context

    def __call__(self) -> None:
        self.context.progress.step("backup reads and packs")


class _Maker:
    """Packs groups, or finds the pack that holds them already."""

    def __init__(
        self, packs: Path, work: Path, keys: Keys, earlier: Mapping[str, tuple[str, int]], known: KnownHashes,
        step: Callable[[], None],
    ) -> None:  # fmt: skip
        self.packs, self._work, self._keys, self._earlier = packs, work, keys, earlier
        self.known, self._step = known, step
        self.groups: list[Group] = []
        self.sizes: dict[str, int] = {}
        self.added = 0
        self.new: list[str] = []
        self.manifest = ""
        self._before = {path.name for path in packs.iterdir()} if packs.is_dir() else set()

    def note(self, written: Written) -> Written:
        """Remember a pack that was not there before."""
        if written.name not in self._before:
            self.new.append(written.name)
        return written

    def add(self, name: str, sources: Sequence[Source]) -> None:
        """Add a group. Raises Changed where one of its files went meanwhile."""
        members = self.known.members(sources, self._step)
        key = _key(members, self._keys) if members is not None else ""
        found = self._earlier.get(key)
        if members is not None and found is not None and self._is_there(*found):
            pack, self.sizes[found[0]] = found
        else:
            written = self.note(write_pack(self.packs, self._work, sources, self._keys, self._step))
            members, pack = list(written.members), written.name
            self.known.learn(sources, members)
            key = _key(members, self._keys)
            self.sizes[pack] = written.size
            self.added += written.size
        self.groups.append(Group(name, key, pack, tuple(members)))

    def _is_there(self, name: str, size: int) -> bool:
        try:
            return (self.packs / name).stat().st_size == size
        except FileNotFoundError:
            return False


def _key(members: Sequence[Member], keys: Keys) -> str:
    """Name what a pack holds and who can read it; times of change do not count, the store's copy is always new."""
    content = [(member.path, member.size, member.mode, member.sha256) for member in members]
    return hashlib.sha256(f"{keys.fingerprint()} {content!r}".encode()).hexdigest()


def _pack_all(context: Context, settings: BackupSettings, maker: _Maker, made: Made) -> None:
    for name in ("database", "settings", *(f"sources/{path.name}" for path in _folders(made.folder / "sources"))):
        sources = list(sources_of(made.folder / name, name))
        if sources:
            maker.add(name, sources)
    groups = groups_of_workspace(context, settings, made.problems)
    for number, name in enumerate(groups, 1):
        context.progress.step(f"backup {number}/{len(groups)} {name}", done=number, total=len(groups))
        _add_steady(context, settings, maker, name, groups, made)
    _add_crowned(context, settings, maker, made)
    made.problems += missing_models({group.name: [] for group in maker.groups}, context.paths.workspace)


def _add_crowned(context: Context, settings: BackupSettings, maker: _Maker, made: Made) -> None:
    """Add the models of champions that a night crowned since: their pointers may be in the backup already."""
    for _ in range(TRIES):
        have = {group.name for group in maker.groups}
        crowned = [name for name in champion_models(context.paths.workspace) if name not in have]
        if not crowned:
            return
        groups = groups_of_workspace(context, settings)
        for name in crowned:
            if name in groups:
                _add_steady(context, settings, maker, name, groups, made)


def _add_steady(
    context: Context, settings: BackupSettings, maker: _Maker, name: str, groups: Mapping[str, list[Source]], made: Made
) -> None:
    """Add a group, looking at it again where the night changed it meanwhile; a file that cannot be read is left out."""
    sources, tries = groups[name], Counter[str]()
    while sources:  # there are none where clean-up took it meanwhile
        try:
            maker.add(name, sources)
        except Changed as error:
            tries[error.path] += 1
            if tries[error.path] == TRIES:
                made.problems.append(f"{error}, {TRIES} times; it is not in this backup")
            found = groups_of_workspace(context, settings).get(name, [])
            sources = [each for each in found if tries[each.path] < TRIES]
        else:
            return


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
