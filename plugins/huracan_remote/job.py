"""The job ``prepare`` and the health check ``remote``."""

from __future__ import annotations

from huracan.cli.settings_text import effective
from huracan.context import Context
from huracan.errors import HuracanError, TryAgainError
from huracan.masking import json_safe
from huracan.paths import read_json, write_bytes, write_json
from huracan.remote.base import RemoteStore
from huracan.remote.opening import open_remote
from huracan.types import CheckResult, CheckState, JobResult, Outcome, Severity
from huracan_remote.report import REPORT

__all__ = ["check_remote", "check_sync", "prepare"]


def prepare(context: Context) -> JobResult:
    """Make ``YYYY-MM-DD/`` in the remote store and write to it; partly failed where that does not work.

    A night goes on without its remote store: models are made, copies wait, and the job ``finish`` fails where they
    still have to at the end.
    """
    folder = f"{context.current_run.run_date:%Y-%m-%d}"
    _keep_settings(context)
    try:
        with open_remote(context) as remote:
            if remote is None:
                return JobResult(Outcome.NOTHING_TO_DO, "no remote store is set: results stay on this machine")
            remote.make_folder(folder)
            _write_and_read_back(context, remote, f"{folder}/.huracan-write-check")
    except HuracanError as error:
        context.emit("remote.away", Severity.WARNING, f"copies wait: {error}")
        return JobResult(Outcome.PARTLY_FAILED, "the remote store cannot be used; copies wait", (str(error),))
    context.progress.step(f"prepare {folder}")
    return JobResult(Outcome.DONE, f"remote folder {folder} stands and can be written")


def _write_and_read_back(context: Context, remote: RemoteStore, path: str) -> None:
    """Find out before the night that copies will be kept: a folder may stand on a disk that is full or read-only."""
    probe = context.paths.state / "remote-write-check"
    write_bytes(probe, f"{context.current_run.run_id}\n".encode())
    try:
        remote.put(probe, path)
        if not remote.verify(probe, path):
            raise TryAgainError(f"remote store: {path} was written and reads back differently")
        remote.delete(path)
    finally:
        probe.unlink(missing_ok=True)


def check_remote(context: Context | None) -> CheckResult:
    """Say whether the remote store answers."""
    if context is None:
        return CheckResult(CheckState.OK, "asked without settings")
    try:
        with open_remote(context) as remote:
            if remote is None:
                wrong = next((line for line in context.settings.mistakes if "remote" in line), None)
                if wrong is not None:
                    return CheckResult(CheckState.FAILED, wrong, "mend this setting: nothing is copied until then")
                return CheckResult(
                    CheckState.WARNING,
                    "no remote store is set",
                    "set remote.name, so that results survive this machine's disk",
                )
            # A listing, since a bucket that is not there has no file either; of a folder that is never there, so that
            # it is short.
            next(iter(remote.list("huracan-health-check/")), None)
    except HuracanError as error:
        return CheckResult(
            CheckState.FAILED, str(error), "mend the place that the section remote names, or choose another"
        )
    return CheckResult(CheckState.OK, "the remote store answers")


def check_sync(context: Context | None) -> CheckResult:
    """Say whether copies are made: what the service ``sync`` wrote last."""
    report = read_json(context.paths.state / REPORT) if context is not None else None
    if context is None or context.settings.sections.get("remote") is None or report is None:
        return CheckResult(CheckState.OK, "the service sync has nothing to say")
    said = f"{report['state']} since {report['since']}" + (f": {report['error']}" if report["error"] else "")
    if report["state"] == "refused":
        return CheckResult(CheckState.FAILED, said, "do what it says; `huracan sync status` names what is not safe")
    if report["state"] == "offline":
        return CheckResult(CheckState.WARNING, said, "`huracan sync status` names what is not safe")
    if report.get("problems"):
        return CheckResult(CheckState.WARNING, f"{said}; {report['problems'][0]}", "`huracan sync now` names them all")
    return CheckResult(CheckState.OK, said)


def _keep_settings(context: Context) -> None:
    """Write the settings of this night beside its results, without secrets: a new machine starts from them."""
    rows = {name: {"value": json_safe(value), "origin": origin} for name, value, origin in effective(context.settings)}
    write_json(context.paths.workspace / "config" / "settings.json", {"schema": 1, "settings": rows})
