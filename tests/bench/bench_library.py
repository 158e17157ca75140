"""What a million trades cost in the library, on SQLite and PostgreSQL: putting in, asking, reading all.

    python tests/bench/bench_library.py [--trades 1000000] [--per-model 500]

The floor of putting in is the driver alone: sqlite3's executemany in one transaction, PostgreSQL's COPY, into a table
with the same columns and indexes, from tuples that are made already. That of reading is the driver's cursor. Ours makes
rows of objects, a transaction a model. Every figure is of one run, and ratios are within it.

The questions are those that the night's jobs, reports, exports and commands ask, each as often as one night asks it:
once for the night, or for every model or coin of it.
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
from library_rows import LAST_NIGHT, Recorded, analyse, day_of, exits_of, made_models

COLUMNS = SimulatedTrade.__slots__
WAYS = (
    "by_symbol", "by_model", "by_run_date", "by_day", "by_month", "by_weekday", "by_hour", "by_regime", "by_trend",
    "by_exit_reason", "by_fold", "by_score_bucket",
)  # fmt: skip


def questions(store: Store) -> dict[str, Callable[[], Any]]:
    """Return what a night asks, by a name for it."""
    library, trades = store.library, store.library.trades
    night = library.models(run_date=LAST_NIGHT)
    ids = [each.model_id for each in night]
    which, year = TradeFilter(models=ids), LAST_NIGHT.replace(month=1, day=1)
    return {
        "digests": lambda: library.digests(LAST_NIGHT),
        "forgotten": lambda: library.forgotten(LAST_NIGHT, LAST_NIGHT),
        "iterate, each model": lambda: [list(trades.iterate(TradeFilter(model_id=each))) for each in ids],
        "models and performance, each coin": lambda: [
            (library.models(each.symbol), library.performance(each.symbol)) for each in night
        ],
        "latest_models": library.latest_models,
        "unfinished_exits, each coin": lambda: [library.unfinished_exits(each.symbol) for each in night],
        "by_day": lambda: trades.by_day(which),
        "detailed": library.detailed,
        "performance": lambda: library.performance(run_date=LAST_NIGHT),
        "days": lambda: library.days(year),
        "deltas, each model": lambda: [library.deltas(each) for each in ids],
        "wins and losses, each model": lambda: [(library.wins(each), library.losses(each)) for each in ids],
        "patterns, each model": lambda: [library.patterns(each) for each in ids],
        "features, each model": lambda: [library.features(each) for each in ids],
        "by_regime, each model": lambda: [trades.by_regime(TradeFilter(model_id=each)) for each in ids],
        "total": lambda: trades.total(which),
        "newest": lambda: trades.newest(20, which),
        "extremes": lambda: trades.extremes(20, which),
    }


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def raw_rows(recorded: Sequence[Recorded]) -> list[tuple[Any, ...]]:
    values = attrgetter(*COLUMNS[:-3])
    return [
        (*row[:3], row[3].isoformat(), *row[4:], json.dumps(trade.features), trade.trend,
         json.dumps(trade.contributions))
        for each in recorded
        for trade in each.trades
        for row in [values(trade)]
    ]  # fmt: skip


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


def put_in(store: Store, trades: int, per_model: int, floor: Callable[[list[tuple[Any, ...]]], None]) -> list[Recorded]:
    """Put everything into the library and into the floor's table, batch by batch, and tell how long each took.

    Return the models of the last night, whose exits are left open.
    """
    ours = bare = journal = 0.0
    last: list[Recorded] = []
    for batch in batches(trades, per_model):
        rows = raw_rows(batch)
        bare += timed(lambda rows=rows: floor(rows))  # type: ignore[misc]
        began = time.perf_counter()
        for each in batch:
            store.library.record_model(each.model, each.performance, each.trades, each.patterns, each.tested)
        ours += time.perf_counter() - began
        began = time.perf_counter()
        for each in batch:
            analyse(store, each, exits=each.model.run_date != LAST_NIGHT)
        for run_date in {each.model.run_date for each in batch}:
            store.library.record_day(day_of(run_date, [each for each in batch if each.model.run_date == run_date]))
        journal += time.perf_counter() - began
        last += [each for each in batch if each.model.run_date == LAST_NIGHT]
    print(
        f"  put in: {ours:.1f} s ({trades / ours:,.0f} a second), {ours / bare:.1f} x the driver alone ({bare:.1f} s);"
        f" what the journal adds, exits among it: {journal:.1f} s",
        flush=True,
    )
    return last


def ask(store: Store, name: str) -> None:
    """Ask what a night asks."""
    seconds = {each: timed(question) for each, question in questions(store).items()}
    told = "; ".join(f"{each} {took * 1000:,.0f}" for each, took in seconds.items())
    print(f"  {name}: {sum(seconds.values()):.2f} s for {len(seconds)} questions, ms: {told}", flush=True)


def sum_up(store: Store, name: str, which: TradeFilter) -> None:
    """Sum trades up in every way of `huracan trades --by`."""
    trades = store.library.trades
    seconds = {each: timed(lambda each=each: getattr(trades, each)(which)) for each in WAYS}  # type: ignore[misc]
    told = ", ".join(f"{each} {took * 1000:,.0f}" for each, took in seconds.items())
    print(f"  {name}: {sum(seconds.values()):.2f} s for {len(WAYS)} ways of --by, ms: {told}", flush=True)


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
    last = put_in(store, trades, per_model, floor)
    night, coin = TradeFilter(run_date=LAST_NIGHT), TradeFilter(symbol="ETH-USDT")
    ask(store, "what a night asks")
    exits = [row for each in last for row in exits_of(each.trades)]
    print(
        f"  what came after {len(exits):,} exits is stored in {timed(lambda: store.library.record_exits(exits)):.2f} s"
    )
    for name, which in (("all", TradeFilter()), ("one night", night), ("one coin", coin)):
        sum_up(store, name, which)
    print(f"  the newest 20 of a coin: {timed(lambda: store.library.trades.newest(20, coin)):.3f} s")
    read_all(store, trades, bare)
    print(f"  what came after all exits: {timed(lambda: sum(1 for _ in store.library.post_exits())):.1f} s")
    with store._engine.begin() as connection:
        for index in ("ix_trade_memory_run_date_symbol", "ix_trade_memory_symbol_entered_ms"):
            connection.exec_driver_sql(f"DROP INDEX {index}")
    ask(store, "what a night asks, without the two indexes of trades")
    sum_up(store, "one night without them", night)
    sum_up(store, "one coin without them", coin)
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
