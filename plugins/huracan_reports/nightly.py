"""The report of a night: writes its files into one folder, ``training_report.json`` last."""

from __future__ import annotations

from pathlib import Path

from huracan.context import Context
from huracan.paths import read_json, write_json
from huracan_reports.analysis import write_analysis
from huracan_reports.document import headline, lines, some, training_report
from huracan_reports.folders import nightly_folder
from huracan_reports.made import Made, entry, write_pdf_of
from huracan_reports.model_page import model_page
from huracan_reports.night import Night
from huracan_reports.settings import ReportsSettings

__all__ = ["ANALYSIS", "DOCUMENT", "PAGE", "PDF", "PICTURE", "lost_since", "write_nightly"]

DOCUMENT, ANALYSIS = "training_report.json", "performance_analysis.csv"
PAGE, PDF, PICTURE = "model_comparison.html", "model_comparison.pdf", "equity.png"
PDF_SECONDS = 1200.0
"""Longest silence while the PDF is made: WeasyPrint says nothing until it is done."""


def write_nightly(context: Context, night: Night, folder: Path | None = None) -> Made:
    """Write every file of a night's report; the same night gives the same bytes.

    ``folder`` is another place than that of the workspace. The document goes first, comes last and lists the others:
    where it is, the report is whole.
    """
    folder = folder or nightly_folder(context.paths, night.run_date)
    settings = context.settings.section(ReportsSettings)
    page = model_page(night)
    (folder / DOCUMENT).unlink(missing_ok=True)
    files = [
        entry(folder / ANALYSIS, lambda path: write_analysis(night, path)),
        entry(folder / PAGE, lambda path: path.write_bytes(page.encode("utf-8"))),
    ]
    context.progress.step("report: page and table")
    with context.long_step(PDF_SECONDS):
        note = write_pdf_of(page, folder / PDF, wanted=settings.pdf)
    context.progress.step("report: PDF")
    shown = folder / PICTURE
    if settings.picture:
        from huracan_reports.picture import write_picture

        files.append(entry(shown, lambda path: write_picture(night, path, context.paths.state / "matplotlib")))
    else:
        shown.unlink(missing_ok=True)
    has_pdf = (folder / PDF).is_file()
    if has_pdf:
        files.append(entry(folder / PDF))
    write_json(folder / DOCUMENT, training_report(night, sorted(files, key=lambda each: each["file"])))
    notes = [note] if note else []
    if night.untold:
        notes.append(f"no curves of {some(night.untold)}; the library does not have their trades")
    return Made(
        f"Night of {night.run_date}: {headline(night)}", lines(night), folder, folder / PAGE,
        shown if settings.picture else None, (folder / PAGE, *([folder / PDF] if has_pdf else [])),
        notes,
    )  # fmt: skip


def lost_since(context: Context, night: Night) -> list[str]:
    """Return the coins whose trades the night's report in the workspace shows, and one written now would not."""
    before = read_json(nightly_folder(context.paths, night.run_date) / DOCUMENT) or {}
    had = {coin["symbol"] for coin in before.get("coins", ()) if coin.get("exits")}
    return sorted(had - {coin.symbol for coin in night.coins if coin.tested is not None})
