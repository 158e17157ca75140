"""`huracan run`, as people and the daemon start it: real processes, a real ledger."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AS_OF = ("--as-of", "2024-03-01")

THREE = """
@hookimpl
def huracan_jobs():
    return [
        Job("third", "toy:third", "", after=("second",), retries=0),
        Job("first", "toy:first", "", retries=0),
        Job("second", "toy:second", "", after=("first", "nobody"), retries=0),
    ]

def first(context):
    count("first")
    return JobResult(summary=f"as of {context.clock.now():%Y-%m-%d}")

def second(context):
    count("second")
    context.progress.step("half way", done=1, total=2, item="BTC-USDT")
    return JobResult(summary="fine\\nwith a second line")

def third(context):
    count("third")
    assert (HERE / "first").exists() and (HERE / "second").exists()
    return JobResult()
"""


def status(program: Any, day: str = "20240301") -> dict[str, Any]:
    value: dict[str, Any] = json.loads((program.workspace / f"runs/{day}Z/status.json").read_text())
    return value


def states(program: Any) -> dict[str, str]:
    return {job["job"]: job["state"] for job in status(program)["jobs"]}


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def one_job(body: str, **options: object) -> str:
    given = "".join(f", {key}={value!r}" for key, value in {"retry_delay": 0.01, **options}.items())
    return (
        f"@hookimpl\ndef huracan_jobs():\n    return [Job('only', 'toy:only', ''{given})]\n\n"
        f"def only(context):\n    context.progress.step('up')\n{body}"
    )


def test_jobs_run_in_order_and_the_same_command_again_has_nothing_to_do(make_program: Callable[..., Any]) -> None:
    program = make_program(THREE)
    ended = program.run("run", "nightly", *AS_OF)
    assert ended.returncode == 0, ended.stderr
    assert states(program) == {"first": "done", "second": "done", "third": "done"}
    assert status(program)["run"]["as_of"] == "2024-03-01T00:00:00Z"
    assert "as of 2024-03-01" in ended.stdout
    assert "with a second line" in ended.stdout.splitlines()
    again = program.run("run", "nightly", *AS_OF)
    assert again.returncode == 4
    assert again.stdout.startswith("nothing to do: nightly for 2024-03-01 was finished at ")
    assert "--force" in again.stdout
    assert program.count("second") == 1
    forced = program.run("run", "nightly", *AS_OF, "--force")
    assert forced.returncode == 0
    assert program.count("second") == 2
    assert status(program)["run"]["generation"] == 2


def test_json_is_all_there_is_on_stdout(make_program: Callable[..., Any]) -> None:
    program = make_program(THREE)
    for code in (0, 4):
        ended = program.run("run", "nightly", *AS_OF, "--json")
        value = json.loads(ended.stdout)
        assert (ended.returncode, value["exit_code"]) == (code, code)
        assert [job["job"] for job in value["jobs"]] == ["first", "second", "third"]
        assert value["run"]["state"] == "done"


def test_one_job_can_be_run_alone(make_program: Callable[..., Any]) -> None:
    program = make_program(THREE)
    assert program.run("run", "second", *AS_OF).returncode == 0
    assert states(program) == {"second": "done"}
    assert program.run("run", "second", *AS_OF).returncode == 4
    assert program.run("run", "nightly", *AS_OF).returncode == 0
    # What comes before it ran afterwards, so its input may have changed.
    assert [program.count(name) for name in ("first", "second", "third")] == [1, 2, 1]


def test_a_dry_run_touches_nothing(make_program: Callable[..., Any]) -> None:
    program = make_program(THREE, ready=False)
    before = tree(program.folder)
    ended = program.run("run", "nightly", *AS_OF, "--dry-run", PYTHONDONTWRITEBYTECODE="1")
    assert ended.returncode == 0, ended.stderr
    assert tree(program.folder) == before
    assert [line.split()[:2] for line in ended.stdout.splitlines()[3:]] == [
        ["first", "run"], ["second", "run"], ["third", "run"],
    ]  # fmt: skip
    program.run("run", "nightly", *AS_OF)
    before = tree(program.folder)
    ended = program.run("run", "nightly", *AS_OF, "--dry-run", "--json")
    assert ended.returncode == 4
    assert tree(program.folder) == before
    assert not any(job["runs"] for job in json.loads(ended.stdout)["jobs"])
    forced = json.loads(program.run("run", "nightly", *AS_OF, "--dry-run", "--force", "--json").stdout)
    assert all(job["runs"] and "forced" in job["why"] for job in forced["jobs"])
    assert program.count("first") == 1


def test_a_failure_blocks_what_comes_after_it_but_not_the_rest(make_program: Callable[..., Any]) -> None:
    program = make_program(
        """
        @hookimpl
        def huracan_jobs():
            return [
                Job("a", "toy:fails", "", retries=0), Job("b", "toy:works", "", after=("a",)),
                Job("c", "toy:works", "", after=("b",)), Job("d", "toy:works", ""),
                Job("e", "toy:partly", "", after=("d",)), Job("f", "toy:works", "", after=("e",)),
                Job("last", "toy:works", "", after=("c", "f"), always=True),
            ]

        def fails(context):
            if (HERE / "mended").exists(): return JobResult(summary="now it works")
            return JobResult(Outcome.FAILED, "the disk is full")

        def works(context): return JobResult()
        def partly(context): return JobResult(Outcome.PARTLY_FAILED, "1 of 2", ("BTC-USDT: no data",))
        """
    )
    ended = program.run("run", "nightly", *AS_OF)
    assert ended.returncode == 3
    assert states(program) == {
        "a": "failed", "b": "skipped", "c": "skipped", "d": "done", "e": "partly-failed", "f": "done", "last": "done",
    }  # fmt: skip
    reasons = {job["job"]: job["summary"] for job in status(program)["jobs"]}
    assert reasons["b"] == "not run, because a failed"
    assert "the disk is full" in ended.stdout
    assert "BTC-USDT: no data" in ended.stderr
    assert status(program)["run"]["state"] == "failed"
    (program.folder / "mended").touch()
    assert program.run("run", "nightly", *AS_OF).returncode == 3
    assert states(program)["c"] == "done"
    attempts = {job["job"]: job["attempts"] for job in status(program)["jobs"]}
    assert attempts["d"] == 1
    assert attempts["last"] == 2
    assert program.run("run", "nightly", *AS_OF).returncode == 4


ENDS = {
    "settings": ("raise SettingsError('a.b: no')", 2, 1, "a.b: no"),
    "again": ("raise TryAgainError('exchange is away')", 75, 2, "exchange is away"),
    "data": ("raise DataError('x.csv', 'is empty')", 1, 1, "x.csv: is empty"),
    "bug": ("return 1 / 0", 1, 2, "ZeroDivisionError"),
    "exits": ("sys.exit(0)", 1, 2, "SystemExit"),
    "leaves": ("os._exit(0)", 1, 2, "before its work was done"),
    "killed": ("os.kill(os.getpid(), 9)", 1, 2, "SIGKILL"),
    "none": ("return None", 1, 2, "not JobResult"),
    "nothing": ("return JobResult(Outcome.NOTHING_TO_DO, 'all there')", 4, 1, "all there"),
    "mended": ("return JobResult(summary='at last') if tries == 2 else 1 / 0", 0, 2, "at last"),
}
"""By name of a job: what it does, with which code its run ends, after how many tries, and what is said."""


def test_how_a_job_ends_decides_code_and_retry(make_program: Callable[..., Any]) -> None:
    jobs = "".join(f"    yield Job({name!r}, 'toy:{name}', '', retries=1, retry_delay=0.01)\n" for name in ENDS)
    works = (f"def {name}(context):\n    tries = count({name!r})\n    {ENDS[name][0]}\n" for name in ENDS)
    program = make_program(f"@hookimpl\ndef huracan_jobs():\n{jobs}{''.join(works)}")
    for name, (_, code, tries, said) in ENDS.items():
        ended = program.run("run", name, *AS_OF)
        assert ended.returncode == code, ended.stderr
        assert program.count(name) == tries, name
        attempts = {job["job"]: job["attempts"] for job in status(program)["jobs"]}
        assert attempts[name] == tries
        assert said in ended.stdout + ended.stderr
        assert ("Traceback" in ended.stderr) == (name in ("bug", "mended", "exits")), ended.stderr


def test_a_job_whose_code_is_missing_is_named(make_program: Callable[..., Any]) -> None:
    program = make_program("@hookimpl\ndef huracan_jobs(): return [Job('only', 'toy_missing:f', '', retries=0)]")
    ended = program.run("run", "only", *AS_OF)
    assert ended.returncode == 1
    assert "job only: toy_missing:f cannot be loaded" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_hang_in_c_is_killed_by_the_watchdog_and_tried_again(make_program: Callable[..., Any]) -> None:
    body = """
    if count("n") == 1:
        re.match("(a+)+$", "a" * 60 + "b")
    for i in range(6):
        time.sleep(0.3)
        context.progress.step(f"step {i}")
    return JobResult()
