"""Files made for others: reports, copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from huracan.context import Context
    from huracan.remote.base import RemoteStore

__all__ = [
    "BackupSource",
    "RemoteType",
    "ReportSection",
]


@dataclass(frozen=True, slots=True)
class RemoteType:
    """A place for copies that settings can choose by ``name``, as :class:`ExchangeType`.

    A class attribute ``written_paths`` of ``settings`` names the fields that hold folders of this machine which are
    written: units of systemd may write nothing else but the workspace.
    """

    name: str
    settings: type[BaseModel]
    open: Callable[[Context, Any], RemoteStore]


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of the daily report.

    ``write`` gets the context and the report's date and returns JSON values, None where there is nothing to say. Of
    these people read ``headline`` (a few words for the first line of all), ``summary`` (a sentence) and ``lines``.
    """

    name: str
    write: Callable[[Context, date], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class BackupSource:
    """Something that a backup holds besides the workspace's own folders.

    ``collect`` gets the context and an empty folder and fills it with files that belong together as of one instant;
    ``restore`` gets the context of the restored installation and that folder back. Without ``restore`` the files are
    only laid where the backup is restored to, under ``sources/NAME``.
    """

    name: str
    collect: Callable[[Context, Path], None]
    restore: Callable[[Context, Path], None] | None = None
