"""The pipeline as the daemon starts it: real processes, one after the other, the report last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

JOBS = ["cleanup", "self-test", "update-check", "vulnerabilities", "daily-report", "period-reports"]


@pytest.mark.soak
def test_the_pipeline_ends_well_offline_and_its_report_names_what_its_jobs_did(tmp_path: Path) -> None:
    away = "http://127.0.0.1:9"
    maintenance = {"index_url": away, "vulnerability_service": "osv", "osv_url": f"{away}/v1/query"}
    file = tmp_path / "settings.yaml"
    file.write_text(
        yaml.safe_dump({"workspace": "./work", "exchange": {"name": "simulated"}, "maintenance": maintenance})
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HURACAN_")}
    command = [sys.executable, "-m", "huracan", "-c", str(file), "run", "maintenance"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [status] = (tmp_path / "work").glob("runs/*/status-maintenance.json")
    jobs = json.loads(status.read_text())["jobs"]
    assert [job["job"] for job in jobs] == JOBS
    states = {job["job"]: job["state"] for job in jobs}
    assert (states["self-test"], states["daily-report"]) == ("done", "done")
    assert {states[name] for name in ("cleanup", "update-check", "vulnerabilities")} == {"nothing-to-do"}
    [report] = (tmp_path / "work").glob("reports/daily/*.json")
    assert json.loads(report.read_text())["headline"] == "no run"
    assert states["period-reports"] == "done"
    assert "No run." in report.with_suffix(".html").read_text()
    assert "Night of" not in done.stdout  # what a night earned belongs to the nightly run
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 4
