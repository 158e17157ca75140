"""Takes in what the trading process leaves in ``trading/inbox``: each file once, whole, whatever is killed when.

A file is claimed by a rename into ``trading/working``, stored, and moved on to ``trading/done`` or, with a text that
says why, to ``trading/refused``. What a killed service left in ``working`` is taken in by the next one; trades that are
stored already change nothing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from huracan.context import Context
from huracan.errors import StoreAwayError, StoreError
from huracan.masking import printable
from huracan.paths import write_bytes
from huracan.store import TradeConflictError
from huracan.types import Severity
from huracan_safety.reading import BadRowsError, read_trades

__all__ = ["folder", "make_folders", "take_in"]

SUFFIXES = (".jsonl", ".csv")
SETTLE_SECONDS = 0.5
"""A file that changed less long ago is left alone: somebody may write it where it lies, in place of renaming it."""
MOST_OF_A_NAME = 180
"""Bytes: a name of 255 has no room for a time in front and an ending behind."""
MOST_BYTES = 64 * 1024 * 1024


def folder(context: Context, name: str) -> Path:
    """Return ``trading/NAME`` of the workspace."""
    return context.paths.workspace / "trading" / name


def make_folders(context: Context) -> None:
    """Make the folders that files move through."""
    for name in ("inbox", "working", "done", "refused"):
        folder(context, name).mkdir(parents=True, exist_ok=True)


def take_in(context: Context) -> int:
    """Take in every file that is ready, and return how many trades were new. One bad file costs no other.

    Raises StoreAwayError where the database is away: the files stay claimed and are taken in later.
    """
    make_folders(context)
    for path in sorted(folder(context, "inbox").iterdir()):
        if _is_ready(path):
            _guarded(context, path, _claim)
    waiting = sorted(path for path in folder(context, "working").iterdir() if not path.name.startswith("."))
    return sum(_guarded(context, path, _take) for path in waiting)


def _guarded(context: Context, path: Path, step: Callable[[Context, Path], int]) -> int:
    try:
        return step(context, path)
    except StoreAwayError:
        raise
    except Exception as error:  # noqa: BLE001 - a file of any kind must not keep the breakers from being judged
        context.log.warning("%s: left where it lies: %s", printable(str(path)), printable(str(error)))
        return 0


def _claim(context: Context, path: Path) -> int:
    """Move a file on, under a name that leaves room for more and that every text can hold."""
    name = path.name
    if len(os.fsencode(name)) > MOST_OF_A_NAME or not name.isprintable():
        name = f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}{path.suffix}"
        context.log.warning("%s is taken in as %s", printable(path.name), name)
    # The time goes first, so that two files of one name do not meet on their way.
    path.rename(folder(context, "working") / f"{context.clock.now():%Y%m%dT%H%M%S_%fZ}-{name}")
    return 0


def _is_ready(path: Path) -> bool:
    if path.name.startswith(".") or not path.name.endswith(SUFFIXES):
        return False
    try:
        return path.is_file() and time.time() - path.stat().st_mtime >= SETTLE_SECONDS
    except OSError:
        return False


def _take(context: Context, path: Path) -> int:
    original = path.name.partition("-")[2]
    try:
        if path.is_symlink() or path.stat().st_size > MOST_BYTES:
            raise BadRowsError([f"{original}: is a link, or larger than {MOST_BYTES // 1024**2} MB"])
        trades = read_trades(path.read_bytes(), original, context.clock.now())
        new = context.store.trades.record(trades, context.clock.now())
    except StoreError:
        raise
    except Exception as error:
        if not isinstance(error, (BadRowsError, TradeConflictError, OSError)):
            context.log.exception("%s cannot be taken in", original)
        _refuse(context, path, original, error)
        return 0
    path.rename(folder(context, "done") / path.name)
    context.log.info("%d new trades of %d in %s", new, len(trades), original)
    return new


def _refuse(context: Context, path: Path, original: str, error: Exception) -> None:
    """Move a file aside. The text goes first: a file in ``refused`` always has one."""
    refused = folder(context, "refused")
    text = printable(str(error)) or type(error).__name__
    write_bytes(refused / f"{path.name}.txt", f"{text}\n".encode())
    path.rename(refused / path.name)
    first = text.splitlines()[0]
    title = f"trades of {original} are not in the store: {first}"
    context.emit("trades.refused", Severity.ERROR, title, file=f"trading/refused/{path.name}")
