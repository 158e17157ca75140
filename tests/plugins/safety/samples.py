"""What the tests of the plugin share: trades by their results, candles by their closes, and how trades are reported."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from huracan.market.candles import COLUMNS, Candles
from huracan.store import Trade

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def trades_of(
    results: Sequence[float], *, equity: float = 10_000.0, last: datetime = NOW, step: timedelta = HOUR / 60
) -> list[Trade]:
    """Return trades with these results, the last one closed at ``last``, of an account that began with ``equity``."""
    trades = []
    for number, result in enumerate(results):
        closed = last - (len(results) - 1 - number) * step
        equity = round(equity + result, 10)
        trades.append(
            Trade(
                f"t{number:04}",
                "BTC-USDT",
                "long",
                closed - HOUR,
                closed,
                1.0,
                100.0,
                101.0,
                0.0,
                result,
                equity,
                "live",
            )
        )
    return trades


def candles_of(closes: Sequence[float], *, last: datetime = NOW) -> Candles:
    """Return hourly candles with these closes, the last of which closed at ``last``."""
    end = int(last.timestamp() * 1000)
    stamps = end - 3_600_000 * np.arange(len(closes), 0, -1)
    values = np.asarray(closes, dtype=float)
    return Candles.from_columns({name: stamps if name == "timestamp" else values for name in COLUMNS})


ROW: dict[str, Any] = {
    "id": "a-1", "symbol": "BTC-USDT", "side": "long", "opened_at": "2026-11-20T10:00:00Z",
    "closed_at": "2026-11-20T11:00:00Z", "quantity": 0.1, "entry": 90000, "exit": 89000.5, "fees": 18.25,
    "net_pnl": -118.25, "equity_after": 9881.75, "source": "live",
}  # fmt: skip


def as_row(trade: Trade) -> dict[str, Any]:
    moments = {"opened_at": trade.opened_at.isoformat(), "closed_at": trade.closed_at.isoformat()}
    return {name: value for name, value in {**asdict(trade), **moments}.items() if name in ROW}


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(trades: list[Trade]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(ROW))
    writer.writeheader()
    writer.writerows([as_row(trade) for trade in trades])
    return text.getvalue().encode()
