"""The steps of the self-test, in their order. Each returns a line that says what works, or raises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan.paths import CHECKSUM_FILE, Paths, read_json, sha256_of, verify_checksums, write_bytes
from huracan.run.heartbeat import Notifier, NotifyListener
from huracan.store import RemoteCopy, Store
from huracan.types import Event, Severity

__all__ = ["STEPS", "SelfTestError", "Trial"]

RUN_DATE = "2025-06-30"
SECONDS = 300.0
"""Time for a night of the self-test; it takes a few seconds, on the slowest of machines perhaps a minute."""


class SelfTestError(Exception):
    """Something does not work; the text says what."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A self-test's folder, whether it is a quick one, the environment of its children, and their command line."""

    folder: Path
    quick: bool
    environment: Mapping[str, str]
    command: Callable[..., list[str]]

    @property
    def settings(self) -> Path:
        return self.folder / "settings.yaml"

    @property
    def paths(self) -> Paths:
        return Paths(self.folder / "work")

    def huracan(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run this installation's ``huracan`` on the self-test's own settings."""
        try:
            return subprocess.run(
                self.command(self.settings, *words), env=dict(self.environment), cwd=self.folder,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=SECONDS,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SelfTestError(f"`huracan {' '.join(words)}` took longer than {SECONDS:.0f} s") from None


def _settings(trial: Trial) -> str:
    """Write settings, and have them read back."""
    # AURA, the third coin of the demo's market, has an edge planted that no sound training overlooks in 240 days.
    coins = 3 if trial.quick else 6
    text = (
        "workspace: ./work\n"
        f"exchange: {{name: simulated, coins: {coins}}}\n"
        "universe: {quote: USDT, top: 20}\n"
        "candles: {timeframe: 1h, days: 240}\n"
        "training: {folds: 3, search: {trials: 1}, gates: {samples: 20}}\n"
    )
    write_bytes(trial.settings, text.encode())
    shown = trial.huracan("settings", "show", "--json")
    if shown.returncode != 0:
        raise SelfTestError(f"settings are not read: {_last_line(shown)}")
    return "are read and checked"


def _database(trial: Trial) -> str:
    """Make a database from nothing, write into every part of it, and read that from a second connection."""
    url, now = f"sqlite:///{trial.folder / 'round-trip.db'}", datetime(2025, 6, 30, 2, tzinfo=UTC)
    event = Event("self-test", Severity.INFO, "a round trip", now)
    copy = RemoteCopy("a", "b", 1, 2, "c", None, now)
    with Store.open(url, lock_folder=trial.folder) as store:
        run = store.ledger.begin_run("self-test", now.date(), now, now)
        store.ledger.begin_job(run.run_id, "job", now)
        store.ledger.begin_item("job", now.date(), "item")
        store.events.add(event)
        store.copies.record("remote", [copy])
    with Store.open(url, lock_folder=trial.folder) as store:
        store.ping()
        found = (
            store.ledger.run_by_id(run.run_id), [job.job for job in store.ledger.jobs(now.date())],
            list(store.ledger.items("job", now.date())), store.events.recent(), store.copies.known("remote"),
        )  # fmt: skip
    if found != (run, ["job"], ["item"], [event], {"a": copy}):
        raise SelfTestError("the database does not give back what was written into it")
    return "tables are made, and give back what was written"


def _notify(trial: Trial) -> str:
    """Let a child say that it is ready and gets on, as jobs do to whoever watches them."""
    code = (
        "import os\nfrom huracan.run.heartbeat import Notifier\n"
        "notifier = Notifier(os.environ['NOTIFY_SOCKET'])\nnotifier.ready('up')\nnotifier.alive('step 1')\n"
    )
    with NotifyListener() as listener:
        environment = {**trial.environment, "NOTIFY_SOCKET": listener.address}
        subprocess.run(
            [sys.executable, "-P", "-c", code], env=environment, check=True, timeout=60.0, capture_output=True
        )
        Notifier(listener.address).stopping()
        heard = [listener.receive() for _ in range(3)]
    if [bool(each and kind(each)) for each, kind in zip(heard, _SIGNS, strict=True)] != [True] * 3:
        raise SelfTestError("a child's signs of life do not arrive: jobs would be killed as hanging")
    return "signs of life arrive"


_SIGNS: tuple[Callable[[Any], bool], ...] = (
    lambda sign: sign.ready and sign.status == "up",
    lambda sign: sign.watchdog and sign.status == "step 1",
    lambda sign: sign.stopping,
)


def _night(trial: Trial) -> str:
    """Play a whole night."""
    done = trial.huracan("run", "nightly", "--as-of", RUN_DATE, "--json")
    if done.returncode != 0:
        raise SelfTestError(f"the night ended with code {done.returncode}: {_why(done)}")
    status = read_json(trial.paths.status_file(datetime.fromisoformat(RUN_DATE).date())) or {}
    jobs = {job["job"]: job["state"] for job in status.get("jobs", [])}
    bad = [f"{name} {state}" for name, state in jobs.items() if state not in ("done", "nothing-to-do")]
    trained = sum(item["job"] == "train" and item["state"] == "completed" for item in status.get("items", []))
    if bad or not jobs or not trained:
        raise SelfTestError(f"status.json says: {', '.join(bad) or 'nothing was trained'}")
    return f"{len(jobs)} jobs done, {trained} coins trained"


def _artefacts(trial: Trial) -> str:
    """Check what a trading process relies on: models, champions, roster."""
    folders = sorted(trial.paths.workspace.glob("models/*/*"))
    for folder in folders:
        verify_checksums(folder)
    verify_checksums(trial.paths.champions)
    pointers = [file for file in trial.paths.champions.glob("*-*.json") if file != trial.paths.roster]
    for file in pointers:
        pointer = read_json(file) or {}
        listing = trial.paths.workspace / str(pointer.get("model_path")) / CHECKSUM_FILE
        if not listing.is_file() or sha256_of(listing) != pointer.get("sha256"):
            raise SelfTestError(f"champion {file.stem} points at {pointer.get('model_path')}, which is not what it was")
    roster = json.loads(trial.paths.roster.read_text("utf-8"))
    if not folders or len(roster) != len(folders):
        raise SelfTestError(f"{len(folders)} models, but {len(roster)} rows in the roster")
    if not pointers or not any(row.get("trade_ok") for row in roster):
        raise SelfTestError(f"no champion among {len(folders)} models, though one coin has an edge that must be found")
    return f"{len(folders)} models, {_count(len(pointers), 'champion')} and the roster are whole"


def _again(trial: Trial) -> str:
    """Start the same night once more: it must find nothing to do, as after any restart."""
    before = _tree(trial.paths.workspace / "models")
    done = trial.huracan("run", "nightly", "--as-of", RUN_DATE, "--json")
    if done.returncode != 4:
        raise SelfTestError(
            f"a finished night that is started again ends with code {done.returncode}, not 4: {_why(done)}"
        )
    if _tree(trial.paths.workspace / "models") != before:
        raise SelfTestError("a finished night that is started again changes models")
    return "a finished night is not done twice"


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


def _tree(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first thing that failed, as the command's JSON or its last line says."""
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return _last_line(done)
    for job in answer.get("jobs", []) if isinstance(answer, dict) else ():
        if job.get("state") not in ("done", "nothing-to-do"):
            return f"{job.get('job')}: {job.get('error') or job.get('summary')}"
    return _last_line(done)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"it ended with code {done.returncode} and said nothing"


STEPS: tuple[tuple[str, Callable[[Trial], str]], ...] = (
    ("settings", _settings),
    ("database", _database),
    ("signs of life", _notify),
    ("night", _night),
    ("artefacts", _artefacts),
    ("again", _again),
)
