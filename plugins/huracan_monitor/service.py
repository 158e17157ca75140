"""The service ``monitor``: a round of health checks every few minutes, written for others to read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from huracan.context import Context
from huracan.health import Finding, run_checks
from huracan.paths import write_json
from huracan.types import CheckState, Severity
from huracan_monitor.settings import MonitorSettings

__all__ = ["HEALTH_FILE", "round_of_checks", "run"]

HEALTH_FILE = "health.json"
LONGEST_SLEEP = 5.0
"""Seconds between two signs of life; the service is stopped by StopRequested while it sleeps."""


def run(context: Context) -> None:
    """Run rounds of checks until stopped."""
    interval = context.settings.section(MonitorSettings).interval_seconds
    known: dict[str, CheckState] = {}
    while True:
        began = time.monotonic()
        known = round_of_checks(context, known)
        while (left := began + interval - time.monotonic()) > 0:
            context.progress.step(f"health {_in_words(known)}, next round in {left:.0f} s")
            time.sleep(min(LONGEST_SLEEP, left))


def round_of_checks(context: Context, known: Mapping[str, CheckState]) -> dict[str, CheckState]:
    """Run every check once, write ``monitoring/health.json``, send an event for each state that changed."""
    findings = run_checks(context)
    write_json(context.paths.monitoring / HEALTH_FILE, _document(context, findings))
    for finding in findings:
        state, before = finding.result.state, known.get(finding.name, CheckState.OK)
        if state is before:
            continue
        severity = Severity.INFO if state is CheckState.OK else Severity.WARNING
        title = f"health: {finding.name} is {state} ({finding.result.detail})"
        context.emit("health", severity, title, check=finding.name, before=before.value, hint=finding.result.hint)
    return {finding.name: finding.result.state for finding in findings}


def _document(context: Context, findings: list[Finding]) -> dict[str, Any]:
    return {
        "schema": 1,
        "time": f"{context.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        "checks": [
            {
                "name": finding.name,
                "state": finding.result.state.value,
                "detail": finding.result.detail,
                "hint": finding.result.hint,
                "latency_seconds": round(finding.seconds, 6),
            }
            for finding in findings
        ],
    }


def _in_words(states: Mapping[str, CheckState]) -> str:
    bad = [name for name, state in states.items() if state is not CheckState.OK]
    return f"bad: {', '.join(bad)}" if bad else f"ok ({len(states)} checks)"
