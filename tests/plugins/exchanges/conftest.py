"""Candle files of every kind, and a folder of them opened as an exchange."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan.clock import milliseconds
from huracan.types import Exchange
from huracan_exchanges.files import FilesExchange
from huracan_exchanges.settings import FilesSettings

HOUR = 3_600_000
FIRST = datetime(2023, 1, 1, tzinfo=UTC)


def make_frame(rows: int, first: datetime = FIRST, step: int = HOUR, seed: int = 1) -> pl.DataFrame:
    """Return sound candles as a table, prices near 100."""
    generator = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, rows)))
    opened = np.concatenate([[100.0], close])[:rows]
    return pl.DataFrame(
        {
            "timestamp": milliseconds(first) + step * np.arange(rows, dtype=np.int64),
            "open": opened,
            "high": np.maximum(opened, close) * 1.002,
            "low": np.minimum(opened, close) * 0.998,
            "close": close,
            "volume": generator.uniform(1000, 2000, rows),
        }
    )


@pytest.fixture
def frame() -> Callable[..., pl.DataFrame]:
    return make_frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "candles"
    path.mkdir()
    return path


@pytest.fixture
def open_folder(folder: Path) -> Callable[..., Exchange]:
    """Open the folder (or another one) as of an instant."""

    def open_it(now: datetime, path: Path | None = None, **settings: Any) -> Exchange:
        log = logging.LoggerAdapter(logging.getLogger("test.exchanges"), {})
        return FilesExchange(FilesSettings(path=path or folder, **settings), now, log)

    return open_it
