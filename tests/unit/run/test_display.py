"""What a person sees while a run goes on."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
from collections.abc import Callable
from typing import Any

from rich.console import Console

from huracan.run.display import BarDisplay, PlainDisplay, SilentDisplay, choose_display
from huracan.run.heartbeat import ProgressEvent

JOB = """
@hookimpl
def huracan_jobs(): return [Job("train", "toy:train", "", retries=0)]

def train(context):
    for i in range(1, 11):
        context.progress.step(f"COIN-{i} fold [3/6]", done=i, total=10)
        time.sleep(0.1)
    context.log.warning("a line from [inside] the job")
    return JobResult(summary="ten coins")
"""


def on_a_terminal(program: Any, *words: str) -> str:
    """Run the command with a pseudo-terminal for stdout and stderr; return what appeared on it."""
    leader, follower = pty.openpty()
    environment = program.environment(TERM="xterm-256color")
    process = subprocess.Popen(program.command(*words), env=environment, stdout=follower, stderr=follower)
    os.close(follower)
    seen = b""
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:  # how a pseudo-terminal says that the other side is closed
            break
        seen += data
    os.close(leader)
    process.wait()
    return seen.decode()


def test_a_terminal_gets_a_bar_with_the_latest_step_and_log_lines_above_it(make_program: Callable[..., Any]) -> None:
    seen = on_a_terminal(make_program(JOB), "run", "train", "--as-of", "2024-03-01")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert re.search(r"train .*━.* (\d|10)/10 .*COIN-\d+ fold \[3/6\]", plain)
    assert "a line from [inside] the job" in plain
    assert "ten coins" in plain
    assert "[?25h" in seen, "the cursor is shown again"


def test_without_a_terminal_there_are_few_lines() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream, every=3600)
    display.job_started("train", 1)
    for i in range(100):
        display.progressed(ProgressEvent("train", f"coin {i}", i, 100))
    display.job_ended("train", "done", 61.0, "100 coins")
    display.job_started("roster", 2)
    assert stream.getvalue().splitlines() == [
        "train: started", "train: done after 61.0 s: 100 coins", "roster: started (attempt 2)",
    ]  # fmt: skip


def test_progress_lines_come_at_their_pace_and_say_how_far_it_is() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream, every=0)
    display.progressed(ProgressEvent("train", "SOL-USDT fold 3/6", 7, 20))
    display.progressed(ProgressEvent("train", "train 9/20 ADA-USDT", 8, 20))
    display.progressed(ProgressEvent("candles", "looking"))
    assert stream.getvalue().splitlines() == [
        "train: 7/20 SOL-USDT fold 3/6", "train: 9/20 ADA-USDT", "candles: looking",
    ]  # fmt: skip


def test_each_place_gets_the_display_that_suits_it() -> None:
    file = io.StringIO()
    assert type(choose_display(Console(file=file), silent=False)) is PlainDisplay
    assert type(choose_display(Console(file=file), silent=True)) is SilentDisplay
    bars = choose_display(Console(file=file, force_terminal=True), silent=False)
    assert isinstance(bars, BarDisplay)
    bars.close()
    bars.close()
