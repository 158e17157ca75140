"""Model folders: which one an attempt writes to, and whether one that is there can be trusted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.errors import DataError
from huracan.paths import CHECKSUM_FILE, Paths, read_json, verify_checksums

JOB = "train"
"""The job whose items in the ledger are coins with model folders."""

NEEDED = frozenset({"costs.json", "metadata.json", "metrics.json", "model.bin"})
"""What the checksums of a model folder must cover before anybody may believe it."""

__all__ = ["JOB", "folder_for", "trusted_metadata"]


def folder_for(paths: Paths, symbol: str, stamp: datetime, begun_by: str | None) -> tuple[Path, dict[str, Any] | None]:
    """Return the folder for a model, and its metadata where it is complete already.

    The folder is named by the run's instant. An incomplete one is what a killed attempt left, and is used again. A
    complete one of the run ``begun_by``, which had begun this coin and was killed before it could tell the ledger, is
    taken as it is; any other complete one (this run is forced) is left alone for the next free second.
    """
    while True:
        folder = paths.model_folder(symbol, stamp)
        if not (folder / CHECKSUM_FILE).exists():
            return folder, None
        metadata = trusted_metadata(folder) if begun_by else None
        if metadata is not None and metadata.get("run_id") == begun_by:
            return folder, metadata
        stamp += timedelta(seconds=1)


def trusted_metadata(folder: Path) -> dict[str, Any] | None:
    """Return ``metadata.json`` of a model folder whose checksums all hold and cover all that counts, else None."""
    try:
        verify_checksums(folder)
        listed = {line.partition("  ")[2] for line in (folder / CHECKSUM_FILE).read_text("utf-8").splitlines()}
    except (DataError, OSError):
        return None
    if not listed >= NEEDED:
        return None
    return read_json(folder / "metadata.json")
