"""What can be set in ``remote: {name: dropbox}``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from huracan.config import Section, SettingsPath

__all__ = ["DropboxSettings"]

_NO_SECRET = SecretStr("")


class DropboxSettings(Section):
    """A folder of a Dropbox; ``huracan dropbox login`` gets app_key and refresh_token."""

    name: Literal["dropbox"] = Field("dropbox", description="A folder of a Dropbox.")
    app_key: str = Field("", description="The key of your app at dropbox.com/developers/apps.")
    app_secret: SecretStr = Field(_NO_SECRET, description="Its secret; not needed after `huracan dropbox login`.")
    refresh_token: SecretStr = Field(_NO_SECRET, description="What `huracan dropbox login` gives you.")
    account: str = Field("", description="The account's id; copies in one account are not taken for those in another.")
    folder: str = Field("/huracan", description="The folder of copies, from the root that the app may see.")
    chunk_megabytes: int = Field(
        8, ge=1, le=128, description="Larger files go by an upload session in chunks of this size, MB; it is resumed."
    )
    timeout_seconds: float = Field(60.0, gt=0, le=600, description="Longest silence of one request, seconds.")
    patience_seconds: float = Field(
        120.0, ge=0, le=3600, description="How long a request is tried again while Dropbox is away or busy, seconds."
    )
    ca_file: SettingsPath | None = Field(None, description="Certificates to trust in place of the usual ones, PEM.")

    @field_validator("folder")
    @classmethod
    def _from_the_root(cls, value: str) -> str:
        parts = [part for part in value.split("/") if part]
        if any(part in (".", "..") for part in parts):
            raise ValueError("is a path from the root, as /huracan")
        return "".join(f"/{part}" for part in parts)
