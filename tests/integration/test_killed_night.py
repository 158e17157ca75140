"""SIGKILL at many moments of a night, started again each time: the same bytes, and nothing done twice."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import ROSTER

pytestmark = pytest.mark.slow

SETTINGS = {
    "exchange": {"name": "simulated"},
    "universe": {"quote": "USDT", "top": 8},
    "candles": {"timeframe": "1h", "days": 90},
    # More trees than usual: a night that is over in a moment cannot be killed often.
    "training": {"folds": 3, "workers": 2, "parameters": {"trees": 400, "leaf_share": 0.0}},
}
AS_OF = ("run", "nightly", "--as-of", "2025-06-30")


def completed(night: Any) -> dict[str, int]:
    """Return the attempts of each coin that the ledger's view calls completed."""
    file = night.workspace / "runs/20250630Z/status.json"
    if not file.exists():
        return {}
    items = json.loads(file.read_text())["items"]
    return {item["item"]: item["attempts"] for item in items if item["state"] == "completed"}


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_night_that_is_killed_many_times_ends_as_if_it_never_was(times: int, make_night: Callable[..., Any]) -> None:
    calm, killed = (make_night(SETTINGS, name, ROSTER) for name in ("calm", "killed"))
    started = time.perf_counter()
    assert calm.run(*AS_OF).returncode == 0
    whole = time.perf_counter() - started

    chance = random.Random(20)
    kills, known = 0, completed(killed)
    while kills < times:
        process = killed.start(*AS_OF)
        try:
            # From the first imports to the end of a coin or two: most starts lose something, some get on.
            process.wait(timeout=whole * chance.uniform(0.05, 0.25))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        now = completed(killed)
        assert known.items() <= now.items(), "a completed coin was lost or trained again"
        known = now
    ended = killed.run(*AS_OF)
    assert ended.returncode in (0, 4), ended.stderr[-3000:]
    assert kills >= times // 2, "the night was over before it could be killed often"
    assert known.items() <= completed(killed).items()
    assert len(completed(killed)) == 8
    assert killed.digests() == calm.digests()
    assert {len(folders) for folders in killed.model_folders().values()} == {1}
    assert not list(killed.workspace.rglob("*.tmp"))
    for name in ("champions/roster.json", "runs/20250630Z/universe.json"):
        assert (killed.workspace / name).read_bytes() == (calm.workspace / name).read_bytes()
    print(f"{kills} kills, {whole:.0f} s without any")
