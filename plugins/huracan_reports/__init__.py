"""Reports for people: each night on one page, as PDF and as a picture, and the same figures for programs."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import ChatCommand, Check, Command, Job, ReportSection, SettingsSection


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_reports.settings import ReportsSettings

    return [SettingsSection("reports", ReportsSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            "report",
            "huracan_reports.job:run",
            "write the night as a page, a PDF and a picture to reports/nightly, and say so",
            after=("journal", "export"),
            time_limit=1800.0,
            stall_limit=600.0,
            always=True,
        ),
        Job(
            "period-reports",
            "huracan_reports.periods_job:run",
            "write the day as a page and PDF, and each week and month that ended and has no report",
            pipeline="maintenance",
            after=("daily-report",),
            time_limit=1800.0,
            stall_limit=600.0,
            always=True,
        ),
    ]


@hookimpl
def huracan_report_sections() -> Sequence[ReportSection]:
    from huracan_reports.periods_document import daily_sections

    return daily_sections()


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_reports.pdf import check_pdf

    return [Check("pdf", check_pdf, interval=86_400.0)]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [
        Command(
            "report",
            "write the report of a night, day, week or month, and say where it lies",
            "huracan_reports.command",
        )
    ]


@hookimpl
def huracan_chat_commands() -> Sequence[ChatCommand]:
    words = "the last night in short; /report weekly, or a date"
    return [ChatCommand("report", words, "huracan_reports.chat:report")]
