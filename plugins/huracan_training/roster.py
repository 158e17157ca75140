"""The job ``roster``: champions, the roster that a trading process reads, and the summary of the night."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.paths import read_json, write_json
from huracan.store import ItemState
from huracan.types import JobResult, Outcome, Severity
from huracan_training.champions import crown, dismiss, pointer_to, seal, standing
from huracan_training.folders import JOB, trusted_metadata
from huracan_training.gates import judge_all
from huracan_training.learning import write_snapshot
from huracan_training.settings import ChampionSettings, RosterSettings, TrainingSettings
from huracan_training.summary import write_summary

__all__ = ["Trained", "choose_champion", "rank", "run", "warn_of_past"]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model of tonight: its folder below the workspace, its metadata and its costs."""

    symbol: str
    folder: str
    metadata: Mapping[str, Any]
    costs: Mapping[str, Any]


def run(context: Context) -> JobResult:
    """Choose a champion for each coin trained on this run date, rank them all, and sum the night up."""
    run_date = context.current_run.run_date
    items = context.store.ledger.items(JOB, run_date)
    if not items:
        return JobResult(Outcome.NOTHING_TO_DO, "no coin was trained on this run date")
    settings = context.settings.section(TrainingSettings)
    trained = [
        model for symbol, row in sorted(items.items())
        if row.state is ItemState.COMPLETED and row.path and (model := _load(context, symbol, row.path))
    ]  # fmt: skip
    rows, champions = [], 0
    for model in trained:
        champion = _settle(context, model, settings.champion)
        champions += champion is not None
        rows.append(_row(model, champion))
        context.progress.step(f"roster {model.symbol}", done=len(rows), total=len(trained), item=model.symbol)
    _dismiss_absent(context, {model.symbol for model in trained}, settings.champion)
    ranked = rank(rows, settings.roster)
    warn_of_past(context)
    write_json(context.paths.roster, ranked)
    seal(context)
    write_snapshot(context, {model.symbol: model.folder for model in trained})
    write_summary(context, items, {model.symbol: model.metadata for model in trained}, ranked)
    tradable = sum(row["trade_ok"] for row in ranked)
    return JobResult(Outcome.DONE, f"{champions} champions, {tradable} of {len(ranked)} coins may be traded")


def warn_of_past(context: Context) -> None:
    """Say that a roster of a later market is replaced: a trading process would go on with what is older."""
    try:
        standing: Any = json.loads(context.paths.roster.read_text("utf-8"))
    except (OSError, ValueError):
        return  # there is none, or none that a trading process could read
    rows = standing if isinstance(standing, list) else []
    newest = max((str(row.get("as_of", "")) for row in rows if isinstance(row, dict)), default="")
    now = format_instant(context.clock.now())
    if newest > now:
        context.emit(
            "roster.past",
            Severity.WARNING,
            f"the roster of {newest} is replaced by that of {now}, a past market; run the newest night with --force to "
            "have it back, and past nights in a workspace of their own",
            replaced=newest,
        )


def _load(context: Context, symbol: str, path: str) -> Trained | None:
    folder = context.paths.workspace / path
    metadata, costs = trusted_metadata(folder), read_json(folder / "costs.json")
    if metadata is None or costs is None:
        context.log.error("%s: %s does not match its checksums; it is left out of the roster", symbol, path)
        return None
    return Trained(symbol, path, metadata, costs)


def _settle(context: Context, model: Trained, rules: ChampionSettings) -> dict[str, Any] | None:
    """Write or delete the champion's pointer of a coin, note the change, and return what the pointer says."""
    day = context.current_run.run_date
    holder = _holder(context, model.symbol)
    champion, why = choose_champion(model, holder, day, rules)
    if champion is None:
        dismiss(context, model.symbol, day, why)
        return None
    return crown(context, model.symbol, champion, day, why)


def _dismiss_absent(context: Context, trained: Set[str], rules: ChampionSettings) -> None:
    """Delete the pointers of coins without a model tonight, where their champion is too old or may not be believed."""
    day = context.current_run.run_date
    for pointer in sorted(context.paths.champions.glob("*-*.json")):
        if pointer.stem in trained:
            continue
        holder = _holder(context, pointer.stem)
        if holder is None or _age(holder, day) > rules.max_age_days:
            context.log.warning("%s: its champion is dismissed", pointer.stem, extra={"symbol": pointer.stem})
            dismiss(context, pointer.stem, day, "too old, damaged, or below tonight's gates")


def _holder(context: Context, symbol: str) -> dict[str, Any] | None:
    """Return the champion so far, None where there is none, it may not be believed, or it would not pass tonight's
    gates."""
    champion = standing(context, symbol)
    if champion is None:
        return None
    metrics = read_json(context.paths.workspace / champion.path / "metrics.json") or {}
    verdicts = judge_all(context, context.plugins.gates(), metrics)
    if not champion.metadata["passed"] or not all(verdict.passed for verdict in verdicts):
        return None
    return pointer_to(symbol, champion.path, champion.metadata, champion.since)


