"""The job ``daily-report``: what the last 24 hours brought, as JSON for programs and as Markdown for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from huracan.context import Context
from huracan.errors import StopRequested
from huracan.masking import json_safe
from huracan.paths import write_bytes, write_json
from huracan.types import JobResult, Outcome, Severity
from huracan_maintenance.files import daily_report

__all__ = ["as_markdown", "collect", "run"]


def run(context: Context) -> JobResult:
    """Ask every section, write the report of the run date, and tell its headline. Partly failed where one raised."""
    day = context.current_run.run_date
    report, problems = collect(context, day)
    file = daily_report(context.paths, day)
    write_bytes(file.with_suffix(".md"), as_markdown(report).encode())
    write_json(file, report)
    where = context.paths.relative(file.with_suffix(".md"))
    headlines = {name: each["headline"] for name, each in report["sections"].items() if each.get("headline")}
    # The job that makes pages of it tells the same with the pages: one message is enough.
    told_again = "period-reports" in context.plugins.jobs()
    severity = Severity.DEBUG if told_again else Severity.INFO
    context.emit("report.daily", severity, f"{day}: {report['headline']}", report=where, sections=headlines)
    outcome = Outcome.PARTLY_FAILED if problems else Outcome.DONE
    return JobResult(outcome, f"{report['headline']}; see {where}", tuple(problems))


def collect(context: Context, day: date) -> tuple[dict[str, Any], list[str]]:
    """Return the report of a day, and a line for each section that raised: it costs its own part alone."""
    asked = context.plugins.report_sections()
    found: dict[str, Mapping[str, Any]] = {}
    problems: list[str] = []
    for name, section in asked.items():
        try:
            said = section.write(context, day)
            if said is not None:
                found[name] = json_safe(dict(said))
        except (KeyboardInterrupt, StopRequested):
            raise
        except Exception as error:
            context.log.exception("the report's section %s of plugin %s failed", name, asked.owners[name])
            problem = f"section {name} of plugin {asked.owners[name]}: {type(error).__name__}: {error}"
            problems.append(json_safe(problem))
        context.progress.step(f"daily-report {name}")
    headlines = [str(said["headline"]) for said in found.values() if said.get("headline")]
    return {
        "schema": 1,
        "date": day.isoformat(),
        "headline": "; ".join(headlines) or "nothing happened",
        "sections": found,
        "problems": problems,
    }, problems


def as_markdown(report: Mapping[str, Any]) -> str:
    """Return a report as Markdown: what people read of each section, in the order in which the sections came."""
    parts = [f"# {report['date']}\n", f"{_plain(report['headline'])}\n"]
    for name, said in report["sections"].items():
        parts.append(f"## {_plain(name)}\n")
        if said.get("summary"):
            parts.append(f"{_plain(said['summary'])}\n")
        lines = said.get("lines")
        if isinstance(lines, list) and lines:
            parts.append("".join(f"- {_plain(line)}\n" for line in lines))
    if report["problems"]:
        parts.append("## what could not be written\n")
        parts.append("".join(f"- {_plain(line)}\n" for line in report["problems"]))
    return "\n".join(parts)


def _plain(text: object) -> str:
    """Return a text as one line that Markdown takes for nothing but text: names come from outside."""
    line = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in line)
