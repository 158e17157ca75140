"""What an owner reads in the morning."""

from __future__ import annotations

import argparse
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from huracan.context import Context
from huracan.paths import sha256_of
from huracan.table_files import write_table
from huracan.testing import make_context
from huracan.types import ExportScope, FileExport, TableExport
from huracan_training import job, results, roster

Make = Callable[..., Any]


@pytest.fixture
def night(coins: Make, worked_once: Callable[..., Context]) -> Context:
    night = coins("EDGE-USDT", "BTC-USDT", "BAD-USDT", failed=["BAD-USDT"])

    def work(context: Context) -> None:
        job.run(context)
        roster.run(context)

    return worked_once("results", lambda: night.context(gates={"samples": 20}), work)


def shown(context: Context, width: int) -> str:
    stream = io.StringIO()
    results.show(context, context.current_run.run_date, Console(file=stream, width=width, highlight=False))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_fits_and_names_every_coin_with_its_verdict(night: Context, width: int) -> None:
    text = shown(night, width)
    table = text.split("Gates:")[0]
    assert max(len(line.rstrip()) for line in table.splitlines()) <= width
    assert "EDGE-USDT" in text
    assert "all 6 passed" in " ".join(text.split())
    assert "Skill" in text
    assert "low" in text or "no trades" in text, "the coin without an edge is told why"
    assert ("EDGE-USDT *" in text) is (width == 80), "without a column for it, a star says champion"
    assert "3 coins: 2 trained, 0 failed, 1 skipped · 1 passed all gates · 1 with a champion" in " ".join(text.split())


def test_the_table_says_why_a_coin_has_no_model_and_what_the_limits_are(night: Context) -> None:
    text = " ".join(shown(night, 120).split())
    assert "BAD-USDT skipped: no usable candles: the file is empty" in text
    assert "DD below 20%" in text
    assert "Gates: Sharpe above 0.50 · hits above 45%" in text
    assert "new" in text


def test_the_best_rank_comes_first(night: Context) -> None:
    text = shown(night, 120)
    assert text.index("EDGE-USDT") < text.index("BTC-USDT")


def test_a_night_in_which_every_coin_failed_says_why_without_an_empty_table(coins: Make) -> None:
    context = coins("AAA-USDT").context(trainer="raise", retries=0)
    job.run(context)
    text = shown(context, 100)
    assert "Sharpe" not in text
    assert "AAA-USDT failed: attempt 1: RuntimeError: this trainer knows no better" in text


def test_nothing_is_shown_for_a_night_without_training(coins: Make) -> None:
    assert shown(coins("AAA-USDT").context(), 100) == ""


def scope_of(context: Context, part: str = "") -> ExportScope:
    return ExportScope(context.current_run.run_date, context.current_run.run_date, part)


def table(context: Context, name: str, part: str = "") -> list[dict[str, Any]]:
    """Return the rows of an export as a reader of its file gets them."""
    export = context.plugins.exports()[name]
    assert isinstance(export, TableExport)
    path = context.paths.workspace / "table.jsonl"
    write_table(path, "jsonl", export.columns, export.batches(context, scope_of(context, part)))
    return [json.loads(line) for line in path.read_text().splitlines()]


def document(context: Context, name: str, part: str = "") -> dict[str, Any]:
    export = context.plugins.exports()[name]
    assert isinstance(export, FileExport)
    path = context.paths.workspace / "document.json"
    export.write(context, path, scope_of(context, part))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_exports_hold_every_coin_of_the_night(night: Context, schemas: Callable[[str, Any], None]) -> None:
    rows = {row["symbol"]: row for row in table(night, "model_performance")}
    assert len(rows) == 3
    assert rows["EDGE-USDT"]["passed"] is True
    assert rows["EDGE-USDT"]["sharpe"] > 0.5
    assert rows["BAD-USDT"]["reason"] == "no usable candles: the file is empty"
    told = document(night, "comprehensive_metrics")
    schemas("comprehensive_metrics", told)
    models = told["nights"][night.current_run.run_date.isoformat()]
    assert sorted(models) == ["BTC-USDT", "EDGE-USDT"]
    assert len(models["BTC-USDT"]["metrics"]["folds"]) == 2


