"""The section ``backup``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from huracan.config import Section, SettingsPath

__all__ = ["INSTALLATION", "BackupSettings"]

INSTALLATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TAKEN = ("here", "disk", "remote")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class BackupSettings(Section):
    """What is backed up, where to, how it is encrypted and how long it is kept."""

    written_paths: ClassVar[tuple[str, ...]] = ("folder", "disk", "folders_of_remotes")

    folder: SettingsPath | None = Field(
        None, description="Where backups are made and the newest stay; empty: backups in the workspace."
    )
    disk: SettingsPath | None = Field(
        None, description="A folder that gets a copy of every backup, best on another disk; it must exist."
    )
    remote: bool = Field(True, description="Copy every backup to the remote store of the section remote, where set.")
    remotes: dict[str, dict[str, SecretStr]] = Field(
        default_factory=dict,
        description="More remote stores for backups, by a name of your own: what the section remote takes, each.",
    )
    identity: SecretStr = Field(
        SecretStr(""),
        description="Secret age key (AGE-SECRET-KEY-1...) that encrypts backups; further keys behind it only read old "
        "ones. `huracan backup key` makes one. Empty: backups are not encrypted, and hold no secrets.",
    )
    recipients: tuple[str, ...] = Field(
        (), description="Public age keys (age1...) that can read backups as well as identity."
    )
    installation: str = Field(
        "",
        description="Whose backups these are: where several share a place, each deletes its own alone. Empty: a name "
        "with the host's and a random part, made once; a machine that takes the place of another one takes its name.",
    )
    models: Literal["champions", "all"] = Field(
        "champions", description="Which model folders: those that champions and their history name, or all."
    )
    candles: bool = Field(False, description="Whether candles are backed up: they can be downloaded again.")
    logs: bool = Field(True, description="Whether logs are backed up.")
    keep_here: int = Field(3, ge=1, description="How many backups stay in folder where there are copies elsewhere.")
    keep_daily: int = Field(7, ge=1, description="Days of which the newest backup is kept.")
    keep_weekly: int = Field(5, ge=0, description="Weeks of which the newest backup is kept.")
    keep_monthly: int = Field(12, ge=0, description="Months of which the newest backup is kept.")
    sample_megabytes: float = Field(
        50.0, gt=0, description="About how much of a copy is fetched back and opened each night to test it, MB."
    )
    warn_hours: float = Field(36.0, gt=0, description="Age of the last good backup at which the health check warns.")

    @property
    def folders_of_remotes(self) -> tuple[Path, ...]:
        """Return the folders of this machine that remotes name: a unit of systemd may write them only if it is told."""
        found = (
            Path(group["path"].get_secret_value())
            for group in self.remotes.values()
            if "path" in group and "name" in group and group["name"].get_secret_value() == "local"
        )
        return tuple(path for path in found if path.is_absolute())

    @field_validator("remotes", mode="before")
    @classmethod
    def _as_text(cls, remotes: Any) -> Any:
        """Take numbers and switches as text too: nobody knows here which of the values are secrets."""
        if not isinstance(remotes, Mapping):
            return remotes
        return {
            name: {key: str(part) if isinstance(part, (bool, int, float)) else part for key, part in group.items()}
            if isinstance(group, Mapping)
            else group
            for name, group in remotes.items()
        }

    @field_validator("remotes")
    @classmethod
    def _names(cls, remotes: dict[str, dict[str, SecretStr]]) -> dict[str, dict[str, SecretStr]]:
        """Refuse names that mean another place: its copies would be looked for, and found, where they are not."""
        for name in remotes:
            if name in _TAKEN or _NAME.fullmatch(name) is None:
                raise ValueError(
                    f"backup.remotes takes names of letters, digits, - and _, other than {', '.join(_TAKEN)}"
                )
        return remotes

    @field_validator("installation")
    @classmethod
    def _one_name(cls, installation: str) -> str:
        if installation and INSTALLATION.fullmatch(installation) is None:
            raise ValueError("takes up to 64 letters, digits, dots, - and _")
        return installation

    @field_validator("recipients")
    @classmethod
    def _public_keys(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        if any(not each.startswith("age1") for each in recipients):
            raise ValueError("write public age keys, which begin with age1")
        return recipients
