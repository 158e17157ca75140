"""A place that holds backups, whatever remote store it is: manifests in ``snapshots/``, packs in ``packs/``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from huracan.config import validate_section
from huracan.context import Context
from huracan.errors import DataError, SettingsError, TryAgainError, UsageError
from huracan.remote.base import RemoteFile, RemoteStore, holds
from huracan.remote.local import LocalFolderStore
from huracan.remote.opening import open_remote
from huracan_backup.keys import Keys
from huracan_backup.packs import check_stored, read_blob
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import Index, Snapshot, is_id, read_index, read_manifest

__all__ = ["HERE", "LocalPlace", "Place", "folder_place", "here", "opened", "place_names"]

HERE = "here"
PREFIX = "backups/"


class Place:
    """Reads and writes backups in a remote store. Raises what the store raises, TryAgainError for damaged transfers."""

    def __init__(self, name: str, store: RemoteStore, prefix: str = PREFIX) -> None:
        self.name, self.store, self._prefix = name, store, prefix

    def listing(self) -> dict[str, RemoteFile]:
        """Return every file of the place by its path below it."""
        return {file.path.removeprefix(self._prefix): file for file in self.store.list(self._prefix)}

    def ids(self, listing: Mapping[str, RemoteFile] | None = None) -> list[str]:
        """Return the backups that have a manifest, oldest first."""
        paths = self.listing() if listing is None else listing
        names = [path.removeprefix("snapshots/").removesuffix(".json") for path in paths if path.endswith(".json")]
        return sorted(name for name in names if is_id(name))

    def manifest(self, name: str, keys: Keys, work: Path | None = None) -> Snapshot:
        """Read a manifest. Raises DataError for a damaged one, FileNotFoundError where there is none."""
        return read_manifest(self._small(f"snapshots/{name}.json", work), name, keys)

    def index(self, snapshot: Snapshot, keys: Keys, work: Path) -> Index:
        """Read the index of a backup. Raises DataError for a damaged one, UsageError without its key."""
        what = f"backup {snapshot.id}, index"
        with self.pack(*snapshot.index, work, what) as file:
            return read_index(read_blob(file, work, keys, snapshot.encrypted, what), what)

    @contextmanager
    def pack(self, name: str, size: int, work: Path, what: str) -> Iterator[Path]:
        """Give a pack as a file that was compared with its name. Raises DataError where it is gone or damaged."""
        fetched = work / f"fetched-{name}"
        try:
            try:
                self.store.get(f"{self._prefix}packs/{name}", fetched)
            except FileNotFoundError:
                raise DataError(what, f"its pack {name[:12]} is gone from {self.name}; choose another backup") from None
            check_stored(fetched, name, size, what)
            yield fetched
        finally:
            fetched.unlink(missing_ok=True)

    def put(self, source: Path, path: str) -> RemoteFile:
        """Store a file and compare it there. Raises TryAgainError where other bytes arrived."""
        stored = self.store.put(source, self._prefix + path)
        if not holds(self.store, source, stored):
            raise TryAgainError(f"{self.name}: {path} arrived damaged; it is sent again next time")
        return stored

    def mend(self, source: Path, path: str) -> bool:
        """Store a file again where other bytes lie there, and say whether that was so."""
        if self.store.verify(source, self._prefix + path):
            return False
        self.put(source, path)
        return True

    def delete(self, path: str) -> None:
        self.store.delete(self._prefix + path)

    def close(self) -> None:
        self.store.close()

    def _small(self, path: str, work: Path | None) -> bytes:
        assert work is not None  # only what lies here is read in place
        fetched = work / "fetched-manifest"
        try:
            self.store.get(self._prefix + path, fetched)
            return fetched.read_bytes()
        finally:
            fetched.unlink(missing_ok=True)


class LocalPlace(Place):
    """A folder of this machine: what it holds is read in place."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, LocalFolderStore(folder), "")
        self.folder = folder

    def listing(self) -> dict[str, RemoteFile]:
        """Return every file; a folder that was never written is empty."""
        return super().listing() if self.folder.is_dir() else {}

    @contextmanager
    def pack(self, name: str, size: int, work: Path, what: str) -> Iterator[Path]:
        """Give a pack where it lies."""
        del work
        yield self.whole(name, size, what)

    def whole(self, name: str, size: int, what: str) -> Path:
        """Return a pack that was compared with its name. Raises DataError where it is gone or damaged."""
        file = self.folder / "packs" / name
        if not file.is_file():
            raise DataError(what, f"its pack {name[:12]} is gone from {self.folder}; choose another backup")
        check_stored(file, name, size, what)
        return file

    def _small(self, path: str, work: Path | None) -> bytes:
        del work
        return (self.folder / path).read_bytes()


def here(context: Context) -> LocalPlace:
    """Return the folder in which backups are made."""
    folder = context.settings.section(BackupSettings).folder or context.paths.workspace / "backups"
    return LocalPlace(HERE, folder)


def folder_place(folder: Path) -> LocalPlace:
    """Return backups that lie in a folder, or in its ``backups``. Raises UsageError where there are none."""
    for candidate in (folder, folder / PREFIX):
        if (candidate / "snapshots").is_dir():
            return LocalPlace(str(folder), candidate)
    raise UsageError(f"{folder}: holds no backups: name the folder in which snapshots/ and packs/ lie")


def place_names(context: Context) -> list[str]:
    """Return the names of the places that get copies."""
    settings = context.settings.section(BackupSettings)
    names = ["disk"] if settings.disk is not None else []
    names += ["remote"] if settings.remote and context.settings.sections.get("remote") is not None else []
    return [*names, *settings.remotes]


@contextmanager
def opened(context: Context, name: str) -> Iterator[Place]:
    """Open a place by its name; it is closed at the end of the block. Raises what its plugin raises."""
    settings = context.settings.section(BackupSettings)
    if name == HERE:
        yield here(context)
    elif name == "disk" and settings.disk is not None:
        yield _on_disk(settings.disk)
    elif name == "remote" and name in place_names(context):
        with open_remote(context) as remote:
            assert remote is not None  # place_names has looked
            yield Place(name, remote)
    elif name in settings.remotes:
        store = _open_more(context, name, settings.remotes[name])
        try:
            yield Place(name, store)
        finally:
            store.close()
    else:
        known = ", ".join([HERE, *place_names(context)])
        raise UsageError(f"no place for backups is called {name!r}; known here: {known}")


def _on_disk(disk: Path) -> Place:
    if not disk.is_dir():
        raise TryAgainError(f"{disk} is not there: mount the disk or make the folder")
    try:
        (disk / PREFIX).mkdir(exist_ok=True)
    except OSError as error:
        raise TryAgainError(f"{disk} cannot be written: {error.strerror}") from None
    return LocalPlace("disk", disk / PREFIX)


def _open_more(context: Context, name: str, values: Mapping[str, SecretStr]) -> RemoteStore:
    plain: dict[str, Any] = {key: part.get_secret_value() for key, part in values.items()}
    kinds = context.plugins.remotes()
    if plain.get("name") not in kinds:
        raise SettingsError(f"backup.remotes.{name}.name: chooses one of {', '.join(sorted(kinds))}")
    kind = kinds[plain["name"]]
    section = validate_section(kind.settings, plain, context.settings.origins, f"backup.remotes.{name}")
    return kind.open(context, section)
