"""The switches of trading, which lie in ``state/`` where nothing else is worth keeping."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from huracan.context import Context
from huracan.trading_files import KILL_FILE, SCHEDULE_FILE, TRADING_FILE

__all__ = ["SWITCHES", "collect"]

SWITCHES = (KILL_FILE, SCHEDULE_FILE, TRADING_FILE)


def collect(context: Context, folder: Path) -> None:
    """Copy the kill switch, the pause of the schedule and what traders read last."""
    for name in SWITCHES:
        with suppress(FileNotFoundError):
            shutil.copyfile(context.paths.state / name, folder / name)
