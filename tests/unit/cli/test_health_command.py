"""`huracan health`: what it shows of a history that is known."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from huracan.cli.health_history import latency, share
from huracan.store import HealthResult, Store
from huracan.types import CheckState

Run = Callable[..., "subprocess.CompletedProcess[str]"]
OK, WARNING, FAILED = CheckState.OK, CheckState.WARNING, CheckState.FAILED


def fill(workspace: Path, check: str, rows: dict[float, CheckState]) -> None:
    """Store results by their age in hours."""
    now = datetime.now(UTC)
    results = [
        HealthResult(now - timedelta(hours=age), check, "monitor", state, 0.25, f"{state}: a | b\nof {check}")
        for age, state in sorted(rows.items(), reverse=True)
    ]
    with Store.open(f"sqlite:///{workspace / 'huracan.db'}", None) as store:
        store.health.add(results)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace whose disk is well, whose exchange is well again, and whose database fails."""
    folder = tmp_path / "work"
    fill(folder, "disk", dict.fromkeys([0.1, 1, 2, 3], OK))
    fill(folder, "exchange", {30: OK, 29: FAILED, 28: FAILED, 20: OK, 3.5: WARNING, 2.5: OK, 0.1: OK})
    fill(folder, "database", {5: OK, 1.5: FAILED, 0.05: FAILED})
    fill(folder, "gone-with-its-plugin", {0.1: FAILED})
    return folder


@pytest.mark.usefixtures("workspace")
def test_the_table_shows_states_rates_and_the_last_day(huracan: Run, settings_file: Path) -> None:
    done = huracan("-c", str(settings_file), "health")
    assert done.returncode == 3
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert re.search(r"ok .* 250 ms +250 ms +0 % +0 % ", lines["disk"])
    assert re.search(r"ok .* 0 % +28\.6 % ", lines["exchange"])
    assert re.search(r"failed .* 66\.7 % +66\.7 % ", lines["database"])
    assert lines["exchange"].split()[-1] == "···▁················▄▁·▁"
    assert lines["database"].split()[-1] == "··················▁···██"
    assert "never" in lines["memory"]
    assert "! database: failed: a | b" in done.stdout
    assert "gone-with-its-plugin" not in done.stdout
    assert "Nobody has looked" not in done.stdout


@pytest.mark.usefixtures("workspace")
def test_the_table_fits_a_terminal_of_80_columns(huracan: Run, settings_file: Path) -> None:
    done = huracan("-c", str(settings_file), "health", COLUMNS="80")
    table = done.stdout.split("!")[0]
    assert "…" not in table
    assert next(line for line in table.splitlines() if line.startswith("database")).rstrip().endswith("·········▁·█")


@pytest.mark.usefixtures("workspace")
def test_json_says_the_same_to_programs(huracan: Run, settings_file: Path) -> None:
    done = huracan("-c", str(settings_file), "health", "--json")
    value = json.loads(done.stdout)
    checks = {each["name"]: each for each in value["checks"]}
    assert value["ok"] is False
    assert checks["exchange"]["error_rate_7d"] == pytest.approx(2 / 7)
    assert checks["exchange"]["longest_outage_seconds"] == 9 * 3600
    assert checks["memory"]["state"] == "never"
    assert checks["database"]["hours"][-2:] == ["failed", "failed"]
    assert len(checks["database"]["hours"]) == 24


@pytest.mark.usefixtures("workspace")
def test_one_check_shows_its_history(huracan: Run, settings_file: Path) -> None:
    done = huracan("-c", str(settings_file), "health", "exchange", "--json")
    assert done.returncode == 0
    [check] = json.loads(done.stdout)["checks"]
    assert [span["state"] for span in check["history"]] == ["ok", "failed", "ok", "warning", "ok"]
    assert check["history"][1]["looks"] == 2
    shown = huracan("-c", str(settings_file), "health", "exchange", "--days", "1").stdout
    assert "last 7 d: 7 looks, 2 failed (28.6 %), 1 warnings" in shown
    assert "longest outage 9 h" in shown
    assert len(re.findall(r"^\d{4}-", shown, re.MULTILINE)) == 3


@pytest.mark.usefixtures("workspace")
def test_the_report_lists_every_outage_and_is_a_table_whatever_details_hold(
    huracan: Run, settings_file: Path, tmp_path: Path
) -> None:
    done = huracan("-c", str(settings_file), "health", "--report", "--out", str(tmp_path / "to" / "report.md"))
    text = (tmp_path / "to" / "report.md").read_text()
    assert done.returncode == 3
    assert "report.md" in done.stdout
    outages = text.split("## Outages")[1].split("## Day by day")[0]
    exchange = outages.split("### exchange")[1].split("###")[0].strip().splitlines()
    assert len(exchange) == 3
    assert exchange[-1].endswith("| 9 h | 2 | failed: a \\| b of exchange |")
    assert "| still |" in outages.split("### database")[1]
    assert re.search(r"No check failed of these: .*\bdisk\b", outages)
    days = [line for line in text.split("## Day by day")[1].splitlines() if re.match(r"\| \d", line)]
    assert 2 <= len(days) <= 3
    printed = huracan("-c", str(settings_file), "health", "--report").stdout
    assert printed.splitlines()[5:] == text.splitlines()[5:]


def test_where_nobody_looked_yet_it_says_who_would(huracan: Run, settings_file: Path, tmp_path: Path) -> None:
    done = huracan("-c", str(settings_file), "health")
    assert done.returncode == 0
    assert "Nobody has looked yet" in done.stdout
    assert not (tmp_path / "work").exists()
    report = huracan("-c", str(settings_file), "health", "--report")
    assert "Nobody looked" in report.stdout


def test_old_answers_are_not_taken_for_those_of_today(huracan: Run, settings_file: Path, tmp_path: Path) -> None:
    fill(tmp_path / "work", "disk", {5: OK})
    done = huracan("-c", str(settings_file), "health")
    assert "Nobody has looked for 5 h" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "no check 'nobody'"), (["--report", "--json"], "choose one"), (["--out", "x"], "--report"),
        (["--days", "0"], "whole number of days"), (["--report", "--out", "/proc/report.md"], "cannot be written"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line(
    huracan: Run, settings_file: Path, words: list[str], said: str
) -> None:
    done = huracan("-c", str(settings_file), "health", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("workspace")
def test_doctor_shows_the_error_rate_of_the_last_day(huracan: Run, settings_file: Path) -> None:
    done = huracan("-c", str(settings_file), "doctor")
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert re.search(r"database +ok +\d+ ms +66\.7 % ", lines["database"])
    assert re.search(r"memory +\w+ +\d+ ms +- ", lines["memory"])
    rates = {
        each["name"]: each["error_rate_24h"]
        for each in json.loads(huracan("-c", str(settings_file), "doctor", "--json").stdout)["checks"]
    }
    assert rates["database"] == pytest.approx(2 / 3)
    assert rates["memory"] is None


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "-"), (0.0, "0 %"), (1.0, "100 %"), (0.0004, "<0.1 %"), (0.9996, ">99.9 %"), (0.125, "12.5 %")],
)
def test_a_share_is_never_rounded_to_none_or_all(rate: float | None, text: str) -> None:
    assert share(rate) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, "-"), (0.0123, "12 ms"), (0.9997, "1.0 s"), (61.24, "61.2 s")])
def test_a_latency_is_in_milliseconds_up_to_a_second(seconds: float | None, text: str) -> None:
    assert latency(seconds) == text
