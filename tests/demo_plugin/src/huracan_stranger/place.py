"""Where this plugin keeps files of its own: a folder of the workspace, which its jobs and services may write."""

from __future__ import annotations

from pathlib import Path

from huracan.context import Context

__all__ = ["own_folder"]


def own_folder(context: Context) -> Path:
    """Return the folder, which is there once something was written."""
    return context.paths.workspace / "stranger"
