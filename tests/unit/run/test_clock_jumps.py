"""A daemon whose clock jumps, as after a laptop was closed or somebody set the time: libfaketime moves it for real."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

JOBS = """
import datetime

@hookimpl
def huracan_jobs():
    return [Job("one", "toy:one", "", retries=0)]

def one(context):
    with (HERE / "dates").open("a") as file:
        file.write(f"{context.run.run_date}\\n")
    return JobResult()
"""


@pytest.fixture
def library() -> Path:
    if not LIBRARIES:
        reason = "libfaketime is not installed (apt-get install libfaketime)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return LIBRARIES[0]


@pytest.mark.slow
def test_each_run_date_is_run_once_whatever_the_clock_does(make_program: Callable[..., Any], library: Path) -> None:
    program = make_program(JOBS, schedule={"pipelines": {"nightly": "02:00"}})
    clock = program.folder / "clock"
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=40)

    def set_clock(instant: datetime) -> None:
        """Let the daemon's wall clock say ``instant`` now, and run on from there."""
        away = instant.timestamp() - time.time()
        new = clock.with_suffix(".new")
        new.write_text(f"{away:+.0f}s\n")
        new.replace(clock)

    def dates() -> list[str]:
        file = program.folder / "dates"
        return file.read_text().split() if file.exists() else []

    def wait_for(wanted: list[str]) -> None:
        deadline = time.monotonic() + 90
        while dates() != wanted:
            assert time.monotonic() < deadline, (dates(), wanted, (program.folder / "stderr").read_text()[-2000:])
            time.sleep(0.2)

    def day(number: int) -> str:
        return (today + timedelta(days=number)).date().isoformat()

    set_clock(today)
    environment = program.environment(
        LD_PRELOAD=str(library), FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1", TZ="UTC",
    )  # fmt: skip
    with (program.folder / "stderr").open("w") as errors:
        process = subprocess.Popen(program.command("daemon"), env=environment, stdout=errors, stderr=errors)
    try:
        wait_for([day(0)])  # missed this morning
        set_clock(today + timedelta(days=1, hours=1))  # a night and a day closed
        wait_for([day(0), day(1)])
        set_clock(today - timedelta(days=3))  # somebody set it back
        time.sleep(14)
        set_clock(today + timedelta(days=1, hours=2))  # and right again
        time.sleep(14)
        assert dates() == [day(0), day(1)]
        set_clock(today + timedelta(days=5))  # days are lost: the latest is made up for, the others are not
        wait_for([day(0), day(1), day(5)])
    finally:
        process.terminate()
        process.wait(60)
