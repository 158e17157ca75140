"""A whole night through a line that drops one connection in five, delays and refuses, while the sync service is killed.

At its end every byte lies in the remote store, every candle is the exchange's, and nothing is there twice.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan.market.files import read_candles
from huracan_remote.layout import remote_path
from huracan_remote.tree import scan
from servers.binance import HOUR, BinanceServer, Series, made_up, symbol_entry
from servers.dropbox_api import DropboxServer
from servers.proxy import ChaosProxy
from servers.services import make_certificates

AS_OF = datetime(2024, 3, 10, 2, 0, 30, tzinfo=UTC)
NOW = int(AS_OF.timestamp() * 1000)
OPEN = NOW - NOW % HOUR


@dataclass
class World:
    """The two services, each behind a proxy, and a night that uses them."""

    exchange: BinanceServer
    dropbox: DropboxServer
    proxies: tuple[ChaosProxy, ChaosProxy]
    night: Any
    environment: dict[str, str]


@pytest.fixture
def open_world(make_night: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., World]]:
    with ExitStack() as stack:

        def make(series: dict[str, Series], now: int, days: int, seed: int) -> World:
            certificates = make_certificates(tmp_path)
            entries = [symbol_entry(name.removesuffix("USDT"), "USDT") for name in series]
            exchange = stack.enter_context(BinanceServer(series, entries, now))
            dropbox = stack.enter_context(DropboxServer(certificates.context))
            trusted = ssl.create_default_context(cafile=str(certificates.ca_file))
            before_exchange = stack.enter_context(ChaosProxy(exchange, seed))
            before_dropbox = stack.enter_context(
                ChaosProxy(dropbox, seed + 1, tls=certificates.context, trusted=trusted)
            )
            settings = {
                "exchange": {
                    "name": "ccxt", "id": "binance",
                    "options": {"urls": {"api": {"public": f"{before_exchange.url}/api/v3"}}},
                },
                "remote": {
                    "name": "dropbox", "app_key": "app-key", "refresh_token": "refresh-token-1",
                    "ca_file": str(certificates.ca_file),
                },
                "sync": {"settle_seconds": 0.2, "learning_minutes": 0.05, "models_minutes": 0.05},
                "universe": {"top": len(series)},
                "candles": {"days": days},
                "training": {"folds": 3, "parameters": {"trees": 20}},
            }  # fmt: skip
            place = f"127.0.0.1:{before_dropbox.port}"
            environment = {"DROPBOX_API_HOST": place, "DROPBOX_API_CONTENT_HOST": place}
            return World(exchange, dropbox, (before_exchange, before_dropbox), make_night(settings), environment)

        yield make


def play(world: World, kills: int) -> None:
    """Run the night with the service beside it, which is killed some times and started again."""
    environment = {**os.environ, **world.environment}
    command = world.night.command("run", "nightly", "--as-of", _instant(world.exchange.now))
    night = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    killed = 0
    while night.poll() is None:
        command = world.night.command("service", "sync")
        service = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while night.poll() is None and (killed >= kills or not _has_sent_more(world, killed)):
            time.sleep(0.1)
        service.send_signal(signal.SIGKILL)
        service.wait()
        killed += 1
    _, errors = night.communicate()
    assert night.returncode in (0, 3), errors.decode()[-3000:]
    assert killed >= kills, "the service was killed in the middle of the night"
    for proxy, server in zip(world.proxies, (world.exchange, world.dropbox), strict=True):
        assert len(proxy.requests) > len(server.requests), "the line was bad"


def _instant(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _has_sent_more(world: World, killed: int) -> bool:
    return len(world.dropbox.files) >= 5 + 25 * killed


def assert_all_is_well(world: World, days: int, pairs: int) -> None:
    workspace = world.night.workspace
    stored = {path.removeprefix("/huracan/"): file for path, file in world.dropbox.files.items()}
    status = json.loads(next(workspace.glob("runs/*/status.json")).read_text())
    [finish] = [job for job in status["jobs"] if job["job"] == "finish"]
    assert finish["state"] == "done", finish
    lacking = [
        each.path
        for each in scan(workspace)
        # What was written by the run's own end, after its last job, is the service's to copy.
        if not each.path.startswith(("logs/", "monitoring/")) and not each.path.endswith("status.json")
        if (copy := stored.get(remote_path(each.path, each.modified_ns, time.time()))) is None
        or copy.content != (workspace / each.path).read_bytes()
    ]
    assert lacking == []
    assert len({path.lower() for path in stored}) == len(stored), "a conflicted copy"
    since, until = _hour_of(world.exchange.now) - days * 24 * HOUR, _hour_of(world.exchange.now)
    report = json.loads(next(workspace.glob("runs/*/candles.json")).read_text())
    assert len(report["symbols"]) >= pairs
    for symbol in report["symbols"]:
        source = world.exchange.series[symbol.replace("-", "")]
        candles, _ = read_candles(workspace / "data" / "candles" / f"{symbol}.parquet")
        rows = (source.timestamp >= since) & (source.timestamp < until)
        np.testing.assert_array_equal(candles.timestamp, source.timestamp[rows], err_msg=symbol)
        for column in ("open", "high", "low", "close", "volume"):
            np.testing.assert_array_equal(getattr(candles, column), getattr(source, column)[rows], err_msg=symbol)


def _hour_of(now: int) -> int:
    return now - now % HOUR


def test_every_byte_and_every_candle_survive(open_world: Callable[..., World]) -> None:
    names = ["BTC", "ETH", "ADA", "SOL"]
    series = {f"{name}USDT": made_up(3000, OPEN, seed) for seed, name in enumerate(names)}
    world = open_world(series, NOW, 90, seed=11)
    play(world, kills=2)
    assert_all_is_well(world, 90, pairs=4)
    folders = {path.split("/")[2] for path in world.dropbox.files}
    assert {"data", "2024-03-10"} <= folders


@pytest.mark.soak
@pytest.mark.realdata
def test_so_they_do_at_full_size(open_world: Callable[..., World], realdata: Path) -> None:
    files = sorted((realdata / "crypto_1h").glob("*-USDT.parquet"))
    series: dict[str, Series] = {}
    now = int(datetime(2023, 12, 30, 2, 0, 30, tzinfo=UTC).timestamp() * 1000)
    for file in files:
        frame = pl.read_parquet(file)
        columns: list[Any] = [
            frame[name].to_numpy() for name in ("timestamp", "open", "high", "low", "close", "volume")
        ]
        if columns[0][-1] >= _hour_of(now) and columns[0][0] < now - 400 * 24 * HOUR:
            series[file.stem.replace("-", "")] = Series(*columns)
    world = open_world(series, now, 365, seed=12)
    play(world, kills=2)
    assert_all_is_well(world, 365, pairs=20)
