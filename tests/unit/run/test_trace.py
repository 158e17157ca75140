"""``huracan plugins trace`` follows a run into the processes of its jobs, and passes its exit code on."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import pytest

from unit.run.conftest import Program

MakeProgram = Callable[..., Program]

CODE = """
@hookimpl
def huracan_jobs():
    return [
        Job("look", "toy:look", "looks", pipeline="day", retries=0),
        Job("wait", "toy:linger", "waits", pipeline="other", retries=0),
    ]

@hookimpl
def huracan_gates():
    return [Gate("kind", judge)]

def judge(context, metrics):
    time.sleep(0.05)
    return Verdict("kind", None, None, True, "all is well")

def look(context):
    context.plugins.gates()["kind"].judge(context, {})
    return JobResult(Outcome.PARTLY_FAILED, "looked", ("the door is shut; open it",))

def linger(context):
    count("lingering")
    while True:
        context.progress.step("still here")
        time.sleep(0.05)
"""


def test_calls_in_the_children_of_a_run_are_in_its_trace_with_its_exit_code(make_program: MakeProgram) -> None:
    program = make_program(CODE)
    done = program.run("plugins", "trace", "--json", "--", "run", "day")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    assert (told["command"], told["exit_code"]) == (["run", "day"], 3)
    work = {(each["kind"], each["name"]): each for each in told["calls"] if each["kind"] != "hook"}
    assert list(work) == [("job", "look"), ("gate", "kind.judge")]
    look, judged = work.values()
    assert look["plugin"] == judged["plugin"] == "toy"
    assert look["process"] == judged["process"]
    assert judged["seconds"] >= 0.05
    assert look["own"] <= look["seconds"] - judged["seconds"] + 0.001
    hooks = {each["process"] for each in told["calls"] if each["kind"] == "hook"}
    assert len(hooks) == 2  # the run itself, and its job
    assert "the door is shut; open it" in done.stderr  # what the run says to people stands beside the JSON


@pytest.mark.slow
def test_a_run_that_is_stopped_ends_in_order_and_leaves_a_table_that_says_what_never_ended(
    make_program: MakeProgram,
) -> None:
    program = make_program(CODE)
    at_work = program.start("plugins", "trace", "run", "wait")
    program.wait_for("lingering")
    at_work.send_signal(signal.SIGTERM)
    out, _ = at_work.communicate(timeout=60)
    assert at_work.returncode == 130
    assert "job wait" in out
    assert "exit code 130" in out
