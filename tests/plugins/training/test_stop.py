"""A night that is told to stop: at once, without orphans, and it goes on later as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from forked import run_huracan
from huracan_training.coin import CoinTask, Source
from huracan_training.job import by_priority
from waiting import wait_until

AS_OF = "2024-01-01"
ROSTER = {**os.environ, "HURACAN_PLUGINS_ONLY": "exchanges,universe,candles,features,training"}
"""The environment of a night from the exchange to the roster, without what is made of it."""
SEARCH = {"trials": 2}
"""So that each coin takes long enough to be stopped in."""


def command(settings: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "huracan", "-c", str(settings), *words]


def write_settings(folder: Path, workspace: str, **training: Any) -> Path:
    settings = folder / f"{workspace}.yaml"
    settings.write_text(
        json.dumps(
            {
                "workspace": str(folder / workspace),
                "exchange": {"name": "simulated", "start": "2023-06-01"},
                "universe": {"top": 4},
                "candles": {"days": 150},
                "training": {"workers": 2, "folds": 3, **training},
            }
        )
    )
    return settings


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the night leaves where nobody stops it."""
    settings = write_settings(tmp_path_factory.mktemp("calm"), "calm", search=SEARCH)
    ended = run_huracan("-c", str(settings), "run", "nightly", "--as-of", AS_OF, env=ROSTER, timeout=600)
    assert ended.returncode == 0, ended.stderr
    return models(settings)


def models(settings: Path) -> dict[str, bytes]:
    workspace = Path(json.loads(settings.read_text())["workspace"])
    return {
        f"{file.parent.parent.name}/{file.name}": file.read_bytes()
        for file in workspace.glob("models/*/*/*")
        if file.name in ("model.bin", "metrics.json", "config.json")
    }


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["parent alone", pytest.param("whole group", marks=pytest.mark.soak)])
def test_a_night_told_to_stop_ends_at_once_without_orphans_and_goes_on_later(
    calm: dict[str, bytes], tmp_path: Path, whom: str
) -> None:
    stopped = write_settings(tmp_path, "stopped", search=SEARCH)
    process = subprocess.Popen(
        command(stopped, "run", "nightly", "--as-of", AS_OF), start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, env=ROSTER,
    )  # fmt: skip
    wait_until(lambda: any((tmp_path / "stopped").glob("models/*/*/features.parquet")))
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2, "the job and a worker"
    began = time.monotonic()
    if whom == "parent alone":
        process.send_signal(signal.SIGTERM)
    else:
        os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    took = time.monotonic() - began
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    wait_until(lambda: not any(alive(child) for child in family))
    assert took < 20, "10 s are promised on a machine that does nothing else"
    told = subprocess.run(
        command(stopped, "status", "--json"), capture_output=True, text=True, check=True, env=ROSTER
    ).stdout
    assert "interrupted" in told
    before = set(models(stopped))
    ended = subprocess.run(
        command(stopped, "run", "nightly", "--as-of", AS_OF), check=False, capture_output=True, text=True, env=ROSTER
    )
    assert ended.returncode == 0, ended.stderr
    assert before <= set(models(stopped))
    assert models(stopped) == calm


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def task(symbol: str) -> CoinTask:
    return CoinTask(symbol, "", Source("", 0), {}, "1h", 0, {}, {})


def test_coins_whose_champion_is_oldest_come_first_then_those_without_one() -> None:
    ranked = [task(f"{name}-USDT") for name in "ABCDE"]
    champions = {"D-USDT": "2024-01-03T00:00:00Z", "B-USDT": "2024-01-09T00:00:00Z", "E-USDT": "2023-12-30T00:00:00Z"}
    assert [each.symbol[0] for each in by_priority(ranked, champions)] == ["E", "D", "B", "A", "C"]


@pytest.mark.slow
def test_the_command_line_chooses_coins_for_one_run(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, "chosen", parameters={"trees": 20})
    (tmp_path / "mine.txt").write_text("ETH-USDT\nAURA-USDT\n")
    words = ("run", "nightly", "--as-of", AS_OF, "--symbols", "mine.txt", "--json")
    ended = subprocess.run(
        command(settings, *words), cwd=tmp_path, capture_output=True, text=True, check=True, env=ROSTER
    )
    train = next(each for each in json.loads(ended.stdout)["jobs"] if each["job"] == "train")
    assert train["summary"].startswith("2 trained")
    assert {path.name for path in (tmp_path / "chosen" / "models").iterdir()} == {"ETH-USDT", "AURA-USDT"}