def test_measures_outlive_the_folder_of_their_model(night: Context) -> None:
    before = {row["symbol"]: row for row in table(night, "model_performance")}
    (measures,) = night.store.library.performance("EDGE-USDT")
    row = before["EDGE-USDT"]
    assert {name: row[name] for name in row if hasattr(measures, name) and name != "run_date"} == {
        name: getattr(measures, name) for name in row if hasattr(measures, name) and name != "run_date"
    }
    assert row["model_id"] == measures.model_id
    shutil.rmtree(night.paths.workspace / row["model_path"])
    after = {row["symbol"]: row for row in table(night, "model_performance")}
    assert after["EDGE-USDT"] == {**row, "reason": f"{row['model_path']} is gone"}
    assert after["BTC-USDT"] == before["BTC-USDT"]
    for name in ("comprehensive_metrics", "learning_*", "artifact_*_metadata"):
        lacks = night.plugins.exports()[name].lacks
        assert lacks is not None
        assert lacks(night, scope_of(night)) == "folders of 1 model are gone"


def test_a_model_that_no_coin_of_the_ledger_has_is_told_as_well(night: Context) -> None:
    model, measures = night.store.library.models("EDGE-USDT")[0], night.store.library.performance("EDGE-USDT")[0]
    earlier = replace(model, model_id="EDGE-USDT/earlier", path="models/EDGE-USDT/earlier")
    night.store.library.record_model(earlier, replace(measures, model_id=earlier.model_id, sharpe=0.25), [])
    *coins, last = table(night, "model_performance")
    assert len(coins) == 3
    assert (last["model_id"], last["sharpe"], last["champion"], last["rank"]) == (earlier.model_id, 0.25, False, None)


def test_each_coin_with_a_model_has_an_export_of_how_it_was_learned(night: Context) -> None:
    export = night.plugins.exports()["learning_*"]
    assert export.parts is not None
    assert {*export.parts(night, scope_of(night))} == {"BTC-USDT", "EDGE-USDT"}
    rows = table(night, "learning_*", "EDGE-USDT")
    assert {row["symbol"] for row in rows} == {"EDGE-USDT"}
    folder = night.paths.workspace / rows[0]["model_path"]
    log = json.loads((folder / "training_log.json").read_text())
    steps = [(row["name"], row["value"]) for row in rows if row["kind"] == "step"]
    assert steps == [(each["step"], each["seconds"]) for each in log["steps"]]
    assert [row["value"] for row in rows if row["kind"] == "trial"] == [each["loss"] for each in log["trials"]]
    shares = {row["name"]: row["value"] for row in rows if row["kind"] == "importance" and row["number"] == 1}
    assert shares == log["folds"][0]["importance"]


def test_the_metadata_of_an_artifact_lists_the_files_of_its_folder(
    night: Context, schemas: Callable[[str, Any], None]
) -> None:
    told = document(night, "artifact_*_metadata", "EDGE-USDT")
    schemas("artifact_metadata", told)
    (model,) = told["models"]
    schemas("metadata", model["metadata"])
    assert model["metadata"]["symbol"] == "EDGE-USDT"
    for each in model["files"]:
        file = night.paths.workspace / model["model_path"] / each["file"]
        assert (each["bytes"], each["sha256"]) == (file.stat().st_size, sha256_of(file))
    assert "model.bin" in {each["file"] for each in model["files"]}


def test_exports_of_an_empty_workspace_are_empty(workspace: Path) -> None:
    context = make_context(workspace, plugins=("training",), as_of=datetime(2023, 12, 30, tzinfo=UTC))
    with context.store:
        assert table(context, "model_performance") == []
        assert document(context, "comprehensive_metrics")["nights"] == {}
        exports = context.plugins.exports()
        assert [[*(each.parts(context, scope_of(context)))] for each in exports.values() if each.parts] == [[], []]


def test_the_command_prints_json_for_programs(
    night: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"workspace: {night.paths.workspace}\n")
    parser = argparse.ArgumentParser()
    results.configure(parser)
    arguments = parser.parse_args(["--json"])
    arguments.config, arguments.verbose, arguments.no_color = [settings], False, True
    assert results.run(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    by_symbol = {coin["symbol"]: coin for coin in report["coins"]}
    assert by_symbol["EDGE-USDT"]["champion"] is True
    assert (night.paths.workspace / by_symbol["EDGE-USDT"]["model_path"]).is_dir()
    assert by_symbol["BAD-USDT"]["reason"] == "no usable candles: the file is empty"


@pytest.mark.parametrize("content", ["{}", "[]", "half {", '{"model_path": "models/x"}'])
def test_a_damaged_pointer_is_no_champion_and_no_traceback(night: Context, content: str) -> None:
    night.paths.champion("EDGE-USDT").write_text(content)
    assert "0 with a champion" in " ".join(shown(night, 120).split())
