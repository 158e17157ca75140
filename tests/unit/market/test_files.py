"""Candle files are read back as they were written, or refused before they can do harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.errors import DataError
from huracan.market.candles import COLUMNS, Candles
from huracan.market.files import digest_file, read_candles, write_candles
from huracan.paths import write_bytes

WORDS = {"huracan.timeframe": "1h", "huracan.exchange": "files"}

KILLED_BEFORE_THE_RENAME = """
import os, signal, sys
from pathlib import Path
import numpy as np
from huracan.market.candles import COLUMNS, Candles
from huracan.market.files import write_candles
rename = Path.replace
def replace(self, target):
    if target.suffix == ".parquet":
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.replace = replace
candles = Candles.from_columns({name: np.ones(int(sys.argv[2])) for name in COLUMNS})
write_candles(Path(sys.argv[1]), candles, {"huracan.timeframe": "1h"})
"""


def candles(rows: int, price: float = 1.0) -> Candles:
    return Candles.from_columns(
        {name: np.arange(rows) * 3_600_000 if name == "timestamp" else np.full(rows, price) for name in COLUMNS}
    )


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=20))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, prices: list[float]) -> None:
    path = tmp_path_factory.mktemp("files") / "A-B.parquet"
    written = Candles.from_columns(
        {name: np.arange(len(prices)) if name == "timestamp" else np.array(prices, dtype=float) for name in COLUMNS}
    )
    write_candles(path, written, WORDS)
    read, words = read_candles(path)
    assert words == WORDS
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))


@pytest.mark.parametrize("at", [0, 4, 100, -30, -1])
def test_a_flipped_byte_is_found_before_the_file_is_parsed(tmp_path: Path, at: int) -> None:
    path = tmp_path / "A-B.parquet"
    write_candles(path, candles(500), WORDS)
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"does not fit A-B\.parquet\.sha256"):
        read_candles(path)


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "columns", "absent"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "A-B.parquet"
    write_candles(path, candles(50), WORDS)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "foreign":
        digest_file(path).unlink()
    elif damage == "columns":
        pl.DataFrame({"timestamp": [1], "close": [1.0]}).write_parquet(path)
        digest = subprocess.run(["sha256sum", path.name], cwd=tmp_path, check=True, capture_output=True).stdout
        write_bytes(digest_file(path), digest)
    else:
        path.unlink()
    with pytest.raises(DataError, match=r"A-B\.parquet"):
        read_candles(path)


def test_the_digest_is_what_sha256sum_reads(tmp_path: Path) -> None:
    write_candles(tmp_path / "A-B.parquet", candles(5), WORDS)
    checked = subprocess.run(
        ["sha256sum", "--check", "A-B.parquet.sha256"], cwd=tmp_path, check=False, capture_output=True
    )
    assert checked.returncode == 0


def test_kills_between_digest_and_file_leave_the_old_candles_readable(tmp_path: Path) -> None:
    path = tmp_path / "A-B.parquet"
    write_candles(path, candles(7, price=5.0), WORDS)
    for rows in ("3", "4"):
        killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_RENAME, str(path), rows], check=False)
        assert killed.returncode == -signal.SIGKILL
    read, _ = read_candles(path)
    assert len(read) == 7
    write_candles(path, candles(9), WORDS)
    assert len(read_candles(path)[0]) == 9


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = tmp_path / "A-B.parquet"
    write_candles(path, candles(5), WORDS)
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        read_candles(path)
