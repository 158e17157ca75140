"""The job ``candles``: every selected pair, what perpetuals of them paid, and the references that features need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huracan.clock import format_instant, milliseconds
from huracan.context import Context
from huracan.errors import DataError, TryAgainError, UsageError
from huracan.market.checks import find_breaks, find_gaps, last_segment_start, scaled_jump_ratio
from huracan.market.exchange import open_exchange
from huracan.market.timeframes import timeframe_ms
from huracan.market.workers import askers
from huracan.paths import read_document, write_json
from huracan.types import Exchange, FundingSource, JobResult, MarketKind, Outcome
from huracan_candles.cache import Spans
from huracan_candles.outages import Silences, find_outages
from huracan_candles.rates import kept_funding, sync_funding
from huracan_candles.restored import OUTAGES, restore_cache
from huracan_candles.settings import CandleSettings
from huracan_candles.sync import Symbol, Window, sync_symbol

__all__ = ["run"]

REFERENCES = ("BTC", "ETH")
"""The coins that correlation features compare with, in the quote currency of the universe."""


def run(context: Context) -> JobResult:
    """Bring the cache up to date and write ``candles.json``. Partly failed where a symbol's candles cannot be had."""
    run = context.current_run
    selected = _selected(context)
    section: Any = context.settings.choice("exchange")
    settings = context.settings.section(CandleSettings)
    now = milliseconds(context.clock.now())
    until = now - now % timeframe_ms(settings.timeframe)
    window = Window(_source(section), settings.timeframe, until - settings.days * 86_400_000, until)
    with open_exchange(context) as exchange:
        references = _references(exchange, selected)
        symbols = list(dict.fromkeys([*selected, *references]))
        restored = restore_cache(context, symbols)
        silences = Silences.read(context.paths.candles / OUTAGES, window.exchange, window.timeframe)
        results = _sync_all(context, exchange, symbols, window, silences)
        _refuse_nothing(selected, results)
        _sync_funding(context, exchange, [results[symbol] for symbol in selected], window)
    silences.remember(
        context.paths.candles / OUTAGES,
        find_outages([(each.candles, each.asked) for each in results.values()], settings.timeframe),
    )
    report = {
        "schema": 1,
        "run_date": run.run_date.isoformat(),
        "as_of": format_instant(context.clock.now()),
        "timeframe": settings.timeframe,
        "days": settings.days,
        "references": [symbol for symbol in references if not results[symbol].failed],
        "restored": restored,
        "outages": [{"from": since, "to": until} for since, until in _within(silences.outages, window)],
        "symbols": {symbol: _entry(context, result, window, settings, silences) for symbol, result in results.items()},
        "quarantined": [entry for result in results.values() for entry in result.quarantined],
    }
    write_json(context.paths.candle_report(run.run_date), report)
    return _outcome(selected, results)


def _selected(context: Context) -> list[str]:
    path = context.paths.universe_file(context.current_run.run_date)
    document = read_document(path, "universe")
    try:
        symbols: list[str] = document["symbols"]
    except KeyError as error:
        raise DataError(str(path), f"cannot be read ({error}); run `huracan run universe --force`") from None
    return symbols


def _source(section: Any) -> str:
    """Name what the cache is a copy of: the exchange, with those of its settings that give it other candles."""
    return _named(section, "candle_source")


def _named(section: Any, fields: str) -> str:
    chosen = {name: str(getattr(section, name)) for name in getattr(section, fields, ())}
    return " ".join([section.name, *(f"{name}={value}" for name, value in chosen.items())])


def _references(exchange: Exchange, selected: Sequence[str]) -> list[str]:
    """Return the reference pairs that the exchange has, in the quote currencies of the selected ones."""
    quotes = dict.fromkeys(symbol.partition("-")[2] for symbol in selected)
    known = {market.symbol for market in exchange.markets()}
    return [f"{base}-{quote}" for quote in quotes for base in REFERENCES if f"{base}-{quote}" in known]


def _sync_all(
    context: Context, exchange: Exchange, symbols: Sequence[str], window: Window, silences: Silences
) -> dict[str, Symbol]:
    """Sync every symbol; once the exchange stayed away for one, the others are judged by what the cache holds."""
    away, done = [""], [0]

    def sync(symbol: str) -> Symbol:
        def tell(text: str) -> None:
            line = f"candles {done[0] + 1}/{len(symbols)} {symbol} {text}"
            context.progress.step(line, done=done[0], total=len(symbols), item=symbol)

        result = sync_symbol(context, exchange, symbol, window, tell, silences, away[0])
        away[0] = away[0] or result.away
        return result

    results = {}
    with askers(exchange) as each:
        for symbol, result in zip(symbols, each(sync, symbols), strict=True):
            results[symbol] = result
            done[0] += 1
            line = f"candles {done[0]}/{len(symbols)} {symbol}"
            context.progress.step(line, done=done[0], total=len(symbols), item=symbol)
    return results


