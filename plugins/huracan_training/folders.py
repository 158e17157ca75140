"""Model folders: which one an attempt writes to, and whether one that is there can be trusted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.errors import DataError
from huracan.paths import CHECKSUM_FILE, Paths, verify_checksums

__all__ = ["folder_for", "read_json", "trusted_metadata"]


def folder_for(paths: Paths, symbol: str, stamp: datetime, run_id: str) -> tuple[Path, dict[str, Any] | None]:
    """Return the folder for a model of this run, and its metadata where the run had completed it before it was killed.

    The folder is named by the run's instant. A complete one of another run (this one is forced) is left alone and the
    next free second is taken; an incomplete or damaged one is what a killed attempt left, and is used again.
    """
    while True:
        folder = paths.model_folder(symbol, stamp)
        if not (folder / CHECKSUM_FILE).exists():
            return folder, None
        metadata = trusted_metadata(folder)
        if metadata is not None and metadata.get("run_id") == run_id:
            return folder, metadata
        stamp += timedelta(seconds=1)


def trusted_metadata(folder: Path) -> dict[str, Any] | None:
    """Return ``metadata.json`` of a model folder whose checksums all hold, else None."""
    try:
        verify_checksums(folder)
    except (DataError, OSError):
        return None
    return read_json(folder / "metadata.json")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, None where there is none."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
