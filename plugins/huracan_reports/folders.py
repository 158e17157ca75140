"""Where reports lie: below ``reports/``, which is copied to the remote store with the day that the path names."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from huracan.paths import Paths

__all__ = ["nightly_folder"]


def nightly_folder(paths: Paths, run_date: date) -> Path:
    """Return the folder of a night's report."""
    return paths.workspace / "reports" / "nightly" / f"{run_date:%Y%m%d}"