"""
    program = make_program(one_job(body, stall_limit=1.0, retries=1))
    ended = program.run("run", "nightly", *AS_OF)
    assert ended.returncode == 0, ended.stderr
    assert program.count("n") == 2
    assert "in only" in ended.stderr, "the log says where it hung"


def test_owners_limits_hold_and_a_job_that_asks_for_time_gets_it(make_program: Callable[..., Any]) -> None:
    body = """
    if (HERE / "ask").exists():
        context.progress.extend(30)
    for i in range(100):
        time.sleep(0.1)
        context.progress.step("on")
    return JobResult()
"""
    program = make_program(one_job(body), jobs={"only": {"time_limit": 8, "retries": 0}})
    ended = program.run("run", "nightly", *AS_OF)
    assert ended.returncode == 1
    assert "time limit" in status(program)["jobs"][0]["error"]
    (program.folder / "ask").touch()
    assert program.run("run", "nightly", *AS_OF).returncode == 0


SLOW = one_job(
    """
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stderr=subprocess.DEVNULL)
    try:
        count("up")  # inside: the test may stop it as soon as it sees this
        quick = (HERE / "quick").exists()
        while not quick:
            time.sleep(0.05)
            context.progress.step("working")
    except StopRequested:
        count("tidied")
        raise
    return JobResult()
