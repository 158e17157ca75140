"""The job ``finish``: copies what is left, then compares both sides by hash, and names every file that is not safe."""

from __future__ import annotations

import time
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.remote.base import RemoteFile, RemoteStore
from huracan.remote.opening import open_remote
from huracan.store import RemoteCopy
from huracan.types import JobResult, Outcome, Severity
from huracan_remote.engine import Sweep, alone, pending, sweep
from huracan_remote.layout import Kind, is_appended
from huracan_remote.pace import Pace
from huracan_remote.settings import SyncSettings
from huracan_remote.tree import look, scan

__all__ = ["Comparison", "compare", "run"]

MOST_ROUNDS = 3
LONG_STEP = 900.0


def run(context: Context) -> JobResult:
    """Make sure that everything lies in the remote store. Failed where a file does not.

    Raises TryAgainError where the remote store is away.
    """
    with open_remote(context) as remote:
        if remote is None:
            return JobResult(Outcome.NOTHING_TO_DO, "no remote store is set: results stay on this machine")
        with context.long_step(LONG_STEP):
            done = _copy(context, remote)
            found = compare(context, remote, done.compared)
            lost = found.lost
            if lost:
                # Told before anything else can happen: what is made again is known no more.
                context.emit("sync.lost", Severity.WARNING, f"{len(lost)} copies were lost: {lost[0]}", lost=lost[:50])
            if lost or found.problems:
                # What was lost over there is made again at once, and told of all the same.
                again = _copy(context, remote)
                done.files, done.problems = done.files + again.files, again.problems
                found = compare(context, remote, done.compared | again.compared)
        identity = remote.identity
    problems = [*dict.fromkeys([*done.problems, *found.problems, *found.lost])]
    summary = f"{found.files:,} files, {found.size / 1e6:,.1f} MB, are in {identity}; {done.files:,} copied now"
    if problems:
        return JobResult(Outcome.FAILED, f"{len(problems)} files are not safe; {summary}", tuple(problems))
    if lost:
        lines = tuple(f"{line}; it was copied again" for line in lost)
        return JobResult(Outcome.PARTLY_FAILED, f"{len(lost)} copies were lost and made again; {summary}", lines)
    how = "all compared by hash"
    if found.hashed < found.files:
        believed = found.files - found.hashed
        how = f"{found.hashed:,} compared by hash, {believed:,} that were before by size and time of change"
    return JobResult(Outcome.DONE, f"{summary}, {how}")


def _copy(context: Context, remote: RemoteStore) -> Sweep:
    """Copy until nothing is left; other jobs have ended, so a file that changes still is a service's."""
    settings = context.settings.section(SyncSettings)
    pace = Pace(settings.kilobytes_per_second, context.progress.step)
    total = Sweep()
    for _ in range(MOST_ROUNDS):
        done = sweep(context, remote, tuple(Kind), pace, settle=0.0)
        total.files, total.size, total.problems = total.files + done.files, total.size + done.size, done.problems
        total.compared |= done.compared
        if not done.later and not done.problems:
            break
        time.sleep(settings.settle_seconds)
    return total


@dataclass
class Comparison:
    """Files that are safe and their bytes, how many of them were compared by hash, and a line for each that is not: it
    was never copied as it is, or its copy was lost."""

    files: int = 0
    size: int = 0
    hashed: int = 0
    problems: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def compare(context: Context, remote: RemoteStore, compared: Collection[str] = ()) -> Comparison:
    """Compare the workspace with the remote store; ``compared`` were compared by hash just now.

    Where a listing has hashes, all are compared. Where it has none, a copy that was compared when it was made is
    believed as long as size and time of change there are the same, and compared again once a month.
    """
    result = Comparison()
    with alone(context):
        known = context.store.copies.known(remote.identity)
        there = _listing(context, remote, {copy.remote_path for copy in known.values()})
        files = list(scan(context.paths.workspace, troubles=result.problems))
        changed = {each.path for each in pending(files, known)}
        for each in files:
            copy = known.get(each.path)
            if copy is None:
                result.problems.append(f"{each.path}: has no copy")
                continue
            believed = each.path in compared or each.path in changed
            fault, hashed = _fault(context, remote, copy, there.get(copy.remote_path), believed)
            now = each if fault is None else look(context.paths.workspace, each.path)
            if now is None:
                continue  # deleted under our eyes
            if (now != each or (fault is None and each.path in changed)) and not _is_alive(each.path):
                result.problems.append(f"{each.path}: changed since it was copied")
            elif fault is not None and now == each:
                result.lost.append(f"{each.path}: {fault}")
                context.store.copies.forget(remote.identity, [each.path])
            else:
                result.files, result.size = result.files + 1, result.size + each.size
                result.hashed += hashed
    return result


def _listing(context: Context, remote: RemoteStore, wanted: Collection[str]) -> Mapping[str, RemoteFile]:
    found = {}
    for number, file in enumerate(remote.list(), 1):
        if file.path in wanted:
            found[file.path] = file
        if number % 1000 == 0:
            context.progress.step(f"finish lists {number} copies")
    context.progress.step(f"finish compares {len(found)} copies")
    return found


def _fault(
    context: Context, remote: RemoteStore, copy: RemoteCopy, stored: RemoteFile | None, believed: bool
) -> tuple[str | None, bool]:
    """Return what is wrong with a copy, None where nothing is, and whether hashes said so."""
    if stored is None:
        return f"its copy {copy.remote_path} is gone", True
    other = f"its copy {copy.remote_path} holds other bytes"
    if stored.content_hash is not None and copy.content_hash is not None:
        return (None if stored.content_hash == copy.content_hash else other), True
    same = stored.revision is not None and stored.revision == copy.revision
    if same and (believed or is_appended(copy.path) or not _is_its_turn(context, copy.path)):
        return None, believed
    context.progress.step(f"finish compares {copy.path}")
    try:
        same = not is_appended(copy.path) and remote.verify(context.paths.workspace / copy.path, copy.remote_path)
    except (OSError, TryAgainError):
        if look(context.paths.workspace, copy.path) is None:
            return other, True  # deleted meanwhile, which the caller sees
        raise
    return (None if same else other), True


def _is_its_turn(context: Context, path: str) -> bool:
    """Say whether this is the day of the month on which the bytes of a copy are read again."""
    return zlib.crc32(path.encode()) % 30 == context.clock.now().toordinal() % 30


def _is_alive(path: str) -> bool:
    """Say whether a file is written by services at any time: its copy is as old as the last look at it."""
    return is_appended(path) or path.startswith("monitoring/")
