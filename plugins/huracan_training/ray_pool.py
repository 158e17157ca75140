"""Runs the tasks of a night on a Ray cluster: the same interface as :class:`huracan_training.pool.WorkerPool`.

Candle files, the encoder and champions travel as objects that every node fetches once; results come back as bytes, and
this process alone writes them. A node that dies takes its tasks with it: they are given to another one, and that does
not count as a failure of the coin. Nodes need the same versions of everything that shapes a model, or are refused.
"""

from __future__ import annotations

import contextlib
import os
import platform
import random
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from huracan.errors import DataError, TryAgainError, UsageError
from huracan_training.carried import CarriedFiles, LocalFiles
from huracan_training.challenge import CHAMPION_FILES
from huracan_training.pool import ONE_THREAD, Ended, Limits, Started, Stepped

__all__ = ["RayPool", "carried_paths", "versions"]

POLL_SECONDS = 0.1
MOST_LOST_NODES = 10
"""How often a task may lose its node before that counts as the task's own fault."""

LIBRARIES = ("huracan-engine", "lightgbm", "xgboost", "xgboost-cpu", "optuna", "numpy", "scipy", "polars", "TA-Lib")


def versions() -> dict[str, str]:
    """Return the versions that decide about a model's bytes."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def carried_paths(message: Mapping[str, Any]) -> dict[str, bool]:
    """Return the files that a task reads, and whether each lies in the cache, where its digest is checked."""
    paths = {message["source"]["file"]: True}
    paths |= {each["file"]: True for each in message["references"].values()}
    paths |= {message[name]: cached for name, cached in (("funding", True), ("encoder", False)) if message[name]}
    if message["champion"]:
        paths |= {f"{message['champion']}/{name}": False for name in CHAMPION_FILES}
    return paths


def perform_elsewhere(
    greeting: Mapping[str, Any], message: Mapping[str, Any], paths: Sequence[str], steps: Any, *contents: bytes
) -> dict[str, Any]:
    """Do one task on whichever node this is, and return what is said of it and the files it wrote."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    key = message["symbol"]
    steps.say.remote(key, greeting["attempt"], "", node)
    if wrong := _other_versions(greeting["versions"]):
        return {"error": f"node {node[:8]} has {wrong}: its models would differ", "permanent": True, "details": ""}
    from huracan.plugin.manager import Plugins
    from huracan_training.work import explained, perform

    _see(greeting["path"])
    plugins = Plugins(only=greeting["plugins"], prefer=greeting["prefer"])
    for name, reason in greeting.get("without", {}).items():
        plugins.leave_out_features(name, reason)
    files = CarriedFiles(dict(zip(paths, contents, strict=True)))
    try:
        answer = perform(
            message, plugins.features(), plugins.trainers(), files,
            lambda text: steps.say.remote(key, greeting["attempt"], text, node),
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - whatever a trainer or feature raises costs its coin alone
        return explained(error)
    return {"answer": answer, "files": files.written}


def _other_versions(wanted: Mapping[str, str]) -> str:
    here = versions()
    differ = [
        f"{name} {here.get(name, 'missing')} in place of {wanted.get(name, 'none')}"
        for name in sorted({*here, *wanted})
        if here.get(name) != wanted.get(name)
    ]
    return ", ".join(differ)


def _see(folders: Sequence[str]) -> None:
    """Let imports see what the night's own process sees, where this machine has it."""
    import sys

    sys.path += [folder for folder in folders if folder not in sys.path and Path(folder).exists()]


class StepBook:
    """An actor beside the night's own process: it hears of steps from all nodes and is emptied by the pool."""

    def __init__(self) -> None:
        self._said: list[tuple[str, int, str, str]] = []

    def say(self, key: str, attempt: int, text: str, node: str) -> None:
        self._said.append((key, attempt, text, node))

    def take(self) -> list[tuple[str, int, str, str]]:
        said, self._said = self._said, []
        return said


@dataclass
class _Task:
    key: str
    message: dict[str, Any]
    attempt: int = 1
    lost: int = 0
    not_before: float = 0.0
    reference: Any = None
    node: str = ""
    began: float = 0.0
    stepped: float = 0.0


@dataclass
class RayPool:
    """Runs tasks on the cluster at ``address`` (host:port), or on one of ``size`` processors that is started here."""

    greeting: Mapping[str, Any]
    size: int
    limits: Limits
    address: str = ""
    _objects: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._ray = _import_ray()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody about a stranger's nights
        if self.address:
            _knock(self.address)
        stop = signal.getsignal(signal.SIGTERM)
        where = {"address": self.address} if self.address else {"num_cpus": self.size, "include_dashboard": False}
        try:
            self._ray.init(
                **where, log_to_driver=False, logging_level="ERROR", configure_logging=False,
                runtime_env={"env_vars": ONE_THREAD},
            )  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            line = " ".join(str(error).split())[:300]
            raise TryAgainError(f"training.address {self.address!r}: the Ray cluster does not answer: {line}") from None
        signal.signal(signal.SIGTERM, stop)  # Ray puts a handler of its own there, which would end us as a failure
        here = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            self._ray.get_runtime_context().get_node_id(), soft=False
        )
        self._steps = self._ray.remote(StepBook).options(num_cpus=0, scheduling_strategy=here).remote()
        self._work = self._ray.remote(perform_elsewhere).options(num_cpus=1, max_retries=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def run(self, tasks: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[Started | Stepped | Ended]:
        """Yield what happens until every task has ended for good, in the order in which it is heard of."""
        waiting = deque(_Task(key, dict(message)) for key, message in tasks)
        running: dict[str, _Task] = {}
        while waiting or running:
            for task in [each for each in waiting if each.not_before <= time.monotonic()]:
                waiting.remove(task)
                failed = self._submit(task)
                if failed is None:
                    running[task.key] = task
                else:
                    yield Ended(task.key, task.attempt, 0.0, None, failed, True)
            yield from self._heard(running)
            for task in self._finished(running):
                yield from self._heard(running)
                del running[task.key]
                yield from self._ended(task, waiting)
            for task in [each for each in running.values() if self._overdue(each)]:
                self._ray.cancel(task.reference, force=True)
                del running[task.key]
                yield self._failed(task, self._overdue(task), waiting)

    def _submit(self, task: _Task) -> str | None:
        """Hand a task to the cluster; what is wrong with its files is returned."""
        paths = carried_paths(task.message)
        try:
            contents = [self._object(path, candles=candles) for path, candles in paths.items()]
        except DataError as error:
            return str(error)
        greeting = {**self.greeting, "versions": versions(), "attempt": task.attempt}
        task.node, task.began = "", 0.0
        task.reference = self._work.remote(greeting, task.message, list(paths), self._steps, *contents)
        return None

    def _object(self, path: str, *, candles: bool) -> Any:
        """Put a file into the cluster, once."""
        if path not in self._objects:
            local = LocalFiles(Path())
            self._objects[path] = self._ray.put(local.candles(path) if candles else local.read(path))
        return self._objects[path]

    def _heard(self, running: Mapping[str, _Task]) -> Iterator[Started | Stepped]:
        for key, attempt, text, node in self._ray.get(self._steps.take.remote()):
            task = running.get(key)
            if task is None or attempt != task.attempt:
                continue
            task.stepped = time.monotonic()
            if text:
                yield Stepped(key, text)
            else:
                task.node, task.began = node, task.stepped
                yield Started(key, attempt)

    def _finished(self, running: Mapping[str, _Task]) -> list[_Task]:
        by_reference = {task.reference: task for task in running.values()}
        if not by_reference:
            time.sleep(POLL_SECONDS)
            return []
        done, _ = self._ray.wait(list(by_reference), num_returns=len(by_reference), timeout=POLL_SECONDS)
        return [by_reference[each] for each in done]

    def _ended(self, task: _Task, waiting: deque[_Task]) -> Iterator[Ended]:
        seconds = time.monotonic() - task.began if task.began else 0.0
        try:
            said = self._ray.get(task.reference)
        except self._ray.exceptions.RayError as error:
            yield self._lost(task, error, waiting)
            return
        if "error" in said:
            if said["permanent"]:
                yield Ended(task.key, task.attempt, seconds, None, said["error"], True, said["details"])
            else:
                yield self._failed(task, said["error"], waiting, said["details"])
            return
        if "files" in said:
            files = LocalFiles(Path(task.message["folder"]))
            if task.message["work"] == "train":
                files.begin(keep="")
            for name, content in sorted(said["files"].items()):
                files.write(name, content)
        yield Ended(task.key, task.attempt, seconds, said["answer"], "", True)

    def _lost(self, task: _Task, error: Exception, waiting: deque[_Task]) -> Ended:
        """A worker or its whole node is gone."""
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        gone = isinstance(error, self._ray.exceptions.NodeDiedError) or (task.node and task.node not in alive)
        if gone and task.lost < MOST_LOST_NODES:
            seconds = time.monotonic() - task.began if task.began else 0.0
            ended = Ended(task.key, task.attempt, seconds, None, f"its node {task.node[:8]} died", False)
            task.lost += 1
            task.attempt += 1
            waiting.append(task)
            return ended
        return self._failed(task, f"the worker process died ({type(error).__name__})", waiting)

    def _failed(self, task: _Task, reason: str, waiting: deque[_Task], details: str = "") -> Ended:
        """Put a failed task back, to be tried after a delay that doubles and is drawn between its half and whole."""
        seconds = time.monotonic() - task.began if task.began else 0.0
        tries = task.attempt - task.lost
        final = tries > self.limits.retries
        ended = Ended(task.key, task.attempt, seconds, None, reason, final, details)
        if not final:
            delay = self.limits.retry_delay * 2.0 ** (tries - 1)
            task.not_before = time.monotonic() + delay * random.uniform(0.5, 1.0)
            task.attempt += 1
            waiting.append(task)
        return ended

    def _overdue(self, task: _Task) -> str:
        """Say which limit a task that has begun is past; one that waits for a free processor has time."""
        if not task.began:
            return ""
        now = time.monotonic()
        if now >= task.began + self.limits.task_seconds:
            return f"stopped: it took longer than {self.limits.task_seconds / 60:g} minutes (training.minutes_per_coin)"
        if now >= task.stepped + self.limits.step_seconds:
            limit = self.limits.step_seconds / 60
            return f"stopped: no step ended within {limit:g} minutes (training.minutes_per_step)"
        return ""


def _knock(address: str) -> None:
    """Ask whether anybody listens there at all: Ray itself would wait for minutes.

    Raises UsageError for what is no address, TryAgainError where nobody answers.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(
            f"training.address {address!r} is no address; write it as host:port, as `ray start --head` says"
        )
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        reason = error.strerror or error
        raise TryAgainError(f"training.address {address!r}: the Ray cluster does not answer: {reason}") from None


def _import_ray() -> ModuleType:
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise UsageError(
            "training.executor is ray, but Ray is not installed: pip install 'huracan-engine[ray]'"
        ) from None
    return ray
