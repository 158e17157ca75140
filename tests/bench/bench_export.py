"""Measures the whole export of many trades on SQLite and PostgreSQL: every export in every format, beside pandas.

    python tests/bench/bench_export.py [--rows 1000000] [--pandas FOLDER] [--only sqlite|postgres] [--night]

The library is filled with what nights and journals leave, then every bundled export is written as the job and the
command write it, all nights in one scope (``--night``: the last one alone). Each line is a process of its own; memory
is the highest that it ever had resident. PostgreSQL is started by the bench, without fsync. pandas is no dependency:
``pip install --target FOLDER pandas`` lends it to this bench.

Goals: 300 MiB in every format, and five times as fast as ``pandas.DataFrame.to_csv`` in the same run, from a frame that
is in memory already. What reading the database adds on both sides is told as well, and is no goal.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LAST_NIGHT, COINS, PER_MODEL = date(2023, 12, 30), 20, 500
FORMATS = ("csv", "json", "parquet")
MOST_MIB, LEAST_TIMES = 300, 5.0

COMMON = """
import json, re, sys, time
from datetime import UTC, date, datetime
from pathlib import Path
folder, url, what = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def say(seconds, rows, **more):
    # Not ru_maxrss: that of a child counts what its parent had before the child's program began.
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "rows": rows, **more}))
"""

FILL = """
from library_rows import fill_library
from huracan.store import Store
begun = time.perf_counter()
with Store.open(url, folder) as store:
    trades, coins, per_model = map(int, what.split())
    fill_library(store, trades, coins=coins, trades_per_model=per_model)
say(time.perf_counter() - begun, trades)
"""

OURS = """
from huracan.testing import make_context
from huracan.types import ExportScope
from huracan_export.writing import write_exports
form, first = what.split(":")
now = datetime(2023, 12, 30, 4, 5, tzinfo=UTC)
context = make_context(folder / "workspace", {"database": url}, as_of=now, job="export", plugins=("export", "training"))
scope = ExportScope(date.fromisoformat(first), now.date())
(folder / form).mkdir()
seconds, rows, size = {}, {}, 0
with context.store:
    offered = context.plugins.exports()
    for name, export in sorted(offered.items()):
        begun = time.perf_counter()
        written = write_exports(
            context, {name: export}, offered.owners, scope, [form], folder / form, others_stay=True
        )
        assert not written.problems, written.problems
        seconds[name] = time.perf_counter() - begun
        rows[name] = sum(each["rows"] for each in written.entries)
        size += sum(each["bytes"] for each in written.entries)
say(sum(seconds.values()), sum(rows.values()), exports=seconds, counted=rows, size=size)
"""

THEIRS = """
import pandas, sqlalchemy
begun = time.perf_counter()
with sqlalchemy.create_engine(url).connect() as connection:
    frame = pandas.read_sql(sqlalchemy.text("SELECT * FROM trade_memory ORDER BY model_id, number"), connection)
for name in ("entered_ms", "exited_ms"):
    frame[name] = pandas.to_datetime(frame[name], unit="ms", utc=True)
frame.to_csv(folder / "pandas.csv", index=False)
say(time.perf_counter() - begun, len(frame))
"""

OURS_ALONE = """
import polars
from huracan.table_files import write_table
from huracan_export.trades import COMPLETE
frame = polars.read_parquet(next((folder / "parquet").glob("all_trades_complete_*.parquet")))
begun = time.perf_counter()
rows = write_table(folder / "alone.csv", "csv", COMPLETE, [frame])
say(time.perf_counter() - begun, rows)
"""

THEIRS_ALONE = """
import polars, pandas
columns = polars.read_parquet(next((folder / "parquet").glob("all_trades_complete_*.parquet")))
frame = pandas.DataFrame({name: columns[name].to_list() for name in columns.columns})
begun = time.perf_counter()
frame.to_csv(folder / "alone_pandas.csv", index=False)
say(time.perf_counter() - begun, len(frame))
"""


def measured(text: str, folder: Path, url: str, what: str, label: str, pandas: str = "") -> dict[str, float]:
    """Run a process, print what it took, and return what it said."""
    found = os.pathsep.join(filter(None, [str(TESTS), pandas, os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-c", COMMON + text, str(folder), url, what]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": found}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{label} failed:\n{done.stderr}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{label:<52}{told['seconds']:8.1f} s{told['peak']:8.0f} MiB{told['rows']:12,} rows", flush=True)
    return told


def judged(what: str, value: float, goal: float, *, least: bool) -> None:
    reached = value >= goal if least else value < goal
    side = "at least" if least else "under"
    print(f"  {what}: {value:.1f}, the goal is {side} {goal:g}: {'reached' if reached else 'MISSED'}", flush=True)


def bench(url: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Fill a library, write every export in every format, and hold it against the goals."""
    measured(FILL, folder, url, f"{arguments.rows} {COINS} {PER_MODEL}", "fill the library")
    nights = 1 if arguments.night else -(-arguments.rows // (COINS * PER_MODEL))
    first = LAST_NIGHT - timedelta(days=nights - 1)
    ours: dict[str, float] = {}
    for form in FORMATS:
        told = measured(OURS, folder, url, f"{form}:{first}", f"every export, {form}")
        exports: dict[str, float] = told["exports"]  # type: ignore[assignment]
        counted: dict[str, int] = told["counted"]  # type: ignore[assignment]
        longest = sorted(exports, key=lambda name: -exports[name])[:8]
        shown = ", ".join(f"{name} {exports[name]:.1f} s ({counted[name]:,} rows)" for name in longest)
        print(f"  {told['size'] / 2**20:,.0f} MiB of files; the longest: {shown}", flush=True)
        judged("peak memory, MiB", told["peak"], MOST_MIB, least=False)
        ours[form] = exports["all_trades_complete"]
        if form != "parquet":
            shutil.rmtree(folder / form)
    alone = measured(OURS_ALONE, folder, url, "", "ours: frame in memory to csv")["seconds"]
    if arguments.pandas:
        theirs_alone = measured(THEIRS_ALONE, folder, url, "", "pandas: frame in memory to_csv", arguments.pandas)
        judged("times as fast as pandas, frame to csv", theirs_alone["seconds"] / alone, LEAST_TIMES, least=True)
        theirs = measured(THEIRS, folder, url, "", "pandas: read_sql and to_csv", arguments.pandas)["seconds"]
        print(f"  store to csv (all_trades_complete): {ours['csv']:.1f} s, {theirs / ours['csv']:.1f} times as fast")


def main() -> None:
    """Run the bench on both databases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="simulated trades")
    parser.add_argument("--pandas", default="", help="folder in which pandas is installed")
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    parser.add_argument("--night", action="store_true", help="export the last night alone, as the job does")
    arguments = parser.parse_args()
    if arguments.only != "postgres":
        with tempfile.TemporaryDirectory(prefix="huracan-bench-") as name:
            print(f"SQLite, {arguments.rows:,} trades")
            bench(f"sqlite:///{name}/store.sqlite", Path(name), arguments)
    if arguments.only != "sqlite":
        from huracan.testing.postgres import running

        with running() as server, tempfile.TemporaryDirectory(prefix="huracan-bench-") as name:
            print(f"PostgreSQL, fsync off, {arguments.rows:,} trades")
            bench(server.url(server.create()), Path(name), arguments)


if __name__ == "__main__":
    main()
