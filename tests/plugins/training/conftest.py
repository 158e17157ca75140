"""Coins made by hand: candles with and without an edge that features can see."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import huracan_training
from huracan.context import Context
from huracan.market.candles import Candles
from huracan.market.files import write_candles
from huracan.paths import Paths, write_json
from huracan.types import FeatureInput, FeatureSet
from huracan_training import job
from huracan_training.dataset import Dataset, build_dataset
from huracan_training.outcomes import Prices
from huracan_training.settings import LabelSettings

HOUR = 3_600_000
START = 1_700_006_400_000 // HOUR * HOUR


def candles_from(opens: np.ndarray, closes: np.ndarray) -> Candles:
    return Candles.from_columns(
        {
            "timestamp": START + HOUR * np.arange(len(opens)),
            "open": opens,
            "high": np.maximum(opens, closes),
            "low": np.minimum(opens, closes),
            "close": closes,
            "volume": np.full(len(opens), 1000.0),
        }
    )


def walk(rows: int, seed: int, drift: np.ndarray | None = None) -> Candles:
    """A random walk with 1 % a bar; ``drift`` is added to the log return from each bar's open to its close."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.01, rows) + (0.0 if drift is None else drift)
    closes = 100 * np.exp(np.cumsum(steps))
    opens = np.concatenate([[100.0], closes[:-1]])
    return candles_from(opens, closes)


@pytest.fixture(scope="session")
def make_walk() -> Callable[..., Candles]:
    return walk


