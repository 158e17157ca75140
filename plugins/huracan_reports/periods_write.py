"""Writes the report of a period: page, PDF and picture, and the document that says that they are whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.paths import write_atomically, write_bytes, write_json
from huracan_reports.made import Made, write_pdf_of
from huracan_reports.periods import Kind, Period
from huracan_reports.periods_document import collect, file_of, of_a_day
from huracan_reports.periods_page import period_page, portfolio_lines
from huracan_reports.settings import ReportsSettings

__all__ = ["made_on_demand", "phone_lines", "phone_title", "write_period"]

PDF_SECONDS = 1200.0
"""Longest silence while the PDF is made: WeasyPrint says nothing until it is done."""


def made_on_demand(kind: Kind, context: Context, day: date | None, folder: Path | None) -> Made:
    """Report on the period in which a day lies, without a day on the last that is over. Raises UsageError.

    One that is not over yet is written as far as it came; the job writes it again when it is over.
    """
    today = context.clock.now().date()
    period = Period.holding(kind, day) if day else Period.last_whole(kind, today)
    return write_period(context, period, folder, whole=period.last < today)[0]


def write_period(
    context: Context,
    period: Period,
    folder: Path | None = None,
    *,
    whole: bool = True,
    tell: Callable[[Made], None] | None = None,
) -> tuple[Made, list[str]]:
    """Write every file of a report, the document last; return what was made, and a line for each part that failed.

    ``folder`` is another place than that of the workspace. ``tell`` is called before the document is written: who is
    killed between the two tells again, and nobody is never told. Raises UsageError for a day that the job daily-report
    has not written.
    """
    if period.kind is Kind.DAILY:
        report = of_a_day(context, period)
        problems = list(report["problems"])
    else:
        report, problems = collect(context, period, whole=whole)
    file = file_of(context.paths, period)
    folder = folder or file.parent
    made = _write_views(context, period, report, folder)
    if tell is not None:
        tell(made)
    # The document of a day is that of the job daily-report, and stays as it is.
    if folder != file.parent or period.kind is not Kind.DAILY:
        write_json(folder / file.name, report)
    return made, problems


def _write_views(context: Context, period: Period, report: Mapping[str, Any], folder: Path) -> Made:
    settings = context.settings.section(ReportsSettings)
    page = period_page(report)
    html, pdf, picture = (folder / f"{period.name}.{suffix}" for suffix in ("html", "pdf", "png"))
    write_bytes(html, page.encode())
    context.progress.step(f"{period.kind} report: page")
    with context.long_step(PDF_SECONDS):
        note = write_pdf_of(page, pdf, wanted=settings.pdf)
    context.progress.step(f"{period.kind} report: PDF")
    lines = portfolio_lines(report["sections"].get("portfolio"))
    drawn = bool(lines) and settings.picture
    if drawn:
        from huracan_reports.periods_picture import write_picture

        cache = context.paths.state / "matplotlib"
        write_atomically(picture, lambda path: write_picture(lines, period.title, report["headline"], path, cache))
    else:
        picture.unlink(missing_ok=True)
    files = (html, pdf) if pdf.is_file() else (html,)
    return Made(
        phone_title(period, report), phone_lines(report), folder, html, picture if drawn else None, files,
        (note,) if note else (),
    )  # fmt: skip


def phone_title(period: Period, report: Mapping[str, Any]) -> str:
    """Return a report in one short line; the rest of the headline is in the lines below it."""
    name = {Kind.DAILY: "Day of", Kind.WEEKLY: "Week", Kind.MONTHLY: "Month"}[period.kind]
    return f"{name} {period.name}: {'; '.join(str(report['headline']).split('; ')[:3])}"


def phone_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the few lines of a report that a person reads on the phone: what matters first, nothing that is usual."""
    sections = report["sections"]
    found = [str(line) for line in sections.get("portfolio", {}).get("lines", [])[:2]]
    found += [str(line) for line in sections.get("trading", {}).get("lines", [])]
    for name in ("breakers", "nights", "champions", "runs", "health", "backups", "disk"):
        said = sections.get(name, {})
        # Breakers and health are news where something happened only; that is when they have a headline.
        line = said.get("headline" if name in ("breakers", "health") else "summary")
        if line:
            found.append(f"{name}: {line}" if name in ("backups", "disk") else str(line))
    return found + [f"could not be written: {line}" for line in report["problems"]]
