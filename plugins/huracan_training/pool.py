"""A few worker processes that train coins: started afresh, watched, killed and replaced one by one.

Each worker is a program of its own with one socket to this process. Nothing is shared between workers, so that one
that is killed at any instruction (by a limit, by the kernel when memory ends) takes only its own task with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, Self

__all__ = ["Ended", "Limits", "Pool", "Started", "Stepped", "WorkerPool"]

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
    ),
    "1",
)  # fmt: skip
"""Set before the worker imports anything: more threads than cores are many times slower, not faster."""

KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**29), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
"""For glibc: a worker's arrays are of the same sizes for every coin. Giving their memory back and asking for it again
costs as much as computing the features of a long history."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds a task may take, seconds between two of its steps, and how a failed one is tried again."""

    task_seconds: float
    step_seconds: float
    retries: int
    retry_delay: float


@dataclass(frozen=True, slots=True)
class Started:
    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """A worker finished a step of a task."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt is over: ``answer`` from the worker, or ``error`` where it raised, died or was killed.

    ``final`` says that it is not tried again; ``details`` is the traceback of what was raised.
    """

    key: str
    attempt: int
    seconds: float
    answer: Mapping[str, Any] | None
    error: str
    final: bool
    details: str = ""


class Pool(Protocol):
    """Something that runs tasks, here or elsewhere; as a context manager it ends whatever still runs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def run(self, tasks: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Started | Stepped | Ended]:
        """Yield what happens until every task (key and message) has ended for good."""
        ...


@dataclass
class _Task:
    key: str
    message: Mapping[str, Any]
    attempt: int = 0
    not_before: float = 0.0


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    task: _Task | None = None
    began: float = 0.0
    stepped: float = 0.0


@dataclass
class WorkerPool:
    """Runs tasks in worker processes; use it as a context manager, which kills whatever still runs at its end.

    ``greeting`` is the first message each worker gets; ``module`` is run with the number of its socket.
    """

    module: str
    greeting: Mapping[str, Any]
    size: int
    limits: Limits
    guard: Callable[[Sequence[int]], bool] = lambda _pids: True
    """Asked with the ids of the running workers before another one is started."""
    _workers: list[_Worker] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self._workers):
            self._remove(worker)

    def run(self, tasks: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Started | Stepped | Ended]:
        """Yield what happens until every task has ended for good, in the order in which it happens."""
        waiting = deque(_Task(key, message) for key, message in tasks)
        while waiting or any(worker.task for worker in self._workers):
            yield from self._hand_out(waiting)
            for worker in self._ready(waiting):
                yield from self._listen(worker, waiting)
            for worker in [each for each in self._workers if each.task]:
                reason = self._overdue(worker)
                if reason:
                    yield self._lost(worker, reason, waiting)

    def _hand_out(self, waiting: deque[_Task]) -> Iterator[Started]:
        idle = [worker for worker in self._workers if worker.task is None]
        for task in [each for each in waiting if each.not_before <= time.monotonic()]:
            if idle:
                worker = idle.pop()
            elif len(self._workers) < self.size and self.guard([each.process.pid for each in self._workers]):
                worker = self._start()
            else:
                return
            waiting.remove(task)
            task.attempt += 1
            worker.task = task
            worker.began = worker.stepped = time.monotonic()
            with contextlib.suppress(OSError):  # it died while idle: its socket says so below and the task goes on
                worker.connection.send_bytes(json.dumps(task.message).encode())
            yield Started(task.key, task.attempt)

    def _start(self) -> _Worker:
        here, there = socket.socketpair()
        with there:
            process = subprocess.Popen(
                [sys.executable, "-m", self.module, str(there.fileno()), str(os.getpid())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno() if _has_descriptor(sys.stderr) else subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD, **KEPT_MEMORY},
                # Linux shares cores out by session (sched_autogroup): all workers in one would count as much as a
                # single busy process elsewhere, and stay together on the core that it leaves. They die with us anyway.
                start_new_session=True,
            )
        worker = _Worker(process, Connection(here.detach()))
        self._workers.append(worker)
        with contextlib.suppress(OSError):
            worker.connection.send_bytes(json.dumps({**self.greeting, "path": sys.path}).encode())
        return worker

    def _ready(self, waiting: deque[_Task]) -> list[_Worker]:
        """Wait until a worker has something to say or a limit is reached."""
        now = time.monotonic()
        moments = [self._deadline(worker) for worker in self._workers if worker.task]
        moments += [task.not_before for task in waiting if task.not_before > now]
        timeout = max(0.0, min(moments, default=now) - now)
        by_connection = {worker.connection: worker for worker in self._workers}
        return [by_connection[c] for c in wait(list(by_connection), timeout) if isinstance(c, Connection)]

    def _listen(self, worker: _Worker, waiting: deque[_Task]) -> Iterator[Stepped | Ended]:
        try:
            message = json.loads(worker.connection.recv_bytes())
        except (EOFError, OSError, ValueError):
            yield from self._died(worker, waiting)
            return
        task = worker.task
        if task is None:
            return
        if "step" in message:
            worker.stepped = time.monotonic()
            yield Stepped(task.key, message["step"])
            return
        worker.task = None
        seconds = time.monotonic() - worker.began
        if "error" in message:
            final = message["permanent"] or not self._again(task, waiting)
            yield Ended(task.key, task.attempt, seconds, None, message["error"], final, message["details"])
        else:
            yield Ended(task.key, task.attempt, seconds, message["answer"], "", True)

    def _died(self, worker: _Worker, waiting: deque[_Task]) -> Iterator[Ended]:
        if worker.task is None:
            self._remove(worker)
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(5)
        code = worker.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
        yield self._lost(worker, f"the worker process {how}", waiting)

    def _lost(self, worker: _Worker, reason: str, waiting: deque[_Task]) -> Ended:
        task, seconds = worker.task, time.monotonic() - worker.began
        assert task is not None
        self._remove(worker)
        return Ended(task.key, task.attempt, seconds, None, reason, not self._again(task, waiting))

    def _again(self, task: _Task, waiting: deque[_Task]) -> bool:
        """Put a failed task back, to be tried after a delay that doubles and is drawn between its half and whole."""
        if task.attempt > self.limits.retries:
            return False
        delay = self.limits.retry_delay * 2.0 ** (task.attempt - 1)
        task.not_before = time.monotonic() + delay * random.uniform(0.5, 1.0)
        waiting.append(task)
        return True

    def _deadline(self, worker: _Worker) -> float:
        return min(worker.began + self.limits.task_seconds, worker.stepped + self.limits.step_seconds)

    def _overdue(self, worker: _Worker) -> str:
        now = time.monotonic()
        if now >= worker.began + self.limits.task_seconds:
            return f"stopped: it took longer than {self.limits.task_seconds / 60:g} minutes (training.minutes_per_coin)"
        if now >= worker.stepped + self.limits.step_seconds:
            limit = self.limits.step_seconds / 60
            return f"stopped: no step ended within {limit:g} minutes (training.minutes_per_step)"
        return ""

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.wait()
        worker.connection.close()


def _has_descriptor(stream: Any) -> bool:
    try:
        stream.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return True