@pytest.fixture(scope="session")
def planted() -> Callable[[int, int], tuple[Candles, FeatureSet]]:
    """A walk that drifts up for ten bars after a signal which the feature ``hint`` shows, among ``noise_0..3``."""

    def make(rows: int, seed: int) -> tuple[Candles, FeatureSet]:
        rng = np.random.default_rng(1000 + seed)
        hint = np.repeat(rng.normal(size=rows // 10 + 1), 10)[:rows]
        drift = np.zeros(rows)
        drift[1:] = 0.004 * hint[:-1]
        return walk(rows, seed, drift), hinted(hint, seed)

    return make


@pytest.fixture(scope="session")
def noise_set() -> Callable[[int, int], FeatureSet]:
    return lambda rows, seed: hinted(np.random.default_rng(seed + 1).normal(size=rows), seed)


def hinted(hint: np.ndarray, seed: int) -> FeatureSet:
    noise = np.random.default_rng(seed + 2).normal(size=(4, len(hint)))

    def compute(given: FeatureInput) -> Mapping[str, np.ndarray]:
        rows = (given.candles.timestamp - START) // HOUR
        return {"hint": hint[rows]} | {f"noise_{i}": noise[i][rows] for i in range(4)}

    return FeatureSet("hinted", 1, ("hint", "noise_0", "noise_1", "noise_2", "noise_3"), 20, compute)


@pytest.fixture(scope="session")
def make_prices() -> Callable[..., Prices]:
    """Prices of candles with the same costs in every row: ``enter`` and ``leave`` as fractions."""

    def make(candles: Candles, enter: float, leave: float) -> Prices:
        rows = len(candles)
        return Prices.of(candles, np.full(rows, enter), np.full(rows, leave), np.ones(rows))

    return make


@pytest.fixture(scope="session")
def make_dataset(make_prices: Callable[..., Prices]) -> Callable[..., Dataset]:
    """The rows of a coin that pays ``side`` for each side of a trade."""

    def make(candles: Candles, sets: FeatureSet, horizon: int, side: float = 0.0015) -> Dataset:
        prices = make_prices(candles, side, side)
        return build_dataset(candles, "1h", {}, [sets], prices, horizon, LabelSettings(), 0.01)

    return make


@dataclass(frozen=True)
class Coins:
    """A workspace as the jobs before left it, and the plugins of a night: ours, and features made by hand."""

    make: Callable[..., Context]
    as_of: datetime

    def context(self, **training: Any) -> Context:
        return self.make({"training": SMALL | training}, as_of=self.as_of, job="train", plugins=PLUGINS)


PLUGINS = ("training", "training-test-kit")
SMALL: dict[str, Any] = {
    "folds": 2, "search": {"trials": 2}, "min_train_rows": 200, "retry_delay": 0.01, "workers": 1,
    "order": {"quote": 1.0}, "test_share": 0.6, "parameters": {"rows_per_leaf": 40},
}  # fmt: skip
ROWS = 1800


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed distribution with a plugin of a stranger: features, and trainers that misbehave."""
    folder = tmp_path_factory.mktemp("kit")
    shutil.copy(Path(__file__).parent / "kit_plugin.py", folder / "training_test_kit.py")
    info = folder / "training_test_kit-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: training-test-kit\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[huracan]\ntraining-test-kit = training_test_kit\n")
    return folder


@pytest.fixture
def coins(
    kit: Path, workspace: Path, make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Coins]:
    """Write candles, ``candles.json`` and ``universe.json``; coins named ``EDGE...`` follow the hint, others do not."""
    monkeypatch.syspath_prepend(str(kit))
    # The features of the kit are a stranger's: a worker more for each test. How they are proved has tests of its own.
    monkeypatch.setattr(job, "leave_out_lookers", lambda *_: None)

    def make(*symbols: str, rows: int = ROWS, later: int = 0, failed: Sequence[str] = ()) -> Coins:
        as_of = datetime.fromtimestamp((START + rows * HOUR) / 1000, UTC)
        fill(Paths(workspace), symbols, rows, later, failed, as_of)
        return Coins(make_context, as_of)

    return make


def fill(paths: Paths, symbols: Sequence[str], rows: int, later: int, failed: Sequence[str], as_of: datetime) -> None:
    selected, reports = [], {}
    for rank, symbol in enumerate(symbols, start=1):
        hint = np.repeat(np.random.default_rng(1000 + rank).normal(size=(rows + later) // 10 + 1), 10)[: rows + later]
        drift = np.zeros(rows + later)
        drift[1:] = 0.005 * hint[:-1] if symbol.startswith("EDGE") else 0.0
        candles = walk(rows + later, rank, drift)
        columns = candles.columns() | {"volume": 100 + 10 * hint}  # what the feature of the kit shows
        if symbol not in failed:
            write_candles(paths.candle_file(symbol), Candles.from_columns(columns), {"huracan.timeframe": "1h"})
        selected.append(
            {
                "rank": rank, "symbol": symbol, "base": symbol.split("-")[0], "quote": "USDT", "kind": "spot",
                "score": 1.0, "quote_volume_24h": 1e9 / rank, "spread_bps": 2.0, "spread_source": "estimate",
                "age_days": 400.0, "active_share": 1.0, "daily_volatility": 0.05, "taker_fee_bps": 5.0,
                "maker_fee_bps": 5.0, "fee_source": "default",
            }
        )  # fmt: skip
        reports[symbol] = {
            "state": "failed" if symbol in failed else "ok", "file": paths.relative(paths.candle_file(symbol)),
            "rows": rows, "first": None, "last": None, "usable_since": START,
            "usable_rows": rows, "breaks": [], "gaps": [], "funding": None,
            "problems": ["the file is empty"] if symbol in failed else [],
        }  # fmt: skip
    head = {"schema": 1, "run_date": as_of.date().isoformat(), "as_of": f"{as_of:%Y-%m-%dT%H:%M:%SZ}"}
    universe = {
        **head, "exchange": "files", "criteria": {}, "symbols": list(symbols), "selected": selected, "dropped": [],
        "problems": [],
    }  # fmt: skip
    candle_report = {
        **head, "timeframe": "1h", "days": 50, "references": [s for s in symbols if s.startswith(("BTC-", "ETH-"))],
        "symbols": reports, "quarantined": [], "outages": [], "restored": 0,
    }  # fmt: skip
    write_json(paths.universe_file(as_of.date()), universe)
    write_json(paths.candle_report(as_of.date()), candle_report)


@pytest.fixture
def worked_once(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Context]:
    """Open a context on a workspace as work left it, which is done for the first test that asks for this name."""

    def open_on(name: str, opened: Callable[[], Context], work: Callable[[Context], None]) -> Context:
        kept = tmp_path_factory.getbasetemp() / f"worked-{name}"
        if kept.exists():
            shutil.copytree(kept, workspace, symlinks=True, dirs_exist_ok=True)
            return opened()
        context = opened()
        work(context)
        shutil.copytree(workspace, kept, symlinks=True)
        return context

    return open_on


@pytest.fixture(scope="session")
def schemas() -> Callable[[str, Any], None]:
    """Check a value against a schema that the plugin ships."""
    folder = Path(huracan_training.__file__).parent / "schemas"

    def check(name: str, value: Any) -> None:
        schema = json.loads((folder / f"{name}.schema.json").read_text())
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(value)

    return check
