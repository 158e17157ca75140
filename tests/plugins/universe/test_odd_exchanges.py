"""An exchange and a rule may say anything: no pair vanishes without a reason, and no nonsense is ranked."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from huracan import hookimpl
from huracan.config import Section
from huracan.context import Context
from huracan.errors import DataError, SettingsError
from huracan.testing import stand_in
from huracan.types import Candidate, ExchangeType, JobResult, Market, Outcome, Ticker, UniverseRule
from huracan_universe import show
from huracan_universe.job import run

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)


class OddSettings(Section):
    name: Literal["odd"] = "odd"


def ticker(symbol: str, **facts: Any) -> Ticker:
    return replace(Ticker(symbol, AS_OF, 1.0, 5e7, 3.0, "estimate", 1.0, 0.04, AS_OF), **facts)


@dataclass
class Odd:
    """Lists ADA-USDT, which is sound, and whatever a test adds; a ticker of None is not given."""

    tickers_by_symbol: dict[str, Ticker | None] = field(default_factory=lambda: {"ADA-USDT": ticker("ADA-USDT")})

    def markets(self) -> Sequence[Market]:
        names = [(symbol, *symbol.split("-")) for symbol in self.tickers_by_symbol]
        return [Market(name, base, quote, listed_at=AS_OF - timedelta(days=99)) for name, base, quote in names]

    def tickers(self, symbols: Sequence[str]) -> Mapping[str, Ticker]:
        return {symbol: each for symbol, each in self.tickers_by_symbol.items() if each and symbol in symbols}

    def problems(self) -> Sequence[str]:
        return []

    def close(self) -> None:
        pass


@pytest.fixture
def odd() -> Odd:
    return Odd()


@pytest.fixture
def begin(make_context: Callable[..., Context], odd: Odd) -> Callable[..., Context]:
    def begin(rules: Sequence[UniverseRule] = (), **universe: Any) -> Context:
        kind = ExchangeType("odd", OddSettings, lambda _context, _settings: odd)  # type: ignore[arg-type,return-value]
        plugin = stand_in(
            "odd", huracan_exchanges=hookimpl(lambda: [kind]), huracan_universe_rules=hookimpl(lambda: list(rules))
        )
        settings = {"exchange": {"name": "odd"}, "universe": universe}
        return make_context(settings, as_of=AS_OF, job="universe", plugins=("universe",), extra=[plugin])

    return begin


def judged(context: Context) -> tuple[JobResult, Any, dict[str, dict[str, str]]]:
    """Run the job; return its result, ``universe.json`` and the reasons of dropped pairs by rule."""
    result = run(context)
    written = json.loads(context.paths.universe_file(AS_OF.date()).read_text())
    reasons = {each["symbol"]: {why["rule"]: why["reason"] for why in each["reasons"]} for each in written["dropped"]}
    return result, written, reasons


def test_a_pair_that_never_traded_is_dropped_with_a_reason(odd: Odd, begin: Callable[..., Context]) -> None:
    odd.tickers_by_symbol["NEW-USDT"] = None
    result, written, reasons = judged(begin())
    assert (result.outcome, written["symbols"]) == (Outcome.DONE, ["ADA-USDT"])
    assert reasons == {"NEW-USDT": {"ticker": "the exchange says nothing about its last 24 h"}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("active_share", float("nan")),
        ("daily_volatility", float("nan")),
        ("quote_volume", float("inf")),
        ("quote_volume", -1.0),
        ("spread_bps", -4.0),
    ],
)
def test_a_number_that_cannot_be_is_no_advantage(
    odd: Odd, begin: Callable[..., Context], name: str, value: float
) -> None:
    odd.tickers_by_symbol["SOL-USDT"] = ticker("SOL-USDT", **{name: value})
    _, written, reasons = judged(begin(include=["SOL-USDT"]))
    assert written["symbols"] == ["ADA-USDT"]
    assert reasons["SOL-USDT"] == {"ticker": f"the exchange gives numbers that cannot be: {name} {value:g}"}


def test_a_name_that_cannot_be_a_file_is_not_selected(odd: Odd, begin: Callable[..., Context]) -> None:
    odd.tickers_by_symbol["币安人生-USDT"] = ticker("币安人生-USDT", quote_volume=9e9)
    _, written, reasons = judged(begin())
    assert written["symbols"] == ["ADA-USDT"]
    assert set(reasons["币安人生-USDT"]) == {"name"}


def test_an_included_pair_is_selected_from_the_last_rank(odd: Odd, begin: Callable[..., Context]) -> None:
    odd.tickers_by_symbol["SOL-USDT"] = ticker("SOL-USDT", quote_volume=4e7)
    odd.tickers_by_symbol["TINY-USDT"] = ticker("TINY-USDT", quote_volume=1e3)
    _, written, reasons = judged(begin(top=2, include=["TINY-USDT"]))
    assert written["symbols"] == ["ADA-USDT", "TINY-USDT"]
    assert reasons["SOL-USDT"] == {"top": "ranks 2, 2 are taken, 1 of them by universe.include"}


def test_names_in_settings_that_mean_nothing_are_said(begin: Callable[..., Context]) -> None:
    result, _, _ = judged(begin(include=["ADX-USDT"], rules_off=["volum"]))
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == (
        "universe.include: the exchange has no pair ADX-USDT",
        'universe.rules_off: volum is not a rule; did you mean "volume"?',
    )


@pytest.mark.parametrize("answer", [True, "", 3])
def test_a_rule_that_gives_no_sentence_keeps_its_pair_out_and_is_reported(
    odd: Odd, begin: Callable[..., Context], answer: Any
) -> None:
    def veto(_context: Context, each: Candidate) -> Any:
        return answer if each.market.base == "SOL" else None

    odd.tickers_by_symbol["SOL-USDT"] = ticker("SOL-USDT")
    result, written, _ = judged(begin([UniverseRule("mine", veto)]))
    assert written["symbols"] == ["ADA-USDT"]
    assert result.problems == (
        f"universe rule mine failed for SOL-USDT: PluginError: it answered {answer!r}, neither a sentence nor None",
    )


def test_a_broken_rule_is_reported_once_and_leaves_nothing_to_select(odd: Odd, begin: Callable[..., Context]) -> None:
    def veto(_context: Context, _each: Candidate) -> str | None:
        raise KeyError("table")

    odd.tickers_by_symbol["SOL-USDT"] = ticker("SOL-USDT")
    context = begin([UniverseRule("mine", veto)])
    with pytest.raises(DataError, match=r"none of 2 pairs is left; most were dropped by mine \(2\)"):
        run(context)
    written = json.loads(context.paths.universe_file(AS_OF.date()).read_text())
    assert len(written["problems"]) == 1


@pytest.mark.parametrize("name", ["include", "exclude"])
def test_a_pair_written_in_another_form_is_refused(begin: Callable[..., Context], name: str) -> None:
    with pytest.raises(SettingsError, match="'BTC/USDT' is no pair; write it as BTC-USDT"):
        begin(**{name: ["BTC/USDT"]})


def test_the_quote_currency_may_be_written_small(begin: Callable[..., Context]) -> None:
    assert judged(begin(quote="usdt"))[1]["symbols"] == ["ADA-USDT"]


def test_show_prints_sentences_as_they_are_and_a_dash_for_what_is_not_known(
    odd: Odd, begin: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    def veto(_context: Context, each: Candidate) -> str | None:
        return "is [/odd] and [bold]" if each.market.base == "SOL" else None

    odd.tickers_by_symbol |= {"SOL-USDT": ticker("SOL-USDT"), "NEW-USDT": None}
    context = begin([UniverseRule("mine", veto)])
    run(context)
    monkeypatch.setattr(show, "open_context", lambda *_arguments, **_options: context)
    monkeypatch.setenv("COLUMNS", "160")
    with redirect_stdout(io.StringIO()) as printed:
        show.run(argparse.Namespace(as_of=None, json=False, no_color=True))
    assert "is [/odd] and [bold] (mine)" in printed.getvalue()
    assert any(line.split()[:2] == ["NEW-USDT", "-"] for line in printed.getvalue().splitlines())
