"""The job ``backup``: make one here, test what is new in it, bring every place up to date, tell of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import DataError, HuracanError
from huracan.masking import mask
from huracan.paths import sha256_of
from huracan.types import JobResult, Outcome, Severity
from huracan_backup.copies import LONGEST_FETCH, Brought, bring, prune
from huracan_backup.create import alone, create, work_folder
from huracan_backup.keys import Keys
from huracan_backup.place import HERE, LocalPlace, here, opened, place_names
from huracan_backup.report import read_report, size_text, write_report
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import Index, Snapshot
from huracan_backup.verify import examine

__all__ = ["Done", "backup", "machine_now", "run", "sentence"]

OLD_BYTES = 10e6
"""About how much of what earlier backups wrote is read again here each night."""


@dataclass
class Done:
    """A backup that was made, how each place fared, and lines about what did not work."""

    snapshot: Snapshot
    index: Index
    seconds: float = 0.0
    places: dict[str, Brought | None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def run(context: Context) -> JobResult:
    """Back up; partly failed where the backup is whole but a place did not get it or did not stand the test.

    Raises what :func:`backup` raises where there is no backup at all.
    """
    done = backup(context)
    outcome = Outcome.PARTLY_FAILED if done.problems else Outcome.DONE
    return JobResult(outcome, sentence(done), tuple(done.problems))


def backup(context: Context, *, send: bool = True, now: Callable[[], datetime] | None = None) -> Done:
    """Make a backup here, open all that is new in it, bring places up to date, and tell by events and the report.

    Raises StoreError where the store cannot be copied, TryAgainError where the disk is full; whatever else, it is told.
    """
    clock = now or machine_now
    began = time.monotonic()
    try:
        keys = Keys.of(context.settings.section(BackupSettings))
        with alone(context):
            done = _make(context, keys, clock)
            with work_folder(here(context).folder) as work:
                done.problems += done.index.problems
                for name in place_names(context) if send else ():
                    done.places[name] = _bring(context, name, keys, work, clock(), done)
                _prune_here(context, keys, work, clock(), done)
    except HuracanError as error:
        _tell_failed(context, str(error), clock())
        raise
    except Exception as error:
        # A bad disk or a bug: the check and the phone must say so all the same.
        _tell_failed(context, f"{type(error).__name__}: {' '.join(str(error).split())}", clock())
        raise
    done.seconds = time.monotonic() - began
    _tell(context, done, clock())
    return done


def _make(context: Context, keys: Keys, clock: Callable[[], datetime]) -> Done:
    """Make a backup and open what is new in it, and a part of what earlier ones wrote.

    What the disk kept wrongly is found tonight, not on the day that it is needed: it is made again, once.
    """
    place = here(context)
    for again in (True, False):
        before = set(place.listing())
        done = Done(*create(context, keys, clock()))
        new = {name for name in done.snapshot.needs if f"packs/{name}" not in before}
        try:
            with work_folder(place.folder) as work, context.long_step(LONGEST_FETCH):
                examine(
                    place, done.snapshot.id, keys, work, context.progress.step, budget=OLD_BYTES, always=new,
                    seed=f"{clock():%Y-%m-%d} ",
                )  # fmt: skip
        except DataError as error:
            _throw_away(place, done.snapshot)
            if not again:
                raise
            context.log.warning("%s; it is made again", error)
        else:
            return done
    raise AssertionError("unreachable")


def _throw_away(place: LocalPlace, snapshot: Snapshot) -> None:
    """Delete a backup that did not stand its test, and its damaged packs, which the next one would use again."""
    place.delete(f"snapshots/{snapshot.id}.json")
    for name in snapshot.needs:
        file = place.folder / "packs" / name
        try:
            damaged = file.is_file() and sha256_of(file) != name
        except OSError:
            damaged = True  # a bad sector
        if damaged:
            file.unlink()


def _bring(
    context: Context, name: str, keys: Keys, work: Path, now: datetime, done: Done
) -> Brought | None:  # fmt: skip
    try:
        with opened(context, name) as place:
            brought = bring(context, here(context), place, keys, work, now, done.snapshot.id)
    except HuracanError as error:
        done.problems.append(mask(f"{name}: {error}"))
        return None
    except Exception as error:
        context.log.exception("the place %s failed", name)
        done.problems.append(f"{name}: {type(error).__name__}: {mask(' '.join(str(error).split()))}")
        return None
    done.problems += [f"{name}: {line}" for line in brought.problems]
    return brought


def _prune_here(context: Context, keys: Keys, work: Path, now: datetime, done: Done) -> None:
    """Let old backups go here: where every place holds copies, all but the newest few.

    As long as a place lacks one, or where there is none, only what retention lets go: it would not stay over there
    either, and a place that is away for months must not fill this disk.
    """
    place = here(context)
    names = place_names(context)
    waits = any(done.places.get(name) is None for name in names)
    newest_only = context.settings.section(BackupSettings).keep_here if names and not waits else None
    pruned = prune(context, place, keys, work, now, place.listing(), newest_only=newest_only, spare=done.snapshot.id)
    done.problems += [f"{HERE}: {line}" for line in pruned.problems()]


# ------------------------------------------------------------------------------------------------------------ telling


def sentence(done: Done) -> str:
    """Say what came of it in one line."""
    snapshot = done.snapshot
    fine = [name for name, brought in done.places.items() if brought is not None and not brought.problems]
    copies = f"copied to {', '.join(fine)} and tested" if fine else "on this machine only"
    waits = [name for name, brought in done.places.items() if brought is None]
    later = f"; the copy for {', '.join(waits)} waits" if waits else ""
    return (
        f"{snapshot.files:,} files, {size_text(snapshot.size)}, of which {size_text(snapshot.added)} are new; "
        f"{copies}{later}"
    )


def _tell(context: Context, done: Done, now: datetime) -> None:
    value = read_report(context)
    value["last"] = {
        "id": done.snapshot.id, "at": _iso(now), "files": done.snapshot.files, "bytes": done.snapshot.size,
        "stored": done.snapshot.stored, "added": done.snapshot.added, "encrypted": done.snapshot.encrypted,
        "seconds": round(done.seconds, 1), "problems": done.problems, "left_out": list(done.index.left_out),
    }  # fmt: skip
    value["failed"] = None
    known = {name: about for name in place_names(context) if (about := value["places"].get(name))}
    value["places"] = known | {
        name: _place_report(known.get(name) or {}, brought, name, done, now) for name, brought in done.places.items()
    }
    write_report(context, value)
    if done.problems:
        context.emit(
            "backup.failed", Severity.WARNING, f"backup made, but {done.problems[0]}", id=done.snapshot.id,
            problems=done.problems, summary=sentence(done),
        )  # fmt: skip
        return
    context.emit(
        "backup.done", Severity.INFO, f"backup done: {sentence(done)}", id=done.snapshot.id,
        bytes=done.snapshot.size, added=done.snapshot.added, seconds=round(done.seconds, 1), places=list(done.places),
    )  # fmt: skip


def _place_report(
    before: dict[str, Any], brought: Brought | None, name: str, done: Done, now: datetime
) -> dict[str, Any]:  # fmt: skip
    if brought is None:
        problem = next((line for line in done.problems if line.startswith(f"{name}: ")), "")
        return {**before, "problem": problem.removeprefix(f"{name}: "), "since": before.get("since") or _iso(now)}
    fault = brought.problems[0] if brought.problems else None
    return {
        "newest": brought.newest, "at": _iso(now), "tested": brought.tested, "tested_at": _iso(now),
        "problem": fault, "since": (before.get("since") or _iso(now)) if fault else None,
    }  # fmt: skip


def _tell_failed(context: Context, why: str, now: datetime) -> None:
    value = read_report(context)
    value["failed"] = {"at": _iso(now), "error": why}
    try:
        write_report(context, value)
    except (HuracanError, OSError) as error:
        context.log.warning("the backup's report could not be written: %s", error)
    context.emit("backup.failed", Severity.ERROR, f"no backup: {why}")


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


def machine_now() -> datetime:
    """Return the time of this machine."""
    # A run's clock stands still; when a backup was made is a fact of this machine.
    return datetime.fromtimestamp(time.time(), UTC)