"""
)


def test_two_runs_at_once_are_refused_with_the_holder_named(make_program: Callable[..., Any]) -> None:
    program = make_program(SLOW)
    first = program.start("run", "nightly", *AS_OF)
    program.wait_for("up")
    second = program.run("run", "nightly", *AS_OF)
    assert second.returncode == 5
    assert f"process {first.pid}" in second.stderr
    assert program.count("up") == 1
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopped_run_ends_soon_and_goes_on_with_its_instant(
    make_program: Callable[..., Any], gone: Callable[[int], bool], number: signal.Signals
) -> None:
    program = make_program(SLOW)
    process = program.start("run", "nightly")
    program.wait_for("up")
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert gone(program.pids("up")[0])
    assert program.count("tidied") == 1
    [file] = program.workspace.glob("runs/*/status.json")
    before = json.loads(file.read_text())
    assert before["run"]["state"] == "interrupted"
    assert before["jobs"][0]["state"] == "interrupted"
    (program.folder / "quick").touch()
    assert program.run("run", "nightly").returncode == 0
    after = json.loads(file.read_text())
    assert after["run"]["as_of"] == before["run"]["as_of"]
    assert after["run"]["run_id"] == before["run"]["run_id"]


def test_kill_9_of_the_run_takes_its_job_along_and_the_next_start_goes_on(
    make_program: Callable[..., Any], gone: Callable[[int], bool]
) -> None:
    program = make_program(SLOW)
    process = program.start("run", "nightly", *AS_OF)
    program.wait_for("up")
    process.kill()
    process.communicate(timeout=60)
    assert gone(program.pids("up")[0])
    (program.workspace / "data").mkdir()
    (program.workspace / "data/.x.parquet.abc.tmp").touch()
    (program.folder / "quick").touch()
    ended = program.run("run", "nightly", *AS_OF)
    assert ended.returncode == 0, ended.stderr
    assert status(program)["jobs"][0]["attempts"] == 2
    assert not list(program.workspace.rglob("*.tmp"))


def test_kill_9_of_the_job_is_a_failure_that_is_tried_again(make_program: Callable[..., Any]) -> None:
    program = make_program(SLOW)
    process = program.start("run", "nightly", *AS_OF)
    program.wait_for("up")
    os.kill(program.pids("up")[0], signal.SIGKILL)
    program.wait_for("up", times=2)
    (program.folder / "quick").touch()
    os.kill(program.pids("up")[1], signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert status(program)["jobs"][0]["attempts"] == 3


def test_a_stop_while_waiting_for_the_next_attempt_is_heard(make_program: Callable[..., Any]) -> None:
    program = make_program(one_job("    count('n')\n    raise TryAgainError('away')", retries=3, retry_delay=600))
    process = program.start("run", "nightly", *AS_OF)
    program.wait_for("n")
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert status(program)["run"]["state"] == "interrupted"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nightyl",), 'did you mean "nightly"?'),
        (("nightly", "--as-of", "yesterday"), "is no date"),
        (("nightly", "--as-of", "2999-01-01"), "lies in the future"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_code_2(
    make_program: Callable[..., Any], words: tuple[str, ...], said: str
) -> None:
    program = make_program(THREE)
    ended = program.run("run", *words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_another_instant_for_a_run_date_needs_force(make_program: Callable[..., Any]) -> None:
    program = make_program(THREE)
    program.run("run", "first", *AS_OF)
    other = ("--as-of", "2024-03-01T12:00")
    ended = program.run("run", "nightly", *other)
    assert ended.returncode == 2
    assert "--force" in ended.stderr
    assert program.run("run", "nightly", *other, "--force").returncode == 0
    assert status(program)["run"]["as_of"] == "2024-03-01T12:00:00Z"


def test_plugins_may_show_results_and_cannot_spoil_the_run(make_program: Callable[..., Any]) -> None:
    code = one_job("    return JobResult()") + (
        "\n@hookimpl\ndef huracan_commands(): return [Command('results', 'show them', 'toy')]\n"
        "def show(context, run_date):\n    print('RESULTS', run_date)\n    raise ValueError('no table')\n"
    )
    program = make_program(code)
    ended = program.run("run", "nightly", *AS_OF)
    assert ended.returncode == 0
    assert "RESULTS 2024-03-01" in ended.stdout
    assert "the results cannot be shown: ValueError: no table" in ended.stderr


def test_what_a_library_prints_goes_to_the_log_and_not_into_the_json(make_program: Callable[..., Any]) -> None:
    program = make_program(one_job("    print('[LightGBM] hello')\n    return JobResult()"))
    ended = program.run("run", "nightly", *AS_OF, "--json")
    json.loads(ended.stdout)
    assert "[LightGBM] hello" in ended.stderr
    lines = [json.loads(line) for line in (program.workspace / "logs/huracan.jsonl").read_text().splitlines()]
    [said] = [line for line in lines if "[LightGBM] hello" in line["message"]]
    told = [line["message"] for line in lines]
    assert told[:2] == ["nightly 2024-03-01 starts", "only starts"]
    assert "only done: " in told
    assert (said["run"], said["job"], said["plugin"]) == ("nightly-20240301-1", "only", "toy")


TWO_PIPELINES = """
@hookimpl
def huracan_jobs():
    return [Job("work", "toy:work", "", retries=0), Job("tidy", "toy:work", "", pipeline="evening", retries=0)]

