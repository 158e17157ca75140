"""How many cores this process may really use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["usable_cores", "worker_count"]


def usable_cores(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the smaller of CPU affinity and cgroup quota, at least 1. ``os.cpu_count`` knows neither."""
    cores = float(len(os.sched_getaffinity(0)))
    for folder in _groups(root, membership):
        quota = _quota(folder)
        if quota is not None:
            cores = min(cores, quota)
    return max(1, math.floor(cores))


def worker_count(wanted: int, cap: int, coins: int, cores: int, *, one: bool) -> int:
    """Return how many workers to start: what was asked for or one per core, never more than the cap or the coins."""
    if one:
        return 1
    return max(1, min(wanted or cores, cap, coins))


def _groups(root: Path, membership: Path) -> list[Path]:
    """Return the folders of this process's groups and all above them: every one of them may set a quota."""
    try:
        lines = membership.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    folders = [root]
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = root if not controllers else root / "cpu"
        folders.append(folder)
        for part in [name for name in group.split("/") if name and name != ".."]:
            folder = folder / part
            folders.append(folder)
    return folders


def _quota(folder: Path) -> float | None:
    """Read the quota in cores of one group, version 2 or 1; None where there is none."""
    try:
        limit, period = (folder / "cpu.max").read_text("utf-8").split()
    except (OSError, ValueError):
        try:
            limit = (folder / "cpu.cfs_quota_us").read_text("utf-8").strip()
            period = (folder / "cpu.cfs_period_us").read_text("utf-8").strip()
        except OSError:
            return None
    if limit in ("max", "-1") or not limit.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(limit) / int(period)
