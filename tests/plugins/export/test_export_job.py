"""The job ``export``: every export of every plugin, then the index."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_toys import AS_OF, document, three_rows, toy
from huracan.context import Context
from huracan.errors import StoreAwayError, TryAgainError
from huracan.masking import register_secret
from huracan.paths import sha256_of
from huracan.store import UniverseDecision
from huracan.testing import RecordingProgress
from huracan.types import Column, ColumnKind, ExportScope, FileExport, JobResult, Outcome, TableExport
from huracan_export.job import run

Night = Callable[..., Context]
ROWS = [("BTC-USDT", 12.5), ("ETH-USDT", None)]


def broken(context: Context, path: Path, scope: ExportScope) -> int:
    path.write_text("half")
    raise ValueError("no trades today")


def folder(context: Context) -> Path:
    return context.paths.exports / "2023-12-30"


def names(context: Context) -> list[str]:
    return sorted(file.name for file in folder(context).iterdir())


def index(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(context) / "performance_summary_20231230.json").read_text())
    return found


def test_each_export_is_in_the_folder_of_the_run_date_and_in_the_index(night: Night) -> None:
    context = night(document("notes"), toy("trades", ROWS))
    result = run(context)
    assert result.outcome is Outcome.DONE
    assert result.summary == "2 files of 2 exports in exports/2023-12-30"
    assert names(context) == ["notes_20231230.json", "performance_summary_20231230.json", "trades_20231230.csv"]
    notes, trades = index(context)["exports"]
    file = folder(context) / trades["file"]
    assert (trades["name"], trades["rows"], trades["bytes"]) == ("trades", 2, file.stat().st_size)
    assert (trades["columns"], trades["format"], trades["version"]) == (["symbol", "net"], "csv", 1)
    assert trades["sha256"] == sha256_of(file)
    assert (notes["rows"], notes["columns"], notes["format"]) == (3, None, "json")


def test_a_table_is_written_in_every_format_that_settings_choose_and_all_read_back_the_same(night: Night) -> None:
    context = night(toy("trades", ROWS), formats=("csv", "json", "jsonl", "parquet"))
    assert run(context).summary == "4 files of 1 export in exports/2023-12-30"
    path = folder(context) / "trades_20231230"
    with path.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        assert [(row["symbol"], row["net"]) for row in csv.DictReader(file)] == [("BTC-USDT", "12.5"), ("ETH-USDT", "")]
    expected = [{"symbol": "BTC-USDT", "net": 12.5}, {"symbol": "ETH-USDT", "net": None}]
    assert json.loads(path.with_suffix(".json").read_text())["rows"] == expected
    assert [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()] == expected
    assert pl.read_parquet(path.with_suffix(".parquet")).to_dicts() == expected


def test_an_export_of_parts_makes_a_file_each_under_names_that_are_safe(night: Night) -> None:
    asked: list[str] = []

    def write(context: Context, path: Path, scope: ExportScope) -> int:
        asked.append(scope.part)
        return three_rows(context, path, scope)

    parts = ["BTC-USDT", "../../etc/passwd", "a/b", "a:b", "", "btc-usdt", "x" * 300]
    context = night(FileExport("artifact_*_metadata", "parts", "json", write, parts=lambda context, scope: parts))
    assert run(context).outcome is Outcome.DONE
    assert asked == sorted(parts)
    written = [entry["file"] for entry in index(context)["exports"]]
    assert len({name.casefold() for name in written}) == len(parts)
    assert "artifact_BTC-USDT_metadata_20231230.json" in written
    assert all((folder(context) / name).is_file() for name in written)
    assert not list(context.paths.workspace.parent.rglob("passwd*"))


def test_a_failing_export_costs_nothing_but_itself(night: Night) -> None:
    context = night(document("broken", broken), toy("trades", ROWS))
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.summary == "1 file of 1 export, 1 failed, in exports/2023-12-30"
    assert result.problems == ("export broken (plugin broken-plugin) failed: ValueError: no trades today",)
    assert [entry["name"] for entry in index(context)["exports"]] == ["trades"]
    assert index(context)["problems"] == list(result.problems)
    assert not list(folder(context).glob("*broken*"))


def test_rows_that_are_not_as_declared_fail_the_export_by_name_of_the_column(night: Night) -> None:
    context = night(toy("trades", [("BTC-USDT", "many")]))
    (problem,) = run(context).problems
    assert problem.startswith("export trades (plugin trades-plugin) failed: column net holds what is not")


def test_an_export_that_leaves_the_program_is_a_failed_one(night: Night) -> None:
    def leave(context: Context, path: Path, scope: ExportScope) -> int:
        raise SystemExit(0)

    assert run(night(document("leaver", leave), toy("trades", ROWS))).outcome is Outcome.PARTLY_FAILED


def test_a_secret_in_what_failed_is_in_no_index(night: Night) -> None:
    register_secret("hunter2-of-the-exporter")

    def refused(context: Context, path: Path, scope: ExportScope) -> int:
        raise ValueError("no route to https://me:hunter2-of-the-exporter@example.com")

    context = night(document("remote", refused), toy("trades", ROWS))
    result = run(context)
    assert "https://me:***@example.com" in result.problems[0]
    assert "hunter2" not in json.dumps(index(context))


def test_an_instant_that_no_calendar_has_costs_its_export_alone(night: Night) -> None:
    columns = (Column("time", ColumnKind.INSTANT, "when"),)
    far = TableExport("far", "a toy", columns, lambda _context, _scope: [[(10**18,)]])
    context = night(far, toy("good", [("BTC-USDT", 1.5)]))
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems[0].startswith("export far (plugin far-plugin) failed: ")
    assert "column time holds what is not instant" in result.problems[0]
    assert [each["name"] for each in index(context)["exports"]] == ["good"]


def test_a_panic_of_polars_in_a_plugin_costs_its_export_alone(night: Night) -> None:
    def panic(context: Context, path: Path, scope: ExportScope) -> int:
        return len(str(pl.Series([10**18]).cast(pl.Datetime("ms"))))

    result = run(night(document("odd", panic), toy("good", [("BTC-USDT", 1.5)])))
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems[0].startswith("export odd (plugin odd-plugin) failed: PanicException: ")


def test_a_database_that_is_away_has_the_job_tried_again_and_the_index_says_why(night: Night) -> None:
    def away() -> Iterable[Any]:
        raise StoreAwayError("the database does not answer")

    context = night(toy("trades", away), toy("others", ROWS))
    with pytest.raises(TryAgainError, match="the database does not answer"):
        run(context)
    assert [entry["name"] for entry in index(context)["exports"]] == ["others"]


@pytest.mark.parametrize("answer", [None, "3", 2.5])
def test_an_export_that_does_not_count_its_rows_replaces_nothing(night: Night, answer: Any) -> None:
    returned: list[Any] = [3]

    def counted(context: Context, path: Path, scope: ExportScope) -> Any:
        path.write_text(f"written when it returned {returned[0]!r}")
        return returned[0]

    context = night(document("counted", counted))
    run(context)
    returned[0] = answer
    assert "in place of the number of rows" in run(context).problems[0]
    assert (folder(context) / "counted_20231230.json").read_text() == "written when it returned 3"


@pytest.mark.parametrize(
    "export",
    [
        document("../escape"), document("/tmp/escape"), document(""), document("performance_summary"),
        FileExport("escape", "", "/../../b", three_rows), document("learning_*"),
        FileExport("one", "", "json", three_rows, parts=lambda context, scope: ["a"]),
    ],
    ids=["up", "root", "empty", "index", "suffix", "star without parts", "parts without star"],
)  # fmt: skip
def test_a_name_that_is_no_plain_file_name_or_taken_is_refused(night: Night, export: FileExport) -> None:
    context = night(export, toy("trades", ROWS))
    result = run(context)
    # What is no name at all is refused with its plugin, already as it is declared.
    told = [*result.problems, *context.plugins.problems()]
    assert any("cannot be the name of an export" in each or "can be no name of a FileExport" in each for each in told)
    assert (result.outcome is Outcome.PARTLY_FAILED) == bool(result.problems)
    assert not list(context.paths.workspace.rglob("*escape*"))
    assert index(context)["schema"] == 2


def test_the_same_night_twice_gives_the_same_bytes(night: Night) -> None:
    context = night(document("notes"), toy("trades", ROWS), formats=("csv", "json", "jsonl", "parquet"))
    run(context)
    before = {file.name: file.read_bytes() for file in folder(context).iterdir()}
    run(context)
    assert {file.name: file.read_bytes() for file in folder(context).iterdir()} == before


def test_a_second_write_removes_what_it_no_longer_makes_and_leaves_what_is_not_ours(night: Night) -> None:
    run(night(toy("trades", ROWS), document("gone"), formats=("csv", "jsonl")))
    context = night(toy("trades", ROWS))
    mine = folder(context) / "learning_notes_20231230.csv"
    mine.write_text("what the owner noted")
    run(context)
    assert names(context) == [mine.name, "performance_summary_20231230.json", "trades_20231230.csv"]


def test_a_failed_export_keeps_the_file_of_an_earlier_write_unlisted(night: Night) -> None:
    working = [True]

    def rows() -> Iterable[Any]:
        if not working[0]:
            raise ValueError("not today")
        return [ROWS]

    context = night(toy("trades", rows))
    run(context)
    working[0] = False
    assert run(context).outcome is Outcome.FAILED
    assert (folder(context) / "trades_20231230.csv").read_text().count("\n") == 3
    assert index(context)["exports"] == []


KILLED = """
import os, sys
sys.path[:0] = [sys.argv[2]]
from pathlib import Path
from export_toys import AS_OF, only, toy
from huracan.testing import make_context
from huracan_export.job import run

