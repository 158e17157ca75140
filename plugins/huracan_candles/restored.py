"""Brings an empty cache back from the remote store before the exchange is asked for years of candles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from huracan.context import Context
from huracan.errors import HuracanError
from huracan.market.files import digest_file
from huracan.remote.base import RemoteStore
from huracan.remote.opening import open_remote

__all__ = ["restore_cache"]

OUTAGES = "outages.json"


def restore_cache(context: Context, symbols: Sequence[str]) -> int:
    """Fetch the candle files that are missing here and are in the remote store; return how many.

    Nothing depends on it: where the remote store is away, the exchange is asked. A file that was damaged on the way is
    found by its digest when it is read.
    """
    wanted = [path for symbol in symbols if not (path := context.paths.candle_file(symbol)).exists()]
    if not wanted:
        return 0
    try:
        with open_remote(context) as remote:
            return 0 if remote is None else _fetch(context, remote, wanted)
    except HuracanError as error:
        context.log.warning("candles cannot be restored from the remote store: %s; the exchange is asked", error)
        return 0


def _fetch(context: Context, remote: RemoteStore, wanted: Sequence[Path]) -> int:
    stored = {file.path for file in remote.list(f"{context.paths.relative(context.paths.candles)}/")}
    context.progress.step(f"candles: the remote store has {len(stored)} files")
    outages = context.paths.candles / OUTAGES
    if not outages.exists() and context.paths.relative(outages) in stored:
        remote.get(context.paths.relative(outages), outages)
    restored = 0
    for path in wanted:
        # The digest first: a kill in between leaves a digest without a file, which is no file at all.
        pair = [context.paths.relative(digest_file(path)), context.paths.relative(path)]
        if not stored.issuperset(pair):
            continue
        remote.get(pair[0], digest_file(path))
        remote.get(pair[1], path)
        restored += 1
        context.progress.step(f"candles restored {restored}/{len(wanted)} {path.stem}", item=path.stem)
    return restored
