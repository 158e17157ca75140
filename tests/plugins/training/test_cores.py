from __future__ import annotations

import os
from pathlib import Path

import pytest

from huracan_training.cores import usable_cores, worker_count


def group(root: Path, name: str, **files: str) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file.replace("_", ".", 1)).write_text(text)


def test_a_quota_of_any_group_above_counts(tmp_path: Path) -> None:
    here = tmp_path / "membership"
    here.write_text("0::/huracan.slice/job\n")
    group(tmp_path, "huracan.slice", cpu_max="100000 100000\n")
    group(tmp_path, "huracan.slice/job", cpu_max="max 100000\n")
    assert usable_cores(tmp_path, here) == 1


def test_without_quota_affinity_decides(tmp_path: Path) -> None:
    assert usable_cores(tmp_path, tmp_path / "nothing") == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["", "garbage", "0 0", "50000 0", "-1 x"])
def test_a_quota_that_makes_no_sense_is_passed_over(tmp_path: Path, text: str) -> None:
    group(tmp_path, ".", cpu_max=text)
    assert usable_cores(tmp_path, tmp_path / "nothing") == len(os.sched_getaffinity(0))


def test_a_quota_below_one_core_is_one_worker(tmp_path: Path) -> None:
    group(tmp_path, ".", cpu_max="20000 100000")
    assert usable_cores(tmp_path, tmp_path / "nothing") == 1


@pytest.mark.parametrize(
    ("wanted", "cap", "coins", "cores", "one", "expected"),
    [(0, 12, 20, 2, False, 2), (0, 12, 20, 64, False, 12), (4, 12, 20, 2, False, 4), (0, 12, 1, 8, False, 1),
     (8, 12, 20, 8, True, 1), (0, 12, 0, 8, False, 1)],
)  # fmt: skip
def test_workers_follow_cores_cap_and_coins(
    wanted: int, cap: int, coins: int, cores: int, one: bool, expected: int
) -> None:
    assert worker_count(wanted, cap, coins, cores, one=one) == expected
