"""A daemon whose clock jumps, as after a laptop was closed or somebody set the time: libfaketime moves it for real."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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


@dataclass
class World:
    """A daemon whose clock the test sets; ``noon`` is that of day 0, at 02:00 of each day its pipeline is due."""

    program: Any
    noon: datetime

    def set_clock(self, day: int, hour: float = 12.0) -> None:
        """Let the daemon's wall clock say this hour of that day now, and run on from there."""
        instant = self.noon + timedelta(days=day, hours=hour - 12.0)
        new = self.program.folder / "clock.new"
        new.write_text(f"{instant.timestamp() - time.time():+.0f}s\n")
        new.replace(self.program.folder / "clock")

    def days(self) -> list[int]:
        """Return the run dates that were run, as days from day 0."""
        file = self.program.folder / "dates"
        dates = [date.fromisoformat(line) for line in file.read_text().split()] if file.exists() else []
        return [(each - self.noon.date()).days for each in dates]

    def wait_for(self, *wanted: int) -> None:
        deadline = time.monotonic() + 90
        while self.days() != list(wanted):
            said = (self.program.folder / "stderr").read_text()[-2000:]
            assert time.monotonic() < deadline, (self.days(), wanted, said)
            time.sleep(0.2)


@pytest.fixture
def world(make_program: Callable[..., Any], library: Path) -> Iterator[World]:
    """Start the daemon at noon of day 0."""
    program = make_program(JOBS, schedule={"pipelines": {"nightly": "02:00"}})
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=40)
    made = World(program, noon)
    made.set_clock(0)
    environment = program.environment(
        LD_PRELOAD=str(library), FAKETIME_TIMESTAMP_FILE=str(program.folder / "clock"), FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1", TZ="UTC",
    )  # fmt: skip
    with (program.folder / "stderr").open("w") as errors:
        process = subprocess.Popen(program.command("daemon"), env=environment, stdout=errors, stderr=errors)
    yield made
    process.terminate()
    process.wait(60)


@pytest.mark.slow
def test_each_run_date_is_run_once_whatever_the_clock_does(world: World) -> None:
    world.wait_for(0)  # missed this morning
    world.set_clock(1, 13)  # a night and a day closed
    world.wait_for(0, 1)
    world.set_clock(-3)  # somebody set it back
    time.sleep(14)
    world.set_clock(1, 14)  # and right again
    time.sleep(14)
    assert world.days() == [0, 1]
    world.set_clock(5)  # days are lost: the latest is made up for, the others are not
    world.wait_for(0, 1, 5)


@pytest.mark.slow
@pytest.mark.soak
def test_no_night_is_lost_to_a_late_wake_up_or_to_a_clock_that_was_wrong(world: World) -> None:
    world.wait_for(0)
    world.set_clock(1, 15)  # opened in the afternoon
    world.wait_for(0, 1)
    world.set_clock(2, 23)  # opened at night
    world.wait_for(0, 1, 2)
    world.set_clock(7)  # five days ahead by mistake
    world.wait_for(0, 1, 2, 7)
    world.set_clock(3, 1.9)  # and right again, before the next night
    time.sleep(14)
    assert world.days() == [0, 1, 2, 7]
    world.set_clock(3, 2.01)
    world.wait_for(0, 1, 2, 7, 3)
    world.set_clock(9)
    world.wait_for(0, 1, 2, 7, 3, 9)
    world.set_clock(4, 15)  # right again only after the next night was due
    world.wait_for(0, 1, 2, 7, 3, 9, 4)
