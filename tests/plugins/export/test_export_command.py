"""The command ``huracan export``, as it is typed."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan.cli.main import main
from huracan.context import Context
from huracan.run.lock import run_lock
from library_rows import fill_library

NIGHT = datetime(2023, 12, 30, 4, 5, tzinfo=UTC)
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    """A workspace after its last night: two coins, two nights, 5 trades a model."""
    context = make_context(as_of=NIGHT, job="export")
    fill_library(context.store, 20, coins=2, trades_per_model=5)
    return context


@pytest.fixture
def said(context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run ``huracan export`` with these words; return exit code, standard output and standard error."""
    monkeypatch.delenv("COLUMNS", raising=False)
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"workspace: {context.paths.workspace}\nexport: {{skip: [daily_metrics]}}\n")

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["-c", str(settings), "export", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def index(folder: Path, stamp: str = "20231230") -> dict[str, dict[str, Any]]:
    """Return the entries of an index by file."""
    found = json.loads((folder / f"performance_summary_{stamp}.json").read_text())
    return {entry["file"]: entry for entry in found["exports"]}


def test_without_words_the_last_night_is_written_as_its_job_would(said: Said, context: Context) -> None:
    code, out, _ = said()
    folder = context.paths.exports / "2023-12-30"
    assert code == 0
    assert "trade_history_20231230.csv" in out
    assert f"of 23 exports in {folder}" in " ".join(out.split())
    assert index(folder)["trade_history_20231230.csv"]["rows"] == 10
    assert "daily_metrics_20231230.csv" not in index(folder), "settings skip it"


def test_named_exports_are_replaced_and_the_index_keeps_the_others(said: Said, context: Context) -> None:
    said()
    folder = context.paths.exports / "2023-12-30"
    before = index(folder)
    code, _, _ = said("trade_history", "pattern_*", "--format", "jsonl", "--format", "parquet")
    assert code == 0
    after = index(folder)
    assert "trade_history_20231230.csv" not in after
    assert not (folder / "trade_history_20231230.csv").exists()
    assert {"trade_history_20231230.jsonl", "pattern_library_20231230.parquet"} <= set(after)
    assert after["post_exit_tracking_20231230.csv"] == before["post_exit_tracking_20231230.csv"]
    assert all((folder / name).is_file() for name in after)


def test_any_days_go_to_any_folder(said: Said, context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "deep"
    code, out, _ = said("trade_history", "--date", "2023-12-29..2023-12-30", "--to", folder)
    assert code == 0
    assert f"1 file of 1 export in {folder}" in " ".join(out.split())
    assert index(folder, "20231229-20231230")["trade_history_20231229-20231230.csv"]["rows"] == 20
    assert not context.paths.exports.exists()


def test_one_table_streams_to_standard_output_and_nothing_else_does(said: Said) -> None:
    code, out, err = said("trade_history", "--to", "-", "--date", "2023-12-29")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert (code, len(rows), err) == (0, 10, "")
    code, out, _ = said("trade_history", "--to", "-", "--format", "jsonl")
    assert {json.loads(line)["run_date"] for line in out.splitlines()} == {"2023-12-30"}


def test_trades_that_are_no_longer_kept_are_named_and_a_fuller_file_of_another_format_stays(
    said: Said, context: Context
) -> None:
    said()
    folder = context.paths.exports / "2023-12-30"
    full = (folder / "trade_history_20231230.csv").read_bytes()
    context.store.library.forget([each.model_id for each in context.store.library.models()], trades_only=True)
    code, out, _ = said("trade_history", "--format", "csv", "--format", "jsonl")
    assert code == 3
    assert "export trade_history: trades of 2 models are no longer kept" in " ".join(out.split())
    assert (folder / "trade_history_20231230.csv").read_bytes() == full
    after = index(folder)
    assert (after["trade_history_20231230.csv"]["rows"], after["trade_history_20231230.jsonl"]["rows"]) == (10, 0)
    code, out, err = said("trade_history", "--to", "-")
    assert (code, out.count("\n")) == (3, 1)
    assert err == (
        "huracan: export trade_history: trades of 2 models are no longer kept (training.library.keep_models)\n"
    )


def test_the_list_names_all_that_can_be_written(said: Said) -> None:
    code, out, _ = said("--list")
    assert code == 0
    assert "what separated winners from losers" in out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 160
    exports = {each["name"]: each for each in json.loads(said("--list", "--json")[1])["exports"]}
    assert exports["trade_history"]["columns"][0] == {
        "name": "model_id", "kind": "text", "unit": "", "meaning": "model that made it",
    }  # fmt: skip


def test_what_was_written_is_told_to_programs(said: Said, tmp_path: Path) -> None:
    code, out, _ = said("backtest_*", "--to", tmp_path / "out", "--json")
    found = json.loads(out)
    assert code == 0
    assert [entry["part"] for entry in found["exports"]] == ["BTC-USDT", "ETH-USDT"]
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nope"], "there is no export nope; `huracan export --list` names all"),
        (["--date", "2023-13-01"], "'2023-13-01' is no date; write it as 2023-12-30, or 2023-12-01..2023-12-30"),
        (["--date", "9999-12-31"], "'9999-12-31' is no date; write it as 2023-12-30"),
        (["--date", "0001-01-01..2023-12-01"], "'0001-01-01..2023-12-01' is no date; write it as 2023-12-30"),
        (["--to", "/proc/nowhere"], "/proc/nowhere cannot be made: No such file or directory; say another --to"),
        (["--date", "2023-12-30..2023-12-01"], "'2023-12-30..2023-12-01' ends before it begins"),
        (["--date", "2023-12-01..2023-12-30"], "several days need a folder of their own; say --to FOLDER"),
        (["--to", "-"], "--to - takes the name of one table"),
        (["win_loss_analysis", "--to", "-"], "--to - takes the name of one table"),
        (["backtest_*", "--to", "-"], "--to - takes the name of one table"),
        (["trade_history", "--to", "-", "--format", "parquet"], "parquet cannot go through a pipe"),
        (["--to", "/dev/null"], "--to /dev/null is no folder"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(said: Said, words: list[str], line: str) -> None:
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1


def test_where_no_night_has_run_a_date_is_asked_for(
    make_context: Callable[..., Context], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_context(folder=tmp_path / "new")
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"workspace: {tmp_path / 'new'}\n")
    assert main(["-c", str(settings), "export"]) == 2
    assert "no night has run here; say --date" in capsys.readouterr().err


def test_a_night_that_is_at_work_is_not_disturbed(said: Said, context: Context, tmp_path: Path) -> None:
    with run_lock(context.paths.state, "run nightly", NIGHT):
        code, _, err = said()
        assert code == 5
        assert "run nightly" in err
        assert said("trade_history", "--to", tmp_path / "out")[0] == 0, "another folder is nobody's business"


def test_a_reader_that_goes_away_is_no_bug(context: Context, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"workspace: {context.paths.workspace}\n")
    fill_library(context.store, 4000, coins=1, trades_per_model=2000)
    words = [sys.executable, "-m", "huracan", "-c", str(settings), "export", "all_trades_complete", "--to", "-"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().startswith(b"model_id,")
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert b"Traceback" not in errors
