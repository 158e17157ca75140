"""Where a file of the workspace lies in the remote store, and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_remote.layout import FOLDERS, Kind, importance, kind_of, local_path, remote_path

NOW = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
CHANGED = int(datetime(2026, 11, 20, 23, 59, tzinfo=UTC).timestamp() * 1e9)


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("data/candles/BTC-USDT.parquet", "data/candles/BTC-USDT.parquet"),
        ("models/BTC-USDT/20240105_020000Z/model.bin", "2024-01-05/models/BTC-USDT/20240105_020000Z/model.bin"),
        ("runs/20240105Z/status.json", "2024-01-05/runs/20240105Z/status.json"),
        ("exports/2024-01-05/models_20240105.csv", "2024-01-05/exports/2024-01-05/models_20240105.csv"),
        ("champions/BTC-USDT.json", "2026-11-20/champions/BTC-USDT.json"),
        ("logs/huracan.jsonl", "2026-11-20/logs/huracan.jsonl"),
        ("exports/99999999/x", "2026-11-20/exports/99999999/x"),
        ("exports/20241399/x", "2026-11-20/exports/20241399/x"),
    ],
)
def test_a_file_lies_below_the_day_that_it_belongs_to(path: str, remote: str) -> None:
    assert remote_path(path, CHANGED, NOW) == remote
    assert local_path(remote)[0] == path


@pytest.mark.parametrize("path", ["huracan.db", "state/run.lock", "data/quarantine/x", "elsewhere/x", "modelsx/y"])
def test_locks_databases_and_strangers_are_not_copied(path: str) -> None:
    assert kind_of(path) is None
    assert local_path(f"2024-01-05/{path}") == ("", "")


def test_ledger_and_champions_come_before_logs_and_candles() -> None:
    paths = ["data/candles/x", "logs/x", "models/x", "champions/x", "runs/x"]
    assert [path.partition("/")[0] for path in sorted(paths, key=importance)] == [
        "runs", "champions", "models", "logs", "data",
    ]  # fmt: skip


@given(st.sampled_from(sorted(FOLDERS)), st.lists(st.text("abcXYZ0189_-.", min_size=1), min_size=1, max_size=4),
       st.integers(10**18, 4 * 10**18))  # fmt: skip
def test_every_copied_path_comes_back_from_its_remote_one(folder: str, parts: list[str], changed: int) -> None:
    path = "/".join([folder, *parts])
    assert local_path(remote_path(path, changed, NOW))[0] == path
    assert isinstance(kind_of(path), Kind)


def test_a_file_from_the_future_belongs_to_today() -> None:
    """A clock that was wrong for a minute must not make a copy the newest for years."""
    later = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1e9)
    assert remote_path("champions/A.json", later, NOW) == "2026-11-21/champions/A.json"
    assert remote_path("champions/A.json", 10**20, NOW) == "2026-11-21/champions/A.json"
    assert remote_path("champions/A.json", -(10**15), NOW) == "1970-01-01/champions/A.json"