def _refuse_nothing(selected: Sequence[str], results: Mapping[str, Symbol]) -> None:
    """Raise TryAgainError where the exchange is away and no pair's cache is fresh enough to go on with."""
    away = next((result.away for result in results.values() if result.away), "")
    if away and selected and all(results[symbol].failed for symbol in selected):
        raise TryAgainError(away)


def _within(spans: Spans, window: Window) -> list[tuple[int, int]]:
    return [(since, until) for since, until in spans if until > window.since and since < window.until]


def _sync_funding(context: Context, exchange: Exchange, results: Sequence[Symbol], window: Window) -> None:
    """Fetch the funding of perpetuals; without it their costs count the flat estimate, and a problem says why."""
    if not isinstance(exchange, FundingSource):
        return
    source = _named(context.settings.choice("exchange"), "funding_source")
    perpetuals = {market.symbol for market in exchange.markets() if market.kind is MarketKind.PERPETUAL}
    away = next((each.away for each in results if each.away), "")
    for result in [each for each in results if not each.failed and each.symbol in perpetuals]:
        if away:
            result.problems.append(f"funding of {result.symbol}: not brought up to date, the exchange is away")
            result.funding = kept_funding(context, result.symbol, window.since, window.until, source)
            continue
        context.progress.step(f"funding {result.symbol}", item=result.symbol)
        try:
            result.funding = sync_funding(context, exchange, result.symbol, window.since, window.until, source)
        except DataError as error:
            result.problems.append(f"funding of {result.symbol}: {error}; its costs count a flat estimate")
        except (TryAgainError, UsageError) as error:
            away = str(error)
            result.problems.append(f"funding of {result.symbol}: {error}; what was kept counts")
            result.funding = kept_funding(context, result.symbol, window.since, window.until, source)


def _funding_entry(context: Context, result: Symbol) -> dict[str, Any] | None:
    if result.funding is None:
        return None
    return {
        "file": context.paths.relative(context.paths.funding_file(result.symbol)),
        "rows": len(result.funding),
        "first": int(result.funding.timestamp[0]),
        "last": int(result.funding.timestamp[-1]),
    }


def _entry(
    context: Context, result: Symbol, window: Window, settings: CandleSettings, silences: Silences
) -> dict[str, Any]:
    candles = result.candles
    ratio = scaled_jump_ratio(settings.max_jump_ratio, settings.timeframe)
    breaks = find_breaks(candles, settings.timeframe, int(settings.max_gap_hours * 3_600_000), ratio)
    usable_since = max(window.since, last_segment_start(candles, breaks))
    return {
        "state": "failed" if result.failed else "ok",
        "file": context.paths.relative(context.paths.candle_file(result.symbol)),
        "rows": len(candles),
        "first": int(candles.timestamp[0]) if len(candles) else None,
        "last": int(candles.timestamp[-1]) if len(candles) else None,
        "usable_since": usable_since,
        "usable_rows": int((candles.timestamp >= usable_since).sum()),
        "breaks": [{"at": each.at, "kind": each.kind, "sentence": each.sentence} for each in breaks],
        "gaps": [
            # Whose it is: the exchange's, or this pair's, which did not trade.
            {
                "from": gap.since,
                "to": gap.until,
                "bars": gap.bars,
                "cause": "outage" if silences.covers(gap) else "silence",
            }
            for gap in find_gaps(candles, settings.timeframe)
        ],
        "funding": _funding_entry(context, result),
        "problems": list(result.problems),
    }


def _outcome(selected: Sequence[str], results: dict[str, Symbol]) -> JobResult:
    failed = [symbol for symbol in selected if results[symbol].failed]
    problems = tuple(problem for result in results.values() for problem in result.problems)
    fetched = sum(result.fetched_rows for result in results.values())
    sound = sum(not result.failed for result in results.values())
    summary = f"{sound} of {len(results)} pairs up to date, {fetched:,} new candles"
    if selected and len(failed) == len(selected):
        return JobResult(Outcome.FAILED, summary, problems)
    return JobResult(Outcome.PARTLY_FAILED if problems else Outcome.DONE, summary, problems)
