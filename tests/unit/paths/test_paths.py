"""Artefacts are whole or absent, and no name from outside leaves the workspace."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.errors import DataError, TryAgainError
from huracan.paths import (
    CHECKSUM_FILE,
    Paths,
    canonical_json,
    safe_symbol,
    sweep_temporary,
    verify_checksums,
    write_atomically,
    write_checksums,
    write_json,
)

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from huracan.paths import write_atomically
def fill(path):
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), fill)
"""


@pytest.mark.parametrize("symbol", ["BTC-USDT", "1INCH-USDT", "1000SATS-USDT", "ETH-USDT:USDT", "A.B-C"])
def test_real_symbols_are_safe(symbol: str) -> None:
    assert safe_symbol(symbol) == symbol


@pytest.mark.parametrize(
    "symbol", ["../../etc/passwd-USDT", "btc-usdt", "BTC", "", "-USDT", "A-B/C", "..-USDT", "A-B\n", "A" * 70]
)
def test_names_that_could_leave_the_folder_are_refused(symbol: str) -> None:
    with pytest.raises(DataError, match="not a symbol"):
        Paths(Path("/work")).candle_file(symbol)


@given(st.text(max_size=20))
def test_whatever_is_accepted_stays_in_the_candle_folder(symbol: str) -> None:
    paths = Paths(Path("/work"))
    try:
        file = paths.candle_file(symbol)
    except DataError:
        return
    assert file.resolve().parent == paths.candles
    assert file.name == f"{symbol}.parquet"


def test_folders_carry_the_documented_names() -> None:
    paths = Paths(Path("/w"))
    stamp = datetime(2023, 12, 30, 2, 0, 5, tzinfo=UTC)
    assert paths.relative(paths.model_folder("BTC-USDT", stamp)) == "models/BTC-USDT/20231230_020005Z"
    assert paths.relative(paths.status_file(date(2023, 12, 30))) == "runs/20231230Z/status.json"
    assert paths.relative(paths.summary_folder(date(2023, 12, 30))) == "summary/20231230Z"


def test_a_writer_that_is_killed_leaves_the_old_content_and_its_leftover_is_swept(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "roster.json"
    write_json(target, {"old": True})
    ended = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(target)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert json.loads(target.read_text()) == {"old": True}
    assert sweep_temporary(tmp_path) == 1
    assert [file.name for file in target.parent.iterdir()] == ["roster.json"]


def test_what_a_service_may_be_writing_just_now_is_left_alone_until_it_is_old(tmp_path: Path) -> None:
    files = [tmp_path / "state" / ".kill.json.x.tmp", tmp_path / "monitoring" / ".health.json.x.tmp"]
    for file in files:
        file.parent.mkdir()
        file.touch()
    of_a_run = tmp_path / "state" / ".run.json.x.tmp"
    of_a_run.touch()
    assert sweep_temporary(tmp_path) == 1
    assert not of_a_run.exists()
    for file in files:
        os.utime(file, (1, 1))
    assert sweep_temporary(tmp_path) == 2


def test_a_sweep_of_a_large_workspace_gives_signs_of_life_and_finds_what_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huracan.paths._SIGN", 0.0)
    deep = tmp_path / "data" / "candles"
    deep.mkdir(parents=True)
    for name in ("a.parquet", ".a.parquet.x.tmp", "b.tmp", ".hidden"):
        (deep / name).touch()
    (tmp_path / ".folder.tmp").mkdir()
    (tmp_path / ".folder.tmp" / ".b.json.y.tmp").touch()
    signs: list[str] = []
    assert sweep_temporary(tmp_path, lambda: signs.append("sign")) == 2
    assert len(signs) == 5
    assert sorted(path.name for path in deep.iterdir()) == [".hidden", "a.parquet", "b.tmp"]


def test_what_means_nothing_after_a_boot_is_whole_but_not_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    write_json(tmp_path / "note.json", {"a": 1}, lasting=False)
    assert (json.loads((tmp_path / "note.json").read_text()), flushed) == ({"a": 1}, [])
    write_json(tmp_path / "note.json", {"a": 2})
    assert len(flushed) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["note.json"]


def test_a_writer_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", fill)
    assert list(tmp_path.iterdir()) == []


def test_json_is_the_same_bytes_for_equal_values_and_refuses_nan() -> None:
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == canonical_json({"a": [1.5, "é"], "b": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"sharpe": float("nan")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(b"tree")
    (tmp_path / "metrics.json").write_bytes(b"{}")
    write_checksums(tmp_path, ["model.bin", "metrics.json"])
    return tmp_path


def test_checksums_verify_and_are_what_sha256sum_reads(folder: Path) -> None:
    verify_checksums(folder)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", CHECKSUM_FILE], cwd=folder, check=False, capture_output=True
    )
    assert checked.returncode == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "model.bin").write_bytes(b"tampered"), "differs from its checksum"),
        (lambda f: (f / "model.bin").unlink(), "not a file of this folder"),
        (lambda f: (f / CHECKSUM_FILE).unlink(), "never completed"),
        (lambda f: (f / CHECKSUM_FILE).write_text(f"{'0' * 64}  ../x\n"), "not a file of this folder"),
    ],
)
def test_a_damaged_folder_is_named(folder: Path, damage: object, words: str) -> None:
    damage(folder)  # type: ignore[operator]
    with pytest.raises(DataError, match=words):
        verify_checksums(folder)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_one_line_that_says_where_and_what_to_do(tmp_path: Path, number: int) -> None:
    def fill(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    with pytest.raises(
        TryAgainError, match=rf"roster\.json: cannot be written: {os.strerror(number)}; free some space"
    ):
        write_atomically(tmp_path / "roster.json", fill)
    assert list(tmp_path.iterdir()) == []
