"""A machine is lost, and a new one goes on with the remote store alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.remote.base import nobody
from huracan.run.status import write_status
from huracan.store import ItemState, RunState
from huracan_remote.engine import sweep
from huracan_remote.layout import Kind
from huracan_remote.restore import newest, restore

AS_OF = datetime(2024, 1, 5, 2, 0, tzinfo=UTC)
DAY = date(2024, 1, 5)
Make = Callable[..., Context]


@pytest.fixture
def lost(make_context: Make, remote_folder: Path, tmp_path: Path) -> Context:
    """A machine that worked for a night and copied everything."""
    settings = {"remote": {"name": "local", "path": str(remote_folder)}}
    context = make_context(settings, plugins=["remote"], as_of=AS_OF, job="train", folder=tmp_path / "lost")
    files = {
        "data/candles/BTC-USDT.parquet": b"candles", "data/candles/BTC-USDT.parquet.sha256": b"digest",
        "models/BTC-USDT/20240105_020000Z/model.bin": b"champion", "models/ETH-USDT/20240105_020000Z/model.bin": b"no",
        "champions/BTC-USDT.json": json.dumps({"model_path": "models/BTC-USDT/20240105_020000Z"}).encode(),
        "logs/huracan.jsonl": b"{}\n", "learning/learning_snapshot_20240105_020000Z.json": b"{}",
    }  # fmt: skip
    for path, content in files.items():
        file = context.paths.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    ledger, run_id = context.store.ledger, context.current_run.run_id
    ledger.begin_job(run_id, "train", AS_OF)
    ledger.begin_item("train", DAY, "BTC-USDT")
    ledger.end_item("train", DAY, "BTC-USDT", ItemState.COMPLETED, path="models/BTC-USDT/20240105_020000Z")
    ledger.end_job(run_id, "train", RunState.DONE, AS_OF)
    ledger.end_run(run_id, RunState.DONE, "fine", AS_OF)
    write_status(context)
    copy_all(context, remote_folder)
    return context


def copy_all(context: Context, folder: Path) -> None:
    from huracan.remote.local import LocalFolderStore

    assert not sweep(context, LocalFolderStore(folder), tuple(Kind), nobody, settle=0.0).problems


@pytest.fixture
def fresh(make_context: Make, remote_folder: Path, tmp_path: Path) -> Context:
    settings = {"remote": {"name": "local", "path": str(remote_folder)}}
    return make_context(settings, plugins=["remote"], folder=tmp_path / "fresh")


def files(context: Context) -> dict[str, bytes]:
    root = context.paths.workspace
    found = [path for path in root.rglob("*") if path.is_file() and "state" not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found if "huracan.db" not in path.name}


def store_of(folder: Path) -> Any:
    from huracan.remote.local import LocalFolderStore

    return LocalFolderStore(folder)


def test_cache_champions_and_ledger_come_back(lost: Context, fresh: Context, remote_folder: Path) -> None:
    found = restore(fresh, store_of(remote_folder))
    assert found.problems == []
    back, was = files(fresh), files(lost)
    assert set(was) - set(back) == {"models/ETH-USDT/20240105_020000Z/model.bin", "logs/huracan.jsonl"}
    assert all(back[path] == was[path] for path in back)
    assert found.runs == 1
    row = fresh.store.ledger.run_by_id(lost.current_run.run_id)
    assert row is not None
    assert (row.state, row.as_of) == (RunState.DONE, AS_OF)
    [job] = fresh.store.ledger.jobs(DAY)
    assert (job.job, job.state) == ("train", RunState.DONE)
    item = fresh.store.ledger.items("train", DAY)["BTC-USDT"]
    assert (item.state, item.path) == (ItemState.COMPLETED, "models/BTC-USDT/20240105_020000Z")


def test_everything_comes_back_where_that_is_asked_for(lost: Context, fresh: Context, remote_folder: Path) -> None:
    restore(fresh, store_of(remote_folder), everything=True)
    assert files(fresh) == files(lost)


def test_what_came_back_is_not_copied_again(lost: Context, fresh: Context, remote_folder: Path) -> None:
    restore(fresh, store_of(remote_folder))
    assert sweep(fresh, store_of(remote_folder), tuple(Kind), nobody, settle=0.0).files == 0


def test_what_is_here_stays_and_a_second_time_does_nothing(lost: Context, fresh: Context, remote_folder: Path) -> None:
    mine = fresh.paths.champion("BTC-USDT")
    mine.parent.mkdir(parents=True)
    mine.write_text(json.dumps({"model_path": "models/mine"}))
    first = restore(fresh, store_of(remote_folder))
    assert first.kept == 1
    assert "mine" in mine.read_text()
    again = restore(fresh, store_of(remote_folder))
    assert (again.files, again.runs) == (0, 0)


def test_a_rehearsal_does_nothing(lost: Context, fresh: Context, remote_folder: Path) -> None:
    found = restore(fresh, store_of(remote_folder), everything=True, dry_run=True)
    assert found.files == len(files(lost))
    assert files(fresh) == {}


def test_the_latest_day_wins(lost: Context, remote_folder: Path) -> None:
    for day in ("2001-01-01", "2001-01-03", "2001-01-02"):
        file = remote_folder / day / "champions/ETH-USDT.json"
        file.parent.mkdir(parents=True)
        file.write_text(day)
    found = newest(store_of(remote_folder))
    assert found["champions/ETH-USDT.json"].path == "2001-01-03/champions/ETH-USDT.json"


def test_a_run_that_was_cut_off_is_known_as_interrupted(lost: Context, fresh: Context, remote_folder: Path) -> None:
    status = lost.paths.status_file(DAY)
    value = json.loads(status.read_text())
    value["run"] |= {"state": "running", "ended_at": None}
    status.write_text(json.dumps(value))
    copy_all(lost, remote_folder)
    restore(fresh, store_of(remote_folder))
    row = fresh.store.ledger.run_by_id(lost.current_run.run_id)
    assert row is not None
    assert row.state is RunState.INTERRUPTED


def test_a_ledger_that_cannot_be_read_costs_its_own_run_alone(
    lost: Context, fresh: Context, remote_folder: Path
) -> None:
    bad = lost.paths.workspace / "runs" / "20240104Z" / "status.json"
    bad.parent.mkdir(parents=True)
    bad.write_text('{"run": {}}')
    copy_all(lost, remote_folder)
    assert restore(fresh, store_of(remote_folder)).runs == 1


def test_a_file_on_one_day_and_a_folder_on_another_costs_itself_alone(
    lost: Context, fresh: Context, remote_folder: Path
) -> None:
    (remote_folder / "2024-01-04/learning").mkdir(parents=True)
    (remote_folder / "2024-01-04/learning/x").write_text("file")
    (remote_folder / "2024-01-05/learning/x").mkdir(parents=True)
    (remote_folder / "2024-01-05/learning/x/y").write_text("inside")
    found = restore(fresh, store_of(remote_folder))
    assert len(found.problems) == 1
    assert fresh.paths.champion("BTC-USDT").exists()


def test_hidden_names_and_days_that_have_not_come_are_passed_over(lost: Context, remote_folder: Path) -> None:
    for path in ("2099-01-01/champions/BTC-USDT.json", "2024-01-05/champions/.ssh", "data/candles/.x/y"):
        file = remote_folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("hostile")
    found = newest(store_of(remote_folder))
    assert (remote_folder / found["champions/BTC-USDT.json"].path).read_text() != "hostile"
    assert not {"champions/.ssh", "data/candles/.x/y"} & set(found)
