"""Contexts with the plugin, and a market that a test chooses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from huracan.context import Context
from huracan.market.files import write_candles
from plugins.safety.samples import candles_of


@pytest.fixture
def safe(make_context: Callable[..., Context]) -> Callable[..., Context]:
    """Build a context with the plugin; keywords are settings of the section ``safety``."""

    def build(**safety: object) -> Context:
        return make_context({"safety": safety}, plugins=("safety",))

    return build


@pytest.fixture
def calm_market() -> Callable[[Context], None]:
    """Write candles of a market that was wild a month ago and is calm now."""

    def write(context: Context) -> None:
        random = np.random.default_rng(7)
        wildness = np.full(24 * 100, 0.004)
        wildness[1500:1700] = 0.02
        wildness[-48:] = 0.001
        closes = 100.0 * np.exp(np.cumsum(random.normal(0.0, 1.0, len(wildness)) * wildness))
        hour = context.clock.now().replace(minute=0, second=0, microsecond=0)
        path = context.paths.candle_file("BTC-USDT")
        write_candles(path, candles_of(list(closes), last=hour), {"huracan.timeframe": "1h"})

    return write
