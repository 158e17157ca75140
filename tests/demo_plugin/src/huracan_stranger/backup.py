"""The backup source `stranger`: the folder of this plugin, which backups would not hold else."""

from __future__ import annotations

import shutil
from pathlib import Path

from huracan.context import Context

from huracan_stranger.place import own_folder

__all__ = ["collect", "restore"]


def collect(context: Context, folder: Path) -> None:
    """Copy the plugin's files into ``folder``; what somebody is writing just now is left out."""
    source = own_folder(context)
    if source.is_dir():
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".*.tmp"), dirs_exist_ok=True)


def restore(context: Context, folder: Path) -> None:
    """Put the files of a backup back where they were."""
    shutil.copytree(folder, own_folder(context), dirs_exist_ok=True)