@hookimpl
def huracan_commands():
    return [Command("results", "show them", "toy")]

def show(context, run_date): print("THE RESULTS")

def work(context): return JobResult()
"""


def test_each_pipeline_of_a_date_has_a_status_of_its_own_and_a_job_alone_belongs_to_its_pipeline(
    make_program: Callable[..., Any],
) -> None:
    program = make_program(TWO_PIPELINES)
    assert program.run("run", "nightly", *AS_OF).returncode == 0
    assert program.run("run", "evening", *AS_OF).returncode == 0
    night = status(program)
    assert (night["run"]["pipeline"], [job["job"] for job in night["jobs"]]) == ("nightly", ["work"])
    evening = json.loads((program.workspace / "runs/20240301Z/status-evening.json").read_text())
    assert (evening["run"]["pipeline"], [job["job"] for job in evening["jobs"]]) == ("evening", ["tidy"])
    assert program.run("run", "tidy", "--force", *AS_OF).returncode == 0
    assert status(program) == night
    assert program.run("run", "work", "--force", *AS_OF).returncode == 0
    assert status(program)["run"]["pipeline"] == "work"


def test_results_are_shown_after_a_run_that_had_a_job_of_the_plugin_that_has_them(
    make_program: Callable[..., Any],
) -> None:
    shown = make_program(TWO_PIPELINES).run("run", "nightly", *AS_OF)
    assert "THE RESULTS" in shown.stdout
