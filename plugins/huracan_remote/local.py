"""The remote store ``local``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from huracan.config import Section, SettingsPath
from huracan.context import Context
from huracan.remote.local import LocalFolderStore

__all__ = ["LocalSettings", "open_local"]


class LocalSettings(Section):
    """A folder, best on another disk."""

    written_paths: ClassVar[tuple[str, ...]] = ("path",)

    name: Literal["local"] = Field("local", description="A folder of this machine or of a mount.")
    path: SettingsPath = Field(Path("/srv/huracan-copies"), description="The folder; it must exist.")


def open_local(_: Context, settings: LocalSettings) -> LocalFolderStore:
    """Return the store of the settings' folder."""
    return LocalFolderStore(settings.path)
