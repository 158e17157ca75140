"""The job ``vulnerabilities``: asks pip-audit what is known of the packages that are installed here.

pip-audit is not a dependency but the extra ``audit``: it asks a service about every package, which some owners do not
want. Without it, or offline, the night goes on; only a scan that has not worked for days is worth a warning.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.paths import read_json, write_json
from huracan.plugin.installed import HOST_DISTRIBUTION
from huracan.types import JobResult, Outcome, Severity
from huracan_maintenance.files import vulnerability_report
from huracan_maintenance.settings import MaintenanceSettings

__all__ = ["ScanError", "findings_of", "run", "scan"]


class ScanError(Exception):
    """No answer; the text is one line that says why."""


def run(context: Context) -> JobResult:
    """Scan, write ``reports/vulnerabilities.json``, and send an event with a line for each vulnerable package."""
    if importlib.util.find_spec("pip_audit") is None:
        return JobResult(
            Outcome.NOTHING_TO_DO,
            f"pip-audit is not installed; to have it: {sys.executable} -m pip install '{HOST_DISTRIBUTION}[audit]'",
        )
    settings = context.settings.section(MaintenanceSettings)
    before = read_json(vulnerability_report(context.paths))
    try:
        with context.long_step(settings.scan_minutes * 60 + 60):
            answer = scan(context, settings)
    except ScanError as error:
        return _without_answer(context, settings, before, str(error))
    return _take(context, settings, before, answer["dependencies"])


def _take(
    context: Context,
    settings: MaintenanceSettings,
    before: Mapping[str, Any] | None,
    packages: Sequence[Mapping[str, Any]],
) -> JobResult:
    """Write the report of a scan, and tell what the one before did not find."""
    looked_at = [each for each in packages if "vulns" in each]
    skipped = sorted(str(each.get("name")) for each in packages if "vulns" not in each)
    if not looked_at:
        reason = f"the service {settings.vulnerability_service} knows none of the {len(packages)} packages"
        return _without_answer(context, settings, before, reason)
    findings = findings_of(looked_at, settings.ignore_vulnerabilities)
    report = {
        "schema": 1,
        "scanned_at": format_instant(context.clock.now()),
        "service": settings.vulnerability_service,
        "packages": len(looked_at),
        "not_known": skipped,
        "findings": findings,
    }
    lines = [str(each["line"]) for each in findings if not each["ignored"]]
    if lines and lines != [str(each.get("line")) for each in _open_ones(before)]:
        title = f"{_count(len(lines))} with known vulnerabilities\n" + "\n".join(lines)
        context.emit("vulnerabilities.found", Severity.WARNING, title, packages=lines)
    # After the event: a kill between the two tells it twice rather than never.
    write_json(vulnerability_report(context.paths), report)
    ignored = sum(bool(each["ignored"]) for each in findings)
    rest = f", {ignored} ignored as the settings say" if ignored else ""
    summary = f"{len(looked_at)} packages looked at, {len(lines)} with known vulnerabilities{rest}"
    return JobResult(Outcome.DONE, "\n".join([summary, *lines]))


def scan(context: Context, settings: MaintenanceSettings) -> dict[str, Any]:
    """Run pip-audit over this environment and return its JSON. Raises ScanError where there is none."""
    try:
        done = subprocess.run(
            _command(context, settings), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            check=False, timeout=settings.scan_minutes * 60,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ScanError(f"pip-audit took longer than {settings.scan_minutes:g} minutes and was ended") from None
    # It ends with 1 where it found something as well as where it broke: what counts is what it printed.
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ScanError(_why(done.stderr, done.returncode)) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("dependencies"), list):
        raise ScanError("pip-audit printed another JSON than is known; is its version too old or too new?")
    return answer


def _command(context: Context, settings: MaintenanceSettings) -> list[str]:
    # -P: a folder named pip_audit in the current directory must not be run instead.
    command = [sys.executable, "-P", "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
    command += ["--desc", "off", "--aliases", "on", "--timeout", "15", "--skip-editable"]
    command += ["--cache-dir", str(context.paths.state / "pip-audit")]
    if settings.vulnerability_service == "osv":
        return [*command, "--vulnerability-service", "osv", "--osv-url", settings.osv_url]
    return [*command, "--vulnerability-service", "pypi"]


def findings_of(packages: Sequence[Mapping[str, Any]], ignored: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one entry per package with vulnerabilities that are (or are not) ignored, by name, with its line."""
    return sorted(_findings(packages, ignored), key=lambda each: (each["package"], bool(each["ignored"])))


def _findings(packages: Sequence[Mapping[str, Any]], ignored: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for package in packages:
        sorted_out: dict[str, list[Mapping[str, Any]]] = {}
        for each in package.get("vulns") or []:
            names = [str(each.get("id")), *map(str, each.get("aliases") or [])]
            reason = next((ignored[name] for name in names if name in ignored), "")
            sorted_out.setdefault(reason, []).append(each)
        for reason, found in sorted_out.items():
            ids = sorted({str(each.get("id")) for each in found})
            mended = _mended([each.get("fix_versions") or [] for each in found], str(package.get("version")))
            advice = f"fixed in {mended}" if mended else "no fixed version yet"
            yield {
                "package": str(package.get("name")),
                "version": str(package.get("version")),
                "ids": ids,
                "fixed_in": mended,
                "ignored": reason or None,
                "line": f"{package.get('name')} {package.get('version')}: {', '.join(ids)}; {advice}",
            }


def _mended(fixes: Sequence[Sequence[str]], installed: str) -> str | None:
    """Return the first version that mends all: for each finding the lowest fix above what is installed, of these the
    highest. None where one of them has no fix."""
    from packaging.version import InvalidVersion, Version

    try:
        above = [[version for text in each if (version := Version(str(text))) > Version(installed)] for each in fixes]
    except InvalidVersion:
        return None
    return str(max(min(each) for each in above)) if all(above) else None


def _without_answer(
    context: Context, settings: MaintenanceSettings, before: Mapping[str, Any] | None, why: str
) -> JobResult:
    """End without a scan; warn where none has worked for too long. One that never worked counts from the first try."""
    last = _instant((before or {}).get("scanned_at"))
    first_try = _instant((before or {}).get("first_try"))
    now = context.clock.now()
    since = last or first_try
    if since is None:
        # The time of the first try is kept where the first scan will be.
        write_json(vulnerability_report(context.paths), {"schema": 1, "first_try": format_instant(now)})
    elif now - since > timedelta(days=settings.scan_max_age_days):
        when = f"since {since:%Y-%m-%d}"
        title = f"no scan for vulnerabilities has worked {when}: {why}"
        context.emit("vulnerabilities.unknown", Severity.WARNING, title, since=format_instant(since))
        return JobResult(Outcome.PARTLY_FAILED, f"not scanned {when}: {why}", (why,))
    return JobResult(Outcome.NOTHING_TO_DO, f"not scanned: {why}")


def _open_ones(report: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return [each for each in (report or {}).get("findings", []) if isinstance(each, dict) and not each.get("ignored")]


def _why(text: str, code: int) -> str:
    """Return what a person makes of pip-audit's standard error: a traceback ends with the line that counts."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else f"it ended with code {code} and said nothing"
    for sign in ("NameResolutionError", "NewConnectionError", "ConnectTimeout", "Max retries", "ConnectionError"):
        if sign in last:
            return "the service cannot be reached (offline?)"
    return f"pip-audit: {last[:300]}"


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _count(number: int) -> str:
    return f"{number} {'package' if number == 1 else 'packages'}"
