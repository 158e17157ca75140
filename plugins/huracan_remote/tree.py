"""Looks at the files of the workspace, quickly: ten thousand of them take some hundredths of a second."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from huracan_remote.layout import FOLDERS, Kind, is_hidden

__all__ = ["Local", "look", "scan"]


@dataclass(frozen=True, slots=True)
class Local:
    """A file as it lies here: path in the workspace, size in bytes, time of the last change in ns since 1970."""

    path: str
    size: int
    modified_ns: int


def scan(workspace: Path, kinds: Iterable[Kind] = tuple(Kind), troubles: list[str] | None = None) -> Iterator[Local]:
    """Yield the files of some kinds; temporary files and symbolic links, which may lead anywhere, are left out.

    What cannot be looked at is added to ``troubles``, a line each.
    """
    wanted, lines = set(kinds), [] if troubles is None else troubles
    for folder, kind in FOLDERS.items():
        if kind in wanted:
            yield from _walk(os.path.join(workspace, folder), folder, lines)  # noqa: PTH118 - pathlib is slow here


def look(workspace: Path, path: str) -> Local | None:
    """Return one file as it lies here, None where it is none that is copied."""
    if is_hidden(path):
        return None
    try:
        about = (workspace / path).lstat()
    except OSError:
        return None
    return Local(path, about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None


def _walk(folder: str, path: str, troubles: list[str]) -> Iterator[Local]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return  # not there yet, or gone by now
    except OSError as error:
        troubles.append(f"{path}: cannot be looked into: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            entry.name.encode()
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{path}/{entry.name}", troubles)
            elif entry.is_file(follow_symlinks=False):
                about = entry.stat(follow_symlinks=False)
                yield Local(f"{path}/{entry.name}", about.st_size, about.st_mtime_ns)
        except FileNotFoundError:
            continue
        except UnicodeEncodeError:
            troubles.append(f"{path}/{entry.name!a}: has a name that is no text, and is not copied")
        except OSError as error:
            troubles.append(f"{path}/{entry.name}: cannot be looked at: {error.strerror}")
