"""The night of the tutorial on real candles: what it selects, what it leaves behind, and that nothing later is seen."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from huracan.clock import milliseconds, parse_instant

from .conftest import ROSTER

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

ARTEFACTS = {
    "model.bin", "config.json", "metrics.json", "costs.json", "features.json", "inputs.json", "metadata.json",
    "sha256.txt", "features.parquet", "split_indices.json", "training_log.json", "trades.parquet",
    "patterns.json",
}  # fmt: skip


def settings(folder: Path, **training: Any) -> dict[str, Any]:
    return {
        "exchange": {"name": "files", "path": str(folder)},
        "universe": {"quote": "USDT", "top": 20},
        "candles": {"timeframe": "1h", "days": 365},
        "training": {"mode": "hybrid", **training},
    }


def small(folder: Path, **training: Any) -> dict[str, Any]:
    """The same with less to train: what is proven does not depend on the size."""
    return {
        **settings(folder, folds=3, **training),
        "universe": {"quote": "USDT", "top": 3},
        "candles": {"timeframe": "1h", "days": 90},
    }


def not_tradable(realdata: Path) -> set[str]:
    """Pairs that the data's own list calls stable, fiat or wrapped."""
    with (realdata / "coin_flags.csv").open() as file:
        return {f"{row['coin']}-USDT" for row in csv.DictReader(file) if row["kind"] != "crypto"}


def test_the_whole_night_completes_twenty_coins_and_leaves_every_artefact(
    realdata: Path, make_night: Callable[..., Any]
) -> None:
    night = make_night(settings(realdata / "crypto_1h", folds=3))
    ended = night.run("run", "nightly", "--as-of", "2023-12-30")
    assert ended.returncode == 0, ended.stderr[-3000:]

    universe = json.loads((night.workspace / "runs/20231230Z/universe.json").read_text())
    assert len(universe["symbols"]) == 20
    assert not not_tradable(realdata) & set(universe["symbols"])
    dropped = {entry["symbol"]: entry["reasons"] for entry in universe["dropped"]}
    assert "PERL-USDT" in dropped, "delisted three weeks before"
    assert all(reasons and all(r["rule"] and r["reason"] for r in reasons) for reasons in dropped.values())

    folders = night.model_folders()
    assert set(folders) == set(universe["symbols"])
    for [folder] in folders.values():
        assert {file.name for file in folder.iterdir()} == ARTEFACTS
        assert (
            subprocess.run(["sha256sum", "--check", "--quiet", "sha256.txt"], cwd=folder, check=False).returncode == 0
        )

    roster = json.loads((night.workspace / "champions/roster.json").read_text())
    assert [row["rank"] for row in roster] == list(range(1, 21))
    assert {row["symbol"] for row in roster} == set(universe["symbols"])
    for row in roster:
        metadata = json.loads((night.workspace / row["model_path"] / "metadata.json").read_text())
        assert row["trade_ok"] is all(gate["passed"] for gate in metadata["gates"])
    summary = json.loads((night.workspace / "summary/20231230Z/engine_summary.json").read_text())
    assert (summary["total"], summary["succeeded"], summary["failed"]) == (20, 20, 0)

    again = night.run("run", "nightly", "--as-of", "2023-12-30")
    assert again.returncode == 4
    assert set(night.model_folders()) == set(folders)


@pytest.mark.soak  # the job itself is held to it in tests/plugins/training/test_job.py
def test_one_worker_or_two_forced_again_give_the_same_bytes(realdata: Path, make_night: Callable[..., Any]) -> None:
    night = make_night(small(realdata / "crypto_1h"), plugins=ROSTER)
    assert night.run("run", "nightly", "--as-of", "2023-12-30", HURACAN_TRAINING__WORKERS="2").returncode == 0
    before = night.digests()
    assert len(before) == 9
    forced = night.run("run", "nightly", "--as-of", "2023-12-30", "--force", HURACAN_TRAINING__WORKERS="1")
    assert forced.returncode == 0, forced.stderr[-2000:]
    assert {len(folders) for folders in night.model_folders().values()} == {2}
    assert night.digests() == before


@pytest.mark.soak  # features, selection and the job are each held to it in tests of their own
def test_later_candles_in_the_folder_change_nothing(
    realdata: Path, make_night: Callable[..., Any], tmp_path: Path
) -> None:
    """Features, selection and models as of mid-2023 are those of a folder that ends there."""
    source, cut = tmp_path / "source", tmp_path / "cut"
    source.mkdir()
    cut.mkdir()
    limit = milliseconds(parse_instant("2023-06-30"))
    files = sorted((realdata / "crypto_1h").iterdir())
    for file in {*files[::4], *(each for each in files if each.name.startswith(("BTC-", "ETH-")))}:
        shutil.copy(file, source)
        frame = pl.read_parquet(file).filter(pl.col("timestamp") < limit)
        if len(frame):
            frame.write_parquet(cut / file.name)
    nights = [make_night(small(folder), name, ROSTER) for folder, name in ((source, "whole"), (cut, "ends"))]
    for night in nights:
        assert night.run("run", "nightly", "--as-of", "2023-06-30").returncode == 0
    whole, ends = nights
    assert whole.digests() == ends.digests()
    assert len(whole.digests()) == 9
    selected, known = (json.loads((n.workspace / "runs/20230630Z/universe.json").read_text()) for n in nights)
    assert selected["selected"] == known["selected"]
    for symbol in known["symbols"]:
        values = [pl.read_parquet(night.model_folders()[symbol][-1] / "features.parquet") for night in nights]
        assert values[0].equals(values[1])
        assert values[0]["timestamp"].to_numpy().max() < limit


@pytest.mark.parametrize(
    ("symbol", "as_of", "not_before"),
    [
        ("LUNA-USDT", "2022-09-30", "2022-05-31"),
        pytest.param("FTT-USDT", "2023-12-30", "2023-09-22", marks=pytest.mark.soak),
        pytest.param("BNX-USDT", "2023-06-30", "2023-02-22", marks=pytest.mark.soak),
        pytest.param("QUICK-USDT", "2023-12-01", "2023-07-21", marks=pytest.mark.soak),
    ],
)
def test_a_coin_learns_only_from_what_it_is_today(
    realdata: Path, make_night: Callable[..., Any], tmp_path: Path, symbol: str, as_of: str, not_before: str
) -> None:
    """Collapse, relisting and redenomination: no training row lies before the break, and no label spans it."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in (symbol, "BTC-USDT", "ETH-USDT"):
        shutil.copy(realdata / "crypto_1h" / f"{name}.parquet", folder)
    night = make_night(
        {
            **small(folder),
            "candles": {"timeframe": "1h", "days": 365},
            "universe": {"quote": "USDT", "min_quote_volume_24h": 0},
        },
        plugins=ROSTER,
    )
    ended = night.run("run", "nightly", "--as-of", as_of)
    assert ended.returncode == 0, ended.stderr[-2000:]
    frame = pl.read_parquet(night.model_folders()[symbol][-1] / "features.parquet")
    assert len(frame) > 300
    assert frame["timestamp"].to_numpy().min() >= milliseconds(parse_instant(not_before))
    assert frame["ret_1"].abs().to_numpy().max() < 1.5
