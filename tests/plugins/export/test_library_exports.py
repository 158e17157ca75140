"""What the library holds, as its exports tell it to an independent reader, on both databases."""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jsonschema import Draft202012Validator

from huracan.context import Context
from huracan.store import (
    DailyMetrics,
    DailyPerformance,
    FeatureSummary,
    HealthResult,
    LibraryModel,
    ModelDelta,
    ModelPerformance,
    Pattern,
    PatternPerformance,
    PostExit,
    Signal,
    SimulatedTrade,
    Trade,
    TradeFilter,
    TradeStep,
)
from huracan.table_files import unmarked, write_table
from huracan.testing import make_context as make_context_in
from huracan.testing.postgres import PostgresServer
from huracan.types import CheckState, Event, ExportScope, FileExport, Outcome, Severity, TableExport
from huracan_export.job import run
from library_rows import fill_library, made_models

NIGHT = datetime(2023, 12, 30, 4, 5, tzinfo=UTC)
DAY = NIGHT.date()
REQUIRED = {
    "trade_history", "all_trades_complete", "model_performance", "win_loss_analysis", "pattern_library",
    "pattern_performance", "post_exit_tracking", "regime_analysis", "model_evolution", "observability_trades",
    "observability_models", "observability_model_deltas", "learning_*", "backtest_*", "artifact_*_metadata",
    "comprehensive_metrics",
}  # fmt: skip
"""Row N14 of the requirements; the index, performance_summary, is no export."""


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A night before which three coins were trained on four days, with 50 trades a model; tests only read."""
    settings: dict[str, Any] = {"export": {"formats": ["csv", "parquet"]}}
    server: PostgresServer | None = None
    database = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        database = server.create()
        settings["database"] = server.url(database)
    context = make_context_in(
        tmp_path_factory.mktemp("library"), settings, as_of=NIGHT, job="export", plugins=("export",)
    )
    with context.store:
        fill_library(context.store, 600, coins=3, trades_per_model=50)
        yield context
    if server:
        server.drop(database)


def rows(context: Context, name: str, *, part: str = "", first: date = DAY) -> list[dict[str, Any]]:
    """Return an export as a reader of its Parquet file gets it."""
    export = context.plugins.exports()[name]
    assert isinstance(export, TableExport)
    path = context.paths.workspace / "table.parquet"
    write_table(path, "parquet", export.columns, export.batches(context, ExportScope(first, DAY, part)))
    return pl.read_parquet(path).to_dicts()


def check_schema(package: str, name: str, value: Any) -> None:
    """Validate a document against the schema that its plugin ships."""
    folder = Path(importlib.import_module(package).__file__ or "").parent / "schemas"
    schema = json.loads((folder / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(value)


def as_exported(trade: SimulatedTrade) -> dict[str, Any]:
    names = {"entered_at": trade.entered_at, "exited_at": trade.exited_at}
    values = {name: getattr(trade, name) for name in trade.__slots__ if not name.endswith("_ms")}
    return {**values, **names}


def test_every_file_of_the_requirements_is_an_export(make_context: Callable[..., Context]) -> None:
    offered = make_context().plugins.exports()
    assert set(offered) >= REQUIRED
    assert {each.description for each in offered.values() if not each.description.strip()} == set()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("all_trades_complete", SimulatedTrade), ("observability_trades", TradeStep), ("post_exit_tracking", PostExit),
        ("observability_models", LibraryModel), ("observability_model_deltas", ModelDelta),
        ("pattern_library", Pattern), ("pattern_performance", PatternPerformance), ("daily_metrics", DailyMetrics),
        ("reported_trades", Trade), ("model_performance", ModelPerformance), ("features", FeatureSummary),
        ("signals", Signal), ("daily_performance", DailyPerformance),
    ],
)  # fmt: skip
def test_nothing_that_the_library_knows_is_left_out(
    name: str, kind: type, make_context: Callable[..., Context]
) -> None:
    export = make_context().plugins.exports()[name]
    assert isinstance(export, TableExport)
    told = {column.name for column in export.columns}
    known = {field.name for field in fields(kind)}
    assert {each for each in known if not told & {each, each.removesuffix("_ms"), each.replace("_ms", "_at")}} == set()


def test_the_history_holds_the_trades_of_the_night_and_no_others(library: Context) -> None:
    expected = library.store.library.trades.iterate(TradeFilter(run_date=DAY))
    found = rows(library, "trade_history")
    assert len(found) == 150
    wanted = [as_exported(trade) for trade in expected]
    for each in wanted:
        del each["features"], each["contributions"]
    assert found == wanted
    assert len(rows(library, "trade_history", first=date(2023, 12, 29))) == 300


def test_all_trades_hold_every_night_with_the_features_that_are_kept(library: Context) -> None:
    found = rows(library, "all_trades_complete")
    read = ({name: json.loads(row[name]) for name in ("features", "contributions")} for row in found)
    assert [{**row, **parts} for row, parts in zip(found, read, strict=True)] == [
        as_exported(trade) for trade in library.store.library.trades.iterate()
    ]
    export = library.plugins.exports()["all_trades_complete"]
    assert isinstance(export, TableExport)
    before = ExportScope(date(2023, 12, 28), date(2023, 12, 28))
    assert sum(len(batch) for batch in export.batches(library, before)) == 300


def test_the_life_of_each_trade_has_three_steps(library: Context) -> None:
    found = rows(library, "observability_trades")
    assert len(found) == 3 * 150
    assert {row["model_id"] for row in found} == {each.model_id for each in library.store.library.models(run_date=DAY)}
    trade = next(library.store.library.trades.iterate(TradeFilter(run_date=DAY)))
    steps = {row["step"]: row for row in found if (row["model_id"], row["number"]) == (trade.model_id, 1)}
    assert (steps["entry"]["time"], steps["entry"]["value"]) == (trade.entered_at, trade.entry)
    assert steps["exit"]["detail"] == trade.exit_reason


def test_what_came_after_exits_is_told_of_every_trade(library: Context) -> None:
    found = rows(library, "post_exit_tracking")
    assert len(found) == 600
    first = next(library.store.library.post_exits())
    assert (found[0]["model_id"], found[0]["after_24_bps"], found[0]["complete"]) == (first.model_id, 21.0, True)


def test_regimes_of_each_coin_add_up_to_those_of_all(library: Context) -> None:
    found = rows(library, "regime_analysis")
    together = [row for row in found if row["symbol"] is None]
    apart = [row for row in found if row["symbol"] is not None]
    assert sum(row["trades"] for row in together) == sum(row["trades"] for row in apart) == 150
    assert {row["market_regime"] for row in found} <= {"TREND", "RANGE", "PANIC"}
    trades = [t for t in library.store.library.trades.iterate(TradeFilter(run_date=DAY)) if t.market_regime == "TREND"]
    quiet = [trade for trade in trades if trade.volatility_regime == "low"]
    row = next(r for r in together if (r["market_regime"], r["volatility_regime"]) == ("TREND", "low"))
    assert row["net_bps"] == pytest.approx(sum(trade.net_bps for trade in quiet) / len(quiet))
    assert row["hit_rate"] == pytest.approx(sum(trade.won for trade in quiet) / len(quiet))


def test_a_coin_that_a_forced_run_trained_twice_counts_once_in_regimes(make_context: Callable[..., Context]) -> None:
    context = make_context({}, as_of=NIGHT, job="export", plugins=("export",))
    (made,) = made_models(50, coins=1, trades_per_model=50)
    again = f"{made.model.model_id[:-3]}01Z"
    for model_id in (made.model.model_id, again):
        context.store.library.record_model(
            replace(made.model, model_id=model_id),
            replace(made.performance, model_id=model_id),
            [replace(each, model_id=model_id) for each in made.trades],
        )
    found = rows(context, "regime_analysis")
    for symbol in (None, made.model.symbol):
        assert sum(row["trades"] for row in found if row["symbol"] == symbol) == 50


def test_a_backtest_compounds_the_trades_of_one_coin(library: Context) -> None:
    export = library.plugins.exports()["backtest_*"]
    assert export.parts is not None
    assert {*export.parts(library, ExportScope(DAY, DAY))} == {"BTC-USDT", "ETH-USDT", "SOL-USDT"}
    found = rows(library, "backtest_*", part="ETH-USDT")
    trades = list(library.store.library.trades.iterate(TradeFilter(symbol="ETH-USDT", run_date=DAY)))
    equity, peak = 1.0, 1.0
    for row, trade in zip(found, trades, strict=True):
        equity *= 1 + trade.stake * trade.net_bps / 1e4
        peak = max(peak, equity)
        assert row["equity"] == pytest.approx(equity)
        assert row["drawdown"] == pytest.approx(1 - equity / peak)


def test_the_evolution_follows_each_coin_through_all_nights(library: Context) -> None:
    found = [row for row in rows(library, "model_evolution") if row["symbol"] == "ETH-USDT"]
    assert [row["generation"] for row in found] == [1, 2, 3, 4]
    assert [row["run_date"].day for row in found] == [27, 28, 29, 30]
    measured = {each.model_id: each for each in library.store.library.performance("ETH-USDT")}
    assert [row["sharpe"] for row in found] == [measured[row["model_id"]].sharpe for row in found]
    assert found[0]["sharpe_change"] is None
    assert found[3]["sharpe_change"] == pytest.approx(found[3]["sharpe"] - found[2]["sharpe"])


def test_models_deltas_and_patterns_are_those_of_the_night(library: Context) -> None:
    (model, *_) = sorted(library.store.library.models(run_date=DAY), key=lambda each: each.model_id)
    row = rows(library, "observability_models")[0]
    assert (row["model_id"], row["as_of"], row["passed"]) == (model.model_id, model.as_of, model.passed)
    assert json.loads(row["importance"]) == dict(model.importance)
    assert json.loads(row["gates"]) == [dict(gate) for gate in model.gates]
    deltas = [each for each in rows(library, "observability_model_deltas") if each["model_id"] == model.model_id]
    assert [(each["name"], each["before"], each["after_text"]) for each in deltas] == [
        (each.name, each.before, each.after_text) for each in library.store.library.deltas(model.model_id)
    ]
    found, tested = rows(library, "pattern_library"), rows(library, "pattern_performance")
    assert len(found) == len(tested) == 3 * 6
    known = library.store.library.patterns(model.model_id)
    for pattern, result in known:
        key = (pattern.model_id, pattern.fold, pattern.number)
        rule = next(each for each in found if (each["model_id"], each["fold"], each["number"]) == key)
        test = next(each for each in tested if (each["model_id"], each["fold"], each["number"]) == key)
        assert (rule["rule"], json.loads(rule["conditions"])) == (pattern.rule, list(pattern.conditions))
        assert result is not None
        assert (test["rule"], test["p_adjusted"]) == (pattern.rule, result.p_adjusted)
        assert test["tested_until"] == datetime.fromtimestamp(result.tested_until_ms / 1000, UTC)


def test_wins_and_losses_are_json_model_by_model(library: Context) -> None:
    export = library.plugins.exports()["win_loss_analysis"]
    assert isinstance(export, FileExport)
    path = library.paths.workspace / "wins.json"
    assert export.write(library, path, ExportScope(DAY, DAY)) == 3 * 6
    models = json.loads(path.read_text("utf-8"))["models"]
    assert [each["symbol"] for each in models] == ["BTC-USDT", "ETH-USDT", "SOL-USDT"]
    (first, *_) = library.store.library.wins(models[0]["model_id"])
    assert (models[0]["wins"][0]["driver"], models[0]["wins"][0]["effect"]) == (first.driver, first.effect)
    assert len(models[0]["losses"]) == 3
    check_schema("huracan_export", "win_loss_analysis", json.loads(path.read_text("utf-8")))


def test_what_the_columns_of_each_model_looked_like_is_told(library: Context) -> None:
    found = rows(library, "features")
    models = sorted(library.store.library.models(run_date=DAY), key=lambda each: each.model_id)
    known = [each for model in models for each in library.store.library.features(model.model_id)]
    assert [(row["model_id"], row["feature"], row["p95"], row["importance"]) for row in found] == [
        (each.model_id, each.feature, each.p95, each.importance) for each in known
    ]
    assert {(row["symbol"], row["run_date"]) for row in found} == {(each.symbol, DAY) for each in models}


def test_the_night_writes_them_all_and_the_index_counts_their_rows(library: Context) -> None:
    result = run(library)
    assert result.outcome is Outcome.DONE, result.problems
    folder = library.paths.exports / "2023-12-30"
    index = json.loads((folder / "performance_summary_20231230.json").read_text())
    check_schema("huracan_export", "performance_summary", index)
    for entry in index["exports"]:
        path = folder / entry["file"]
        if entry["format"] == "csv":
            with path.open(newline="", encoding="utf-8") as file:
                header, *lines = csv.reader(file, strict=True)
            assert (header, len(lines)) == (entry["columns"], entry["rows"]), entry["file"]
        elif entry["format"] == "parquet":
            frame = pl.read_parquet(path)
            assert (frame.columns, frame.height) == (entry["columns"], entry["rows"]), entry["file"]
    with (folder / "trade_history_20231230.csv").open(newline="", encoding="utf-8") as file:
        trade = next(csv.DictReader(file))
    assert (trade["won"], trade["entered_at"][-1]) in {("true", "Z"), ("false", "Z")}


def test_reported_trades_are_those_that_closed_on_the_day_or_the_day_before(
    make_context: Callable[..., Context],
) -> None:
    context = make_context(as_of=NIGHT, plugins=("export",))

    def trade(name: str, closed: datetime, source: str) -> Trade:
        return Trade(name, "BTC-USDT", "long", closed, closed, 1.0, 100.0, 101.0, 0.1, 0.9, 1e4, source)

    at = [datetime(2023, 12, day, 12, tzinfo=UTC) for day in (28, 30, 31)]
    context.store.trades.record(
        [trade("early", at[0], "live"), trade("=live", at[1] - timedelta(days=1), "live"),
         trade("paper", at[1], "paper"), trade("late", at[2], "live")], NIGHT,
    )  # fmt: skip
    found = rows(context, "reported_trades")
    assert [(row["id"], row["net_pnl"]) for row in found] == [("=live", 0.9), ("paper", 0.9)]
    days = rows(context, "daily_performance")
    assert [(row["day"].day, row["source"], row["trades"]) for row in days] == [(29, "live", 1), (30, "paper", 1)]


def test_signals_are_those_of_the_day_and_the_day_before(make_context: Callable[..., Context]) -> None:
    context = make_context(as_of=NIGHT, plugins=("export",))
    signal = Signal("m/1", NIGHT, "BTC-USDT", "lightgbm", "nightly", "buy", 0.61, 0.55, 42_000.0, "nightly-1")
    early = replace(signal, id="early", time=datetime(2023, 12, 28, 23, tzinfo=UTC))
    context.store.signals.record([signal, early, replace(signal, id="late", time=NIGHT + timedelta(days=1))])
    (row,) = rows(context, "signals")
    assert row == {name: getattr(signal, name) for name in row}


def test_what_is_no_longer_kept_replaces_no_file_that_has_it_and_is_named(make_context: Callable[..., Context]) -> None:
    context = make_context({"export": {"formats": ["csv"]}}, as_of=NIGHT, job="export", plugins=("export",))
    ids = fill_library(context.store, 300, coins=3, trades_per_model=50)
    assert run(context).outcome is Outcome.DONE
    folder = context.paths.exports / "2023-12-30"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    context.store.library.forget(ids[-2:], trades_only=True)
    context.store.trades.record(
        [Trade("new", "BTC-USDT", "long", NIGHT, NIGHT, 1.0, 1.0, 1.0, 0.0, 1.0, 9.0, "live")], NIGHT
    )
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    line = "trades of 2 models are no longer kept (training.library.keep_models); what an earlier write has stays"
    assert f"export trade_history: {line}" in result.problems
    assert any(
        each.startswith("export features: columns of 2 models are not in the library") for each in result.problems
    )
    index = json.loads((folder / "performance_summary_20231230.json").read_text())
    assert index["problems"] == list(result.problems)
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "daily_performance_20231230.csv", "reported_trades_20231230.csv", "performance_summary_20231230.json",
    }  # fmt: skip
    listed = {entry["file"]: entry for entry in index["exports"]}
    assert set(listed) == set(before) - {"performance_summary_20231230.json"}
    assert listed["trade_history_20231230.csv"]["rows"] == 150


def test_what_is_left_is_written_where_no_file_has_more(make_context: Callable[..., Context]) -> None:
    context = make_context({"export": {"formats": ["csv"]}}, as_of=NIGHT, job="export", plugins=("export",))
    ids = fill_library(context.store, 300, coins=3, trades_per_model=50)
    context.store.library.forget(ids[-1:], trades_only=True)
    result = run(context)
    line = "trades of 1 model are no longer kept (training.library.keep_models); the rest is written"
    assert f"export trade_history: {line}" in result.problems
    text = (context.paths.exports / "2023-12-30" / "trade_history_20231230.csv").read_text()
    assert len(text.splitlines()) == 101


def test_events_and_health_are_those_of_the_day_and_the_day_before(make_context: Callable[..., Context]) -> None:
    context = make_context(as_of=NIGHT, plugins=("export",))
    at = [datetime(2023, 12, 28, 23, 59, 59, tzinfo=UTC), NIGHT, datetime(2023, 12, 31, tzinfo=UTC)]
    for number, time in enumerate(at):
        context.store.events.add(
            Event("run.ended", Severity.WARNING, f"=night {number}", time, {"done": number}, symbol="BTC-USDT")
        )
    context.store.health.add([HealthResult(time, "disk", "monitor", CheckState.OK, 0.5, "12 GB") for time in at])
    (event,) = rows(context, "events")
    assert (event["title"], event["severity"], event["time"]) == ("=night 1", "warning", NIGHT)
    assert (json.loads(event["fields"]), event["symbol"], event["job"]) == ({"done": 1}, "BTC-USDT", None)
    (result,) = rows(context, "health_results")
    assert (result["time"], result["check"], result["state"], result["seconds"]) == (NIGHT, "disk", "ok", 0.5)


def test_a_new_installation_exports_tables_with_headers_and_nothing_else(
    make_context: Callable[..., Context],
) -> None:
    context = make_context(as_of=NIGHT, job="export", plugins=("export", "training"))
    result = run(context)
    assert result.outcome is Outcome.DONE, result.problems
    folder = context.paths.exports / "2023-12-30"
    index = json.loads((folder / "performance_summary_20231230.json").read_text())
    assert {entry["rows"] for entry in index["exports"]} == {0}
    for entry in index["exports"]:
        if entry["columns"]:
            text = Path(folder / entry["file"]).read_bytes().decode()
            assert [unmarked(name) for name in text.removesuffix("\r\n").split(",")] == entry["columns"]
