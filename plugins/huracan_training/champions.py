"""Who is champion of a coin: the pointer that trading processes read, and the history of all that held the place.

The pointer is the truth. The history is brought up to date after it, and every time it is looked at: a kill between the
two leaves a history that the next look completes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import UsageError
from huracan.paths import CHECKSUM_FILE, read_json, safe_symbol, sha256_of, write_checksums, write_json
from huracan.types import Severity
from huracan_training.folders import trusted_metadata

__all__ = ["Standing", "crown", "dismiss", "history", "history_file", "pointer_to", "roll_back", "seal", "standing"]

LONGEST_HISTORY = 200
"""Reigns that are kept of a coin, the latest."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A champion whose folder is what it was: its path below the workspace, and its metadata."""

    path: str
    metadata: Mapping[str, Any]
    since: str


def standing(context: Context, symbol: str) -> Standing | None:
    """Return the champion of a coin, None where there is none, its folder is gone or was changed, or belongs to another
    coin. All that counts is taken from the folder, whose checksums hold; the pointer only names it."""
    pointer = read_json(context.paths.champion(symbol))
    return None if pointer is None else _trusted(context, symbol, pointer)


def _trusted(context: Context, symbol: str, told: Mapping[str, Any]) -> Standing | None:
    path = str(told.get("model_path", ""))
    folder = context.paths.workspace / path
    metadata = trusted_metadata(folder)
    if metadata is None or sha256_of(folder / CHECKSUM_FILE) != told.get("sha256"):
        return None
    if metadata["symbol"] != symbol or path != f"models/{metadata['id']}":
        return None
    return Standing(path, metadata, str(told.get("since")))


def pointer_to(symbol: str, path: str, metadata: Mapping[str, Any], since: str) -> dict[str, Any]:
    """Return the content of a pointer, but for the digest of the folder's checksums."""
    return {
        "schema": 1,
        "symbol": symbol,
        "model_path": path,
        "model_id": metadata["id"],
        "since": since,
        "as_of": metadata["as_of"],
        "exchange": metadata.get("exchange"),
        "trainer": metadata["trainer"],
        "threshold": metadata["threshold"],
        "horizon_bars": metadata["horizon_bars"],
        "timeframe": metadata["timeframe"],
        "metrics": dict(metadata["metrics"]),
    }


def crown(context: Context, symbol: str, pointer: Mapping[str, Any], day: date, why: str) -> dict[str, Any]:
    """Write the pointer of a coin, note a change in its history, and return what the pointer says."""
    listing = context.paths.workspace / pointer["model_path"] / CHECKSUM_FILE
    champion = {**pointer, "sha256": sha256_of(listing)}
    write_json(context.paths.champion(symbol), champion)
    _note(context, symbol, champion, day, why)
    return champion


def dismiss(context: Context, symbol: str, day: date, why: str) -> None:
    """Delete the pointer of a coin and note that in its history."""
    context.paths.champion(symbol).unlink(missing_ok=True)
    _note(context, symbol, None, day, why)


def history_file(context: Context, symbol: str) -> Path:
    return context.paths.champions / "history" / f"{safe_symbol(symbol)}.json"


def history(context: Context, symbol: str) -> list[dict[str, Any]]:
    """Return all that were champion of a coin, oldest first; the one that still is has no ``until``."""
    document = read_json(history_file(context, symbol)) or {}
    reigns = document.get("reigns")
    return [dict(each) for each in reigns if isinstance(each, dict)] if isinstance(reigns, list) else []


def _note(context: Context, symbol: str, champion: Mapping[str, Any] | None, day: date, why: str) -> None:
    """Bring the history in line with the pointer; nothing is written where it is."""
    reigns = history(context, symbol)
    last = reigns[-1] if reigns and reigns[-1]["until"] is None else None
    if champion is not None and last is not None and last["model_id"] == champion["model_id"]:
        return
    if champion is None and last is None:
        return
    if last is not None:
        last |= {"until": day.isoformat(), "went": why}
    if champion is not None:
        kept = {name: champion[name] for name in ("model_id", "model_path", "sha256", "as_of")}
        reigns.append({**kept, "since": champion["since"], "until": None, "came": why, "went": None})
    write_json(history_file(context, symbol), {"schema": 1, "symbol": symbol, "reigns": reigns[-LONGEST_HISTORY:]})


def seal(context: Context) -> None:
    """Write the checksums of the folder of champions, and of that of their histories."""
    for folder in (context.paths.champions, context.paths.champions / "history"):
        if folder.is_dir():
            write_checksums(folder, [file.name for file in folder.glob("*.json")])


def roll_back(context: Context, symbol: str, day: date, to: str | None) -> tuple[str | None, dict[str, Any]]:
    """Put an earlier champion back and return (the one that goes, the new pointer).

    ``to`` is a model's id; else it is the latest one before the present whose folder is whole. Raises UsageError where
    there is none.
    """
    present = read_json(context.paths.champion(symbol)) or {}
    leaving = present.get("model_id")
    earlier = [each for each in reversed(history(context, symbol)) if each["model_id"] != leaving]
    if not earlier:
        raise UsageError(f"{symbol} has had no other champion; `huracan champions history {symbol}`")
    if to is not None and to not in {each["model_id"] for each in earlier}:
        raise UsageError(f"{to} was never champion of {symbol}, or is; `huracan champions history {symbol}`")
    chosen = [each for each in earlier if to in (None, each["model_id"])]
    for each in chosen:
        champion = _trusted(context, symbol, each)
        if champion is None:
            context.log.warning("%s: %s is gone or was changed", symbol, each["model_path"])
            continue
        pointer = pointer_to(symbol, champion.path, champion.metadata, day.isoformat())
        crowned = crown(context, symbol, pointer, day, f"rolled back from {leaving or 'none'}")
        _correct_roster(context, symbol, crowned)
        seal(context)
        context.emit(
            "champion.rolled_back", Severity.WARNING, f"{symbol}: {crowned['model_id']} is champion again",
            symbol=symbol, left=leaving, champion=crowned["model_id"],
        )  # fmt: skip
        return leaving, crowned
    raise UsageError(f"no earlier champion of {symbol} is left whole in models/{symbol}")


def _correct_roster(context: Context, symbol: str, champion: Mapping[str, Any]) -> None:
    """Let the coin's row in the roster name the champion; its rank and costs stay those of the night."""
    import json

    try:
        rows = json.loads(context.paths.roster.read_text("utf-8"))
    except (OSError, ValueError):
        return  # there is no roster that anybody could read
    named = ("sharpe", "hit_rate", "net_pnl", "max_drawdown", "samples", "last_7d_net_bps")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("symbol") == symbol:
            row |= {"model_path": champion["model_path"], "trade_ok": True, "champion_since": champion["since"]}
            row |= {"as_of": champion["as_of"], **{name: champion["metrics"][name] for name in named}}
    write_json(context.paths.roster, rows)
