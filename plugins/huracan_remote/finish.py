"""The job ``finish``: copies what is left, then compares both sides by hash, and names every file that is not safe."""

from __future__ import annotations

import time
from collections.abc import Mapping

from huracan.context import Context
from huracan.remote.base import RemoteFile, RemoteStore
from huracan.remote.opening import open_remote
from huracan.store import RemoteCopy
from huracan.types import JobResult, Outcome
from huracan_remote.engine import Sweep, pending, sweep
from huracan_remote.layout import Kind, is_appended
from huracan_remote.pace import Pace
from huracan_remote.settings import SyncSettings
from huracan_remote.tree import scan

__all__ = ["missing_copies", "run"]

MOST_ROUNDS = 3
LONG_STEP = 900.0


def run(context: Context) -> JobResult:
    """Make sure that everything lies in the remote store. Failed where a file does not.

    Raises TryAgainError where the remote store is away.
    """
    with open_remote(context) as remote:
        if remote is None:
            return JobResult(Outcome.DONE, "no remote store is set: results stay on this machine")
        with context.long_step(LONG_STEP):
            done = _copy(context, remote)
            problems = [*done.problems, *missing_copies(context, remote)]
        copies = context.store.copies.known(remote.identity)
        identity = remote.identity
    here = [each for each in scan(context.paths.workspace) if each.path in copies]
    size = sum(each.size for each in here)
    summary = f"{len(here):,} files, {size / 1e6:,.1f} MB, are in {identity}; {done.files:,} copied now"
    if problems:
        return JobResult(Outcome.FAILED, f"{len(problems)} files are not safe; {summary}", tuple(problems))
    return JobResult(Outcome.DONE, f"{summary}, all compared by hash")


def _copy(context: Context, remote: RemoteStore) -> Sweep:
    """Copy until nothing is left; other jobs have ended, so a file that changes still is a service's."""
    settings = context.settings.section(SyncSettings)
    pace = Pace(settings.kilobytes_per_second, context.progress.step)
    total = Sweep()
    for _ in range(MOST_ROUNDS):
        done = sweep(context, remote, tuple(Kind), pace, settle=0.0)
        total.files, total.size, total.problems = total.files + done.files, total.size + done.size, done.problems
        if not done.later and not done.problems:
            break
        time.sleep(settings.settle_seconds)
    return total


def missing_copies(context: Context, remote: RemoteStore) -> list[str]:
    """Return a line for each file of the workspace whose copy is missing or differs, by the remote store's own words.

    Where a listing has no hashes, a copy whose revision is still the verified one is taken for it.
    """
    known = context.store.copies.known(remote.identity)
    there = _listing(context, remote)
    lines = []
    for each in scan(context.paths.workspace):
        copy = known.get(each.path)
        if copy is None:
            lines.append(f"{each.path}: has no copy")
        elif (fault := _fault(context, remote, copy, there.get(copy.remote_path))) is not None:
            lines.append(f"{each.path}: {fault}")
            context.store.copies.forget(remote.identity, [each.path])
    changed = [each for each in pending(scan(context.paths.workspace), known) if each.path in known]
    lines += [f"{each.path}: changed since it was copied" for each in changed if not _is_alive(each.path)]
    return lines


def _listing(context: Context, remote: RemoteStore) -> Mapping[str, RemoteFile]:
    found = {}
    for number, file in enumerate(remote.list(), 1):
        found[file.path] = file
        if number % 1000 == 0:
            context.progress.step(f"finish lists {number} copies")
    context.progress.step(f"finish compares {len(found)} copies")
    return found


def _fault(context: Context, remote: RemoteStore, copy: RemoteCopy, stored: RemoteFile | None) -> str | None:
    if stored is None:
        return f"its copy {copy.remote_path} is gone"
    if stored.content_hash is not None and copy.content_hash is not None:
        same = stored.content_hash == copy.content_hash
    else:
        same = stored.size >= 0 and stored.revision is not None and stored.revision == copy.revision
        if not same:
            source = context.paths.workspace / copy.path
            same = not is_appended(copy.path) and remote.verify(source, copy.remote_path)
    return None if same else f"its copy {copy.remote_path} holds other bytes"


def _is_alive(path: str) -> bool:
    """Say whether a file is written by services at any time: its copy is as old as the last look at it."""
    return is_appended(path) or path.startswith("monitoring/")