def endless():
    yield [("BTC-USDT", 1.0)]
    print("writing", flush=True)
    while True:
        yield [("BTC-USDT", 1.0)] * 1000

settings = {"export": {"formats": ["jsonl"]}}
toys = only(toy("a_new", [("X", 1.0)]), toy("trades", endless))
run(make_context(Path(sys.argv[1]), settings, as_of=AS_OF, job="export", plugins=(), extra=toys))
"""


def test_a_kill_in_the_middle_leaves_no_index_that_lies_and_the_next_write_mends_all(
    night: Night, workspace: Path
) -> None:
    context = night(toy("trades", ROWS), formats=("csv", "parquet"))
    run(context)
    context.store.close()
    here = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", KILLED, str(workspace), here]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"writing\n"
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    shown = [name for name in names(context) if not name.startswith(".")]
    assert shown == ["a_new_20231230.jsonl", "trades_20231230.csv", "trades_20231230.parquet"]
    assert (folder(context) / "trades_20231230.csv").read_text().count("\n") == 3, "older files are whole"
    again = night(toy("trades", ROWS))
    assert run(again).outcome is Outcome.DONE
    left = [name for name in names(again) if not name.endswith(".tmp")]
    assert left == ["performance_summary_20231230.json", "trades_20231230.csv"]


def test_every_file_is_a_sign_of_life_and_so_are_many_rows(night: Night) -> None:
    progress = RecordingProgress()
    many = [ROWS * 10_000] * 21
    run(night(document("broken", broken), toy("trades", lambda: many), progress=progress))
    assert progress.steps == [
        "export 1/2 broken_20231230.json",
        "export 2/2 trades_20231230.csv: 200,000 rows",
        "export 2/2 trades_20231230.csv: 400,000 rows",
        "export 2/2 trades_20231230.csv",
    ]


def test_what_settings_skip_is_not_written(night: Night) -> None:
    context = night(toy("trades", ROWS), toy("others", ROWS), skip=["tra*"])
    assert run(context).summary == "1 file of 1 export in exports/2023-12-30"


def test_without_any_export_that_works_the_job_failed(night: Night) -> None:
    result: JobResult = run(night(document("broken", broken)))
    assert result.outcome is Outcome.FAILED


# ---------------------------------------------------------------------------------------------- the universe selection


@pytest.fixture
def judged(make_context: Callable[..., Context]) -> Context:
    return make_context(as_of=AS_OF, job="export", plugins=("export",))


def test_the_universe_selection_lists_every_pair_with_every_reason(judged: Context) -> None:
    judged.store.universe.save(
        judged.current_run.run_id, AS_OF.date(), AS_OF, "files", {},
        [
            UniverseDecision("BTC-USDT", True, 1, 0.9, facts={"quote_volume_24h": 1e9, "spread_bps": 0.5}),
            UniverseDecision("FTT-USDT", False, reasons=(("age", "is 3 days old"), ("volume", "=2 USD, too little"))),
        ],
    )  # fmt: skip
    assert run(judged).outcome is Outcome.DONE
    with (folder(judged) / "universe_selection_20231230.csv").open(encoding="utf-8", newline="") as file:
        taken, dropped = list(csv.DictReader(file))
    assert (taken["symbol"], taken["selected"], taken["rank"]) == ("BTC-USDT", "true", "1")
    assert (float(taken["quote_volume_24h"]), float(taken["spread_bps"])) == (1e9, 0.5)
    assert (dropped["symbol"], dropped["selected"], dropped["rank"]) == ("FTT-USDT", "false", "")
    assert dropped["rules"] == "age volume"
    assert dropped["reasons"] == "is 3 days old; =2 USD, too little"
    entry = next(each for each in index(judged)["exports"] if each["name"] == "universe_selection")
    assert entry["rows"] == 2


def test_a_night_without_a_selection_exports_an_empty_table(judged: Context) -> None:
    run(judged)
    assert (folder(judged) / "universe_selection_20231230.csv").read_text().startswith("run_date,symbol,selected")
