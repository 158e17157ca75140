"""The files that a coin's training reads and writes, wherever it runs.

In a worker process here they are files. On another machine they are bytes that travelled with the task, and bytes that
travel back; training does not know the difference.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from huracan.errors import DataError
from huracan.market.files import verified_bytes
from huracan.paths import write_bytes

__all__ = ["CarriedFiles", "Files", "LocalFiles"]


class Files(Protocol):
    """What training reads by path and writes by name; names may hold one folder, as ``search/trial-003.json``."""

    def candles(self, path: str) -> bytes:
        """Return a file of candles or funding whose digest holds. Raises DataError where it is missing or damaged."""
        ...

    def read(self, path: str) -> bytes:
        """Return any other file. Raises DataError where it is missing."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put a file into the model folder."""
        ...

    def kept(self, name: str) -> bytes | None:
        """Return a file that a killed attempt left in the model folder, None where there is none."""
        ...

    def drop(self, folder: str) -> None:
        """Delete a folder of the model folder, with what is in it."""
        ...

    def begin(self, keep: str) -> None:
        """Delete what a killed attempt left in the model folder, all but the folder ``keep``."""
        ...


class LocalFiles:
    """Files of this machine; those that are written lie in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def candles(self, path: str) -> bytes:
        return verified_bytes(Path(path))

    def read(self, path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise DataError(path, f"cannot be read: {error.strerror}") from None

    def write(self, name: str, content: bytes) -> None:
        write_bytes(self._folder / name, content)

    def kept(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.is_file() else None

    def drop(self, folder: str) -> None:
        shutil.rmtree(self._folder / folder, ignore_errors=True)

    def begin(self, keep: str) -> None:
        for path in [each for each in self._folder.glob("*") if each.name != keep]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


class CarriedFiles:
    """Bytes by path that came with the task; ``written`` are those that go back, by name."""

    def __init__(self, brought: Mapping[str, bytes]) -> None:
        self._brought = brought
        self.written: dict[str, bytes] = {}

    def candles(self, path: str) -> bytes:
        return self.read(path)

    def read(self, path: str) -> bytes:
        try:
            return self._brought[path]
        except KeyError:
            raise DataError(path, "did not travel with the task") from None

    def write(self, name: str, content: bytes) -> None:
        self.written[name] = content

    def kept(self, name: str) -> bytes | None:
        return self.written.get(name)

    def drop(self, folder: str) -> None:
        for name in [each for each in self.written if each.startswith(f"{folder}/")]:
            del self.written[name]

    def begin(self, keep: str) -> None:
        for name in [each for each in self.written if not each.startswith(f"{keep}/")]:
            del self.written[name]
