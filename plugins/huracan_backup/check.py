"""The health check ``backup``: how old the last good one is, and whether it was copied and tested."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from huracan.context import Context
from huracan.types import CheckResult, CheckState
from huracan_backup.report import read_report
from huracan_backup.settings import BackupSettings

__all__ = ["check_backup"]


def check_backup(context: Context | None) -> CheckResult:
    """Say whether there is a fresh backup, here and in every place."""
    if context is None:
        return CheckResult(CheckState.OK, "asked without settings")
    report, hours = read_report(context), context.settings.section(BackupSettings).warn_hours
    last, failed = report["last"], report["failed"]
    if last is None and failed is None:
        if not context.store.ledger.runs(limit=1):
            return CheckResult(CheckState.OK, "none yet: the first one comes with the first night")
        return CheckResult(CheckState.WARNING, "there is none", "make one: `huracan backup create`")
    if failed is not None:  # a backup that was made takes it away
        about = "there is none" if last is None else f"the last good one is {_age(last['at']):.0f} h old"
        return CheckResult(
            CheckState.FAILED, f"failed at {failed['at']}: {failed['error']}; {about}",
            "do what it says, then `huracan backup create`",
        )  # fmt: skip
    age = _age(last["at"])
    if age < -24:
        return CheckResult(
            CheckState.WARNING, f"the last one is of a time to come ({last['at']}): the clock was wrong, or is",
            "`timedatectl`, then `huracan backup create`",
        )  # fmt: skip
    if age > hours:
        state = CheckState.FAILED if age > 3 * hours else CheckState.WARNING
        return CheckResult(state, f"the last one is {age:.0f} h old", "`huracan backup create`; `huracan history`")
    return _of_places(context, report, hours) or CheckResult(CheckState.OK, _fine(context, last, age))


def _of_places(context: Context, report: dict[str, dict[str, dict[str, str]]], hours: float) -> CheckResult | None:
    for name in _places(context):
        about = report["places"].get(name)
        if about is None:
            return CheckResult(CheckState.WARNING, f"{name} has no copy yet", "`huracan backup create` sends it")
        if about.get("problem"):
            state = CheckState.FAILED if _age(about["since"]) > hours else CheckState.WARNING
            detail = f"{name} since {about['since']}: {about['problem']}"
            return CheckResult(state, detail, f"mend it; `huracan backup verify --place {name}` tests it")
    return None


def _fine(context: Context, last: dict[str, object], age: float) -> str:
    places = _places(context)
    where = f"copied to {', '.join(places)} and tested" if places else "on this machine only: set backup.disk or remote"
    return f"{age:.0f} h old, {where}" + ("" if last["encrypted"] else "; not encrypted")


def _places(context: Context) -> list[str]:
    # What packs and encrypts is 6 MiB, and the daemon, which never asks this, imports this module.
    from huracan_backup.place import place_names

    return list(place_names(context))


def _age(at: str) -> float:
    """Return hours since then by the machine's clock, which is what a file's age is about."""
    return (datetime.fromtimestamp(time.time(), UTC) - datetime.fromisoformat(at)).total_seconds() / 3600
