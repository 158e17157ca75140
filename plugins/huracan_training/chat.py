"""The chat commands ``/roster`` and ``/coin``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from huracan.context import Context
from huracan.errors import UsageError
from huracan.types import ChatReply

if TYPE_CHECKING:
    from huracan_training.night import CoinReport

__all__ = ["answer_coin", "answer_roster"]

MOST_ROWS = 25
BUTTONS = 6


def answer_roster(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Show the roster as a trading process reads it, best first."""
    del arguments
    rows = _roster(context)
    if not rows:
        return ChatReply("There is no roster yet.", buttons=(("Run nightly", "run nightly"),))
    table = [
        (str(row["rank"]), _base(row["symbol"]), _shown(row["sharpe"], "{:.2f}"), _shown(row["hit_rate"], "{:.0%}"),
         _shown(row["last_7d_net_bps"], "{:+.0f}"), "✓" if row["trade_ok"] else "✗")
        for row in rows[:MOST_ROWS]
    ]  # fmt: skip
    tradable = [row for row in rows if row["trade_ok"]]
    text = f"{len(tradable)} of {len(rows)} coins may be traded; 7d in bps after costs"
    return ChatReply(
        text, (("#", "coin", "Sharpe", "win", "7d", ""), *table),
        buttons=tuple((_base(row["symbol"]), f"coin {_base(row['symbol'])}") for row in rows[:BUTTONS]),
    )  # fmt: skip


def answer_coin(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Show how a coin's model of the last night did, which gates it failed, and who is its champion."""
    from huracan_training.night import latest_night, read_report

    run_date = latest_night(context)
    report = read_report(context, run_date) if run_date else None
    if report is None:
        raise UsageError("nothing was trained yet; /run nightly does")
    if not arguments:
        raise UsageError(f"which coin? /coin {_base(report.coins[0].symbol) if report.coins else 'BTC'}")
    wanted = arguments[0].upper()
    coin = next((each for each in report.coins if wanted in (each.symbol, _base(each.symbol))), None)
    if coin is None:
        known = ", ".join(_base(each.symbol) for each in report.coins)
        raise UsageError(f"{arguments[0]} was not trained on {report.run_date}; these were: {known}")
    return ChatReply("\n".join(_about(coin)), _measures(coin), buttons=(("Roster", "roster"),))


def _about(coin: CoinReport) -> list[str]:
    rank = f", rank {coin.rank}" if coin.rank else ""
    lines = [f"{coin.symbol}: {coin.state}{rank}"]
    if coin.reason:
        lines.append(f"❌ {coin.reason}")
    failed = [gate for gate in coin.metadata.get("gates", ()) if not gate["passed"]]
    if coin.metadata:
        lines.append(
            f"✗ {len(failed)} of {len(coin.metadata['gates'])} gates failed" if failed else "✓ all gates passed"
        )
    lines += [f"   {gate['sentence']}" for gate in failed]
    if coin.champion is None:
        lines.append("no champion: it may not be traded")
    else:
        lines.append(f"champion since {coin.champion['since']}{' (this model)' if coin.is_champion else ''}")
    return lines


def _measures(coin: CoinReport) -> tuple[tuple[str, ...], ...]:
    metrics: Mapping[str, Any] = coin.metadata.get("metrics", {})
    if not metrics:
        return ()
    shown = (
        ("Sharpe", "sharpe", "{:.2f}"), ("win rate", "hit_rate", "{:.1%}"), ("net", "net_pnl", "{:+.1%}"),
        ("drawdown", "max_drawdown", "{:.1%}"), ("trades", "samples", "{:.0f}"),
        ("7 days", "last_7d_net_bps", "{:+.0f} bps"),
    )  # fmt: skip
    return (("measure", "after costs"), *((name, _shown(metrics.get(key), form)) for name, key, form in shown))


def _roster(context: Context) -> list[Mapping[str, Any]]:
    try:
        rows = json.loads(context.paths.roster.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        raise UsageError("the roster cannot be read; /run roster again writes it anew") from None
    return rows if isinstance(rows, list) else []


def _base(symbol: str) -> str:
    return symbol.partition("-")[0]


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
