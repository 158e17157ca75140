"""Lists a folder of files named by their pair, and says why others in it are refused."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from huracan.errors import DataError, SettingsError

__all__ = ["Folder", "list_folder"]

SUFFIXES = (".parquet", ".csv")
_SPOT = re.compile(r"([A-Z0-9]{1,20}-[A-Z0-9]{1,20})\.(parquet|csv)")
_PERPETUAL = re.compile(r"([A-Z0-9]{1,20}-[A-Z0-9]{1,20})(?:-PERP)?\.(parquet|csv)")


@dataclass(frozen=True, slots=True)
class Folder:
    """Plain files by symbol and, by file name, why others are ``refused``."""

    path: Path
    files: dict[str, Path]
    refused: dict[str, str]

    def why_not(self, symbol: str) -> DataError | None:
        """Return why a file of ``symbol`` is refused, None where there is no such file."""
        names = (f"{symbol}{end}{suffix}" for suffix in SUFFIXES for end in ("", "-PERP"))
        return next((DataError(name, self.refused[name]) for name in names if name in self.refused), None)


def list_folder(path: Path, setting: str, perpetual: bool) -> Folder:
    """List BASE-QUOTE files; of perpetuals, names may end in -PERP. Hidden files, sub-folders and files that are no
    tables by their suffix are left alone.

    Raises SettingsError naming ``setting`` where the folder cannot be read.
    """
    try:
        with os.scandir(path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise SettingsError(
            f"{setting}: {path} cannot be read as a folder: {error.strerror}; "
            "name a folder of BASE-QUOTE.parquet or BASE-QUOTE.csv files"
        ) from None
    files: dict[str, Path] = {}
    refused: dict[str, str] = {}
    for entry in entries:
        hidden = entry.name.startswith(".") and not entry.name.startswith("..")
        if hidden or not entry.name.lower().endswith(SUFFIXES):
            continue
        match = (_PERPETUAL if perpetual else _SPOT).fullmatch(entry.name)
        symbol = match[1] if match else ""
        problem = _refusal(entry, named=bool(symbol))
        if problem is not None:
            refused[_printable(entry.name)] = problem
        elif symbol in files:
            refused[files.pop(symbol).name] = f"{entry.name} is there too; keep one of the two"
        else:
            files[symbol] = Path(entry.path)
    return Folder(path, files, refused)


def _refusal(entry: os.DirEntry[str], named: bool) -> str | None:
    if entry.is_symlink():
        return "is a symbolic link; only plain files in the folder itself are read"
    if not named:
        return "is not named BASE-QUOTE.parquet or BASE-QUOTE.csv in capital letters and digits"
    if not entry.is_file(follow_symlinks=False):
        return "is not a plain file"
    return None


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)
