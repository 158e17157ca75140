"""How much memory may still be used, and whether one more worker fits: a box that swaps trains nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

__all__ = ["GIB", "LITE_BELOW", "MIB", "MemoryGuard", "available_memory", "resident"]

MIB, GIB = 2**20, 2**30

LITE_BELOW = 2 * GIB
"""With less than this free, ``trainer: auto`` is the small one."""


def available_memory(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes that can be taken without swapping: what the kernel says, or less where a cgroup says less."""
    left = [int(psutil.virtual_memory().available)]
    for folder in _groups(root, membership):
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is None:
            limit, used = _number(folder / "memory.limit_in_bytes"), _number(folder / "memory.usage_in_bytes")
        if limit is not None and used is not None:
            left.append(limit - used + _reclaimable(folder / "memory.stat"))
    return max(0, min(left))


def _groups(root: Path, membership: Path) -> Iterable[Path]:
    """Return the folders of this process's groups and of all above them: every one of them may set a limit."""
    try:
        lines = membership.read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder = root / "memory" if controllers else root
        yield folder
        for part in [name for name in group.split("/") if name and name != ".."]:
            folder = folder / part
            yield folder


def _number(file: Path) -> int | None:
    try:
        text = file.read_text("utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _reclaimable(file: Path) -> int:
    """Return the page cache that a group counts as used and gives back when asked."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "total_inactive_file ")))


def resident(pid: int) -> int:
    """Return the bytes that a process has in memory, 0 where it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


class MemoryGuard:
    """Says whether one more worker may start.

    A worker is taken to need ``worker_bytes``, or what the largest of this night has needed so far. Workers that have
    only begun still grow to that, so that the memory they are going to take is not given away twice.
    """

    def __init__(self, worker_bytes: int, reserve_bytes: int) -> None:
        self._needed = worker_bytes
        self._reserve = reserve_bytes

    @property
    def needed(self) -> int:
        """Bytes that a worker is taken to need."""
        return self._needed

    def saw(self, workers: Sequence[int]) -> None:
        """Take note of the resident bytes of the workers that run."""
        self._needed = max([self._needed, *workers])

    def allows(self, available: int, workers: Sequence[int]) -> bool:
        """Return whether one more fits; the first one always may start, so that the night goes on."""
        if not workers:
            return True
        growth = sum(max(0, self._needed - each) for each in workers)
        return available - growth - self._needed >= self._reserve
