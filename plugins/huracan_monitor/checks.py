"""Questions about the machine and what Huracan needs of it; each answers in a moment and says how to mend."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import HuracanError, StoreError
from huracan.market.exchange import open_exchange
from huracan.run.failing import DAEMON, failing_since, service_key
from huracan.run.lock import daemon_is_there
from huracan.run.service_state import WRITE_EVERY, ServiceState, read_service
from huracan.types import CheckResult, CheckState, SelfCheck
from huracan_monitor.alerts_file import ALERTS_FILE
from huracan_monitor.settings import MonitorSettings

__all__ = [
    "check_alerts",
    "check_clock",
    "check_database",
    "check_disk",
    "check_exchange",
    "check_memory",
    "check_services",
    "check_workspace",
]

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time than this program was made at."""

LATE = WRITE_EVERY + 20.0
"""Seconds beyond its stall limit after which a service is silent: it writes now and then, and disks are slow."""

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


def check_alerts(context: Context | None) -> CheckResult:
    """Is there a channel for alerts, and can the file of alerts be written?"""
    if context is None:
        return _WITHOUT_CONTEXT
    file = context.paths.monitoring / ALERTS_FILE
    try:
        if file.exists():
            # Opening to append changes nothing, and notices a read-only mount and a file of another user.
            file.open("ab").close()
        else:
            tempfile.TemporaryFile(dir=_existing(file.parent)).close()
    except OSError as error:
        return CheckResult(
            CheckState.FAILED,
            f"{file} cannot be written: {error.strerror}",
            f"make {file.parent} writable for this user: it keeps every warning and error",
        )
    notifiers = context.plugins.notifiers().values()
    channels = [each.name for each in notifiers if each.is_set is None or each.is_set(context)]
    if not channels:
        return CheckResult(
            CheckState.WARNING, "no plugin brings a channel: nobody hears of a failure", "see `huracan plugins`"
        )
    return CheckResult(CheckState.OK, f"alerts go to {', '.join(channels)}")


def check_services(context: Context | None) -> CheckResult:
    """Is every declared service alive, by what it last said of itself, and does none of them keep failing?"""
    if context is None:
        return _WITHOUT_CONTEXT
    daemon = daemon_is_there(context.paths.state)
    services = list(context.plugins.services())
    found = {name: _service(context, name, daemon) for name in services}
    if since := failing_since(context.paths.state, DAEMON, context.clock.now()):
        found["the daemon"] = CheckState.WARNING, f"has kept failing since {since:%Y-%m-%d %H:%M}Z"
    worst = max((state for state, _ in found.values()), key=list(CheckState).index, default=CheckState.OK)
    detail = "; ".join(f"{name} {words}" for name, (_, words) in found.items()) or "no service is declared"
    if worst is CheckState.OK:
        return CheckResult(worst, detail)
    hint = "the daemon starts a service again by itself; `huracan history` and logs/huracan.jsonl say why it ended"
    if not daemon:
        hint = "start `huracan daemon`, or the service's unit (systemctl status 'huracan*')"
    return CheckResult(worst, detail, hint)


def _service(context: Context, name: str, daemon: bool) -> tuple[CheckState, str]:
    """Judge one service. Nobody misses one that was never started, or was stopped, where no daemon is there.

    One that kept failing is believed to be well only after a while: it may be up between two failures.
    """
    said = read_service(context.paths.state, name)
    gone = CheckState.WARNING if daemon else CheckState.OK
    if since := failing_since(context.paths.state, service_key(name), context.clock.now()):
        words = f": {said.status}" if said is not None and said.failed else ""
        return CheckState.WARNING, f"has kept failing since {since:%Y-%m-%d %H:%M}Z{words}"
    if said is None:
        return gone, "was never started" + ("" if daemon else " (no daemon is at work here)")
    if said.failed:
        return CheckState.WARNING, f"failed at {said.time:%Y-%m-%d %H:%M}Z: {said.status}"
    if said.stopped:
        return gone, f"ended at {said.time:%Y-%m-%d %H:%M}Z: {said.status}"
    silent = (context.clock.now() - said.time).total_seconds()
    if not _is_alive(said):
        return CheckState.WARNING, f"was killed after {said.time:%Y-%m-%d %H:%M}Z"
    if silent > said.stall_limit + LATE:
        return CheckState.FAILED, f"is silent for {silent:.0f} s, its limit is {said.stall_limit:.0f} s"
    return CheckState.OK, "is alive"


def _is_alive(said: ServiceState) -> bool:
    """Say whether the process that wrote this still is; a younger one that got its number is another.

    As a unit it may not be looked at (ProtectProc=): that it can be signalled is enough then.
    """
    import psutil

    try:
        os.kill(said.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        return psutil.Process(said.pid).create_time() <= said.time.timestamp() + LATE
    except (psutil.Error, OSError):
        return True
