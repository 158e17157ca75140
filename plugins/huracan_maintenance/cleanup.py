"""The job ``cleanup``: deletes what is old or too much, item by item, so that a kill leaves whole items or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from huracan.context import Context
from huracan.types import JobResult, Outcome, Severity
from huracan_maintenance.guards import is_champion
from huracan_maintenance.kinds import TRASH, Item, is_trash, original_of
from huracan_maintenance.plan import GIGABYTE, Doomed, Plan, free_bytes, make_plan

__all__ = ["Cleaned", "carry_out", "run", "size_in_words", "summary_of"]

NOTABLE = GIGABYTE
"""Bytes from which on somebody may want to know."""


@dataclass
class Cleaned:
    """What one clean-up did: the items that are gone, rows of events, and a line for each item that could not go."""

    gone: list[Doomed] = field(default_factory=list)
    events: int = 0
    rotated: str | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return the bytes that it freed."""
        return sum(each.item.size for each in self.gone)


def run(context: Context) -> JobResult:
    """Delete what the settings let go. Partly failed where an item could not be deleted."""
    plan = make_plan(context, free_bytes(context.paths.workspace))
    done = carry_out(context, plan)
    tell(context, plan, done)
    problems = tuple(done.problems) + ((f"copies: {plan.copies.problem}",) if plan.copies.problem else ())
    summary = summary_of(plan, done)
    if problems:
        return JobResult(Outcome.PARTLY_FAILED, summary, problems)
    did = done.gone or done.events or done.rotated
    return JobResult(Outcome.DONE if did else Outcome.NOTHING_TO_DO, summary)


def carry_out(context: Context, plan: Plan) -> Cleaned:
    """Do what the plan says; call it only while holding the run lock. What fails is named, the rest goes on."""
    done = Cleaned()
    for number, each in enumerate(plan.doomed, 1):
        if is_champion(context, each.item):
            continue  # `huracan champions rollback` waits for nobody
        try:
            _delete(context, each.item, plan.copies.identity)
        except OSError as error:
            done.problems.append(f"{each.item.path}: cannot be deleted: {error.strerror}")
        else:
            done.gone.append(each)
        context.progress.step(f"cleanup {each.item.path}", done=number, total=len(plan.doomed))
    if plan.rotate_alerts:
        done.rotated = _rotate_alerts(context)
    if plan.events_before is not None:
        # What became of their messages, and who ordered what, is kept as long as the events themselves.
        context.store.outbox.prune(plan.events_before)
        context.store.audit.prune(plan.events_before)
    if plan.events_before is not None and plan.events:
        done.events = context.store.events.prune(plan.events_before)
    return done


def tell(context: Context, plan: Plan, done: Cleaned) -> None:
    """Send an event where somebody may want to know: space was short, or much was freed."""
    freed = size_in_words(done.size)
    if plan.short:
        short = size_in_words(plan.short)
        context.emit(
            "cleanup.short", Severity.ERROR,
            f"the disk is nearly full: {short} more are wanted, and nothing else may be deleted", freed=done.size,
            waiting=len(plan.waiting),
        )  # fmt: skip
    elif plan.is_urgent:
        title = f"the disk was nearly full: clean-up deleted what was oldest, {freed}"
        context.emit("cleanup.urgent", Severity.WARNING, title, freed=done.size, items=len(done.gone))
    elif done.size >= NOTABLE:
        context.emit("cleanup.freed", Severity.INFO, f"clean-up freed {freed}", freed=done.size, items=len(done.gone))


def summary_of(plan: Plan, done: Cleaned | None) -> str:
    """Say in a line what a plan would do, or what was done."""
    items, size, events = (
        (len(plan.doomed), plan.size, plan.events) if done is None else (len(done.gone), done.size, done.events)
    )
    verb = "to delete" if done is None else "deleted"
    parts = [
        f"{items:,} {'item' if items == 1 else 'items'} {verb}, {size_in_words(size)}" if items else f"nothing {verb}"
    ]
    if events:
        parts.append(f"{events:,} old events {verb}")
    if plan.waiting:
        parts.append(f"{len(plan.waiting):,} kept that have no copy in the remote store yet")
    return "; ".join(parts)


def size_in_words(size: float) -> str:
    """Return bytes as ``1.2 GB``, ``34.0 MB`` or ``5.6 kB``."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1e3:,.1f} kB"


def _delete(context: Context, item: Item, remote: str) -> None:
    """Let an item vanish under its name at once, then forget its copies, then delete it.

    In this order: a copy that is known while its file is gone would be deleted by ``sync prune``, and the next run
    finishes from the hidden name, which says what the name was. The copies themselves stay.
    """
    path = context.paths.workspace / item.path
    if item.kind == "leftovers":
        hidden = path
    else:
        hidden = path.with_name(f".{path.name}{TRASH}")
        if hidden.exists():
            _erase(hidden)
        path.rename(hidden)
    if remote:
        context.store.copies.forget(remote, list(_originals(context.paths.workspace, item)))
    _erase(hidden)


def _originals(workspace: Path, item: Item) -> Iterator[str]:
    """Yield the paths that an item's files have, or had before a clean-up that was interrupted."""
    for each in item.files:
        path = each.path
        if item.kind == "leftovers":
            path = "/".join(original_of(part) if is_trash(part) else part for part in path.split("/"))
            if os.path.lexists(workspace / path):
                continue  # somebody made it anew meanwhile
        yield path


def _erase(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _rotate_alerts(context: Context) -> str | None:
    """Set the file of alerts aside: who writes it opens it for every line, and begins a new one."""
    file = context.paths.monitoring / "alerts.jsonl"
    target = file.with_name(f"alerts-{context.clock.now():%Y%m%d_%H%M%S}.jsonl")
    if target.exists():
        return None
    try:
        file.rename(target)
    except FileNotFoundError:
        return None
    return target.name
