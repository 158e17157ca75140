"""Prints what a waiting daemon costs and how late it starts what is due, as a unit beside a bare APScheduler process.

``sudo .venv/bin/python tests/bench/bench_idle.py`` boots a machine of its own (see tests/systemd), installs this
checkout there, declares 40 jobs in 40 pipelines, and watches for some minutes.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from systemd.machine import CHECKOUT, Box, call, why_no_box

STARTS = 5
IDLE_SECONDS = 120
SITE = "$(echo /opt/huracan/current/lib/python3*/site-packages)"

PLUGIN = """
from huracan import hookimpl
from huracan.types import Job, JobResult

@hookimpl
def huracan_jobs():
    return [Job(f"j{n:02d}", "huracan_many:work", "one of many", pipeline=f"p{n:02d}") for n in range(40)]

def work(context):
    print("first line", flush=True)
    return JobResult()
"""

PEER = """
import sys, time
from datetime import datetime, timezone
from apscheduler.schedulers.background import BackgroundScheduler

def due():
    now = time.time()
    print(f"{now - now // 60 * 60:.6f}", flush=True)

scheduler = BackgroundScheduler(timezone=timezone.utc)
for n in range(40):
    scheduler.add_job(due if n == 0 else print, "cron", minute="*" if n == 0 else "59", hour="*" if n == 0 else "4")
scheduler.start()
time.sleep(86400)
"""


def settings(first: datetime) -> str:
    """Let the first pipelines be due in the minutes to come, the rest half a day away."""
    far = first + timedelta(hours=12)
    times = {f"p{n:02d}": (first + timedelta(minutes=n) if n < STARTS else far) for n in range(40)}
    listed = ", ".join(f"{name}: '{at:%H:%M}'" for name, at in times.items())
    return (
        "workspace: /var/lib/huracan\nexchange: {name: simulated}\n"
        f"schedule: {{catch_up: false, pipelines: {{{listed}}}}}\n"
    )


def process(box: Box, unit: str) -> tuple[int, float]:
    """Return the resident memory (KiB) and the CPU seconds so far of a unit's main process."""
    pid = box.run(["systemctl", "show", "-P", "MainPID", unit]).stdout.strip()
    status = box.run(["cat", f"/proc/{pid}/status"]).stdout
    ticks = box.run(["cat", f"/proc/{pid}/stat"]).stdout.rsplit(")", 1)[1].split()
    memory = re.search(r"VmRSS:\s+(\d+)", status)
    assert memory is not None
    return int(memory[1]), (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def instants(box: Box, unit: str) -> tuple[float, float]:
    """Return when systemd began to start a unit and when its job wrote its first line, seconds since 1970."""
    began = box.run(["systemctl", "show", "--timestamp=us+utc", "-P", "InactiveExitTimestamp", unit]).stdout.strip()
    text = box.run(["journalctl", "-u", unit, "-o", "short-unix", "--no-pager", "--output-fields=MESSAGE"]).stdout
    first = re.search(r"^(\d+\.\d+) .*first line", text, re.MULTILINE)
    assert first is not None, text
    at = datetime.strptime(began, "%a %Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
    return at.timestamp(), float(first[1])


def prepare(box: Box) -> datetime:
    repository = Path(__file__).resolve().parents[2]
    box.copy_in(repository, CHECKOUT)
    box.run(["tee", "/root/first.yaml"], stdin="workspace: /var/lib/huracan\nexchange: {name: simulated}\n")
    box.install_sh("install", "--settings", "/root/first.yaml")
    box.bash(f"mkdir -p {SITE}/huracan_many-1.dist-info; cat >{SITE}/huracan_many.py <<'EOF'\n{PLUGIN}\nEOF")
    box.bash(
        f"cd {SITE}/huracan_many-1.dist-info; printf '[huracan]\\nmany = huracan_many\\n' >entry_points.txt;"
        "printf 'Metadata-Version: 2.1\\nName: huracan-many\\nVersion: 1\\n' >METADATA"
    )
    first = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)
    box.run(["tee", "/etc/huracan/settings.yaml"], stdin=settings(first))
    box.bash("systemctl stop huracan.target 'huracan*'; huracan units install")
    box.run(["tee", "/root/peer.py"], stdin=PEER)
    box.run(["systemd-run", "--quiet", "--unit=peer", "/opt/huracan/current/bin/python", "/root/peer.py"])
    return first


def main() -> int:
    """Watch both for some minutes and print the figures side by side."""
    if reason := why_no_box():
        print(reason, file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="huracan-bench-"))
    call("start", folder, str(os.getpid()))
    box = Box(folder)
    try:
        first = prepare(box)
        last = first + timedelta(minutes=STARTS - 1, seconds=40)
        time.sleep(max(0.0, (last - datetime.now(UTC)).total_seconds()))
        late, lines = [], []
        for n in range(STARTS):
            asked, line = instants(box, f"huracan-job@j{n:02d}.service")
            late.append(asked - (first + timedelta(minutes=n)).timestamp())
            lines.append(line - asked)
        told = box.run(["journalctl", "-u", "peer", "-o", "cat"]).stdout
        peer = [float(line) for line in told.splitlines() if re.fullmatch(r"\d+\.\d+", line)]
        before = {unit: process(box, unit) for unit in ("huracan.service", "peer.service")}
        time.sleep(IDLE_SECONDS)
        after = {unit: process(box, unit) for unit in ("huracan.service", "peer.service")}
        for unit, (memory, seconds) in after.items():
            hourly = (seconds - before[unit][1]) * 3600 / IDLE_SECONDS
            print(f"{unit:<16} RSS {memory / 1024:6.1f} MiB   CPU {hourly:6.2f} s an hour ({hourly / 36:.3f} %)")
        mine, theirs = statistics.median(late) * 1000, statistics.median(peer) * 1000
        times_larger = after["huracan.service"][0] / after["peer.service"][0]
        print(f"start delay      median {mine:.1f} ms (unit asked for), peer {theirs:.1f} ms (function called)")
        print(f"ratio            RSS {times_larger:.2f}, delay {mine / theirs:.1f}")
        print(f"unit to line     median {statistics.median(lines):.2f} s from the unit's start to the job's first line")
    finally:
        call("stop", folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
