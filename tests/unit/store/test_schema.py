"""The schema: migrations make what the models say, once, whoever comes first and whatever interrupts."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from huracan.errors import StoreError
from huracan.store import (
    Store,
    Trade,
    library_tables,  # noqa: F401 - its tables belong to the same metadata
)
from huracan.store.schema import HEAD, alembic_config
from huracan.store.tables import Base
from library_rows import fill_library

StartPython = Callable[..., "subprocess.Popen[str]"]
NOW = datetime(2023, 12, 30, 2, tzinfo=UTC)

OPEN = """
import sys
from pathlib import Path
from huracan.store import Store
with Store.open(sys.argv[1], Path(sys.argv[2]) if sys.argv[2] else None) as store:
    print(len(store.ledger.runs()))
"""

OPEN_AND_DIE = """
import os, signal, sys
from sqlalchemy import Engine, event
from huracan.store import Store
seen = []
@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *rest):
    if statement.strip().startswith(sys.argv[2]):
        seen.append(statement)
        if len(seen) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
Store.open(sys.argv[1], None)
"""


def test_the_migrations_make_what_the_models_say(store: Store) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        names = set(inspect(connection).get_table_names())
    assert names == {
        "alembic_version", "runs", "job_runs", "run_items", "universe_selections", "universe_decisions", "events",
        "remote_copies", "health_results", "trades", "breaker_events", "outbox", "alert_channels", "audit",
        "trade_memory", "post_exit_tracking",
        "win_analysis", "loss_analysis", "pattern_library", "pattern_performance", "features", "model_performance",
        "daily_metrics", "observability_models", "observability_model_deltas", "signals", "daily_performance",
    }  # fmt: skip


def test_the_program_knows_the_newest_migration(store: Store) -> None:
    with store._engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert scripts.get_current_head() == HEAD


def test_opening_twice_changes_nothing(url: str, lock_folder: Path) -> None:
    with Store.open(url, lock_folder) as store:
        run = store.ledger.begin_run("nightly", date(2023, 12, 30), NOW, NOW)
    with Store.open(url, lock_folder) as store:
        assert store.ledger.runs() == [run]


def test_a_newer_database_is_refused_and_left_alone(url: str, lock_folder: Path) -> None:
    with Store.open(url, lock_folder) as store, store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    newer = r"schema 9999 is newer than this program's .*; install the newer Huracan"
    with pytest.raises(StoreError, match=newer):
        Store.open(url, lock_folder)
    with pytest.raises(StoreError, match=newer):
        Store.open_existing(url)


def test_somebody_elses_tables_are_refused(url: str, lock_folder: Path) -> None:
    with Store.open(url, lock_folder) as store, store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    with pytest.raises(StoreError, match="use a database of its own"):
        Store.open(url, lock_folder)


def open_at_once(start_python: StartPython, url: str, lock_folder: object) -> None:
    for process in [start_python(OPEN, url, lock_folder) for _ in range(3)]:
        out, errors = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "0\n"), errors


def test_processes_that_open_a_new_database_at_once_all_succeed(
    url: str, lock_folder: Path, start_python: StartPython
) -> None:
    open_at_once(start_python, url, lock_folder)


def test_processes_that_open_a_new_sqlite_file_at_once_need_no_lock_file(
    tmp_path: Path, start_python: StartPython
) -> None:
    open_at_once(start_python, f"sqlite:///{tmp_path}/huracan.db", "")


@pytest.mark.parametrize(("statement", "count"), [("CREATE TABLE", 4), ("CREATE INDEX", 3), ("INSERT INTO alembic", 1)])
def test_an_upgrade_that_is_killed_is_done_again_whole(
    url: str, lock_folder: Path, start_python: StartPython, statement: str, count: int
) -> None:
    process = start_python(OPEN_AND_DIE, url, statement, count)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert Store.open_existing(url) is None
    with Store.open(url, lock_folder) as store:
        assert store.ledger.begin_run("nightly", date(2023, 12, 30), NOW, NOW).generation == 1


def test_days_of_trades_that_were_stored_before_are_summed_up_by_the_upgrade(url: str, lock_folder: Path) -> None:
    trades = [
        Trade(name, "BTC-USDT", "long", closed - timedelta(hours=1), closed, 2.0, 100.0, 99.0, 1.0, pnl, equity, source)
        for name, closed, pnl, equity, source in (
            ("b", NOW, -50.0, 950.0, "live"), ("a", NOW, 10.0, 960.0, "live"), ("C", NOW, -10.0, 900.0, "live"),
            ("d", NOW + timedelta(days=1), 5.0, 905.0, "live"), ("p", NOW, 1.0, 1.0, "paper"),
        )
    ]  # fmt: skip
    with Store.open(url, lock_folder) as store:
        store.trades.record(trades, NOW)
        expected = store.daily_performance.between(date(2023, 1, 1), date(2024, 12, 31))
        fill_library(store, 3, coins=1)
        with store._engine.connect().execution_options(huracan_writes=True) as connection, connection.begin():
            command.downgrade(alembic_config(connection), "0006")
    assert len(expected) == 3
    with Store.open(url, lock_folder) as store:
        assert store.daily_performance.between(date(2023, 1, 1), date(2024, 12, 31)) == expected
        assert {each.strategy for each in store.trades.newest(10)} == {""}
        assert {(each.trend, each.contributions) for each in store.library.trades.iterate()} == {("unknown", None)}
