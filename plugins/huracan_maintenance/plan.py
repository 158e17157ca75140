"""Decides what clean-up deletes, and why. The dry run prints this plan, the real run carries out the same."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from huracan.context import Context
from huracan_maintenance.guards import Copies, Guard, guard_of, known_copies
from huracan_maintenance.kinds import KINDS, Item, Kind, items_of, leftovers
from huracan_maintenance.settings import Keep, MaintenanceSettings

__all__ = ["Doomed", "Plan", "choose", "free_bytes", "make_plan"]

GIGABYTE = 1e9
ABANDONED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Doomed:
    """An item that goes, and why."""

    item: Item
    reason: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes, in order; what would go if it had a copy in the remote store; whether the file of alerts is set aside;
    which events leave the store; bytes that are short of ``min_free_gb`` even then; what could not be asked."""

    doomed: tuple[Doomed, ...]
    waiting: tuple[Item, ...]
    copies: Copies
    rotate_alerts: bool
    events_before: datetime | None
    events: int
    short: float

    @property
    def size(self) -> int:
        """Return the bytes that it frees."""
        return sum(each.item.size for each in self.doomed)

    @property
    def is_urgent(self) -> bool:
        """Say whether something goes for want of space alone."""
        return any(each.urgent for each in self.doomed)


def free_bytes(workspace: Path) -> int:
    """Return the free space of the workspace's disk."""
    return shutil.disk_usage(workspace).free


def make_plan(context: Context, free: float) -> Plan:
    """Look at the workspace and decide. ``free`` are the bytes that its disk has left. Nothing is changed."""
    settings = context.settings.section(MaintenanceSettings)
    now, workspace = context.clock.now(), context.paths.workspace
    copies, guard = known_copies(context), guard_of(context, now)
    doomed = [Doomed(item, reason) for item, reason in leftovers(workspace, now - ABANDONED)]
    spare: list[tuple[Item, Kind]] = []
    waiting: list[Item] = []
    for kind in KINDS:
        context.progress.step(f"cleanup looks at {kind.folder}")
        keep: Keep = getattr(settings, kind.name)
        going, left = choose(list(items_of(workspace, kind)), keep, guard, now)
        for each in going:
            if kind.copied and not copies.hold(each.item):
                waiting.append(each.item)
            else:
                doomed.append(each)
        spare += [(item, kind) for item in left]
    # A folder may be a link to another disk: what goes there frees nothing here.
    here = workspace.stat().st_dev if workspace.exists() else None
    missing = settings.min_free_gb * GIGABYTE - free - sum(each.item.size for each in doomed if each.item.disk == here)
    if missing > 0:
        near = [(item, kind) for item, kind in spare if item.disk == here]
        urgent, missing = _for_want_of_space(near, copies, missing, settings.min_free_gb)
        doomed += urgent
    before = now - timedelta(days=settings.events_days) if settings.events_days else None
    return Plan(
        tuple(doomed), tuple(waiting), copies, _is_large(context, settings), before,
        context.store.events.count(before) if before else 0, max(0.0, missing),
    )  # fmt: skip


def choose(items: Sequence[Item], keep: Keep, guard: Guard, now: datetime) -> tuple[list[Doomed], list[Item]]:
    """Return the items of one kind that go, oldest first, and the others that might go too if space were short."""
    oldest_first = sorted(items, key=lambda item: (item.changed, item.path))
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in oldest_first:
        groups[item.group].append(item)
    newest = {item.path for group in groups.values() for item in group[-keep.newest :]}
    free = [item for item in oldest_first if item.path not in newest and guard(item) is None]
    size = sum(item.size for item in items)
    going: list[Doomed] = []
    for item in free:
        if keep.days and now - item.changed > timedelta(days=keep.days):
            reason = f"not changed for more than {keep.days:g} days"
        elif keep.gigabytes and size > keep.gigabytes * GIGABYTE:
            reason = f"{item.kind} take more than {keep.gigabytes:g} GB"
        else:
            break  # the others are younger, and there is room for them
        going.append(Doomed(item, reason))
        size -= item.size
    return going, free[len(going) :]


def _for_want_of_space(
    spare: Iterable[tuple[Item, Kind]], copies: Copies, missing: float, wanted: float
) -> tuple[list[Doomed], float]:
    """Return the oldest items that make up for the missing bytes, and what is missing still."""
    urgent = []
    for item, kind in sorted(spare, key=lambda pair: (pair[0].changed, pair[0].path)):
        if missing <= 0:
            break
        if kind.copied and not copies.hold(item):
            continue
        urgent.append(Doomed(item, f"less than {wanted:g} GB of the disk are free", urgent=True))
        missing -= item.size
    return urgent, missing


def _is_large(context: Context, settings: MaintenanceSettings) -> bool:
    try:
        return (context.paths.monitoring / "alerts.jsonl").stat().st_size > settings.alerts_megabytes * 1e6
    except OSError:
        return False
