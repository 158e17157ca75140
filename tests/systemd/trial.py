"""The pipeline `trial` of a stranger's plugin in the box: its orders, its traces, its run in the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from systemd.machine import CHECKOUT, FEW_SERVICES, Box

__all__ = ["PLUGIN", "STAMPS", "WORKSPACE", "Trial"]

PLUGIN = Path(__file__).with_name("trial_plugin")
WORKSPACE = "/var/lib/huracan-trial"
_SETTINGS = "/etc/huracan/settings.yaml"
_ASIDE = "/root/settings-aside.yaml"
_ALL = "huracan.target 'huracan*.timer' 'huracan*.service'"
"""Not the slice: the stop of it is cancelled by a start that comes meanwhile, and fails."""
_SITE = "/opt/huracan/current/lib/python3*/site-packages"
_PYTHON = "/opt/huracan/current/bin/python"
_PIP = f"{_PYTHON} -m pip install --quiet --disable-pip-version-check --no-deps"
_SYSTEM = "/etc/systemd/system"
_READY = "/root/trial-ready"
"""What the first processes of every empty workspace would do once more, laid down: the database, and how the trials of
the strangers' plugins went."""
_MAKE_READY = f"""
from pathlib import Path
from huracan.plugin.installed import installed, strangers
from huracan.plugin.trial import Trials
from huracan.store import Store

here = Path("{_READY}")
(here / "state/plugins/trials").mkdir(parents=True)
Store.open(f"sqlite:///{{here}}/huracan.db", None).close()
Trials([here / "state/plugins/trials"]).refused(strangers(installed(), (), None))
"""
STAMPS = "/var/lib/systemd/timers"
"""Where systemd notes when a timer was last due."""

_ASK = """
import json, sqlite3, sys, time

file, query, seconds = sys.argv[1:]
end, rows = time.monotonic() + float(seconds), []
while True:
    try:
        database = sqlite3.connect(f"file:{file}?mode=rw", uri=True)
        rows = database.execute(query).fetchall()
        database.close()
    except sqlite3.Error:
        pass  # nobody has made it yet
    if rows or time.monotonic() > end:
        break
    time.sleep(0.1)
print(json.dumps(rows))
"""
"""Asks inside the box: a command of Huracan for each look would take the processors from what is looked at."""


