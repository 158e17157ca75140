"""The daily report: what the owner reads in the morning."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.store import RunState
from huracan.testing import stand_in
from huracan.types import Event, Outcome, ReportSection, Severity
from huracan_maintenance.report import as_markdown, run

NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
DAY = NOW.date()


def report(workspace: Path, day: date = DAY) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace / f"reports/daily/{day}.json").read_text())
    return found


def words(workspace: Path, day: date = DAY) -> str:
    return (workspace / f"reports/daily/{day}.md").read_text()


def test_the_report_says_what_ran_how_it_ended_and_which_jobs_failed(
    maintained: Callable[..., Context], in_run: Any, workspace: Path
) -> None:
    context = maintained()
    ledger = context.store.ledger
    long_ago = NOW - timedelta(days=2)
    old = ledger.begin_run("nightly", long_ago.date(), long_ago, long_ago)
    ledger.end_run(old.run_id, RunState.DONE, "long ago", long_ago)
    start = NOW - timedelta(hours=4)
    night = ledger.begin_run("nightly", DAY, start, start)
    ledger.begin_job(night.run_id, "train", start)
    ledger.end_job(night.run_id, "train", RunState.FAILED, start, error="no candles\nat all")
    ledger.end_run(night.run_id, RunState.PARTLY_FAILED, "1 job failed", start + timedelta(minutes=12))
    result = run(in_run(context))
    assert result.outcome is Outcome.DONE
    text = words(workspace)
    assert "- nightly 2026-11-21: partly-failed in 12.0 min. 1 job failed" in text
    assert "- nightly train: failed: no candles\n" in text
    assert "long ago" not in text
    assert report(workspace)["headline"].startswith("nightly partly-failed")


def test_the_owner_is_told_the_headline_once_with_the_place_of_the_report(
    maintained: Callable[..., Context], in_run: Any
) -> None:
    context = in_run(maintained())
    run(context)
    [event] = context.store.events.recent()
    assert (event.kind, event.severity) == ("report.daily", Severity.INFO)
    assert event.title == "2026-11-21: no run"
    assert event.fields["report"] == "reports/daily/2026-11-21.md"


def test_changes_of_champions_are_counted_from_the_report_before(
    maintained: Callable[..., Context], in_run: Any, crown: Any, workspace: Path
) -> None:
    context = maintained()
    for symbol in ("BTC-USDT", "ETH-USDT", "SOL-USDT"):
        crown(symbol, f"models/{symbol}/20261118_020000Z")
    run(in_run(context, at=NOW - timedelta(days=3)))  # two reports are missing since
    assert "there is no report before to compare with" in words(workspace, DAY - timedelta(days=3))
    crown("BTC-USDT", "models/BTC-USDT/20261121_020000Z")
    crown("XRP-USDT", "models/XRP-USDT/20261121_020000Z")
    (workspace / "champions/SOL-USDT.json").unlink()
    run(in_run(context))
    assert report(workspace)["sections"]["champions"]["lines"] == [
        "BTC-USDT: BTC-USDT/20261121_020000Z is champion in place of BTC-USDT/20261118_020000Z",
        "SOL-USDT: SOL-USDT/20261118_020000Z is champion no more, and nobody in its place",
        "XRP-USDT: XRP-USDT/20261121_020000Z is champion",
    ]
    assert "3 champions, 3 changed" in report(workspace)["headline"]
    run(in_run(context))  # again on the same day: the day before counts still
    assert "3 champions, 3 changed" in report(workspace)["headline"]


def test_warnings_and_errors_of_the_last_day_are_counted_and_older_ones_are_not(
    maintained: Callable[..., Context], in_run: Any, workspace: Path
) -> None:
    context = maintained()
    for hours, severity, title in (
        (30, Severity.ERROR, "old"), (5, Severity.ERROR, "burnt"), (4, Severity.WARNING, "smelt"),
        (3, Severity.INFO, "hi"),
    ):  # fmt: skip
        context.store.events.add(Event("x", severity, title, NOW - timedelta(hours=hours)))
    run(in_run(context))
    section = report(workspace)["sections"]["events"]
    assert (section["errors"], section["warnings"]) == (1, 1)
    assert section["lines"] == ["02:30 warning: smelt", "01:30 error: burnt"]
    assert "1 error, 1 warning" in report(workspace)["headline"]


def test_health_disk_and_what_comes_next_are_in_it(
    maintained: Callable[..., Context], in_run: Any, put: Any, workspace: Path
) -> None:
    checks = [
        {"name": "disk", "state": "ok", "detail": "9 GB"},
        {"name": "clock", "state": "failed", "detail": "it is 1970"},
    ]
    put("monitoring/health.json", text=json.dumps({"time": "2026-11-21T06:25:00Z", "checks": checks}))
    run(in_run(maintained()))
    text = words(workspace)
    assert "1 of 2 checks are well, at 2026-11-21T06:25:00Z." in text
    assert "- clock is failed: it is 1970" in text
    assert "GB are free" in text
    assert "- maintenance at 2026-11-22 06:30Z" in text
    assert "nightly at" not in text  # no enabled plugin declares it here
    assert "health: clock" in report(workspace)["headline"]


def test_the_scan_and_the_newer_version_are_in_it(
    maintained: Callable[..., Context], in_run: Any, put: Any, workspace: Path
) -> None:
    found = [
        {"line": "idna 3.6: PYSEC-1; fixed in 3.7", "ignored": None},
        {"line": "other", "ignored": "we do not use it"},
    ]
    scan = {"scanned_at": "2026-11-21T06:30:00Z", "findings": found}
    put("reports/vulnerabilities.json", text=json.dumps(scan))
    put("reports/update.json", text=json.dumps({"newest": "9.0", "installed": "0.3.0", "is_newer": True}))
    run(in_run(maintained()))
    section = report(workspace)["sections"]["security"]
    assert section["lines"] == ["idna 3.6: PYSEC-1; fixed in 3.7", "Huracan 9.0 is there; this is 0.3.0"]
    assert "1 vulnerable package" in report(workspace)["headline"]


def test_a_plugins_section_stands_with_the_others_and_one_that_raises_costs_itself_alone(
    maintained: Callable[..., Context], in_run: Any, workspace: Path
) -> None:
    def broken(context: Context, day: date) -> None:
        raise ZeroDivisionError("oops")

    def trades(context: Context, day: date) -> dict[str, Any]:
        return {"headline": "3 trades", "summary": "All *well*.", "lines": ["BTC_USDT\nearned"], "when": day}

    entry = stand_in(
        "trader",
        huracan_report_sections=hookimpl(
            lambda: [
                ReportSection("broken", broken),
                ReportSection("quiet", lambda context, day: None),
                ReportSection("trades", trades),
            ]
        ),
    )
    result = run(in_run(maintained(extra=(entry,))))
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == ("section broken of plugin trader: ZeroDivisionError: oops",)
    found = report(workspace)
    assert found["sections"]["trades"]["when"] == "2026-11-21"
    assert "quiet" not in found["sections"]
    assert "3 trades" in found["headline"]
    text = words(workspace)
    assert "## trades\n\nAll \\*well\\*.\n\n- BTC\\_USDT earned\n" in text
    assert "ZeroDivisionError" in text


def test_a_folder_whose_name_is_no_text_is_in_the_report(
    maintained: Callable[..., Context], in_run: Callable[..., Context], workspace: Path
) -> None:
    context = in_run(maintained())
    strange = workspace / os.fsdecode(b"caf\xe9")
    strange.mkdir()
    (strange / "large").write_bytes(b"x" * 100_000)
    assert run(context).outcome is Outcome.DONE
    assert report(workspace)["sections"]["disk"]["folders"]["caf\\udce9"] == 100_000
    assert "caf" in words(workspace)


def test_a_clock_that_stands_still_at_the_market_does_not_move_the_day_of_the_report(
    maintained: Callable[..., Context], in_run: Any, workspace: Path
) -> None:
    """The run takes the instant of the night over; what happened between it and now is in the report all the same."""
    context = in_run(maintained())
    early = replace(context, clock=type(context.clock)(NOW - timedelta(hours=30)))
    context.store.events.add(Event("x", Severity.ERROR, "burnt", NOW - timedelta(hours=26)))
    run(early)
    assert report(workspace)["sections"]["events"]["errors"] == 0


@pytest.mark.parametrize("text", ["# no head", "[link](x)", "a|b", "<script>", "`code`", "*"])
def test_names_from_outside_are_text_in_the_report(text: str) -> None:
    written = as_markdown({"date": "d", "headline": text, "sections": {}, "problems": []})
    line = written.splitlines()[2]
    assert line.replace("\\", "") == text
    assert all(line[at - 1] == "\\" for at, letter in enumerate(line) if letter in "#[]|<>`*")
