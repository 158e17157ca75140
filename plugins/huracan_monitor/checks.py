"""Questions about the machine and what Huracan needs of it; each answers in a moment and says how to mend."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import HuracanError, StoreError
from huracan.market.exchange import open_exchange
from huracan.types import CheckResult, CheckState, SelfCheck
from huracan_monitor.settings import MonitorSettings

__all__ = ["check_clock", "check_database", "check_disk", "check_exchange", "check_memory", "check_workspace"]

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time than this program was made at."""

_WITHOUT_CONTEXT = CheckResult(CheckState.OK, "asked without settings")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists: where it would be made."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def check_workspace(context: Context | None) -> CheckResult:
    """Can this user write the workspace?"""
    if context is None:
        return _WITHOUT_CONTEXT
    workspace = context.paths.workspace
    place = _existing(workspace)
    try:
        # Asking for permissions would not notice a read-only mount, a quota or a full disk.
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"huracan")
    except OSError as error:
        return CheckResult(
            CheckState.FAILED,
            f"{place} cannot be written: {error.strerror}",
            f"make {workspace} writable for this user, or set workspace to a folder that is",
        )
    state = "is writable" if place == workspace else "does not exist yet and can be made"
    return CheckResult(CheckState.OK, f"{workspace} {state}")


def check_disk(context: Context | None) -> CheckResult:
    """Is there room for tonight's artefacts?"""
    if context is None:
        return _WITHOUT_CONTEXT
    import psutil

    usage = psutil.disk_usage(str(_existing(context.paths.workspace)))
    least = context.settings.section(MonitorSettings).min_free_disk_gb
    detail = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.0f} GB"
    if usage.free >= least * 1e9:
        return CheckResult(CheckState.OK, detail)
    state = CheckState.FAILED if usage.free < least * 1e8 else CheckState.WARNING
    return CheckResult(state, detail, f"free some space or move the workspace; it wants {least:g} GB")


def check_memory(context: Context | None) -> CheckResult:
    """Is there memory for the workers?"""
    if context is None:
        return _WITHOUT_CONTEXT
    import psutil

    memory = psutil.virtual_memory()
    least = context.settings.section(MonitorSettings).min_free_memory_gb
    detail = f"{memory.available / 1e9:.1f} GB available of {memory.total / 1e9:.0f} GB"
    if memory.available >= least * 1e9:
        return CheckResult(CheckState.OK, detail)
    return CheckResult(CheckState.WARNING, detail, "stop other programs, or set training.workers lower")


def check_clock(context: Context | None) -> CheckResult:
    """Can the clock be right?"""
    if context is None:
        return _WITHOUT_CONTEXT
    now = context.clock.now()
    mend = "set the clock, best by NTP (timedatectl)"
    if now < RELEASED:
        return CheckResult(CheckState.FAILED, f"it is {now:%Y-%m-%d %H:%M}Z", mend)
    try:
        newest = max((run.started_at for run in context.store.ledger.runs(limit=1)), default=now)
    except StoreError:
        return CheckResult(
            CheckState.WARNING,
            f"{now:%Y-%m-%d %H:%M:%S}Z; the database, which knows the newest run, does not answer",
            "see the check database",
        )
    if newest > now + timedelta(minutes=5):
        return CheckResult(
            CheckState.FAILED, f"the ledger has a run from {newest:%Y-%m-%d %H:%M}Z, which is to come", mend
        )
    return CheckResult(CheckState.OK, f"{now:%Y-%m-%d %H:%M:%S}Z")


def check_database(context: Context | None) -> CheckResult:
    """Does the database answer?"""
    if context is None:
        return _WITHOUT_CONTEXT
    try:
        context.store.ping()
    except HuracanError as error:
        return CheckResult(CheckState.FAILED, str(error), "start the database server, or mend the setting database")
    return CheckResult(CheckState.OK, "the database answers")


def check_exchange(context: Context | None) -> CheckResult:
    """Does the chosen exchange list its markets, or answer a cheaper question where it knows one?"""
    if context is None:
        return _WITHOUT_CONTEXT
    section: Any = context.settings.sections.get("exchange")
    if section is None:
        wrong = next((line for line in context.settings.mistakes if "exchange" in line), None)
        if wrong is not None:
            return CheckResult(CheckState.FAILED, wrong, "mend this setting")
        return CheckResult(CheckState.FAILED, "no exchange is chosen", "set exchange.name, for example to simulated")
    try:
        with open_exchange(context) as exchange:
            if isinstance(exchange, SelfCheck):
                return exchange.check()
            markets, problems = exchange.markets(), exchange.problems()
    except HuracanError as error:
        return CheckResult(CheckState.FAILED, str(error), "mend the section exchange of the settings")
    detail = f"{section.name} lists {len(markets)} pairs"
    if problems:
        detail += f", {len(problems)} cannot be read: {problems[0]}"
        return CheckResult(CheckState.WARNING, detail, "mend or remove what it names")
    return CheckResult(CheckState.OK, detail)
