"""The jobs ``train`` and ``roster`` on real files, a real ledger and real worker processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest

from huracan.alerts.routing import same_key
from huracan.context import Context
from huracan.errors import DataError, UsageError
from huracan.paths import verify_checksums
from huracan.store import ItemRow, ItemState
from huracan.testing import RecordingProgress
from huracan.types import Outcome
from huracan_training import job, roster
from huracan_training.artefacts import ARTEFACTS
from huracan_training.boosting import lightgbm_trainer
from waiting import wait_until

Make = Callable[..., Any]
STABLE = ("model.bin", "metrics.json", "features.json", "inputs.json", "costs.json", "trades.parquet", "patterns.json")
EASY = {"samples": 20, "deflated_sharpe": None}


def items(context: Context) -> dict[str, ItemRow]:
    return context.store.ledger.items("train", context.current_run.run_date)


def folders(context: Context) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for folder in sorted(context.paths.workspace.glob("models/*/*")):
        found.setdefault(folder.parent.name, []).append(folder)
    return found


def digests(context: Context, *names: str) -> dict[str, str]:
    return {
        f"{symbol}/{name}": hashlib.sha256((found[-1] / name).read_bytes()).hexdigest()
        for symbol, found in folders(context).items()
        for name in (*STABLE, *names)
    }


def states(context: Context) -> dict[str, str]:
    return {symbol: row.state.value for symbol, row in items(context).items()}


def force(context: Context) -> Context:
    """Begin the run again, as ``huracan run --force`` does."""
    run = context.current_run
    row = context.store.ledger.begin_run("nightly", run.run_date, run.as_of, run.as_of, force=True, jobs=["train"])
    from huracan.context import RunInfo

    return context.with_run(RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of, "train"), context.clock)


def test_a_planted_edge_becomes_champion_and_noise_does_not(coins: Make, schemas: Callable[[str, Any], None]) -> None:
    context = coins("EDGE-USDT", "BTC-USDT").context(gates=EASY)
    result = job.run(context)
    assert result.outcome is Outcome.DONE, result
    ended = roster.run(context)
    assert ended.summary == "1 champions, 1 of 2 coins may be traded"
    rows = json.loads(context.paths.roster.read_text())
    assert [(row["rank"], row["symbol"], row["trade_ok"]) for row in rows] == [
        (1, "EDGE-USDT", True), (2, "BTC-USDT", False)
    ]  # fmt: skip
    champion = json.loads(context.paths.champion("EDGE-USDT").read_text())
    folder = context.paths.workspace / champion["model_path"]
    verify_checksums(folder)
    assert {path.name for path in folder.iterdir()} == {*ARTEFACTS, "sha256.txt"}
    assert hashlib.sha256((folder / "sha256.txt").read_bytes()).hexdigest() == champion["sha256"]
    model = lightgbm_trainer().load((folder / "model.bin").read_bytes())
    values = pl.read_parquet(folder / "features.parquet").drop("timestamp", "label", "weight").to_numpy()
    inputs = json.loads((folder / "inputs.json").read_text())
    if encoder := inputs["encoder"]:  # what a trading process does with a row of features
        scaled = np.clip(
            (values - encoder["mean"]) * np.array(encoder["scale"]), -encoder["largest"], encoder["largest"]
        )
        values = np.column_stack([values, np.nan_to_num(scaled) @ np.array(encoder["components"])])
    assert values.shape[1] == len(inputs["columns"])
    assert (model.predict(values) > champion["threshold"]).any()
    assert not context.paths.champion("BTC-USDT").exists()
    verify_checksums(context.paths.champions)
    for name in (
        "metrics",
        "config",
        "costs",
        "features",
        "metadata",
        "split_indices",
        "training_log",
        "inputs",
        "patterns",
    ):
        schemas(name, json.loads((folder / f"{name}.json").read_text()))
    schemas("champion", champion)
    schemas("roster", rows)
    run_date = context.current_run.run_date
    schemas("engine_summary", json.loads((context.paths.summary_folder(run_date) / "engine_summary.json").read_text()))
    schemas("status", json.loads(context.paths.status_file(run_date).read_text()))
    schemas("universe", json.loads(context.paths.universe_file(run_date).read_text()))
    schemas("candles", json.loads(context.paths.candle_report(run_date).read_text()))


@pytest.mark.parametrize("mode", ["sequential", "parallel", "hybrid"])
def test_one_worker_or_two_in_any_mode_and_forced_again_give_the_same_bytes(coins: Make, mode: str) -> None:
    night = coins("EDGE-USDT", "BTC-USDT", "AAA-USDT")
    first = night.context()
    job.run(first)
    before = digests(first, "config.json")
    assert len(before) == 3 * (len(STABLE) + 1)
    again = force(night.context(mode=mode, workers=2, batch=2))
    job.run(again)
    assert digests(again, "config.json") == before
    assert {len(found) for found in folders(again).values()} == {2}, "a forced run leaves the models before it alone"


def test_candles_after_the_clock_change_nothing(coins: Make, make_context: Make, tmp_path: Path) -> None:
    short = coins("EDGE-USDT", "ETH-USDT").context()
    job.run(short)
    before = digests(short)
    later = force(coins("EDGE-USDT", "ETH-USDT", later=400).context())
    job.run(later)
    frame = pl.read_parquet(folders(later)["EDGE-USDT"][-1] / "features.parquet")
    assert digests(later) == before
    assert (frame["timestamp"] < int(later.clock.now().timestamp() * 1000)).all()


def test_completed_coins_are_not_trained_again(coins: Make) -> None:
    night = coins("EDGE-USDT", "BTC-USDT")
    first = night.context(trainer="follow")
    job.run(first)
    times = {path: path.stat().st_mtime_ns for path in first.paths.workspace.glob("models/*/*/*")}
    result = job.run(night.context(trainer="follow"))
    assert result.summary == "2 trained, 0 failed, 0 skipped; 2 of them were there already"
    assert {path: path.stat().st_mtime_ns for path in first.paths.workspace.glob("models/*/*/*")} == times
    assert [row.attempts for row in items(first).values()] == [1, 1]


def test_a_completed_coin_whose_files_were_damaged_is_trained_again(coins: Make) -> None:
    night = coins("EDGE-USDT", "BTC-USDT")
    context = night.context(trainer="follow")
    job.run(context)
    (folders(context)["EDGE-USDT"][0] / "model.bin").write_text("something else")
    job.run(night.context(trainer="follow"))
    assert {symbol: row.attempts for symbol, row in items(context).items()} == {"BTC-USDT": 1, "EDGE-USDT": 2}
    path = items(context)["EDGE-USDT"].path
    assert path
    verify_checksums(context.paths.workspace / path)


@pytest.mark.parametrize("listing", [b"", b"\xff\xfe damaged", b"0" * 64 + b"  model.bin\n"])
def test_a_completed_coin_whose_checksums_say_nothing_is_trained_again(coins: Make, listing: bytes) -> None:
    night = coins("EDGE-USDT")
    context = night.context(trainer="follow")
    job.run(context)
    (folders(context)["EDGE-USDT"][0] / "sha256.txt").write_bytes(listing)
    assert job.run(night.context(trainer="follow")).outcome is Outcome.DONE
    assert items(context)["EDGE-USDT"].attempts == 2


def crowned(coins: Make) -> tuple[Any, Context]:
    """Play a night whose one coin becomes champion."""
    night = coins("EDGE-USDT")
    context = night.context(gates=EASY)
    job.run(context)
    assert roster.run(context).summary == "1 champions, 1 of 1 coins may be traded"
    return night, context


def next_night(night: Any, context: Context, **training: Any) -> Context:
    """Begin the next day's run, whose one coin is skipped: yesterday's champion is all there is."""
    later: Context = replace(night, as_of=night.as_of + timedelta(days=1)).context(**training)
    run_date = later.current_run.run_date
    later.store.ledger.end_item("train", run_date, "AAA-USDT", ItemState.SKIPPED, 0.0, error="not tonight")
    return later


def test_a_champion_stays_while_its_coin_is_not_trained(coins: Make) -> None:
    night, context = crowned(coins)
    roster.run(next_night(night, context, gates=EASY))
    assert context.paths.champion("EDGE-USDT").exists()


def test_stricter_gates_dismiss_a_champion_that_does_not_pass_them(coins: Make) -> None:
    night, context = crowned(coins)
    roster.run(next_night(night, context, gates={"samples": 100_000}))
    assert not context.paths.champion("EDGE-USDT").exists()


def test_a_champion_of_a_coin_that_is_no_longer_trained_grows_too_old(coins: Make) -> None:
    night, context = crowned(coins)
    night = replace(night, as_of=night.as_of + timedelta(days=40))
    roster.run(next_night(night, context, gates=EASY))
    assert not context.paths.champion("EDGE-USDT").exists()


def test_what_a_changed_pointer_claims_is_not_believed(coins: Make) -> None:
    night, context = crowned(coins)
    pointer = context.paths.champion("EDGE-USDT")
    before = json.loads(pointer.read_text())
    pointer.write_text(json.dumps({**before, "metrics": {"sharpe": 99.0}, "as_of": "2039-01-01T00:00:00Z"}))
    again = night.context(gates=EASY)
    roster.run(again)
    assert json.loads(pointer.read_text()) == before
    pointer.write_text(json.dumps({key: before[key] for key in ("model_path", "sha256")}))
    roster.run(again)
    assert json.loads(pointer.read_text())["metrics"] == before["metrics"]


def test_what_a_killed_attempt_left_is_done_again_in_the_same_folder(coins: Make) -> None:
    context = coins("EDGE-USDT").context(trainer="follow")
    folder = context.paths.model_folder("EDGE-USDT", context.clock.now())
    folder.mkdir(parents=True)
    (folder / "leftover").write_text("half")
    job.run(context)
    assert folders(context)["EDGE-USDT"] == [folder]
    assert {path.name for path in folder.iterdir()} == {*ARTEFACTS, "sha256.txt"}


def test_a_coin_killed_between_its_checksums_and_the_ledger_is_taken_as_it_is(coins: Make) -> None:
    night = coins("EDGE-USDT")
    context = night.context(trainer="follow")
    job.run(context)
    before = dict(items(context)["EDGE-USDT"].metrics)
    context.store.ledger.begin_item("train", context.current_run.run_date, "EDGE-USDT")  # its end is lost
    job.run(night.context(trainer="follow"))
    row = items(context)["EDGE-USDT"]
    assert (row.state, dict(row.metrics)) == (ItemState.COMPLETED, before)
    assert len(folders(context)["EDGE-USDT"]) == 1


def test_a_trainer_that_dies_or_raises_costs_only_its_coin(coins: Make) -> None:
    night = coins("EDGE-USDT", "AAA-USDT", "EDGEB-USDT")
    context = night.context(trainer="die", retries=1, workers=2)
    result = job.run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert states(context) == {"AAA-USDT": "failed", "EDGE-USDT": "completed", "EDGEB-USDT": "completed"}
    assert items(context)["AAA-USDT"].attempts == 2
    assert "SIGKILL" in (items(context)["AAA-USDT"].error or "")
    again = job.run(night.context(trainer="raise", retries=0))
    assert result.problems[0].startswith("AAA-USDT: attempt 2: the worker process was killed")
    assert again.problems == ("AAA-USDT: attempt 1: RuntimeError: this trainer knows no better",)
    assert items(context)["EDGE-USDT"].attempts == 1, "completed coins are kept while the failed one is tried again"


def test_a_coin_whose_worker_was_killed_once_ends_with_the_same_bytes(
    coins: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = coins("EDGE-USDT", "AAA-USDT")
    calm = night.context(trainer="follow")
    job.run(calm)
    before = digests(calm)
    monkeypatch.setenv("TRAINING_TEST_MARK", str(tmp_path / "mark"))
    killed = force(night.context(trainer="die-once"))
    assert job.run(killed).outcome is Outcome.DONE
    assert digests(killed) == before
    assert items(killed)["AAA-USDT"].attempts == 2


def test_a_hanging_trainer_is_killed_at_its_limit_and_the_others_go_on(coins: Make) -> None:
    limit = {"minutes_per_coin": 12 / 60, "retries": 0, "workers": 2}
    context = coins("AAA-USDT", "EDGE-USDT", "EDGEB-USDT").context(trainer="hang", **limit)
    result = job.run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    assert states(context) == {"AAA-USDT": "failed", "EDGE-USDT": "completed", "EDGEB-USDT": "completed"}
    assert "training.minutes_per_coin" in (items(context)["AAA-USDT"].error or "")


def test_the_job_failed_where_every_coin_did(coins: Make) -> None:
    context = coins("AAA-USDT", "BBB-USDT").context(trainer="raise", retries=0)
    assert job.run(context).outcome is Outcome.FAILED
    assert roster.run(context).outcome is Outcome.DONE
    summary = json.loads(next(context.paths.workspace.glob("summary/*/engine_summary.json")).read_text())
    assert (summary["total"], summary["failed"], summary["succeeded"]) == (2, 2, 0)
    assert "knows no better" in summary["reasons"]["AAA-USDT"]


def test_too_few_rows_and_missing_candles_are_skipped_with_a_reason(coins: Make) -> None:
    context = coins("AAA-USDT", "BAD-USDT", rows=300, failed=["BAD-USDT"]).context(trainer="follow")
    result = job.run(context)
    assert result.outcome is Outcome.DONE
    assert result.summary == "0 trained, 0 failed, 2 skipped"
    assert "usable rows are fewer than 500" in (items(context)["AAA-USDT"].error or "")
    assert items(context)["BAD-USDT"].error == "no usable candles: the file is empty"


def test_a_wanted_coin_that_dropped_out_tonight_is_skipped_with_a_reason(coins: Make) -> None:
    context = coins("EDGE-USDT", "AAA-USDT").context(trainer="follow", symbols="GONE-USDT,EDGE-USDT")
    assert job.run(context).summary == "1 trained, 0 failed, 1 skipped"
    assert "not in tonight's universe" in (items(context)["GONE-USDT"].error or "")


def test_a_candle_file_that_vanished_fails_at_once_without_retries(coins: Make) -> None:
    context = coins("AAA-USDT", "EDGE-USDT").context(trainer="follow")
    context.paths.candle_file("AAA-USDT").unlink()
    assert job.run(context).outcome is Outcome.PARTLY_FAILED
    assert items(context)["AAA-USDT"].attempts == 1


@pytest.mark.parametrize(("file", "name"), [("universe_file", "universe"), ("candle_report", "candles")])
def test_what_an_earlier_job_did_not_leave_is_said_with_the_command_to_run(coins: Make, file: str, name: str) -> None:
    context = coins("AAA-USDT").context()
    getattr(context.paths, file)(context.current_run.run_date).unlink()
    with pytest.raises(DataError, match=f"run `huracan run {name}`"):
        job.run(context)


def test_an_unknown_trainer_is_refused_before_any_worker_starts(coins: Make) -> None:
    with pytest.raises(UsageError, match=r"training\.trainer: no enabled plugin offers 'lightgmb'"):
        job.run(coins("AAA-USDT").context(trainer="lightgmb"))


def test_progress_tells_of_each_fold_and_counts_finished_coins(coins: Make, make_context: Make) -> None:
    night = coins("EDGE-USDT", "BTC-USDT")
    from dataclasses import replace

    progress = RecordingProgress()
    job.run(replace(night.context(trainer="follow"), progress=progress))
    assert "train 1/2 EDGE-USDT fold 2/2" in progress.steps
    assert "train 2/2 BTC-USDT features" in progress.steps


PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from huracan.testing import make_context
from huracan_training import job

settings = {"training": {"folds": 2, "search": {"trials": 2}, "min_train_rows": 200, "trainer": sys.argv[3],
                         "workers": 2, "order": {"quote": 1.0}, "test_share": 0.6,
                         "parameters": {"rows_per_leaf": 40}}}
context = make_context(Path(sys.argv[1]), settings, as_of=datetime.fromisoformat(sys.argv[2]), job="train",
                       plugins=("training", "training-test-kit"))
print(job.run(context).summary)
"""


