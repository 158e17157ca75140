"""Runs the health checks that plugins bring: one after another, each guarded and timed."""

from __future__ import annotations

import time
from dataclasses import dataclass

from huracan.context import Context
from huracan.types import Check, CheckResult, CheckState

__all__ = ["Finding", "run_checks"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check said, which plugin it belongs to and how long it took."""

    name: str
    plugin: str
    result: CheckResult
    seconds: float


def run_checks(context: Context) -> list[Finding]:
    """Run all checks in the order of their plugins; a check that raises has failed."""
    checks = context.plugins.checks()
    findings = []
    for name, check in checks.items():
        started = time.perf_counter()
        result = _guarded(check, checks.owners[name], context)
        findings.append(Finding(name, checks.owners[name], result, time.perf_counter() - started))
    return findings


def _guarded(check: Check, plugin: str, context: Context) -> CheckResult:
    try:
        return check.run(context)
    except Exception as error:
        context.log.warning("check %s raised", check.name, exc_info=True)
        hint = f"this is a bug of plugin {plugin}: report it to its author, or switch it off (plugins.disable)"
        return CheckResult(CheckState.FAILED, f"raised {type(error).__name__}: {error}", hint)
