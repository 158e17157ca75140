"""Brings a workspace back from the remote store: cache, ledger and champions with their models, or everything.

A file that is here stays as it is. What is fetched is compared by hash, gets its time of change back, and counts as
copied.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import DataError, TryAgainError
from huracan.paths import read_json
from huracan.remote.base import RemoteFile, RemoteStore, holds
from huracan.store import ItemRow, ItemState, JobRow, RemoteCopy, RunRow, RunState, UniverseDecision
from huracan_remote.engine import copy_of
from huracan_remote.layout import is_hidden, local_path
from huracan_remote.tree import Local

__all__ = ["Restored", "newest", "restore"]

ALWAYS = ("data/", "champions/", "runs/", "summary/", "learning/", "meta/")
AT_ONCE = 100


@dataclass
class Restored:
    """What came back: files and bytes, files that were here, runs of the ledger; lines about what did not."""

    files: int = 0
    size: int = 0
    kept: int = 0
    runs: int = 0
    problems: list[str] = field(default_factory=list)


def newest(remote: RemoteStore, skipped: list[str] | None = None) -> dict[str, RemoteFile]:
    """Return the copy of the latest day of each path of the workspace; copies of days to come go to ``skipped``."""
    found: dict[str, tuple[str, RemoteFile]] = {}
    tomorrow = f"{datetime.fromtimestamp(time.time() + 86_400, UTC):%Y-%m-%d}"
    for file in remote.list():
        path, day = local_path(file.path)
        # A day that has not come was made up by a clock that was wrong.
        if path and day > tomorrow:
            (skipped if skipped is not None else []).append(file.path)
        elif path and _is_plain(path) and (path not in found or found[path][0] < day):
            found[path] = day, file
    return {path: file for path, (_, file) in found.items()}


def _is_plain(path: str) -> bool:
    """Say whether a remote name may become a path here: it comes from outside."""
    return "\0" not in path and "" not in path.split("/") and not is_hidden(path)


def restore(context: Context, remote: RemoteStore, *, everything: bool = False, dry_run: bool = False) -> Restored:
    """Fetch what is missing here. Raises TryAgainError where the remote store is away: what came stays, start again."""
    result, skipped = Restored(), list[str]()
    there = newest(remote, skipped)
    context.progress.step(f"restore finds {len(there)} files")
    if skipped:
        words = "are of days to come and were passed over: is this machine's clock right?"
        result.problems.append(f"{len(skipped)} copies, as {skipped[0]}, {words}")
    first = [path for path in there if everything or path.startswith(ALWAYS)]
    _fetch_all(context, remote, there, first, result, dry_run)
    if not everything:
        wanted = _models(context, there, dry_run)
        _fetch_all(context, remote, there, wanted, result, dry_run)
    if not dry_run:
        result.runs = _adopt_ledger(context)
    return result


def _models(context: Context, there: Mapping[str, RemoteFile], dry_run: bool) -> list[str]:
    """Return the paths of the models that champions point at."""
    folders = set()
    for path in there:
        if path.startswith("champions/") and not dry_run:
            pointer = read_json(context.paths.workspace / path)
            if pointer is not None and isinstance(pointer.get("model_path"), str):
                folders.add(f"{pointer['model_path'].rstrip('/')}/")
    return [path for path in there if path.startswith(tuple(folders))] if folders else []


def _fetch_all(
    context: Context,
    remote: RemoteStore,
    there: Mapping[str, RemoteFile],
    paths: Iterable[str],
    result: Restored,
    dry_run: bool,
) -> None:
    # Digests before what they are of, sums of a folder last: a kill leaves nothing that looks complete.
    ordered = sorted(paths, key=lambda path: (path.endswith("sha256.txt"), not path.endswith(".sha256"), path))
    copies: list[RemoteCopy] = []
    try:
        for number, path in enumerate(ordered, 1):
            target = context.paths.workspace / path
            try:
                if target.exists():
                    result.kept += 1
                    continue
                if not dry_run:
                    copies.append(_fetch(remote, there[path], path, target))
            except (DataError, FileNotFoundError) as error:
                result.problems.append(f"{path}: {error}")
                continue
            except OSError as error:
                # A folder where a file was on another day, a name that this disk does not take.
                result.problems.append(f"{path}: {error.strerror}")
                continue
            result.files, result.size = result.files + 1, result.size + there[path].size
            context.progress.step(f"restore {number}/{len(ordered)} {path}", done=number, total=len(ordered))
            if len(copies) >= AT_ONCE:
                context.store.copies.record(remote.identity, copies)
                copies.clear()
    finally:
        if copies:
            context.store.copies.record(remote.identity, copies)


def _fetch(remote: RemoteStore, stored: RemoteFile, path: str, target: Path) -> RemoteCopy:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Under a name that nobody reads until it was compared; what a kill leaves of it is swept with the next run.
    fetched = target.with_name(f".restore-{zlib.crc32(path.encode()):08x}.tmp")
    try:
        remote.get(stored.path, fetched)
        if not holds(remote, fetched, stored):
            raise TryAgainError(f"{stored.path} came back damaged: start the same command again")
        seconds = stored.modified.timestamp()
        os.utime(fetched, (seconds, seconds))
        fetched.replace(target)
    finally:
        fetched.unlink(missing_ok=True)
    about = target.stat()
    return copy_of(Local(path, about.st_size, about.st_mtime_ns), stored)


# ------------------------------------------------------------------------------------------------------------- ledger


def _adopt_ledger(context: Context) -> int:
    """Put the runs that came back into the ledger, and the selections of pairs; return how many runs were new."""
    adopted = 0
    for status in sorted(context.paths.workspace.glob("runs/*/status.json")):
        value = read_json(status)
        try:
            adopted += context.store.ledger.adopt(*_rows(value))
            _adopt_universe(context, read_json(status.with_name("universe.json")))
        except (KeyError, TypeError, ValueError) as error:
            context.log.warning("%s cannot be taken into the ledger (%s)", status, type(error).__name__)
    return adopted


def _rows(value: Any) -> tuple[RunRow, list[JobRow], list[ItemRow]]:
    run, day = value["run"], date.fromisoformat(value["run"]["run_date"])
    row = RunRow(
        run["run_id"], run["pipeline"], day, run["generation"], _instant(run["as_of"]), _ended(run["state"]),
        _instant(run["started_at"]), _instant(run["ended_at"] or run["started_at"]), run["summary"],
    )  # fmt: skip
    jobs = [
        JobRow(
            job["job"], day, job["run_id"], _ended(job["state"]), job["attempts"], _instant(job["started_at"]),
            _instant(job["ended_at"] or job["started_at"]), job["seconds"], job["exit_code"], job["summary"],
            job["error"] or "",
        )
        for job in value["jobs"]
    ]  # fmt: skip
    items = [
        ItemRow(
            item["job"], day, item["item"], ItemState(item["state"]), item["attempts"], item["seconds"],
            item["path"], item["error"], item["metrics"],
        )
        for item in value["items"]
    ]  # fmt: skip
    return row, jobs, items


def _ended(state: str) -> RunState:
    """Return a state as it is after a machine was lost: nothing runs any more."""
    return RunState.INTERRUPTED if state == RunState.RUNNING else RunState(state)


def _adopt_universe(context: Context, value: dict[str, Any] | None) -> None:
    if value is None:
        return
    day = date.fromisoformat(value["run_date"])
    if context.store.universe.load(day) is not None:
        return
    words = ("rank", "symbol", "score")
    decisions = [
        UniverseDecision(
            each["symbol"], True, each["rank"], each["score"], (), {k: v for k, v in each.items() if k not in words}
        )
        for each in value["selected"]
    ]
    decisions += [
        UniverseDecision(each["symbol"], False, reasons=tuple((why["rule"], why["reason"]) for why in each["reasons"]))
        for each in value["dropped"]
    ]
    as_of = _instant(value["as_of"])
    context.store.universe.save("restored", day, as_of, value["exchange"], value["criteria"], decisions)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
