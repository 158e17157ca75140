"""The job ``universe``: from all pairs of the exchange to the ranked ones, stored with every reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.errors import DataError
from huracan.market.exchange import open_exchange
from huracan.paths import write_json
from huracan.types import JobResult, Outcome
from huracan_universe.examine import examine
from huracan_universe.facts import sort_out
from huracan_universe.select import Selection, select
from huracan_universe.settings import UniverseSettings

__all__ = ["run"]

_NOT_IN_FILE = ("active",)


def run(context: Context) -> JobResult:
    """Select pairs, store the selection and write ``universe.json``.

    Partly failed where the exchange left out markets or a rule failed. Raises DataError where no pair is left.
    """
    settings = context.settings.section(UniverseSettings)
    section: Any = context.settings.choice("exchange")
    with open_exchange(context) as exchange:
        markets = exchange.markets()
        context.progress.step(f"universe {len(markets)} pairs on {section.name}")
        tickers = exchange.tickers([market.symbol for market in markets])
        context.progress.step(f"universe {len(tickers)} tickers")
        now, rules = context.clock.now(), context.plugins.universe_rules()
        known, unusable = sort_out(markets, tickers, now)
        candidates, unasked, troubles = examine(context, exchange, known, rules, settings)
        problems = [*exchange.problems(), *troubles]
    selection = select(context, candidates, rules, settings, [*unusable, *unasked])
    problems += selection.problems
    run_info = context.current_run
    criteria = settings.model_dump(mode="json")
    context.store.universe.save(run_info.run_id, run_info.run_date, now, section.name, criteria, selection.decisions)
    write_json(
        context.paths.universe_file(run_info.run_date),
        _document(context, section.name, criteria, selection, problems),
    )
    if not selection.selected:
        raise DataError(f"exchange {section.name}", _nothing_left(selection, problems))
    summary = f"{len(selection.selected)} of {len(markets)} pairs selected"
    return JobResult(Outcome.PARTLY_FAILED if problems else Outcome.DONE, summary, tuple(problems))


def _document(
    context: Context, exchange: str, criteria: dict[str, Any], selection: Selection, problems: list[str]
) -> dict[str, Any]:
    selected = [
        {
            "rank": each.rank,
            "symbol": each.symbol,
            "score": each.score,
            **{key: value for key, value in each.facts.items() if key not in _NOT_IN_FILE},
        }
        for each in selection.selected
    ]
    return {
        "schema": 1,
        "run_date": context.current_run.run_date.isoformat(),
        "as_of": format_instant(context.clock.now()),
        "exchange": exchange,
        "criteria": criteria,
        "symbols": [each.symbol for each in selection.selected],
        "selected": selected,
        "dropped": [
            {"symbol": each.symbol, "reasons": [{"rule": rule, "reason": why} for rule, why in each.reasons]}
            for each in selection.decisions
            if not each.selected
        ],
        "problems": problems,
    }


def _nothing_left(selection: Selection, problems: list[str]) -> str:
    if not selection.decisions:
        seen = f"; {problems[0]}" if problems else ""
        return f"has no pair that can be read as of this date{seen}"
    counts = Counter(rule for each in selection.decisions for rule, _ in each.reasons)
    most = ", ".join(f"{rule} ({count})" for rule, count in counts.most_common(3))
    return (
        f"none of {len(selection.decisions)} pairs is left; most were dropped by {most}; "
        "see `huracan universe show` and the section universe of the settings"
    )