@pytest.mark.soak  # tests/integration/test_killed_night.py kills the whole night
def test_a_night_killed_again_and_again_ends_with_the_same_bytes(coins: Make, kit: Path, tmp_path: Path) -> None:
    symbols = ("EDGE-USDT", "BTC-USDT", "AAA-USDT", "BBB-USDT")
    night = coins(*symbols)
    calm = night.context(trainer="follow")
    job.run(calm)
    before = digests(calm)
    killed = force(night.context(trainer="slow"))
    command, environment = night_in_a_process(killed, kit, "slow")
    completed: dict[str, int] = {}
    for _ in range(4):
        kill_after_the_next_coin(command, environment, lambda: len(done(killed)))
        now = done(killed)
        assert completed.items() <= now.items(), "a completed coin was lost or trained again"
        completed = now
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "4 trained, 0 failed" in ended.stdout
    assert completed.items() <= done(killed).items()
    assert digests(killed) == before
    assert {len(found) for found in folders(killed).values()} == {2}
    assert not list(killed.paths.workspace.rglob("models/**/*.tmp"))


DIES = """
import os, signal
from huracan.store import ItemState
from huracan.store.ledger import Ledger

end_item = Ledger.end_item

def dies(ledger, job, run_date, item, state, *rest, **more):
    if AFTER:
        end_item(ledger, job, run_date, item, state, *rest, **more)
    if state is ItemState.COMPLETED:
        os.kill(os.getpid(), signal.SIGKILL)

Ledger.end_item = dies
"""


