"""How long candles take: the first sync and the nightly top-up, against what the exchange's limit allows at best.

    python tests/bench/bench_candles.py [--coins 812] [--latency 0.1]

The server is our own, on loopback; it speaks Binance's protocol with its limits (1,000 candles a page, 6,000 of weight
a minute, 2 for a page) and answers after ``--latency`` seconds, as one far away. Printed are requests against the least
possible, seconds against the *floor* (the requests' weight at the exchange's own rate), and bytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from huracan.paths import write_json
from huracan.testing import make_context
from huracan_candles.job import run
from servers.base import Fault
from servers.binance import HOUR, BinanceServer, made_up, symbol_entry

START = datetime(2024, 3, 10, 2, 0, 30, tzinfo=UTC)
WEIGHT_A_SECOND = 6000 / 60
PAGE_WEIGHT = 2
FREQTRADE_SECONDS = 61.0
"""What freqtrade reports for 812 downloads after its best improvement (on another machine and line)."""


@dataclass(frozen=True)
class Figure:
    """One sync: seconds, requests for candles, bytes received, candles that were new."""

    title: str
    seconds: float
    requests: int
    least: int
    received: int

    def __str__(self) -> str:
        floor = self.least * PAGE_WEIGHT / WEIGHT_A_SECOND
        return (
            f"{self.title:<44} {self.seconds:7.1f} s  {self.requests:6,} requests ({self.requests / self.least:.2f} x "
            f"the least)  {self.received / 1e6:6.1f} MB  {self.seconds / floor:5.2f} x the floor of {floor:.1f} s"
        )


def sync(server: BinanceServer, folder: Path, symbols: list[str], days: int, title: str, least: int) -> Figure:
    now = datetime.fromtimestamp(server.now / 1000, UTC)
    options = {"urls": {"api": {"public": f"{server.url}/api/v3"}}}
    settings = {"exchange": {"name": "ccxt", "id": "binance", "options": options}, "candles": {"days": days}}
    context = make_context(folder, settings, as_of=now, job="candles")
    write_json(context.paths.universe_file(now.date()), {"symbols": symbols})
    before, sent = len(server.asked("klines")), server.bytes_sent
    began = time.perf_counter()
    result = run(context)
    seconds = time.perf_counter() - began
    context.store.close()
    assert not result.problems, result.problems[:3]
    return Figure(title, seconds, len(server.asked("klines")) - before, least, server.bytes_sent - sent)


def measure(coins: int, days: int, latency: float) -> list[Figure]:
    """Return the figures of a first sync and of the top-up one day later."""
    now = int(START.timestamp() * 1000)
    end = now - now % HOUR + 24 * HOUR
    names = ["BTC", "ETH", *(f"C{number:03d}" for number in range(coins - 2))]
    series = {f"{name}USDT": made_up(days * 24 + 100, end, seed) for seed, name in enumerate(names)}
    with BinanceServer(series, [symbol_entry(name, "USDT") for name in names], now) as server:
        server.faults.append(lambda _: Fault(delay=latency))
        symbols = [f"{name}-USDT" for name in names]
        pages = -(-(days * 24 + 1) // 1000)
        with tempfile.TemporaryDirectory() as folder:
            first = sync(server, Path(folder), symbols, days, f"first sync, {coins} coins x {days} days", coins * pages)
            server.now += 24 * HOUR
            top_up = sync(server, Path(folder), symbols, days, f"top-up of a night, {coins} coins", coins)
    return [first, top_up]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coins", type=int, default=812, help="coins of the large top-up")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds until the server answers")
    arguments = parser.parse_args()
    print(f"exchange: Binance's limits on loopback, each answer after {arguments.latency * 1000:.0f} ms")
    for figure in measure(20, 365, arguments.latency):
        print(figure)
    figures = measure(arguments.coins, 30, arguments.latency)
    for figure in figures:
        print(figure)
    if arguments.coins == 812:
        print(
            f"freqtrade reports {FREQTRADE_SECONDS:.0f} s for 812: {FREQTRADE_SECONDS / figures[1].seconds:.1f} x ours"
        )


if __name__ == "__main__":
    main()
