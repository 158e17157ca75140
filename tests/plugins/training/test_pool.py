from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from huracan_training.pool import Ended, Limits, Started, Stepped, WorkerPool

WORKER = """
import json, os, signal, sys, time
from multiprocessing.connection import Connection
from huracan.run.parent import die_with_parent

descriptor, parent = (int(each) for each in sys.argv[1:])
die_with_parent(parent)
connection = Connection(descriptor)
say = lambda message: connection.send_bytes(json.dumps(message).encode())
connection.recv_bytes()
while True:
    try:
        task = json.loads(connection.recv_bytes())
    except EOFError:
        break
    say({"step": f"pid {os.getpid()}"})
    do = task["do"]
    if do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "die once" and not os.path.exists(task["mark"]):
        open(task["mark"], "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "hang":
        time.sleep(600)
    while do == "step for ever":
        say({"step": "still here"})
        time.sleep(0.02)
    if do in ("raise", "refuse"):
        say({"error": "ValueError: no", "permanent": do == "refuse", "details": "Traceback"})
        continue
    say({"answer": {"threads": os.environ["OMP_NUM_THREADS"], "pid": os.getpid()}})
"""

PATIENT = Limits(task_seconds=60, step_seconds=60, retries=0, retry_delay=0.0)


@pytest.fixture
def make_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WorkerPool]]:
    (tmp_path / "obedient.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pools: list[WorkerPool] = []

    def make(limits: Limits = PATIENT, size: int = 1) -> WorkerPool:
        pools.append(WorkerPool("obedient", {}, size, limits))
        return pools[-1]

    yield make
    for pool in pools:
        pool.__exit__()


def ended(happened: list[Any]) -> dict[str, list[Ended]]:
    result: dict[str, list[Ended]] = {}
    for each in happened:
        if isinstance(each, Ended):
            result.setdefault(each.key, []).append(each)
    return result


def test_a_worker_serves_many_tasks_with_one_thread(make_pool: Callable[..., WorkerPool]) -> None:
    happened = list(make_pool().run([(name, {"do": "work"}) for name in "abc"]))
    answers = [each.answer for each in happened if isinstance(each, Ended)]
    assert len({answer["pid"] for answer in answers if answer}) == 1
    assert all(answer and answer["threads"] == "1" for answer in answers)
    assert [each.key for each in happened if isinstance(each, Started)] == ["a", "b", "c"]


def test_a_worker_that_is_killed_costs_only_its_task(make_pool: Callable[..., WorkerPool]) -> None:
    last = ended(list(make_pool(size=2).run([("a", {"do": "die"}), *((n, {"do": "work"}) for n in "bcde")])))
    assert last["a"][0].answer is None
    assert last["a"][0].error == "the worker process was killed by SIGKILL"
    assert all(last[name][0].answer for name in "bcde")


def test_a_task_whose_worker_died_is_tried_again_and_the_error_is_kept(
    make_pool: Callable[..., WorkerPool], tmp_path: Path
) -> None:
    pool = make_pool(Limits(60, 60, retries=2, retry_delay=0.01))
    first, second = ended(list(pool.run([("a", {"do": "die once", "mark": str(tmp_path / "mark")})])))["a"]
    assert (first.final, first.attempt, second.attempt) == (False, 1, 2)
    assert "SIGKILL" in first.error
    assert second.answer


def test_retries_end(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool(Limits(60, 60, retries=2, retry_delay=0.01))
    attempts = ended(list(pool.run([("a", {"do": "raise"}), ("b", {"do": "refuse"})])))
    assert [each.final for each in attempts["a"]] == [False, False, True]
    assert [each.final for each in attempts["b"]] == [True], "trying again what cannot work helps nobody"


def test_a_worker_that_reports_no_step_is_killed_and_the_others_go_on(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool(Limits(60, 0.5, retries=0, retry_delay=0), size=2)
    last = ended(list(pool.run([("a", {"do": "hang"}), ("b", {"do": "work"}), ("c", {"do": "work"})])))
    assert "no step ended within" in last["a"][0].error
    assert last["b"][0].answer
    assert last["c"][0].answer


def test_a_task_that_takes_too_long_is_killed_although_it_steps(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool(Limits(0.6, 60, retries=0, retry_delay=0))
    last = ended(list(pool.run([("a", {"do": "step for ever"}), ("b", {"do": "work"})])))
    assert "training.minutes_per_coin" in last["a"][0].error
    assert last["b"][0].answer


def test_an_idle_worker_that_dies_is_replaced(make_pool: Callable[..., WorkerPool]) -> None:
    pool = make_pool(Limits(60, 60, retries=1, retry_delay=0.0), size=2)
    pids = {each.text for each in pool.run([("a", {"do": "work"}), ("b", {"do": "work"})]) if isinstance(each, Stepped)}
    for text in pids:
        os.kill(int(text.removeprefix("pid ")), signal.SIGKILL)
    last = ended(list(pool.run([("c", {"do": "work"}), ("d", {"do": "work"})])))
    assert last["c"][-1].answer
    assert last["d"][-1].answer


def test_leaving_the_pool_leaves_no_process(make_pool: Callable[..., WorkerPool]) -> None:
    with make_pool() as pool:
        happened = pool.run([("a", {"do": "hang"})])
        text = next(each.text for each in happened if isinstance(each, Stepped))
    assert not psutil.pid_exists(int(text.removeprefix("pid ")))


def test_workers_die_with_the_process_that_started_them(tmp_path: Path) -> None:
    (tmp_path / "obedient.py").write_text(WORKER)
    program = textwrap.dedent(
        """
        from huracan_training.pool import Limits, Stepped, WorkerPool
        with WorkerPool("obedient", {}, 1, Limits(60, 60, 0, 0)) as pool:
            for happened in pool.run([("a", {"do": "hang"})]):
                if isinstance(happened, Stepped):
                    print(happened.text.split()[1], flush=True)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
