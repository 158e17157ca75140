"""What the jobs of the trial do."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from pathlib import Path

from huracan.context import Context
from huracan.paths import write_json
from huracan.types import JobResult, Outcome

PLACE = Path("/srv/reachable")
"""Where the test listens, on this very machine but not on loopback."""


def _folder(context: Context) -> Path:
    folder = context.paths.workspace / "trial"
    folder.mkdir(exist_ok=True)
    return folder


def _count(context: Context, name: str) -> int:
    file = _folder(context) / f"{name}.count"
    with file.open("a") as out:
        out.write(f"{os.getpid()}\n")
    return len(file.read_text().splitlines())


def _orders(context: Context, name: str) -> str:
    file = _folder(context) / name
    return file.read_text().strip() if file.exists() else ""


def first(context: Context) -> JobResult:
    """Write down what a job can see and do from inside its unit."""
    _count(context, "first")
    section = context.settings.sections["trial"]
    secrets = {name: getattr(section, name).get_secret_value() for name in ("plain", "sealed")}
    seen = {
        "user": os.getuid(),
        "writes_outside": _can_write(Path("/srv/outside")) or _can_write(Path("/etc/outside")),
        "writes_workspace": _can_write(_folder(context) / "inside"),
        "environment": {k: v for k, v in os.environ.items() if k != "PATH"},
        "credentials": os.environ.get("CREDENTIALS_DIRECTORY"),
        "secrets": {name: hashlib.sha256(secret.encode()).hexdigest() for name, secret in secrets.items()},
        "homes": [str(path) for path in Path("/root").glob("*")],
    }
    write_json(_folder(context) / "seen.json", seen)
    return JobResult(summary="looked around")


def second(context: Context) -> JobResult:
    """Do what the file says: hang in C once, be slow, hold until told to go on."""
    times = _count(context, "second")
    orders = _orders(context, "second")
    if orders == "hang" and times == 1:
        re.match(r"(a+)+$", "a" * 40 + "b")  # stays inside C for ages and gives the interpreter to nobody
    if orders == "slow":
        for step in range(8):
            time.sleep(1.0)
            context.progress.step(f"second {step + 1}/8", done=step + 1, total=8)
    while orders.startswith("hold") and not (_folder(context) / "go").exists():
        time.sleep(0.2)
        context.progress.step("second holds")
    if orders == "partly":
        return JobResult(Outcome.PARTLY_FAILED, "most of it", ("a part failed",))
    if orders == "raise":
        raise ValueError("second is broken")
    return JobResult(summary=f"second after {times} starts")


def third(context: Context) -> JobResult:
    _count(context, "third")
    return JobResult()


def reach(context: Context) -> JobResult:
    """Speak to an address of another machine."""
    host, port = PLACE.read_text().split()
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return JobResult(summary="reached")
    except OSError as error:
        return JobResult(Outcome.PARTLY_FAILED, "not reached", (type(error).__name__,))


def serve(context: Context) -> None:
    """Look around, or crash where trial/looks says so."""
    _count(context, "looker")
    if _orders(context, "looks") == "crash":
        raise ValueError("the looker is broken")
    while True:
        context.progress.step("looks")
        time.sleep(1.0)


def _can_write(path: Path) -> bool:
    try:
        path.write_text("x")
    except OSError:
        return False
    path.unlink()
    return True
