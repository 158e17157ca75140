"""Small notes in ``state/units`` by which whoever starts a unit and the unit's process find each other.

A unit's command line is fixed, so the run that a job belongs to is written down before systemd is asked to start it.
"""

from __future__ import annotations

from pathlib import Path

from huracan.paths import read_json, write_json

__all__ = ["count_try", "drop_ticket", "forget_tries", "is_being_tried", "issue_ticket", "take_ticket"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def issue_ticket(state: Path, job: str, run_id: str) -> None:
    """Write which run the next start of the job's unit belongs to."""
    # Not flushed, for the job is to start on time: a boot makes it void anyway.
    write_json(_ticket(state, job), {"run_id": run_id, "boot": _boot()}, lasting=False)


def take_ticket(state: Path, job: str) -> str | None:
    """Return the run that this start belongs to, once; None where nobody wrote one since the machine was booted."""
    value = _read(_ticket(state, job))
    drop_ticket(state, job)
    run_id = value.get("run_id")
    return run_id if isinstance(run_id, str) and value.get("boot") == _boot() else None


def drop_ticket(state: Path, job: str) -> None:
    """Take back a ticket that nobody took: its start did not happen."""
    _ticket(state, job).unlink(missing_ok=True)


def count_try(state: Path, job: str, run_id: str) -> int:
    """Count a start of the job for this run and return its number, from 1; a boot of the machine begins anew."""
    boot = _boot()
    value = _read(_tries(state, job))
    same = value.get("run_id") == run_id and value.get("boot") == boot
    known = value.get("tries")
    tries = (known if same and isinstance(known, int) else 0) + 1
    write_json(_tries(state, job), {"run_id": run_id, "boot": boot, "tries": tries})
    return tries


def is_being_tried(state: Path, job: str, run_id: str) -> bool:
    """Say whether the job was tried for this run since the machine was booted, and is at work or to be tried again."""
    value = _read(_tries(state, job))
    return value.get("run_id") == run_id and value.get("boot") == _boot()


def forget_tries(state: Path, job: str) -> None:
    """Begin anew with the next start: this one came to its end."""
    _tries(state, job).unlink(missing_ok=True)


def _boot() -> str:
    return _BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else ""


def _ticket(state: Path, job: str) -> Path:
    return state / "units" / f"{job}.ticket.json"


def _tries(state: Path, job: str) -> Path:
    return state / "units" / f"{job}.tries.json"


def _read(file: Path) -> dict[str, object]:
    return read_json(file) or {}
