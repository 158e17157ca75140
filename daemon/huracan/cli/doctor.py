"""Run every health check and say how to mend what fails. Exit code 3 where something failed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.errors import ExitCode, StoreError
from huracan.health import TIME_LIMIT, Finding, run_checks
from huracan.types import CheckState

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask every check of every plugin and print what they found."""
    context = open_context(arguments, require_good_settings=False, create=False)
    with context.store:
        monitor = context.settings.sections.get("monitor")
        findings = run_checks(context, getattr(monitor, "time_limit_seconds", TIME_LIMIT))
        rates = _error_rates(context)
    context.plugins.ask_everything()
    problems, old = context.plugins.problems(), context.plugins.deprecations()
    failed = [finding for finding in findings if finding.result.state is CheckState.FAILED]
    if arguments.json:
        checks = [_as_json(f, rates) for f in findings]
        show_json({"ok": not failed and not problems, "checks": checks, "plugins": problems, "deprecations": old})
    else:
        _print_table(arguments, findings, rates, problems, old)
    return ExitCode.PARTLY_FAILED if failed or problems else ExitCode.DONE


def _error_rates(context: Context) -> Mapping[str, float | None]:
    """Return the share of failed looks of the last 24 h, as the monitor found them, by check."""
    try:
        found = context.store.health.summary(context.clock.now() - timedelta(days=1))
    except StoreError:
        return {}  # the check database says so
    return {name: one.error_rate for name, one in found.items()}


def _as_json(finding: Finding, rates: Mapping[str, float | None]) -> dict[str, Any]:
    return {
        "name": finding.name,
        "plugin": finding.plugin,
        "state": str(finding.result.state),
        "detail": finding.result.detail,
        "hint": finding.result.hint or None,
        "seconds": round(finding.seconds, 4),
        "error_rate_24h": rates.get(finding.name),
    }


def _print_table(
    arguments: argparse.Namespace,
    findings: list[Finding],
    rates: Mapping[str, float | None],
    problems: list[str],
    old: list[str],
) -> None:
    from rich.text import Text

    from huracan.cli.health_history import share
    from huracan.cli.tables import make_table, state

    table = make_table(("check", "state", "took", "errors 24 h", "found"), right=("took", "errors 24 h"), wide="found")
    for finding in findings:
        found = Text(finding.result.detail)
        if finding.result.hint and finding.result.state is not CheckState.OK:
            found.append(f"\n-> {finding.result.hint}", style="bold")
        milliseconds = f"{finding.seconds * 1000:.0f} ms"
        table.add_row(finding.name, state(finding.result.state), milliseconds, share(rates.get(finding.name)), found)
    screen = console(arguments)
    screen.print(table if findings else "No enabled plugin brings a check.")
    for line in problems:
        screen.print(Text(line, style="red"))
    for line in old:
        screen.print(Text(line, style="yellow"))