@pytest.mark.parametrize("after", [True, False])
def test_a_coin_is_told_of_though_the_night_is_killed_as_the_ledger_is_written(
    coins: Make, kit: Path, after: bool
) -> None:
    night = coins("EDGE-USDT")
    context = night.context(trainer="follow")
    (python, option, program, *rest), environment = night_in_a_process(context, kit, "follow")
    killed = subprocess.run(
        [python, option, f"AFTER = {after}\n{DIES}\n{program}", *rest], env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert (items(context)["EDGE-USDT"].state is ItemState.COMPLETED) == after
    job.run(night.context(trainer="follow"))
    assert items(context)["EDGE-USDT"].state is ItemState.COMPLETED
    assert len(folders(context)["EDGE-USDT"]) == 1
    told = [event for event in context.store.events.recent() if event.kind == "model.trained"]
    # Where it is told twice, both read the same: channels tell what is the same once, and a coin has one line.
    assert len(told) == (1 if after else 2)
    assert len({same_key(event) for event in told}) == 1


def night_in_a_process(context: Context, kit: Path, trainer: str) -> tuple[list[str], dict[str, str]]:
    """Return command line and environment that go on with the run of ``context``."""
    as_of = context.current_run.as_of.isoformat()
    path = os.pathsep.join([str(kit), os.environ.get("PYTHONPATH", "")])
    return [sys.executable, "-c", PROGRAM, str(context.paths.workspace), as_of, trainer], {
        **os.environ,
        "PYTHONPATH": path,
    }


def test_a_hanging_worker_dies_with_the_killed_job(coins: Make, kit: Path) -> None:
    context = coins("AAA-USDT", "EDGE-USDT").context(trainer="hang")
    command, environment = night_in_a_process(context, kit, "hang")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until((context.paths.model_folder("AAA-USDT", context.clock.now()) / "split_indices.json").exists)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.kill()
        process.wait()
    wait_until(lambda: not any(alive(child) for child in children))


def kill_after_the_next_coin(command: list[str], environment: dict[str, str], finished: Callable[[], int]) -> None:
    """Start a night, kill it when one more coin is finished, and see its workers die with it."""
    before = finished()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: finished() > before or process.poll() is not None)
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: not any(alive(child) for child in children))


def done(context: Context) -> dict[str, int]:
    return {symbol: row.attempts for symbol, row in items(context).items() if row.state is ItemState.COMPLETED}


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_order_that_costs_its_whole_stake_skips_the_coin(coins: Make) -> None:
    night = coins("EDGE-USDT")
    context = night.context(
        trainer="follow",
    )
    path = context.paths.universe_file(context.current_run.run_date)
    universe = json.loads(path.read_text())
    universe["selected"][0]["spread_bps"] = 20_000.0
    path.write_text(json.dumps(universe))
    job.run(context)
    row = items(context)["EDGE-USDT"]
    assert (row.state, row.error) == (
        ItemState.SKIPPED, "a round trip of 1 costs the whole stake: the order is too large"
    )  # fmt: skip
