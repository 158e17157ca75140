"""A night in the library: complete however it was interrupted, the same however often the journal is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan.context import Context
from huracan.errors import DataError
from huracan.market.candles import Candles
from huracan.market.files import read_candles
from huracan.market.measures import net_pnl
from huracan.paths import write_json
from huracan.store import ItemState, TradeFilter, UnfinishedExit
from huracan.types import Outcome
from huracan_training import job, journal, library, roster
from huracan_training.analysis import win_drivers
from huracan_training.post_exit import after_exits
from huracan_training.records import read_trades
from library_rows import made_models

Make = Callable[..., Any]
HOUR = 3_600_000


def contents(context: Context) -> dict[str, list[Any]]:
    """Everything that the library holds."""
    found = context.store.library
    return {
        "models": found.models(), "performance": found.performance(), "trades": list(found.trades.iterate()),
        "patterns": found.patterns(), "wins": found.wins(), "losses": found.losses(), "features": found.features(),
        "deltas": found.deltas(), "exits": list(found.post_exits()), "days": found.days(),
    }  # fmt: skip


@pytest.fixture
def night(coins: Make, worked_once: Callable[..., Context]) -> tuple[Any, Context]:
    made = coins("EDGE-USDT", "BTC-USDT", "BAD-USDT", later=60, failed=["BAD-USDT"])

    def work(context: Context) -> None:
        job.run(context)
        roster.run(context)

    return made, worked_once("library", lambda: made.context(trainer="follow"), work)


def test_every_trade_of_the_folders_is_in_the_library_and_adds_up_to_the_metrics(night: tuple[Any, Context]) -> None:
    _, context = night
    found = context.store.library
    models = found.models()
    assert [each.symbol for each in models] == ["BTC-USDT", "EDGE-USDT"]
    for model, measures in zip(models, found.performance(), strict=True):
        folder = context.paths.workspace / model.path
        metrics = json.loads((folder / "metrics.json").read_text())
        trades = list(found.trades.iterate(TradeFilter(model_id=model.model_id)))
        assert len(trades) == model.trades == metrics["samples"] == len(pl.read_parquet(folder / "trades.parquet"))
        growth = np.array([each.stake * each.net_bps / 1e4 for each in trades])
        assert net_pnl(growth) == pytest.approx(metrics["net_pnl"], rel=1e-9, abs=1e-12)
        assert (measures.sharpe, measures.folds) == (metrics["sharpe"], metrics["folds"])
        for each in trades:
            assert model.tested_from <= each.entered_at <= each.exited_at <= model.tested_until
    assert sum(each.trades for each in models) > 40


def test_the_journal_says_what_separated_trades_and_sums_the_night_up(night: tuple[Any, Context]) -> None:
    _, context = night
    assert journal.run(context).outcome is Outcome.DONE
    day = context.store.library.days()[0]
    assert (day.coins, day.trained, day.skipped, day.failed) == (3, 2, 1, 0)
    assert day.best_symbol == "EDGE-USDT"
    assert day.trades == context.store.library.trades.count()
    models = {each.symbol: each for each in context.store.library.models()}
    wins = {each.driver: each for each in context.store.library.wins(models["EDGE-USDT"].model_id)}
    assert wins["mfe_bps"].effect > 0.5
    assert wins["mfe_bps"].p_adjusted < 0.05
    features = context.store.library.features(models["EDGE-USDT"].model_id)
    recipe = json.loads((context.paths.workspace / models["EDGE-USDT"].path / "features.json").read_text())
    assert [each.feature for each in features] == recipe["columns"]


def test_the_journal_is_the_same_however_often_it_is_written(night: tuple[Any, Context]) -> None:
    _, context = night
    journal.run(context)
    before = contents(context)
    assert all(before[name] for name in ("models", "trades", "patterns", "wins", "features", "exits", "days"))
    journal.run(context)
    assert contents(context) == before


def test_what_a_kill_kept_from_the_library_is_put_in_by_the_next_start(
    coins: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = coins("EDGE-USDT", "BTC-USDT")
    context = made.context(trainer="follow")

    def die(*_: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patch:
        patch.setattr(library, "put_in", die)
        with pytest.raises(SystemExit):
            job.run(context)
    rows = context.store.ledger.items("train", context.current_run.run_date)
    assert ItemState.COMPLETED not in {each.state for each in rows.values()}, "the ledger must not be ahead"
    job.run(made.context(trainer="follow"))
    rows = context.store.ledger.items("train", context.current_run.run_date)
    assert {each.path for each in rows.values()} == {each.path for each in context.store.library.models()}
    assert len(rows) == 2


def test_a_library_that_was_lost_is_filled_again(night: tuple[Any, Context]) -> None:
    made, context = night
    journal.run(context)
    before = contents(context)
    context.store.library.forget([each.model_id for each in context.store.library.models()])
    journal.run(context)
    assert contents(context) == before
    context.store.library.forget([before["models"][0].model_id])
    job.run(made.context(trainer="follow"))
    assert context.store.library.models() == before["models"]
    assert list(context.store.library.trades.iterate()) == before["trades"]


def test_a_folder_that_cannot_be_read_costs_the_journal_that_coin_alone(night: tuple[Any, Context]) -> None:
    _, context = night
    context.store.library.forget([each.model_id for each in context.store.library.models()])
    path = context.store.ledger.items("train", context.current_run.run_date)["BTC-USDT"].path
    assert path
    (context.paths.workspace / path / "trades.parquet").write_bytes(b"PAR1 nothing")
    ended = journal.run(context)
    assert ended.outcome is Outcome.PARTLY_FAILED
    assert [each.split(":")[0] for each in ended.problems] == ["BTC-USDT"]
    assert [each.symbol for each in context.store.library.models()] == ["EDGE-USDT"]


def test_features_that_cannot_be_read_cost_the_journal_no_more_than_that(night: tuple[Any, Context]) -> None:
    _, context = night
    journal.run(context)
    before = contents(context)
    path = context.store.ledger.items("train", context.current_run.run_date)["BTC-USDT"].path
    assert path
    (context.paths.workspace / path / "features.parquet").write_bytes(b"PAR1 nothing")
    ended = journal.run(context)
    assert ended.outcome is Outcome.PARTLY_FAILED
    assert "BTC-USDT" in ended.problems[-1]
    assert "is no readable table of features" in ended.problems[-1]
    assert contents(context) == before
    shutil.rmtree(context.paths.workspace / path)
    journal.run(context)
    assert contents(context) == before, "what was said of a folder outlives it"


@pytest.mark.parametrize("folders", ["kept", "deleted"])
def test_a_night_whose_trades_were_forgotten_is_not_rewritten_as_one_without_trades(
    night: tuple[Any, Context], folders: str
) -> None:
    _, context = night
    journal.run(context)
    before = contents(context)
    assert before["wins"]
    if folders == "deleted":
        for model in before["models"]:
            shutil.rmtree(context.paths.workspace / model.path)
    context.store.library.forget([each.model_id for each in before["models"]], trades_only=True)
    journal.run(context)
    after = contents(context)
    assert (after["days"], after["wins"], after["deltas"]) == (before["days"], before["wins"], before["deltas"])
    if folders == "kept":
        assert after == before, "the model folders have it all"


def test_trades_of_another_version_are_refused_in_one_line(night: tuple[Any, Context]) -> None:
    _, context = night
    model = context.store.library.models("EDGE-USDT")[0]
    file = context.paths.workspace / model.path / "trades.parquet"
    for changed in (pl.read_parquet(file).drop("net_bps"), pl.read_parquet(file).with_columns(odd=pl.lit(1))):
        changed.write_parquet(file)
        with pytest.raises(DataError, match="has other columns than trades have"):
            read_trades(file.parent, model.model_id, model.symbol, model.run_date)


def test_the_next_night_says_what_changed_and_follows_what_was_left(night: tuple[Any, Context]) -> None:
    made, context = night
    journal.run(context)
    open_before = [each for each in context.store.library.post_exits() if not each.complete]
    assert open_before, "some trades ended within the last day"
    later = replace(made, as_of=made.as_of + timedelta(hours=30)).context(trainer="follow")
    source = context.paths.workspace / "runs"
    for name in ("universe.json", "candles.json"):
        document = json.loads((source / f"{made.as_of:%Y%m%d}Z" / name).read_text())
        document["run_date"] = later.current_run.run_date.isoformat()
        target = source / f"{later.current_run.run_date:%Y%m%d}Z" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document))
    job.run(later)
    journal.run(later)
    found = later.store.library
    exits = {(each.model_id, each.number): each for each in found.post_exits()}
    assert all(exits[each.model_id, each.number].complete for each in open_before)
    second = found.models("EDGE-USDT")[0]
    deltas = found.deltas(second.model_id)
    assert {each.before_id for each in deltas} == {found.models("EDGE-USDT")[1].model_id}
    assert "test_rows" in {each.name for each in deltas if each.kind == "measure"}
    assert len(found.days()) == 2


def test_trades_of_old_models_are_forgotten_but_not_what_was_learned_of_them(night: tuple[Any, Context]) -> None:
    made, context = night
    journal.run(context)
    found = context.store.library
    model, measures = found.models("EDGE-USDT")[0], found.performance("EDGE-USDT")[0]
    trade = next(found.trades.iterate(TradeFilter(model_id=model.model_id)))
    for back in range(1, 5):
        key: dict[str, Any] = {"model_id": f"EDGE-USDT/old{back}", "run_date": model.run_date - timedelta(days=back)}
        old = replace(model, as_of=model.as_of - timedelta(days=back), **key)
        found.record_model(old, replace(measures, **key), [replace(trade, **key)])
    write_json(context.paths.champion("EDGE-USDT"), {"model_id": "EDGE-USDT/old4"})
    ended = journal.run(made.context(trainer="follow", library={"keep_models": 2}))
    assert "trades of 2 old models forgotten" in ended.summary
    kept = {each.key for each in found.trades.by_model()}
    assert kept == {model.model_id, "EDGE-USDT/old1", "EDGE-USDT/old4"}, "the newest two, and the champion"
    assert len(found.models("EDGE-USDT")) == len(found.performance("EDGE-USDT")) == 5


def test_what_a_feature_added_to_the_score_is_compared_apart_from_its_value() -> None:
    (made,) = made_models(80, coins=1, trades_per_model=80)
    trades = [
        replace(
            each, features={"rsi": 50.0 + i % 7}, contributions={"rsi": 0.3 * each.won + 0.01 * (i % 5)}, trend=trend
        )
        for i, each in enumerate(made.trades)
        for trend in ("rising" if each.won else "falling",)
    ]
    found = {each.driver: each for each in win_drivers(trades)}
    added, value = found["contribution of rsi"], found["rsi"]
    assert (added.kind, value.kind, found["trend: rising"].kind) == ("contribution", "feature", "regime")
    assert added.effect > 3
    assert added.p_adjusted < 0.05 < value.p_adjusted
    without = win_drivers([replace(each, contributions=None) for each in trades])
    assert {each.kind for each in without} == {"excursion", "trade", "regime", "feature"}


def after(exits: list[tuple[int, int, float]], candles: Candles, as_of_ms: int, timeframe: str = "1h") -> list[Any]:
    """What came after (number, exited_ms, price), with candles of an hour."""
    asked = [UnfinishedExit("m", number, exited_ms, price, timeframe) for number, exited_ms, price in exits]
    return after_exits("X-USDT", asked, candles, HOUR, as_of_ms)


def test_what_comes_after_an_exit_is_read_from_closed_candles(make_walk: Callable[..., Candles]) -> None:
    candles = make_walk(60, 3)
    times = candles.timestamp
    exits = [(1, int(times[10]), 100.0), (2, int(times[40]), 50.0), (3, int(times[59]), 50.0)]
    first, second, third = after(exits, candles, int(times[50]) + HOUR // 2)
    bps = [(price / 100.0 - 1) * 1e4 for price in candles.close]
    assert (first.after_1_bps, first.after_4_bps, first.after_24_bps) == pytest.approx((bps[10], bps[13], bps[33]))
    assert first.best_bps == pytest.approx((candles.high[10:34].max() / 100 - 1) * 1e4)
    assert first.worst_bps == pytest.approx((candles.low[10:34].min() / 100 - 1) * 1e4)
    assert (first.complete, second.complete, third.complete) == (True, False, False)
    assert second.after_4_bps == pytest.approx((candles.close[43] / 50 - 1) * 1e4)
    assert second.after_24_bps is None
    assert second.best_bps == pytest.approx((candles.high[40:50].max() / 50 - 1) * 1e4), "bar 50 is not closed"
    assert (third.after_1_bps, third.best_bps) == (None, None)


def test_a_gap_after_an_exit_leaves_the_last_close_known(make_walk: Callable[..., Candles]) -> None:
    whole = make_walk(60, 3)
    kept = np.r_[0:12, 20:60]
    candles = Candles.from_columns({name: values[kept] for name, values in whole.columns().items()})
    found = after([(1, int(whole.timestamp[10]), 100.0)], candles, int(whole.timestamp[59]))
    assert found[0].after_4_bps == pytest.approx((whole.close[11] / 100 - 1) * 1e4)
    assert found[0].after_24_bps == pytest.approx((whole.close[33] / 100 - 1) * 1e4)


def test_candles_that_were_not_brought_up_to_date_leave_open_what_came_after_an_exit(
    make_walk: Callable[..., Candles],
) -> None:
    whole = make_walk(60, 3)
    stale = Candles.from_columns({name: values[:16] for name, values in whole.columns().items()})
    exits, two_days_on = [(1, int(whole.timestamp[10]), 100.0)], int(whole.timestamp[59])
    (found,) = after(exits, stale, two_days_on)
    assert found.after_4_bps == pytest.approx((whole.close[13] / 100 - 1) * 1e4)
    assert (found.after_24_bps, found.complete) == (None, False), "the close of bar 15 is not the 24th"
    (found,) = after(exits, whole, two_days_on)
    assert found.complete
    assert found.after_24_bps == pytest.approx((whole.close[33] / 100 - 1) * 1e4)
    (gone,) = after(exits, stale, exits[0][1] + 720 * HOUR)
    assert (gone.after_24_bps, gone.complete) == (None, True), "a coin that left the exchange is not awaited for ever"


def test_an_exit_is_followed_by_the_bars_of_its_own_model(make_walk: Callable[..., Candles]) -> None:
    candles = make_walk(200, 3)
    start, close = int(candles.timestamp[10]), candles.close
    (found,) = after([(1, start, 100.0)], candles, int(candles.timestamp[60]), "4h")
    assert found.after_1_bps == pytest.approx((close[13] / 100 - 1) * 1e4), "a bar of that model is four candles"
    assert found.after_4_bps == pytest.approx((close[25] / 100 - 1) * 1e4)
    assert (found.after_24_bps, found.complete) == (None, False)
    (found,) = after([(1, start, 100.0)], candles, int(candles.timestamp[150]), "4h")
    assert (found.after_24_bps, found.complete) == (pytest.approx((close[105] / 100 - 1) * 1e4), True)
    (found,) = after([(1, start, 100.0)], candles, int(candles.timestamp[60]), "15m")
    assert found.after_1_bps is None, "no candle closes a quarter of an hour later"
    assert found.after_4_bps == pytest.approx((close[10] / 100 - 1) * 1e4)
    assert (found.after_24_bps, found.complete) == (pytest.approx((close[15] / 100 - 1) * 1e4), True)


def test_the_journal_asks_each_exit_by_its_own_models_bars(night: tuple[Any, Context]) -> None:
    _, context = night
    found = context.store.library
    model, measures = found.models("EDGE-USDT")[0], found.performance("EDGE-USDT")[0]
    trade = next(found.trades.iterate(TradeFilter(model_id=model.model_id)))
    older = replace(model, model_id="EDGE-USDT/older", timeframe="4h", as_of=model.as_of - timedelta(days=1))
    found.record_model(older, replace(measures, model_id=older.model_id), [replace(trade, model_id=older.model_id)])
    journal.run(context)
    exits = {(each.model_id, each.number): each for each in found.post_exits()}
    hourly, four_hourly = exits[model.model_id, trade.number], exits[older.model_id, trade.number]
    assert hourly.after_4_bps == four_hourly.after_1_bps is not None


def test_what_each_model_says_at_its_last_bar_is_a_signal(night: tuple[Any, Context]) -> None:
    made, context = night
    models = {each.symbol: each for each in context.store.library.models()}
    signals = context.store.signals.latest(source="nightly")
    assert [each.symbol for each in signals] == ["BTC-USDT", "EDGE-USDT"]
    for each in signals:
        model = models[each.symbol]
        candles, _ = read_candles(context.paths.candle_file(each.symbol))
        row = int(np.searchsorted(candles.timestamp + HOUR, round(made.as_of.timestamp() * 1000), side="right")) - 1
        assert (each.id, each.strategy, each.threshold) == (model.model_id, "follow", model.threshold)
        assert each.time.timestamp() * 1000 == candles.timestamp[row] + HOUR, "the last bar that had closed"
        assert each.price == candles.close[row]
        assert each.score == pytest.approx(1 / (1 + np.exp(-(candles.volume[row] - 100) / 10)))
        above = each.threshold is not None and each.score is not None and each.score > each.threshold
        assert each.action == ("buy" if above else "none")


def test_a_folder_that_is_no_model_is_refused_by_name(night: tuple[Any, Context]) -> None:
    _, context = night
    folder = context.paths.workspace / context.store.library.models()[0].path
    metadata = json.loads((folder / "metadata.json").read_text())
    del metadata["trainer"]
    with pytest.raises(DataError, match="is no model folder that goes into the library"):
        library.put_in(context, folder, metadata)
    assert read_candles(context.paths.candle_file("EDGE-USDT"))
