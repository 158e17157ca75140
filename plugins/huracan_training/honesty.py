"""Plays whole nights on markets whose truth is known, and counts how often luck and skill become champions.

Two worlds of the simulated exchange: in ``none`` nothing can be foretold, in ``memory`` every coin carries an edge that
is worth a known Sharpe ratio after costs. Each night is the real command in a process of its own, on 20 coins, as the
product is used: the deflated Sharpe ratio counts the coins of a night.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

from huracan.errors import TryAgainError

__all__ = ["Plan", "Rate", "World", "play", "wilson"]

COINS_PER_NIGHT = 20
"""The default of ``universe.top``."""

AS_OF, FIRST_YEAR = "2024-01-01", 2024
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: coins of each world, years of history, the Sharpe ratio that is planted, where, and how."""

    coins: int
    years: int
    sharpe: float
    seed: int
    workers: int
    folder: Path


@dataclass(slots=True)
class World:
    """How a world went: coins judged and champions among them, which gates said no, and what the models measured."""

    name: str
    coins: int = 0
    champions: int = 0
    skipped: int = 0
    failed_gates: Counter[str] = field(default_factory=Counter)
    sharpes: list[float] = field(default_factory=list)

    @property
    def rate(self) -> Rate:
        return Rate(self.champions, self.coins)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of champions with its 95 % interval."""

    champions: int
    coins: int

    @property
    def share(self) -> float:
        return self.champions / self.coins if self.coins else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.champions, self.coins)


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927); (0, 1) without trials."""
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    share, spread = successes / trials, z * z / trials
    centre = share + spread / 2.0
    half = z * math.sqrt(share * (1.0 - share) / trials + spread / (4.0 * trials))
    low, high = (centre - half) / (1.0 + spread), (centre + half) / (1.0 + spread)
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


def play(plan: Plan, name: str, tell: Callable[[World, int, int], None]) -> World:
    """Play the nights of one world and return how it went; ``tell`` hears of each night that ended.

    A night that was played before in the same folder is read, not played again.
    Raises TryAgainError where a night does not come to its end.
    """
    world = World(name)
    nights = math.ceil(plan.coins / COINS_PER_NIGHT)
    for night in range(nights):
        coins = min(COINS_PER_NIGHT, plan.coins - night * COINS_PER_NIGHT)
        _count(world, _night(plan, name, night, coins))
        tell(world, night + 1, nights)
    return world


def _night(plan: Plan, name: str, night: int, coins: int) -> Mapping[str, Any]:
    """Play one night, unless its answer is there already, and return what ``huracan results --json`` says of it."""
    folder = plan.folder / f"{name}-{night + 1:03d}"
    answer = folder / "results.json"
    settings = folder / "settings.yaml"
    wanted = json.dumps(_settings(plan, name, night, coins, folder / "workspace"), indent=2)
    if not (answer.is_file() and settings.is_file() and settings.read_text("utf-8") == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        settings.write_text(wanted, "utf-8")  # JSON is YAML as well
        _command(settings, "run", "nightly", "--as-of", AS_OF)
        answer.write_text(_command(settings, "results", "--json"), "utf-8")
        shutil.rmtree(folder / "workspace", ignore_errors=True)
    document: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    return document


def _settings(plan: Plan, name: str, night: int, coins: int, workspace: Path) -> dict[str, Any]:
    days = plan.years * YEAR_DAYS
    exchange = {"name": "simulated", "seed": plan.seed + night, "edge": name, "coins": 60,
                "start": f"{FIRST_YEAR - plan.years - 1}-06-01"}  # fmt: skip
    if name == "memory":
        exchange["edge_sharpe"] = plan.sharpe
    # BTC carries no edge; two coins break in the middle of their history, and young ones prove nothing either way.
    odd = ["BTC-USDT", "HALT-USDT", "SPLIT-USDT"]
    return {
        "workspace": str(workspace),
        "exchange": exchange,
        "universe": {"top": coins, "exclude": odd, "min_age_days": float(days)},
        "candles": {"days": days},
        "training": {"workers": plan.workers},
    }


def _command(settings: Path, *words: str) -> str:
    """Run ``huracan`` and return what it prints. Raises TryAgainError with its last line where it fails."""
    arguments = [sys.executable, "-m", "huracan", "-c", str(settings), *words]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        lines = (ended.stderr or ended.stdout).strip().splitlines() or ["it said nothing"]
        raise TryAgainError(f"huracan {' '.join(words)} ended with {ended.returncode}: {lines[-1]} (see {settings})")
    return ended.stdout


def _count(world: World, results: Mapping[str, Any]) -> None:
    for coin in results["coins"]:
        if coin["state"] != "completed":
            world.skipped += 1
            continue
        world.coins += 1
        world.champions += bool(coin["champion"])
        world.failed_gates.update(gate["gate"] for gate in coin["gates"] if not gate["passed"])
        world.sharpes.append(coin["metrics"]["sharpe"] or 0.0)
