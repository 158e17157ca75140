"""Clean-up: what goes, what must never go, and that the dry run says just what the real one does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huracan.context import Context
from huracan.types import Event, Outcome, Severity
from huracan_maintenance import cleanup
from huracan_maintenance.cleanup import carry_out, run
from huracan_maintenance.kinds import KINDS, items_of
from huracan_maintenance.plan import make_plan
from huracan_maintenance.settings import Keep, MaintenanceSettings

Maintained = Callable[..., Context]
NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
PLENTY = 1e15


def clean(context: Context, free: float = PLENTY) -> list[str]:
    """Carry out a plan and return what it deleted, sorted."""
    return sorted(each.item.path for each in carry_out(context, make_plan(context, free)).gone)


def test_every_kind_has_its_settings() -> None:
    kept = {
        name
        for name, field in MaintenanceSettings.model_fields.items()
        if isinstance(field.get_default(call_default_factory=True), Keep)
    }
    assert kept == {kind.name for kind in KINDS}


# -------------------------------------------------------------------------------------------------------- what goes


def test_what_is_older_than_its_kind_may_be_goes_and_the_rest_stays(
    maintained: Maintained, put: Any, put_model: Any, workspace: Path
) -> None:
    context = maintained(**{kind.name: {"days": 10, "newest": 1} for kind in KINDS})
    old: list[str] = []
    young: list[str] = []
    for days, found in ((20, old), (9, young)):
        found.append(put_model("BTC-USDT", days))
        stamp = f"{NOW - timedelta(days=days):%Y%m%d}"
        for path in (
            f"runs/{stamp}Z/status.json", f"summary/{stamp}Z/engine_summary.json", f"exports/{stamp}/a.csv",
            f"meta/encoder/{stamp}/encoder.npy", f"reports/nightly/{stamp}/model_comparison.html",
        ):  # fmt: skip
            put(path, days)
            found.append(path.rpartition("/")[0])
        for path in (
            f"learning/snapshot_{stamp}.json", f"reports/daily/{stamp}.md", f"logs/huracan.jsonl.{days}",
            f"reports/weekly/{stamp}.html", f"reports/monthly/{stamp}.pdf",
            f"data/quarantine/A.{stamp}.parquet", f"monitoring/alerts-{stamp}.jsonl", f"trading/done/{stamp}.csv",
        ):  # fmt: skip
            put(path, days)
            found.append(path)
    assert clean(context) == sorted(old)
    assert all((workspace / path).exists() for path in young)


def test_what_nobody_named_stays_however_old_it_is(maintained: Maintained, put: Any, workspace: Path) -> None:
    kept = (
        "data/candles/BTC-USDT.parquet", "champions/BTC-USDT.json", "config/settings.json", "logs/huracan.jsonl",
        "monitoring/health.json", "monitoring/alerts.jsonl", "mine/notes.txt", "trading/open.csv", "state/trading.json",
    )  # fmt: skip
    for path in kept:
        put(path, 5000)
    assert clean(maintained()) == []
    assert all((workspace / path).exists() for path in kept)


def test_the_oldest_go_first_until_a_kind_fits_its_size(maintained: Maintained, put: Any) -> None:
    context = maintained(exports={"days": 0, "gigabytes": 0.000_025, "newest": 1})
    for days in range(1, 6):
        put(f"exports/{days}/table.csv", days, size=10_000)
    assert clean(context) == ["exports/3", "exports/4", "exports/5"]


def test_the_newest_of_a_kind_stay_also_where_a_clock_jumped_far_ahead(maintained: Maintained, put: Any) -> None:
    context = maintained(at=NOW + timedelta(days=20_000), runs={"newest": 3})
    for days in range(1, 9):
        put(f"runs/{NOW - timedelta(days=days):%Y%m%d}Z/status.json", days)
    gone = clean(context)
    assert len(gone) == 5
    assert f"runs/{NOW - timedelta(days=1):%Y%m%d}Z" not in gone


def test_a_full_disk_costs_the_oldest_of_all_kinds_and_no_more_than_needed(
    maintained: Maintained, put: Any, put_model: Any
) -> None:
    context = maintained(min_free_gb=1, exports={"newest": 1}, models={"newest": 1})
    oldest = put_model("BTC-USDT", 9, size=60_000)
    put("exports/2026-11-13/a.csv", 8, size=60_000)
    put_model("BTC-USDT", 7, size=60_000)
    put("exports/2026-11-20/a.csv", 1, size=60_000)
    plan = make_plan(context, 1e9 - 100_000)
    assert [each.item.path for each in plan.doomed] == [oldest, "exports/2026-11-13"]
    assert plan.is_urgent
    assert plan.short == 0
    assert make_plan(context, 1e9).doomed == ()


def test_a_full_disk_costs_nothing_that_lies_on_another(maintained: Maintained, put: Any, workspace: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if Path(elsewhere).stat().st_dev == workspace.parent.stat().st_dev:
            pytest.skip("there is no second disk")
        context = maintained(min_free_gb=1, exports={"newest": 1}, models={"newest": 1, "days": 5})
        (workspace / "models").symlink_to(elsewhere)
        for days in (9, 4, 3, 1):
            file = put(f"models/BTC-USDT/2026111{days}_000000Z/model.bin", days, size=60_000)
            (file.parent / "sha256.txt").write_text("")
            os.utime(file.parent / "sha256.txt", (file.stat().st_mtime,) * 2)
        put("exports/2026-11-13/a.csv", 2, size=60_000)
        put("exports/2026-11-20/a.csv", 1, size=60_000)
        plan = make_plan(context, 1e9 - 100_000)
        going = [(each.item.path, each.urgent) for each in plan.doomed]
        assert going == [("models/BTC-USDT/20261119_000000Z", False), ("exports/2026-11-13", True)]
        assert plan.short == 40_000, "what goes elsewhere frees nothing here"


def test_a_full_disk_that_cannot_be_helped_is_an_error_that_says_how_much_is_missing(
    maintained: Maintained, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = maintained(min_free_gb=1)
    put("data/candles/BTC-USDT.parquet", 900)
    monkeypatch.setattr(cleanup, "free_bytes", lambda _: 0.5e9)
    assert run(context).outcome is Outcome.NOTHING_TO_DO
    [event] = context.store.events.recent()
    assert event.severity is Severity.ERROR
    assert "500.0 MB more are wanted" in event.title


def test_old_events_leave_the_store_and_young_ones_stay(maintained: Maintained) -> None:
    context = maintained(events_days=100)
    for days in (99, 101, 300):
        context.store.events.add(Event("tick", Severity.INFO, f"{days} days", NOW - timedelta(days=days)))
    assert "2 old events deleted" in run(context).summary
    assert [event.title for event in context.store.events.recent()] == ["99 days"]


def test_a_large_file_of_alerts_is_set_aside_whole(
    maintained: Maintained, put: Any, tree: Any, workspace: Path
) -> None:
    put("monitoring/alerts.jsonl", text="{}\n" * 1000)
    run(maintained(alerts_megabytes=0.002))
    assert tree() == {"monitoring/alerts-20261121_063000.jsonl"}
    assert (workspace / "monitoring/alerts-20261121_063000.jsonl").read_text() == "{}\n" * 1000


def test_temporary_files_of_killed_writers_go_after_a_day(maintained: Maintained, put: Any) -> None:
    put("data/candles/.BTC-USDT.parquet.abc.tmp", 1.5)
    put("data/candles/.ETH-USDT.parquet.abc.tmp", 0.5)
    assert clean(maintained()) == ["data/candles/.BTC-USDT.parquet.abc.tmp"]


# --------------------------------------------------------------------------------------------------- what must stay


def test_a_model_that_a_champion_the_roster_or_the_latest_history_names_stays(
    maintained: Maintained, put: Any, put_model: Any, crown: Any
) -> None:
    context = maintained(models={"days": 1, "newest": 1, "gigabytes": 0.000_001})
    folders = [put_model("BTC-USDT", days) for days in range(100, 90, -1)]
    crown("BTC-USDT", folders[0])
    put("champions/roster.json", text=json.dumps([{"symbol": "BTC-USDT", "model_path": folders[1]}]))
    reigns = [{"model_path": folders[number]} for number in (2, 3, 4, 5, 6, 7)]
    put("champions/history/BTC-USDT.json", text=json.dumps({"reigns": reigns}))
    # The sixth reign from the end is too long ago to go back to; the last folder is the newest.
    assert clean(context, free=0) == sorted([folders[2], folders[8]])


def test_a_model_that_became_champion_after_the_plan_was_made_stays(
    maintained: Maintained, put_model: Any, crown: Any, workspace: Path
) -> None:
    context = maintained(models={"days": 1, "newest": 1})
    folders = [put_model("BTC-USDT", days) for days in (100, 90, 0)]
    plan = make_plan(context, PLENTY)
    crown("BTC-USDT", folders[0])
    assert [each.item.path for each in carry_out(context, plan).gone] == [folders[1]]
    assert (workspace / folders[0] / "model.bin").exists()


@pytest.mark.parametrize(
    "file", ["champions/roster.json", "champions/BTC-USDT.json", "champions/history/BTC-USDT.json"]
)
def test_where_it_cannot_be_read_who_is_champion_no_model_goes(
    file: str, maintained: Maintained, put: Any, put_model: Any
) -> None:
    context = maintained(models={"days": 1, "newest": 1})
    for days in (100, 50, 0):
        put_model("BTC-USDT", days)
    put(file, text='{"model_path": "models/BT')
    assert clean(context) == []


def test_a_model_that_is_being_written_stays_and_one_that_was_given_up_goes(
    maintained: Maintained, put_model: Any
) -> None:
    context = maintained(models={"days": 0.1, "newest": 1})
    put_model("BTC-USDT", 0.5, complete=False)
    given_up = put_model("BTC-USDT", 1.5, complete=False)
    put_model("BTC-USDT", 0)
    assert clean(context) == [given_up]


def test_a_link_is_neither_followed_nor_deleted(
    maintained: Maintained, put: Any, workspace: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "holiday.jpg").write_text("precious")
    os.utime(elsewhere / "holiday.jpg", (0, 0))
    put("exports/2026-11-21/a.csv")
    put("exports/2020-01-01/a.csv", 2000)
    (workspace / "exports/2021-01-01").symlink_to(elsewhere)
    (workspace / "exports/2020-01-01/link").symlink_to(elsewhere)
    assert clean(maintained(exports={"newest": 1})) == ["exports/2020-01-01"]
    assert (elsewhere / "holiday.jpg").read_text() == "precious"
    assert (workspace / "exports/2021-01-01").is_symlink()


def test_what_cannot_be_deleted_is_named_and_the_rest_goes(
    maintained: Maintained, put: Any, tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 5):
        put(f"exports/2020-01-0{day}/a.csv", 2000 - day)
    whole = cleanup._erase

    def stuck(path: Path) -> None:
        if "2020-01-02" in path.name:
            raise PermissionError(13, "Permission denied")
        whole(path)

    monkeypatch.setattr(cleanup, "_erase", stuck)
    context = maintained(exports={"newest": 1})
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == ("exports/2020-01-02: cannot be deleted: Permission denied",)
    monkeypatch.setattr(cleanup, "_erase", whole)
    run(context)
    assert tree() == {"exports/2020-01-04/a.csv"}


# -------------------------------------------------------------------------------------------- dry run and real run

ages = st.floats(0, 400, allow_nan=False)
models = st.lists(st.tuples(st.sampled_from(["BTC-USDT", "ETH-USDT"]), ages, st.booleans(), st.booleans()), max_size=8)
others = st.lists(
    st.tuples(
        st.sampled_from(["runs/{}Z/a", "exports/{}/a", "learning/{}.json", "logs/huracan.jsonl.{}", "mine/{}"]), ages
    ),
    max_size=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(models=models, others=others, missing=st.sampled_from([0, 3000, 10**12]), limit=st.sampled_from([0, 4e-6]))
def test_the_dry_run_names_just_what_the_real_run_deletes(
    models: list[tuple[str, float, bool, bool]], others: list[tuple[str, float]], missing: int, limit: float,
    maintained: Maintained, put: Any, put_model: Any, crown: Any, tree: Any, workspace: Path,
) -> None:  # fmt: skip
    shutil.rmtree(workspace, ignore_errors=True)
    newest = 2
    context = maintained(models={"newest": newest, "gigabytes": limit}, min_free_gb=1)
    champions = set()
    for symbol, days, complete, crowned in models:
        folder = put_model(symbol, days, complete=complete)
        if crowned:
            crown(symbol, folder)
    for pointer in workspace.glob("champions/*.json"):
        champions.add(json.loads(pointer.read_text())["model_path"])
    for path, days in others:
        put(path.format(f"{NOW - timedelta(days=days):%Y%m%d%H%M%S}"), days)
    before = tree()
    plan = make_plan(context, 1e9 - missing)
    assert tree() == before  # looking changes nothing
    carry_out(context, make_plan(context, 1e9 - missing))
    named = {each.item.path for each in plan.doomed}
    went = before - tree()
    assert went == {file for file in before if any(file == path or file.startswith(f"{path}/") for path in named)}
    left = [path.relative_to(workspace).as_posix() for path in workspace.glob("models/*/*")]
    assert champions <= set(left)
    for symbol in {symbol for symbol, *_ in models}:
        made = {path.split("/")[2] for path in before if path.startswith(f"models/{symbol}/")}
        assert sum(path.startswith(f"models/{symbol}/") for path in left) >= min(newest, len(made))
    assert not [file for file in went if file.startswith("mine/")]


# ----------------------------------------------------------------------------------------------------------- kills


@pytest.mark.parametrize("when", ["before it is deleted", "half-way through"])
def test_a_kill_leaves_no_half_item_under_its_name_and_the_next_run_finishes_it(
    when: str, maintained: Maintained, put: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2):
        put(f"exports/2020-01-0{day}/a.csv", 2000 - day)
        put(f"exports/2020-01-0{day}/b.csv", 2000 - day)
    context = maintained(exports={"newest": 1})

    def killed(path: Path) -> None:
        if when == "half-way through":
            (path / "a.csv").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cleanup, "_erase", killed)
        with pytest.raises(KeyboardInterrupt):
            run(context)
    assert not (workspace / "exports/2020-01-01").exists()
    [left] = make_plan(context, PLENTY).doomed
    assert left.reason == "left by a clean-up that was interrupted"
    run(context)
    assert {path.name for path in (workspace / "exports").iterdir()} == {"2020-01-02"}


def test_a_clean_up_that_is_killed_for_real_is_finished_by_the_next(workspace: Path, put: Any, tmp_path: Path) -> None:
    put("exports/2030-0000/new", 0)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"workspace": str(workspace), "maintenance": {"exports": {"newest": 1}}}))
    command = [sys.executable, "-m", "huracan", "-c", str(file), "cleanup"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HURACAN_")}
    left: list[Path] = []
    for _ in range(5):  # on a busy machine it may be through before anybody looks
        for number in range(400):
            for name in "abcdefgh":
                put(f"exports/2020-{number:04d}/{name}", 2000)
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(list((workspace / "exports").iterdir())) > 390 and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = [path for path in (workspace / "exports").iterdir() if not path.name.startswith(".")]
        if 1 < len(left) < 400:
            break
    assert 1 < len(left) < 400, "it was killed too late or too early to prove anything"
    assert all(len(list(path.iterdir())) == (1 if path.name == "2030-0000" else 8) for path in left)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (workspace / "exports").iterdir()] == ["2030-0000"]


# --------------------------------------------------------------------------------------------------------- command


def test_the_command_names_every_item_with_its_reason_and_a_dry_run_touches_nothing(
    workspace: Path, put: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huracan.cli.main import main

    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "maintenance")
    monkeypatch.setenv("COLUMNS", "160")
    put("exports/2020-01-01/a.csv", 2000, size=2_500_000)
    put("exports/2026-11-20/a.csv", 1)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"workspace": str(workspace), "maintenance": {"exports": {"newest": 1}}}))
    before = {path: path.stat().st_mtime_ns for path in workspace.rglob("*")}
    assert main(["-c", str(file), "cleanup", "--dry-run"]) == 0
    assert {path: path.stat().st_mtime_ns for path in workspace.rglob("*")} == before
    dry = capsys.readouterr().out
    assert "exports/2020-01-01" in dry
    assert "not changed for more than 30 days" in dry
    assert "1 item to delete, 2.5 MB" in dry
    assert main(["-c", str(file), "cleanup", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [item["path"] for item in said["items"]] == ["exports/2020-01-01"]
    assert (said["bytes"], said["dry_run"]) == (2_500_000, False)
    assert not (workspace / "exports/2020-01-01").exists()
    assert main(["-c", str(file), "cleanup"]) == 0
    assert "nothing deleted" in capsys.readouterr().out


def test_a_clean_up_waits_for_no_run_but_says_who_holds_the_workspace(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huracan.cli.main import main
    from huracan.run.lock import run_lock

    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "maintenance")
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"workspace": str(workspace)}))
    with run_lock(workspace / "state", "huracan run nightly", NOW):
        assert main(["-c", str(file), "cleanup"]) == 5
    assert "huracan run nightly" in capsys.readouterr().err


def test_reports_of_nights_are_kept_apart_from_those_of_days_and_other_files_stay(tmp_path: Path) -> None:
    for name in ("daily/2026-11-20.json", "nightly/20261120/equity.png", "nightly/20261121/equity.png", "update.json"):
        (tmp_path / "reports" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "reports" / name).write_text("{}")
    (kind,) = [each for each in KINDS if each.name == "reports"]
    found = {(item.path, item.group) for item in items_of(tmp_path, kind)}
    assert found == {
        ("reports/daily/2026-11-20.json", "reports/daily"),
        ("reports/nightly/20261120", "reports/nightly"),
        ("reports/nightly/20261121", "reports/nightly"),
    }
