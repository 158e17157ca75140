"""What the jobs before left behind: the coins of tonight, their candles and their costs."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huracan.clock import milliseconds
from huracan.context import Context
from huracan.errors import DataError, UsageError
from huracan.market.costs import estimate_costs
from huracan.paths import read_document, safe_symbol
from huracan_training.champions import standing
from huracan_training.coin import CoinTask, Source
from huracan_training.settings import OrderSettings, TrainingSettings

ABSENT = "it is not in tonight's universe; `huracan universe show` says why"

__all__ = ["Coin", "Night", "choose_symbols", "read_night"]


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin of the universe: facts about its market, and why it has no candles (empty where it has).

    ``funding`` says that the exchange's rates of this perpetual are known.
    """

    symbol: str
    facts: Mapping[str, Any]
    usable_since: int
    no_candles: str
    funding: bool = False


@dataclass(frozen=True, slots=True)
class Night:
    """Coins in the order of the universe, and the symbols whose closes are references, by base name."""

    coins: tuple[Coin, ...]
    exchange: str
    timeframe: str
    references: Mapping[str, str]
    reference_since: Mapping[str, int]


def read_night(context: Context) -> Night:
    """Read ``universe.json`` and ``candles.json`` of this run date. Raises DataError where one is missing or damaged,
    UsageError where ``training.symbols`` cannot be obeyed at all."""
    run_date = context.current_run.run_date
    universe = read_document(context.paths.universe_file(run_date), "universe")
    candles = read_document(context.paths.candle_report(run_date), "candles")
    settings = context.settings.section(TrainingSettings)
    origin = context.settings.origins.get("training.symbols")
    facts = {entry["symbol"]: entry for entry in universe["selected"]}
    symbols, absent = choose_symbols(settings.symbols, list(facts), origin.base if origin else context.paths.workspace)
    known = candles["symbols"]
    return Night(
        (*(_coin(facts[each], known.get(each)) for each in symbols), *(Coin(each, {}, 0, ABSENT) for each in absent)),
        universe["exchange"],
        candles["timeframe"],
        {symbol.split("-")[0]: symbol for symbol in candles["references"]},
        {symbol: int(known.get(symbol, {}).get("usable_since") or 0) for symbol in candles["references"]},
    )


def _coin(facts: Mapping[str, Any], entry: Mapping[str, Any] | None) -> Coin:
    if entry is None:
        return Coin(facts["symbol"], facts, 0, "the job candles left nothing of it")
    if entry["state"] != "ok":
        problems = "; ".join(entry.get("problems", ())) or "no candles"
        return Coin(facts["symbol"], facts, 0, f"no usable candles: {problems}")
    return Coin(facts["symbol"], facts, int(entry.get("usable_since") or 0), "", bool(entry.get("funding")))


def choose_symbols(wanted: str, universe: Sequence[str], base: Path) -> tuple[list[str], list[str]]:
    """Return which coins of ``universe`` (ranked) to train, in its order, and which wanted ones it does not hold.

    ``wanted`` is empty (all), ``topN``, a .csv or .txt file whose first column names symbols (relative to ``base``), or
    a list with commas. A coin may drop out of the universe any night, and the others go on; but UsageError where it
    holds none of them, for what is no symbol, and for a file that cannot be read.
    """
    text = wanted.strip()
    if not text:
        return list(universe), []
    top = re.fullmatch(r"top(\d+)", text, re.IGNORECASE)
    if top:
        return list(universe[: int(top[1])]), []
    names = _from_csv(Path(base, text)) if text.lower().endswith((".csv", ".txt")) else text.split(",")
    try:
        chosen = {safe_symbol(name.strip().upper()) for name in names if name.strip()}
    except DataError as error:
        raise UsageError(f"training.symbols: {error}") from None
    known, absent = [each for each in universe if each in chosen], sorted(chosen - set(universe))
    if not known:
        raise UsageError(
            f"training.symbols: none of {', '.join(absent)} is in tonight's universe; `huracan universe show`"
        )
    return known, absent


def _from_csv(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row[0] for row in csv.reader(file) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"training.symbols: {path} cannot be read: {error}") from None
    header = bool(rows) and rows[0].strip().lower() in ("symbol", "symbols", "pair", "coin")
    return rows[1:] if header else rows


def task_for(context: Context, night: Night, coin: Coin, folder: Path, settings: TrainingSettings) -> CoinTask:
    """Return the work on one coin, with its costs estimated from what the universe knows of its market."""
    references = {
        base: Source(str(context.paths.candle_file(symbol)), night.reference_since[symbol])
        for base, symbol in night.references.items()
    }
    return CoinTask(
        symbol=coin.symbol,
        folder=str(folder),
        source=Source(str(context.paths.candle_file(coin.symbol)), coin.usable_since),
        references=references,
        timeframe=night.timeframe,
        as_of_ms=milliseconds(context.clock.now()),
        costs=coin_costs(coin, settings.order),
        settings=settings.model_dump(mode="json"),
        funding=str(context.paths.funding_file(coin.symbol)) if coin.funding else "",
        coins=len(night.coins),
        champion=_champion_folder(context, coin.symbol),
    )


def _champion_folder(context: Context, symbol: str) -> str:
    """Return the folder of the coin's champion so far, empty where there is none that can be compared with."""
    champion = standing(context, symbol)
    if champion is None or champion.metadata["threshold"] is None:
        return ""
    return str(context.paths.workspace / champion.path)


def coin_costs(coin: Coin, order: OrderSettings) -> dict[str, Any]:
    """Return the content of ``costs.json``: all in basis points, per side unless named otherwise."""
    facts = coin.facts
    costs = estimate_costs(
        taker_fee_bps=facts["taker_fee_bps"],
        maker_fee_bps=facts["maker_fee_bps"],
        fee_source=facts["fee_source"],
        spread_bps=facts["spread_bps"],
        spread_source=facts["spread_source"],
        quote_volume_24h=facts["quote_volume_24h"],
        daily_volatility=facts["daily_volatility"],
        order_quote=order.quote,
        perpetual=facts["kind"] == "perpetual",
        funding_known=coin.funding,
        entry=order.entry,
        exit=order.exit,
    )
    head = {"schema": 2, "symbol": safe_symbol(coin.symbol), "quote_volume_24h": facts["quote_volume_24h"]}
    return head | costs.to_json()
