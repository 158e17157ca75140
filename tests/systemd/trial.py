"""The pipeline `trial` of a stranger's plugin in the box: its orders, its traces, its run in the ledger."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from systemd.machine import Box

__all__ = ["PLUGIN", "WORKSPACE", "Trial"]

PLUGIN = Path(__file__).with_name("trial_plugin")
WORKSPACE = "/var/lib/huracan-trial"
_SETTINGS = "/etc/huracan/settings.yaml"
_ASIDE = "/root/settings-aside.yaml"
_SITE = "/opt/huracan/current/lib/python3*/site-packages"


@dataclass(frozen=True)
class Trial:
    """A box with the plugin, and a workspace of its own that :meth:`afresh` empties."""

    box: Box

    def install(self) -> str:
        """Put the plugin into the installed release, and return what `huracan units install` says."""
        for file in sorted(PLUGIN.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                target = f"$(echo {_SITE})/{file.relative_to(PLUGIN)}"
                self.box.bash(f"mkdir -p $(dirname {target}); cat >{target} <<'EOF'\n{file.read_text()}EOF")
        self.box.bash(f"cp -p {_SETTINGS} {_ASIDE}")
        self.settings()
        return self.box.run(["huracan", "units", "install", "--no-start"]).stdout

    def remove(self) -> None:
        self.box.bash(f"systemctl stop huracan.target 'huracan*'; rm -rf {_SITE}/huracan_trial* {WORKSPACE}")
        self.box.bash(f"cp -p {_ASIDE} {_SETTINGS}")
        self.box.run(["huracan", "units", "install"])

    def settings(self, scheduler: str = "daemon", **pipelines: str) -> None:
        """Write settings in place of those of the installation."""
        text = (
            f"workspace: {WORKSPACE}\ncontrol_socket: /run/huracan/control.sock\n"
            "exchange: {name: simulated, coins: 8}\nuniverse: {quote: USDT, top: 3}\ncandles: {days: 120}\n"
            f"schedule: {{scheduler: {scheduler}, pipelines: {json.dumps(pipelines)}, spread_seconds: 0}}\n"
        )
        self.box.run(["tee", _SETTINGS], stdin=text)

    def afresh(self, scheduler: str = "daemon", orders: str = "", **pipelines: str) -> None:
        """Start everything on an empty workspace, with these orders for the second job."""
        self.box.bash(f"systemctl stop huracan.target 'huracan*'; systemctl reset-failed; rm -rf {WORKSPACE}")
        self.settings(scheduler, **pipelines)
        self.box.run(["huracan", "units", "install", "--no-start"])
        self.order(orders)
        self.box.run(["systemctl", "start", "huracan.target"])

    def begin_chain(self, job: str) -> None:
        """Do what the timer does at its time, and a minute after a boot."""
        self.box.run(["systemctl", "start", "--no-block", f"huracan-job@{job}.service"])

    def order(self, orders: str) -> None:
        self.put("second", orders)

    def put(self, name: str, text: str) -> None:
        folder = f"{WORKSPACE}/trial"
        self.box.bash(f"install -d -o huracan -g huracan {WORKSPACE} {folder}; printf %s '{text}' >{folder}/{name}")

    def go(self) -> None:
        self.put("go", "")

    def count(self, job: str) -> int:
        """Return how often a job was begun."""
        found = self.box.bash(f"cat {WORKSPACE}/trial/{job}.count 2>/dev/null || true").stdout
        return len(found.split())

    def seen(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.box.run(["cat", f"{WORKSPACE}/trial/seen.json"]).stdout)
        return value

    def run_state(self, pipeline: str = "trial") -> str:
        """Return the state of the newest run of the pipeline, as the ledger has it."""
        runs = json.loads(self.box.run(["huracan", "history", "--json"]).stdout)["runs"]
        return next((str(run["state"]) for run in runs if run["pipeline"] == pipeline), "none")

    def jobs(self) -> dict[str, str]:
        """Return the state of each job of the pipeline."""
        found = json.loads(self.box.run(["huracan", "jobs", "--json"]).stdout)["jobs"]
        return {each["name"]: each["last"]["state"] for each in found if each["last"] and each["pipeline"] == "trial"}

    def alerts(self) -> list[dict[str, Any]]:
        text = self.box.bash(f"cat {WORKSPACE}/monitoring/alerts.jsonl 2>/dev/null || true").stdout
        return [json.loads(line) for line in text.splitlines()]

    def wait_for_state(self, *wanted: str, pipeline: str = "trial", seconds: float = 90) -> str:
        """Wait until the run is in one of these states and return which."""
        deadline = time.monotonic() + seconds
        while (state := self.run_state(pipeline)) not in wanted:
            assert time.monotonic() < deadline, f"{state}; {self.jobs()}\n{self.journal()}"
            time.sleep(0.5)
        return state

    def wait_for_count(self, job: str, times: int = 1, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while self.count(job) < times:
            assert time.monotonic() < deadline, self.journal()
            time.sleep(0.2)

    def journal(self) -> str:
        """Return the last lines of all units."""
        return self.box.run(["journalctl", "--no-pager", "-n", "80", "-u", "huracan*"]).stdout
