"""Finds parquet files whose reading ends the process, by letting another process read them first.

Polars 2.1 asks for exabytes of memory, and is aborted, where the length of a run in the definition levels of a data
page was damaged (found by changing bytes; nothing can be caught). Polars itself writes those levels where a changed
byte does that; of 26,000 damaged files with the pages of Apache Arrow's C++ writer none did, so these are not probed.
One process reads all candidates and costs about half a second.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["deadly_files"]

HARMLESS_WRITER = b"parquet-cpp"
TAIL_BYTES = 2048


def deadly_files(paths: Sequence[Path]) -> frozenset[Path]:
    """Return those of ``paths`` that must not be read in this process."""
    rest = [path for path in paths if path.suffix == ".parquet" and not _harmless(path)]
    deadly = set()
    while rest:
        survived = _survived(rest)
        deadly.update(rest[survived : survived + 1])
        rest = rest[survived + 1 :]
    return frozenset(deadly)


def _harmless(path: Path) -> bool:
    """Say whether the writer named at the file's end is known to be harmless; a file that cannot be read is."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return HARMLESS_WRITER in file.read()
    except OSError:
        return True


def _survived(paths: Sequence[Path]) -> int:
    """Return how many of the files another process reads before it is killed, all of them if it is not."""
    names = b"\0".join(os.fsencode(path) for path in paths)
    helper = subprocess.run(
        [sys.executable, "-m", "huracan_exchanges.probe"], input=names, capture_output=True, check=False
    )
    if helper.returncode > 0:
        raise RuntimeError(
            f"the process that reads files first failed: {helper.stderr[-2000:].decode(errors='replace')}"
        )
    return len(paths) if helper.returncode == 0 else helper.stdout.count(b"\n")


def main() -> None:
    """Read the files named on standard input, of candles or funding, a line on standard output after each."""
    from huracan.errors import DataError
    from huracan_exchanges.candle_file import read_candle_file
    from huracan_exchanges.funding_file import read_funding_file

    for name in sys.stdin.buffer.read().split(b"\0"):
        with contextlib.suppress(DataError):
            read_candle_file(Path(os.fsdecode(name)), now=2**62)
        with contextlib.suppress(DataError):
            read_funding_file(Path(os.fsdecode(name)), now=2**62)
        print(flush=True)


if __name__ == "__main__":
    main()
