"""What clean-up looks at: every kind of artefact with the folder it lies in, and its items, folders or files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["KINDS", "TRASH", "File", "Item", "Kind", "is_trash", "items_of", "leftovers", "original_of"]

TRASH = ".trash"
"""Ending of the hidden name that an item gets first when it is deleted: ``.NAME.trash`` beside where it was."""

_LATEST = 253_402_300_799.0
"""The end of the year 9999: a broken file system may say anything."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it lies here: path in the workspace, size in bytes, last change in nanoseconds since 1970."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Item:
    """What is deleted as a whole: a folder or a file. ``group`` is whose newest ones stay (a symbol, else the kind).

    ``disk`` is the number by which the system knows the disk that it lies on.
    """

    kind: str
    path: str
    group: str
    files: tuple[File, ...]
    changed: datetime
    disk: int

    @property
    def size(self) -> int:
        """Return the bytes of all its files."""
        return sum(each.size for each in self.files)


@dataclass(frozen=True, slots=True)
class Kind:
    """Items ``depth`` levels below ``folder`` whose names match one of ``patterns``.

    ``copied`` says that a remote store gets copies of them.
    """

    name: str
    folder: str
    depth: int = 1
    patterns: tuple[str, ...] = ("*",)
    copied: bool = True


KINDS = (
    Kind("models", "models", depth=2),
    Kind("runs", "runs"),
    Kind("summary", "summary"),
    Kind("exports", "exports"),
    Kind("learning", "learning"),
    Kind("meta", "meta", depth=2),
    Kind("reports", "reports", depth=2),
    Kind("logs", "logs", patterns=("*.jsonl.*", "*.log.*")),
    Kind("quarantine", "data/quarantine", copied=False),
    Kind("alerts", "monitoring", patterns=("alerts-*.jsonl",)),
    Kind("trades", "trading/done", copied=False),
)
"""The names are those of the settings; a test compares."""


def items_of(workspace: Path, kind: Kind) -> Iterator[Item]:
    """Yield the items of a kind; hidden ones and symbolic links, which may lead anywhere, are left out."""
    for path, group in _entries(workspace / kind.folder, kind.depth):
        name = path.name
        if name.startswith(".") or not any(path.match(pattern) for pattern in kind.patterns):
            continue
        item = _item(workspace, kind.name, path, f"{kind.name}/{group}")
        if item is not None:
            yield item


def leftovers(workspace: Path, before: datetime) -> Iterator[tuple[Item, str]]:
    """Yield what killed processes left, and the reason to delete it.

    That is half-deleted items, and temporary files that were last written ``before``.
    """
    linked = [path for path in (workspace / kind.folder.split("/")[0] for kind in KINDS) if path.is_symlink()]
    for folder, folders, files in (step for root in dict.fromkeys([workspace, *linked]) for step in os.walk(root)):
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            if is_trash(name):
                item = _item(workspace, "leftovers", path, "leftovers")
                if item is not None:
                    yield item, "left by a clean-up that was interrupted"
            elif name.startswith(".") and name.endswith(".tmp") and name in files:
                item = _item(workspace, "leftovers", path, "leftovers")
                if item is not None and item.changed < before:
                    yield item, "a temporary file of a process that was killed"
        folders[:] = sorted(name for name in folders if not is_trash(name))


def is_trash(name: str) -> bool:
    """Say whether a name is that of an item that is being deleted."""
    return name.startswith(".") and name.endswith(TRASH) and len(name) > len(TRASH) + 1


def original_of(name: str) -> str:
    """Return the name that an item had before it was deleted."""
    return name.removeprefix(".").removesuffix(TRASH)


def _entries(folder: Path, depth: int, group: str = "") -> Iterator[tuple[Path, str]]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return  # there is none, or it may not be read: nothing of it is deleted then
    for path in paths:
        if depth == 1:
            yield path, group
        elif not path.name.startswith(".") and path.is_dir() and not path.is_symlink():
            yield from _entries(path, depth - 1, path.name)


def _item(workspace: Path, kind: str, path: Path, group: str) -> Item | None:
    """Look at a folder or file; None where it is neither, or cannot be read as a whole."""
    try:
        about = path.lstat()
        if stat.S_ISREG(about.st_mode):
            found = [path]
        elif stat.S_ISDIR(about.st_mode):
            found = [Path(folder, name) for folder, _, names in os.walk(path, onerror=_refuse) for name in names]
        else:
            return None
        looks = [(each, each.lstat()) for each in sorted(found)]
        files = tuple(
            File(each.relative_to(workspace).as_posix(), look.st_size, look.st_mtime_ns) for each, look in looks
        )
    except OSError:
        return None  # gone meanwhile, or not ours
    newest = max((each.modified_ns / 1e9 for each in files), default=about.st_mtime)
    changed = datetime.fromtimestamp(min(max(newest, 0.0), _LATEST), UTC)
    return Item(kind, path.relative_to(workspace).as_posix(), group, files, changed, about.st_dev)


def _refuse(error: OSError) -> None:
    raise error
