"""The job ``export``: every export of every plugin, then the index."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.context import Context
from huracan.paths import sha256_of
from huracan.store import UniverseDecision
from huracan.testing import RecordingProgress, StandInEntryPoint, stand_in
from huracan.types import Export, JobResult, Outcome
from huracan_export.job import run

AS_OF = datetime(2023, 12, 30, 4, 5, tzinfo=UTC)
Night = Callable[..., Context]


def exporter(name: str, write: Callable[[Context, Path], Any], suffix: str = "json") -> StandInEntryPoint:
    """Make a plugin with one export."""
    return stand_in(f"{name.strip('./')}-plugin", huracan_exports=hookimpl(lambda: [Export(name, suffix, write)]))


def three_rows(context: Context, path: Path) -> int:
    path.write_text("[1, 2, 3]")
    return 3


def broken(context: Context, path: Path) -> int:
    path.write_text("half")
    raise ValueError("no trades today")


@pytest.fixture
def night(make_context: Callable[..., Context]) -> Night:
    """Build the context of an export job with the bundled exports of this plugin and those of ``extra``."""

    def build(*extra: StandInEntryPoint, **options: Any) -> Context:
        return make_context(as_of=AS_OF, job="export", plugins=("export",), extra=extra, **options)

    return build


def folder(context: Context) -> Path:
    return context.paths.exports / "2023-12-30"


def index(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(context) / "performance_summary_20231230.json").read_text())
    return found


def test_each_export_is_in_the_folder_of_the_run_date_and_in_the_index(night: Night) -> None:
    context = night(exporter("trades", three_rows))
    result = run(context)
    assert result.outcome is Outcome.DONE
    assert result.summary == "2 of 2 exports in exports/2023-12-30"
    assert sorted(file.name for file in folder(context).iterdir()) == [
        "performance_summary_20231230.json", "trades_20231230.json", "universe_selection_20231230.csv",
    ]  # fmt: skip
    entry = index(context)["exports"][0]
    file = folder(context) / entry["file"]
    assert (entry["name"], entry["rows"], entry["bytes"]) == ("trades", 3, file.stat().st_size)
    assert entry["sha256"] == sha256_of(file)


def test_a_failing_export_costs_nothing_but_itself(night: Night) -> None:
    context = night(exporter("broken", broken), exporter("trades", three_rows))
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == ("export broken (plugin broken-plugin) failed: ValueError: no trades today",)
    assert [entry["name"] for entry in index(context)["exports"]] == ["trades", "universe_selection"]
    assert index(context)["problems"] == list(result.problems)
    assert not list(folder(context).glob("*broken*"))


def test_an_export_that_leaves_the_program_is_a_failed_one(night: Night) -> None:
    def leave(context: Context, path: Path) -> int:
        raise SystemExit(0)

    assert run(night(exporter("leaver", leave))).outcome is Outcome.PARTLY_FAILED


@pytest.mark.parametrize("answer", [None, "3", 2.5])
def test_an_export_that_does_not_count_its_rows_replaces_nothing(night: Night, answer: Any) -> None:
    returned: list[Any] = [3]

    def counted(context: Context, path: Path) -> Any:
        path.write_text(f"written when it returned {returned[0]!r}")
        return returned[0]

    context = night(exporter("counted", counted))
    run(context)
    returned[0] = answer
    assert "in place of the number of rows" in run(context).problems[0]
    assert (folder(context) / "counted_20231230.json").read_text() == "written when it returned 3"


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("../escape", "json"), ("/tmp/escape", "json"), ("a", "/../../b"), ("", "json"), ("performance_summary", "json")],
)
def test_a_name_that_is_no_plain_file_name_or_taken_is_refused(night: Night, name: str, suffix: str) -> None:
    plugin = stand_in("odd", huracan_exports=hookimpl(lambda: [Export(name, suffix, three_rows)]))
    context = night(plugin)
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert "cannot be the name of an export" in result.problems[0]
    assert not list(context.paths.workspace.rglob("*escape*"))
    assert index(context)["schema"] == 1


def test_the_same_night_twice_gives_the_same_bytes(night: Night) -> None:
    context = night(exporter("trades", three_rows))
    run(context)
    before = {file.name: file.read_bytes() for file in folder(context).iterdir()}
    run(context)
    assert {file.name: file.read_bytes() for file in folder(context).iterdir()} == before


def test_every_export_is_a_sign_of_life(night: Night) -> None:
    progress = RecordingProgress()
    run(night(exporter("broken", broken), progress=progress))
    assert progress.steps == ["export 1/2 broken", "export 2/2 universe_selection"]


def test_without_any_export_that_works_the_job_failed(make_context: Callable[..., Context]) -> None:
    plugin = exporter("broken", broken)
    context = make_context(as_of=AS_OF, job="export", plugins=(), extra=(plugin,))
    result: JobResult = run(context)
    assert result.outcome is Outcome.FAILED


def test_the_universe_selection_lists_every_pair_with_every_reason(night: Night) -> None:
    context = night()
    context.store.universe.save(
        context.current_run.run_id, AS_OF.date(), AS_OF, "files", {},
        [
            UniverseDecision("BTC-USDT", True, 1, 0.9, facts={"quote_volume_24h": 1e9, "spread_bps": 0.5}),
            UniverseDecision("FTT-USDT", False, reasons=(("age", "is 3 days old"), ("volume", "=2 USD, too little"))),
        ],
    )  # fmt: skip
    assert run(context).outcome is Outcome.DONE
    with (folder(context) / "universe_selection_20231230.csv").open(encoding="utf-8", newline="") as file:
        chosen, dropped = list(csv.DictReader(file))
    assert (chosen["symbol"], chosen["selected"], chosen["rank"]) == ("BTC-USDT", "True", "1")
    assert (float(chosen["quote_volume_24h"]), float(chosen["spread_bps"])) == (1e9, 0.5)
    assert (dropped["symbol"], dropped["selected"], dropped["rank"]) == ("FTT-USDT", "False", "")
    assert dropped["rules"] == "age volume"
    assert dropped["reasons"] == "is 3 days old; =2 USD, too little"
    assert index(context)["exports"][0]["rows"] == 2


def test_a_night_without_a_selection_exports_an_empty_table(night: Night) -> None:
    context = night()
    run(context)
    assert (folder(context) / "universe_selection_20231230.csv").read_text().startswith("run_date,symbol,selected")
    assert index(context)["exports"][0]["rows"] == 0
