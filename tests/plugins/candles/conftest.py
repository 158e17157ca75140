"""An exchange that does what a test tells it, and a run whose universe is already chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from huracan import hookimpl
from huracan.clock import milliseconds
from huracan.config import Section
from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.market.candles import COLUMNS, Candles
from huracan.paths import write_json
from huracan.testing import StandInEntryPoint, stand_in
from huracan.types import ExchangeType, Market, Ticker

HOUR = 3_600_000
AS_OF = datetime(2024, 3, 1, 0, 30, tzinfo=UTC)
NOW = milliseconds(AS_OF)


class PuppetSettings(Section):
    candle_source: ClassVar[tuple[str, ...]] = ("seed",)

    name: Literal["puppet"] = "puppet"
    seed: int = 1
    fee: float = 10.0


@dataclass
class Puppet:
    """Serves ``series`` page by page; ``mischief`` changes a page, ``asked`` keeps what was asked for."""

    series: dict[str, Candles] = field(default_factory=dict)
    page: int = 1000
    mischief: Callable[[Candles], Candles] = lambda page: page
    fails: Mapping[str, Exception] = field(default_factory=dict)
    dies_after: int | None = None
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    closed: int = 0

    def markets(self) -> Sequence[Market]:
        return [Market(symbol, symbol.split("-")[0], symbol.split("-")[1]) for symbol in self.series]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        raise AssertionError(symbols)

    def candles(self, symbol: str, timeframe: str, since: int, until: int) -> Iterator[Candles]:
        self.asked.append((symbol, since, until))
        if symbol in self.fails:
            raise self.fails[symbol]
        wanted = self.series[symbol].between(since, until)
        for number, start in enumerate(range(0, len(wanted), self.page)):
            if self.dies_after is not None and number >= self.dies_after:
                raise TryAgainError("the exchange went away")
            yield self.mischief(wanted.take(slice(start, start + self.page)))

    def problems(self) -> Sequence[str]:
        return []

    def close(self) -> None:
        self.closed += 1


def hourly(days: int, price: float = 100.0, end: int = NOW + 30 * HOUR) -> Candles:
    """Make candles up to beyond the run's instant: what lies after it must never be seen."""
    times = np.arange(end // HOUR - days * 24 - 30, end // HOUR) * HOUR
    close = price + np.sin(times / HOUR / 10)
    opened = np.concatenate([close[:1], close[:-1]])
    values = (times, opened, np.maximum(opened, close), np.minimum(opened, close), close, np.ones(len(times)))
    return Candles.from_columns(dict(zip(COLUMNS, values, strict=True)))


@pytest.fixture
def puppet() -> Puppet:
    return Puppet({f"{base}-USDT": hourly(200) for base in ("BTC", "ETH", "ADA")})


@pytest.fixture
def plugin(puppet: Puppet) -> StandInEntryPoint:
    kind = ExchangeType("puppet", PuppetSettings, lambda _context, _settings: puppet)
    return stand_in("puppet", huracan_exchanges=hookimpl(lambda: [kind]))


@pytest.fixture
def begin_run(make_context: Callable[..., Context], plugin: StandInEntryPoint) -> Callable[..., Context]:
    """Begin (or go on with) the run of 2024-03-01 with the given settings of ``candles``."""

    def begin(exchange: Mapping[str, Any] | None = None, **candles: Any) -> Context:
        made = make_context(
            {"exchange": {"name": "puppet", **(exchange or {})}, "candles": {"days": 90, **candles}},
            as_of=AS_OF, job="candles", plugins=("candles",), extra=[plugin],
        )  # fmt: skip
        write_json(made.paths.universe_file(made.current_run.run_date), {"symbols": ["ADA-USDT", "BTC-USDT"]})
        return made

    return begin


@pytest.fixture
def context(begin_run: Callable[..., Context]) -> Context:
    return begin_run()