def _age(holder: Mapping[str, Any], today: date) -> int:
    return (today - date.fromisoformat(holder["as_of"][:10])).days


def choose_champion(
    model: Trained, holder: Mapping[str, Any] | None, today: date, rules: ChampionSettings
) -> tuple[dict[str, Any] | None, str]:
    """Return who is champion of this coin from now on, or None, and why.

    A model that passed all gates takes an empty place, and that of a champion which it beats on the same rows by more
    than noise or whose measures are older than ``rules.max_age_days``. A champion that is not beaten stays, unless it
    is that old. One measured after ``today`` (a past night is run again) is not known yet, one of this very instant is
    what a forced run replaces, and one of another exchange says nothing about this market.
    """
    metadata = model.metadata
    gone = "" if holder is None else _gone(holder, metadata, today, rules)
    if gone:
        holder = None
    if not metadata["passed"]:
        return (dict(holder), "stays") if holder else (None, gone or "no model passes the gates")
    versus = metadata.get("versus_champion")
    if holder is not None and not (versus and versus["better"] and versus["champion"] == holder["model_id"]):
        return dict(holder), "stays"
    why = versus["sentence"] if holder is not None and versus else gone or "passed all gates; the place was empty"
    return pointer_to(model.symbol, model.folder, metadata, today.isoformat()), why


def _gone(holder: Mapping[str, Any], metadata: Mapping[str, Any], today: date, rules: ChampionSettings) -> str:
    """Say why a champion no longer counts; empty where it does."""
    if holder["as_of"] == metadata["as_of"]:
        return "the night was run again"
    if holder.get("exchange") != metadata.get("exchange"):
        return f"the champion before was of {holder.get('exchange')}"
    age = _age(holder, today)
    if age < 0:
        return "the champion before was of a later night"
    return f"the champion before was {age} days old" if age > rules.max_age_days else ""


def _row(model: Trained, champion: Mapping[str, Any] | None) -> dict[str, Any]:
    """Describe what may be traded: the champion where there is one, else tonight's model, which may not."""
    shown = champion or {"model_path": model.folder, **model.metadata}
    metrics = shown["metrics"]
    return {
        "symbol": model.symbol,
        "model_path": shown["model_path"],
        "trade_ok": champion is not None,
        "champion_since": champion["since"] if champion else None,
        "as_of": shown["as_of"],
        "spread_bps": 2 * model.costs["half_spread_bps"],
        "fee_bps": model.costs["fee_bps"],
        "avg_slip_bps": model.costs["slippage_bps"],
        "round_trip_bps": model.costs["round_trip_bps"],
        "quote_volume_24h": model.costs["quote_volume_24h"],
        "last_7d_net_bps": metrics["last_7d_net_bps"],
        "sharpe": metrics["sharpe"],
        "hit_rate": metrics["hit_rate"],
        "net_pnl": metrics["net_pnl"],
        "max_drawdown": metrics["max_drawdown"],
        "samples": metrics["samples"],
    }


def rank(rows: Sequence[Mapping[str, Any]], weights: RosterSettings) -> list[dict[str, Any]]:
    """Return the rows sorted by rank: those that may be traded first, then by score, then by name.

    The score is the weighted mean of three places among tonight's coins, each from 0 (last) to 1 (first): quote
    volume, low round-trip costs, net result of the last 7 days. Places, not values, so that one extreme coin does not
    decide the order of the others.
    """
    liquidity = _places([row["quote_volume_24h"] for row in rows])
    cost = _places([-row["round_trip_bps"] for row in rows])
    edge = _places([row["last_7d_net_bps"] for row in rows])
    total = (weights.liquidity + weights.cost + weights.edge) or 1.0
    scored = [
        {**row, "score": round((weights.liquidity * a + weights.cost * b + weights.edge * c) / total, 6)}
        for row, a, b, c in zip(rows, liquidity, cost, edge, strict=True)
    ]
    scored.sort(key=lambda row: (not row["trade_ok"], -row["score"], row["symbol"]))
    return [{**row, "rank": place} for place, row in enumerate(scored, start=1)]


def _places(values: Sequence[float | None]) -> list[float]:
    """Return each value's place from 0 to 1, equal values sharing theirs; what is unknown counts as last."""
    known = sorted(float("-inf") if value is None else value for value in values)
    if len(known) < 2:
        return [1.0] * len(known)
    span = len(known) - 1
    result = []
    for value in values:
        mine = float("-inf") if value is None else value
        below, equal = sum(each < mine for each in known), sum(each == mine for each in known)
        result.append((below + (equal - 1) / 2) / span)
    return result
