"""FreqAI as a peer: its own virtual environment, made once, and timing its backtest of the 12-coin task."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from night import AS_OF, COINS, candle_folder

RELEASE = "freqtrade[freqai]==2026.9"


def interpreter(folder: Path) -> Path:
    """Return the interpreter of the environment in a folder; make the environment where it is missing."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "freqtrade").exists():
        print(f"installing {RELEASE} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", RELEASE], check=True)
    return python


def freqai_seconds(python: Path, *, threads: int = 0) -> float:
    """Return the wall seconds of the whole ``freqtrade backtesting`` with FreqAI; 0 threads are its default."""
    candles = candle_folder()
    if candles is None:
        raise SystemExit("FreqAI is timed on real candles: set HURACAN_DATA to the folder that holds crypto_1h")
    script = str(Path(__file__).with_name("freqai.py"))
    with tempfile.TemporaryDirectory(prefix="huracan-freqai-") as folder:
        command = [str(python), script, str(candles), folder, AS_OF, str(threads), *COINS]
        begun = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - begun
        models = len(list(Path(folder).glob("models/task/sub-train-*/*_metadata.json")))
    if ended.returncode != 0 or models != 6 * len(COINS):
        raise SystemExit(f"FreqAI ended with {ended.returncode} and {models} models:\n{ended.stderr[-2000:]}")
    return wall
