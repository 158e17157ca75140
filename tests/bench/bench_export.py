"""Measures the export of many trades: time and peak memory in every format, and beside pandas in the same run.

``python tests/bench/bench_export.py [TRADES] [--database URL] [--pandas FOLDER]``: one million trades by default, in a
SQLite file of its own. pandas is no dependency: ``pip install --target FOLDER pandas`` lends it to this bench. Each
line is a process of its own; memory is the highest that it ever had (ru_maxrss).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

COMMON = """
import json, resource, sys, time
from pathlib import Path
folder, url, what = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def say(begun, rows):
    seconds = time.perf_counter() - begun
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rows]))
"""

FILL = """
from library_rows import fill_library
from huracan.store import Store
begun = time.perf_counter()
with Store.open(url, folder) as store:
    fill_library(store, int(what), coins=20, trades_per_model=2000, analysis=False)
say(begun, int(what))
"""

OURS = """
from datetime import date
from types import SimpleNamespace
from huracan.store import Store
from huracan.table_files import write_table
from huracan.types import ExportScope
from huracan_export.trades import TRADES
name, form = what.split(":")
export = next(each for each in TRADES if each.name == name)
scope = ExportScope(date(2023, 1, 1), date(2023, 12, 31))
begun = time.perf_counter()
with Store.open(url, folder) as store:
    context = SimpleNamespace(store=store)
    path = folder / f"{name}.{form}"
    say(begun, write_table(path, form, export.columns, export.batches(context, scope)))
"""

THEIRS = """
import sqlite3
import pandas
begun = time.perf_counter()
with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
    frame = pandas.read_sql("SELECT * FROM trade_memory ORDER BY model_id, number", connection)
for name in ("entered_ms", "exited_ms"):
    frame[name] = pandas.to_datetime(frame[name], unit="ms", utc=True)
frame.to_csv(folder / "pandas.csv", index=False)
say(begun, len(frame))
"""

OURS_ALONE = """
import polars
from huracan.table_files import write_table
from huracan_export.trades import COMPLETE
frame = polars.read_parquet(folder / "all_trades_complete.parquet")
begun = time.perf_counter()
say(begun, write_table(folder / "alone.csv", "csv", COMPLETE, [frame]))
"""

THEIRS_ALONE = """
import polars, pandas
columns = polars.read_parquet(folder / "all_trades_complete.parquet")
frame = pandas.DataFrame({name: columns[name].to_list() for name in columns.columns})
begun = time.perf_counter()
frame.to_csv(folder / "alone_pandas.csv", index=False)
say(begun, len(frame))
"""


def measured(text: str, folder: Path, url: str, what: str, label: str, pandas: str = "") -> float:
    """Run a process, print what it took, and return its seconds."""
    found = os.pathsep.join(filter(None, [str(TESTS), pandas, os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-c", COMMON + text, str(folder), url, what]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": found}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{label} failed:\n{done.stderr}")
    seconds, peak, rows = json.loads(done.stdout)
    print(f"{label:<58}{seconds:8.1f} s{peak:8.0f} MiB{rows:12,} rows", flush=True)
    return float(seconds)


def main() -> None:
    """Fill a library, export it in every format, and print the ratios to pandas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trades", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--database", help="a filled or an empty one, as in settings (default: SQLite)")
    parser.add_argument("--pandas", default="", help="folder in which pandas is installed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="huracan-bench-") as name:
        folder = Path(name)
        url = arguments.database or f"sqlite:///{folder / 'store.sqlite'}"
        measured(FILL, folder, url, str(arguments.trades), "fill the library")
        ours = 0.0
        for form in ("parquet", "jsonl", "json", "csv"):
            ours = measured(OURS, folder, url, f"all_trades_complete:{form}", f"store to {form}, all columns")
        measured(OURS, folder, url, "trade_history:csv", "store to csv, without features")
        alone = measured(OURS_ALONE, folder, url, "", "frame in memory to csv")
        if not arguments.pandas:
            return
        theirs_alone = measured(THEIRS_ALONE, folder, url, "", "pandas: frame in memory to_csv", arguments.pandas)
        print(f"frame to csv: {theirs_alone / alone:.1f} times faster than pandas")
        if url.startswith("sqlite"):
            theirs = measured(THEIRS, folder, url, "", "pandas: read_sql and to_csv", arguments.pandas)
            print(f"store to csv: {theirs / ours:.1f} times faster than pandas")


if __name__ == "__main__":
    main()
