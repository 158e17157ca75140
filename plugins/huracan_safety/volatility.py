"""How wild the market is: realised volatility of 24 h, and where it stands in its own history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from huracan.clock import milliseconds
from huracan.errors import DataError
from huracan_safety.settings import SafetySettings

if TYPE_CHECKING:
    import numpy as np

    from huracan.context import Context
    from huracan.market.candles import Candles

__all__ = ["Market", "Turbulence", "realised", "turbulence"]

DAY_MS = 86_400_000
LEAST_SHARE = 0.8
"""Share of the bars that a window, and of the windows that the history, must have to be believed."""


@dataclass(frozen=True, slots=True)
class Turbulence:
    """Volatility of the last 24 h up to ``at``, percent; its limit and the value below which it is calm, likewise.

    ``since`` is when it passed the limit, None where it has not or has been calm since.
    """

    at: datetime
    value: float
    limit: float
    calm: float
    since: datetime | None


def realised(candles: Candles, bar_ms: int, first: int, last: int) -> np.ndarray:
    """Return the realised volatility of 24 h at each close from ``first`` to ``last`` (ms), percent, NaN if unknown.

    The root of the sum of squared log returns (Andersen and Bollerslev 1998), scaled up for bars that are missing;
    unknown where more than a fifth of them are.
    """
    import numpy as np

    window = max(1, DAY_MS // bar_ms)
    begin = first - window * bar_ms
    closes = np.full((last - begin) // bar_ms + 1, np.nan)
    at = candles.timestamp + bar_ms - begin
    places, inside = at // bar_ms, (at >= 0) & (at <= last - begin) & (at % bar_ms == 0) & (candles.close > 0)
    closes[places[inside]] = candles.close[inside]
    squares = np.diff(np.log(closes)) ** 2
    known = np.isfinite(squares)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, squares, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    total, count = sums[window:] - sums[:-window], counts[window:] - counts[:-window]
    # A sum of squares that is a difference of long sums may end a hair below zero.
    scaled = np.sqrt(np.maximum(total, 0.0) * window / np.maximum(count, 1)) * 100.0
    return np.where(count >= LEAST_SHARE * window, scaled, np.nan)


def turbulence(settings: SafetySettings, candles: Candles, timeframe: str, now: datetime) -> Turbulence | str:
    """Return where the newest volatility stands among those of the days before it, or why that is not known."""
    import numpy as np

    from huracan.market.timeframes import timeframe_ms

    symbol, bar_ms = settings.volatility_symbol, timeframe_ms(timeframe)
    closed = candles.closed_at(milliseconds(now), timeframe)
    if len(closed) == 0:
        return f"there is no candle of {symbol}"
    last = int(closed.timestamp[-1]) + bar_ms
    first = last - settings.volatility_days * DAY_MS + bar_ms
    values = realised(closed, bar_ms, first, last)
    known = np.isfinite(values)
    if not known[-1] or known.sum() < LEAST_SHARE * len(values):
        return f"{symbol} has too few candles in the last {settings.volatility_days} days"
    history = values[known]
    limit = float(np.percentile(history, settings.volatility_percentile))
    calm = float(np.percentile(history, settings.volatility_release_percentile))
    since = _since(values, limit, calm)
    moment = None if since is None else _instant(first + since * bar_ms)
    return Turbulence(_instant(last), float(values[-1]), limit, calm, moment)


def _since(values: np.ndarray, limit: float, calm: float) -> int | None:
    """Return the row at which the limit was passed, unless it has been calm since: what is in between stays."""
    since = None
    for row in range(len(values) - 1, -1, -1):
        if values[row] > limit:
            since = row
        elif values[row] < calm:
            break
    return since


def _instant(milliseconds_: int) -> datetime:
    return datetime.fromtimestamp(milliseconds_ / 1000, UTC)


class Market:
    """Reads the candles of the market when their file changed, and not every few seconds."""

    def __init__(self) -> None:
        self._known: tuple[int, int] | None = None
        self._found: Turbulence | str = ""

    def look(self, context: Context) -> Turbulence | str:
        """Return how wild the market is, or why that is not known."""
        settings = context.settings.section(SafetySettings)
        file = context.paths.candle_file(settings.volatility_symbol)
        try:
            status = file.stat()
        except OSError:
            self._known = None
            return f"there is no candle of {settings.volatility_symbol}"
        if self._known != (status.st_mtime_ns, status.st_size):
            from huracan.market.files import read_candles

            try:
                candles, words = read_candles(file)
                self._found = turbulence(settings, candles, words["huracan.timeframe"], context.clock.now())
            except (DataError, KeyError, ValueError) as error:
                self._found = f"the candles of {settings.volatility_symbol} cannot be read ({error})"
            self._known = (status.st_mtime_ns, status.st_size)
        return self._found
