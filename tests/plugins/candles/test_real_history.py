"""Real candles: the same instant gives the same candles whatever the cache went through before, kills included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan.clock import milliseconds
from huracan.context import Context
from huracan.market.candles import COLUMNS, Candles
from huracan.market.files import read_candles
from huracan.paths import write_json
from huracan_candles.job import run

pytestmark = pytest.mark.realdata

EARLY = datetime(2023, 6, 30, tzinfo=UTC)
LATE = datetime(2023, 12, 30, tzinfo=UTC)
SYMBOLS = ["BNX-USDT", "FTT-USDT", "QUICK-USDT", "DOGE-USDT"]
PLUGINS = ("candles", "exchanges")

KILLED_WHILE_IT_WRITES = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from huracan.testing import make_context
from huracan_candles.job import run
left = int(sys.argv[3])
rename = Path.replace
def replace(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
settings = {"exchange": {"name": "files", "path": sys.argv[2]}, "candles": {"days": 365}}
context = make_context(Path(sys.argv[1]), settings, as_of=datetime(2023, 12, 30, tzinfo=UTC), job="candles",
                       plugins=("candles", "exchanges"))
Path.replace = replace
run(context)
"""


def at(
    make_context: Callable[..., Context], folder: Path, source: Path, as_of: datetime, days: int = 365
) -> tuple[Any, dict[str, Candles]]:
    """Run the job; return ``candles.json`` and, by symbol, the candles that a reader as of then may see."""
    context = make_context(
        {"exchange": {"name": "files", "path": str(source)}, "candles": {"days": days}},
        as_of=as_of, job="candles", plugins=PLUGINS, folder=folder,
    )  # fmt: skip
    write_json(context.paths.universe_file(as_of.date()), {"symbols": SYMBOLS})
    run(context)
    written = json.loads(context.paths.candle_report(as_of.date()).read_text())
    seen = {}
    for symbol, entry in written["symbols"].items():
        if entry["state"] == "ok":
            whole, _ = read_candles(context.paths.workspace / entry["file"])
            seen[symbol] = whole.closed_at(milliseconds(as_of), "1h").between(entry["usable_since"], 2**62)
    return written, seen


def assert_equal(left: dict[str, Candles], right: dict[str, Candles]) -> None:
    assert set(left) == set(right)
    for symbol, candles in left.items():
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(candles, name), getattr(right[symbol], name), err_msg=symbol)


@pytest.fixture
def source(realdata: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    for symbol in [*SYMBOLS, "BTC-USDT", "ETH-USDT"]:
        (folder / f"{symbol}.parquet").write_bytes((realdata / "crypto_1h" / f"{symbol}.parquet").read_bytes())
    return folder


def test_a_cache_that_was_filled_later_gives_what_an_empty_one_gives(
    make_context: Callable[..., Context], source: Path, tmp_path: Path
) -> None:
    fresh, alone = at(make_context, tmp_path / "a", source, EARLY)
    at(make_context, tmp_path / "b", source, LATE, days=100)
    again, after = at(make_context, tmp_path / "b", source, EARLY)
    assert again == fresh
    assert_equal(after, alone)
    assert set(alone) == {"BNX-USDT", "QUICK-USDT", "DOGE-USDT", "BTC-USDT", "ETH-USDT"}, "FTT was not traded then"


def test_rows_after_the_instant_in_the_folder_change_nothing(
    make_context: Callable[..., Context], source: Path, tmp_path: Path
) -> None:
    whole, seen = at(make_context, tmp_path / "a", source, EARLY)
    for path in source.iterdir():
        frame = pl.read_parquet(path)
        frame.filter(pl.col("timestamp") < milliseconds(EARLY)).write_parquet(path)
    cut, seen_cut = at(make_context, tmp_path / "b", source, EARLY)
    assert whole == cut
    assert_equal(seen, seen_cut)


def test_coins_that_became_another_are_usable_from_there_on_and_others_whole(
    make_context: Callable[..., Context], source: Path, tmp_path: Path
) -> None:
    written, seen = at(make_context, tmp_path / "a", source, LATE)
    begins = {symbol: datetime.fromtimestamp(int(each.timestamp[0]) / 1000, UTC) for symbol, each in seen.items()}
    assert begins["BNX-USDT"] == datetime(2023, 2, 22, 8, tzinfo=UTC)
    assert begins["QUICK-USDT"] == datetime(2023, 7, 21, 8, tzinfo=UTC)
    assert begins["FTT-USDT"] == datetime(2023, 9, 22, 8, tzinfo=UTC)
    assert begins["DOGE-USDT"] == begins["BTC-USDT"] == datetime(2022, 12, 30, tzinfo=UTC)
    assert written["symbols"]["DOGE-USDT"]["breaks"] == []


@pytest.mark.soak
def test_a_job_killed_before_several_renames_ends_with_the_same_candles(
    make_context: Callable[..., Context], source: Path, tmp_path: Path
) -> None:
    expected, candles = at(make_context, tmp_path / "whole", source, LATE)
    folder = tmp_path / "killed"
    universe = folder / "runs" / "20231230Z" / "universe.json"
    write_json(universe, {"symbols": SYMBOLS})
    # A page costs two renames, digest and file: 1 after 2 dies between those of a second page.
    for renames in (0, 2, 1, 4, 1):
        command = [sys.executable, "-c", KILLED_WHILE_IT_WRITES, str(folder), str(source), str(renames)]
        assert subprocess.run(command, check=False, env=dict(os.environ)).returncode == -signal.SIGKILL
    ended, after = at(make_context, folder, source, LATE)
    assert ended == expected
    assert ended["quarantined"] == []
    assert_equal(after, candles)
