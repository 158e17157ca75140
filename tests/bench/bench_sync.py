"""What a sweep over an unchanged tree costs, and what a first copy does: files a second, requests, seconds.

    python tests/bench/bench_sync.py [--files 10000]

The floor of a sweep is a bare walk of the same tree that asks for the size and time of every file.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from huracan.remote.base import nobody
from huracan.remote.local import LocalFolderStore
from huracan.testing import make_context
from huracan_remote.engine import sweep
from huracan_remote.layout import Kind


def walk(root: Path) -> int:
    """Ask for the size and time of every file, and nothing else."""
    count = 0
    for folder, _, names in os.walk(root):
        for name in names:
            os.lstat(os.path.join(folder, name))  # noqa: PTH118 - what is measured
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        root, work = Path(folder) / "remote", Path(folder) / "work"
        root.mkdir()
        for number in range(files):
            path = work / "models" / f"C{number % 97}-USDT" / "20240310_020000Z" / f"{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%d" % number * 100)
        store = LocalFolderStore(root)
        context = make_context(work, {"remote": {"name": "local", "path": str(root)}}, plugins=["remote"])
        began = time.perf_counter()
        first = sweep(context, store, tuple(Kind), nobody, settle=0.0)
        print(f"first copy of {first.files:,} files to a folder: {time.perf_counter() - began:.1f} s")
        sweeps, walks = [], []
        for _ in range(7):
            began = time.perf_counter()
            assert sweep(context, store, tuple(Kind), nobody, settle=0.0).files == 0
            sweeps.append(time.perf_counter() - began)
            began = time.perf_counter()
            walk(work / "models")
            walks.append(time.perf_counter() - began)
        middle, bare = sorted(sweeps)[3], sorted(walks)[3]
        print(
            f"sweep of {files:,} unchanged files: {min(sweeps):.3f} s at best, {middle:.3f} s in the middle, no request"
        )
        print(f"that is {middle / bare:.1f} x a bare walk ({bare:.3f} s)")
        context.store.close()


if __name__ == "__main__":
    main()
