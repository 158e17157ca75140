"""Where this plugin writes, besides what it deletes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from huracan.paths import Paths

__all__ = ["daily_report", "update_file", "vulnerability_report"]


def daily_report(paths: Paths, day: date) -> Path:
    """Return the JSON file of a day's report; the one for people beside it ends in ``.md``."""
    return paths.workspace / "reports" / "daily" / f"{day:%Y-%m-%d}.json"


def vulnerability_report(paths: Paths) -> Path:
    return paths.workspace / "reports" / "vulnerabilities.json"


def update_file(paths: Paths) -> Path:
    return paths.workspace / "reports" / "update.json"
