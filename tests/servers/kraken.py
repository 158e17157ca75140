"""Kraken's public REST protocol: the latest 720 candles whatever is asked, ``since`` exclusive, errors with status 200.

Source: docs.kraken.com, "Get OHLC Data", "Get Tradable Asset Pairs", "Get Ticker Information", "Rate Limits".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from servers.base import LoopbackServer, Reply, Request, reply_json
from servers.binance import HOUR, Series, _joined

__all__ = ["KrakenServer"]

MOST = 720


class KrakenServer(LoopbackServer):
    """Serves ``series`` by wsname (``XBT/USD``) as of ``now`` (ms)."""

    def __init__(self, series: Mapping[str, Series], now: int) -> None:
        super().__init__()
        self.series, self.now = dict(series), now

    def answer(self, request: Request) -> Reply:
        name = request.path.rpartition("/")[2]
        answers = {"Assets": self._assets, "AssetPairs": self._pairs, "Ticker": self._ticker}
        if name == "Time":
            return _result({"unixtime": self.now // 1000, "rfc1123": ""})
        if name in answers:
            return _result(answers[name]())
        if name == "OHLC":
            return self._ohlc(request)
        if name == "Depth":
            return self._depth(request)
        return reply_json({"error": ["EGeneral:Unknown method"]})

    def _assets(self) -> dict[str, Any]:
        names = sorted({part for wsname in self.series for part in wsname.split("/")})
        return {
            name: {"aclass": "currency", "altname": name, "decimals": 10, "display_decimals": 5, "status": "enabled"}
            for name in names
        }

    def _pairs(self) -> dict[str, Any]:
        return {
            wsname.replace("/", ""): {
                "altname": wsname.replace("/", ""), "wsname": wsname, "aclass_base": "currency",
                "base": wsname.partition("/")[0], "aclass_quote": "currency", "quote": wsname.partition("/")[2],
                "cost_decimals": 5, "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [],
                "leverage_sell": [], "fees": [[0, 0.4], [10000, 0.35]], "fees_maker": [[0, 0.25], [10000, 0.2]],
                "fee_volume_currency": "ZUSD", "ordermin": "0.0001", "costmin": "0.5", "tick_size": "0.1",
                "status": "online",
            }
            for wsname in self.series
        }  # fmt: skip

    def _ticker(self) -> dict[str, Any]:
        rows = {}
        for wsname, one in self.series.items():
            known = one.timestamp <= self.now
            day = known & (one.timestamp > self.now - 24 * HOUR)
            last, volume = float(one.close[known][-1]), float(one.volume[day].sum())
            rows[wsname.replace("/", "")] = {
                "a": [f"{last * 1.0002:.5f}", "1", "1.000"], "b": [f"{last * 0.9998:.5f}", "1", "1.000"],
                "c": [f"{last:.5f}", "0.1"], "v": [f"{volume:.8f}", f"{volume:.8f}"], "p": [f"{last:.5f}"] * 2,
                "t": [100, 100], "l": [f"{last:.5f}"] * 2, "h": [f"{last:.5f}"] * 2, "o": f"{last:.5f}",
            }  # fmt: skip
        return rows

    def _find(self, request: Request) -> str | None:
        return next((each for each in self.series if each.replace("/", "") == request.query.get("pair")), None)

    def _ohlc(self, request: Request) -> Reply:
        wsname = self._find(request)
        if wsname is None:
            return reply_json({"error": ["EQuery:Unknown asset pair"]})
        length = int(request.query.get("interval", "1")) * 60_000
        one = _joined(self.series[wsname], length, self.now)
        known = int(np.searchsorted(one.timestamp, self.now, side="right"))
        since = int(request.query.get("since", "0")) * 1000
        rows = [row for row in range(max(0, known - MOST), known) if one.timestamp[row] > since]
        content = [
            [int(one.timestamp[row]) // 1000]
            + [f"{float(column[row])!r}" for column in (one.open, one.high, one.low, one.close, one.close, one.volume)]
            + [5]
            for row in rows
        ]
        committed = int(one.timestamp[known - 2]) // 1000 if known > 1 else 0
        return _result({wsname.replace("/", ""): content, "last": committed})

    def _depth(self, request: Request) -> Reply:
        wsname = self._find(request)
        if wsname is None:
            return reply_json({"error": ["EQuery:Unknown asset pair"]})
        one = self.series[wsname]
        last = float(one.close[one.timestamp <= self.now][-1])
        level = [[f"{last * 1.0002:.5f}", "1.5", self.now // 1000]], [[f"{last * 0.9998:.5f}", "1.5", self.now // 1000]]
        return _result({wsname.replace("/", ""): {"asks": level[0], "bids": level[1]}})


def _result(value: Any) -> Reply:
    return reply_json({"error": [], "result": value})
