"""No worker is started that would make the box swap."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.context import Context
from huracan_training import job, machine
from huracan_training.memory import GIB, MIB, MemoryGuard, available_memory, resident
from huracan_training.pool import Limits, WorkerPool

SIZES = st.lists(st.integers(0, 2000), max_size=12)


@given(free=st.integers(0, 20_000), sizes=SIZES, needed=st.integers(1, 2000), reserve=st.integers(0, 4000))
def test_what_is_started_leaves_the_reserve_even_when_every_worker_has_grown(
    free: int, sizes: list[int], needed: int, reserve: int
) -> None:
    guard = MemoryGuard(needed, reserve)
    guard.saw(sizes)
    if guard.allows(free, sizes) and sizes:
        grown = sum(max(0, guard.needed - size) for size in sizes)
        assert free - grown - guard.needed >= reserve


@given(free=st.integers(0, 20_000), needed=st.integers(1, 2000), reserve=st.integers(0, 4000))
def test_one_worker_may_always_start(free: int, needed: int, reserve: int) -> None:
    assert MemoryGuard(needed, reserve).allows(free, [])


def test_a_night_of_large_workers_is_learned_from() -> None:
    guard = MemoryGuard(300, 500)
    assert guard.allows(1500, [300])
    guard.saw([900])
    assert guard.needed == 900
    assert not guard.allows(1300, [900])


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_the_limit_of_a_group_above_counts_and_its_page_cache_does_not(tmp_path: Path) -> None:
    group(
        tmp_path / "a",
        memory__max=f"{GIB}\n",
        memory__current=f"{900 * MIB}\n",
        memory__stat=f"inactive_file {500 * MIB}\n",
    )
    group(tmp_path / "a" / "b", memory__max="max\n", memory__current=f"{100 * MIB}\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/a/b\n")
    assert available_memory(tmp_path, membership) == min(624 * MIB, psutil.virtual_memory().available)


def test_without_any_limit_the_kernel_is_believed(tmp_path: Path) -> None:
    free = available_memory(tmp_path, tmp_path / "none")
    assert free == pytest.approx(psutil.virtual_memory().available, rel=0.3)


def test_a_process_that_is_gone_needs_nothing() -> None:
    assert resident(2**22 + 17) == 0
    assert resident(os.getpid()) > 10 * MIB


def test_a_pool_that_may_start_no_second_worker_does_all_work_with_one() -> None:
    asked: list[int] = []

    def one(pids: Any) -> bool:
        asked.append(len(pids))
        return not pids

    limits = Limits(60, 60, 0, 0.0)
    tasks: list[tuple[str, dict[str, Any]]] = [(name, {"folder": "/nowhere"}) for name in "abc"]
    with WorkerPool("huracan_training.worker", {"plugins": [], "prefer": {}}, 3, limits, one) as pool:
        ended = [each for each in pool.run(tasks) if hasattr(each, "final")]
    assert len(ended) == 3, "each ends, with an error: it is no task"
    assert max(asked) == 1


def test_a_small_machine_uses_the_small_trainer_and_says_so(
    coins: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    night = coins("EDGE-USDT")
    context: Context = night.context(trainer="auto", parameters={})
    monkeypatch.setattr(machine, "available_memory", lambda: GIB)
    assert machine.settled(context).trainer == "logistic"
    assert "the small trainer logistic is used" in caplog.text
    job.run(context)
    config = next(context.paths.workspace.glob("models/*/*/config.json")).read_text()
    assert '"trainer": "logistic"' in config
    monkeypatch.setattr(machine, "available_memory", lambda: 3 * GIB)
    assert machine.settled(context).trainer == "lightgbm"