@dataclass
class Trial:
    """A box with the plugin, and a workspace of its own that :meth:`afresh` empties."""

    box: Box
    _settings: str = ""
    _unit_settings: str = field(default="", init=False)

    def install(self) -> str:
        """Put the plugin into the installed release, and the demo plugin by pip; return what `huracan units install`
        says."""
        for file in sorted(PLUGIN.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                target = f"$(echo {_SITE})/{file.relative_to(PLUGIN)}"
                self.box.bash(f"mkdir -p $(dirname {target}); cat >{target} <<'EOF'\n{file.read_text()}EOF")
        self.box.run([*_PIP.split(), f"{CHECKOUT}/tests/demo_plugin"])
        self.box.bash(f"cp -p {_SETTINGS} {_ASIDE}; mv {FEW_SERVICES} {_ASIDE}.few")
        self.box.bash(f"umask 027; cd /; {_PYTHON} -", stdin=_MAKE_READY)
        self.settings(bundled="hybrid")
        return self.install_units("--no-start")

    def remove(self) -> None:
        self.box.bash(f"systemctl stop {_ALL}; rm -rf {_SITE}/huracan_trial* {WORKSPACE} {_READY}")
        self.box.bash(f"rm -rf {_SITE}/huracan_stranger*")
        self.box.bash(
            f"cp -p {_ASIDE} {_SETTINGS}; mv {_ASIDE}.few {FEW_SERVICES}; rm -f {_SYSTEM}/huracan*.d/90-*.conf"
        )
        self.box.run(["huracan", "units", "install"])

    def settings(self, scheduler: str = "daemon", *, bundled: str = "", **pipelines: str) -> None:
        """Write settings in place of those of the installation. Without ``bundled``, a mode of training, the plugins
        that a trial does not need are left out: their services would be started anew for every test."""
        self._settings = (
            f"workspace: {WORKSPACE}\ncontrol_socket: /run/huracan/control.sock\n"
            f"schedule: {{scheduler: {scheduler}, pipelines: {json.dumps(pipelines)}, spread_seconds: 0}}\n"
        )
        if bundled:
            self._settings += "exchange: {name: simulated, coins: 8}\nuniverse: {quote: USDT, top: 3}\n"
            self._settings += f"candles: {{days: 120}}\ntraining: {{mode: {bundled}}}\n"
        else:
            self._settings += "plugins: {only: [monitor, trial]}\n"
        self.box.run(["tee", _SETTINGS], stdin=self._settings)

    def install_units(self, *options: str) -> str:
        """Install the units that the settings ask for, and return what is said."""
        self._unit_settings = self._settings
        return self.box.run(["huracan", "units", "install", *options]).stdout

    def afresh(self, scheduler: str = "daemon", orders: str = "", *, bundled: str = "", **pipelines: str) -> None:
        """Start everything on an empty workspace, with these orders for the second job. Timers were due before."""
        self.box.bash(
            f"systemctl stop {_ALL}; systemctl reset-failed; rm -rf {WORKSPACE}; cp -a {_READY} {WORKSPACE}; "
            f"chown -R huracan:huracan {WORKSPACE}"
        )
        self.settings(scheduler, bundled=bundled, **pipelines)
        if self._settings != self._unit_settings:
            self.install_units("--no-start")
        self.order(orders)
        if scheduler == "timers":
            stamps = " ".join(f"{STAMPS}/stamp-huracan-{name}.timer" for name in pipelines)
            self.box.bash(f"mkdir -p {STAMPS}; touch {stamps}")
        self.box.run(["systemctl", "start", "huracan.target"])

    def drop_in(self, unit: str, name: str, text: str) -> None:
        """Lay a file beside a unit, as `systemctl edit` does; none where the text is empty."""
        file = f"{_SYSTEM}/{unit}.d/90-{name}.conf"
        self.box.run(["mkdir", "-p", f"{_SYSTEM}/{unit}.d"])
        if text:
            self.box.run(["tee", file], stdin=text)
        else:
            self.box.run(["rm", "-f", file])
        self.box.run(["systemctl", "daemon-reload"])

    def begin_chain(self, job: str) -> None:
        """Do what the timer does at its time."""
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

    def rows(self, query: str, within: float = 0.0) -> list[list[Any]]:
        """Return what the ledger answers, asked again and again until there is a row or the seconds are over."""
        as_huracan = ["setpriv", "--reuid=huracan", "--regid=huracan", "--clear-groups"]
        words = ["python3", "-c", _ASK, f"{WORKSPACE}/huracan.db", query, str(within)]
        found: list[list[Any]] = json.loads(self.box.run([*as_huracan, *words]).stdout)
        return found

    def jobs(self) -> dict[str, str]:
        """Return the state of each job of the newest run date."""
        return {job: state for job, state, _ in self._tried("job_runs", "job")}

    def attempts(self, table: str = "job_runs", what: str = "job") -> dict[str, int]:
        """Return how often each job, or each item (of ``run_items``), was begun for the newest run date."""
        return {name: attempts for name, _, attempts in self._tried(table, what)}

    def _tried(self, table: str, what: str) -> list[list[Any]]:
        newest = f"run_date = (SELECT max(run_date) FROM {table})"
        return self.rows(f"SELECT {what}, state, attempts FROM {table} WHERE {newest}")

    def alerts(self) -> list[dict[str, Any]]:
        text = self.box.bash(f"cat {WORKSPACE}/monitoring/alerts.jsonl 2>/dev/null || true").stdout
        return [json.loads(line) for line in text.splitlines()]

    def wait_for_alert(self, kind: str, about: str, seconds: float = 60) -> None:
        """Wait for a line about an event that holds some words."""
        file = f"{WORKSPACE}/monitoring/alerts.jsonl"
        self.wait_for(f"grep -s '\"kind\": \"{kind}\"' {file} | grep -qF '{about}'", seconds)

    def wait_for_state(self, *wanted: str, pipeline: str = "trial", seconds: float = 90) -> str:
        """Wait until the newest run is in one of these states and return which."""
        newest = f"SELECT state FROM runs WHERE pipeline = '{pipeline}' ORDER BY started_at DESC LIMIT 1"
        states = ", ".join(f"'{state}'" for state in wanted)
        found = self.rows(f"SELECT state FROM ({newest}) WHERE state IN ({states})", seconds)
        assert found, f"{self.rows(newest)}; {self.jobs()}\n{self.journal()}"
        return str(found[0][0])

    def wait_for_count(self, job: str, times: int = 1, seconds: float = 60) -> None:
        self.wait_for(f"(($(cat {WORKSPACE}/trial/{job}.count 2>/dev/null | wc -l) >= {times}))", seconds)

    def wait_for(self, condition: str, seconds: float = 60) -> None:
        """Wait until a shell inside finds it so."""
        assert self.box.becomes(condition, seconds), f"not within {seconds} s: {condition}\n{self.journal()}"

    def journal(self) -> str:
        """Return the last lines of all units."""
        return self.box.run(["journalctl", "--no-pager", "-n", "80", "-u", "huracan*"]).stdout
