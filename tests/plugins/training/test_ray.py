"""A night on a real Ray cluster of two nodes on this machine, one of which dies in the middle."""

from __future__ import annotations

import hashlib
import importlib.util
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context, RunInfo
from huracan.errors import TryAgainError, UsageError
from huracan.store import ItemState
from huracan.types import Outcome
from huracan_training import job
from huracan_training.ray_pool import versions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install 'huracan-engine[ray]'"),
    # Ray's own modules use what later versions of its libraries warn about.
    pytest.mark.filterwarnings("ignore"),
]
Make = Callable[..., Any]
STABLE = ("model.bin", "metrics.json", "features.json", "inputs.json", "config.json", "costs.json")


class TwoNodes:
    """A head and a second node of one processor each, as Ray's own tests start them."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        self._second = self._cluster.add_node(num_cpus=1)

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def kill_second(self) -> None:
        self._cluster.remove_node(self._second, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()  # type: ignore[no-untyped-call]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def cluster(kit: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(kit))
    nodes = TwoNodes()
    try:
        yield nodes
    finally:
        nodes.close()


def digests(context: Context) -> dict[str, str]:
    return {
        f"{file.parent.parent.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in context.paths.workspace.glob("models/*")
        for file in sorted(folder.iterdir())[-1].iterdir()
        if file.name in STABLE
    }


def forced(context: Context) -> Context:
    run = context.current_run
    row = context.store.ledger.begin_run("nightly", run.run_date, run.as_of, run.as_of, force=True, jobs=["train"])
    return context.with_run(RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of, "train"), context.clock)


class KillsANode:
    """Progress that kills the second node when a coin on the cluster is in the middle of its folds."""

    def __init__(self, cluster: TwoNodes) -> None:
        self._cluster = cluster
        self.killed = False

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        if "fold 1/" in text and not self.killed:
            self.killed = True
            self._cluster.kill_second()

    def extend(self, seconds: float) -> None: ...

    def stall_limit(self, seconds: float | None) -> None: ...


@pytest.mark.soak
def test_a_night_whose_node_dies_loses_nothing_and_gives_the_bytes_of_a_local_one(
    coins: Make, cluster: TwoNodes
) -> None:
    night = coins("EDGE-USDT", "BTC-USDT", "AAA-USDT", "BBB-USDT", "EDGEB-USDT", "CCC-USDT")
    local = night.context()
    assert job.run(local).outcome is Outcome.DONE
    before = digests(local)
    assert len(before) == 6 * len(STABLE)
    progress = KillsANode(cluster)
    away = replace(forced(night.context(executor="ray", address=cluster.address)), progress=progress)
    result = job.run(away)
    assert progress.killed
    assert result.outcome is Outcome.DONE, result
    assert digests(away) == before
    items = away.store.ledger.items("train", away.current_run.run_date)
    assert {row.state for row in items.values()} == {ItemState.COMPLETED}


def test_a_cluster_of_its_own_is_started_and_ended_and_a_coin_that_raises_costs_only_itself(
    coins: Make, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(kit))
    context = coins("EDGE-USDT", "AAA-USDT").context(executor="ray", trainer="raise", retries=0)
    result = job.run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == ("AAA-USDT: attempt 1: RuntimeError: this trainer knows no better",)
    import ray

    assert not ray.is_initialized()


def test_a_cluster_that_does_not_answer_is_said_in_one_line(coins: Make) -> None:
    with pytest.raises(TryAgainError, match="the Ray cluster does not answer"):
        job.run(coins("EDGE-USDT").context(executor="ray", address=f"127.0.0.1:{free_port()}"))


def test_a_node_with_other_versions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from huracan_training import ray_pool

    wanted = {**versions(), "lightgbm": "3.1", "numpy": versions()["numpy"]}
    assert ray_pool._other_versions(wanted) == f"lightgbm {versions()['lightgbm']} in place of 3.1"
    assert ray_pool._other_versions(versions()) == ""


def test_without_ray_the_owner_is_told_what_to_install(coins: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'huracan-engine\[ray\]'"):
        job.run(coins("EDGE-USDT").context(executor="ray"))
