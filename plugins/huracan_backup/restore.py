"""Brings a backup back: a whole workspace, one file, or the database alone; all or nothing.

Everything is laid beside (or, where that folder may not be written, inside) the target under a name that nobody reads,
compared, and renamed at the end.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from huracan.app import assemble
from huracan.clock import SystemClock
from huracan.context import Context
from huracan.errors import DataError, LockedError, StopRequested, TryAgainError, UsageError
from huracan.paths import Paths, read_json
from huracan.run.lock import daemon_is_there, is_held
from huracan.store import Store, refuse_newer, restore_snapshot
from huracan.store.engine import parse_url, sqlite_file
from huracan_backup.keys import Keys
from huracan_backup.packs import Member, unpack
from huracan_backup.place import Place
from huracan_backup.snapshots import Group, Index, Snapshot
from huracan_backup.standing import installation
from huracan_backup.verify import missing

__all__ = ["Restored", "restore_all", "restore_database", "restore_file"]

_INSIDE = ".restoring"
_KEPT = frozenset({"backups", "state", "logs", _INSIDE})
"""What a new workspace may hold already: the backups themselves, locks, the log of a command that was tried."""
_BESIDE_STATE = frozenset({"kill.json", "schedule.json", "trading.json"})


@dataclass
class Restored:
    """What came back: files and bytes, where the database is now, and lines about what is left to do."""

    id: str
    files: int = 0
    size: int = 0
    database: str = ""
    notes: list[str] = field(default_factory=list)


Step = Callable[[str], None]


# ---------------------------------------------------------------------------------------------------------- everything


def restore_all(
    context: Context, place: Place, name: str, keys: Keys, work: Path, target: Path, database: str | None, step: Step
) -> Restored:
    """Make a workspace at ``target`` out of a backup, and its database at the URL ``database`` (None: in the target).

    Raises UsageError for a target that holds something, LockedError where a daemon works on it, DataError for a backup
    that is not whole, StoreError for a schema newer than this program: nothing has changed then.
    """
    _refuse_target(target)
    snapshot, index = _open(place, name, keys, work)
    refuse_newer(snapshot.schema)
    result = Restored(name)
    with _staging(target) as stage:
        for number, group in enumerate(index.groups, 1):
            _fetch(place, snapshot, group, keys, work, lambda path: stage / _target_of(path))
            result.files += len(group.members)
            result.size += sum(member.size for member in group.members)
            step(f"restore {number}/{len(index.groups)} {group.name}")
        _place_database(stage, _staged(database, stage, target), snapshot, result)
        # Before the champions: no trader may ever find those and no switch.
        _lay_switches(stage / "restored/sources/switches", (target if stage.parent == target else stage) / "state")
        _take_over(stage, target)
    result.database = result.database.replace(str(stage), str(target))
    _run_sources(context, target, database, result)
    result.notes += [f"not in this backup: {line}" for line in index.left_out]
    result.notes += [f"it was not whole when it was made: {line}" for line in index.problems]
    if snapshot.installation not in ("", installation(context)):
        result.notes.append(
            f"where this machine takes the place of the old one, set backup.installation: {snapshot.installation}; "
            "otherwise the old one's copies are never pruned"
        )
    return result


def _staged(database: str | None, stage: Path, target: Path) -> str | None:
    """Return the URL as of the staging folder where the file lies in the target: that may not stand before the rest."""
    file = None if database is None else sqlite_file(parse_url(database))
    if file is None or not file.is_relative_to(target):
        return database
    return f"sqlite:///{stage / file.relative_to(target)}"


def _target_of(path: str) -> Path:
    """Return where a file of the backup lies below the restored workspace."""
    top, _, rest = path.partition("/")
    if top == "workspace":
        return Path(rest)
    return Path("restored", path)


def _place_database(stage: Path, database: str | None, snapshot: Snapshot, result: Restored) -> None:
    """Make the database last, since one of a server cannot be renamed into place with the rest."""
    source = stage / "restored" / "database" / "store"
    if database is not None:
        restore_snapshot(source, snapshot.database, snapshot.schema, database)
        result.database = "the database of the settings"
    elif snapshot.database == "sqlite":
        restore_snapshot(source, "sqlite", snapshot.schema, f"sqlite:///{stage / 'huracan.db'}")
        result.database = str(stage / "huracan.db")
    else:
        result.notes.append(
            "the database is one of PostgreSQL and lies in restored/database/store: make an empty one, then "
            "`huracan backup restore --only database --database URL`"
        )
        return
    shutil.rmtree(source.parent)


def _run_sources(context: Context, target: Path, database: str | None, result: Restored) -> None:
    """Let plugins take back what they gave, in the context of the restored installation."""
    folder = target / "restored" / "sources"
    wanted = {
        name: source.restore
        for name, source in context.plugins.backup_sources().items()
        if source.restore is not None and (folder / name).is_dir()
    }
    if not result.database:  # one of a server, which is not named yet: an empty file must not stand in for it
        result.notes += [f"source {name}: waits for the database; its files lie in {folder / name}" for name in wanted]
        return
    if not wanted:
        return
    core = context.settings.core.model_copy(update={"workspace": target, "database": database or ""})
    settings = replace(context.settings, core=core)
    with Store.open(settings.database_url(), lock_folder=Paths(target).state) as store:
        restored = assemble(settings, context.plugins, store, SystemClock())
        for name, restore in wanted.items():
            try:
                restore(restored, folder / name)
            except (KeyboardInterrupt, StopRequested):
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 - what a plugin raises must not cost the rest
                result.notes.append(f"source {name}: {type(error).__name__}: {error}; its files lie in {folder / name}")


def _lay_switches(folder: Path, state: Path) -> None:
    """Put the switches back where none is: a trader that was stopped stays stopped."""
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        if file.name in _BESIDE_STATE and not (state / file.name).exists() and read_json(file) is not None:
            state.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, state / f".{file.name}.restore.tmp")
            (state / f".{file.name}.restore.tmp").replace(state / file.name)


# ------------------------------------------------------------------------------------------------------------ parts


def restore_file(place: Place, name: str, keys: Keys, work: Path, path: str, target: Path) -> Restored:
    """Write one file of a backup to ``target``. Raises UsageError where it is there already, or the backup has none."""
    snapshot, index = _open(place, name, keys, work)
    if target.is_dir():
        target = target / path.rpartition("/")[2]
    if os.path.lexists(target):
        raise UsageError(f"{target}: is there already; name another file with --to")
    group, member = _find(index, path, name)
    fetched = work / "one-file"
    _fetch(place, snapshot, group, keys, work, lambda each: fetched if each == member.path else None)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.restore.tmp")
    temporary.unlink(missing_ok=True)
    try:
        temporary.touch(0o600, exist_ok=False)  # it may be a secret: nobody else reads it before its permissions hold
        shutil.copy2(fetched, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return Restored(name, 1, member.size, notes=[str(target)])


def _find(index: Index, path: str, name: str) -> tuple[Group, Member]:
    wanted = {path, f"workspace/{path}"}
    for group in index.groups:
        for member in group.members:
            if member.path in wanted:
                return group, member
    raise UsageError(f"backup {name}: holds no file {path!r}; `huracan backup list {name}` names them all")


def restore_database(place: Place, name: str, keys: Keys, work: Path, database: str) -> Restored:
    """Make a database at a URL out of a backup. Raises StoreError where there is one."""
    snapshot, index = _open(place, name, keys, work)
    refuse_newer(snapshot.schema)
    group, _ = _find(index, "database/store", name)
    _fetch(place, snapshot, group, keys, work, lambda path: work / path)
    restore_snapshot(work / "database" / "store", snapshot.database, snapshot.schema, database)
    return Restored(name, 1, (work / "database" / "store").stat().st_size, "the database at the given URL")


def _open(place: Place, name: str, keys: Keys, work: Path) -> tuple[Snapshot, Index]:
    try:
        snapshot = place.manifest(name, keys, work)
    except FileNotFoundError:
        raise UsageError(f"{place.name}: holds no backup {name}; `huracan backup list` names them") from None
    if (fault := missing(snapshot, place.listing())) is not None:
        raise DataError(f"backup {name} ({place.name})", f"{fault}; choose another backup")
    return snapshot, place.index(snapshot, keys, work)


def _fetch(
    place: Place, snapshot: Snapshot, group: Group, keys: Keys, work: Path, where: Callable[[str], Path | None]
) -> None:
    what = f"backup {snapshot.id}, {group.name}"
    sizes = snapshot.needs
    if group.pack not in sizes:
        raise DataError(what, "is in a pack that the manifest does not name")
    with place.pack(group.pack, sizes[group.pack], work, what) as file:
        unpack(file, work, group.members, keys, snapshot.encrypted, what, where)


# ------------------------------------------------------------------------------------------------------------- target


def _refuse_target(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target}: is no folder; name another one with --to")
    state = target / "state"
    if daemon_is_there(state) or is_held(state / "run.lock") or is_held(state / "job.lock"):
        raise LockedError(f"{target}: a daemon or run works there; stop it first (`systemctl stop huracan`)")
    found = sorted(path.name for path in target.iterdir() if path.name not in _KEPT) if target.is_dir() else []
    if found and (target / _INSIDE).exists():
        raise UsageError(f"{target}: holds what an interrupted restore left (and {_INSIDE}); delete both, start again")
    if found:
        raise UsageError(f"{target}: is not empty (it holds {found[0]}); move it away, or name another with --to")


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Give an empty folder on the disk of the target; gone at the end. Raises TryAgainError where it is full."""
    inside = target.exists() and (any(target.iterdir()) or not os.access(target.parent, os.W_OK))
    stage = target / _INSIDE if inside else target.with_name(f".{target.name}.restoring")
    try:
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(0o700, parents=True)
        yield stage
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM):
            raise
        raise TryAgainError(
            f"restore: {stage.parent} cannot be written: {os.strerror(error.errno)}; nothing was changed"
        ) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _take_over(stage: Path, target: Path) -> None:
    os.sync()  # once, for thousands of small files: what gets its name is on the disk
    if stage.parent != target:
        stage.chmod(_mode_of(target))
        stage.replace(target)  # over an empty folder, or none
        return
    for path in sorted(stage.iterdir()):
        goal = target / path.name
        if goal.is_dir():  # logs: those of this machine stay beside
            path.replace(target / f"{path.name}.restored")
        else:
            path.replace(goal)


def _mode_of(folder: Path) -> int:
    """Return the permissions of a folder, and those that a new one would get where there is none."""
    if folder.is_dir():
        return stat.S_IMODE(folder.stat().st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o777 & ~mask
