"""A folder that somebody else filled: the night goes on with what is sound and names the rest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .conftest import ROSTER

NOW = 1_703_894_400_000
"""2023-12-30 in ms."""

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def damage(folder: Path, realdata: Path) -> dict[str, str]:
    """Fill ``folder`` with one file per kind of damage; return what its line must contain."""
    # Rows after the run's instant do not count, so damage must lie before it.
    sound = pl.read_parquet(realdata / "crypto_1h/LINK-USDT.parquet").filter(pl.col("timestamp") < NOW)
    whole = (realdata / "crypto_1h/LINK-USDT.parquet").read_bytes()
    (folder / "CUT-USDT.parquet").write_bytes(whole[: len(whole) // 2])
    shutil.copy(realdata / "dirty/excel_locale_mangled_btc_daily.csv", folder / "COMMA-USDT.csv")
    (folder / "EMPTY-USDT.parquet").touch()
    pl.concat([sound, sound.tail(500).with_columns(pl.col("volume") + 1)]).write_parquet(folder / "TWICE-USDT.parquet")
    (folder / "..%2F..%2Fetc%2Fpasswd-USDT.parquet").write_bytes(whole)
    (folder / "etc").mkdir()
    (folder / "etc/passwd-USDT.parquet").write_bytes(whole)
    (folder / "LINKED-USDT.parquet").symlink_to("/etc/passwd")
    before = pl.col("timestamp") > 1_703_000_000_000
    sound.with_columns(close=pl.when(before).then(float("nan")).otherwise(pl.col("close"))).write_parquet(
        folder / "NAN-USDT.parquet"
    )
    sound.with_columns(low=pl.when(before).then(-1.0).otherwise(pl.col("low"))).write_parquet(
        folder / "MINUS-USDT.parquet"
    )
    return {
        "CUT-USDT.parquet": "", "COMMA-USDT.csv": "", "EMPTY-USDT.parquet": "empty", "TWICE-USDT.parquet": "duplicate",
        "passwd-USDT.parquet": "", "LINKED-USDT.parquet": "", "NAN-USDT.parquet": "", "MINUS-USDT.parquet": "",
    }  # fmt: skip


def test_the_night_goes_on_with_the_sound_files_and_says_what_is_wrong_with_the_rest(
    realdata: Path, make_night: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "candles"
    folder.mkdir()
    for name in ("BTC-USDT", "ETH-USDT", "ADA-USDT"):
        shutil.copy(realdata / "crypto_1h" / f"{name}.parquet", folder)
    expected = damage(folder, realdata)
    night = make_night(
        {
            "exchange": {"name": "files", "path": str(folder)},
            "universe": {"quote": "USDT", "top": 20},
            "candles": {"timeframe": "1h", "days": 90},
            "training": {"folds": 3},
        },
        plugins=ROSTER,
    )
    ended = night.run("run", "nightly", "--as-of", "2023-12-30")
    assert ended.returncode == 3, ended.stderr[-3000:]
    assert set(night.model_folders()) == {"BTC-USDT", "ETH-USDT", "ADA-USDT"}
    said = ended.stdout + ended.stderr
    assert "Traceback" not in said
    for name, words in expected.items():
        lines = [line for line in said.splitlines() if name in line]
        assert lines, f"nothing said about {name}"
        assert any(words in line for line in lines), lines
