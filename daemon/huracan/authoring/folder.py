"""Writes a folder that is there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from huracan.errors import TryAgainError, UsageError

__all__ = ["refuse_existing", "write_folder"]


def refuse_existing(folder: Path) -> None:
    """Raise UsageError where something is there already, be it an empty folder or a link that leads nowhere."""
    if os.path.lexists(folder):
        raise UsageError(f"{folder} is there already and is left alone; choose another folder with --out")


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Write ``files`` (texts by path inside it) into a new folder, which gets its name when all of them are there.

    Raises UsageError where the folder exists or nothing can be written there, TryAgainError where the disk is full.
    """
    refuse_existing(folder)
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
        for path, text in files.items():
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
        temporary.chmod(0o777 & ~_umask())
        refuse_existing(folder)  # somebody else may have made it meanwhile; what is not empty is not replaced below
        temporary.rename(folder)
    except OSError as error:
        what = f"{folder} cannot be written: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TryAgainError(f"{what}; free some space, then start the same command again") from None
        raise UsageError(f"{what}; choose another folder with --out") from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    """Return what new files may not allow; Python has no way to ask but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
