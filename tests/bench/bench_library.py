"""What a million trades cost in the library, on SQLite and PostgreSQL: putting in, asking, reading all.

    python tests/bench/bench_library.py [--trades 1000000] [--per-model 500]

The floor of putting in is the driver alone: sqlite3's executemany in one transaction, PostgreSQL's COPY, into a table
with the same columns and indexes, from tuples that are made already. That of reading is the driver's cursor. Ours makes
rows of objects, a transaction a model. Every figure is of one run, and ratios are within it.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from huracan.store import SimulatedTrade, Store, TradeFilter
from huracan.testing.postgres import running
from library_rows import LAST_NIGHT, Recorded, made_models

COLUMNS = SimulatedTrade.__slots__
QUESTIONS = (
    "total", "by_symbol", "by_model", "by_run_date", "by_day", "by_hour", "by_weekday", "by_regime", "by_exit_reason",
    "by_score_bucket",
)  # fmt: skip


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def raw_rows(recorded: Sequence[Recorded]) -> list[tuple[Any, ...]]:
    values = attrgetter(*COLUMNS[:-1])
    return [
        (*row[:3], row[3].isoformat(), *row[4:], json.dumps(trade.features))
        for each in recorded
        for trade in each.trades
        for row in [values(trade)]
    ]


def batches(trades: int, per_model: int, size: int = 100) -> Iterator[list[Recorded]]:
    """Yield models in batches, so that a million trades are never in memory."""
    batch: list[Recorded] = []
    for each in made_models(trades, coins=20, trades_per_model=per_model):
        batch.append(each)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def put_in(store: Store, trades: int, per_model: int, floor: Callable[[list[tuple[Any, ...]]], None]) -> None:
    """Put everything into the library and into the floor's table, batch by batch, and tell how long each took."""
    ours = bare = 0.0
    for batch in batches(trades, per_model):
        rows = raw_rows(batch)
        bare += timed(lambda rows=rows: floor(rows))  # type: ignore[misc]
        began = time.perf_counter()
        for each in batch:
            store.library.record_model(each.model, each.performance, each.trades, each.patterns, each.tested)
        ours += time.perf_counter() - began
    print(
        f"  put in: {ours:.1f} s ({trades / ours:,.0f} a second), {ours / bare:.1f} x the driver alone ({bare:.1f} s)"
    )


def ask(store: Store, name: str, which: TradeFilter) -> None:
    trades = store.library.trades
    seconds = {each: timed(lambda each=each: getattr(trades, each)(which)) for each in QUESTIONS}  # type: ignore[misc]
    told = ", ".join(f"{each} {took * 1000:,.0f}" for each, took in seconds.items())
    print(f"  {name}: {sum(seconds.values()):.2f} s for ten questions, ms each: {told}")


def read_all(store: Store, trades: int, bare: Callable[[], int]) -> None:
    floor = timed(bare)
    pages = timed(lambda: sum(len(page) for page in store.library.trades.pages()))
    began, count = time.perf_counter(), 0
    for _ in store.library.trades.iterate():
        count += 1
    rows = time.perf_counter() - began
    assert count == trades
    print(f"  read all: pages {pages:.1f} s, rows {rows:.1f} s; the bare cursor {floor:.1f} s")


def bench(store: Store, trades: int, per_model: int, floor: Any, bare: Callable[[], int]) -> None:
    put_in(store, trades, per_model, floor)
    night = TradeFilter(run_date=LAST_NIGHT)
    ask(store, "all", TradeFilter())
    ask(store, "one night", night)
    ask(store, "one coin", TradeFilter(symbol="ETH-USDT"))
    newest = tuple(each.model_id for each in store.library.latest_models())
    ask(store, "the newest models", TradeFilter(models=newest))
    print(f"  the newest 20 of a coin: {timed(lambda: store.library.trades.newest(20, TradeFilter('ETH-USDT'))):.3f} s")
    read_all(store, trades, bare)
    with store._engine.begin() as connection:
        for index in ("ix_trade_memory_run_date_symbol", "ix_trade_memory_symbol_entered_ms"):
            connection.exec_driver_sql(f"DROP INDEX {index}")
    ask(store, "one night without the indexes", night)
    ask(store, "one coin without the indexes", TradeFilter(symbol="ETH-USDT"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory so far: {peak:.0f} MiB")


def on_sqlite(trades: int, per_model: int, folder: Path) -> None:
    print(f"SQLite {sqlite3.sqlite_version}, {trades:,} trades, {per_model} a model")
    with Store.open(f"sqlite:///{folder}/huracan.db", None) as store:
        connection = sqlite3.connect(folder / "floor.db")
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        with store._engine.connect() as ours:
            for statement in ours.exec_driver_sql(
                "SELECT sql FROM sqlite_master WHERE tbl_name = 'trade_memory' AND type != 'view' AND sql IS NOT NULL"
            ):
                connection.execute(statement[0])
        marks = ", ".join("?" * len(COLUMNS))

        def floor(rows: list[tuple[Any, ...]]) -> None:
            with connection:
                connection.executemany(f"INSERT INTO trade_memory ({', '.join(COLUMNS)}) VALUES ({marks})", rows)

        bench(store, trades, per_model, floor, lambda: sum(1 for _ in connection.execute("SELECT * FROM trade_memory")))
        print(f"  the file: {(folder / 'huracan.db').stat().st_size / 2**20:,.0f} MiB")


def on_postgres(trades: int, per_model: int) -> None:
    import psycopg

    with running() as server:
        name = server.create()
        print(f"PostgreSQL, fsync off, {trades:,} trades, {per_model} a model")
        url = server.url(name)
        with Store.open(url, None) as store, psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE floor (LIKE trade_memory INCLUDING ALL)")
            connection.commit()

            def floor(rows: list[tuple[Any, ...]]) -> None:
                with connection.cursor().copy(f"COPY floor ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                connection.commit()

            def bare() -> int:
                with connection.cursor(name="all") as cursor:
                    cursor.itersize = 10_000
                    cursor.execute("SELECT * FROM floor")
                    return sum(1 for _ in cursor)

            bench(store, trades, per_model, floor, bare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=1_000_000)
    parser.add_argument("--per-model", type=int, default=500)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    given = parser.parse_args()
    if given.only != "postgres":
        with tempfile.TemporaryDirectory(prefix="huracan-bench-") as folder:
            on_sqlite(given.trades, given.per_model, Path(folder))
    if given.only != "sqlite":
        on_postgres(given.trades, given.per_model)


if __name__ == "__main__":
    main()
