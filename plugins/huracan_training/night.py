"""A night as it was: every coin with its model, its verdicts and its standing. For the table and for exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from huracan.context import Context
from huracan.paths import read_json
from huracan.store import ItemState
from huracan_training.folders import JOB

__all__ = ["CoinReport", "NightReport", "champion_pointer", "latest_night", "read_report"]


@dataclass(frozen=True, slots=True)
class CoinReport:
    """One coin of a night. ``metadata`` is empty where it has no model, ``reason`` then says why."""

    symbol: str
    state: str
    path: str | None
    metadata: Mapping[str, Any]
    reason: str
    champion: Mapping[str, Any] | None
    rank: int | None

    @property
    def is_champion(self) -> bool:
        """Whether tonight's own model is the champion."""
        return self.champion is not None and self.champion["model_path"] == self.path

    def to_json(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "state": self.state,
            "rank": self.rank,
            "model_path": self.path,
            "passed": self.metadata.get("passed"),
            "metrics": self.metadata.get("metrics"),
            "gates": self.metadata.get("gates"),
            "reason": self.reason or None,
            "champion": self.is_champion,
            "champion_path": self.champion["model_path"] if self.champion else None,
            "champion_since": self.champion["since"] if self.champion else None,
        }


@dataclass(frozen=True, slots=True)
class NightReport:
    run_date: date
    coins: tuple[CoinReport, ...]
    minutes: float | None
    """Wall time of training, None while it goes on."""
    encoder: Mapping[str, Any] | None = None
    """What the shared encoder was worth, None where it was not tried."""

    def to_json(self) -> dict[str, Any]:
        return {
            "run_date": self.run_date.isoformat(),
            "coins": [coin.to_json() for coin in self.coins],
            "minutes": self.minutes,
            "encoder": self.encoder,
        }


def latest_night(context: Context) -> date | None:
    """Return the run date of the last night that has a summary."""
    folders = sorted(context.paths.workspace.glob("summary/*Z/engine_summary.json"))
    return datetime.strptime(folders[-1].parent.name, "%Y%m%dZ").date() if folders else None  # noqa: DTZ007


def read_report(context: Context, run_date: date) -> NightReport | None:
    """Gather what ledger and workspace know of a night, best rank first; None where nothing was trained on it."""
    items = context.store.ledger.items(JOB, run_date)
    if not items:
        return None
    summary = read_json(context.paths.summary_folder(run_date) / "engine_summary.json") or {}
    ranks = summary.get("ranks", {})
    coins = []
    for symbol, row in items.items():
        metadata = read_json(context.paths.workspace / row.path / "metadata.json") if row.path else None
        completed = row.state is ItemState.COMPLETED
        reason = row.error or "" if not completed else "" if metadata else f"{row.path} is gone"
        champion = champion_pointer(context, symbol)
        state = row.state.value
        coins.append(CoinReport(symbol, state, row.path, metadata or {}, reason, champion, ranks.get(symbol)))
    coins.sort(key=lambda coin: (coin.rank is None, coin.rank or 0, coin.symbol))
    job = context.store.ledger.job(JOB, run_date)
    minutes = None if job is None or job.seconds is None else round(job.seconds / 60, 4)
    return NightReport(run_date, tuple(coins), minutes, summary.get("encoder"))


def champion_pointer(context: Context, symbol: str) -> dict[str, Any] | None:
    """Return the champion's pointer of a coin; a damaged one is none, until the next roster mends it."""
    champion = read_json(context.paths.champion(symbol))
    return champion if champion and {"model_path", "since"} <= champion.keys() else None
